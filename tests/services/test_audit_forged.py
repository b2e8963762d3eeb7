"""The audit trail: every deed of a forger is found, with the number of the event."""

from __future__ import annotations

from pathlib import Path

import pytest

from avnz_int.db import tables
from avnz_int.model.views.audit import AuditVerdict
from avnz_int.services import chain
from avnz_int.wiring import Services
from support.services import execute, make_services

pytestmark = pytest.mark.sqlite_first

COUNT = 12
"""Events of the organization's chain in the tests that forge."""


@pytest.fixture
def trail(services: Services) -> str:
    """The organization's chain, of `COUNT` events."""
    for number in range(COUNT - len(services_events(services))):
        services.tenants.rename(services.actor, "acme", name=f"Acme {number}")
    found = services_events(services)
    assert list(range(1, COUNT + 1)) == found
    return services.tenants.show_organization(services.actor).id


def services_events(services: Services) -> list[int]:
    """The sequence numbers of the organization's events."""
    events = services.audit.listing(services.actor)
    return [event.sequence for event in events if event.chain != chain.SYSTEM]


def verdict(services: Services) -> AuditVerdict:
    """What `audit verify` says."""
    return services.audit.verify(services.actor)


def swap(url: str, name: str, one: int, other: int) -> None:
    """Let two events of a chain change places."""
    statement = 'UPDATE "AuditEvent" SET "sequence" = :new WHERE "chain" = :chain AND "sequence" = :old'
    for old, new in ((one, 10_000), (other, one), (10_000, other)):
        execute(url, statement, chain=name, old=old, new=new)


FORGED = {
    "id": "'forged00000000000000000'",
    "organizationId": "NULL",
    "occurredAt": "'2026-01-02T03:04:05.678Z'",
    "actorId": "'os:mallory'",
    "actorRole": "'auditor'",
    "action": "'tenant:read'",
    "targetType": "NULL",
    "targetId": "'somebody'",
    "clientId": "'somebody'",
    "outcome": "'denied'",
    "changes": '\'{"name":["Acme","Mallory"]}\'',
    "requestId": "'r00000000000000000000000'",
    "keyId": '(SELECT "id" FROM "DataKey" WHERE "purpose" = \'credentials\')',
    "mac": "'" + "0" * 64 + "'",
}


@pytest.mark.parametrize("column", [*FORGED, "previousMac", "sequence", "chain"])
def test_edited(services: Services, prepared_url: str, trail: str, column: str) -> None:
    """An edit of any column of any event is found, with the event's number."""
    value = FORGED.get(column, "'" + "0" * 64 + "'")
    if column == "sequence":
        value = "999"
    if column == "chain":
        value = "'system', \"sequence\" = 999"
    execute(
        prepared_url,
        f'UPDATE "AuditEvent" SET "{column}" = {value} WHERE "chain" = :chain AND "sequence" = 5',
        chain=trail,
    )
    said = verdict(services)

    assert not said.valid
    if column == "chain":
        # It is missing in one chain and too many in the other.
        assert said.first_bad_sequence in {5, 1 + len(services.audit.listing(services.actor)) - COUNT}
    else:
        assert (5, True) == (said.first_bad_sequence, trail in str(said.reason))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("occurredAt", "not a time"),
        ("changes", "{"),
        ("changes", '{"name": 1}'),
        ("changes", '{"name":1,"name":2}'),
        ("changes", b"\xff"),
        ("actorId", b"\x00"),
        ("mac", "é"),
        ("mac", b"\x00"),
        ("sequence", "five"),
    ],
)
def test_scribbled(on_sqlite: str, keyring: Path, column: str, value: str | bytes) -> None:
    """What SQLite lets stand in a column, whatever the column's type, is found and stops no verification."""
    services = make_services(on_sqlite, keyring)
    execute(
        on_sqlite,
        f'UPDATE "AuditEvent" SET "{column}" = :value WHERE "chain" <> \'system\' AND "sequence" = 3',
        value=value,
    )

    assert (False, 3) == (verdict(services).valid, verdict(services).first_bad_sequence)
    services.close()


def test_endless_time(on_postgres: str, keyring: Path) -> None:
    """A time that Python has no form for is found, too."""
    services = make_services(on_postgres, keyring)
    execute(
        on_postgres,
        'UPDATE "AuditEvent" SET "occurredAt" = \'infinity\' WHERE "chain" <> \'system\' AND "sequence" = 3',
    )

    assert (False, 3) == (verdict(services).valid, verdict(services).first_bad_sequence)
    services.close()


