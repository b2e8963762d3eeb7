"""Rotation, the audit trail, seeds and the schema: what each check finds, and the exit code that tells it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine, text

from support.cli import Command
from support.commands import own, platform
from support.services import execute

pytestmark = pytest.mark.sqlite_first

ROTATION = ["activeKeyId", "resealed", "pending", "unreadable", "rows"]


def test_rotation(on_both: Command) -> None:
    """`rotate-key` makes a key and seals all anew by it; what was stored still opens."""
    made = [own(on_both, "A"), own(on_both, "B"), platform(on_both)]
    before = on_both("rotate-key", "--status", "-o", "json").json
    report = on_both("rotate-key", "-o", "json").json

    assert ROTATION == list(before) == list(report)
    assert before["activeKeyId"] != report["activeKeyId"]
    assert (3, 0, 0) == (report["resealed"], report["pending"], report["unreadable"])
    assert {report["activeKeyId"]: 3} == report["rows"]
    assert {report["activeKeyId"]} == {row["keyId"] for row in on_both("client", "list", "-o", "json").json}
    for one in made:
        on_both("test", one["id"])


def test_resume_with_nothing_to_do(on_both: Command) -> None:
    """`--resume` never makes a key; with nothing to do it is exit 0."""
    own(on_both)
    before = on_both("rotate-key", "--status", "-o", "json").json

    assert before == on_both("rotate-key", "--resume", "-o", "json").json
    assert before == on_both("rotate-key", "--status", "-o", "json").json


def test_master(on_both: Command) -> None:
    """`--master` puts a new key first in the keyring; what was stored still opens."""
    own(on_both)
    before = json.loads(on_both.keyring.read_text())["keys"]
    on_both("rotate-key", "--master")
    after = json.loads(on_both.keyring.read_text())["keys"]

    assert before[0]["kid"] != after[0]["kid"]
    assert 0o600 == on_both.keyring.stat().st_mode & 0o777
    on_both("test", "acme/Main")


@pytest.mark.parametrize("purpose", ["audit", "fingerprint"])
def test_purpose(on_both: Command, purpose: str) -> None:
    """Another purpose's key is changed by itself; trail and credentials stay whole."""
    own(on_both)
    before = on_both("rotate-key", "--status", "-o", "json").json
    report = on_both("rotate-key", "--purpose", purpose, "-o", "json").json

    assert before["activeKeyId"] == report["activeKeyId"]
    assert on_both("audit", "verify", "-o", "json").json["valid"]
    on_both("test", "acme/Main")


def test_unreadable(on_both: Command) -> None:
    """A row that does not open is counted: the rest is done, then exit 8; so does `--status`."""
    own(on_both, "A")
    broken = own(on_both, "B")
    execute(
        on_both.url,
        'UPDATE "ClientIntegration" SET "clientId" = (SELECT id FROM "Client" WHERE slug = \'globex\')'
        " WHERE id = :id",
        id=broken["id"],
    )
    said = on_both("rotate-key", "-o", "json", exit_code=8)

    assert (1, 1) == (said.json["resealed"], said.json["unreadable"])
    assert ("unreadable", {"unreadable": 1}) == (said.error["code"], said.error["details"])
    assert 1 == on_both("rotate-key", "--status", "-o", "json", exit_code=8).json["unreadable"]
    on_both("test", "acme/A")


def test_whole_trail(on_both: Command) -> None:
    """A whole trail is exit 0, and says how many events it has."""
    verdict = on_both("audit", "verify", "-o", "json").json

    assert {"valid": True, "firstBadSequence": None, "reason": None} == {
        name: value for name, value in verdict.items() if name != "events"
    }
    assert f"{verdict['events']} events" in on_both("audit", "verify").stdout


