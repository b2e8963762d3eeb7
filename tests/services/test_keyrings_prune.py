"""Master keys that nothing needs leave the keyring; only an org_admin has a say. On both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    ForbiddenError,
    InUseError,
    KeyMissingError,
    UnavailableError,
)
from avnz_int.services.work import Writing
from avnz_int.wiring import Services
from support.scenes import AUDITOR, SERVICE, admin_of
from support.services import actions, add_many, dump, execute, opened

Opener = Callable[[], Services]


def test_prune(services: Services, open_services: Opener, keyring: Path) -> None:
    """Master keys that no data key needs leave the keyring; all opens as before; it is recorded."""
    passwords = add_many(services, 2)
    for _ in range(2):
        services.keys.rotate_master(services.actor)
    found = services.keyrings.prunable(services.actor)
    before = Keyring.from_json(keyring.read_text())
    view = services.keyrings.prune(services.actor, found)
    after = Keyring.from_json(keyring.read_text())

    assert list(before.kids[1:]) == found
    assert (before.active_kid,) == after.kids
    assert [after.active_kid] == [key.id for key in view.keys]
    assert ("keyring:prune", "success") == actions(services)[-1]
    assert passwords == opened(open_services())
    assert [] == services.keyrings.prunable(services.actor)
    assert view == services.keyrings.prune(services.actor, [])


def test_prune_needed(
    services: Services, open_services: Opener, keyring: Path, prepared_url: str, notices: list[str]
) -> None:
    """A master key that a data key needs stays, and what needs it is listed; the active one stays always."""
    old = execute(prepared_url, 'SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'fingerprint\'')[0][0]
    services.keys.rotate_master(services.actor)
    back = 'UPDATE "DataKey" SET "wrappedKey" = :old WHERE "purpose" = \'fingerprint\''
    execute(prepared_url, back, old=old if isinstance(old, str) else json.dumps(old))
    kept = keyring.read_bytes()
    active, needed = Keyring.from_json(kept.decode()).kids
    with pytest.raises(InUseError) as caught:
        services.keyrings.prunable(services.actor)
    with pytest.raises(InUseError):
        services.keyrings.prune(services.actor, [needed])

    assert [(needed, "fingerprint")] == [
        (one["masterKeyId"], one["purpose"]) for one in caught.value.details["dependents"]
    ]
    assert "rotate-key --master" in str(caught.value.hint)
    with pytest.raises((ConflictError, InUseError)):
        services.keyrings.prune(services.actor, [active])
    with pytest.raises((KeyMissingError, InUseError)):
        services.keyrings.prune(services.actor, ["unknown"])
    assert kept == keyring.read_bytes()
    # Another one, that nothing needs, can go.
    ring = Keyring.from_json(kept.decode())
    keyring.write_text(Keyring((*ring.keys, *Keyring.new().keys)).to_json())
    found = services.keyrings.prunable(services.actor)
    services.keyrings.prune(services.actor, found)
    assert (active, needed) == Keyring.from_json(keyring.read_text()).kids
    assert any(f"{needed} stays" in notice for notice in notices)


def test_prune_not_recorded(
    services: Services, keyring: Path, prepared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the event cannot be written, the keyring stays as it is."""
    services.keys.rotate_master(services.actor)
    found = services.keyrings.prunable(services.actor)
    kept = keyring.read_bytes()

    def full(_: object) -> None:
        raise UnavailableError("the disk is full")

    monkeypatch.setattr(Writing, "finish", full)
    with pytest.raises(UnavailableError):
        services.keyrings.prune(services.actor, found)
    assert kept == keyring.read_bytes()


@pytest.mark.parametrize("role", ["client_admin", "auditor", "service"])
def test_roles(services: Services, prepared_url: str, keyring: Path, tmp_path: Path, role: str) -> None:
    """Only an org_admin looks at or changes master keys; each denial is recorded and changes nothing."""
    actor = {"client_admin": admin_of(services, "acme"), "auditor": AUDITOR, "service": SERVICE}[role]
    other = tmp_path / "other.json"
    deeds: dict[str, Callable[[], object]] = {
        "keyring:read": lambda: services.keyrings.show(actor),
        "keyring:migrate": lambda: services.keyrings.migrate(actor, f"file://{other}"),
        "keyring:prune": lambda: services.keyrings.prune(actor, []),
    }
    kept, data_keys = keyring.read_bytes(), dump(prepared_url)["DataKey"]
    for action, deed in deeds.items():
        with pytest.raises(ForbiddenError):
            deed()
        assert (action, "denied") == actions(services)[-1]
    with pytest.raises(AvnzError):
        services.keyrings.prunable(actor)

    assert (kept, data_keys) == (keyring.read_bytes(), dump(prepared_url)["DataKey"])
    assert not other.exists()
