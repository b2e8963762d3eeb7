"""Tokens on the command line: how one is got, kept and ended, and that its text is nowhere else."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from avnz_int import clock
from avnz_int.model.tokens import new_text
from avnz_int.services.tenants import Tenants
from support.cli import Command
from support.commands import leaves, own, words_of
from support.services import dump, execute, token_of

SLOW = {"demo"}
NO_DATABASE = {"definitions schema", "definitions validate"}


def create(command: Command, role: str, *more: str, name: str = "one") -> dict[str, Any]:
    """A new token, with its text."""
    made: dict[str, Any] = command(
        "token", "create", "--role", role, "--name", name, *more, "-o", "json"
    ).json
    return made


# --- getting and ending one -----------------------------------------------------------------------


def test_life(on_both: Command) -> None:
    """A token is printed once, works, is listed without its text, and is worth nothing once revoked."""
    said = on_both("token", "create", "--role", "auditor", "--name", "ci", "--expires", "90d", "-o", "json")
    token = said.json["token"]
    assert "keep the token now" in said.stderr
    assert [said.json["id"], "auditor"] == [
        on_both("whoami", "-o", "json", env={"AVNZ_INT_TOKEN": token}).json[key] for key in ("actor", "role")
    ]
    for form in ("json", "table", "csv", "jsonl"):
        assert token[12:] not in on_both("token", "list", "-o", form).stdout
    (listed,) = [view for view in on_both("token", "list", "-o", "json").json if view["name"] == "ci"]
    assert ("active", token[:12], None) == (listed["status"], listed["prefix"], listed["client"])
    assert listed["lastUsedAt"] > listed["createdAt"]
    left = clock.parse_rfc3339(listed["expiresAt"]) - clock.parse_rfc3339(listed["createdAt"])
    assert 90 == round(left.total_seconds() / 86400, 3)

    assert "this needs --yes" in on_both.fails("token", "revoke", "ci", exit_code=2)["message"]
    assert "revoked" == on_both("token", "revoke", "ci", "--yes", "-o", "json").json["status"]
    for words in (
        ("whoami",),
        ("tenant", "list"),
        ("db", "check"),
        ("init",),
        ("token", "create", "--bootstrap"),
    ):
        error = on_both.fails(*words, exit_code=4, env={"AVNZ_INT_TOKEN": token})
        assert "unauthenticated" == error["code"]
        assert token not in json.dumps(error)


def test_last_admin(command: Command) -> None:
    """The last live token of an org_admin is not revoked: exit 5, and the hint says what to do."""
    create(command, "org_admin")
    error = command.fails("token", "revoke", "one", "--yes", exit_code=5)

    assert ("conflict", True) == (error["code"], "token create" in error["hint"])


def test_bootstrap(on_both: Command) -> None:
    """`--bootstrap` takes no token but the keyring."""
    nobody: dict[str, str | None] = {"AVNZ_INT_TOKEN": None}
    made = on_both("token", "create", "--bootstrap", "-o", "json", env=nobody).json
    assert ("org_admin", "bootstrap", "os:") == (made["role"], made["name"], made["createdBy"][:3])
    assert made["id"] == on_both("whoami", "-o", "json", env={"AVNZ_INT_TOKEN": made["token"]}).json["actor"]

    on_both.keyring.rename(on_both.folder / "elsewhere.json")
    error = on_both.fails("token", "create", "--bootstrap", exit_code=8, env=nobody)
    assert "key_missing" == error["code"]


def test_postgresql_wants_one(on_postgres: Command) -> None:
    """Without a token every command that looks into a PostgreSQL database is exit 4, but the operator's."""
    own(on_postgres)
    nobody: dict[str, str | None] = {"AVNZ_INT_TOKEN": None}
    free = {"init", "db upgrade", "db current", "db check", *NO_DATABASE, *SLOW}
    wrong = {}
    for name in leaves():
        result = on_postgres(*words_of(name), env=nobody, exit_code=None) if name not in SLOW else None
        if result and (result.code == 4) == (name in free):
            wrong[name] = result
    assert {} == wrong
    hint = on_postgres.fails("whoami", exit_code=4, env=nobody)["hint"]
    assert "token create --bootstrap" in hint


def test_init_on_postgresql(bare: Command, empty_postgres_url: str) -> None:
    """The first `init` issues a token, into a private file if asked; the next ones none."""
    bare.environment["AVNZ_INT_DATABASE_URL"] = empty_postgres_url
    path = bare.folder / "operator.token"
    made = bare("init", "--org", "avnz", "--token-file", str(path), "-o", "json")
    assert made.json["token"] is None
    assert f"the token is in {path}" in made.stderr
    assert 0o600 == path.stat().st_mode & 0o777
    token = path.read_text()
    assert "org_admin" == bare("whoami", "-o", "json", env={"AVNZ_INT_TOKEN": token}).json["role"]

    again = bare("init", "--token-file", str(bare.folder / "other"), "-o", "json")
    assert again.json["token"] is None
    assert "no token was issued" in again.stderr
    assert not (bare.folder / "other").exists()
    execute(empty_postgres_url, 'UPDATE "Token" SET "revokedAt" = now(), "revokedBy" = \'me\'')
    printed = bare("init").stdout
    assert "token         avnzint_" in printed


