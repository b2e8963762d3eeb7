"""`avnz-int plan`: what a manifest would change."""

from __future__ import annotations

import typer

from avnz_int.cli import manifests, output
from avnz_int.cli.manifests import FileOption, PruneOption
from avnz_int.cli.state import Format, Output, state_of
from avnz_int.errors import DiffersError


def plan(
    ctx: typer.Context, file: FileOption, prune: PruneOption = False, form: Output = Format.TABLE
) -> None:
    """Show what a manifest would change; change nothing.

    Exit 0 where there is nothing to do, 5 where there is. No stored credential is opened, no provider asked.
    """
    state = state_of(ctx)
    view = state.services.manifests.plan(state.actor, manifests.source(file), prune=prune).view
    output.emit(state, form, view, lambda _: manifests.draw(state, view))
    if view.changes:
        raise DiffersError(
            f"the database is not as {file} says: {view.create} to create, {view.update} to update,"
            f" {view.delete} to delete",
            hint="some of it is refused: change the file, or what stands in the way"
            if any(change.refused is not None for change in view.changes)
            else f"avnz-int apply -f {file}{' --prune' if prune else ''}",
            details={"create": view.create, "update": view.update, "delete": view.delete},
        )


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(plan)
