"""`definitions show`: all that somebody has to know before an integration of the provider is made."""

from __future__ import annotations

import shutil

import pytest

from avnz_int.definitions import loader
from support.cli import Command


def test_show(on_both: Command) -> None:
    """Fields stand with where to find them and what they decide, then the test and the permission for it."""
    shown = on_both("definitions", "show", "aws_s3").stdout

    for part in (
        "Amazon S3 (aws_s3), storage, active",
        "  secretAccessKey  Secret Access Key (optional, secret)\n      The secret that AWS showed once",
        "  region  AWS Region (required, decides where secrets are sent)\n      Region of the service",
        "  bucket  Bucket (required)\n      Name of the bucket: S3 console, Buckets.",
        "\nconnection test\n  Asks AWS STS whose the credentials are, then asks for the bucket (HeadBucket)",
        "\n  needs: s3:ListBucket on the bucket",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("provider", "choice"),
    [("nmi", "  give securityKey, or username with password\n"), ("stripe", None)],
)
def test_alternatives(command: Command, provider: str, choice: str | None) -> None:
    """Where one of several fields is needed, they stand together."""
    shown = command("definitions", "show", provider).stdout
    assert choice in shown if choice else "  give " not in shown


@pytest.mark.slow
def test_kept(on_both: Command) -> None:
    """What a seed says of its test comes back from the database as it is."""
    for seed in loader.read_seeds():
        shown = on_both("definitions", "show", seed.provider, "-o", "json").json
        assert seed.credential_schema == shown["credentialSchema"]
        assert list(seed.credential_schema["x-check"]) == list(shown["credentialSchema"]["x-check"])


def test_hint_of_a_check(command: Command) -> None:
    """What would mend the difference is the command that was checked, with its options."""
    folder = command.folder / "my seeds"
    folder.mkdir()
    shutil.copy(loader.seeds_dir() / "okta.json", folder)
    words = ("definitions", "seed", "--dir", str(folder), "--prune")
    error = command(*words, "--check", "-o", "json", exit_code=5).error

    assert f"avnz-int definitions seed --dir '{folder}' --prune" == error["hint"]
    command(*words)
    command(*words, "--check")


def test_empty_folder(command: Command) -> None:
    """A folder without a seed is refused; `--prune` would otherwise deprecate every definition."""
    empty = command.folder / "empty"
    empty.mkdir()
    (empty / "README.md").write_text("no seed")
    before = command("definitions", "list", "-o", "json").json

    for words in ((), ("--check",), ("--prune",), ("--prune", "--check")):
        error = command.fails("definitions", "seed", "--dir", str(empty), *words, exit_code=2)
        assert f"{empty} holds no seed (*.json)" == error["message"]
    assert before == command("definitions", "list", "-o", "json").json
