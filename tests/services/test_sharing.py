"""Sharing platform integrations: prices, who uses them, ending it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from avnz_int import clock
from avnz_int.errors import ConflictError, InUseError, NotFoundError, NotSharedError
from avnz_int.model.enums import Action, PriceState
from avnz_int.model.inputs import NewPlatform
from avnz_int.model.pricing import Pricing
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.metering import Hand
from support.samples import sample
from support.scenes import ADMIN, AUDITOR, PAYFLOW, PRICE, account, admin_of, events, platform, using
from support.services import execute

pytestmark = pytest.mark.sqlite_first


def test_price_in_the_event(services: Services) -> None:
    """A change of price is in the audit trail with both prices, its time, and the client it is for."""
    view = platform(services)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    services.sharing.share(ADMIN, PAYFLOW, Pricing.of("0.75", 25, 0, "usd"))
    later = clock.now() + timedelta(days=40)
    services.sharing.share(ADMIN, PAYFLOW, PRICE, client="acme", effective=later)
    first, second, third = (event.changes or {} for event in events(services, Action.PLATFORM_SHARE))
    cheap = {
        "type": "per_transaction",
        "percentageFee": "0.5",
        "flatFee": 10,
        "monthlyMinimum": 5000,
        "currency": "USD",
    }
    dear = cheap | {"percentageFee": "0.75", "flatFee": 25, "monthlyMinimum": 0}
    assert first.pop("effectiveAt") < second.pop("effectiveAt") < third["effectiveAt"]
    assert {"isSharedWithClients": [False, True], "clientPricing": [None, cheap]} == first
    assert {"clientPricing": [cheap, dear]} == second
    expected = {"client": "acme", "clientPricing": [None, cheap], "effectiveAt": clock.rfc3339(later)}
    assert expected == third
    told = events(services, Action.PLATFORM_SHARE)
    assert {view.id} == {event.target_id for event in told}
    assert [None, None, services.tenants.show(ADMIN, "acme").id] == [event.client_id for event in told]
    assert services.audit.verify(ADMIN).valid


def test_same_price_again(services: Services) -> None:
    """The same price again changes nothing: no version, no event, no later `updatedAt`."""
    platform(services)
    first = services.sharing.share(ADMIN, PAYFLOW, PRICE)
    stamp, told = services.platform.find(ADMIN, PAYFLOW).updated_at, len(events(services))
    assert first == services.sharing.share(ADMIN, PAYFLOW, PRICE)
    assert (stamp, told) == (services.platform.find(ADMIN, PAYFLOW).updated_at, len(events(services)))


def test_currencies_side_by_side(services: Services) -> None:
    """Each currency has prices of its own; USD stands for all where it has one, else the first."""
    platform(services)
    euros = Pricing.of("1", 5, 0, "EUR")
    services.sharing.share(ADMIN, PAYFLOW, euros)
    shown = services.sharing.share(ADMIN, PAYFLOW, Pricing.of("2", 7, 0, "CHF"))
    assert euros.as_json() == shown.client_pricing
    shown = services.sharing.share(ADMIN, PAYFLOW, PRICE)
    assert PRICE.as_json() == shown.client_pricing
    assert ["CHF", "EUR", "USD"] == [price.currency for price in shown.prices]
    assert {PriceState.IN_FORCE} == {price.state for price in shown.prices}


def test_upcoming(services: Services, notices: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A price for a later time is upcoming, may be corrected until then, and takes effect by itself."""
    hand = Hand(monkeypatch)
    platform(services, share=True)
    moment = clock.now() + timedelta(hours=1)
    services.sharing.share(ADMIN, PAYFLOW, Pricing.of("3", 0, 0, "USD"), effective=moment)
    last = Pricing.of("0.6", 1, 2, "USD")
    shown = services.sharing.share(ADMIN, PAYFLOW, last, effective=moment)
    assert PRICE.as_json() == shown.client_pricing
    assert [PriceState.IN_FORCE, PriceState.UPCOMING] == [price.state for price in shown.prices]
    hand.moment = moment
    shown = services.sharing.show(ADMIN, PAYFLOW)
    assert [PriceState.PAST, PriceState.IN_FORCE] == [price.state for price in shown.prices]
    assert last.as_json() == shown.client_pricing == services.platform.find(ADMIN, PAYFLOW).client_pricing
    (listed,) = services.platform.listing(ADMIN)
    assert last.as_json() == listed.client_pricing
    with pytest.raises(ConflictError, match="stays"):
        services.sharing.share(ADMIN, PAYFLOW, PRICE, effective=moment)


