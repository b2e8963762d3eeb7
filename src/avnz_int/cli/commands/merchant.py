"""`avnz-int merchant`: merchant accounts, their pools, and which of them takes a transaction."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import complete, output, pooling
from avnz_int.cli.listing import listing
from avnz_int.cli.state import ClientOption, Format, Output, State, not_empty, state_of
from avnz_int.errors import UsageError
from avnz_int.model.enums import Environment

app = typer.Typer(help="Merchant accounts of payment gateways.", no_args_is_help=True)
app.add_typer(pooling.app, name="pool")
_COLUMNS = ("client", "name", "provider", "environment", "status", "id")
_ROUTE = ("position", "name", "provider", "status", "priority", "weight", "reason", "merchantAccountId")


@app.command("list")
@listing()
def list_(ctx: typer.Context, client: ClientOption = None, form: Output = Format.TABLE) -> None:
    """List accounts, in every state."""
    state = state_of(ctx)
    views = state.services.merchants.listing(state.actor, client=state.client(client))
    output.emit_all(state, form, views, _COLUMNS)


@app.command()
def show(
    ctx: typer.Context,
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="Its id, or the REF of its integration.",
            autocompletion=complete.merchants,
        ),
    ],
    form: Output = Format.TABLE,
) -> None:
    """Show one account."""
    state = state_of(ctx)
    output.emit(state, form, state.services.merchants.show(state.actor, ref))


@app.command()
def route(
    ctx: typer.Context,
    client: ClientOption = None,
    amount: Annotated[
        int | None, typer.Option("--amount", metavar="N", min=1, help="Of the transaction, in minor units.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="CODE", callback=not_empty, help="ISO 4217.")
    ] = None,
    environment: Annotated[
        Environment, typer.Option("--environment", help="Where (production).")
    ] = Environment.PRODUCTION,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="TRANSACTION",
            callback=not_empty,
            help="Its id: the same one always gives the same order.",
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option("--pool", metavar="NAME", callback=not_empty, help="The pool, where there are several."),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Say that it is a rehearsal; takes --fail.")
    ] = False,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            "--fail",
            metavar="REF",
            help="An account, integration or provider that is to fail.",
            autocompletion=complete.failing,
        ),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Show which account takes a transaction, which follow, and why no other."""
    if fail and not simulate:
        raise UsageError("--fail goes with --simulate")
    from avnz_int.model.routing import Transaction

    state = state_of(ctx)
    view = state.services.routing.route(
        state.actor,
        Transaction(amount=amount, currency=currency, key=key),
        client=state.client(client),
        environment=environment,
        pool=pool,
        fail=tuple(fail or ()) if simulate else None,
    )
    output.emit(state, form, view, lambda one: _table(state, one))


def _table(state: State, view: Any) -> None:
    output.emit_all(state, Format.TABLE, view.candidates, _ROUTE)


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="merchant")
