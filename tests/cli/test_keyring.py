"""`keyring show`, `migrate`, `prune` as commands: what is printed, asked and refused."""

from __future__ import annotations

import json

import pytest

from support.cli import Command


def secrets_of(text: str) -> list[str]:
    """The key material in a keyring file."""
    return [jwk["k"] for jwk in json.loads(text)["keys"]]


def test_show(command: Command) -> None:
    """Ids, ages and fingerprints are shown in every form, and no key."""
    command("rotate-key", "--master")
    view = command("keyring", "show", "-o", "json").json
    table = command("keyring", "show").stdout

    assert ["keyring", "keys"] == list(view)
    assert f"file://{command.keyring}" == view["keyring"]
    assert ["id", "state", "createdAt", "ageDays", "fingerprint", "dataKeys"] == list(view["keys"][0])
    assert ["active", "older"] == [key["state"] for key in view["keys"]]
    assert all(key["id"] in table and key["fingerprint"] in table for key in view["keys"])
    for form in ("table", "json", "jsonl", "csv"):
        said = command("keyring", "show", "-o", form)
        assert not any(k in said.stdout + said.stderr for k in secrets_of(command.keyring.read_text()))


def test_migrate(command: Command) -> None:
    """The other keyring is made, and what to change in the configuration is said on standard error."""
    other = f"file://{command.folder / 'elsewhere' / 'keyring.json'}"
    kept = command.keyring.read_bytes()
    moved = command("keyring", "migrate", "--to", other, "-o", "json")

    assert other == moved.json["keyring"]
    assert f"AVNZ_INT_KEYRING={other}" in moved.stderr
    assert kept == command.keyring.read_bytes()
    assert "key_missing" == command.fails("audit", "verify", exit_code=8)["code"]
    assert command("audit", "verify", "-o", "json", env={"AVNZ_INT_KEYRING": other}).json["valid"]


@pytest.mark.parametrize(
    ("to", "exit_code"),
    [("", 2), ("keyring.json", 2), ("aws-kms://", 2), ("aws-secretsmanager://a?region=x y", 2)],
)
def test_migrate_refused(command: Command, to: str, exit_code: int) -> None:
    """What names no keyring is a usage error, and nothing is changed."""
    kept = command.keyring.read_bytes()
    command.fails("keyring", "migrate", "--to", to, exit_code=exit_code)
    assert kept == command.keyring.read_bytes()
    assert command("audit", "verify", "-o", "json").json["valid"]


def test_prune(command: Command) -> None:
    """Removing needs `--yes` where nobody can be asked; then only the active key is left."""
    nothing = command("keyring", "prune", "-o", "json")
    command("rotate-key", "--master")
    kept = command.keyring.read_bytes()
    refused = command.fails("keyring", "prune", exit_code=2)
    unchanged = command.keyring.read_bytes()
    view = command("keyring", "prune", "--yes", "-o", "json").json

    assert "no master key to remove" in nothing.stderr
    assert "--yes" in refused["message"]
    assert kept == unchanged
    assert ["active"] == [key["state"] for key in view["keys"]]
    assert [view["keys"][0]["id"]] == [jwk["kid"] for jwk in json.loads(command.keyring.read_text())["keys"]]
    assert command("audit", "verify", "-o", "json").json["valid"]
