"""Data keys in use: when they are opened, which one seals, and what a lost one stops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avnz_int.crypto import wrapping
from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import (
    ChangedMeanwhileError,
    KeyMissingError,
    KeyringExposedError,
    SealBrokenError,
    UnavailableError,
)
from avnz_int.wiring import Services
from support.services import add_untested, columns_of, dump, execute, opened

Opener = Callable[[], Services]


def test_lazy(services: Services, keyring: Path) -> None:
    """A listing opens nothing: it works without the keyring, and shows masks and key ids."""
    add_untested(services, "one")
    keyring.unlink()
    (listed,) = services.clients.listing(services.actor)

    assert ("••••", False) == (listed.credentials, listed.unreadable)
    assert listed.key_id


@pytest.mark.parametrize("deed", ["show", "add", "rotate"])
def test_keyring_missing(
    services: Services, open_services: Opener, prepared_url: str, keyring: Path, deed: str
) -> None:
    """Without the keyring nothing is shown, saved or rotated; nothing is written, and no keyring made."""
    add_untested(services, "one")
    keyring.unlink()
    before = dump(prepared_url)
    fresh = open_services()
    deeds: dict[str, Callable[[], object]] = {
        "show": lambda: fresh.clients.show(fresh.actor, "acme/one"),
        "add": lambda: add_untested(fresh, "two"),
        "rotate": lambda: fresh.keys.rotate(fresh.actor),
    }
    with pytest.raises(KeyMissingError, match="no keyring at"):
        deeds[deed]()

    assert before == dump(prepared_url)
    assert not keyring.exists()


def test_keyring_exposed(services: Services, open_services: Opener, keyring: Path) -> None:
    """A keyring that others can read is not used."""
    keyring.chmod(0o644)
    fresh = open_services()
    with pytest.raises(KeyringExposedError):
        add_untested(fresh, "one")


def test_keyring_of_another(open_services: Opener, keyring: Path, services: Services) -> None:
    """The keyring of another database: the error names the master key that is missing."""
    needed = Keyring.from_json(keyring.read_text()).active_kid
    keyring.write_text(Keyring.new().to_json())
    fresh = open_services()
    with pytest.raises(KeyMissingError, match=needed):
        add_untested(fresh, "one")


def test_older_key_refused(
    services: Services, open_services: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older key that the key service does not open stops the rows that need it, and nothing else."""
    add_untested(services, "before", "before other 1")
    old = services.keys.status(services.actor).active_key_id
    services.keys.rotate(services.actor)
    real = wrapping.unwrap

    def refused(*words: Any, key_id: str, **more: Any) -> Any:
        if key_id == old:
            raise UnavailableError("the key service does not permit this")
        return real(*words, key_id=key_id, **more)

    monkeypatch.setattr(wrapping, "unwrap", refused)
    fresh = open_services()

    assert add_untested(fresh, "after", "after other 12")
    assert {"before": "before other 1", "after": "after other 12"} == opened(fresh)
    with (
        pytest.raises(UnavailableError, match="does not permit"),
        fresh.database.read() as connection,
    ):
        fresh._vault.cipher(connection)._keys.get(old)


def test_new_key_noticed(services: Services, open_services: Opener) -> None:
    """A process that has its keys opened already seals under the key that another process has just made."""
    add_untested(services, "before", "before other 1")
    other = open_services()
    active = other.keys.rotate(other.actor).active_key_id
    add_untested(services, "after", "after other 12")

    assert {active: 2} == services.keys.status(services.actor).rows
    assert {"before": "before other 1", "after": "after other 12"} == opened(services)


def test_new_master_noticed(services: Services, open_services: Opener) -> None:
    """A process that has read the keyring already finds a master key that was made since."""
    add_untested(services, "before", "before other 1")
    other = open_services()
    other.keys.rotate_master(other.actor)
    other.keys.rotate(other.actor)

    assert {"before": "before other 1"} == opened(services)
    assert add_untested(services, "after")


def test_replaced_key_refused(services: Services, prepared_url: str) -> None:
    """A seal under a key that is active no more is refused in the transaction that would store it."""
    old = services.keys.status(services.actor).active_key_id
    services.keys.rotate(services.actor)
    with services.database.write() as connection, pytest.raises(ChangedMeanwhileError, match=old):
        services._vault.count_seals(connection, old, 1)


@pytest.mark.parametrize("purpose", ["audit", "credentials"])
def test_no_active_key(services: Services, open_services: Opener, prepared_url: str, purpose: str) -> None:
    """Without an active key of a purpose nothing is saved, and the error says which is missing."""
    statement = 'UPDATE "DataKey" SET "status" = \'decrypt_only\' WHERE "purpose" = :purpose'
    execute(prepared_url, statement, purpose=purpose)
    before = dump(prepared_url)
    with pytest.raises(KeyMissingError, match="no active key") as caught:
        add_untested(open_services(), "one")

    assert "DataKey" in str(caught.value.hint)
    if purpose == "audit":
        assert before == dump(prepared_url)


MOVED = {
    "purpose": [
        (
            'UPDATE "DataKey" SET "wrappedKey" ='
            ' (SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'audit\')'
            " WHERE \"purpose\" = 'credentials'"
        )
    ],
    "id": ['UPDATE "DataKey" SET "id" = \'moved0000000000000000000\' WHERE "purpose" = \'credentials\''],
    "organization": [
        (
            'INSERT INTO "Organization" ("id", "slug", "name", "createdAt", "updatedAt", "createdBy")'
            " SELECT 'moved0000000000000000000', 'zzz', 'Zzz', \"createdAt\", \"updatedAt\", \"createdBy\""
            ' FROM "Organization"'
        ),
        'UPDATE "DataKey" SET "organizationId" = \'moved0000000000000000000\'',
    ],
}


@pytest.mark.parametrize("what", MOVED)
def test_key_moved(services: Services, open_services: Opener, prepared_url: str, what: str) -> None:
    """A wrapped key that was made for another row, purpose or organization does not open."""
    for statement in MOVED[what]:
        execute(prepared_url, statement)
    with pytest.raises(SealBrokenError, match="data key"):
        add_untested(open_services(), "one")

    assert [] == columns_of(prepared_url, "ClientIntegration")
