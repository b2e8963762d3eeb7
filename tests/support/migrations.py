"""Databases and migration scripts that tests change."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Protocol

from avnz_int.db import migrate, migrations
from avnz_int.db.engine import Database


class Opener(Protocol):
    """Opens a database that is closed after the test; a missing SQLite file is made."""

    def __call__(self, url: str, schema: str = "public", *, busy_timeout_ms: int = 15_000) -> Database:
        """The database behind a URL."""


def add_revision(scripts: Path, body: str) -> None:
    """Write revision `next`, after the newest, whose upgrade() runs `body`."""
    (scripts / "versions" / "next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision = "next"\ndown_revision = "{migrations.HEAD}"\n'
        "def upgrade():\n" + textwrap.indent(textwrap.dedent(body), "    ")
    )


def names(database: Database) -> set[str]:
    """The tables that are there, ours and others'."""
    with database.raw() as connection:
        return migrate._present(connection, database)
