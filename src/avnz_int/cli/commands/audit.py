"""`avnz-int audit`: the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from avnz_int import clock
from avnz_int.cli import output
from avnz_int.cli.state import ClientOption, Format, Output, state_of
from avnz_int.errors import AuditBrokenError, UsageError
from avnz_int.model.enums import Action

app = typer.Typer(help="Who did what, in a chain that shows tampering.", no_args_is_help=True)
_COLUMNS = ("sequence", "occurredAt", "actorId", "action", "targetType", "targetId", "outcome", "changes")


@app.command("list")
def list_(
    ctx: typer.Context,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ACTOR", help="Only of this actor.")] = None,
    action: Annotated[Action | None, typer.Option("--action", help="Only this action.")] = None,
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
        int | None, typer.Option("--limit", metavar="N", min=1, help="Only the newest so many.")
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """List events, oldest first."""
    state = state_of(ctx)
    from avnz_int.model.inputs import EventFilter  # noqa: PLC0415

    limits = EventFilter(
        actor=actor,
        action=action and action.value,
        target=target,
        since=_time("--since", since),
        until=_time("--until", until),
        limit=limit,
    )
    views = state.services.audit.listing(state.actor, limits, client=state.client(client))
    output.emit_all(state, form, views, _COLUMNS)


@app.command()
def verify(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Check every chain for edited, inserted, removed or moved events; exit 8 if there is one."""
    state = state_of(ctx)
    verdict = state.services.audit.verify(state.actor)

    def table(_: Any) -> None:
        if verdict.valid:
            typer.echo(f"the audit trail is whole: {verdict.events} events")
        else:
            typer.echo(f"the audit trail is broken: {verdict.reason}")

    output.emit(state, form, verdict, table)
    if not verdict.valid:
        raise AuditBrokenError(
            f"the audit trail fails its check: {verdict.reason}",
            hint="find who changed the AuditEvent table, and restore it from a backup",
            details={"firstBadSequence": verdict.first_bad_sequence},
        )


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
