"""Merchant accounts: in step with their integration through its whole life."""

from __future__ import annotations

import pytest

from avnz_int.errors import AmbiguousRefError, NotFoundError
from avnz_int.model.enums import Environment
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import (
    ADMIN,
    AUDITOR,
    PAYFLOW,
    REFUSED,
    SERVICE,
    SteeredGateway,
    account,
    admin_of,
    events,
    own,
    platform,
    using,
)
from support.services import execute, payflow_credentials

pytestmark = pytest.mark.sqlite_first


def test_life(services: Services, gateway: SteeredGateway) -> None:
    """Create, rename, move, disable, error, enable and delete: the one account follows each."""
    view = own(services, test=False)
    seen = []

    def look() -> str:
        now = account(services, view.id)
        seen.append((now.name, now.environment, now.status))
        return now.id

    account_id = look()
    services.checks.test(ADMIN, view.id)
    look()
    services.clients.update(ADMIN, view.id, Changes(name="Renamed"))
    look()
    moved = Changes(environment=Environment.SANDBOX, credentials=payflow_credentials())
    services.clients.update(ADMIN, view.id, moved)
    look()
    services.clients.disable(ADMIN, view.id)
    look()
    services.clients.enable(ADMIN, view.id)
    look()
    gateway.says = REFUSED
    services.checks.test(ADMIN, view.id)
    look()
    gateway.says = None
    services.checks.test(ADMIN, view.id)
    assert account_id == look()
    services.clients.delete(ADMIN, view.id)
    gone = services.merchants.show(ADMIN, account_id)
    assert ("closed", None, "acme", "Renamed") == (
        gone.status,
        gone.client_integration_id,
        gone.client,
        gone.name,
    )
    assert [
        ("Main", "production", "pending"),
        ("Main", "production", "active"),
        ("Renamed", "production", "active"),
        ("Renamed", "sandbox", "active"),
        ("Renamed", "sandbox", "inactive"),
        ("Renamed", "sandbox", "active"),
        ("Renamed", "sandbox", "error"),
        ("Renamed", "sandbox", "active"),
    ] == seen


def test_platform_ripples(services: Services, gateway: SteeredGateway) -> None:
    """What happens to a platform integration shows in its own account and in those of its users."""
    shared = platform(services, share=True)
    ours, other = using(services), using(services, client="globex")
    services.clients.disable(ADMIN, other.id)
    seen = []

    def look() -> None:
        seen.append(tuple(account(services, one.id).status for one in (ours, other)))
        own_account = services.merchants.show(ADMIN, "platform/" + PAYFLOW)
        assert (services.platform.show(ADMIN, shared.id).status, None) == (
            own_account.status,
            own_account.client,
        )

    look()
    services.platform.disable(ADMIN, PAYFLOW)
    look()
    services.platform.enable(ADMIN, PAYFLOW)
    look()
    gateway.says = REFUSED
    services.checks.test(ADMIN, ours.id)
    look()
    gateway.says = None
    services.platform.update(ADMIN, PAYFLOW, Changes(credentials=payflow_credentials()))
    look()
    services.platform.update(ADMIN, PAYFLOW, Changes(credentials=payflow_credentials()), test=False)
    look()
    assert ["active", "inactive", "active", "error", "active", "inactive"] == [mine for mine, _ in seen]
    assert {"inactive"} == {theirs for _, theirs in seen}


def test_using_while_down(services: Services) -> None:
    """A client that begins to use a platform integration that is down has an account that is down."""
    platform(services, test=False, share=True)
    assert "inactive" == account(services, using(services).id).status


def test_platform_deleted(services: Services) -> None:
    """The account of a deleted platform integration stays, closed; a new integration has a new one."""
    platform(services)
    first = services.merchants.show(ADMIN, PAYFLOW).id
    services.platform.delete(ADMIN, PAYFLOW)
    platform(services)
    assert ["active", "closed"] == sorted(view.status for view in services.merchants.listing(ADMIN))
    assert "closed" == services.merchants.show(ADMIN, first).status


def test_gateways_only(services: Services) -> None:
    """Only payment gateways have accounts; asking for another's says so."""
    given = sample("mailchimp")
    new = NewClient(
        "acme", "mailchimp", name="Post", credentials=Secret(given.credentials), settings=given.settings
    )
    services.clients.add(ADMIN, new, test=False)
    assert [] == services.merchants.listing(ADMIN)
    with pytest.raises(NotFoundError) as caught:
        services.merchants.show(ADMIN, "acme/Post")
    assert "only payment gateways" in str(caught.value.hint)


def test_refs(services: Services) -> None:
    """An account is found by its id, a prefix of it, and every REF of its integration."""
    view = own(services, test=False)
    expected = account(services, view.id)
    for ref in (expected.id, expected.id[:8], view.id, view.id[:8], "acme/Main", f"acme/{PAYFLOW}/Main"):
        assert expected == services.merchants.show(AUDITOR, ref)
    for ref in (expected.id[:5], "acme/None", "nobody/Main", "a\udcff", "a\0b", "", "%"):
        with pytest.raises(NotFoundError):
            services.merchants.show(ADMIN, ref)


def test_ambiguous(services: Services, prepared_url: str) -> None:
    """A prefix that fits several accounts lists them."""
    ids = []
    for name, new in (("A", "samesame01"), ("B", "samesame02")):
        old = account(services, own(services, name, test=False).id).id
        ids.append(new + old[10:])
        execute(prepared_url, 'UPDATE "MerchantAccount" SET id = :new WHERE id = :old', new=ids[-1], old=old)
    with pytest.raises(AmbiguousRefError) as caught:
        services.merchants.show(ADMIN, "samesame")
    assert ids == sorted(caught.value.details["candidates"])


def test_own_accounts_only(services: Services) -> None:
    """A client_admin sees the own client's accounts; others' and the platform's are unknown, and denied."""
    platform(services, share=True)
    mine, theirs = own(services, test=False), own(services, client="globex", test=False)
    actor = admin_of(services, "acme")
    assert [mine.id] == [view.client_integration_id for view in services.merchants.listing(actor)]
    assert [mine.id] == [
        view.client_integration_id for view in services.merchants.listing(actor, client="acme")
    ]
    hidden = [
        account(services, theirs.id).id,
        theirs.id,
        services.merchants.show(ADMIN, "platform/" + PAYFLOW).id,
        "platform/" + PAYFLOW,
    ]
    unknown = "z" * 24
    with pytest.raises(NotFoundError) as caught:
        services.merchants.show(actor, unknown)
    expected = (caught.value.message, caught.value.hint, caught.value.details)
    for ref in hidden:
        with pytest.raises(NotFoundError) as caught:
            services.merchants.show(actor, ref)
        found = (caught.value.message.replace(ref, unknown), caught.value.hint, caught.value.details)
        assert expected == found
    assert 4 == sum(event.outcome == "denied" for event in events(services))
    assert 3 == len(services.merchants.listing(SERVICE))
