"""`avnz-int merchant`: merchant accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import ClientOption, Format, Output, state_of

app = typer.Typer(help="Merchant accounts of payment gateways.", no_args_is_help=True)
_COLUMNS = ("client", "name", "provider", "environment", "status", "id")


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


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="merchant")
