"""Which account takes a transaction: order, limits, failover, and what is never routed to."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from avnz_int import clock
from avnz_int.db import rows, tables
from avnz_int.errors import AmbiguousRefError, AvnzError, InvalidInputError, NotFoundError
from avnz_int.model.enums import Action, Environment, PoolStrategy
from avnz_int.model.inputs import Changes
from avnz_int.model.routing import MemberChanges, RouteView, Transaction
from avnz_int.wiring import Services
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
from support.staging import Own, Platform, Using, stage

pytestmark = pytest.mark.sqlite_first

WEIGHTED = PoolStrategy.WEIGHTED
USAGE = tables.UsageRecord


def pool(
    services: Services, *members: MemberChanges, client: str | None = "acme", name: str = "Cards"
) -> None:
    """A pool of these accounts."""
    for one in members:
        services.pools.put(ADMIN, name, one, client=client)


def route(services: Services, *, client: str | None = "acme", **given: Any) -> RouteView:
    """Where a transaction goes; `amount`, `currency` and `key` are of the transaction."""
    of = {word: given.pop(word) for word in ("amount", "currency", "key") if word in given}
    return services.routing.route(ADMIN, Transaction(**of), client=client, **given)


def told(services: Services, **given: Any) -> list[tuple[str, str]]:
    """(name, rule) of every candidate, also where none can take it."""
    try:
        view = route(services, **given)
    except NotFoundError as exc:
        return [(one["name"], one["rule"]) for one in exc.details["candidates"]]
    assert view.chosen == view.candidates[0]
    able = [one for one in view.candidates if one.position is not None]
    assert [1 + place for place in range(len(able))] == [one.position for one in able]
    assert able == view.candidates[: len(able)]
    return [(one.name, one.rule.value) for one in view.candidates]


def charge(services: Services, account_id: str, amount: int, **columns: Any) -> None:
    """A usage record of acme's, approved today in USD but for `columns`."""
    moment = clock.now()
    record = {
        "clientId": services.tenants.show(ADMIN, "acme").id,
        "type": "charge",
        "transactionId": clock.new_id(),
        "clientIntegrationId": "any",
        "merchantAccountId": account_id,
        "amount": amount,
        "currency": "USD",
        "occurredAt": moment,
        "status": "approved",
        "billingMonth": f"{moment:%Y-%m}",
        "recordedAt": moment,
    }
    with services.database.write() as connection:
        rows.add(connection, USAGE, record | columns)


def test_without_a_pool(services: Services) -> None:
    """Without a pool the order is that of `resolve`: default, priority, age."""
    stage(
        services,
        [
            Platform(columns={"isSharedWithClients": True}),
            Own("a", "stripe", {"priority": 1}),
            Using("u"),
            Own("d", PAYFLOW, {"isDefault": True, "priority": 9}),
            Own("off", "stripe", {"status": "inactive"}),
        ],
    )
    assert [("d", "default"), ("u", "standby"), ("a", "standby"), ("off", "inactive")] == told(services)
    view = route(services)
    assert (None, "priority", False) == (view.pool, view.strategy, view.simulated)
    assert account(services, view.candidates[1].client_integration_id or "").id == (
        view.candidates[1].merchant_account_id
    )


def test_by_priority(services: Services) -> None:
    """By priority the lowest number is first, then the greater weight, then who came first."""
    stage(services, [Own(name) for name in "abcd"])
    pool(
        services,
        MemberChanges("a", priority=2),
        MemberChanges("b", priority=1),
        MemberChanges("c", priority=1, weight=5),
        MemberChanges("d", priority=2),
    )
    assert [("c", "priority"), ("b", "standby"), ("a", "standby"), ("d", "standby")] == told(services)


def test_by_weight(services: Services) -> None:
    """By weight each takes its part, the same key always goes the same way, and weight 0 only follows."""
    stage(services, [Own(name) for name in "abc"])
    pool(
        services,
        MemberChanges("a", weight=1, strategy=WEIGHTED),
        MemberChanges("b", weight=3),
        MemberChanges("c", weight=0),
    )
    keys = [f"T-{number}" for number in range(60)]
    orders = {key: [name for name, _ in told(services, key=key)] for key in keys}
    assert orders == {key: [name for name, _ in told(services, key=key)] for key in keys}
    first = Counter(order[0] for order in orders.values())
    assert set(first) == {"a", "b"}
    assert first["b"] > first["a"]
    assert {"c"} == {order[-1] for order in orders.values()}
    assert "weight" == route(services, key="T-0").chosen.rule
    services.clients.disable(ADMIN, "acme/b")
    for key, order in orders.items():
        assert [name for name in order if name != "b"] == [name for name, _ in told(services, key=key)][:2]


