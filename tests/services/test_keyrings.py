"""Master keys through the services: looked at, moved to other places, removed; on both databases."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avnz_int.crypto.keyring import Keyring
from avnz_int.crypto.keysources import key_source
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
    KeyMissingError,
    SealBrokenError,
    UsageError,
)
from avnz_int.services import keyrings
from avnz_int.wiring import Services
from support.moto import client, moto_server, use
from support.scenes import ADMIN
from support.services import actions, add_many, dump, execute, opened

# An AWS server for every case: half a minute.
pytestmark = pytest.mark.slow

Opener = Callable[[], Services]
Reopener = Callable[..., Services]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Moto's server."""
    with moto_server() as url:
        yield url


@pytest.fixture
def places(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Kind of place -> the URL of a keyring that is not there, or of a key that KMS made."""
    use(monkeypatch, server)
    arn = client("kms", server).create_key()["KeyMetadata"]["Arn"]
    alias = f"alias/{uuid.uuid4().hex}"
    client("kms", server).create_alias(AliasName=alias, TargetKeyId=arn)
    return {
        "file": f"file://{tmp_path / 'other' / 'keyring.json'}",
        "secret": f"aws-secretsmanager://prod/{uuid.uuid4().hex}?region=eu-west-1",
        "kms": f"aws-kms://{alias}?region=eu-west-1",
    }


@pytest.fixture
def at(services: Services) -> Iterator[Reopener]:
    """Opens services over the same database with another keyring; the second argument is another database."""
    made: list[Services] = []

    def opener(keyring_url: str, database_url: str | None = None) -> Services:
        url = database_url or services.settings.database_url
        made.append(Services(replace(services.settings, keyring_url=keyring_url, database_url=url)))
        return made[-1]

    yield opener
    for one in made:
        one.close()


def master_ids(url: str) -> set[str]:
    """What the data keys say wrapped them."""
    return {row[0] for row in execute(url, 'SELECT "masterKeyId" FROM "DataKey"')}


def test_show(services: Services, keyring: Path) -> None:
    """The active key first, with age, fingerprint and the data keys that need it; never a key; recorded."""
    services.keys.rotate_master(services.actor)
    view = services.keyrings.show(services.actor)
    ring = Keyring.from_json(keyring.read_text())

    assert f"file://{keyring}" == view.keyring
    assert list(ring.kids) == [key.id for key in view.keys]
    assert ["active", "older"] == [key.state for key in view.keys]
    assert [{"credentials", "audit", "fingerprint"}, set()] == [
        {use.purpose for use in key.data_keys} for key in view.keys
    ]
    assert [0, 0] == [key.age_days for key in view.keys]
    assert [info.fingerprint for info in ring.infos()] == [key.fingerprint for key in view.keys]
    assert not any(jwk["k"] in str(view) for jwk in json.loads(ring.to_json())["keys"])
    assert ("keyring:read", "success") == actions(services)[-1]


def test_show_missing(services: Services, open_services: Opener, keyring: Path) -> None:
    """A master key that data keys need and the keyring lacks is listed as missing."""
    services.keys.rotate(services.actor)
    before = Keyring.from_json(keyring.read_text())
    services.keys.rotate_master(services.actor)
    execute(
        services.settings.database_url,
        'UPDATE "DataKey" SET "masterKeyId" = :kid WHERE "status" = \'decrypt_only\'',
        kid="of no authority",
    )
    after = Keyring.from_json(keyring.read_text())
    keyring.write_text(Keyring(before.keys).to_json())
    # The one that looks holds the audit key already.
    view = services.keyrings.show(services.actor)

    assert ["active", "missing"] == [key.state for key in view.keys]
    assert (after.active_kid, None, 4) == (
        view.keys[1].id,
        view.keys[1].fingerprint,
        len(view.keys[1].data_keys),
    )


@pytest.mark.parametrize("kind", ["file", "secret", "kms"])
def test_migrate(
    services: Services,
    prepared_url: str,
    keyring: Path,
    notices: list[str],
    places: dict[str, str],
    kind: str,
    at: Reopener,
) -> None:
    """Every data key moves to the other keyring, no sealed value changes, and the old keyring stays."""
    passwords = add_many(services, 3)
    services.keys.rotate(services.actor)
    sealed = dump(prepared_url)["ClientIntegration"]
    kept = keyring.read_bytes()
    view = services.keyrings.migrate(services.actor, places[kind])
    moved = at(places[kind])

    assert places[kind] == view.keyring
    assert {view.keys[0].id} == master_ids(prepared_url)
    assert [("active", 4)] == [(key.state, len(key.data_keys)) for key in view.keys]
    assert sealed == dump(prepared_url)["ClientIntegration"]
    assert kept == keyring.read_bytes()
    assert any(f"AVNZ_INT_KEYRING={places[kind]}" in notice for notice in notices)
    assert passwords == opened(moved)
    assert ("keyring:migrate", "success") == actions(moved)[-1]
    assert moved.audit.verify(ADMIN).valid
    moved.keys.rotate(ADMIN)
    assert passwords == opened(at(places[kind]))
    # And back again, into the keyring that stayed.
    moved.keyrings.migrate(ADMIN, f"file://{keyring}")
    assert passwords == opened(at(f"file://{keyring}"))
    assert kept == keyring.read_bytes()


@pytest.mark.parametrize("kind", ["secret", "kms"])
def test_old_configuration(
    services: Services, open_services: Opener, places: dict[str, str], kind: str
) -> None:
    """Who goes on with the former keyring is told which key is missing, and changes nothing."""
    add_many(services, 1)
    services.keyrings.migrate(services.actor, places[kind])
    stray = open_services()
    with pytest.raises(KeyMissingError, match="data key"):
        opened(stray)
    with pytest.raises(KeyMissingError):
        stray.setup.init(ADMIN, organization=None)


@pytest.mark.parametrize("kind", ["secret", "kms"])
def test_rotate_master(
    services: Services, places: dict[str, str], server: str, kind: str, at: Reopener
) -> None:
    """A rotation of the master key works wherever it is: in KMS, by the key that the alias names now."""
    passwords = add_many(services, 2)
    services.keyrings.migrate(services.actor, places[kind])
    moved = at(places[kind])
    before = master_ids(services.settings.database_url)
    if kind == "kms":
        key = client("kms", server).create_key()["KeyMetadata"]["Arn"]
        alias = places[kind].removeprefix("aws-kms://").partition("?")[0]
        client("kms", server).update_alias(AliasName=alias, TargetKeyId=key)
        assert ["active", "older"] == [one.state for one in moved.keyrings.show(ADMIN).keys]
    wrapped = dump(services.settings.database_url)["DataKey"]
    moved.keys.rotate_master(ADMIN)
    after = master_ids(services.settings.database_url)

    assert not before & after
    assert {key_source(places[kind]).load().active_kid} == after
    assert wrapped != dump(services.settings.database_url)["DataKey"]
    assert passwords == opened(at(places[kind]))


def test_init_in_secret(places: dict[str, str], tmp_path: Path, services: Services, at: Reopener) -> None:
    """`init` makes the secret of a new database, and finds it the second time."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    fresh = at(places["secret"], url)
    made = fresh.setup.init(ADMIN, organization="new")
    ring = key_source(places["secret"]).load()
    fresh.setup.init(ADMIN, organization="new")

    assert places["secret"] == made.keyring
    assert ring == key_source(places["secret"]).load()
    assert {ring.active_kid} == master_ids(url)


@pytest.mark.parametrize("there", [True, False])
def test_init_in_kms(
    places: dict[str, str], tmp_path: Path, services: Services, there: bool, at: Reopener
) -> None:
    """`init` uses a key of KMS; where there is none it says how to make one, and makes no organization."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    where = places["kms"] if there else "aws-kms://alias/none?region=eu-west-1"
    fresh = at(where, url)
    if there:
        fresh.setup.init(ADMIN, organization="new")
        fresh.setup.init(ADMIN, organization="new")
        assert {key_source(where).load().active_kid} == master_ids(url)
    else:
        with pytest.raises(KeyMissingError, match="alias/none"):
            fresh.setup.init(ADMIN, organization="new")
        assert fresh.setup.organization() is None


def test_migrate_to_itself(services: Services, keyring: Path, prepared_url: str) -> None:
    """The keyring in use is no place to move to, nor is what is no keyring's URL."""
    before = dump(prepared_url)
    with pytest.raises(ConflictError, match="in use"):
        services.keyrings.migrate(services.actor, f"file://{keyring}")
    with pytest.raises(UsageError):
        services.keyrings.migrate(services.actor, "redis://x")
    assert before == dump(prepared_url)


def test_migrate_unreadable(
    services: Services,
    open_services: Opener,
    prepared_url: str,
    tmp_path: Path,
    notices: list[str],
    at: Reopener,
) -> None:
    """An older data key that does not open is named and left; an active one stops it all."""
    other = f"file://{tmp_path / 'other.json'}"
    break_key = (
        'UPDATE "DataKey" SET "wrappedKey" = (SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'audit\')'
        ' WHERE "purpose" = \'credentials\' AND "status" = '
    )
    services.keys.rotate(services.actor)
    execute(prepared_url, break_key + "'decrypt_only'")
    fresh = open_services()
    fresh.keyrings.migrate(ADMIN, other)
    left = execute(prepared_url, 'SELECT "status", "masterKeyId" FROM "DataKey"')
    active = key_source(other).load().active_kid

    assert ["decrypt_only"] == [status for status, kid in left if kid != active]
    assert any("left as it is" in notice for notice in notices)
    execute(prepared_url, break_key + "'active'")
    before = dump(prepared_url)["DataKey"]
    with pytest.raises(SealBrokenError):
        at(other).keyrings.migrate(ADMIN, f"file://{tmp_path / 'third.json'}")
    assert before == dump(prepared_url)["DataKey"]
    assert not (tmp_path / "third.json").exists()


def test_migrate_not_verified(
    services: Services, prepared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data key that does not open after it was wrapped anew undoes the whole."""
    before = dump(prepared_url)
    with services.database.read() as connection:
        keyrings.openable(connection, services._vault, print)
    monkeypatch.setattr(keyrings.wrapping, "unwrap", lambda *_, **__: None)
    with pytest.raises(SealBrokenError, match="wrapped anew"):
        services.keyrings.migrate(services.actor, f"file://{tmp_path / 'other.json'}")
    assert before["DataKey"] == dump(prepared_url)["DataKey"]


def test_migrate_overtaken(
    services: Services, prepared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the other keyring loses its key meanwhile, nothing is moved into it."""
    path = tmp_path / "other.json"
    rewrap = keyrings.rewrap

    def losing(*args: Any) -> None:
        rewrap(*args)
        path.write_text(Keyring.new().to_json())

    monkeypatch.setattr(keyrings, "rewrap", losing)
    before = dump(prepared_url)["DataKey"]
    with pytest.raises(ChangedMeanwhileError, match="by others"):
        services.keyrings.migrate(services.actor, f"file://{path}")
    assert before == dump(prepared_url)["DataKey"]


def test_prune_in_secret(services: Services, places: dict[str, str], at: Reopener) -> None:
    """In Secrets Manager, too, a key that nothing needs is removed."""
    services.keyrings.migrate(services.actor, places["secret"])
    moved = at(places["secret"])
    moved.keys.rotate_master(ADMIN)
    found = moved.keyrings.prunable(ADMIN)
    moved.keyrings.prune(ADMIN, found)

    assert 1 == len(found)
    assert 1 == len(key_source(places["secret"]).load().keys)


def test_prune_kms(services: Services, places: dict[str, str], at: Reopener) -> None:
    """What KMS keeps, KMS alone removes."""
    services.keyrings.migrate(services.actor, places["kms"])
    moved = at(places["kms"])
    with pytest.raises(ConflictError, match="KMS") as caught:
        moved.keyrings.prunable(ADMIN)
    assert "schedule-key-deletion" in str(caught.value.hint)
