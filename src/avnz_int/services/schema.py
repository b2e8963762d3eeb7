"""State of the database's own schema: which migration it is at, and where it differs from the models."""

from __future__ import annotations

from avnz_int.db import drift, migrate
from avnz_int.db.engine import Database
from avnz_int.errors import ForbiddenError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action
from avnz_int.services import access
from avnz_int.services.work import Work


class Schema:
    """Reads the schema (roles org_admin and auditor), also of a database that is not at this program's."""

    def __init__(self, database: Database, work: Work) -> None:
        self._database = database
        self._work = work

    def current(self, actor: Actor) -> tuple[str | None, str]:
        """The migration the database is at (None: none of ours), and the newest one."""
        self._require_reader(actor)
        return migrate.current(self._database), migrate.head()

    def differences(self, actor: Actor) -> list[str]:
        """Where tables, columns, constraints and indexes are not as the models say; one line each."""
        self._require_reader(actor)
        return drift.differences(self._database)

    def _require_reader(self, actor: Actor) -> None:
        try:
            access.require(actor, Action.DATABASE_MIGRATE, *access.READERS)
        except ForbiddenError as exc:
            self._work.refused(actor, Action.DATABASE_MIGRATE, None, exc)
            raise
