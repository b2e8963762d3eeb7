"""State of the database's own schema: which migration it is at, and where it differs from the models."""

from __future__ import annotations

from avnz_int.db import drift, migrate
from avnz_int.db.engine import Database
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action
from avnz_int.services import access


class Schema:
    """Reads the schema (roles org_admin and auditor)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self, actor: Actor) -> tuple[str | None, str]:
        """The migration the database is at (None: none of ours), and the newest one."""
        access.require(actor, Action.DATABASE_MIGRATE, *access.READERS)
        return migrate.current(self._database), migrate.head()

    def differences(self, actor: Actor) -> list[str]:
        """Where tables, columns, constraints and indexes are not as the models say; one line each."""
        access.require(actor, Action.DATABASE_MIGRATE, *access.READERS)
        return drift.differences(self._database)