def test_first_price_later(services: Services, notices: list[str]) -> None:
    """An offer whose first price is for a later time stands at once, and it is said that there is a gap."""
    platform(services)
    shown = services.sharing.share(ADMIN, PAYFLOW, PRICE, effective=clock.now() + timedelta(days=3))
    assert (True, PRICE.as_json()) == (shown.is_shared_with_clients, shown.client_pricing)
    assert any("usage until then is refused" in notice for notice in notices)


def test_own_price(services: Services) -> None:
    """A client sees the price that is in force for it, and nothing of another's."""
    platform(services)
    special = Pricing.of("0.1", 1, 0, "USD")
    with pytest.raises(ConflictError, match="no price for all"):
        services.sharing.share(ADMIN, PAYFLOW, special, client="acme")
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    services.sharing.share(ADMIN, PAYFLOW, special, client="acme")
    for client, price in (("acme", special), ("globex", PRICE)):
        (offer,) = (
            one for one in services.clients.available(admin_of(services, client)) if one.provider == PAYFLOW
        )
        assert offer.platform is not None
        assert (price.as_json(), [price.as_json()]) == (offer.platform.client_pricing, offer.platform.prices)
    shown = services.sharing.show(ADMIN, PAYFLOW)
    assert PRICE.as_json() == shown.client_pricing
    assert [None, "acme"] == [price.client for price in shown.prices]
    with pytest.raises(NotFoundError):
        services.sharing.share(ADMIN, PAYFLOW, special, client="nobody")


def test_past(services: Services, prepared_url: str) -> None:
    """A past time is taken unless bills are final there or usage was recorded at another price since."""
    shared = platform(services, share=True)
    acme = services.tenants.show(ADMIN, "acme").id
    (version,) = services.sharing.show(ADMIN, PAYFLOW).prices
    start = clock.now() - timedelta(days=2)
    services.sharing.share(ADMIN, PAYFLOW, Pricing.of("0.7", 0, 0, "USD"), effective=start)
    (earlier, _) = services.sharing.show(ADMIN, PAYFLOW).prices
    use = (
        'INSERT INTO "UsageRecord" ("clientId", "type", "transactionId", "clientIntegrationId", '
        '"platformIntegrationId", "amount", "currency", "occurredAt", "status", "priceVersionId", '
        "\"billingMonth\", \"recordedAt\") VALUES (:client, 'charge', 'x', 'i', :platform, 1, 'USD', :at, "
        "'approved', :version, :month, :at)"
    )
    at = start + timedelta(days=1)
    execute(
        prepared_url, use, client=acme, platform=shared.id, at=clock.rfc3339(at), version=earlier.id,
        month=f"{at:%Y-%m}",
    )  # fmt: skip
    price = Pricing.of("0.8", 0, 0, "USD")
    for mine in (None, "acme"):
        with pytest.raises(ConflictError, match="was recorded at the price"):
            services.sharing.share(ADMIN, PAYFLOW, price, client=mine, effective=start + timedelta(hours=1))
    services.sharing.share(ADMIN, PAYFLOW, price, client="globex", effective=start)
    services.sharing.share(ADMIN, PAYFLOW, price, effective=at + timedelta(hours=1))
    assert version.id in {one.id for one in services.sharing.show(ADMIN, PAYFLOW).prices}
    close = (
        'INSERT INTO "BillingMonth" ("month", "organizationId", "closedAt", "closedBy") '
        'SELECT :month, id, :at, :who FROM "Organization"'
    )
    execute(prepared_url, close, month="2020-02", at=clock.rfc3339(at), who="me")
    for day in (datetime(2020, 2, 29, 23, 59, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)):
        with pytest.raises(ConflictError, match="bills of 2020-02 are final"):
            services.sharing.share(ADMIN, PAYFLOW, PRICE, client="globex", effective=day)
    services.sharing.share(ADMIN, PAYFLOW, PRICE, client="globex", effective=datetime(2020, 3, 1, tzinfo=UTC))


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
