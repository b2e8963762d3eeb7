"""What a new client uses from its first day: the platform integrations shared with new clients by default."""

from __future__ import annotations

from typing import Any

from avnz_int.db import clients, platform, rows
from avnz_int.errors import ConflictError, SchemaViolationError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Mode
from avnz_int.model.inputs import NewClient
from avnz_int.services import client_rows, integrations
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import Definition
from avnz_int.services.work import Writing


def enrol(work: Writing, actor: Actor, owner: rows.Row) -> list[str]:
    """What a person should know of the integrations that a new client, given as its row, now has.

    Each has the platform integration's name, an event and an account of its own; the first of a category and
    environment is its default. One that nobody could add by hand either (a deprecated provider, settings
    that only the client knows) is left out, and said.
    """
    told = []
    for used in platform.for_new_clients(work.connection):
        found = integrations.definition(work.connection, used["provider"])
        ref = f"platform/{used['provider']}"
        try:
            integrations.require_open_for_new(found)
            integrations.require_valid(found, credentials=None, settings=None)
        except (ConflictError, SchemaViolationError) as exc:
            told.append(f"{owner['slug']} does not use {ref}, the default of new clients: {exc.message}")
            continue
        _enrol(work, actor, owner, used, found)
        told.append(f"{owner['slug']} uses {ref} ({used['environment']}), as new clients do by default")
    return told


def _enrol(work: Writing, actor: Actor, owner: rows.Row, used: rows.Row, found: Definition) -> None:
    group = (owner["id"], found.category, used["environment"])
    new = NewClient(
        owner["slug"],
        found.provider,
        mode=Mode.PLATFORM,
        is_default=clients.current_default(work.connection, *group) is None,
    )
    row: dict[str, Any] = client_rows.new_row(
        work, actor, new, owner=owner, found=found, name=used["name"], accepted=False
    )
    rows.add(work.connection, clients.INTEGRATION, row)
    work.record(
        integrations.changes({}, row) | {"enrolled": True},
        action=Action.CLIENT_CREATE,
        target=client_rows.target(row),
    )
    after = client_rows.reread(work, row["id"])
    accounts.follow_client(work.connection, after, work.organization["id"], actor, row["updatedAt"])
