"""Who is told what is in force: companies, roles, what a client may not know; and what asking costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from avnz_int.errors import InvalidInputError, NotFoundError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Category, Role
from avnz_int.model.inputs import Changes
from avnz_int.wiring import Services
from support.scenes import (
    ADMIN,
    AUDITOR,
    PAYFLOW,
    REFUSED,
    SERVICE,
    SteeredGateway,
    admin_of,
    events,
    own,
    platform,
    using,
)
from support.staging import Own, Platform, Using, stage

pytestmark = pytest.mark.sqlite_first

PAY, SMS, SIGN_IN = Category.PAYMENT_GATEWAY, Category.SMS, Category.AUTHENTICATION


def name_in_force(services: Services, actor: Actor = ADMIN) -> str | None:
    """The name of acme's payment gateway in force."""
    try:
        found = services.resolution.resolve(actor, PAY, client="acme").in_force
    except NotFoundError:
        return None
    return None if found is None else found.name


def test_company(services: Services) -> None:
    """A company has what its client has, and is named."""
    stage(services, [Own("a")])
    of_client = services.resolution.resolve(ADMIN, PAY, client="acme")
    of_company = services.resolution.resolve(ADMIN, PAY, company="shop")
    assert ("acme", "shop") == (of_company.client, of_company.company)
    assert (of_client.in_force, of_client.candidates) == (of_company.in_force, of_company.candidates)


def test_company_that_is_none(services: Services) -> None:
    """A client is no company, and neither is what a database cannot be asked for."""
    for slug in ("acme", "nobody", "", "a\0b", "a\udcff"):
        with pytest.raises(NotFoundError) as caught:
            services.resolution.resolve(ADMIN, PAY, company=slug)
        assert "no company" in caught.value.message


def test_every_role(services: Services) -> None:
    """Each role may ask, a client_admin for the own client without naming it."""
    stage(services, [Own("a")])
    for actor in (ADMIN, AUDITOR, SERVICE, admin_of(services, "acme")):
        assert "a" == name_in_force(services, actor)
    found = services.resolution.resolve(admin_of(services, "acme"), PAY)
    assert "acme" == found.client
    with pytest.raises(InvalidInputError):
        services.resolution.resolve(ADMIN, PAY)


def test_foreign(services: Services) -> None:
    """Another client, and a company of it, is as unknown as one that is not there; the denial is recorded."""
    stage(services, [Own("a")])
    actor = admin_of(services, "globex")
    for asked in ({"client": "acme"}, {"company": "shop"}):
        with pytest.raises(NotFoundError) as caught:
            services.resolution.resolve(actor, PAY, **asked)
        (word, slug) = next(iter(asked.items()))
        with pytest.raises(NotFoundError) as unknown:
            services.resolution.resolve(actor, PAY, **{word: "nobody"})
        assert unknown.value.message == caught.value.message.replace(slug, "nobody")
        assert (unknown.value.hint, unknown.value.details) == (caught.value.hint, caught.value.details)
    denied = events(services, Action.INTEGRATION_RESOLVE)
    assert ["denied", "denied"] == [one.outcome for one in denied]
    assert ["globex"] == [view.client for view in services.resolution.resolve_all(actor, PAY)]


def test_what_a_client_may_not_know(services: Services) -> None:
    """To somebody of a client only what is offered to it exists of the organization."""
    stage(
        services,
        [
            Platform("auth0"),
            Platform("aws_sns"),
            Platform("stripe"),
            Platform(PAYFLOW, {"isSharedWithClients": True}),
        ],
    )
    service = Actor("token:runtime", Role.SERVICE, services.tenants.show(ADMIN, "acme").id)
    for actor in (admin_of(services, "acme"), service):
        seen = {}
        for category in (SIGN_IN, SMS, PAY):
            with pytest.raises(NotFoundError) as caught:
                services.resolution.resolve(actor, category)
            seen[category] = [one["provider"] for one in caught.value.details["candidates"]]
        assert {SIGN_IN: [], SMS: [], PAY: [PAYFLOW]} == seen
    of_acme, _ = services.resolution.resolve_all(ADMIN, SIGN_IN)
    assert of_acme.in_force is not None
    assert ("auth0", None) == (of_acme.in_force.provider, of_acme.candidates)


def test_nothing(services: Services) -> None:
    """Nothing in force names each integration with its reason, and what to do."""
    stage(services, [Own("a", columns={"status": "inactive"}), Own("b", "stripe", {"status": "error"})])
    with pytest.raises(NotFoundError) as caught:
        services.resolution.resolve(ADMIN, PAY, company="shop")
    said = caught.value
    assert "shop (of acme)" in said.message
    assert "nmi a: it was switched off; stripe b: its last connection test was refused" in said.message
    assert "client list --client acme" in str(said.hint)
    assert [("a", "inactive"), ("b", "failing")] == [
        (one["name"], one["rule"]) for one in said.details["candidates"]
    ]


def test_life(services: Services, gateway: SteeredGateway) -> None:
    """An integration is in force only while it is active and verified; editing it wakes it never."""
    seen = []
    view = own(services, test=False)

    def look() -> None:
        seen.append(name_in_force(services))

    look()  # pending
    services.checks.test(ADMIN, view.id)
    look()
    services.clients.disable(ADMIN, view.id)
    services.clients.update(ADMIN, view.id, Changes(name="Renamed", priority=0, is_default=True))
    look()  # off, and editing does not change that
    services.clients.enable(ADMIN, view.id)
    look()
    gateway.says = REFUSED
    services.checks.test(ADMIN, view.id)
    services.clients.update(ADMIN, view.id, Changes(description="Edited"))
    look()  # failing
    gateway.says = None
    services.checks.test(ADMIN, view.id)
    look()
    assert [None, "Main", None, "Renamed", None, "Renamed"] == seen


def test_platform_life(services: Services) -> None:
    """What uses the platform's follows it: revoked it is off, shared no more it goes on."""
    platform(services, share=True)
    using(services)
    seen = [name_in_force(services)]
    services.platform.disable(ADMIN, PAYFLOW)
    seen.append(name_in_force(services))
    services.platform.enable(ADMIN, PAYFLOW)
    services.sharing.unshare(ADMIN, PAYFLOW)
    seen.append(name_in_force(services))
    services.sharing.unshare(ADMIN, PAYFLOW, revoke=True)
    seen.append(name_in_force(services))
    assert ["Ours", None, "Ours", None] == seen


@contextmanager
def counted(services: Services) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(services.database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(services.database.engine, "before_cursor_execute", note)


def test_constant_number_of_queries(services: Services) -> None:
    """Resolving for every client costs as many queries for many as for two, and reads no credentials."""
    stage(services, [Platform(columns={"isSharedWithClients": True}), Own("a"), Using("u")])
    services.resolution.resolve_all(ADMIN, PAY)
    with counted(services) as for_two:
        services.resolution.resolve_all(ADMIN, PAY, explain=True)
    for number in range(20):
        services.tenants.add(ADMIN, f"client-{number}")
        stage(services, [Own("a"), Using("u")], client=f"client-{number}")
    before = len(events(services))
    with counted(services) as for_many:
        found = services.resolution.resolve_all(ADMIN, PAY, explain=True)
    assert 22 == len(found)
    assert 21 == sum(view.in_force is not None for view in found)
    assert len(for_two) == len(for_many) < 9
    assert [] == [one for one in for_many if '"credentials"' in one]
    assert before == len(events(services))
