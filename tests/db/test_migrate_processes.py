"""Migrations by several processes at once, and by one that is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from avnz_int.db import drift, migrate, migrations
from support.migrations import Opener, add_revision, names

# Processes are killed and started again and again.
pytestmark = pytest.mark.slow

_UPGRADE = """
import pathlib, sys
from avnz_int.db import migrate
from avnz_int.db.engine import Database
url, scripts = sys.argv[1], pathlib.Path(sys.argv[2])
print("started", flush=True)
sys.stdin.readline()
print(migrate.upgrade(Database(url, "ours", create=True), scripts=scripts)[0], flush=True)
"""


def spawned(url: str, scripts: Path) -> subprocess.Popen[str]:
    """A process that migrates when it reads a line."""
    command = [sys.executable, "-c", _UPGRADE, url, str(scripts)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_together(empty_database_url: str, opened: Opener) -> None:
    """Of three processes that migrate at once, one does it and the others find it done."""
    processes = [spawned(empty_database_url, migrate.SCRIPTS) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = sorted(process.communicate(timeout=60)[0].strip() for process in processes)

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert answers == [migrations.HEAD, migrations.HEAD, "None"]
    assert drift.differences(opened(empty_database_url, "ours")) == []


@pytest.mark.parametrize("before", [None, migrations.HEAD])
def test_killed(empty_database_url: str, opened: Opener, scripts: Path, before: str | None) -> None:
    """A process killed amid a migration leaves what was there before, and the next one succeeds."""
    database = opened(empty_database_url, "ours")
    if before:
        migrate.upgrade(database)
    tables_before = names(database)
    add_revision(
        scripts,
        """
        import time
        op.create_table("Extra", sa.Column("id", sa.Text()))
        op.execute("INSERT INTO \\"Extra\\" VALUES ('x')")
        print("half way", flush=True)
        time.sleep(60)
        """,
    )
    process = spawned(empty_database_url, scripts)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "half way\n"
    process.kill()
    process.communicate()

    assert before == migrate.current(database)
    assert tables_before == names(database)
    assert (before, migrations.HEAD) == migrate.upgrade(database)
    assert drift.differences(database) == []
