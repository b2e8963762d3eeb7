"""`avnz-int test`: connection tests of what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.state import ClientOption, Format, Output, Timeout, state_of
from avnz_int.errors import AvnzError, IntegrityError, InvalidInputError, NotFoundError
from avnz_int.model.enums import Outcome

if TYPE_CHECKING:
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
    failed: dict[str, AvnzError] = {}
    for ref in refs:
        try:
            views.append(
                state.services.checks.test(state.actor, ref, client=state.client(client), timeout_s=timeout)
            )
        except (IntegrityError, NotFoundError, InvalidInputError) as exc:
            if len(refs) == 1:
                raise
            failed[ref] = exc
    if len(refs) == 1:
        output.emit(state, form, views[0], _sentence)
    else:
        output.emit_all(state, form, views, _COLUMNS)
    if failed:
        raise _worst(failed)
    if code := _exit_code([view.outcome for view in views]):
        raise typer.Exit(code)


def _worst(failed: Mapping[str, AvnzError]) -> AvnzError:
    """The gravest of the errors (8 before 3 before 2), with all of them in its words."""
    worst = max(failed.values(), key=lambda exc: exc.exit_code)
    worst.details = {
        "failed": [{"ref": ref, "code": exc.code, "message": exc.message} for ref, exc in failed.items()]
    }
    worst.message = "; ".join(f"{ref}: {exc.message}" for ref, exc in failed.items())
    return worst


def _exit_code(outcomes: list[Outcome]) -> int:
    if any(o in {Outcome.REJECTED, Outcome.INVALID_CONFIG, Outcome.UNSUPPORTED} for o in outcomes):
        return 6
    return 7 if Outcome.UNREACHABLE in outcomes else 0


def _sentence(view: Any) -> None:
    latency = "" if view.latency is None else f" ({view.latency} ms)"
    typer.echo(output.shown(f"{view.outcome}: {view.provider} ({view.environment}): {view.message}{latency}"))


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("test")(check)
