"""`avnz-int share`: offering a platform integration to clients, with its prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int import clock
from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing as listed
from avnz_int.cli.listing import require_listing
from avnz_int.cli.state import Format, Output, State, Yes, not_empty, state_of
from avnz_int.errors import UsageError
from avnz_int.model.encode import encode

if TYPE_CHECKING:
    from avnz_int.model.pricing import Pricing

_COLUMNS = ("provider", "name", "environment", "status", "isSharedWithClients", "prices", "clients")
_TIMES = {"in_force": "since", "upcoming": "from"}


@listed()
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
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="CODE", help="ISO 4217 (USD).", callback=not_empty)
    ] = None,
    client: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="CLIENT",
            callback=not_empty,
            help="The price is for this client only.",
            autocompletion=complete.clients,
        ),
    ] = None,
    effective: Annotated[
        str | None,
        typer.Option(
            "--effective", metavar="TIME", help="In force from then on: RFC 3339, or a day (UTC); now."
        ),
    ] = None,
    default_for_new: Annotated[
        bool | None,
        typer.Option(
            "--default-for-new-clients/--no-default-for-new-clients",
            help="Whether a new client uses it from its first day.",
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Offer it to nobody new.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="With --off: end those who use it, too.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Show what is shared and who uses it.")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Compare with an account of the client's own; change nothing.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", help="Simulate: transactions a month.")
    ] = None,
    volume: Annotated[
        int | None, typer.Option("--volume", metavar="V", help="Simulate: their sum in minor units.")
    ] = None,
    own_percentage_fee: Annotated[
        str | None,
        typer.Option("--own-percentage-fee", metavar="PERCENT", help="Simulate: what the own gateway takes."),
    ] = None,
    own_flat_fee: Annotated[
        int | None,
        typer.Option("--own-flat-fee", metavar="N", help="Simulate: and takes for each transaction."),
    ] = None,
    own_monthly_fee: Annotated[
        int | None, typer.Option("--own-monthly-fee", metavar="N", help="Simulate: and takes for each month.")
    ] = None,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Offer a platform integration to clients, at a price.

    Or, with --off, end the offer. A price replaces that of its currency from --effective on; several
    currencies may be offered at once.
    """
    state = state_of(ctx)
    fees = {
        "--percentage-fee": percentage_fee,
        "--flat-fee": flat_fee,
        "--monthly-minimum": monthly_minimum,
    }
    terms = {"--effective": effective, "--default-for-new-clients": default_for_new}
    simulation = {
        "--count": count,
        "--volume": volume,
        "--own-percentage-fee": own_percentage_fee,
        "--own-flat-fee": own_flat_fee,
        "--own-monthly-fee": own_monthly_fee,
    }
    deeds = [
        name for name, wanted in (("--list", listing), ("--off", off), ("--simulate", simulate)) if wanted
    ]
    whose = {"--for": client, "--currency": currency}
    _require_fitting(deeds, ref, fees | terms | whose, simulation, terms, revoke=revoke)
    if not listing:
        require_listing(state, "--list")
    if listing:
        _list(state, form)
    elif ref is None:
        raise UsageError("which integration?", hint="avnz-int platform list shows them")
    elif simulate:
        pricing = _pricing(fees, currency)
        _simulate(state, form, ref, simulation, pricing=pricing, currency=currency, client=client)
    elif off:
        _end(state, ref, revoke=revoke, yes=yes, interactive=state.interactive())
        _emit(state, form, state.services.sharing.unshare(state.actor, ref, revoke=revoke))
    else:
        pricing = _pricing(fees, currency)
        if pricing is None and (default_for_new is None or client or effective or currency):
            raise UsageError(
                "at which price?", hint="give --percentage-fee, --flat-fee, --monthly-minimum; 0 is a price"
            )
        view = state.services.sharing.share(
            state.actor,
            ref,
            pricing,
            client=client,
            effective=_moment(effective),
            default_for_new=default_for_new,
        )
        _emit(state, form, view)


