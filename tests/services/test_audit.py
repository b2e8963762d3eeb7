"""The audit trail: one unbroken chain whoever writes, and no change without its event."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avnz_int import clock
from avnz_int.db import tables
from avnz_int.db.engine import Database
from avnz_int.errors import (
    AuditBrokenError,
    AvnzError,
    ForbiddenError,
    HiddenError,
    KeyMissingError,
    SealBrokenError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Role
from avnz_int.model.filters import EventFilter
from avnz_int.model.tokens import NewToken
from avnz_int.model.views.audit import AuditVerdict
from avnz_int.services import chain
from avnz_int.wiring import Services
from support.processes import Driver, Forker
from support.services import actions, add_untested, dump, execute, make_services, opened, present

Opener = Callable[[], Services]


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    """Forks processes that have the program loaded already."""
    with Forker() as running:
        yield running


@pytest.fixture
def driver(forker: Forker, prepared_url: str, keyring: Path) -> Iterator[Driver]:
    """Starts processes over the test's database."""
    with Driver(forker, prepared_url, keyring) as running:
        yield running


MEMBERS = (
    *(
        "id",
        "organizationId",
        "chain",
        "sequence",
        "actorId",
        "actorRole",
        "action",
        "targetType",
        "targetId",
    ),
    *("clientId", "outcome", "requestId", "keyId", "previousMac"),
)
"""Of an event, beside its time and its changes."""


def services_events(services: Services) -> list[int]:
    """The sequence numbers of the organization's events."""
    events = services.audit.listing(services.actor)
    return [event.sequence for event in events if event.chain != chain.SYSTEM]


def verdict(services: Services) -> AuditVerdict:
    """What `audit verify` says."""
    return services.audit.verify(services.actor)


@pytest.mark.slow
def test_crowd(services: Services, driver: Driver) -> None:
    """Twenty processes that write at once leave one unbroken chain and lose no event."""
    before = services_events(services)
    start = time.time() + 0.5
    crowd = [driver.start("rename", at=start, slug="acme", times=6) for _ in range(20)]
    assert [6] * 20 == [process.done() for process in crowd]

    assert list(range(1, len(before) + 121)) == services_events(services)
    assert verdict(services).valid


@pytest.mark.slow
def test_verified_amid_writes(services: Services, driver: Driver) -> None:
    """A verification while others write never sounds a false alarm."""
    crowd = [driver.start("rename", slug=slug, times=60) for slug in ("acme", "globex")]
    said = [verdict(services) for _ in range(25)]
    for process in crowd:
        process.done()

    assert [] == [one for one in said if not one.valid]
    assert said[0].events < verdict(services).events


