"""The doctor on damage done by SQL to keys, sealed values, trail and schema: found, and named by its row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from avnz_int.model.doctor import Severity
from avnz_int.wiring import Services
from support.doctor import MAIN, MAIN_OF_ACME, examined, healthy_scene, only, told
from support.scenes import (
    ADMIN,
    replaced,
)
from support.services import execute

pytestmark = pytest.mark.slow

scene = healthy_scene


def _moved(url: str) -> None:
    execute(url, """UPDATE "ClientIntegration" SET environment = 'sandbox'""" + MAIN_OF_ACME)


def _broken_json(url: str) -> None:
    value = "'{}'" if url.startswith("sqlite") else "'{}'::jsonb"
    execute(url, f'UPDATE "ClientIntegration" SET "credentials" = {value}' + MAIN_OF_ACME)


def _odd_settings(url: str) -> None:
    value = "'[1]'" if url.startswith("sqlite") else "'[1]'::jsonb"
    execute(url, f'UPDATE "ClientIntegration" SET "settings" = {value}' + MAIN_OF_ACME)


@pytest.mark.parametrize("damage", [_moved, _broken_json, _odd_settings])
def test_unreadable(scene: Services, prepared_url: str, damage: Callable[[str], None]) -> None:
    """A value that does not open is named by its row, with the command that replaces it; no other is."""
    damage(prepared_url)
    found = told(examined(scene), "seals")

    assert [(Severity.INTEGRITY, MAIN)] == [(one.severity, one.target and one.target.ref) for one in found]
    assert f"avnz-int client update {MAIN} --credentials-file credentials.json" == found[0].remedy
    assert not found[0].fixable


def test_unreadable_previous(scene: Services, prepared_url: str) -> None:
    """Credentials from before are looked at, too; what replaces them without keeping any mends it."""
    replaced(scene, "acme/Main", test=True)
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "previousEnvironment" = \'sandbox\'' + MAIN_OF_ACME)
    finding = only(examined(scene), "seals")

    assert "previousCredentials" in finding.message
    assert finding.remedy.endswith("--keep-previous 0s")


def test_lost_key(scene: Services, prepared_url: str) -> None:
    """A data key that does not open is named, and so is every row that needs it."""
    key = execute(prepared_url, """SELECT id FROM "DataKey" WHERE purpose = 'credentials'""")[0][0]
    value = "'{}'" if prepared_url.startswith("sqlite") else "'{}'::jsonb"
    execute(prepared_url, f"""UPDATE "DataKey" SET "wrappedKey" = {value} WHERE purpose = 'credentials'""")
    found = examined(scene)

    assert [key] == [one.target and one.target.id for one in told(found, "data-keys")]
    assert {MAIN, "globex/paypal_payflow/Main", "platform/paypal_payflow"} == {
        one.target and one.target.ref for one in told(found, "seals")
    }
    assert all(key in one.message for one in told(found, "seals"))


def test_wrong_key_id(scene: Services, prepared_url: str) -> None:
    """A value beside which another key stands than the one in its header is found; a rotation mends it."""
    execute(
        prepared_url,
        """UPDATE "ClientIntegration" SET "credentialsKeyId" ="""
        """ (SELECT id FROM "DataKey" WHERE purpose = 'audit')""" + MAIN_OF_ACME,
    )
    finding = only(examined(scene), "seals")

    assert "another key id" in finding.message
    assert "avnz-int rotate-key --new-key" == finding.remedy
    scene.keys.rotate(ADMIN, new_key=True)
    assert examined(scene).healthy


def test_older_seals(scene: Services, prepared_url: str) -> None:
    """Values that a rotation left on an older key are counted."""
    scene.keys.rotate(ADMIN)
    first, last = execute(
        prepared_url,
        """SELECT id FROM "DataKey" WHERE purpose = 'credentials' ORDER BY "activatedAt", status DESC""",
    )
    execute(prepared_url, """UPDATE "DataKey" SET status = 'decrypt_only' WHERE id = :id""", id=last[0])
    execute(prepared_url, """UPDATE "DataKey" SET status = 'active' WHERE id = :id""", id=first[0])
    finding = only(examined(scene), "rotation")

    assert finding.message.startswith("3 sealed values are still on older keys")
    assert "avnz-int rotate-key --resume" == finding.remedy


@pytest.mark.parametrize(
    ("count", "severity"), [(1, Severity.INTEGRITY), (2**31 + 5, Severity.MEND), (2**32 + 1, Severity.MEND)]
)
def test_seal_counts(scene: Services, prepared_url: str, count: int, severity: Severity) -> None:
    """A count below what is there was set back; one near its limit asks for a rotation."""
    execute(prepared_url, """UPDATE "DataKey" SET "sealCount" = :n WHERE purpose = 'credentials'""", n=count)
    finding = only(examined(scene), "seal-counts")

    assert severity is finding.severity
    assert "avnz-int rotate-key --new-key" == finding.remedy


def test_no_active_key(scene: Services, prepared_url: str) -> None:
    """A purpose without an active key is found; what is sealed is still looked at, and opens."""
    execute(prepared_url, """UPDATE "DataKey" SET status = 'decrypt_only' WHERE purpose = 'credentials'""")
    found = examined(scene)

    assert "no active key for credentials" in told(found, "active-keys")[0].message
    assert [] == told(found, "seals")


def test_two_active_keys(scene: Services, prepared_url: str) -> None:
    """Two active keys of one purpose are found, and the index that let them in."""
    scene.keys.rotate(ADMIN)
    execute(prepared_url, 'DROP INDEX "DataKey_one_active"')
    execute(
        prepared_url,
        """UPDATE "DataKey" SET status = 'active' WHERE purpose = 'credentials'""",
    )
    found = examined(scene)

    assert "2 active keys for credentials" in told(found, "active-keys")[0].message
    assert ["DataKey"] == [one.target and one.target.ref for one in told(found, "schema")]


def test_trail(scene: Services, prepared_url: str) -> None:
    """A broken trail is found with the number of the event."""
    execute(
        prepared_url,
        """UPDATE "AuditEvent" SET "actorId" = 'x' WHERE sequence = 5 AND chain <> 'system'""",
    )
    finding = only(examined(scene), "audit")

    assert (Severity.INTEGRITY, "event 5") == (finding.severity, finding.target and finding.target.ref)


def test_checkpoint(scene: Services, prepared_url: str, tmp_path: Path) -> None:
    """An end that was cut off together with its head is found against a checkpoint."""
    export = scene.audit.export(ADMIN, tmp_path / "checkpoint")
    list(export)
    export.finish()
    execute(
        prepared_url,
        "DELETE FROM \"AuditEvent\" WHERE chain <> 'system' AND sequence ="
        " (SELECT max(sequence) FROM \"AuditEvent\" WHERE chain <> 'system')",
    )
    execute(
        prepared_url,
        'UPDATE "AuditHead" SET sequence = sequence - 1, mac = (SELECT mac FROM "AuditEvent" e WHERE'
        ' e.chain = "AuditHead".chain AND e.sequence = "AuditHead".sequence - 1) WHERE chain <> \'system\'',
    )

    assert "cut off" in only(examined(scene, checkpoint=tmp_path / "checkpoint"), "audit").message
    assert examined(scene).healthy


def test_constraint(scene: Services, prepared_url: str) -> None:
    """A dropped CHECK is found, and the rows that went against it meanwhile."""
    if prepared_url.startswith("sqlite"):
        with scene.database.raw() as connection:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.exec_driver_sql("UPDATE \"ClientIntegration\" SET mode = 'platform'" + MAIN_OF_ACME)
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
            connection.commit()
    else:
        execute(prepared_url, 'ALTER TABLE "ClientIntegration" DROP CONSTRAINT "ClientIntegration_own_check"')
        execute(
            prepared_url,
            'ALTER TABLE "ClientIntegration" DROP CONSTRAINT "ClientIntegration_platform_check"',
        )
        execute(prepared_url, "UPDATE \"ClientIntegration\" SET mode = 'platform'" + MAIN_OF_ACME)
    row = scene.clients.find(ADMIN, "acme/Main").id
    found = told(examined(scene), "schema")

    broken = [one.message for one in found if "breaks the constraint" in one.message]
    assert 2 == len(broken)
    assert all(row in message for message in broken)
    assert any("CHECK own" in message or "own_check" in message for message in broken)


def test_not_valid(services: Services, prepared_url: str) -> None:
    """A constraint that PostgreSQL never validated is found, with the statement that does."""
    if prepared_url.startswith("sqlite"):
        pytest.skip("of PostgreSQL")
    table, name = "ClientIntegration", "ClientIntegration_own_check"
    definition = """CHECK (((mode = 'own'::text) = (credentials IS NOT NULL)))"""
    execute(prepared_url, f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
    execute(prepared_url, f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition} NOT VALID')
    finding = only(examined(services), "schema")

    assert f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"' in finding.remedy
    execute(prepared_url, finding.remedy.removeprefix("in psql: "))
    assert examined(services).healthy


def test_dropped_table(scene: Services, prepared_url: str) -> None:
    """A table that is gone is a finding, and stops no other check."""
    execute(prepared_url, 'DROP TABLE "Token"')
    found = examined(scene)

    assert ["Token: the table is missing"] == [one.message for one in told(found, "schema")]
    assert "could not be finished" in told(found, "tokens")[0].message


def test_dropped_keys(scene: Services, prepared_url: str) -> None:
    """Where not even the keys can be read, what is missing is told and nothing else is tried."""
    execute(prepared_url, 'ALTER TABLE "DataKey" RENAME TO "Gone"')
    found = examined(scene)

    assert ["schema"] == [check.name for check in found.checks]
    assert "DataKey: the table is missing" in [one.message for one in found.findings]


def test_no_secret(scene: Services, prepared_url: str) -> None:
    """What is told of damage holds nothing of a sealed value."""
    stored = execute(prepared_url, 'SELECT "credentials" FROM "ClientIntegration"')
    _moved(prepared_url)
    said = repr(examined(scene))

    for (value,) in stored:
        parsed = json.loads(value) if isinstance(value, str) else value
        assert parsed["ciphertext"] not in said
        assert parsed["tag"] not in said
