"""Prints views: JSON on request, else a table for people. Data goes to standard output and nothing else does.

What a terminal's width cannot hold is folded, never cut; where standard output is no terminal nothing is.
No value reaches a terminal with a character that could steer it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from avnz_int.cli.printable import cell, json_text, printable
from avnz_int.cli.state import Format, State
from avnz_int.errors import StorageError
from avnz_int.model import currency
from avnz_int.model.encode import encode

if TYPE_CHECKING:
    from rich.console import Console

_CHUNK = 1000
_STYLES = {
    "active": "green",
    "ok": "green",
    "success": "green",
    "pending": "yellow",
    "inactive": "yellow",
    "beta": "yellow",
    "error": "red",
    "failure": "red",
    "rejected": "red",
    "unreachable": "red",
    "unreadable": "red",
}


def unwritten(exc: OSError, hint: str | None = None) -> StorageError:
    """The error of standard output that cannot be written to; what the command changed is changed."""
    words = "it is closed" if exc.errno == errno.EBADF else exc.strerror or type(exc).__name__
    return StorageError(
        f"the command's work is done, but standard output does not take what it says: {words}",
        hint=hint or "before you repeat a command that changes something, look with show or list",
    )


def unread() -> None:
    """Nobody reads standard output any more: what is still written there vanishes, quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _delivered(lost: str | None = None) -> Iterator[None]:
    """Around the writing: a reader that went away keeps no command from its exit code.

    Args:
        lost: what to do where it cannot be written; then nothing stays in the buffer.
    """
    try:
        yield
        if lost is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        unread()
    except OSError as exc:
        raise unwritten(exc, lost) from None


def emit(
    state: State,
    form: Format,
    view: Any,
    table: Callable[[Any], None] | None = None,
    *,
    lost: str | None = None,
) -> None:
    """Print one thing.

    Args:
        state: for colours.
        form: how.
        view: a view, or a JSON-ready object.
        table: prints it for people where its fields, one a line, are not the best way.
        lost: what to do where it could not be printed.

    Raises:
        StorageError: standard output does not take it.
    """
    with _delivered(lost):
        _emit(state, form, view, table)


def _emit(state: State, form: Format, view: Any, table: Callable[[Any], None] | None) -> None:
    if form is Format.TABLE:
        if table is not None:
            table(view)
        else:
            _print_fields(state, encode(view))
    elif form is Format.CSV:
        _print_csv([encode(view)])
    else:
        _write(json_text(encode(view)) + "\n")


@_delivered()
def emit_all(
    state: State,
    form: Format,
    views: Sequence[Any],
    columns: Sequence[str],
    *,
    empty: str = "nothing there",
    header: Sequence[str] = (),
    money: Sequence[str] = (),
) -> None:
    """Print a listing.

    Args:
        state: for colours.
        form: how: an array, an object a line, CSV with all fields, or a table of `columns`.
        views: the rows.
        columns: JSON keys to show in the table.
        empty: told on standard error where a table would have no rows.
        header: of CSV without rows, where its rows are not those of the JSON.
        money: keys of amounts in minor units of the row's `currency`; a table has them as people do.

    Raises:
        StorageError: standard output does not take it.
    """
    encoded: Iterable[Any] = (encode(view) for view in views)
    pick = state.pick
    if pick is not None and pick.asked:
        views, cursor = pick.page(encoded)
        encoded, columns = views, pick.columns or columns
        if cursor is not None:
            state.notify(f"there is more: repeat it with --cursor {cursor}")
    if form is Format.JSON:
        _write("[")
        separator = ""
        for chunk in _chunks(encoded):
            _write(separator + ",\n ".join(map(json_text, chunk)))
            separator = ",\n "
        _write("]\n")
    elif form is Format.JSONL:
        for chunk in _chunks(encoded):
            _write("".join(json_text(row) + "\n" for row in chunk))
    elif form is Format.CSV:
        rows = list(encoded)
        _print_csv(rows, () if rows else _header(state, header, columns))
    elif views:
        _print_table(state, [_with_amounts(row, money) for row in encoded], columns)
    else:
        sys.stderr.write(f"({empty})\n")


