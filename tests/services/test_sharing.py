"""Sharing platform integrations: prices, who uses them, ending it."""

from __future__ import annotations

import pytest

from avnz_int.errors import ConflictError, InUseError, NotFoundError, NotSharedError
from avnz_int.model.enums import Action
from avnz_int.model.inputs import NewPlatform
from avnz_int.model.pricing import Pricing
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import ADMIN, AUDITOR, PAYFLOW, PRICE, account, events, platform, using


def test_price_in_the_event(services: Services) -> None:
    """A change of price is in the audit trail with both prices."""
    view = platform(services)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    services.sharing.share(ADMIN, PAYFLOW, Pricing.of("0.75", 25, 0, "eur"))
    first, second = events(services, Action.PLATFORM_SHARE)
    cheap = {
        "type": "per_transaction",
        "percentageFee": "0.5",
        "flatFee": 10,
        "monthlyMinimum": 5000,
        "currency": "USD",
    }
    dear = cheap | {"percentageFee": "0.75", "flatFee": 25, "monthlyMinimum": 0, "currency": "EUR"}
    assert {"isSharedWithClients": [False, True], "clientPricing": [None, cheap]} == first.changes
    assert {"clientPricing": [cheap, dear]} == second.changes
    assert {view.id} == {first.target_id, second.target_id}
    assert services.audit.verify(ADMIN).valid


def test_price_is_kept(services: Services) -> None:
    """The stored price is the specification's clientPricing, read back without loss."""
    platform(services)
    price = Pricing.of("2.9001", 30, 0, "USD")
    shown = services.sharing.share(ADMIN, PAYFLOW, price)
    assert price == Pricing.from_json(shown.client_pricing or {})
    again = services.sharing.show(AUDITOR, PAYFLOW)
    assert price == Pricing.from_json(again.client_pricing or {})


@pytest.mark.parametrize(("provider", "words"), [("auth0", "for the platform only"), ("twilio", "own cred")])
def test_not_for_clients(services: Services, provider: str, words: str) -> None:
    """What clients may not use, or only with their own credentials, cannot be shared."""
    given = sample(provider)
    new = NewPlatform(provider, Secret(given.credentials), settings=given.settings)
    services.platform.add(ADMIN, new, test=False)
    with pytest.raises(ConflictError) as caught:
        services.sharing.share(ADMIN, provider, PRICE)
    assert words in caught.value.message
    assert not services.platform.show(ADMIN, provider).is_shared_with_clients


def test_unknown(services: Services) -> None:
    """What the organization has not configured cannot be shared."""
    with pytest.raises(NotFoundError):
        services.sharing.share(ADMIN, PAYFLOW, PRICE)


def test_inactive_is_told(services: Services, notices: list[str]) -> None:
    """Sharing what is not active works, and whoever does it is told that nobody can use it yet."""
    platform(services, test=False)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    assert any("cannot use it yet" in notice for notice in notices)


def test_off(services: Services) -> None:
    """Without `revoke` nobody new may use it and those who do go on, listed as its users."""
    platform(services, share=True)
    view = using(services)
    services.sharing.unshare(ADMIN, PAYFLOW)
    with pytest.raises(NotSharedError):
        using(services, client="globex")
    assert "active" == services.clients.show(ADMIN, view.id).effective_status
    shared = services.sharing.listing(ADMIN)
    assert [(False, ["acme/Ours"])] == [(one.is_shared_with_clients, one.clients) for one in shared]
    services.clients.delete(ADMIN, view.id)
    assert [] == services.sharing.listing(ADMIN)


def test_revoke(services: Services) -> None:
    """With `revoke` those who use it end too, each with an event of its own, and cannot enable it again."""
    platform(services, share=True)
    views = [using(services), using(services, client="globex")]
    services.sharing.unshare(ADMIN, PAYFLOW, revoke=True)
    for view in views:
        now = services.clients.show(ADMIN, view.id)
        assert ("inactive", "inactive") == (now.status, account(services, view.id).status)
        with pytest.raises(NotSharedError):
            services.clients.enable(ADMIN, view.id)
    ended = events(services, Action.CLIENT_DISABLE)
    assert [view.id for view in views] == [event.target_id for event in ended]
    assert all((event.changes or {})["revoked"] is True for event in ended)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    assert "active" == services.clients.enable(ADMIN, views[0].id).effective_status


def test_revoke_later(services: Services) -> None:
    """`revoke` ends the users of what is shared no more, and does nothing a second time."""
    platform(services, share=True)
    view = using(services)
    services.sharing.unshare(ADMIN, PAYFLOW)
    services.sharing.unshare(ADMIN, PAYFLOW, revoke=True)
    assert "inactive" == services.clients.show(ADMIN, view.id).status
    before = len(events(services))
    services.sharing.unshare(ADMIN, PAYFLOW, revoke=True)
    assert before == len(events(services))


def test_delete_with_dependents(services: Services) -> None:
    """A platform integration that is used is not deleted, not even one that was revoked."""
    platform(services, share=True)
    using(services)
    services.sharing.unshare(ADMIN, PAYFLOW, revoke=True)
    with pytest.raises(InUseError) as caught:
        services.platform.delete(ADMIN, PAYFLOW)
    assert ["acme/paypal_payflow/Ours"] == [one["ref"] for one in caught.value.details["dependents"]]
