"""`avnz-int test`: connection tests of what is stored."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.state import ClientOption, Format, Output, Timeout, state_of
from avnz_int.errors import AvnzError, IntegrityError
from avnz_int.model.enums import Outcome
from avnz_int.model.views import CheckView

_COLUMNS = ("id", "provider", "environment", "outcome", "code", "latency", "message")


def check(
    ctx: typer.Context,
    refs: Annotated[
        list[str],
        typer.Argument(
            metavar="REF...",
            help="platform/PROVIDER, CLIENT/NAME, or an id.",
            autocompletion=complete.refs,
        ),
    ],
    client: ClientOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Ask the providers whether stored credentials work.

    Exit 6 where one was rejected, 7 where one could not be reached, 8 where one does not open.
    """
    state = state_of(ctx)
    views: list[CheckView] = []
    unreadable: list[AvnzError] = []
    for ref in refs:
        try:
            views.append(
                state.services.checks.test(state.actor, ref, client=state.client(client), timeout_s=timeout)
            )
        except IntegrityError as exc:
            if len(refs) == 1:
                raise
            unreadable.append(exc)
            state.notify(f"{ref}: {exc.message}")
    if len(refs) == 1:
        output.emit(state, form, views[0], _sentence)
    else:
        output.emit_all(state, form, views, _COLUMNS)
    code = _exit_code([view.outcome for view in views])
    if unreadable:
        code = IntegrityError.exit_code
    if code:
        raise typer.Exit(code)


def _exit_code(outcomes: list[Outcome]) -> int:
    if any(o in {Outcome.REJECTED, Outcome.INVALID_CONFIG, Outcome.UNSUPPORTED} for o in outcomes):
        return 6
    return 7 if Outcome.UNREACHABLE in outcomes else 0


def _sentence(view: Any) -> None:
    latency = "" if view.latency is None else f" ({view.latency} ms)"
    typer.echo(f"{view.outcome}: {view.provider} ({view.environment}): {view.message}{latency}")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("test")(check)
