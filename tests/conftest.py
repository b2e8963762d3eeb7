"""What every test has: an environment of its own, no network, and real databases for those that ask."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from avnz_int.db import migrate
from avnz_int.db.engine import Database
from support.metering import Hand
from support.postgres import PostgresDatabases, shared_server
from support.scenes import SteeredGateway
from support.services import prepared

settings.register_profile("suite", deadline=None, max_examples=30)
settings.load_profile("suite")

# Read before any test's environment is emptied.
_GIVEN_POSTGRES = os.environ.get("AVNZ_INT_TEST_POSTGRES_URL")
_DROPPED = ("AVNZ_INT_", "AWS_", "XDG_")
_FEW = 4
_ON_POSTGRES = {"postgresql", "on_postgres"}
_DROPPED_NAMES = {"CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}


if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    # Started in the background, as a job of CI may be: the processes that tests interrupt would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two for each of a few processors: much of the time is spent waiting for servers, deadlines, disks."""
    processors = os.cpu_count() or 1
    return 2 * processors if processors <= _FEW else processors


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What `sqlite_first` says of its modules; before `-m` is looked at."""
    for item in items:
        parameters = (
            item.callspec.params.values()
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else ()
        )
        if item.get_closest_marker("sqlite_first") and not _ON_POSTGRES.isdisjoint(map(str, parameters)):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the person who runs the tests: no settings, no proxies, folders of the test's own."""
    for name in list(os.environ):
        if name.startswith(_DROPPED) or name in _DROPPED_NAMES or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm")
    for name, folder in (("HOME", "home"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(tmp_path / folder))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to any other machine fails the test that tries it."""

    def guarded(original: Any) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                host = str(address[0])
                if host not in {"localhost", "::1"} and not host.startswith("127."):
                    self.close()
                    # Not an OSError: code under test would take that for a failing network.
                    raise RuntimeError(f"a test tried to connect to {host}; only loopback is allowed")
            return original(self, address)

        return connect

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresDatabases]:
    """The PostgreSQL server of this run: the one given by URL, or our own, shared by all workers."""
    if _GIVEN_POSTGRES:
        databases = PostgresDatabases(_GIVEN_POSTGRES)
        yield databases
        databases.close()
        return
    base = tmp_path_factory.getbasetemp()
    with shared_server((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "postgres") as url:
        databases = PostgresDatabases(url)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresDatabases) -> Iterator[str]:
    """The name of a migrated PostgreSQL database, to be cloned."""
    name = postgres.create_database()
    database = Database(postgres.url(name))
    migrate.upgrade(database)
    database.close()
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}", create=True)
    migrate.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a prepared SQLite file and its keyring, to be copied."""
    folder = tmp_path_factory.mktemp("prepared-sqlite")
    with prepared(f"sqlite:///{folder / 'avnz-int.db'}", folder / "keyring.json"):
        pass
    return folder


@pytest.fixture(scope="session")
def prepared_postgres(
    postgres: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The name of a prepared PostgreSQL database, to be cloned, and the folder of its keyring."""
    folder = tmp_path_factory.mktemp("prepared-postgres")
    name = postgres.create_database()
    with prepared(postgres.url(name), folder / "keyring.json"):
        pass
    yield name, folder
    postgres.drop_database(name)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    """The clock, put to any time by the test."""
    return Hand(monkeypatch)


@pytest.fixture
def gateway() -> Iterator[SteeredGateway]:
    """A gateway on loopback in place of Payflow's hosts."""
    with SteeredGateway() as running:
        yield running
    assert [] == running.failures


@pytest.fixture
def empty_postgres_url(postgres: PostgresDatabases) -> Iterator[str]:
    """The URL of a PostgreSQL database with nothing in it."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def postgres_url(postgres: PostgresDatabases, postgres_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with our tables, empty."""
    name = postgres.create_database(postgres_template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'avnz-int.db'}"


@pytest.fixture
def sqlite_url(empty_sqlite_url: str, sqlite_template: Path) -> str:
    """The URL of an SQLite file with our tables, empty."""
    shutil.copy(sqlite_template, empty_sqlite_url.removeprefix("sqlite:///"))
    return empty_sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated, empty database; the test runs once on each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without our tables; the test runs once on each kind."""
    kind = "empty_sqlite_url" if request.param == "sqlite" else "empty_postgres_url"
    return str(request.getfixturevalue(kind))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated, empty database; the test runs once on each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()
