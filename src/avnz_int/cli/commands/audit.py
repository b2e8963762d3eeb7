"""`avnz-int audit`: the audit trail."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from avnz_int import clock
from avnz_int.cli import output
from avnz_int.cli.listing import another_listing, cursor_of, cursor_parts, listing
from avnz_int.cli.printable import cell, json_text, printable
from avnz_int.cli.state import ClientOption, Format, Output, not_empty, state_of
from avnz_int.errors import AuditBrokenError, UsageError
from avnz_int.model.encode import encode
from avnz_int.model.enums import Action, AuditOutcome, Role

app = typer.Typer(help="Who did what, in a chain that shows tampering.", no_args_is_help=True)
_COLUMNS = ("sequence", "occurredAt", "actorId", "action", "targetType", "targetId", "outcome", "changes")
_WIDTHS = (8, 24, 16, 20, 20, 24, 7, 0)
_CHUNK = 1000


@app.command("list")
@listing(paged=False)
def list_(
    ctx: typer.Context,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ACTOR", help="Only of this actor.")] = None,
    role: Annotated[Role | None, typer.Option("--role", help="Only of actors in this role.")] = None,
    action: Annotated[
        Action | None, typer.Option("--action", metavar="ACTION", help="Only this action, as client:update.")
    ] = None,
    outcome: Annotated[AuditOutcome | None, typer.Option("--outcome", help="Only what ended so.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="ID", help="Only about the row with this id.")
    ] = None,
    client: ClientOption = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Not before (RFC 3339).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Not after (RFC 3339).")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, max=2147483647, help="Only the newest so many; tells --cursor."
        ),
    ] = None,
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", callback=not_empty, help="Go on before that page."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new events as they come, until Ctrl-C.")
    ] = False,
    form: Output = Format.TABLE,
) -> None:
    """List events, oldest first.

    With --follow each event is a line; -o json then prints an object a line.
    """
    state = state_of(ctx)
    from avnz_int.model.filters import EventFilter

    if follow and until is not None:
        raise UsageError("--follow has no end", hint="leave --until or --follow out")
    if follow and cursor is not None:
        raise UsageError("--follow goes on with what is new, a --cursor with what is older")
    limits = EventFilter(
        actor=actor,
        action=action and action.value,
        target=target,
        role=role,
        outcome=outcome,
        since=_time("--since", since),
        until=_time("--until", until),
        limit=limit and limit + 1 - follow,
        before=None if cursor is None else _before(cursor),
    )
    audit, owner = state.services.audit, state.client(client)
    if not follow:
        views = audit.listing(state.actor, limits, client=owner)
        if limit is not None and len(views) > limit:
            views = views[-limit:]
            older = cursor_of(clock.rfc3339(views[0].occurred_at), views[0].chain, views[0].sequence)
            state.notify(f"there are older ones: repeat it with --cursor {older}")
        output.emit_all(state, form, views, _COLUMNS)
        return
    lines = _Lines(Format.JSONL if form is Format.JSON else form)
    lines.begin()
    for batch in audit.follow(state.actor, limits, client=owner):
        lines.put(encode(batch))


def _before(cursor: str) -> tuple[datetime, str, int]:
    when, chain, sequence = cursor_parts(cursor, 3)
    try:
        moment = clock.parse_rfc3339(when)
    except (ValueError, TypeError):
        raise another_listing() from None
    if not isinstance(chain, str) or not isinstance(sequence, int) or not 0 <= sequence < 2**63:
        raise another_listing()
    return moment, chain, sequence


@app.command()
def verify(
    ctx: typer.Context,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            callback=not_empty,
            help="What `audit export --checkpoint` wrote: also find an end that was cut off since.",
        ),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Check every chain for edited, inserted, removed or moved events; exit 8 if there is one.

    Keep checkpoints where nobody who can write the database can write. Whoever holds keyring and database can
    forge both chain and checkpoint.
    """
    state = state_of(ctx)
    verdict = state.services.audit.verify(state.actor, Path(checkpoint) if checkpoint else None)

    def table(_: Any) -> None:
        if verdict.valid:
            typer.echo(f"the audit trail is whole: {verdict.events} events")
        else:
            typer.echo(output.shown(f"the audit trail is broken: {verdict.reason}"))

    output.emit(state, form, verdict, table)
    if not verdict.valid:
        raise AuditBrokenError(
            f"the audit trail fails its check: {verdict.reason}",
            hint="find who changed the AuditEvent table, and restore it from a backup",
            details={"firstBadSequence": verdict.first_bad_sequence},
        )


@app.command()
def export(
    ctx: typer.Context,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            callback=not_empty,
            help="Write the signed ends of the chains there, to be kept elsewhere.",
        ),
    ] = None,
    form: Output = Format.JSONL,
) -> None:
    """Write every event to standard output, as JSON Lines unless -o asks for json or csv.

    The export is an event itself. The chains are verified on the way: exit 8 after the last event if one is
    broken, and then no checkpoint is written. A checkpoint in FILE is replaced only by one that goes on from
    it.
    """
    state = state_of(ctx)
    if checkpoint == "-":
        raise UsageError("--checkpoint needs a file: standard output has the events", hint="name a file")
    events = state.services.audit.export(state.actor, Path(checkpoint) if checkpoint else None)
    # There is no table of it: cut to the columns of one, it would be no export.
    lines = _Lines(Format.JSONL if form is Format.TABLE else form)
    lines.begin()
    chunk: list[Mapping[str, Any]] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == _CHUNK:
            lines.put(chunk)
            chunk = []
    lines.put(chunk)
    lines.end()
    events.finish()


class _Lines:
    """Prints events as they come, in constant memory, each chunk flushed."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._first = True

    def begin(self) -> None:
        """What stands before the first event."""
        if self._form is Format.TABLE:
            self._write(_line(_COLUMNS))
        elif self._form is Format.JSON:
            self._write("[")

    def put(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Print these."""
        for event in events:
            if self._form is Format.TABLE:
                self._write(_line([output.shown(event[name]) for name in _COLUMNS]))
            elif self._form is Format.CSV:
                self._csv(event)
            elif self._form is Format.JSON:
                self._write(("" if self._first else ",\n ") + json_text(event))
            else:
                self._write(json_text(event) + "\n")
            self._first = False
        sys.stdout.flush()

    def end(self) -> None:
        """What stands behind the last event."""
        if self._form is Format.JSON:
            self._write("]\n")
        sys.stdout.flush()

    def _csv(self, event: Mapping[str, Any]) -> None:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        if self._first:
            writer.writerow(event)
        cells = [cell(value) for value in event.values()]
        writer.writerow(map(printable, cells) if sys.stdout.isatty() else cells)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)


def _line(cells: Iterable[str]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return "  ".join(padded).rstrip() + "\n"


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return clock.parse_rfc3339(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not an RFC 3339 time", hint="write 2026-11-22T13:00:00Z"
        ) from None


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="audit")
