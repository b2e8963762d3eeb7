"""Key rotation: what it changes, what it leaves alone, which key it uses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text

from avnz_int.crypto.cipher import Place, destination_digest
from avnz_int.db import keys, tables
from avnz_int.db.engine import Database
from avnz_int.db.types import Json, Sealed
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
)
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.secret import Secret
from avnz_int.services import resealing
from avnz_int.wiring import Services
from support.services import (
    actions,
    add_many,
    add_platform_untested,
    add_untested,
    columns_of,
    dump,
    execute,
    key_statuses,
    make_services,
    opened,
    payflow_credentials,
)

Opener = Callable[[], Services]
SEALED_PARTS = {"credentials", "credentialsKeyId"}


def without_seals(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every column that a rotation must leave as it is."""
    return {
        table: [
            {name: value for name, value in row.items() if name not in SEALED_PARTS}
            for row in columns_of(url, table)
        ]
        for table in ("ClientIntegration", "PlatformIntegration", "MerchantAccount", "Client")
    }


def interrupted(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a rotation that ends before its first batch."""
    with monkeypatch.context() as patch:
        patch.setattr(resealing.Resealer, "run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            services.keys.rotate(services.actor)


def test_rotates(services: Services, prepared_url: str) -> None:
    """Every row is sealed by a new key and still opens; nothing else of it changes."""
    passwords = add_many(services, 25)
    add_platform_untested(services, "platform pass 1")
    before = without_seals(prepared_url)
    old = services.keys.status(services.actor)
    seen = []

    after = services.keys.rotate(services.actor, batch_size=10, on_batch=seen.append)

    assert after.active_key_id != old.active_key_id
    assert (26, 0, 0) == (after.resealed, after.pending, after.unreadable)
    assert {after.active_key_id: 26} == after.rows
    assert [1, 11, 21, 26] == [progress.resealed for progress in seen]
    assert before == without_seals(prepared_url)
    assert passwords == opened(services)
    assert "••••ss 1" == services.platform.show(services.actor, "paypal_payflow").credentials["password"]
    assert ["decrypt_only", "active"] == key_statuses(prepared_url)
    assert [("key:create", "success"), ("key:rotate", "success")] == actions(services)[-3:-1]


def test_empty(services: Services) -> None:
    """Where nothing is sealed a rotation makes a new key all the same, and status says zero."""
    before = services.keys.status(services.actor)
    after = services.keys.rotate(services.actor)

    assert {before.active_key_id: 0} == before.rows
    assert {after.active_key_id: 0} == after.rows
    assert before.active_key_id != after.active_key_id


def test_resume_idle(services: Services, prepared_url: str) -> None:
    """`--resume` with nothing to do makes no key and seals nothing."""
    add_many(services, 3)
    sealed = columns_of(prepared_url, "ClientIntegration")
    after = services.keys.rotate(services.actor, resume=True)

    assert 0 == after.resealed
    assert ["active"] == key_statuses(prepared_url)
    assert sealed == columns_of(prepared_url, "ClientIntegration")


@pytest.mark.parametrize("resume", [True, False])
def test_under_way(
    services: Services, prepared_url: str, notices: list[str], monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    """A rotation that was interrupted is gone on with: no further key is made, and it says so."""
    passwords = add_many(services, 3)
    interrupted(services, monkeypatch)
    status = services.keys.status(services.actor)
    after = services.keys.rotate(services.actor, resume=resume)

    assert 3 == status.pending
    assert status.active_key_id == after.active_key_id
    assert (3, 0) == (after.resealed, after.pending)
    assert ["decrypt_only", "active"] == key_statuses(prepared_url)
    assert any("goes on" in notice for notice in notices)
    assert passwords == opened(services)


def test_new_key(services: Services, prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--new-key` makes one although a rotation is under way."""
    passwords = add_many(services, 3)
    interrupted(services, monkeypatch)
    after = services.keys.rotate(services.actor, new_key=True)

    assert ["decrypt_only", "decrypt_only", "active"] == key_statuses(prepared_url)
    assert {after.active_key_id: 3} == after.rows
    assert passwords == opened(services)


def test_changed_meanwhile(services: Services, open_services: Opener) -> None:
    """What is written during a rotation stands after it."""
    add_many(services, 6)
    other = open_services()
    renewed = {}

    def between(progress: resealing.Progress) -> None:
        for number in (progress.resealed - 1, progress.resealed):
            name, password = f"many-{number:05d}", f"meanwhile-{number:04d}"
            other.clients.update(
                other.actor, f"acme/{name}", Changes(credentials=payflow_credentials(password)), test=False
            )
            renewed[name] = password

    services.keys.rotate(
        services.actor, batch_size=2, on_batch=lambda p: between(p) if p.resealed < 6 else None
    )

    assert 4 <= len(renewed)
    assert renewed.items() <= opened(services).items()


def test_stale_value_not_written(services: Services, prepared_url: str) -> None:
    """A row whose ciphertext is no longer the one that was read is left as it is."""
    add_untested(services, "one")
    row = columns_of(prepared_url, "ClientIntegration")[0]
    active = services.keys.status(services.actor).active_key_id
    sealed = next(one for one in keys.SEALED if one.table.name == "ClientIntegration")
    stale = '{"old": "value"}' if isinstance(row["credentials"], str) else {"old": "value"}
    with services.database.write() as connection:
        found = keys.sealed_values(connection, sealed, limit=1)[0]._replace(value=stale)
        done = keys.put_resealed(connection, sealed, active, [keys.Fresh(found, '{"new": "value"}')])
        nothing = keys.put_resealed(connection, sealed, active, [])

    assert (0, 0) == (done, nothing)
    assert [row] == columns_of(prepared_url, "ClientIntegration")


@pytest.mark.parametrize("released", [True, False])
def test_held_rows(on_postgres: str, keyring: Path, notices: list[str], released: bool) -> None:
    """Rows that another transaction holds are waited for; they are named where it does not end."""
    services = make_services(on_postgres, keyring, None, notices)
    holder = Database(on_postgres)
    passwords = add_many(services, 5)
    services.database.busy_timeout_ms = 10_000 if released else 100
    with holder.engine.connect() as connection:
        connection.exec_driver_sql(
            'SELECT 1 FROM "ClientIntegration" WHERE "name" < \'many-00002\' FOR UPDATE'
        )
        release = threading.Timer(0.3, connection.rollback)
        if released:
            release.start()
        after = services.keys.rotate(services.actor)
        if released:
            release.join()
    holder.close()

    assert (5, 0) if released else (3, 2) == (after.resealed, after.pending)
    assert released != any("2 rows of ClientIntegration are held by others" in said for said in notices)
    assert passwords == opened(services)
    services.close()


def test_replaced_amid_batch(
    services: Services, open_services: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch during which another process made a new key is done again with that key."""
    passwords = add_many(services, 4)
    other = open_services()
    count = services._vault.count_seals
    answers: list[Any] = []

    def once(*args: Any) -> None:
        if not answers:
            answers.append(None)
            raise ChangedMeanwhileError("the key was replaced")
        count(*args)

    monkeypatch.setattr(services._vault, "count_seals", once)
    after = services.keys.rotate(services.actor)

    assert (4, 0) == (after.resealed, after.pending)
    assert passwords == opened(other)


def test_every_sealed_column(services: Services) -> None:
    """Rotation covers every sealed column of the metadata, and each has the id of its key beside it."""
    expected = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed)
    }

    assert {("ClientIntegration", "credentials"), ("PlatformIntegration", "credentials")} <= expected
    assert expected == {(sealed.table.name, sealed.column) for sealed in keys.SEALED}
    for sealed in keys.SEALED:
        bound = {sealed.key_column, sealed.owner, "provider", sealed.environment, sealed.settings}
        assert bound <= set(sealed.table.c.keys())


def test_new_table_covered(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is added to the metadata is rotated, each of its sealed columns, with no other change."""
    metadata = MetaData()
    table = Table(
        "ThrowAway",
        metadata,
        *(Column(name, Text(), primary_key=name == "id") for name in ("id", "clientId", "provider")),
        *(Column(name, Text()) for name in ("environment", "tokenKeyId", "previousTokenKeyId")),
        Column("settings", Json()),
        Column("token", Sealed()),
        Column("previousToken", Sealed()),
    )
    found = keys.sealed_columns(metadata)
    monkeypatch.setattr(keys, "SEALED", (*keys.SEALED, *found))
    vault = services._vault
    places = {
        column: Place("ThrowAway", column, "one", "c1", "nmi", "sandbox", destination_digest({}, []))
        for column in ("token", "previousToken")
    }
    with services.database.write() as connection:
        metadata.create_all(connection)
        cipher = vault.cipher(connection)
        vault.count_seals(connection, cipher.active_kid, len(places))
        sealed = {
            c: (cipher.active_kid, cipher.seal(Secret({"is": c}), place)) for c, place in places.items()
        }
        connection.execute(
            table.insert().values(
                id="one",
                clientId="c1",
                provider="nmi",
                environment="sandbox",
                settings=None,
                **{column: value for column, (_, value) in sealed.items()},
                **{f"{column}KeyId": kid for column, (kid, _) in sealed.items()},
            )
        )
    after = services.keys.rotate(services.actor)

    assert ["token", "previousToken"] == [one.column for one in found]
    assert (2, {after.active_key_id: 2}) == (after.resealed, after.rows)
    with services.database.read() as connection:
        row = connection.execute(table.select()).mappings().one()
        for column, place in places.items():
            assert after.active_key_id == row[f"{column}KeyId"]
            assert {"is": column} == vault.cipher(connection).open(row[column], place).reveal()


def test_seals_counted(services: Services, prepared_url: str) -> None:
    """Each key's count is at least the number of seals it made."""
    add_many(services, 7)
    add_untested(services, "one more")
    services.clients.update(
        services.actor, "acme/one more", Changes(credentials=payflow_credentials("once more 1")), test=False
    )
    old = services.keys.status(services.actor).active_key_id
    after = services.keys.rotate(services.actor, batch_size=3)
    counts = dict(execute(prepared_url, 'SELECT "id", "sealCount" FROM "DataKey"'))

    assert 10 <= counts[old] < 20
    # Of the one that was updated also the credentials from before.
    assert 9 == counts[after.active_key_id]


def test_seal_limits(services: Services, prepared_url: str, notices: list[str]) -> None:
    """From 2^31 seals on it tells to rotate; the 2^32nd is the last that a key makes, then rotation helps."""
    statement = 'UPDATE "DataKey" SET "sealCount" = :count WHERE "status" = \'active\''
    execute(prepared_url, statement, count=2**31 - 1)
    add_untested(services, "at 2^31")
    silent = list(notices)
    add_untested(services, "beyond 2^31")
    told = list(notices)
    execute(prepared_url, statement, count=2**32 - 1)
    add_untested(services, "at 2^32")
    before = dump(prepared_url)
    with pytest.raises(ConflictError) as caught:
        add_untested(services, "beyond 2^32")

    assert not any("rotate-key" in notice for notice in silent)
    assert any("rotate-key" in notice for notice in told)
    assert "2^32" in caught.value.message
    assert "rotate-key --new-key" in str(caught.value.hint)
    assert before == dump(prepared_url)
    services.keys.rotate(services.actor)
    assert add_untested(services, "beyond 2^32")


def test_destinations(services: Services) -> None:
    """Rows whose settings decide where the secret goes are sealed anew for the same destination."""
    settings = {"url": "https://hooks.example.com/in", "timeoutSeconds": 7, "eventTypes": ["a.b"]}
    secret = Secret({"signingSecret": "whsec_" + "A" * 43 + "="})
    new = NewClient("acme", "webhook", name="hook", credentials=secret, settings=settings)
    made = services.clients.add(services.actor, new, test=False)
    after = services.keys.rotate(services.actor)
    shown = services.clients.show(services.actor, made.id)

    assert (1, 0) == (after.resealed, after.unreadable)
    assert (False, after.active_key_id, settings) == (shown.unreadable, shown.key_id, shown.settings)
