"""`test --all` on the command line: progress for a person, results for a script, one exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, State
from avnz_int.errors import StorageError
from avnz_int.model.enums import Outcome
from avnz_int.model.inputs import TestSelection

if TYPE_CHECKING:
    from avnz_int.model.views import CheckView

COLUMNS = ("id", "provider", "environment", "outcome", "code", "latency", "message")
_REFUSED = {Outcome.REJECTED, Outcome.INVALID_CONFIG}


def run(
    state: State,
    selection: TestSelection,
    form: Format,
    junit: Path | None,
    *,
    concurrency: int,
    per_host: int,
    timeout_s: float | None,
) -> None:
    """Test what is selected, print the results, and leave with the exit code that they call for.

    What was done before Ctrl-C is recorded and printed.
    """
    sweep = state.services.sweep
    chosen = sweep.choose(state.actor, selection)
    views: list[CheckView] = []
    try:
        with _progress(len(chosen)) as advance:

            def on_result(view: CheckView) -> None:
                views.append(view)
                advance()

            sweep.run(
                state.actor,
                chosen,
                concurrency=concurrency,
                per_host=per_host,
                timeout_s=timeout_s,
                on_result=on_result,
            )
    finally:
        place = {one.row["id"]: number for number, one in enumerate(chosen)}
        views.sort(key=lambda view: place[view.id])
        if junit is not None:
            write_junit(junit, views)
        output.emit_all(state, form, views, COLUMNS, empty="nothing to test")
    if code := exit_code([view.outcome for view in views], named=False):
        raise typer.Exit(code)


def exit_code(outcomes: Sequence[Outcome], *, named: bool) -> int:
    """8 for what does not open, else 6 for what was refused, else 7 for what could not be reached.

    `unsupported` counts as refused only where it was `named`.
    """
    if Outcome.UNREADABLE in outcomes:
        return 8
    if _REFUSED & set(outcomes) or (named and Outcome.UNSUPPORTED in outcomes):
        return 6
    return 7 if Outcome.UNREACHABLE in outcomes else 0


def write_junit(path: Path, views: Sequence[CheckView]) -> None:
    """The results as JUnit XML, put in place in one step.

    A refusal is a `failure`; what could not be reached or opened an `error`; what has no test is `skipped`.

    Raises:
        StorageError: the file cannot be written.
    """
    from xml.etree import ElementTree as ET  # noqa: PLC0415  # writes only

    failed = sum(view.outcome in _REFUSED for view in views)
    errors = sum(view.outcome in {Outcome.UNREACHABLE, Outcome.UNREADABLE} for view in views)
    skipped = sum(view.outcome is Outcome.UNSUPPORTED for view in views)
    suite = ET.Element(
        "testsuite",
        name="avnz-int test",
        tests=str(len(views)),
        failures=str(failed),
        errors=str(errors),
        skipped=str(skipped),
        time=f"{sum(view.latency or 0 for view in views) / 1000:.3f}",
    )
    for view in views:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{view.provider}.{view.environment}",
            name=view.id,
            time=f"{(view.latency or 0) / 1000:.3f}",
        )
        if view.outcome in _REFUSED:
            ET.SubElement(case, "failure", type=view.code, message=view.message)
        elif view.outcome is Outcome.UNSUPPORTED:
            ET.SubElement(case, "skipped", message=view.message)
        elif view.outcome is not Outcome.OK:
            ET.SubElement(case, "error", type=view.code, message=view.message)
    text = ET.tostring(suite, encoding="unicode")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8")
        beside.replace(path)
    except OSError as exc:
        beside.unlink(missing_ok=True)
        raise StorageError(f"--junit {path}: {exc.strerror}") from None


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("testing", total=total)
        yield lambda: bar.advance(task)
