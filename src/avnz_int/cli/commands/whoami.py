"""`avnz-int whoami`."""

from __future__ import annotations

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, Output, state_of


def whoami(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Show the database, keyring, organization, actor and role that a command would use."""
    state = state_of(ctx)
    output.emit(state, form, state.services.whoami())


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(whoami)
