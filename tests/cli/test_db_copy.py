"""`db copy` as it is typed: where the target is named, and what is printed."""

from __future__ import annotations

import pytest

from support.cli import Command
from support.commands import own


def test_copy(on_both: Command) -> None:
    """Everything is in the copy, which the same keyring opens; the object says what was looked at."""
    made = own(on_both)
    target = f"sqlite:///{on_both.folder / 'copy.db'}"
    told = on_both("db", "copy", "--to", target, "-o", "json").json

    assert ["from", "to", "rows", "events", "opened"] == list(told)
    assert (target, 1, 2) == (told["to"], told["opened"], told["rows"]["Client"])
    there = {"AVNZ_INT_DATABASE_URL": target}
    assert made["id"] == on_both("client", "show", "acme/Main", "-o", "json", env=there).json["id"]
    assert on_both("audit", "verify", "-o", "json", env=there).json["valid"] is True
    assert "conflict" == on_both.fails("db", "copy", "--to", target, exit_code=5)["code"]


@pytest.mark.slow
def test_to_postgres(command: Command, empty_postgres_url: str) -> None:
    """The URL may stand in a variable."""
    own(command)
    told = command("db", "copy", "--to", "env:TARGET", "-o", "json", env={"TARGET": empty_postgres_url}).json
    assert 1 == told["rows"]["ClientIntegration"]
    assert command("db", "check", env={"AVNZ_INT_DATABASE_URL": empty_postgres_url}).code == 0


@pytest.mark.parametrize(
    ("to", "word"),
    [
        ("postgresql+psycopg://me:s3cr3t-canary@127.0.0.1/x", "password"),
        ("env:NOT_SET", "NOT_SET"),
        ("env:", "names no variable"),
        ("mysql://me@127.0.0.1/x", "mysql"),
        ("", "empty"),
    ],
)
def test_target(command: Command, to: str, word: str) -> None:
    """A password on the command line, a variable that is not set and another kind of database are exit 2."""
    error = command.fails("db", "copy", "--to", to, exit_code=2)
    assert word in error["message"]
    assert "s3cr3t-canary" not in str(error)


def test_nothing_there(bare: Command) -> None:
    """Without a database there is nothing to copy, and no target is made."""
    target = bare.folder / "copy.db"
    assert "not_initialized" == bare.fails("db", "copy", "--to", f"sqlite:///{target}", exit_code=5)["code"]
    assert not target.exists()