def _require_fitting(
    deeds: Sequence[str],
    ref: str | None,
    price: Mapping[str, Any],
    simulation: Mapping[str, Any],
    terms: Mapping[str, Any],
    *,
    revoke: bool,
) -> None:
    """Refuse options that do not go together."""
    if len(deeds) > 1 and "--list" not in deeds:
        raise UsageError(f"{' and '.join(deeds)} do not go together")
    if revoke and "--off" not in deeds:
        raise UsageError("--revoke goes with --off")
    if _given(simulation) and "--simulate" not in deeds:
        raise UsageError(f"{_given(simulation)[0]} goes with --simulate")
    if "--list" in deeds and (len(deeds) > 1 or ref is not None or _given(price)):
        raise UsageError("--list shows all that is shared; it goes with nothing else")
    if "--off" in deeds and _given(price):
        raise UsageError("--off ends an offer; it takes no price")
    if "--simulate" in deeds and _given(terms):
        raise UsageError("--simulate changes nothing: it takes a price, --for and --currency")


def _emit(state: State, form: Format, view: Any) -> None:
    if form is Format.TABLE:
        output.emit(state, form, encode(view) | {"prices": _prices(view)})
    else:
        output.emit(state, form, view)


def _given(options: Mapping[str, Any]) -> list[str]:
    return [name for name, value in options.items() if value is not None]


def _pricing(fees: Mapping[str, Any], currency: str | None) -> Pricing | None:
    from avnz_int.model.pricing import Pricing

    if not _given(fees):
        return None
    return Pricing.of(
        fees["--percentage-fee"] if fees["--percentage-fee"] is not None else "0",
        fees["--flat-fee"] or 0,
        fees["--monthly-minimum"] or 0,
        currency or "USD",
    )


def _moment(text: str | None) -> datetime | None:
    """A time, or the beginning of a day in UTC."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        return clock.parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--effective {text!r} is neither an RFC 3339 time nor a day",
            hint="write 2026-12-01T00:00:00Z, or 2026-12-01",
        ) from None


def _simulate(
    state: State,
    form: Format,
    ref: str,
    given: Mapping[str, Any],
    *,
    pricing: Pricing | None,
    currency: str | None,
    client: str | None,
) -> None:
    from avnz_int.model.currency import checked
    from avnz_int.model.pricing import percentage_of_text
    from avnz_int.model.simulation import Month, OwnFees

    if given["--count"] is None or given["--volume"] is None:
        raise UsageError("--simulate needs --count and --volume", hint="the transactions of a month")
    percent = given["--own-percentage-fee"]
    own = OwnFees(
        percentage_of_text("0" if percent is None else percent, "--own-percentage-fee"),
        given["--own-flat-fee"] or 0,
        given["--own-monthly-fee"] or 0,
    )
    view = state.services.sharing.simulate(
        state.actor,
        ref,
        Month(given["--count"], given["--volume"]),
        own,
        pricing=pricing,
        currency=currency and checked(currency),
        client=client,
    )
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


def _list(state: State, form: Format) -> None:
    views = state.services.sharing.listing(state.actor)
    if form is Format.TABLE:
        rows = [encode(view) | {"prices": _prices(view)} for view in views]
        output.emit_all(state, form, rows, _COLUMNS)
    else:
        output.emit_all(state, form, views, ())


def _prices(view: Any) -> str:
    """The prices in force and to come, as people read them."""
    from avnz_int.model.pricing import Pricing

    lines = []
    for price in encode(view)["prices"]:
        if price["state"] in _TIMES:
            whose = f"{price['client']}: " if price["client"] else ""
            when = f"{_TIMES[price['state']]} {price['effectiveAt']}"
            lines.append(f"{whose}{Pricing.from_json(price).shown()}, {when}")
    return "; ".join(lines)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(share)
