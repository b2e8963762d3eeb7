"""Pools of merchant accounts: made, changed, emptied and ended; whose accounts they may have; the trail."""

from __future__ import annotations

from typing import Any

import pytest

from avnz_int.errors import AvnzError, ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from avnz_int.model.enums import Action, Environment, PoolStrategy
from avnz_int.model.routing import MemberChanges, PoolMemberView
from avnz_int.wiring import Services
from support.scenes import ADMIN, AUDITOR, SERVICE, account, admin_of, events
from support.staging import Own, Platform, Using, stage

pytestmark = pytest.mark.sqlite_first


def put(
    services: Services, ref: str, name: str = "Cards", client: str | None = "acme", **changes: Any
) -> Any:
    """The pool after an account was put into it."""
    return services.pools.put(ADMIN, name, MemberChanges(ref, **changes), client=client)


def only(services: Services) -> PoolMemberView:
    """The one member of the one pool."""
    ((member,),) = [pool.members for pool in services.pools.listing(ADMIN)]
    return member


def test_made_with_the_first(services: Services) -> None:
    """The first account makes the pool, in its own environment; what is not given has a default."""
    ids = stage(services, [Own("a"), Own("b", columns={"environment": "sandbox"})])
    pool = put(services, "acme/a")
    assert ("acme", "Cards", "production", "priority") == (
        pool.client,
        pool.name,
        pool.environment,
        pool.strategy,
    )
    member = only(services)
    assert account(services, ids["a"]).id == member.merchant_account_id
    assert ("a", "nmi", "active", 0, 1, None, None, None, []) == (
        *(member.name, member.provider, member.status, member.priority, member.weight),
        *(member.transaction_limit, member.monthly_limit, member.limit_currency, member.currencies),
    )
    assert "sandbox" == put(services, "b", "Trial").environment
    assert "production" == put(services, "a", "Given", environment=Environment.PRODUCTION).environment
    with pytest.raises(InvalidInputError, match="of sandbox"):
        put(services, "b", "Wrong", environment=Environment.PRODUCTION)
    assert ["Cards", "Given", "Trial"] == [one.name for one in services.pools.listing(ADMIN)]


def test_refs(services: Services) -> None:
    """An account is named as everywhere, with the client also by its integration's name alone."""
    integration = stage(services, [Own("a")])["a"]
    found = account(services, integration).id
    for ref in ("acme/a", "a", "acme/nmi/a", found, found[:9], integration, integration[:9]):
        put(services, ref)
        assert found == only(services).merchant_account_id
        services.pools.remove(ADMIN, "Cards", client="acme")


def test_changed(services: Services) -> None:
    """Putting it again changes what is given and leaves the rest; a limit can be taken away."""
    stage(services, [Own("a")])
    put(services, "a", priority=3, weight=5, transaction_limit=9, monthly_limit=90, currencies=("usd",))
    put(services, "a", weight=7, strategy=PoolStrategy.WEIGHTED)
    member = only(services)
    assert (3, 7, 9, 90, "USD", ["USD"]) == (
        *(member.priority, member.weight, member.transaction_limit, member.monthly_limit),
        *(member.limit_currency, member.currencies),
    )
    put(services, "a", transaction_limit=None, currencies=("JPY", "USD", "jpy"))
    member = only(services)
    assert (None, 90, "USD", ["JPY", "USD"]) == (
        *(member.transaction_limit, member.monthly_limit),
        *(member.limit_currency, member.currencies),
    )
    put(services, "a", monthly_limit=None, currencies=())
    assert (None, None, []) == (
        only(services).monthly_limit,
        only(services).limit_currency,
        only(services).currencies,
    )
    assert ["weighted"] == [pool.strategy for pool in services.pools.listing(ADMIN)]


