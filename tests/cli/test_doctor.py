"""`doctor` on a command line: what it prints, how it exits, what files and folders can do to it."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sqlite3
from pathlib import Path

import pytest

from avnz_int.db.migrations import VERSION_TABLE
from support.cli import Command
from support.commands import own, platform
from support.services import execute

pytestmark = pytest.mark.sqlite_first


@pytest.fixture
def healthy(on_both: Command) -> Command:
    """Command lines over a database in which all is as it should be."""
    own(on_both, "Main", "--default")
    platform(on_both)
    return on_both


def path_of(command: Command) -> Path:
    """The SQLite file."""
    return Path(command.url.removeprefix("sqlite:///"))


def test_healthy(healthy: Command) -> None:
    """Where all is well that is said, and the exit code is 0."""
    found = healthy("doctor", "-o", "json").json

    assert ["healthy", "findings", "checks", "fixed"] == list(found)
    assert (True, 0) == (found["healthy"], found["fixed"])
    assert all({"name", "findings"} == set(check) for check in found["checks"])
    assert {"seals", "audit", "keyring", "merchant-accounts"} < {check["name"] for check in found["checks"]}
    assert f"{len(found['checks'])} checks: " in healthy("doctor").stdout


def test_integrity(healthy: Command) -> None:
    """A row that does not open is exit 8 in every format, which all name the row."""
    execute(healthy.url, """UPDATE "ClientIntegration" SET environment = 'sandbox'""")
    execute(healthy.url, """UPDATE "MerchantAccount" SET environment = 'sandbox' WHERE name = 'Main'""")
    ref = "acme/paypal_payflow/Main"

    said = healthy("doctor", "-o", "json", exit_code=8)
    (finding,) = [one for one in said.json["findings"] if one["severity"] == "integrity"]
    assert ["check", "severity", "target", "message", "remedy", "fixable", "fixed"] == list(finding)
    assert ("seals", ref) == (finding["check"], finding["target"]["ref"])
    assert "integrity" == said.error["code"]
    assert "1 of integrity" in said.error["message"]
    assert ref in healthy("doctor", exit_code=8).stdout
    assert ref in {
        one["target"] and one["target"]["ref"] for one in healthy("doctor", "-o", "jsonl", exit_code=8).lines
    }
    rows = list(csv.DictReader(io.StringIO(healthy("doctor", "-o", "csv", exit_code=8).stdout)))
    assert ref in {row["ref"] for row in rows}


def test_fix(healthy: Command) -> None:
    """`--fix` mends and says what; what it printed as a remedy before works as it stands."""
    execute(healthy.url, 'DELETE FROM "MerchantAccount"')
    execute(healthy.url, """UPDATE "IntegrationDefinition" SET name = 'X' WHERE provider = 'okta'""")
    said = healthy("doctor", "-o", "json", exit_code=5)
    before = said.json
    assert "to_be_mended" == said.error["code"]
    remedies = {one["remedy"] for one in before["findings"] if one["severity"] == "mend"}
    assert {"avnz-int doctor --fix", "avnz-int definitions seed"} == remedies

    healthy("definitions", "seed")
    said = healthy("doctor", "--fix")
    assert "fixed: acme/paypal_payflow/Main is a payment gateway and has no merchant account" in said.stdout
    assert "2 fixed" in said.stdout
    healthy("doctor")
    assert 2 == len(healthy("audit", "list", "--action", "doctor:fix", "-o", "json").json)


def test_odd_name(healthy: Command) -> None:
    """A remedy is a command line that a shell takes as it is, whatever the integration is called."""
    own(healthy, "it's $HOME: `x`")
    execute(healthy.url, """UPDATE "ClientIntegration" SET status = 'error' WHERE name <> 'Main'""")
    execute(healthy.url, """UPDATE "MerchantAccount" SET status = 'error' WHERE name LIKE 'it%'""")
    found = healthy("doctor", "-o", "json", exit_code=5).json
    (remedy,) = {one["remedy"] for one in found["findings"] if one["check"] == "status"}

    healthy(*shlex.split(remedy)[1:])
    healthy("doctor")


def test_keyring_missing(healthy: Command) -> None:
    """Without a keyring that is said, once; what needs no key is looked at all the same."""
    healthy.keyring.rename(healthy.folder / "elsewhere")
    execute(healthy.url, """UPDATE "ClientIntegration" SET status = 'error'""")
    found = healthy("doctor", "-o", "json", exit_code=8).json

    assert ["keyring"] == [one["check"] for one in found["findings"] if one["severity"] == "integrity"]
    assert {"status", "merchant-accounts"} <= {one["check"] for one in found["findings"]}
    assert 8 == healthy("doctor", "--fix", exit_code=None).code


def test_keyring_exposed(healthy: Command) -> None:
    """A keyring that others can read is exit 8, and its remedy closes it; so is the folder's."""
    healthy.keyring.chmod(0o644)
    found = healthy("doctor", "-o", "json", exit_code=8).json
    assert f"chmod 600 {healthy.keyring}" == found["findings"][0]["remedy"]

    healthy.keyring.chmod(0o600)
    healthy.keyring.parent.chmod(0o777)
    (finding,) = [
        one
        for one in healthy("doctor", "-o", "json", exit_code=5).json["findings"]
        if one["severity"] == "mend"
    ]
    assert f"chmod go-w {healthy.keyring.parent}" == finding["remedy"]


