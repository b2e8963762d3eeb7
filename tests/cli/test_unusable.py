"""Databases, keyrings and disks that cannot be used: exit code, what to do, nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avnz_int.db.engine import Database
from avnz_int.db.migrations import VERSION_TABLE
from support.cli import Command, Result
from support.commands import LOGIN, leaves, own, words_of
from support.nobody import NOBODY, as_nobody, common_folder
from support.scenes import SteeredGateway, written
from support.services import execute, prepared

ADD = ("client", "add", "paypal_payflow", "--client", "acme", *LOGIN)
WITHOUT_DATABASE = {"init", "demo", "definitions schema", "definitions validate", "run"}


def path_of(command: Command) -> Path:
    """The SQLite file."""
    return Path(command.url.removeprefix("sqlite:///"))


def copied_to(command: Command, folder: Path, *, writable: bool) -> Command:
    """The same database and keyring in another folder; the keyring is of the user without rights."""
    keyring = folder / "keyring.json"
    shutil.copy(path_of(command), folder / "avnz-int.db")
    shutil.copy(command.keyring, keyring)
    keyring.chmod(0o600)
    if not writable:
        (folder / "avnz-int.db").chmod(0o444)
        folder.chmod(0o555)
    if os.geteuid() == 0:
        for path in [keyring, *([folder, folder / "avnz-int.db"] if writable else [])]:
            os.chown(path, NOBODY, NOBODY)
    url = f"sqlite:///{folder / 'avnz-int.db'}"
    names = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}"}
    return Command(folder, command.environment | names)


def result_as_nobody(run: Callable[[], Result]) -> Result:
    """What a command line says to a user without rights."""

    def parts() -> tuple[int, str, str]:
        said = run()
        return said.code, said.stdout, said.stderr

    return Result(*as_nobody(parts))


def test_no_database(bare: Command) -> None:
    """Without a database every command that needs one is exit 5, says `init`, and makes no file."""
    for name in leaves():
        if name in WITHOUT_DATABASE:
            continue
        error = bare.fails(*words_of(name), exit_code=5)
        assert ("not_initialized", True) == (error["code"], "avnz-int init" in error["hint"]), name
    assert [] == list(bare.folder.iterdir())


def test_not_migrated(bare: Command, empty_database_url: str) -> None:
    """A database without our tables is exit 5 and says what to run."""
    bare.environment["AVNZ_INT_DATABASE_URL"] = empty_database_url
    if empty_database_url.startswith("sqlite"):
        sqlite3.connect(empty_database_url.removeprefix("sqlite:///")).close()
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    for words in (("whoami",), ("client", "list"), ADD, ("rotate-key",), ("db", "check")):
        error = bare.fails(*words, exit_code=5)
        assert error["code"] in {"not_initialized", "not_migrated", "differs"}
        assert error["hint"]


def test_migrated_only(bare: Command, database_url: str) -> None:
    """A database with our tables and nothing in them is exit 5, "run avnz-int init"."""
    bare.environment["AVNZ_INT_DATABASE_URL"] = database_url
    for words in (("whoami",), ("client", "list"), ADD, ("rotate-key",), ("audit", "verify")):
        error = bare.fails(*words, exit_code=5)
        assert ("not_initialized", "run avnz-int init") == (error["code"], error["hint"])


def test_newer_database(on_both: Command) -> None:
    """A database of a newer program is exit 5; it is not touched."""
    execute(on_both.url, f"UPDATE \"{VERSION_TABLE}\" SET version_num = '9999'")
    for words in (("client", "list"), ADD, ("init",), ("db", "upgrade")):
        assert "not_migrated" == on_both.fails(*words, exit_code=5)["code"]


def test_init_needs_a_name(bare: Command) -> None:
    """On an empty machine `init` in a pipe asks for the organization by exit 2, and makes nothing."""
    for words in ((), ("--no-input",), ("--org", "Not A Slug")):
        assert bare.fails("init", *words, exit_code=2)["code"] in {"usage", "invalid_input"}
    assert [] == list(bare.folder.iterdir())


def test_locked(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another process keeps locked is exit 7 for writers; readers go on."""
    own(command)
    before = written(command.url)
    monkeypatch.setattr(
        Database.__init__,
        "__kwdefaults__",
        {**(Database.__init__.__kwdefaults__ or {})} | {"busy_timeout_ms": 50},
    )
    holder = sqlite3.connect(path_of(command), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        for words in (
            ("tenant", "add", "later"),
            ADD,
            ("client", "disable", "acme/Main"),
            ("test", "acme/Main"),
        ):
            error = command.fails(*words, exit_code=7)
            assert "database_unavailable" == error["code"]
            assert "locked" in error["message"]
            assert error["hint"]
        assert 1 == len(command("client", "list", "-o", "json").json)
    finally:
        holder.close()

    assert before == written(command.url)


def test_read_only(command: Command) -> None:
    """A database that may be read only is exit 7 for writers, and names the file."""
    own(command)
    with common_folder() as folder:
        readable = copied_to(command, folder, writable=False)
        for words in (("tenant", "add", "later", "-o", "json"), ("rotate-key", "-o", "json")):
            said = result_as_nobody(lambda words=words: readable(*words, exit_code=7))  # type: ignore[misc]
            assert "database_unavailable" == said.error["code"]
            assert "avnz-int.db" in said.error["message"]
            assert "" == said.stdout


def test_damaged(command: Command) -> None:
    """A file that is no database is exit 7, and stays as it is."""
    path_of(command).write_bytes(b"no database at all, " * 300)
    before = path_of(command).read_bytes()

    for words in (("client", "list"), ADD, ("init", "--org", "avnz")):
        assert "database_unavailable" == command.fails(*words, exit_code=7)["code"]
    assert before == path_of(command).read_bytes()


def test_no_server(bare: Command) -> None:
    """A server that does not answer is exit 7; its password is not shown."""
    url = {"AVNZ_INT_DATABASE_URL": "postgresql+psycopg://me:hunter2@127.0.0.1:9/avnz"}
    for words in (("whoami",), ("init", "--org", "avnz")):
        error = bare.fails(*words, exit_code=7, env=url)
        assert "database_unavailable" == error["code"]
        assert "hunter2" not in json.dumps(error)
        assert "127.0.0.1:9" in error["message"]


def test_wrong_password_of_the_server(on_postgres: Command) -> None:
    """`whoami` shows the database without its password."""
    url = on_postgres.url.replace("://", "://", 1)
    shown = on_postgres("whoami", "-o", "json").json["database"]

    assert shown.startswith("postgresql+psycopg://")
    assert url.rpartition("/")[2].split("?")[0] in shown


@pytest.mark.slow
def test_full_disk(command: Command) -> None:
    """A disk that fills up is exit 7, and the database stays as it was."""
    own(command)
    before = written(command.url)
    size = path_of(command).stat().st_size

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    said = command.process("tenant", "add", "later", "-o", "json", exit_code=7, preexec_fn=limited)
    assert "database_unavailable" == said.error["code"]
    assert "" == said.stdout
    assert size == path_of(command).stat().st_size
    assert before == written(command.url)
    assert command("audit", "verify", "-o", "json").json["valid"]


def missing(command: Command) -> None:
    """The keyring is gone."""
    command.keyring.unlink()


def exposed(command: Command) -> None:
    """The keyring can be read by others."""
    command.keyring.chmod(0o644)


def another(command: Command) -> None:
    """The keyring is another database's."""
    other = command.folder / "other"
    other.mkdir()
    with prepared(f"sqlite:///{other / 'other.db'}", other / "keyring.json"):
        pass
    shutil.copy(other / "keyring.json", command.keyring)


def damaged(command: Command) -> None:
    """The keyring does not parse."""
    command.keyring.write_text('{"keys": [', encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "code", "says"),
    [
        (missing, "key_missing", "keyring.json"),
        (exposed, "keyring_exposed", "chmod 600"),
        (another, "key_missing", "key"),
        (damaged, "keyring_invalid", "keyring.json"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_keyring(
    on_both: Command, gateway: SteeredGateway, spoil: Callable[[Command], None], code: str, says: str
) -> None:
    """A keyring that is missing, open to others, another one or damaged is exit 8; nothing is written."""
    own(on_both)
    before = written(on_both.url)
    spoil(on_both)
    kept = sorted(path.name for path in on_both.keyring.parent.iterdir())

    asked = len(gateway.requests)
    assert code == on_both.fails("test", "acme/Main", exit_code=8)["code"]
    assert asked == len(gateway.requests)
    second = ("client", "add", "paypal_payflow", "--client", "acme", "--name", "Second", *LOGIN)
    for words in (second, ("tenant", "add", "later"), ("init",), ("rotate-key",)):
        error: dict[str, Any] = on_both.fails(*words, exit_code=8)
        assert code == error["code"], words
        assert says in f"{error['message']} {error['hint']}"
    assert before == written(on_both.url)
    assert kept == sorted(path.name for path in on_both.keyring.parent.iterdir())


def test_listing_without_keyring(on_both: Command) -> None:
    """A listing opens nothing: it needs no keyring."""
    own(on_both)
    missing(on_both)

    assert ["••••"] == [row["credentials"] for row in on_both("client", "list", "-o", "json").json]
    assert 4 == len(on_both("tenant", "list", "-o", "json").json)


def test_unreadable_source(command: Command) -> None:
    """A file of secrets that the user may not read is exit 7, naming it."""
    with common_folder() as folder:
        there = copied_to(command, folder, writable=True)
        secret = folder / "secret"
        secret.write_text("hunter2", encoding="utf-8")
        secret.chmod(0o000)
        words = (*ADD[:5], "--credential", f"password=@{secret}", "-o", "json")
        said = result_as_nobody(lambda: there(*words, exit_code=None))

    assert 7 == said.code
    assert f"{secret}: Permission denied" in said.error["message"]