def test_tiers_of_weight(services: Services) -> None:
    """By weight, too, a lower priority number goes first whatever the weights."""
    stage(services, [Own("a"), Own("b")])
    pool(
        services, MemberChanges("a", priority=1, weight=1000, strategy=WEIGHTED), MemberChanges("b", weight=1)
    )
    assert {"b"} == {route(services, key=f"T-{number}").chosen.name for number in range(20)}


def test_weight_zero_alone(services: Services) -> None:
    """What takes only what no other can takes it once no other can."""
    stage(services, [Own("a"), Own("b", columns={"status": "error"})])
    pool(services, MemberChanges("a", weight=0, strategy=WEIGHTED), MemberChanges("b", weight=1))
    assert [("a", "priority"), ("b", "failing")] == told(services, key="T")


def test_needs_a_key(services: Services) -> None:
    """A pool by weight cannot choose without a key."""
    stage(services, [Own("a")])
    pool(services, MemberChanges("a", strategy=WEIGHTED))
    with pytest.raises(InvalidInputError, match="key") as caught:
        route(services)
    assert "--key" in str(caught.value.hint)


def test_currencies(services: Services) -> None:
    """An account takes its currencies only; without a currency nothing is judged by it."""
    stage(services, [Own("a"), Own("b"), Own("c")])
    pool(
        services,
        MemberChanges("a", currencies=("USD", "EUR")),
        MemberChanges("b", currencies=("JPY",)),
        MemberChanges("c"),
    )
    assert [("a", "priority"), ("c", "standby"), ("b", "currency")] == told(services, currency="eur")
    assert [("b", "priority"), ("c", "standby"), ("a", "currency")] == told(services, currency="JPY")
    assert ["a", "b", "c"] == [name for name, _ in told(services)]


def test_transaction_limit(services: Services) -> None:
    """A limit of a transaction takes what is just as large; in another currency nobody can tell."""
    stage(services, [Own("a"), Own("b")])
    pool(services, MemberChanges("a", transaction_limit=5000, limit_currency="USD"), MemberChanges("b"))
    assert "a" == route(services, amount=5000, currency="USD").chosen.name
    assert [("b", "priority"), ("a", "transaction_limit")] == told(services, amount=5001, currency="USD")
    assert [("b", "priority"), ("a", "limit_currency")] == told(services, amount=1, currency="EUR")


def test_monthly_limit(services: Services) -> None:
    """A limit of a month counts this month's approved charges of the account in its currency alone."""
    ids = stage(services, [Own("a"), Own("b")])
    pool(services, MemberChanges("a", monthly_limit=1000, limit_currency="USD"), MemberChanges("b"))
    mine, other = account(services, ids["a"]).id, account(services, ids["b"]).id
    last_month = clock.now().replace(day=1) - timedelta(days=1)
    charge(services, mine, 900)
    charge(services, mine, 500, status="declined")
    charge(services, mine, 500, type="refund")
    charge(services, mine, 500, currency="EUR")
    charge(services, mine, 500, occurredAt=last_month, billingMonth=f"{last_month:%Y-%m}")
    charge(services, mine, 500, occurredAt=last_month)
    charge(services, other, 500)
    assert "a" == route(services, amount=100, currency="USD").chosen.name
    assert 900 == route(services).chosen.used_this_month
    assert [("b", "priority"), ("a", "monthly_limit")] == told(services, amount=101, currency="USD")
    assert "a" == route(services).chosen.name
    charge(services, mine, 100)
    assert [("b", "priority"), ("a", "monthly_limit")] == told(services)
    assert [1000, None] == sorted(
        (one.used_this_month for one in route(services).candidates), key=lambda used: used is None
    )


def test_the_organizations_month(services: Services) -> None:
    """What clients charge through the organization's integration counts for its own account."""
    ids = stage(services, [Platform(), Platform("stripe"), Using("u")])
    pool(
        services,
        MemberChanges("nmi", monthly_limit=1000, limit_currency="USD"),
        MemberChanges("stripe"),
        client=None,
    )
    assert "nmi" == route(services, client=None).chosen.name
    charge(services, account(services, ids["u"]).id, 1000, platformIntegrationId=ids["nmi"])
    assert [("stripe", "priority"), ("nmi", "monthly_limit")] == told(services, client=None)


def test_the_organizations_own(services: Services) -> None:
    """Without client and pool the organization's own accounts serve, the oldest first."""
    stage(services, [Platform("stripe", {"status": "error"}), Platform(), Platform(PAYFLOW)])
    assert [("nmi", "organization"), (PAYFLOW, "standby"), ("stripe", "failing")] == told(
        services, client=None
    )


