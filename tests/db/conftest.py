"""What the database tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from avnz_int.db import migrate
from avnz_int.db.engine import Database
from support.migrations import Opener


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens databases that are closed after the test; missing SQLite files are made."""
    databases = []

    def opener(url: str, schema: str = "public", *, busy_timeout_ms: int = 15_000) -> Database:
        databases.append(Database(url, schema, create=True, busy_timeout_ms=busy_timeout_ms))
        return databases[-1]

    yield opener
    for database in databases:
        database.close()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the migration scripts, to which a test adds a revision."""
    return Path(shutil.copytree(migrate.SCRIPTS, tmp_path / "scripts"))
