"""The other keys: master keys, those of the audit trail and of fingerprints; who may rotate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import (
    ForbiddenError,
    KeyMissingError,
    SealBrokenError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import KeyPurpose, Role
from avnz_int.wiring import Services
from support.services import (
    actions,
    add_many,
    add_untested,
    columns_of,
    dump,
    execute,
    key_statuses,
    opened,
)

pytestmark = pytest.mark.sqlite_first

Opener = Callable[[], Services]


def test_audit_key(services: Services, prepared_url: str) -> None:
    """A new audit key signs what comes; events signed with the older one still verify."""
    services.tenants.rename(services.actor, "acme", name="Before")
    after = services.keys.rotate_purpose(services.actor, KeyPurpose.AUDIT)
    services.tenants.rename(services.actor, "acme", name="After")
    events = services.audit.listing(services.actor)

    assert ["decrypt_only", "active"] == key_statuses(prepared_url, "audit")
    assert ["active"] == key_statuses(prepared_url)
    assert 2 == len({event.key_id for event in events})
    assert events[-1].key_id != events[0].key_id
    assert (0, 0) == (after.resealed, after.pending)
    assert services.audit.verify(services.actor).valid


def test_fingerprint_key(services: Services, prepared_url: str) -> None:
    """A new fingerprint key makes every fingerprint anew, and leaves credentials and audit trail alone."""
    add_untested(services, "one", "fingerprint 1")
    sealed = columns_of(prepared_url, "ClientIntegration")
    services.keys.rotate_purpose(services.actor, KeyPurpose.FINGERPRINT)

    assert ["decrypt_only", "active"] == key_statuses(prepared_url, "fingerprint")
    assert ["active"] == key_statuses(prepared_url, "audit")
    (before,), (after,) = sealed, columns_of(prepared_url, "ClientIntegration")
    assert {"credentialsFingerprints"} == {name for name in before if before[name] != after[name]}


def test_credentials_purpose(services: Services) -> None:
    """Asked for the purpose `credentials`, a rotation seals the rows anew as the plain one does."""
    passwords = add_many(services, 2)

    assert 2 == services.keys.rotate_purpose(services.actor, KeyPurpose.CREDENTIALS).resealed
    assert passwords == opened(services)


def test_master(services: Services, open_services: Opener, prepared_url: str, keyring: Path) -> None:
    """A new master key wraps every data key, retired material aside; no sealed value changes."""
    passwords = add_many(services, 3)
    services.keys.rotate(services.actor)
    long_running = open_services()
    assert passwords == opened(long_running)
    before = services._vault.source.load()
    sealed = columns_of(prepared_url, "ClientIntegration")
    after = services.keys.rotate_master(services.actor)
    now = services._vault.source.load()
    services.keys.rotate(services.actor)

    assert (before.kids, 2) == (now.kids[1:], len(now.kids))
    assert 0o600 == keyring.stat().st_mode & 0o777
    assert {(now.active_kid,)} == set(execute(prepared_url, 'SELECT "masterKeyId" FROM "DataKey"'))
    assert (0, 0) == (after.resealed, after.pending)
    assert [row["name"] for row in sealed] == [
        row["name"] for row in columns_of(prepared_url, "ClientIntegration")
    ]
    # Without the old master key, and by a process that read the keyring before it was changed.
    keyring.write_text(now.without(before.active_kid).to_json())
    assert passwords == opened(open_services())
    assert passwords == opened(long_running)
    assert open_services().audit.verify(services.actor).valid


def test_master_twice(services: Services) -> None:
    """Two rotations of the master key make two, since the first was finished."""
    services.keys.rotate_master(services.actor)
    services.keys.rotate_master(services.actor)

    assert 3 == len(services._vault.source.load().keys)


def test_master_lost(
    services: Services, open_services: Opener, prepared_url: str, keyring: Path, notices: list[str]
) -> None:
    """An older data key whose master key is lost is named and left; all others are wrapped anew."""
    services.keys.rotate(services.actor)
    saved = keyring.read_text()
    keyring.write_text(Keyring.new().to_json())
    stray = open_services()
    with pytest.raises(KeyMissingError):
        stray.keys.rotate_master(stray.actor)
    unchanged = Keyring.from_json(keyring.read_text())
    keyring.write_text(saved)
    execute(
        prepared_url,
        'UPDATE "DataKey" SET "wrappedKey" = (SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'audit\')'
        " WHERE \"status\" = 'decrypt_only'",
    )
    fresh = open_services()
    fresh.keys.rotate_master(fresh.actor)
    active = Keyring.from_json(keyring.read_text()).active_kid
    wrapped = execute(prepared_url, 'SELECT "status" FROM "DataKey" WHERE "masterKeyId" <> :kid', kid=active)

    assert 1 == len(unchanged.keys)
    assert [("decrypt_only",)] == wrapped
    assert any("left as it is" in notice for notice in notices)


def test_active_key_altered(
    services: Services, open_services: Opener, prepared_url: str, keyring: Path
) -> None:
    """Where an active data key does not open, neither keyring nor database is changed."""
    execute(
        prepared_url,
        'UPDATE "DataKey" SET "wrappedKey" = (SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'audit\')'
        " WHERE \"purpose\" = 'credentials'",
    )
    before, text = dump(prepared_url), keyring.read_text()
    fresh = open_services()
    with pytest.raises(SealBrokenError, match="data key"):
        fresh.keys.rotate_master(fresh.actor)
    after = dump(prepared_url)

    assert text == keyring.read_text()
    assert before["DataKey"] == after["DataKey"]


@pytest.mark.parametrize("role", [Role.CLIENT_ADMIN, Role.AUDITOR, Role.SERVICE])
@pytest.mark.parametrize("deed", ["rotate", "rotate_purpose", "rotate_master"])
def test_refused(services: Services, prepared_url: str, keyring: Path, role: Role, deed: str) -> None:
    """Only an org_admin rotates; the refusal is in the audit trail and nothing else is changed."""
    before, text = dump(prepared_url), keyring.read_text()
    acme = services.tenants.show(services.actor, "acme").id
    somebody = Actor("somebody", role, acme if role is Role.CLIENT_ADMIN else None)
    arguments = [KeyPurpose.AUDIT] if deed == "rotate_purpose" else []
    with pytest.raises(ForbiddenError):
        getattr(services.keys, deed)(somebody, *arguments)
    after = dump(prepared_url)

    assert ("key:rotate", "denied") == actions(services)[-1]
    assert text == keyring.read_text()
    assert [] == [t for t in before if before[t] != after[t] and t not in {"AuditEvent", "AuditHead"}]


def test_status_readers(services: Services) -> None:
    """An auditor may look at the state of the keys, a client_admin not."""
    assert 0 == services.keys.status(Actor("auditor", Role.AUDITOR)).pending
    with pytest.raises(ForbiddenError):
        services.keys.status(Actor("admin", Role.CLIENT_ADMIN, "c" * 24))