def test_simulation(services: Services) -> None:
    """A simulation fails what is named, by id, name, REF or provider, and changes nothing."""
    ids = stage(
        services, [Own("a"), Own("b", "stripe"), Own("c", PAYFLOW), Own("d", columns={"status": "error"})]
    )
    of_a = account(services, ids["a"]).id
    before = len(events(services))
    for word in ("nmi", "a", "acme/a", "acme/nmi/a", ids["a"], ids["a"][:8], of_a, of_a[:8]):
        found = told(services, fail=[word])
        assert [("b", "priority"), ("c", "standby"), ("a", "simulated_failure"), ("d", "failing")] == found
    assert [("c", "priority")] == told(services, fail=["nmi", "b"])[:1]
    assert {("d", "failing")} < set(told(services, fail=["nmi", "stripe", PAYFLOW]))
    assert route(services, fail=[]).simulated
    assert "a" == route(services).chosen.name
    with pytest.raises(NotFoundError, match="'authorize_net'"):
        route(services, fail=["authorize_net"])
    assert before == len(events(services))


def test_which_pool(services: Services) -> None:
    """One pool of the environment is taken; of several one has to be named."""
    stage(services, [Own("a"), Own("s", columns={"environment": "sandbox"}), Own("b")])
    pool(services, MemberChanges("s"), name="Trial")
    assert None is route(services).pool
    pool(services, MemberChanges("b"), name="Cards")
    assert ("Cards", "b") == (route(services).pool, route(services).chosen.name)
    assert "s" == route(services, environment=Environment.SANDBOX).chosen.name
    pool(services, MemberChanges("a"), name="More")
    with pytest.raises(AmbiguousRefError) as caught:
        route(services)
    assert ["Cards", "More"] == caught.value.details["candidates"]
    assert "a" == route(services, pool="More").chosen.name
    with pytest.raises(InvalidInputError, match="sandbox"):
        route(services, pool="Trial")
    with pytest.raises(NotFoundError, match="no pool"):
        route(services, pool="None")


def test_empty_pool(services: Services) -> None:
    """A pool without accounts routes nothing, although the client has some."""
    stage(services, [Own("a")])
    pool(services, MemberChanges("a"))
    services.pools.remove(ADMIN, "Cards", account="a", client="acme")
    assert [] == told(services)


def test_no_account(services: Services) -> None:
    """A client without accounts is told so, and what to look at."""
    with pytest.raises(NotFoundError) as caught:
        route(services)
    assert "no merchant account can take it for acme (production)" == caught.value.message
    assert "merchant list" in str(caught.value.hint)


@pytest.mark.parametrize(
    "given",
    [{"amount": 5}, {"amount": 0, "currency": "USD"}, {"currency": "XXX"}, {"key": ""}, {"key": "a\0"}],
)
def test_wrong(services: Services, given: dict[str, Any]) -> None:
    """An amount without a currency, none at all, no currency and no key are refused."""
    stage(services, [Own("a")])
    with pytest.raises(AvnzError) as caught:
        route(services, **given)
    assert 2 == caught.value.exit_code


def test_life(services: Services, gateway: SteeredGateway) -> None:
    """Through the life of what a pool has: routed to while it works, never by an edit of anything."""
    platform(services, share=True)
    using(services)
    view = own(services, "Main", test=False)
    pool(services, MemberChanges("Main", priority=0), MemberChanges("Ours", priority=1))
    seen = []

    def look() -> None:
        seen.append(told(services)[0][0] + "/" + dict(told(services))["Main"])

    look()
    services.checks.test(ADMIN, view.id)
    look()
    services.clients.disable(ADMIN, view.id)
    pool(services, MemberChanges("Main", weight=9))
    services.clients.update(ADMIN, view.id, Changes(priority=0, is_default=True))
    look()
    services.clients.enable(ADMIN, view.id)
    gateway.says = REFUSED
    services.checks.test(ADMIN, view.id)
    pool(services, MemberChanges("Main", priority=0, strategy=PoolStrategy.PRIORITY))
    look()
    gateway.says = None
    services.checks.test(ADMIN, view.id)
    look()
    services.platform.disable(ADMIN, PAYFLOW)
    services.clients.delete(ADMIN, view.id)
    assert [("Main", "closed"), ("Ours", "platform_inactive")] == told(services)
    assert ["Ours/pending", "Main/priority", "Ours/inactive", "Ours/failing", "Main/priority"] == seen


def test_who(services: Services) -> None:
    """Every role routes; a client_admin for the own client alone, and knows of no other."""
    stage(services, [Own("a"), Platform()])
    for actor in (ADMIN, AUDITOR, SERVICE, admin_of(services, "acme")):
        assert "a" == services.routing.route(actor, Transaction(), client="acme").chosen.name
    actor = admin_of(services, "globex")
    with pytest.raises(NotFoundError) as caught:
        services.routing.route(actor, Transaction(), client="acme")
    assert "no client 'acme'" == caught.value.message
    assert ["denied"] == [one.outcome for one in events(services, Action.MERCHANT_ROUTE)]
    with pytest.raises(NotFoundError) as caught:
        services.routing.route(actor, Transaction())
    assert ("globex", []) == (caught.value.details["client"], caught.value.details["candidates"])