def console(state: State, *, to_stderr: bool = False) -> Console:
    """A Rich console on standard output (or error): plain and unfolded where that is no terminal."""
    from rich.console import Console  # noqa: PLC0415  # 48 ms that JSON does not pay

    stream = sys.stderr if to_stderr else sys.stdout
    terminal = stream.isatty()
    return Console(
        file=stream,
        # None: no escape sequence at all, whatever FORCE_COLOR says.
        color_system="auto" if terminal and state.color else None,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if terminal else 4000,
        soft_wrap=not terminal,
        legacy_windows=False,
    )


def shown(value: Any) -> str:
    """A JSON value as people read it."""
    if value is None:
        return ""
    if value is True:
        return "yes"
    if value is False:
        return "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return printable(", ".join(value))
    if isinstance(value, dict | list):
        return json_text(value)
    return printable(str(value))


def styled(value: str) -> str:
    """The Rich style of a word of status."""
    return _STYLES.get(value, "")


def _print_fields(state: State, fields: dict[str, Any]) -> None:
    """A line for each field that has a value; objects of plain values are spread over lines of their own."""
    lines: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, dict) and not any(isinstance(part, dict | list) for part in value.values()):
            lines |= {printable(f"{name}.{inner}"): shown(part) for inner, part in value.items()}
        elif value is not None:
            lines[name] = shown(value)
    width = max(map(len, lines), default=0)
    if not sys.stdout.isatty():
        # As below, without loading Rich.
        _write("".join(f"{name.ljust(width)}  {text or '-'}\n" for name, text in lines.items()))
        return
    from rich.text import Text  # noqa: PLC0415

    out = console(state)
    for name, text in lines.items():
        line = Text(name.ljust(width), "bold")
        out.print(line.append("  ").append(text or "-", styled(text)))


def _print_table(state: State, encoded: list[dict[str, Any]], columns: Sequence[str]) -> None:
    cells = [[shown(row[name]) for name in columns] for row in encoded]
    if not sys.stdout.isatty():
        _print_lines([list(columns), *cells])
        return
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, styled(cell)) for cell in row))
    console(state).print(table)


def _with_amounts(row: dict[str, Any], money: Sequence[str]) -> dict[str, Any]:
    """The row with its amounts as people write them; as they are where `--columns` left the currency out."""
    code = row.get("currency") if money else None
    if code is None:
        return row
    amounts = {name: row[name] for name in money if row.get(name) is not None}
    return row | {name: currency.shown(amount, code) for name, amount in amounts.items()}


def _print_lines(rows: list[list[str]]) -> None:
    """A line for each row, as long as it is."""
    from rich.cells import cell_len  # noqa: PLC0415  # columns of a terminal, not characters

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        _write("  ".join(padded).rstrip() + "\n")


def _header(state: State, header: Sequence[str], columns: Sequence[str]) -> Sequence[str]:
    """The columns of a listing without rows: those asked for, else all that its rows have."""
    if state.pick is not None and state.pick.columns:
        return state.pick.columns
    if header:
        return header
    from avnz_int.cli import shapes  # noqa: PLC0415  # every view, which a listing with rows does not need

    return shapes.columns(state.listing) or columns


def _print_csv(encoded: list[dict[str, Any]], header: Sequence[str] = ()) -> None:
    import csv  # noqa: PLC0415

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(encoded[0] if encoded else header)
    writer.writerows([_cell(value) for value in row.values()] for row in encoded)


def _cell(value: Any) -> str:
    text = cell(value)
    return printable(text) if sys.stdout.isatty() else text


def _chunks(rows: Iterable[Any]) -> Iterable[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write(text: str) -> None:
    sys.stdout.write(text)