@pytest.mark.parametrize("deed", ["edit", "delete", "head"])
def test_broken_trail(on_both: Command, deed: str) -> None:
    """An edited or removed event is exit 8; the verdict names it, on standard output, and the error, too."""
    statements = {
        "edit": """UPDATE "AuditEvent" SET "actorId" = 'somebody' WHERE sequence = 5 AND chain <> 'system'""",
        "delete": """DELETE FROM "AuditEvent" WHERE sequence = 5 AND chain <> 'system'""",
        "head": """UPDATE "AuditHead" SET sequence = sequence - 1 WHERE chain <> 'system'""",
    }
    execute(on_both.url, statements[deed])
    said = on_both("audit", "verify", "-o", "json", exit_code=8)

    assert said.json["valid"] is False
    assert "audit_broken" == said.error["code"]
    assert said.json["firstBadSequence"] == said.error["details"]["firstBadSequence"]
    if deed != "head":
        assert said.json["firstBadSequence"] in {5, 6}
    assert "broken" in on_both("audit", "verify", exit_code=8).stdout


def test_trail_is_filtered(on_both: Command) -> None:
    """`audit list` is limited to an actor, an action, a row, a time, the newest."""
    made = own(on_both)
    everything = on_both("audit", "list", "-o", "json").json

    def listed(*words: str) -> list[int]:
        return [event["sequence"] for event in on_both("audit", "list", *words, "-o", "json").json]

    assert [] == listed("--actor", "nobody")
    assert [e["sequence"] for e in everything if e["action"] == "client:create"] == listed(
        "--action", "client:create"
    )
    assert [e["sequence"] for e in everything if e["targetId"] == made["id"]] == listed(
        "--target", made["id"]
    )
    assert [] == listed("--since", "2999-01-01T00:00:00Z")
    assert [] == listed("--until", "2001-01-01T00:00:00Z")
    assert len(everything) == len(listed("--since", "2001-01-01T00:00:00Z"))
    assert [e["sequence"] for e in everything if e["chain"] != "system"][-2:] == listed("--limit", "2")


def test_schema(on_both: Command) -> None:
    """`db check` finds a dropped index, exit 5, and names it; a whole schema is exit 0."""
    assert {"matches": True, "differences": []} == on_both("db", "check", "-o", "json").json
    quoted = "ClientIntegration_default_key"
    names = execute(
        on_both.url,
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%isDefault%'"
        if on_both.url.startswith("sqlite")
        else "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%WHERE%isDefault%'",
    )
    quoted = names[0][0]
    execute(on_both.url, f'DROP INDEX "{quoted}"')
    said = on_both("db", "check", "-o", "json", exit_code=5)

    assert said.json["matches"] is False
    assert "differs" == said.error["code"]
    assert any(quoted in difference for difference in said.json["differences"])
    assert quoted in on_both("db", "check", exit_code=5).stdout


def test_versions(on_both: Command) -> None:
    """`db current` says where the database stands; `db upgrade` has nothing to do there."""
    found = on_both("db", "current", "-o", "json").json
    assert found["upToDate"]
    assert {"before": found["head"], "after": found["head"], "changed": False} == on_both(
        "db", "upgrade", "-o", "json"
    ).json


def test_upgrade_of_an_empty_database(bare: Command, empty_postgres_url: str) -> None:
    """A database that is there and empty is brought to our schema; `init` then makes the rest."""
    bare.environment["AVNZ_INT_DATABASE_URL"] = empty_postgres_url
    assert bare("db", "upgrade", "-o", "json").json["changed"]
    assert bare("db", "check", "-o", "json").json["matches"]

    made = bare("init", "--org", "avnz", "-o", "json").json
    assert "avnz" == made["organization"]
    token = {"AVNZ_INT_TOKEN": made["token"]}
    assert "avnz" == bare("whoami", "-o", "json", env=token).json["organization"]


def test_seeds(on_both: Command) -> None:
    """`seed --check` changes nothing and is exit 5 where the database differs; `seed` mends it, once."""
    assert [] == on_both("definitions", "seed", "--check", "-o", "json").json["updated"]
    execute(on_both.url, """UPDATE "IntegrationDefinition" SET name = 'Oktopus' WHERE provider = 'okta'""")
    said = on_both("definitions", "seed", "--check", "-o", "json", exit_code=5)

    assert (["okta"], "differs") == (said.json["updated"], said.error["code"])
    assert "Oktopus" == on_both("definitions", "show", "okta", "-o", "json").json["name"]
    assert ["okta"] == on_both("definitions", "seed", "-o", "json").json["updated"]
    assert [] == on_both("definitions", "seed", "-o", "json").json["updated"]
    on_both("definitions", "seed", "--check")