@pytest.mark.parametrize(
    ("sequence", "closed", "bad"), [(5, False, 5), (5, True, 5), (1, False, 1), (1, True, 1), (12, False, 12)]
)
def test_deleted(
    services: Services, prepared_url: str, trail: str, sequence: int, closed: bool, bad: int
) -> None:
    """A deleted event is found, also where the gap was closed, and at both ends."""
    execute(
        prepared_url,
        'DELETE FROM "AuditEvent" WHERE "chain" = :chain AND "sequence" = :sequence',
        chain=trail,
        sequence=sequence,
    )
    if closed:
        for number in range(sequence + 1, COUNT + 1):
            execute(
                prepared_url,
                'UPDATE "AuditEvent" SET "sequence" = "sequence" - 1'
                ' WHERE "chain" = :chain AND "sequence" = :number',
                chain=trail,
                number=number,
            )
    said = verdict(services)

    assert (False, bad) == (said.valid, said.first_bad_sequence)


@pytest.mark.parametrize(("place", "moved_head"), [(5, False), (13, False), (13, True)])
def test_inserted(services: Services, prepared_url: str, trail: str, place: int, moved_head: bool) -> None:
    """An event that was put in is found: a copy of a real one, amid the chain or at its end."""
    for number in range(COUNT, place - 1, -1):
        execute(
            prepared_url,
            'UPDATE "AuditEvent" SET "sequence" = "sequence" + 1'
            ' WHERE "chain" = :chain AND "sequence" = :number',
            chain=trail,
            number=number,
        )
    columns = ", ".join(f'"{c.name}"' for c in tables.metadata.tables["AuditEvent"].c)
    copied = columns.replace('"id"', "'copy00000000000000000000'").replace('"sequence"', f"{place}")
    execute(
        prepared_url,
        f'INSERT INTO "AuditEvent" ({columns}) SELECT {copied} FROM "AuditEvent"'
        ' WHERE "chain" = :chain AND "sequence" = 4',
        chain=trail,
    )
    if moved_head:
        execute(
            prepared_url,
            'UPDATE "AuditHead" SET "sequence" = :place, "mac" = (SELECT "mac" FROM "AuditEvent"'
            ' WHERE "chain" = :chain AND "sequence" = 4) WHERE "chain" = :chain',
            chain=trail,
            place=place,
        )
    said = verdict(services)

    assert (False, place) == (said.valid, said.first_bad_sequence)


def test_reordered(services: Services, prepared_url: str, trail: str) -> None:
    """Two events that changed places are found."""
    swap(prepared_url, trail, 7, 8)

    assert (False, 7) == (verdict(services).valid, verdict(services).first_bad_sequence)


def test_tail_cut(services: Services, prepared_url: str, trail: str) -> None:
    """A cut tail is found by the end that was left; cut off with its end it takes a checkpoint to see it."""
    execute(prepared_url, 'DELETE FROM "AuditEvent" WHERE "chain" = :c AND "sequence" > 9', c=trail)
    found = verdict(services)
    execute(
        prepared_url,
        'UPDATE "AuditHead" SET "sequence" = 9, "mac" = (SELECT "mac" FROM "AuditEvent" WHERE "chain" = :c'
        ' AND "sequence" = 9) WHERE "chain" = :c',
        c=trail,
    )

    assert (False, 10) == (found.valid, found.first_bad_sequence)
    assert "cut off after event 9" in str(found.reason)
    assert verdict(services).valid


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ('"mac" = \'' + "0" * 64 + "'", 12),
        ('"sequence" = 9', 10),
        ('"sequence" = 20', 13),
        ('"sequence" = 0', 1),
    ],
)
def test_head_edited(services: Services, prepared_url: str, trail: str, change: str, bad: int) -> None:
    """An edited end of the chain is found."""
    execute(prepared_url, f'UPDATE "AuditHead" SET {change} WHERE "chain" = :chain', chain=trail)
    said = verdict(services)

    assert (False, bad) == (said.valid, said.first_bad_sequence)


def test_head_scribbled(on_sqlite: str, keyring: Path) -> None:
    """Text in place of the end's number is found."""
    services = make_services(on_sqlite, keyring)
    execute(on_sqlite, 'UPDATE "AuditHead" SET "sequence" = \'nine\' WHERE "chain" = \'system\'')

    assert (False, None) == (verdict(services).valid, verdict(services).first_bad_sequence)
    services.close()


@pytest.mark.parametrize("name", ["trail", "system"])
def test_chain_removed(services: Services, prepared_url: str, trail: str, name: str) -> None:
    """A chain that is gone as a whole is found."""
    for table in ("AuditEvent", "AuditHead"):
        statement = f'DELETE FROM "{table}" WHERE "chain" = :chain'
        execute(prepared_url, statement, chain=trail if name == "trail" else name)
    said = verdict(services)

    assert (False, None) == (said.valid, said.first_bad_sequence)
    assert "has no end" in str(said.reason)