def unchanged_but_trail(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether only the audit trail differs."""
    return all(before[name] == after[name] for name in before if not name.startswith("Audit"))


def test_no_event_no_change(services: Services, prepared_url: str) -> None:
    """Where the end of the chain is gone, nothing can be changed."""
    for table in ("AuditEvent", "AuditHead"):
        execute(prepared_url, f'DELETE FROM "{table}"')
    before = dump(prepared_url)
    with pytest.raises(AuditBrokenError):
        services.tenants.rename(services.actor, "acme", name="Unseen")
    with pytest.raises(AuditBrokenError):
        add_untested(services, "unseen")
    with pytest.raises(AuditBrokenError):
        services.keys.rotate(services.actor)

    assert before == dump(prepared_url)


def test_no_audit_key(services: Services, open_services: Opener, prepared_url: str) -> None:
    """Where the audit key does not open, nothing can be changed and nothing is shown."""
    add_untested(services, "one")
    execute(
        prepared_url,
        'UPDATE "DataKey" SET "wrappedKey" = (SELECT "wrappedKey" FROM "DataKey"'
        " WHERE \"purpose\" = 'credentials') WHERE \"purpose\" = 'audit'",
    )
    before = dump(prepared_url)
    fresh = open_services()
    deeds: list[Callable[[], object]] = [
        lambda: fresh.tenants.rename(fresh.actor, "acme", name="Unseen"),
        lambda: add_untested(fresh, "unseen"),
        lambda: fresh.clients.show(fresh.actor, "acme/one"),
        lambda: fresh.clients.delete(fresh.actor, "acme/one"),
        lambda: fresh.keys.rotate(fresh.actor),
        lambda: fresh.audit.verify(fresh.actor),
    ]
    for deed in deeds:
        with pytest.raises(SealBrokenError):
            deed()

    assert before == dump(prepared_url)


def test_denial_recorded(services: Services, prepared_url: str) -> None:
    """A refusal is in the trail although its transaction was undone; a hidden thing is named there only."""
    row = add_untested(services, "one")
    globex = services.tenants.show(services.actor, "globex").id
    stranger = Actor("stranger", Role.CLIENT_ADMIN, globex)
    before = dump(prepared_url)
    with pytest.raises(HiddenError):
        services.clients.delete(stranger, "acme/one")
    with pytest.raises(ForbiddenError):
        services.tenants.add(stranger, "more")
    with pytest.raises(ForbiddenError):
        services.audit.listing(stranger)
    denied = services.audit.listing(services.actor, EventFilter(actor="stranger"))

    assert unchanged_but_trail(before, dump(prepared_url))
    assert ["client:delete", "tenant:create", "audit:read"] == [event.action for event in denied]
    assert {("denied", "client_admin")} == {(event.outcome, event.actor_role) for event in denied}
    assert row not in {event.target_id for event in denied if event.action == "tenant:create"}
    assert verdict(services).valid


def test_error_leaves_no_event(services: Services, prepared_url: str) -> None:
    """A change that fails on its way leaves neither change nor event."""
    before = dump(prepared_url)
    with pytest.raises(AvnzError):
        services.tenants.add(services.actor, "acme")

    assert before == dump(prepared_url)


def test_key_lost(services: Services, open_services: Opener, keyring: Path) -> None:
    """Without the keyring nothing can be said of the trail."""
    keyring.unlink()
    fresh = open_services()
    with pytest.raises(KeyMissingError):
        fresh.audit.verify(fresh.actor)


@pytest.mark.slow
def test_copied_to_postgresql(on_sqlite: str, keyring: Path, empty_postgres_url: str) -> None:
    """A database copied row by row from SQLite to PostgreSQL still verifies, and its credentials open."""
    services = make_services(on_sqlite, keyring)
    add_untested(services, "one", "copied pass 1")
    with services._work.writing(services.actor, Action.CLIENT_UPDATE, Target("Client")) as work:
        work.record(
            chain.storable({"settings": [None, {"ratio": 0.1, "big": 10**40, "e": 1e300, "ü": "\x7f"}]})
        )
    source = Database(on_sqlite)
    target = make_services(empty_postgres_url, keyring)
    target.setup.upgrade(target.operator)
    with source.read() as reading, target.database.write() as writing:
        for table in tables.metadata.sorted_tables:
            rows = [dict(row) for row in reading.execute(table.select()).mappings()]
            if rows:
                writing.execute(table.insert(), rows)
    said = target.audit.verify(target.operator)

    assert (True, None) == (said.valid, said.reason)
    assert verdict(services) == said
    assert {"one": "copied pass 1"} == opened(target)
    first = target.tokens.bootstrap(target.operator, NewToken(Role.ORG_ADMIN, "copy"))
    present(target, str(first.token))
    target.tenants.rename(target.actor, "acme", name="There")
    assert target.audit.verify(target.actor).valid
    for made in (services, target):
        made.close()
    source.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.characters(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=12))
def test_any_changes(services: Services, values: list[dict[str, Any]]) -> None:
    """Whatever JSON an event holds, both databases give back what was signed."""
    surrogate = {"\ud800": ["\udfff", "\0", 2**70, float("inf"), -0.0]}
    with services._work.writing(services.actor, Action.CLIENT_UPDATE) as work:
        for changes in (*values, surrogate):
            work.record(changes)

    assert verdict(services).valid
    assert services.audit.listing(services.actor, EventFilter(limit=1))[0].changes is not None


@given(
    st.fixed_dictionaries(
        dict.fromkeys(
            MEMBERS, st.none() | st.text(st.characters(codec=None)) | st.integers() | st.lists(JSON)
        )
        | {"occurredAt": st.datetimes(timezones=st.just(UTC)) | st.text(), "changes": JSON}
    )
)
def test_signed_form(event: dict[str, Any]) -> None:
    """What is signed is the JSON of the members, sorted, whatever stands in them, and nothing else."""
    moment = event["occurredAt"]
    plain = event | {"occurredAt": clock.rfc3339(moment) if isinstance(moment, datetime) else moment}
    expected = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert expected.encode("utf-8", "surrogatepass") == chain.canonical(event | {"mac": "not signed"})


@given(JSON)
def test_storable(value: object) -> None:
    """What may be stored is stored as it is the second time, and has one signed form."""
    once = chain.storable({"value": value})

    assert once == chain.storable(once)
    assert "\0" not in repr(once).replace("\\x00", "")


def test_filters(services: Services) -> None:
    """A listing is the newest events that fit, oldest first."""
    for number in range(3):
        services.tenants.rename(services.actor, "acme", name=f"Acme {number}")
    one = add_untested(services, "one")
    events = services.audit.listing(services.actor)
    newest = services.audit.listing(services.actor, EventFilter(limit=2))
    renamed = services.audit.listing(services.actor, EventFilter(action="tenant:rename"))
    about = services.audit.listing(services.actor, EventFilter(target=one))
    of_acme = services.audit.listing(services.actor, client="acme")
    past = EventFilter(until=events[0].occurred_at)

    assert events[-2:] == newest
    assert 3 == len(renamed)
    assert [e.sequence for e in renamed] == sorted(e.sequence for e in renamed)
    assert ["client:create"] == [event.action for event in about]
    assert {"acme"} == {services.tenants.show(services.actor, "acme").slug for e in of_acme if e.client_id}
    assert {events[0].occurred_at} == {e.occurred_at for e in services.audit.listing(services.actor, past)}
    assert events == services.audit.listing(services.actor, EventFilter(since=events[0].occurred_at))
    assert actions(services)[-1] == ("client:create", "success")
