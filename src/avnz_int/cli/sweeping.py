"""`test --all` on the command line: progress for a person, results for a script, one exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from avnz_int import files
from avnz_int.cli import output, progress
from avnz_int.cli.printable import printable
from avnz_int.cli.state import Format, State
from avnz_int.errors import StorageError, UsageError
from avnz_int.model.enums import Outcome

if TYPE_CHECKING:
    from avnz_int.model.filters import TestSelection
    from avnz_int.model.views.integrations import CheckView

COLUMNS = ("id", "provider", "environment", "outcome", "code", "latency", "message")
_REFUSED = {Outcome.REJECTED, Outcome.INVALID_CONFIG}
_ELEMENTS: Mapping[Outcome, str | None] = {
    Outcome.OK: None,
    Outcome.REJECTED: "failure",
    Outcome.INVALID_CONFIG: "failure",
    Outcome.UNREACHABLE: "error",
    Outcome.UNREADABLE: "error",
    Outcome.UNSUPPORTED: "skipped",
}
"""What JUnit calls an outcome."""


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
    if junit is not None:
        _require_writable(junit)
    sweep = state.services.sweep
    chosen = sweep.choose(state.actor, selection)
    views: list[CheckView] = []
    try:
        with progress.bar("testing", total=len(chosen)) as update:

            def on_result(view: CheckView) -> None:
                views.append(view)
                update(advance=1)

            sweep.run(
                state.actor,
                chosen,
                concurrency=concurrency,
                per_host=per_host,
                timeout_s=timeout_s,
                on_result=on_result,
            )
    finally:
        place = {one.id: number for number, one in enumerate(chosen)}
        views.sort(key=lambda view: place[view.id])
        try:
            output.emit_all(state, form, views, COLUMNS, empty="nothing to test")
        finally:
            if junit is not None:
                write_junit(junit, views, {one.id: one.ref for one in chosen})
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


def write_junit(path: Path, views: Sequence[CheckView], names: Mapping[str, str]) -> None:
    """The results as JUnit XML; a regular file is put in place in one step.

    A refusal is a `failure`; what could not be reached or opened an `error`; what has no test is `skipped`.

    Args:
        path: the file; a pipe or a device is written to as it is.
        views: the results.
        names: id -> what people call the integration.

    Raises:
        StorageError: the file cannot be written.
    """
    from xml.etree import ElementTree as ET  # noqa: PLC0415  # writes only

    elements = [_ELEMENTS[view.outcome] for view in views]
    suite = ET.Element(
        "testsuite",
        name="avnz-int test",
        tests=str(len(views)),
        failures=str(elements.count("failure")),
        errors=str(elements.count("error")),
        skipped=str(elements.count("skipped")),
        time=_seconds(sum(view.latency or 0 for view in views)),
    )
    for view, element in zip(views, elements, strict=True):
        case = ET.SubElement(
            suite,
            "testcase",
            # XML has no way to write most control characters.
            classname=printable(f"{view.provider}.{view.environment}"),
            name=printable(names[view.id]),
            time=_seconds(view.latency or 0),
        )
        if element:
            ET.SubElement(case, element, type=view.code.value, message=printable(view.message))
    text = ET.tostring(suite, encoding="unicode")
    _put(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _put(path: Path, text: str) -> None:
    try:
        # What a link leads to is replaced, not the link; /dev/stdout and the like are no files to replace.
        place = path.resolve()
        if place.exists() and not place.is_file():
            place.write_text(text, encoding="utf-8")
            return
        with files.put(place, mode=None) as file:
            file.write(text)
    except OSError as exc:
        hint = "the results stand on standard output; check the folder, its permissions and the disk's space"
        raise StorageError(f"--junit {path}: {exc.strerror}", hint=hint) from None


def _require_writable(path: Path) -> None:
    """Refuse a place where no file can be put: better known before an hour of tests than after.

    Raises:
        UsageError: a folder, or no folder to put it in.
    """
    if path.is_dir():
        raise UsageError(f"--junit {path} is a folder", hint="name a file")
    if not path.parent.is_dir():
        raise UsageError(f"--junit {path}: there is no folder {path.parent}", hint="make it, or name another")
