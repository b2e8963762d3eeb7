"""Command lines over an organization with two clients and a company, or on a machine with nothing yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Command
from support.postgres import PostgresDatabases
from support.scenes import SteeredGateway
from support.services import PASSWORD, token_of


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
def command(nothing: Command, prepared_sqlite: Path) -> Command:
    """Command lines over a prepared SQLite database."""
    _take(nothing, prepared_sqlite)
    path = Path(nothing.url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    shutil.copy(prepared_sqlite / "avnz-int.db", path)
    return nothing


@pytest.fixture
def on_postgres(
    nothing: Command, postgres: PostgresDatabases, prepared_postgres: tuple[str, Path]
) -> Iterator[Command]:
    """Command lines over a prepared PostgreSQL database."""
    template, folder = prepared_postgres
    _take(nothing, folder)
    token = token_of(folder / "keyring.json")
    shutil.copy(token, token_of(nothing.keyring))
    nothing.environment["AVNZ_INT_TOKEN"] = token.read_text()
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
