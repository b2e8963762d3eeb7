"""`avnz-int usage`: metered transactions."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing
from avnz_int.cli.opening import opened, stdin
from avnz_int.cli.state import ClientOption, Format, MonthOption, Output, not_empty, state_of
from avnz_int.errors import InvalidInputError
from avnz_int.model.files import UsageFormat

if TYPE_CHECKING:
    from avnz_int.model.usage import RecordReport

app = typer.Typer(help="Metered transactions.", no_args_is_help=True)
_COLUMNS = (
    *("client", "name", "month", "currency", "transactions", "approved", "declined", "voided"),
    *("refunds", "volume", "refunded", "fees"),
)
_SUFFIXES = {
    ".csv": UsageFormat.CSV,
    ".jsonl": UsageFormat.JSONL,
    ".ndjson": UsageFormat.JSONL,
    ".json": UsageFormat.JSONL,
}
_TOLD = 100


@app.command()
def record(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="JSON Lines or CSV; - or nothing: standard input.")
    ] = "-",
    written: Annotated[
        UsageFormat | None,
        typer.Option("--format", help="How FILE is written; else its name or its first byte tells."),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Record transactions; the same again changes nothing.

    A line has transactionId, merchantAccount or client, amount (minor units), currency, occurredAt, status
    (approved, declined), and perhaps integration, type (charge, refund, void) and refundOf. Lines that cannot
    be taken are told with their numbers, the others are taken; exit 2 if there was one.
    """
    state = state_of(ctx)
    service = state.services.usage
    with _lines(file) as stream:
        report = service.record(state.actor, stream, written or _format_of(file, stream))

    def table(_: Any) -> None:
        output.emit(state, form, {name: getattr(report, name) for name in _COUNTS})

    output.emit(state, form, report, table)
    if report.rejected or report.conflicts:
        if form is Format.TABLE:
            _tell(report)
        raise _not_all(report)


_COUNTS = ("recorded", "duplicates", "conflicts", "rejected")


def _tell(report: RecordReport) -> None:
    for error in report.errors[:_TOLD]:
        sys.stderr.write(output.shown(f"line {error.line}: {error.message} ({error.code})") + "\n")
    more = report.rejected + report.conflicts - min(len(report.errors), _TOLD)
    if more:
        sys.stderr.write(f"… and {more} more; -o json has the first 1000\n")


def _not_all(report: RecordReport) -> InvalidInputError:
    bad = report.rejected + report.conflicts
    first = report.errors[0]
    return InvalidInputError(
        f"{bad} of the lines could not be taken, the first of them line {first.line}: {first.message}",
        hint="mend them and record the file again: what is recorded stays as it is",
        details={name: getattr(report, name) for name in _COUNTS},
    )


@app.command()
@listing()
def show(
    ctx: typer.Context,
    client: ClientOption = None,
    month: MonthOption = None,
    integration: Annotated[
        str | None,
        typer.Option(
            "--integration",
            metavar="REF",
            callback=not_empty,
            help="Only of this client integration.",
            autocompletion=complete.client_refs,
        ),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Show the usage of a month: by client, integration and currency."""
    state = state_of(ctx)
    views = state.services.usage.listing(
        state.actor, client=state.client(client, integration or ""), month=month, integration=integration
    )
    output.emit_all(state, form, views, _COLUMNS, money=("volume", "refunded", "fees"))


@contextlib.contextmanager
def _lines(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        stream: Any = stdin("FILE")
        yield stream if hasattr(stream, "peek") else io.BufferedReader(stream)
        return
    with opened(Path(file), "FILE") as found:
        yield found


def _format_of(file: str, stream: Any) -> UsageFormat:
    known = None if file == "-" else _SUFFIXES.get(Path(file).suffix.lower())
    if known is not None:
        return known
    first = stream.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"[":
        raise InvalidInputError(
            "that is a JSON array", hint="write an object a line (JSON Lines): jq -c '.[]' makes it so"
        )
    return UsageFormat.JSONL if first in {b"{", b""} else UsageFormat.CSV


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="usage")
