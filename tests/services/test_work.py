"""Transactions and their events: what an error undoes, what it leaves behind."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from sqlalchemy import text

from avnz_int.errors import (
    AuditBrokenError,
    ConflictError,
    ForbiddenError,
    KeyMissingError,
    NotInitializedError,
    SealBrokenError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Role
from avnz_int.model.filters import EventFilter
from avnz_int.services import chain
from avnz_int.services.work import Writing
from avnz_int.wiring import Services
from support.services import actions, add_untested, dump, execute, make_services

AUDITOR = Actor("auditor", Role.AUDITOR)


def last(services: Services) -> tuple[object, ...]:
    """Who did what to what with which end, of the newest event of the organization."""
    events = [event for event in services.audit.listing(services.actor) if event.chain != chain.SYSTEM]
    event = max(events, key=lambda one: one.sequence)
    return event.actor_id, event.action, event.target_id, event.outcome


def test_two_events(services: Services) -> None:
    """Several events of one transaction follow one another, with the request's id on each."""
    with services._work.writing(services.actor, Action.CLIENT_UPDATE, Target("Client", "one")) as work:
        work.record({"name": ["a", "b"]})
        work.record(None, action=Action.CLIENT_TEST, target=Target("Client", "two", "c1"))
    found = services.audit.listing(services.actor, EventFilter(limit=2))

    assert [("client:update", "one", None), ("client:test", "two", "c1")] == [
        (event.action, event.target_id, event.client_id) for event in found
    ]
    assert found[0].mac == found[1].previous_mac
    assert {services.actor.request_id} == {event.request_id for event in found}
    assert [{"name": ["a", "b"]}, None] == [event.changes for event in found]


def test_many_events(services: Services, prepared_url: str) -> None:
    """Of hundreds of events, written while others are recorded, those of a deed that failed are not there."""
    before = services.audit.verify(services.actor).events

    def deed(work: Writing, number: int) -> None:
        with work.within(Action.CLIENT_TEST):
            for _ in range(number):
                work.record({"number": number})
            if number % 2:
                raise ConflictError("it fails")

    with services._work.writing(services.actor, Action.CLIENT_UPDATE, Target("Client", "one")) as work:
        for number in (240, 9, 300, 11, 700):
            work.record({"begins": number})
            with contextlib.suppress(ConflictError):
                deed(work, number)
            for _ in range(60):
                work.record(None)
        rows_there = work.connection.scalar(text('SELECT count(*) FROM "AuditEvent"'))
    found = services.audit.verify(services.actor)

    assert found.valid
    assert 240 + 300 + 700 + 5 + 5 * 60 == found.events - before
    assert 0 < rows_there <= len(dump(prepared_url)["AuditEvent"])


def test_system_chain(services: Services) -> None:
    """Events of no organization stand in a chain of their own."""
    with services._work.writing(services.actor, Action.DATABASE_MIGRATE, system=True) as work:
        work.record({"revision": ["1", "2"]})
    newest = services.audit.listing(services.actor, EventFilter(action="database:migrate"))[-1]

    assert (chain.SYSTEM, None) == (newest.chain, newest.organization_id)
    assert services.audit.verify(services.actor).valid


def test_end_without_a_number(on_sqlite: str, keyring: Path) -> None:
    """A chain whose end is no number is not written to, and that hides no denial."""
    services = make_services(on_sqlite, keyring)
    execute(on_sqlite, 'UPDATE "AuditHead" SET "sequence" = \'many\'')
    with pytest.raises(AuditBrokenError, match="has no number"):
        services.tenants.add(services.actor, "later")
    with pytest.raises(ForbiddenError):
        services.definitions.seed(AUDITOR)
    services.close()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ForbiddenError("no"), "denied"),
        (SealBrokenError("no"), "failure"),
        (KeyMissingError("no"), "failure"),
    ],
)
@pytest.mark.parametrize("writing", [True, False])
def test_refusal(
    services: Services, prepared_url: str, error: Exception, outcome: str, writing: bool
) -> None:
    """A refusal undoes its transaction and is recorded with the target that was known by then."""
    before = dump(prepared_url)
    opener = services._work.writing if writing else services._work.reading

    def refuse() -> None:
        with opener(AUDITOR, Action.CLIENT_UPDATE) as work:
            work.target = Target("Client", "the-row")
            if writing:
                work.connection.exec_driver_sql('UPDATE "Client" SET "name" = \'undone\'')
            raise error

    with pytest.raises(type(error)) as caught:
        refuse()
    after = dump(prepared_url)

    assert error is caught.value
    assert before["Client"] == after["Client"]
    assert ("auditor", "client:update", "the-row", outcome) == last(services)


@pytest.mark.parametrize("error", [ConflictError("no"), ValueError("a defect"), KeyboardInterrupt()])
def test_error(services: Services, prepared_url: str, error: BaseException) -> None:
    """Any other error undoes everything, the events as well."""
    before = dump(prepared_url)

    def fail() -> None:
        with services._work.writing(services.actor, Action.CLIENT_UPDATE) as work:
            work.record({"name": ["a", "b"]})
            work.connection.exec_driver_sql('UPDATE "Client" SET "name" = \'undone\'')
            raise error

    with pytest.raises(type(error)):
        fail()

    assert before == dump(prepared_url)


def test_refused_outside(services: Services) -> None:
    """A refusal outside any transaction is recorded, too, with the plain facts of the error only."""
    error = ForbiddenError("no", details={"role": "auditor", "count": 1, "list": ["left out"]})
    services._work.refused(AUDITOR, Action.PLATFORM_TEST, Target("PlatformIntegration", "row"), error)
    newest = services.audit.listing(services.actor)[-1]

    assert {"reason": "forbidden", "role": "auditor", "count": 1} == newest.changes
    assert ("auditor", "platform:test", "row", "denied") == last(services)


def test_refusal_unrecordable(services: Services, prepared_url: str) -> None:
    """Where the refusal cannot be recorded the refused still hears the refusal."""
    execute(prepared_url, 'DELETE FROM "AuditEvent"')
    execute(prepared_url, 'DELETE FROM "AuditHead"')
    with pytest.raises(ForbiddenError):
        services.audit.listing(Actor("service", Role.SERVICE))

    assert [] == actions(services)


def test_no_organization(database_url: str, keyring: Path) -> None:
    """Without an organization neither reading nor writing begins."""
    services = make_services(database_url, keyring)
    for opener in (services._work.reading, services._work.writing):
        with pytest.raises(NotInitializedError), opener(services.actor, Action.TENANT_READ):
            pass
    services.close()


def test_sealed_row_tampered(services: Services, prepared_url: str) -> None:
    """A stored value that does not open leaves an event with the key or the row it is about."""
    one, two = add_untested(services, "one"), add_untested(services, "two")
    execute(
        prepared_url,
        'UPDATE "ClientIntegration" SET "credentials" ='
        ' (SELECT "credentials" FROM "ClientIntegration" WHERE "id" = :two) WHERE "id" = :one',
        one=one,
        two=two,
    )
    with pytest.raises(SealBrokenError, match="another row"):
        services.checks.test(services.actor, "acme/one")

    assert one in last(services)
    assert "failure" in last(services)
    assert services.clients.show(services.actor, "acme/one").unreadable
    assert not services.clients.show(services.actor, "acme/two").unreadable
