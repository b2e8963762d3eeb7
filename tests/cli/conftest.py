"""Command lines over an organization with two clients and a company, or on a machine with nothing yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Command
from support.postgres import PostgresDatabases
from support.scenes import SteeredGateway
from support.services import PASSWORD, prepared


@pytest.fixture(scope="session")
def sqlite_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a prepared SQLite file and its keyring, to be copied."""
    folder = tmp_path_factory.mktemp("cli-sqlite")
    with prepared(f"sqlite:///{folder / 'avnz-int.db'}", folder / "keyring.json"):
        pass
    return folder


@pytest.fixture(scope="session")
def postgres_scene(
    postgres: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The name of a prepared PostgreSQL database, to be cloned, and the folder of its keyring."""
    folder = tmp_path_factory.mktemp("cli-postgres")
    name = postgres.create_database()
    with prepared(postgres.url(name), folder / "keyring.json"):
        pass
    yield name, folder
    postgres.drop_database(name)


@pytest.fixture
def gateway() -> Iterator[SteeredGateway]:
    """A gateway on loopback in place of Payflow's hosts."""
    with SteeredGateway() as running:
        yield running
    assert [] == running.failures


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    """Command lines on a machine where `init` was never run, and nobody to ask."""
    return Command(
        tmp_path,
        {
            "AVNZ_INT_DATABASE_URL": f"sqlite:///{tmp_path / 'data' / 'avnz-int.db'}",
            "AVNZ_INT_KEYRING": f"file://{tmp_path / 'keys' / 'keyring.json'}",
            # Nobody answers there: a test that asks without a gateway is told so at once.
            "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": "http://127.0.0.1:9",
            "PAYFLOW_PASSWORD": PASSWORD,
        },
    )


@pytest.fixture
def nothing(bare: Command, gateway: SteeredGateway) -> Command:
    """Command lines on a machine where `init` was never run."""
    bare.environment["AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"] = gateway.url
    return bare


def _take(command: Command, scene: Path) -> None:
    command.keyring.parent.mkdir(mode=0o700)
    shutil.copy(scene / "keyring.json", command.keyring)


@pytest.fixture
def command(nothing: Command, sqlite_scene: Path) -> Command:
    """Command lines over a prepared SQLite database."""
    _take(nothing, sqlite_scene)
    path = Path(nothing.url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    shutil.copy(sqlite_scene / "avnz-int.db", path)
    return nothing


@pytest.fixture
def on_postgres(
    nothing: Command, postgres: PostgresDatabases, postgres_scene: tuple[str, Path]
) -> Iterator[Command]:
    """Command lines over a prepared PostgreSQL database."""
    template, folder = postgres_scene
    _take(nothing, folder)
    name = postgres.create_database(template)
    nothing.environment["AVNZ_INT_DATABASE_URL"] = postgres.url(name)
    yield nothing
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def on_both(request: pytest.FixtureRequest) -> Command:
    """Command lines over a prepared database; the test runs once on each kind."""
    found = request.getfixturevalue("command" if request.param == "sqlite" else "on_postgres")
    assert isinstance(found, Command)
    return found
