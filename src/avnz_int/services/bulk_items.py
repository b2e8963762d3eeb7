"""What an import keeps of a record on its way, and the definitions in force by which it is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from avnz_int.db import bulk, rows
from avnz_int.db import definitions as definition_rows
from avnz_int.definitions import schema
from avnz_int.errors import AvnzError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action
from avnz_int.model.files import Kind
from avnz_int.providers.contract import CheckReport
from avnz_int.services import integrations
from avnz_int.services.bulk_records import Record
from avnz_int.services.integrations import Definition
from avnz_int.services.saving import Plan


class Deed(StrEnum):
    """What is to be done with a record."""

    CREATE = "create"
    UPDATE = "update"
    SKIP = "skip"


@dataclass(slots=True)
class Item:
    """A record on its way; what a stage found out is kept for the next.

    Attributes:
        name: of a client integration, the definition's where the record has none.
        error: why it is kept out.
        row: what is there already.
        change: what an update changes.
        tested_at: `updatedAt` of what was there when the change was tested.
    """

    line: int
    kind: str | None = None
    ref: str | None = None
    record: Record | None = None
    found: Definition | None = None
    name: str = ""
    error: AvnzError | None = None
    deed: Deed | None = None
    row: rows.Row | None = None
    change: Plan | None = None
    report: CheckReport | None = None
    tested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Denial:
    """What an actor may not do, for the audit trail."""

    action: Action
    target: Target
    error: AvnzError


class InForce:
    """The definitions in force, each schema with its validator; read anew when one was seeded."""

    def __init__(self) -> None:
        self._state: dict[str, datetime] = {}
        self._found: dict[str, Definition] = {}

    def load(self, connection: Connection) -> None:
        """Read them, unless they are what was read last."""
        state = bulk.definition_state(connection)
        if state != self._state:
            self._state = state
            self._found = {
                row["provider"]: _kept(Definition.of(row))
                for row in integrations.sound(definition_rows.listing(connection))
            }

    def is_current(self, connection: Connection) -> bool:
        """Whether they are still in force."""
        return bulk.definition_state(connection) == self._state

    def stored(self, connection: Connection, provider: str) -> Definition:
        """The definition of a provider that something stored is of."""
        return self._found.get(provider) or integrations.definition(connection, provider)

    def of(self, connection: Connection, actor: Actor, provider: str, kind: Kind) -> Definition:
        """The definition of a provider, raising as `integrations.client_definition_row` does."""
        found = self._found.get(provider)
        if found is not None and (kind is Kind.PLATFORM or found.is_client_allowed):
            return found
        if kind is Kind.PLATFORM:
            return integrations.definition(connection, provider)
        return Definition.of(integrations.client_definition_row(connection, actor, provider))


def _kept(found: Definition) -> Definition:
    settings = found.settings_schema
    return replace(
        found,
        credential_schema=schema.Kept(found.credential_schema),
        settings_schema=None if settings is None else schema.Kept(settings),
    )
