"""Key rotation where rows or older keys do not open."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from avnz_int.wiring import Services
from support.services import (
    add_many,
    add_untested,
    columns_of,
    execute,
)

Opener = Callable[[], Services]


def spoil(url: str, row_id: str, *, donor: str) -> None:
    """Let a row hold the sealed value of another one (`donor`), which opens nowhere else."""
    execute(
        url,
        'UPDATE "ClientIntegration" SET "credentials" = (SELECT o."credentials" FROM "ClientIntegration" o'
        ' WHERE o."id" = :donor) WHERE "id" = :id',
        id=row_id,
        donor=donor,
    )


def test_unreadable(services: Services, prepared_url: str) -> None:
    """Rows that do not open are counted each time and keep their key; the rest and a next run go on."""
    passwords = add_many(services, 12)
    old = services.keys.status(services.actor).active_key_id
    donor, *others = [row["id"] for row in columns_of(prepared_url, "ClientIntegration")]
    spoiled = others[2:4]
    for row_id in spoiled:
        spoil(prepared_url, row_id, donor=donor)
    after = services.keys.rotate(services.actor, batch_size=2)
    status = services.keys.status(services.actor)
    again = services.keys.rotate(services.actor, resume=True)

    assert (10, 0, 2) == (after.resealed, after.pending, after.unreadable)
    assert {old: 2, after.active_key_id: 10} == after.rows
    assert (0, 2) == (status.pending, status.unreadable)
    assert (0, 0, 2) == (again.resealed, again.pending, again.unreadable)
    for row in columns_of(prepared_url, "ClientIntegration"):
        if row["id"] not in spoiled:
            tail = "••••" + passwords[row["name"]][-4:]
            assert tail == services.clients.show(services.actor, row["id"]).credentials["password"]


def test_only_unreadable(services: Services, prepared_url: str) -> None:
    """Rows that do not open are no rotation under way: the next one makes a new key."""
    add_many(services, 2)
    donor, spoiled = [row["id"] for row in columns_of(prepared_url, "ClientIntegration")]
    spoil(prepared_url, spoiled, donor=donor)
    first = services.keys.rotate(services.actor)
    second = services.keys.rotate(services.actor)

    assert first.active_key_id != second.active_key_id
    assert (1, 0, 1) == (second.resealed, second.pending, second.unreadable)


@pytest.mark.parametrize("broken", ['{"a":1}', '"text"', "[]"])
def test_broken_under_the_active_key(services: Services, prepared_url: str, broken: str) -> None:
    """What is no sealed value is counted though the active key's id stands beside it, as a list does."""
    add_many(services, 3)
    row = columns_of(prepared_url, "ClientIntegration")[0]
    kind = "jsonb" if prepared_url.startswith("postgresql") else "text"
    execute(
        prepared_url,
        f'UPDATE "ClientIntegration" SET "credentials" = CAST(:broken AS {kind}) WHERE "id" = :id',
        broken=broken,
        id=row["id"],
    )
    status = services.keys.status(services.actor)
    again = services.keys.rotate(services.actor, resume=True)
    preview = services.keys.preview(services.actor, resume=True)
    moved = services.keys.rotate(services.actor)
    listed = services.clients.listing(services.actor)

    assert [(0, 1)] * 3 == [(view.pending, view.unreadable) for view in (status, again, preview)]
    assert (2, 0, 1) == (moved.resealed, moved.pending, moved.unreadable)
    assert [row["id"]] == [view.id for view in listed if view.unreadable]


@pytest.mark.parametrize("settings", ['"text"', "[1]", "3"])
def test_odd_settings(services: Services, prepared_url: str, settings: str) -> None:
    """A row whose settings somebody made no object of is unreadable, and stops nothing."""
    add_many(services, 3)
    row = columns_of(prepared_url, "ClientIntegration")[0]
    kind = "jsonb" if prepared_url.startswith("postgresql") else "text"
    execute(
        prepared_url,
        f'UPDATE "ClientIntegration" SET "settings" = CAST(:settings AS {kind}) WHERE "id" = :id',
        settings=settings,
        id=row["id"],
    )
    after = services.keys.rotate(services.actor)

    assert (2, 1) == (after.resealed, after.unreadable)


def test_older_key_altered(services: Services, open_services: Opener, prepared_url: str) -> None:
    """An older data key that was altered makes its rows unreadable, and stops no other row and no sealing."""
    add_many(services, 3)
    old = services.keys.status(services.actor).active_key_id
    row = columns_of(prepared_url, "ClientIntegration")[0]
    services.keys.rotate(services.actor)
    column = "CAST(:old AS jsonb)" if prepared_url.startswith("postgresql") else ":old"
    value = row["credentials"]
    execute(
        prepared_url,
        f'UPDATE "ClientIntegration" SET "credentials" = {column}, "credentialsKeyId" = :key'
        ' WHERE "id" = :id',
        old=value if isinstance(value, str) else json.dumps(value),
        key=old,
        id=row["id"],
    )
    execute(
        prepared_url,
        'UPDATE "DataKey" SET "wrappedKey" ='
        ' (SELECT "wrappedKey" FROM "DataKey" WHERE "purpose" = \'audit\') WHERE "id" = :id',
        id=old,
    )
    fresh = open_services()  # which has not opened the key before
    after = fresh.keys.rotate(fresh.actor)

    assert (2, 0, 1) == (after.resealed, after.pending, after.unreadable)
    assert fresh.clients.show(fresh.actor, row["id"]).unreadable
    assert add_untested(fresh, "new")