def test_trail(services: Services) -> None:
    """Every change is recorded with old and new values; what changes nothing records nothing."""
    ids = stage(services, [Own("a")])
    pool = put(services, "a", weight=2)
    put(services, "a", weight=2)
    put(services, "a", weight=3, strategy=PoolStrategy.WEIGHTED)
    services.pools.remove(ADMIN, "Cards", account="a", client="acme")
    services.pools.remove(ADMIN, "Cards", client="acme")
    trail = [one for one in events(services) if one.action.startswith("pool:")]
    assert ["pool:create", "pool:update", "pool:update", "pool:update", "pool:update", "pool:remove"] == [
        one.action for one in trail
    ]
    assert {("AccountPool", pool.id, pool.client_id)} == {
        (one.target_type, one.target_id, one.client_id) for one in trail
    }
    created, put_in, strategy, weight, out, gone = [one.changes or {} for one in trail]
    of = account(services, ids["a"]).id
    assert ({"name": [None, "Cards"]}, of, [None, 2]) == (
        {"name": created["name"]},
        put_in["merchantAccountId"],
        put_in["weight"],
    )
    assert {"strategy": ["priority", "weighted"]} == strategy
    assert {"merchantAccountId": of, "weight": [2, 3]} == weight
    assert ([of, None], [3, None]) == (out["merchantAccountId"], out["weight"])
    assert (["Cards", None], []) == (gone["name"], gone["accounts"])
    assert services.audit.verify(ADMIN).valid


def test_emptied(services: Services, notices: list[str]) -> None:
    """A pool without accounts stays, and a person is told that nothing is routed by it."""
    stage(services, [Own("a")])
    put(services, "a")
    assert [] == services.pools.remove(ADMIN, "Cards", account="acme/a", client="acme").members
    assert any("no account left" in notice for notice in notices)
    assert ["Cards"] == [pool.name for pool in services.pools.listing(ADMIN, client="acme")]
    assert "Cards" == services.pools.remove(ADMIN, "Cards", client="acme").name
    assert [] == services.pools.listing(ADMIN)


def test_the_organizations(services: Services) -> None:
    """A pool without a client has the organization's own accounts, and stands first in the list."""
    stage(services, [Platform(), Using("u")])
    put(services, "u")
    pool = put(services, "nmi", "Ours", client=None)
    assert (None, ["nmi"]) == (pool.client, [one.name for one in pool.members])
    assert ["Ours", "Cards"] == [one.name for one in services.pools.listing(ADMIN)]
    for ref, client in (("acme/u", None), ("platform/nmi", "acme")):
        with pytest.raises(InvalidInputError, match="one owner"):
            put(services, ref, "Mixed", client=client)
    with pytest.raises(ForbiddenError):
        services.pools.put(SERVICE, "Ours", MemberChanges("nmi"))
    for actor, error in ((AUDITOR, ForbiddenError), (admin_of(services, "acme"), NotFoundError)):
        with pytest.raises(error):
            services.pools.remove(actor, "Ours")


def test_same_name(services: Services) -> None:
    """Two clients, and the organization, may each have a pool of one name."""
    stage(services, [Platform(), Own("a")])
    stage(services, [Own("a")], client="globex")
    made = {put(services, f"{client}/a", client=client).id for client in ("acme", "globex")}
    made.add(put(services, "nmi", client=None).id)
    assert 3 == len(made)
    assert [None, "acme", "globex"] == [pool.client for pool in services.pools.listing(ADMIN)]


WRONG: dict[str, tuple[dict[str, Any], type[AvnzError], str]] = {
    "no such account": ({"ref": "acme/z"}, NotFoundError, "acme/z"),
    "another client's": ({"ref": "globex/g"}, InvalidInputError, "globex's"),
    "of another environment": ({"ref": "s"}, InvalidInputError, "sandbox"),
    "a pool of another environment": (
        {"ref": "a", "environment": Environment.SANDBOX},
        InvalidInputError,
        "of production",
    ),
    "no client": ({"ref": "a", "client": "nobody"}, NotFoundError, "nobody"),
    "no name": ({"ref": "a", "name": " "}, InvalidInputError, "1 to 200"),
    "a path for a name": ({"ref": "a", "name": "a/b"}, InvalidInputError, "'/'"),
    "negative priority": ({"ref": "a", "priority": -1}, InvalidInputError, "priority must be"),
    "huge priority": ({"ref": "a", "priority": 2**31}, InvalidInputError, "priority must be"),
    "negative weight": ({"ref": "a", "weight": -1}, InvalidInputError, "--weight"),
    "huge weight": ({"ref": "a", "weight": 1_000_001}, InvalidInputError, "--weight"),
    "a limit of nothing": (
        {"ref": "a", "transaction_limit": 0, "limit_currency": "USD"},
        InvalidInputError,
        "--transaction-limit",
    ),
    "a huge limit": (
        {"ref": "a", "monthly_limit": 10**16, "limit_currency": "USD"},
        InvalidInputError,
        "--monthly-limit",
    ),
    "a limit of no currency": ({"ref": "a", "monthly_limit": 5}, InvalidInputError, "in which currency"),
    "a limit of one of two currencies": (
        {"ref": "a", "monthly_limit": 5, "currencies": ("USD", "EUR")},
        InvalidInputError,
        "in which currency",
    ),
    "a limit in what it does not take": (
        {"ref": "a", "monthly_limit": 5, "limit_currency": "JPY", "currencies": ("USD",)},
        InvalidInputError,
        "JPY",
    ),
    "a currency of no limit": ({"ref": "a", "limit_currency": "JPY"}, InvalidInputError, "goes with"),
    "no currency": ({"ref": "a", "currencies": ("dollars",)}, InvalidInputError, "'dollars'"),
}


