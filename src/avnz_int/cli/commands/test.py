"""`avnz-int test`: connection tests of what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import complete, moments, output, sweeping
from avnz_int.cli.state import ClientOption, Format, Output, ProviderFilter, State, Timeout, state_of
from avnz_int.errors import (
    AvnzError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    ProviderUnreachableError,
    RejectedError,
    UsageError,
)

if TYPE_CHECKING:
    from avnz_int.model.views.integrations import CheckView

_GRAVEST = (8, 6, 7, 3, 2)
_FAILED: Mapping[int, type[AvnzError]] = {6: RejectedError, 7: ProviderUnreachableError, 8: IntegrityError}
"""What results that are no success are as an error, by exit code."""


def check(
    ctx: typer.Context,
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REF]...",
            help="platform/PROVIDER, CLIENT/NAME, or an id.",
            autocompletion=complete.refs,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is stored, each once.")] = False,
    platform: Annotated[
        bool, typer.Option("--platform", help="With --all: only the organization's own.")
    ] = False,
    client: ClientOption = None,
    provider: ProviderFilter = None,
    stale: Annotated[
        str | None,
        typer.Option(
            "--stale", metavar="AGE", help="With --all: only those not tested for 90s, 15m, 24h, 7d."
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=1000, help="With --all: checks at once.")
    ] = 8,
    per_host: Annotated[
        int, typer.Option("--per-host", min=1, max=1000, help="With --all: checks at once of one host.")
    ] = 8,
    timeout: Timeout = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML, too.")
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Ask the providers whether stored credentials work.

    Exit 6 where one was rejected, 7 where one could not be reached, 8 where one does not open.
    """
    state = state_of(ctx)
    if everything == bool(refs):
        raise UsageError("name what to test, or give --all", hint="avnz-int test REF..., avnz-int test --all")
    if refs:
        if platform or provider or stale or junit:
            raise UsageError("--platform, --provider, --stale and --junit go with --all")
        _named(state, refs, client, timeout, form)
        return
    if platform and client:
        raise UsageError("--platform excludes --client")
    from avnz_int.model.filters import TestSelection  # --help and TAB make none

    selection = TestSelection(
        # The variable means "my client": whoever asks for the organization's own means all of them.
        client=None if platform else state.client(client),
        platform_only=platform,
        provider=state.known_provider(provider),
        stale_s=None if stale is None else moments.seconds("--stale", stale),
    )
    sweeping.run(state, selection, form, junit, concurrency=concurrency, per_host=per_host, timeout_s=timeout)


def _named(state: State, refs: list[str], client: str | None, timeout: float | None, form: Format) -> None:
    views: list[CheckView] = []
    failed: dict[str, AvnzError] = {}
    for ref in refs:
        try:
            views.append(
                state.services.checks.test(
                    state.actor, ref, client=state.client(client, ref), timeout_s=timeout
                )
            )
        except (IntegrityError, NotFoundError, InvalidInputError) as exc:
            if len(refs) == 1:
                raise
            failed[ref] = exc
    if len(refs) == 1:
        output.emit(state, form, views[0], _sentence)
    else:
        output.emit_all(state, form, views, sweeping.COLUMNS)
    code = sweeping.exit_code([view.outcome for view in views], named=True)
    if failed:
        raise _worst(failed, code)
    if code:
        raise typer.Exit(code)


def _worst(failed: Mapping[str, AvnzError], code: int) -> AvnzError:
    """The gravest of the errors and of the results' exit code, with all errors in its words."""
    worst = min(failed.values(), key=lambda exc: _GRAVEST.index(exc.exit_code))
    words = [f"{ref}: {exc.message}" for ref, exc in failed.items()]
    details = [{"ref": ref, "code": exc.code, "message": exc.message} for ref, exc in failed.items()]
    if code and _GRAVEST.index(code) < _GRAVEST.index(worst.exit_code):
        worst = _FAILED[code]("", hint="the results of those that were tested stand on standard output")
        words.append("and of those that were tested not all work")
    worst.details = {"failed": details}
    worst.message = "; ".join(words)
    return worst


def _sentence(view: Any) -> None:
    latency = "" if view.latency is None else f" ({view.latency} ms)"
    typer.echo(output.shown(f"{view.outcome}: {view.provider} ({view.environment}): {view.message}{latency}"))


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("test")(check)
