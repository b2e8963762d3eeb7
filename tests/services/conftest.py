"""Services over a prepared organization (`support.services.prepare`), on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avnz_int.wiring import Services
from support.postgres import PostgresDatabases
from support.scenes import SteeredGateway
from support.services import make_services, token_of

Opener = Callable[[], Services]


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """The keyring file of the test."""
    return tmp_path / "keys" / "keyring.json"


@pytest.fixture
def on_sqlite(tmp_path: Path, keyring: Path, prepared_sqlite: Path) -> str:
    """The URL of a prepared SQLite file of the test's own."""
    keyring.parent.mkdir(mode=0o700)
    shutil.copy(prepared_sqlite / "keyring.json", keyring)
    shutil.copy(prepared_sqlite / "avnz-int.db", tmp_path / "prepared.db")
    return f"sqlite:///{tmp_path / 'prepared.db'}"


@pytest.fixture
def on_postgres(
    keyring: Path, postgres: PostgresDatabases, prepared_postgres: tuple[str, Path]
) -> Iterator[str]:
    """The URL of a prepared PostgreSQL database of the test's own."""
    template, folder = prepared_postgres
    keyring.parent.mkdir(mode=0o700)
    shutil.copy(folder / "keyring.json", keyring)
    shutil.copy(token_of(folder / "keyring.json"), token_of(keyring))
    name = postgres.create_database(template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def prepared_url(request: pytest.FixtureRequest) -> str:
    """The URL of a prepared database of the test's own; the test runs once on each kind."""
    return str(request.getfixturevalue("on_sqlite" if request.param == "sqlite" else "on_postgres"))


@pytest.fixture
def notices() -> list[str]:
    """What a person was told."""
    return []


@pytest.fixture
def open_services(
    prepared_url: str, keyring: Path, gateway: SteeredGateway, notices: list[str]
) -> Iterator[Opener]:
    """Opens services over the test's database, each as another process would have them."""
    made: list[Services] = []

    def opener() -> Services:
        made.append(make_services(prepared_url, keyring, gateway.url, notices))
        return made[-1]

    yield opener
    for services in made:
        services.close()


@pytest.fixture
def services(open_services: Opener) -> Services:
    """Services over the test's database."""
    return open_services()