def test_validate(bare: Command) -> None:
    """`definitions validate` needs no database; a broken seed is exit 2 and named by file, path and rule."""
    assert bare("definitions", "validate", "-o", "json").json["valid"]
    shown = {"provider": "broken", "category": "sms", "credentialSchema": {"type": "object"}}
    path = bare.file("broken.json", shown)
    said = bare("definitions", "validate", path, "-o", "json", exit_code=2)

    assert (False, 1) == (said.json["valid"], said.json["files"])
    assert all(set(problem) >= {"file", "path", "rule"} for problem in said.json["problems"])
    assert {path} == {problem["file"] for problem in said.json["problems"]}
    assert said.json["problems"] == said.error["details"]["problems"]


def test_init_again(on_both: Command) -> None:
    """A second `init` changes nothing and needs no name."""
    own(on_both)
    keyring = on_both.keyring.read_bytes()
    again = on_both("init", "-o", "json")

    assert ([], [], None) == (
        again.json["definitions"]["created"],
        again.json["definitions"]["updated"],
        again.json["token"],
    )
    assert "" == again.stderr
    assert keyring == on_both.keyring.read_bytes()
    on_both("test", "acme/Main")


def test_first_init(bare: Command) -> None:
    """The first `init` makes database and keyring, the keyring for its owner only, and says to back it up."""
    made = bare("init", "--org", "avnz", "--name", "avnz.io", "-o", "json")

    assert ["organization", "database", "keyring", "definitions", "token"] == list(made.json)
    assert 24 <= len(made.json["definitions"]["created"])
    assert "back the keyring up" in made.stderr
    assert 0o600 == bare.keyring.stat().st_mode & 0o777
    assert "avnz.io" == bare("tenant", "show", "avnz", "-o", "json").json["name"]


def test_default_places(bare: Command) -> None:
    """Without settings the database is in the user's data folder, the keyring in the one for settings."""
    unset: dict[str, str | None] = {"AVNZ_INT_DATABASE_URL": None, "AVNZ_INT_KEYRING": None}
    made = bare("init", "--org", "avnz", "-o", "json", env=unset).json
    data = bare.folder / "data" / "avnz-int" / "avnz-int.db"
    keyring = bare.folder / "config" / "avnz-int" / "keyring.json"

    assert (f"sqlite:///{data}", f"file://{keyring}") == (made["database"], made["keyring"])
    assert 0o600 == keyring.stat().st_mode & 0o777
    assert 0o700 == keyring.parent.stat().st_mode & 0o777
    assert data.is_file()


def test_flags_win(command: Command) -> None:
    """`--database-url` and `--keyring` win over the environment."""
    url, keyring = command.url, command.environment["AVNZ_INT_KEYRING"]
    own(command)
    other: dict[str, str | None] = {
        "AVNZ_INT_DATABASE_URL": "sqlite:////nowhere/other.db",
        "AVNZ_INT_KEYRING": "file:///nowhere/keyring.json",
    }
    flags = ("--database-url", url, "--keyring", keyring)

    where = command(*flags, "whoami", "-o", "json", env=other).json
    assert (url, keyring) == (where["database"], where["keyring"])
    command(*flags, "test", "acme/Main", env=other)


def test_other_schema(bare: Command, empty_postgres_url: str) -> None:
    """On PostgreSQL all our tables stand in the schema that AVNZ_INT_SCHEMA names."""
    bare.environment |= {"AVNZ_INT_DATABASE_URL": empty_postgres_url, "AVNZ_INT_SCHEMA": "avnz"}
    bare.environment["AVNZ_INT_TOKEN"] = bare("init", "--org", "avnz", "-o", "json").json["token"]

    assert "avnz" == bare("whoami", "-o", "json").json["schema"]
    assert bare("db", "check", "-o", "json").json["matches"]
    bare("tenant", "add", "acme")
    statement = "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name = 'Client'"
    engine = create_engine(empty_postgres_url)
    with engine.connect() as connection:
        assert ["avnz"] == list(connection.scalars(text(statement)))
    engine.dispose()
    elsewhere = bare.fails("tenant", "list", exit_code=5, env={"AVNZ_INT_SCHEMA": "public"})
    assert elsewhere["code"] in {"not_initialized", "not_migrated"}