# --- the file of a token --------------------------------------------------------------------------


def test_token_file(command: Command) -> None:
    """The file is private, holds the token alone, and a token of one's own there is replaced."""
    path = command.folder / "token"
    words = ("--token-file", str(path))
    made = create(command, "auditor", *words)
    first = path.read_text()
    assert made["token"] is None
    assert (0o600, os.geteuid()) == (path.stat().st_mode & 0o777, path.stat().st_uid)
    assert made["id"] == command("whoami", "-o", "json", env={"AVNZ_INT_TOKEN": first}).json["actor"]

    path.chmod(0o644)
    create(command, "auditor", *words, name="two")
    assert first != path.read_text()
    assert 0o600 == path.stat().st_mode & 0o777
    assert ["token"] == [found.name for found in command.folder.glob("*token*")]


@pytest.mark.parametrize("there", ["notes", "link", "folder", "dangling", "stdout", "nowhere"])
def test_token_file_refused(command: Command, there: str) -> None:
    """Nothing else is overwritten or followed, and no token is made that could not be kept."""
    path = command.folder / "given"
    code = 5
    if there == "notes":
        path.write_text("my notes\n")
    elif there in {"link", "dangling"}:
        target = command.folder / "target"
        if there == "link":
            target.write_text(new_text())
        path.symlink_to(target)
    elif there == "folder":
        path.mkdir()
    elif there == "stdout":
        path, code = Path("-"), 2
    else:
        path, code = path / "below" / "token", 2
    before = dump(command.url)
    command.fails(
        "token", "create", "--role", "auditor", "--name", "n", "--token-file", str(path), exit_code=code
    )

    assert before == dump(command.url)
    assert there != "notes" or path.read_text() == "my notes\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--name", "n"), 2),
        (("--role", "auditor"), 2),
        (("--role", "king", "--name", "n"), 2),
        (("--role", "client_admin", "--name", "n"), 2),
        (("--role", "service", "--client", "acme", "--name", "n"), 2),
        (("--role", "client_admin", "--client", "nobody", "--name", "n"), 3),
        (("--role", "auditor", "--name", "n", "--expires", "soon"), 2),
        (("--role", "auditor", "--name", "n", "--expires", "0s"), 2),
        (("--role", "auditor", "--name", "n", "--expires", "36501d"), 2),
        (("--role", "auditor", "--name", "n", "--expires", "2020-01-01T00:00:00Z"), 2),
        (("--role", "auditor", "--name", "n", "--expires", "2030-01-01T00:00:00"), 2),
        (("--role", "auditor", "--name", "n", "--expires", "0001-01-01T00:00:00+14:00"), 2),
        (("--bootstrap", "--role", "auditor"), 2),
        (("--bootstrap", "--client", "acme"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong(command: Command, words: tuple[str, ...], code: int) -> None:
    """What makes no sense is refused, and no token is made."""
    before = dump(command.url)["Token"]
    command.fails("token", "create", *words, exit_code=code)

    assert before == dump(command.url)["Token"]


def test_end_by_time(command: Command) -> None:
    """An end may be an RFC 3339 time, of any offset."""
    made = create(command, "auditor", "--expires", "2999-01-01T02:00:00.123456+02:00")
    assert "2999-01-01T00:00:00.123Z" == made["expiresAt"]


# --- a token's text is nowhere --------------------------------------------------------------------


def test_canary(command: Command, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a token in use, of a refused and of a new one: on no stream, in no log, row or file."""
    caplog.set_level(logging.DEBUG)
    own(command)
    used = create(command, "org_admin", name="used")["token"]
    wrong, typo = new_text(), used[:-1]
    path = command.folder / "given.token"
    said = []
    for token, form in ((used, "json"), (wrong, "table"), (typo, "json")):
        env = {"AVNZ_INT_TOKEN": token}
        for words in (
            *(
                words_of(name)
                for name in ("whoami", "tenant list", "client show", "audit list", "token list")
            ),
            ("token", "create", "--role", "auditor", "--name", "n", "--token-file", str(path)),
            ("token", "revoke", token, "--yes"),
            ("token", "create", "--role", "auditor", "--name", token),
            ("db", "check"),
            ("init",),
        ):
            result = command("-v", *words, "-o", form, env=env, exit_code=None)
            assert result.code != 1, result
            said.append(result.stdout + result.stderr)

    def crash(*_: object) -> None:
        raise RuntimeError(os.environ["AVNZ_INT_TOKEN"])

    monkeypatch.setattr(Tenants, "listing", crash)
    said.append(command("-v", "tenant", "list", exit_code=1, env={"AVNZ_INT_TOKEN": used}).stderr)
    kept = path.read_text().strip()
    texts = [*said, *(f"{r.getMessage()} {r.__dict__}" for r in caplog.records), repr(dump(command.url))]
    skipped = {path, token_of(command.keyring)}
    files = [found for found in command.folder.rglob("*") if found.is_file() and found not in skipped]
    texts += [found.read_bytes().decode("latin-1") for found in files]
    for token in (used, wrong, kept):
        assert [] == [text for text in texts if token[12:44] in text]
