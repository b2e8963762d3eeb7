"""`avnz-int share`: offering a platform integration to clients, with its price."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.state import Format, Output, State, Yes, state_of
from avnz_int.errors import UsageError

_COLUMNS = ("provider", "name", "environment", "status", "isSharedWithClients", "price", "clients")


def share(
    ctx: typer.Context,
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="[REF]", help="The platform integration.", autocompletion=complete.platform_refs
        ),
    ] = None,
    percentage_fee: Annotated[
        str | None, typer.Option("--percentage-fee", metavar="PERCENT", help="Per cent of the amount.")
    ] = None,
    flat_fee: Annotated[
        int | None, typer.Option("--flat-fee", metavar="N", help="Minor units for each transaction.")
    ] = None,
    monthly_minimum: Annotated[
        int | None, typer.Option("--monthly-minimum", metavar="N", help="Minor units for each month.")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="ISO 4217.")] = "USD",
    off: Annotated[bool, typer.Option("--off", help="Offer it to nobody new.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="With --off: end those who use it, too.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Show what is shared and who uses it.")] = False,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Offer a platform integration to clients at a price, or end the offer."""
    state = state_of(ctx)
    priced = any(price is not None for price in (percentage_fee, flat_fee, monthly_minimum))
    if listing:
        if ref is not None or off or priced:
            raise UsageError("--list shows all that is shared; it goes with nothing else")
        views = state.services.sharing.listing(state.actor)
        if form is Format.TABLE:
            output.emit_all(state, form, [_row(view) for view in views], _COLUMNS)
        else:
            output.emit_all(state, form, views, ())
        return
    if ref is None:
        raise UsageError("which integration?", hint="avnz-int platform list shows them")
    if revoke and not off:
        raise UsageError("--revoke goes with --off")
    if off:
        if priced:
            raise UsageError("--off ends an offer; it takes no price")
        _end(state, ref, revoke=revoke, yes=yes, interactive=state.interactive())
        view = state.services.sharing.unshare(state.actor, ref, revoke=revoke)
    else:
        if not priced:
            raise UsageError(
                "at which price?", hint="give --percentage-fee, --flat-fee, --monthly-minimum; 0 is a price"
            )
        from avnz_int.model.pricing import Pricing

        pricing = Pricing.of(percentage_fee or "0", flat_fee or 0, monthly_minimum or 0, currency)
        view = state.services.sharing.share(state.actor, ref, pricing)
    output.emit(state, form, view)


def _end(state: State, ref: str, *, revoke: bool, yes: bool, interactive: bool) -> None:
    from avnz_int.cli import prompts

    view = state.services.sharing.show(state.actor, ref)
    users = ", ".join(view.clients) or "nobody"
    if revoke:
        state.notify(f"platform/{view.provider} is used by {users}")
        question = f"End the sharing of platform/{view.provider} and disable it for {users}?"
    else:
        question = f"Offer platform/{view.provider} to nobody new? ({users} goes on with it)"
    prompts.confirm_or_refuse(question=question, interactive=interactive, yes=yes)


def _row(view: Any) -> dict[str, Any]:
    from avnz_int.model.pricing import Pricing

    price = Pricing.from_json(view.client_pricing).shown() if view.client_pricing else None
    return {
        "provider": view.provider,
        "name": view.name,
        "environment": view.environment,
        "status": view.status,
        "isSharedWithClients": view.is_shared_with_clients,
        "price": price,
        "clients": view.clients,
    }


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(share)
