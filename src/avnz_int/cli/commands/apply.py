"""`avnz-int apply`: make the database what a manifest says."""

from __future__ import annotations

from typing import Annotated

import typer

from avnz_int.cli import manifests, output
from avnz_int.cli.manifests import FileOption, PruneOption
from avnz_int.cli.state import Format, Output, TestOption, Timeout, Yes, state_of


def apply(
    ctx: typer.Context,
    file: FileOption,
    prune: PruneOption = False,
    yes: Yes = False,
    test: TestOption = None,
    timeout: Timeout = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=1000, help="Tests at once.")] = 8,
    form: Output = Format.TABLE,
) -> None:
    """Make the database what a manifest says, all of it or nothing.

    Shows the plan, asks, and tests what is new to a provider before anything is saved.
    """
    state = state_of(ctx)
    service = state.services.manifests
    plan = service.plan(state.actor, manifests.source(file), prune=prune)
    view = plan.view
    if form is Format.TABLE:
        manifests.draw(state, view)
    elif state.interactive() and not yes:
        manifests.draw(state, view, to_stderr=True)
    plan.require_possible()
    if view.changes:
        from avnz_int.cli import prompts

        prompts.confirm_or_refuse(
            question=f"Apply {len(view.changes)} changes?", interactive=state.interactive(), yes=yes
        )
        service.apply(state.actor, plan, test=test is not False, timeout_s=timeout, concurrency=concurrency)
    if form is not Format.TABLE:
        output.emit(state, form, view)
    elif view.changes:
        typer.echo("applied")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(apply)