def test_keyring_of_another(healthy: Command, tmp_path: Path) -> None:
    """With the keyring of another database every data key is named, and exit 8."""
    other = Command(tmp_path, dict(healthy.environment))
    other.environment |= {
        "AVNZ_INT_DATABASE_URL": f"sqlite:///{tmp_path / 'other.db'}",
        "AVNZ_INT_KEYRING": f"file://{tmp_path / 'other.json'}",
    }
    other.environment.pop("AVNZ_INT_TOKEN", None)
    other("init", "--org", "other")
    found = healthy("--keyring", other.environment["AVNZ_INT_KEYRING"], "doctor", "-o", "json", exit_code=8)

    assert 3 == len([one for one in found.json["findings"] if one["check"] == "data-keys"])


def test_files(command: Command) -> None:
    """A database file that everybody can read is to be mended, and is."""
    path_of(command).chmod(0o644)
    assert "mode 0644" in command("doctor", exit_code=5).stdout
    command("doctor", "--fix")

    assert 0o600 == path_of(command).stat().st_mode & 0o777
    command("doctor")


def test_damaged_file(command: Command) -> None:
    """Pages of the file that were overwritten are found, and are exit 8."""
    for name in ("A", "B", "C"):
        own(command, name)
    path = path_of(command)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'MerchantAccount'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    found = command("doctor", "-o", "json", exit_code=8).json

    assert any(one["check"] == "storage" for one in found["findings"])
    assert [0] == [check["findings"] for check in found["checks"] if check["name"] == "seals"]


def test_dangling(command: Command) -> None:
    """A row that refers to one that is gone is found, and is exit 8."""
    own(command)
    with sqlite3.connect(path_of(command)) as connection:
        connection.execute("DELETE FROM \"Client\" WHERE slug = 'acme'")
    connection.close()
    found = command("doctor", "-o", "json", exit_code=8).json

    assert any("refers to a row of Client" in one["message"] for one in found["findings"])


def test_odd_columns(command: Command) -> None:
    """Text and NULL where neither belongs are findings, and stop no other check."""
    own(command)
    with sqlite3.connect(path_of(command), isolation_level=None) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute('UPDATE "DataKey" SET "sealCount" = \'many\'')
        connection.execute("UPDATE \"ClientIntegration\" SET settings = '{', \"lastTestedAt\" = 'once'")
        connection.execute(
            "UPDATE \"IntegrationDefinition\" SET settingsSchema = '[' WHERE provider = 'okta'"
        )
        connection.execute("UPDATE \"AuditHead\" SET sequence = 'last'")
    connection.close()
    found = command("doctor", "-o", "json", exit_code=8).json

    checks = {one["check"] for one in found["findings"] if one["severity"] == "integrity"}
    assert {"seals", "seal-counts", "audit"} <= checks


def test_not_migrated(command: Command) -> None:
    """A database of another version is a finding, exit 5, with the command that brings it up to date."""
    execute(command.url, f"""UPDATE "{VERSION_TABLE}" SET version_num = '0001'""")
    found = command("doctor", "-o", "json", exit_code=5).json

    assert [("schema", "mend")] == [(one["check"], one["severity"]) for one in found["findings"]]
    assert "db upgrade" in found["findings"][0]["remedy"]


def test_checkpoint_missing(command: Command) -> None:
    """A checkpoint that is not there is exit 3, and no examination."""
    assert "not_found" == command.fails("doctor", "--checkpoint", "/nowhere/at/all", exit_code=3)["code"]


@pytest.mark.parametrize("words", [("--stale", "soon"), ("--lint", "--max-age", "90")])
def test_durations(command: Command, words: tuple[str, ...]) -> None:
    """An age that is none is exit 2."""
    assert "usage" == command.fails("doctor", *words, exit_code=2)["code"]


def test_lint(healthy: Command) -> None:
    """`--lint` looks at secrets alone; the same one with the platform and a client is exit 5."""
    found = healthy("doctor", "--lint", "-o", "json", exit_code=5).json

    assert ["lint-same-secret"] == [one["check"] for one in found["findings"]]
    assert ["fingerprints", "lint-same-secret", "lint-environment", "lint-age"] == [
        check["name"] for check in found["checks"]
    ]
    assert "correct horse" not in json.dumps(found)
    both = healthy("doctor", "--fix", "--lint", "-o", "json", exit_code=5).json
    assert {"seals", "lint-age"} < {check["name"] for check in both["checks"]}
