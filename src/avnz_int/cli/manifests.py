"""What `plan` and `apply` share: reading the file, and the diff that people look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import opening, output
from avnz_int.cli.printable import json_text, printable
from avnz_int.cli.state import State, not_empty

if TYPE_CHECKING:
    from rich.console import Console

    from avnz_int.model.manifest import Change, FieldChange, PlanView
    from avnz_int.services.manifests import Source

_MOST = 16 * 1024 * 1024
_SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}

FileOption = Annotated[
    str,
    typer.Option("--file", "-f", metavar="FILE|-", callback=not_empty, help="The manifest, in YAML or JSON."),
]
PruneOption = Annotated[
    bool,
    typer.Option("--prune", help="Delete what the sections of the file do not name; never the organization."),
]


def source(file: str) -> Source:
    """The manifest; `-` is standard input, with paths in it from the working folder.

    Raises:
        UsageError: there is no such file.
        InvalidInputError: larger than 16 MiB, or not UTF-8.
    """
    from avnz_int.services.manifests import Source  # noqa: PLC0415  # the services, which --help does not need

    path, origin = Path(file), "standard input" if file == "-" else file
    text = opening.text(file, "--file", most=_MOST, hint="split it: sections may stand apart")
    return Source(text, origin, Path() if file == "-" else path.parent)


def draw(state: State, view: PlanView, *, to_stderr: bool = False) -> None:
    """Print the diff, for people: a line for each thing, below it one for each field."""
    out = output.console(state, to_stderr=to_stderr)
    for change in view.changes:
        _draw_change(out, change)
    if view.changes:
        out.print(_count(view))
    else:
        out.print("no changes: the database is as the file says")


def _count(view: PlanView) -> str:
    counts = (("create", view.create), ("update", view.update), ("delete", view.delete))
    return ", ".join(f"{number} to {word}" for word, number in counts)


def _draw_change(out: Console, change: Change) -> None:
    from rich.text import Text  # noqa: PLC0415  # Rich, which JSON does not need

    sign, style = _SIGNS[change.action]
    line = Text(f"{sign} {change.kind.ljust(8)}  {printable(change.ref)}", style)
    if change.refused is not None:
        line.append(f"  refused: {printable(change.refused)}", "bold red")
    out.print(line)
    width = max((len(field.field) for field in change.fields), default=0)
    for field in change.fields:
        out.print(Text(f"    {printable(field.field).ljust(width)}  ").append(_told(field), style))
    for note in change.notes:
        out.print(Text(f"    ({printable(note)})", "dim"))


def _told(field: FieldChange) -> str:
    if field.old is None:
        return _shown(field.new)
    if field.new is None:
        return f"{_shown(field.old)} -> nothing"
    if isinstance(field.new, str) and field.new.endswith("changed)"):
        return field.new
    return f"{_shown(field.old)} -> {_shown(field.new)}"


def _shown(value: Any) -> str:
    return printable(value) if isinstance(value, str) else json_text(value)
