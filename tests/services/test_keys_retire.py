"""Retirement of data keys: what goes, what stays, and who asks."""

from __future__ import annotations

import base64
import json
import threading
import time
from pathlib import Path

import pytest

from avnz_int.errors import ForbiddenError, InUseError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Role
from avnz_int.wiring import Services
from support.services import (
    actions,
    add_many,
    add_untested,
    columns_of,
    dump,
    execute,
    key_statuses,
    make_services,
    opened,
)

pytestmark = pytest.mark.sqlite_first


def put(url: str, row_id: str, value: object, key_id: str) -> None:
    """Let other text stand as a row's credentials, and another key's id beside it."""
    kind = "jsonb" if url.startswith("postgresql") else "text"
    execute(
        url,
        f'UPDATE "ClientIntegration" SET "credentials" = CAST(:value AS {kind}), "credentialsKeyId" = :key'
        ' WHERE "id" = :id',
        value=value if isinstance(value, str) else json.dumps(value),
        key=key_id,
        id=row_id,
    )


def rotated_but_one(services: Services, url: str) -> tuple[str, dict[str, object]]:
    """The older key's id and the one row that is sealed by it, beside which stands the active key's id."""
    add_many(services, 3)
    old = services.keys.status(services.actor).active_key_id
    row = columns_of(url, "ClientIntegration")[0]
    after = services.keys.rotate(services.actor)
    put(url, row["id"], row["credentials"], after.active_key_id)
    return old, row


def test_retires(services: Services, prepared_url: str) -> None:
    """Older keys that nothing needs lose their material; rows open, and the next rotation goes on."""
    passwords = add_many(services, 5)
    services.keys.rotate(services.actor)
    services.keys.rotate(services.actor)
    before = columns_of(prepared_url, "ClientIntegration")
    after = services.keys.retire(services.actor)
    erased = execute(
        prepared_url, 'SELECT "wrappedKey", "retiredAt" FROM "DataKey" WHERE "status" = \'retired\''
    )

    assert ["retired", "retired", "active"] == key_statuses(prepared_url)
    assert [True, True] == [key is None and moment is not None for key, moment in erased]
    assert {after.active_key_id: 5} == after.rows
    assert before == columns_of(prepared_url, "ClientIntegration")
    assert passwords == opened(services)
    assert ("key:retire", "success") in actions(services)[-3:]
    assert 5 == services.keys.rotate(services.actor).resealed
    assert services.audit.verify(services.actor).valid


def test_nothing_to_retire(services: Services, prepared_url: str, notices: list[str]) -> None:
    """Where there is no older key nothing is changed, and it says so."""
    add_untested(services, "one")
    services.keys.retire(services.actor)

    assert ["active"] == key_statuses(prepared_url)
    assert "there is no older key to retire" in notices


def test_material_gone_from_file(on_sqlite: str, keyring: Path) -> None:
    """On SQLite no byte of the erased key stays in the database's files."""
    services = make_services(on_sqlite, keyring)
    add_untested(services, "one")
    statement = 'SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'credentials\''
    ciphertext = json.loads(execute(on_sqlite, statement)[0][0])["ciphertext"].encode()
    services.keys.rotate(services.actor)
    services.keys.retire(services.actor)
    path = Path(on_sqlite.removeprefix("sqlite:///"))
    holding = [one.name for one in path.parent.glob(f"{path.name}*") if ciphertext in one.read_bytes()]
    services.close()

    assert [] == holding


def test_forged_key_id(services: Services, prepared_url: str, notices: list[str]) -> None:
    """The active key's id beside a value that an older key sealed fools nobody: that key stays."""
    old, row = rotated_but_one(services, prepared_url)
    with pytest.raises(InUseError) as caught:
        services.keys.retire(services.actor)

    assert ["decrypt_only", "active"] == key_statuses(prepared_url)
    assert [old] == [one["keyId"] for one in caught.value.details["dependents"]]
    assert str(row["id"]) in caught.value.message
    assert f"initial-{str(row['name']).rpartition('-')[2]}" in opened(services).values()
    assert ("key:retire", "failure") == actions(services)[-1]


def test_unreadable_row(services: Services, prepared_url: str) -> None:
    """A row that does not open keeps the key that its header names."""
    add_many(services, 2)
    row = columns_of(prepared_url, "ClientIntegration")[0]
    execute(
        prepared_url,
        'UPDATE "ClientIntegration" SET "environment" = \'sandbox\' WHERE "id" = :id',
        id=row["id"],
    )
    assert 1 == services.keys.rotate(services.actor).unreadable
    with pytest.raises(InUseError):
        services.keys.retire(services.actor)

    assert ["decrypt_only", "active"] == key_statuses(prepared_url)


@pytest.mark.parametrize("broken", ["missing", "odd", "unknown algorithm", "no object"])
def test_broken_header(services: Services, prepared_url: str, broken: str) -> None:
    """A value whose header cannot be read may need any key: all of them stay."""
    add_many(services, 2)
    after = services.keys.rotate(services.actor)
    row = columns_of(prepared_url, "ClientIntegration")[0]
    value = row["credentials"]
    value = dict(json.loads(value) if isinstance(value, str) else value)
    header = b'{"alg":"none","enc":"A256GCM","kid":"x"}'
    changed: dict[str, object] = {
        "missing": {name: one for name, one in value.items() if name != "protected"},
        "odd": value | {"protected": "????"},
        "unknown algorithm": value | {"protected": base64.urlsafe_b64encode(header).decode().rstrip("=")},
        "no object": [1, 2],
    }
    put(prepared_url, row["id"], changed[broken], after.active_key_id)
    with pytest.raises(InUseError, match="header") as caught:
        services.keys.retire(services.actor)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("avnz-int doctor names each row")

    assert ["decrypt_only", "active"] == key_statuses(prepared_url)


