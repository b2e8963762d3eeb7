"""`avnz-int whoami`."""

from __future__ import annotations

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, Output, state_of


def whoami(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Show what a command would use, and as whom.

    The database, its schema, the keyring, the organization, the actor and the role.
    """
    state = state_of(ctx)
    output.emit(state, form, state.services.whoami())


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(whoami)
