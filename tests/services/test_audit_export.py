"""The trail given away whole, and followed as it grows."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avnz_int.errors import (
    AuditBrokenError,
    AvnzError,
    ForbiddenError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import AuditOutcome, Role
from avnz_int.model.filters import EventFilter
from avnz_int.wiring import Services
from support.processes import Driver, Forker
from support.services import add_untested, execute, make_services

KEPT = 9
"""Events that a forger leaves of the organization's chain."""


@pytest.fixture
def organization(services: Services) -> str:
    """The id of the organization, whose chain has more than `KEPT` events."""
    for number in range(KEPT):
        services.tenants.rename(services.actor, "acme", name=f"Acme {number}")
    return services.tenants.show_organization(services.actor).id


def exported(services: Services, path: Path | None = None) -> list[dict[str, Any]]:
    """What an export gives."""
    export = services.audit.export(services.actor, path)
    events = list(export)
    export.finish()
    return events


def cut(url: str, chain: str, kept: int = KEPT) -> None:
    """Cut the end of a chain off, its AuditHead edited along: what is left is whole in itself."""
    execute(url, 'DELETE FROM "AuditEvent" WHERE "chain" = :c AND "sequence" > :kept', c=chain, kept=kept)
    execute(
        url,
        'UPDATE "AuditHead" SET "sequence" = :kept, "mac" = (SELECT "mac" FROM "AuditEvent"'
        ' WHERE "chain" = :c AND "sequence" = :kept) WHERE "chain" = :c',
        c=chain,
        kept=kept,
    )


def test_export(services: Services) -> None:
    """An export holds every event, itself among them, and whoever has the key can check it alone."""
    add_untested(services, "one")
    events = exported(services)
    listed = services.audit.listing(services.actor)
    work = services._work
    with work.database.read() as connection:
        _, key = work.vault.audit_key(connection)

    assert {e.id for e in listed} == {e["id"] for e in events}
    assert "audit:export" == max(events, key=lambda e: e["occurredAt"])["action"]
    for event in events:
        signed = {name: value for name, value in event.items() if name != "mac"}
        text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hmac.digest(key.reveal(), text.encode(), "sha256").hex() == event["mac"]
    by_chain: dict[str, list[int]] = {}
    for event in events:
        by_chain.setdefault(event["chain"], []).append(event["sequence"])
    assert all(list(range(1, len(found) + 1)) == found for found in by_chain.values())


def test_pages(services: Services, monkeypatch: pytest.MonkeyPatch, organization: str) -> None:
    """Page by page no event is lost, given twice, or taken that came after the export began."""
    monkeypatch.setattr("avnz_int.services.audit._PAGE", 2)
    export = services.audit.export(services.actor)
    sequences = []
    for event in export:
        if event["chain"] == organization:
            services.tenants.rename(services.actor, "acme", name=f"Meanwhile {event['sequence']}")
            sequences.append(event["sequence"])
    export.finish()

    assert list(range(1, len(sequences) + 1)) == sequences


def test_scribbled(on_sqlite: str, keyring: Path) -> None:
    """What SQLite lets stand in a column is exported as text."""
    services = make_services(on_sqlite, keyring)
    for column, value in (("changes", "{"), ("actorId", b"\xff\x00"), ("occurredAt", "never")):
        execute(
            on_sqlite,
            f'UPDATE "AuditEvent" SET "{column}" = :value WHERE "chain" <> \'system\' AND "sequence" = 3',
            value=value,
        )
    export = services.audit.export(services.actor)
    found = next(e for e in export if e["chain"] != "system" and e["sequence"] == 3)

    assert ("{", "\\xff\x00", "never") == (found["changes"], found["actorId"], found["occurredAt"])
    services.close()


def test_who(services: Services, organization: str) -> None:
    """An auditor may export; a denial is recorded as one of exporting."""
    auditor = Actor("looker", Role.AUDITOR)
    assert [] != list(services.audit.export(auditor))
    for role in (Role.SERVICE, Role.CLIENT_ADMIN):
        with pytest.raises(ForbiddenError):
            services.audit.export(Actor("stranger", role, organization))
    denied = services.audit.listing(services.actor, EventFilter(actor="stranger"))

    assert [("audit:export", "denied")] * 2 == [(e.action, e.outcome) for e in denied]
    assert denied == services.audit.listing(services.actor, EventFilter(outcome=AuditOutcome.DENIED))
    assert denied[1:] == services.audit.listing(services.actor, EventFilter(role=Role.CLIENT_ADMIN))


def test_follow(services: Services) -> None:
    """Following gives the listing, then each new event that fits, once."""
    following = services.audit.follow(
        services.actor, EventFilter(action="tenant:rename", limit=1), client="acme", pause_s=0
    )
    for name in ("One", "Two"):
        services.tenants.rename(services.actor, "acme", name=name)
    first = [event.changes for event in next(following)]
    nothing = next(following)
    services.tenants.rename(services.actor, "globex", name="Other")
    services.tenants.rename(services.actor, "acme", name="Three")
    services.tenants.rename(services.actor, "acme", name="Four")
    then = [event.changes for event in next(following)]

    assert [{"name": ["One", "Two"]}] == first
    assert [] == nothing
    assert [{"name": ["Two", "Three"]}, {"name": ["Three", "Four"]}] == then


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    """Forks processes that have the program loaded already."""
    with Forker() as running:
        yield running


@pytest.mark.slow
def test_follow_amid_writes(
    services: Services, forker: Forker, prepared_url: str, keyring: Path, organization: str
) -> None:
    """While several processes write, following passes none over and gives none twice."""
    seen: list[int] = []
    with Driver(forker, prepared_url, keyring) as driver:
        crowd = [driver.start("rename", slug="acme", times=15) for _ in range(4)]
        for batch in services.audit.follow(services.actor, pause_s=0):
            seen += [event.sequence for event in batch if event.chain == organization]
            if len(seen) >= KEPT + 60 and not batch:
                break
        for process in crowd:
            process.done()

    assert list(range(1, len(seen) + 1)) == seen


def test_follow_cut(services: Services, prepared_url: str, organization: str) -> None:
    """Who follows a chain whose end is cut off is told."""
    following = services.audit.follow(services.actor, pause_s=0)
    next(following)
    cut(prepared_url, organization)

    with pytest.raises(AuditBrokenError) as caught:
        next(following)
    assert KEPT + 1 == caught.value.details["firstBadSequence"]


def test_follow_scribbled(on_sqlite: str, keyring: Path) -> None:
    """An end of a chain that is no number stops who follows, in our words."""
    services = make_services(on_sqlite, keyring)
    execute(on_sqlite, 'UPDATE "AuditHead" SET "sequence" = \'nine\' WHERE "chain" = \'system\'')

    with pytest.raises(AvnzError, match="was altered"):
        next(services.audit.follow(services.actor))
    services.close()