def test_wrong(services: Services) -> None:
    """What cannot be is refused by its name, and the pool is as it was."""
    stage(services, [Own("a"), Own("s", columns={"environment": "sandbox"})])
    stage(services, [Own("g")], client="globex")
    put(services, "a", weight=4)
    before = services.pools.listing(ADMIN)
    for name, (given, error, says) in WRONG.items():
        with pytest.raises(error) as caught:
            put(services, **given)
        assert says in caught.value.message, name
    assert before == services.pools.listing(ADMIN)


def test_closed(services: Services) -> None:
    """A deleted integration's account leaves no pool by itself and enters none."""
    ids = stage(services, [Own("a"), Own("b")])
    put(services, "a")
    closed = account(services, ids["a"]).id, account(services, ids["b"]).id
    for name in ("a", "b"):
        services.clients.delete(ADMIN, f"acme/{name}")
    assert "closed" == only(services).status
    with pytest.raises(ConflictError, match="closed"):
        put(services, closed[1])
    assert [] == services.pools.remove(ADMIN, "Cards", account=closed[0], client="acme").members


def test_not_there(services: Services) -> None:
    """Removing what is not there says what is missing."""
    stage(services, [Own("a"), Own("b")])
    put(services, "a")
    for name, ref, says in (
        ("Other", None, "no pool"),
        ("Cards", "b", "not in the pool"),
        ("\0", None, "no pool"),
    ):
        with pytest.raises(NotFoundError, match=says):
            services.pools.remove(ADMIN, name, account=ref, client="acme")


def test_a_clients_own(services: Services) -> None:
    """A client_admin has the own client's pools, named or not, and knows of no others."""
    stage(services, [Own("a")])
    stage(services, [Own("g")], client="globex")
    put(services, "globex/g", "Theirs", client="globex")
    actor = admin_of(services, "acme")
    pool = services.pools.put(actor, "Mine", MemberChanges("a"))
    assert "acme" == pool.client
    assert ["Mine"] == [one.name for one in services.pools.listing(actor)]
    for ask in (
        lambda: services.pools.listing(actor, client="globex"),
        lambda: services.pools.put(actor, "Theirs", MemberChanges("g"), client="globex"),
        lambda: services.pools.put(actor, "Mine", MemberChanges("globex/g")),
        lambda: services.pools.remove(actor, "Theirs", client="globex"),
        lambda: services.pools.remove(actor, "Theirs"),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert "Mine" == services.pools.remove(actor, "Mine").name


def test_who_may_look(services: Services) -> None:
    """Every role lists pools; an auditor and a service change none."""
    stage(services, [Own("a")])
    put(services, "a")
    for actor in (AUDITOR, SERVICE):
        assert ["Cards"] == [pool.name for pool in services.pools.listing(actor)]
        with pytest.raises(ForbiddenError):
            services.pools.put(actor, "Cards", MemberChanges("a", weight=0), client="acme")
        with pytest.raises(ForbiddenError):
            services.pools.remove(actor, "Cards", client="acme")
    denied = [one.action for one in events(services) if one.outcome == "denied"]
    assert [Action.POOL_UPDATE, Action.POOL_REMOVE] * 2 == denied
