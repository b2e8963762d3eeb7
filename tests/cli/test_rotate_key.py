"""`rotate-key` on the command line: its options, its streams, its exit codes."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest

from support.cli import Command
from support.machine import Machine, gateway, machine, template
from support.scenes import written
from support.services import add_many, execute, key_statuses, make_services, opened

__all__ = ["gateway", "machine", "template"]

KEYS = ["activeKeyId", "resealed", "pending", "unreadable", "rows"]


def fill(command: Command, count: int) -> dict[str, str]:
    """Name -> password of new integrations."""
    services = make_services(command.url, command.keyring)
    try:
        return add_many(services, count)
    finally:
        services.close()


def passwords_of(command: Command) -> dict[str, str]:
    """Name -> password of what is stored."""
    services = make_services(command.url, command.keyring)
    try:
        return opened(services)
    finally:
        services.close()


def test_retire(on_both: Command) -> None:
    """`--retire` needs `--yes` where nobody can be asked, erases the older keys, and prints the state."""
    fill(on_both, 2)
    on_both("rotate-key")
    before = written(on_both.url)
    error = on_both.fails("rotate-key", "--retire", exit_code=2)
    assert ("usage", "repeat the command with --yes") == (error["code"], error["hint"])
    assert before == written(on_both.url)

    said = on_both("rotate-key", "--retire", "--yes", "-o", "json")
    assert KEYS == list(said.json)
    assert "retired" in said.stderr
    assert ["retired", "active"] == key_statuses(on_both.url)
    assert said.json == on_both("rotate-key", "--status", "-o", "json").json


def test_retire_refused(on_both: Command) -> None:
    """What is needed is refused, exit 5, with what needs it; nothing stands on standard output."""
    fill(on_both, 2)
    on_both("rotate-key")
    error = on_both.fails("rotate-key", "--retire", "--grace", "7", "--yes", exit_code=5)

    assert "in_use" == error["code"]
    assert 1 == len(error["details"]["dependents"])
    assert "grace" in json.dumps(error["details"]["dependents"])
    assert ["decrypt_only", "active"] == key_statuses(on_both.url)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "a new key would be made, and 3 values sealed by it"),
        (("--resume",), "0 values would be sealed"),
        (("--new-key",), "a new key would be made"),
        (("--master",), "a new master key would be made"),
        (("--purpose", "audit"), "a new key for audit would be made"),
        (("--retire",), "there is no older key to retire"),
    ],
    ids=str,
)
def test_dry_run(on_both: Command, words: tuple[str, ...], says: str) -> None:
    """`--dry-run` says what would be done, prints the usual shape, and changes nothing."""
    fill(on_both, 3)
    before, keyring = written(on_both.url), on_both.keyring.read_text(encoding="utf-8")
    said = on_both("rotate-key", *words, "--dry-run", "-o", "json")

    assert KEYS == list(said.json)
    assert says in said.stderr
    assert before == written(on_both.url)
    assert keyring == on_both.keyring.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ("--retire", "--status"),
        ("--retire", "--master"),
        ("--retire", "--purpose", "audit"),
        ("--grace", "3"),
        ("--workers", "0"),
        ("--batch-size", "0"),
    ],
    ids=" ".join,
)
def test_bad_words(command: Command, words: tuple[str, ...]) -> None:
    """Options that exclude each other, and numbers out of range, are exit 2; nothing is changed."""
    before = written(command.url)
    assert "usage" == command.fails("rotate-key", *words, "--yes", exit_code=2)["code"]
    assert before == written(command.url)


@pytest.mark.parametrize("purpose", ["audit", "fingerprint"])
def test_new_key_is_told(command: Command, purpose: str) -> None:
    """The shape is that of the credentials; which key is new for another purpose is told beside it."""
    before = command("rotate-key", "--status", "-o", "json").json
    said = command("rotate-key", "--purpose", purpose, "-o", "json")
    (made,) = execute(
        command.url, "SELECT id FROM \"DataKey\" WHERE purpose = :p AND status = 'active'", p=purpose
    )[0]

    assert before == said.json
    assert f"avnz-int: the new key for {purpose} is {made}\n" == said.stderr


@pytest.mark.slow
def test_workers(on_both: Command) -> None:
    """`--workers` seals every row anew once, on SQLite by one worker; standard output has the one object."""
    expected = fill(on_both, 20)
    said = on_both.process("rotate-key", "--workers", "2", "--batch-size", "3", "-o", "json")

    assert (20, 0, 0) == tuple(said.json[name] for name in ("resealed", "pending", "unreadable"))
    assert on_both.url.startswith("sqlite") == ("one writer at a time" in said.stderr)
    assert expected == passwords_of(on_both)


@pytest.mark.slow
def test_full_disk(command: Command) -> None:
    """A disk that fills up amid a rotation is exit 7; with space again a second run finishes."""
    expected = fill(command, 60)
    path = Path(command.url.removeprefix("sqlite:///"))
    most = path.stat().st_size

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    said = command.process("rotate-key", "--batch-size", "1", "-o", "json", exit_code=7, preexec_fn=limited)
    in_use = execute(command.url, 'SELECT DISTINCT "credentialsKeyId" FROM "ClientIntegration"')
    assert "database_unavailable" == said.error["code"]
    assert "" == said.stdout
    assert 2 == len(in_use)
    assert expected == passwords_of(command)

    again = command("rotate-key", "-o", "json")
    assert "goes on" in again.stderr
    assert {again.json["activeKeyId"]: 60} == again.json["rows"]
    assert expected == passwords_of(command)
    assert command("audit", "verify", "-o", "json").json["valid"]


def test_bar(machine: Machine) -> None:
    """A terminal sees a bar with the rate, and then the state."""
    services = make_services(machine.url, machine.folder / "keyring.json")
    add_many(services, 5)
    services.close()
    with machine.screen("rotate-key", "--batch-size", "1") as screen:
        screen.sees("rows/s")
        screen.sees("activeKeyId")