def test_others_go(services: Services, prepared_url: str) -> None:
    """Where one older key is needed, another that is not is erased all the same."""
    old, _ = rotated_but_one(services, prepared_url)
    services.keys.rotate(services.actor, new_key=True)
    # The row counts as one of the active key by its column, so that the second rotation sealed it anew.
    assert services.keys.retire(services.actor).active_key_id
    again, _ = rotated_but_one_more(services, prepared_url)
    with pytest.raises(InUseError):
        services.keys.retire(services.actor)

    assert old != again
    assert ["retired", "retired", "decrypt_only", "active"] == key_statuses(prepared_url)


def rotated_but_one_more(services: Services, url: str) -> tuple[str, dict[str, object]]:
    """As `rotated_but_one`, over the rows that are there."""
    old = services.keys.status(services.actor).active_key_id
    row = columns_of(url, "ClientIntegration")[0]
    after = services.keys.rotate(services.actor)
    put(url, row["id"], row["credentials"], after.active_key_id)
    return old, row


def test_grace(services: Services, prepared_url: str) -> None:
    """A key that was in use within the grace stays; without one it goes."""
    add_many(services, 2)
    services.keys.rotate(services.actor)
    with pytest.raises(InUseError, match="grace"):
        services.keys.retire(services.actor, grace_days=1)
    assert ["decrypt_only", "active"] == key_statuses(prepared_url)

    services.keys.retire(services.actor)
    assert ["retired", "active"] == key_statuses(prepared_url)


def test_dry_run(services: Services, prepared_url: str, notices: list[str]) -> None:
    """A dry run names the keys and the refusals, and changes no table but the audit trail."""
    add_many(services, 2)
    old = services.keys.status(services.actor).active_key_id
    services.keys.rotate(services.actor)
    before = dump(prepared_url)
    services.keys.retire(services.actor, dry_run=True)
    with pytest.raises(InUseError):
        services.keys.retire(services.actor, dry_run=True, grace_days=2)

    assert f"data key {old} would be retired" in notices
    assert before == dump(prepared_url)


def test_sealed_meanwhile(on_postgres: str, keyring: Path) -> None:
    """Whoever seals by a key when it is to be retired is waited for, and what was sealed keeps it."""
    services = make_services(on_postgres, keyring)
    add_many(services, 2)
    row = columns_of(on_postgres, "ClientIntegration")[0]
    old = services.keys.status(services.actor).active_key_id
    after = services.keys.rotate(services.actor)
    refused: list[Exception] = []

    def retire() -> None:
        other = make_services(on_postgres, keyring)
        try:
            other.keys.retire(other.actor)
        except InUseError as exc:
            refused.append(exc)
        other.close()

    thread = threading.Thread(target=retire)
    with services.database.write() as connection:
        connection.exec_driver_sql(f"SELECT 1 FROM \"DataKey\" WHERE id = '{old}' FOR KEY SHARE")
        thread.start()
        time.sleep(0.5)
        waiting = thread.is_alive()
        connection.exec_driver_sql(
            'UPDATE "ClientIntegration" SET "credentials" = %s::jsonb, "credentialsKeyId" = %s'
            ' WHERE "id" = %s',
            (json.dumps(row["credentials"]), after.active_key_id, row["id"]),
        )
    thread.join()

    assert waiting
    assert 1 == len(refused)
    assert ["decrypt_only", "active"] == key_statuses(on_postgres)
    services.close()


@pytest.mark.parametrize("role", [Role.CLIENT_ADMIN, Role.AUDITOR, Role.SERVICE])
def test_refused(services: Services, prepared_url: str, role: Role) -> None:
    """Only an org_admin retires keys or asks what would become of them."""
    add_many(services, 1)
    services.keys.rotate(services.actor)
    acme = services.tenants.show(services.actor, "acme").id
    somebody = Actor("somebody", role, acme if role is Role.CLIENT_ADMIN else None)
    for dry_run in (True, False):
        with pytest.raises(ForbiddenError):
            services.keys.retire(somebody, dry_run=dry_run)
    with pytest.raises(ForbiddenError):
        services.keys.preview(somebody)

    assert ["decrypt_only", "active"] == key_statuses(prepared_url)


def test_preview(services: Services, prepared_url: str) -> None:
    """The preview of a rotation counts what it would seal anew, and changes nothing."""
    add_many(services, 4)
    before = dump(prepared_url)
    wanted = services.keys.preview(services.actor)
    resumed = services.keys.preview(services.actor, resume=True)

    assert (0, 4, 0) == (wanted.resealed, wanted.pending, wanted.unreadable)
    assert 0 == resumed.pending
    assert before == dump(prepared_url)
    assert 4 == services.keys.rotate(services.actor).resealed
