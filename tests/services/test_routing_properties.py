"""For whatever integrations and pools there are: routing says what resolve says, and never what it drops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avnz_int.errors import NotFoundError
from avnz_int.model.enums import Category, Environment, PoolStrategy
from avnz_int.model.filters import Filter
from avnz_int.model.routing import MemberChanges, Transaction
from avnz_int.wiring import Services
from support.scenes import ADMIN, account
from support.services import make_services
from support.staging import GONE, Own, Platform, Staged, Using, clear, stage

GATEWAYS = ("nmi", "stripe", "paypal_payflow", "authorize_net")
EITHER = st.sampled_from(["production", "sandbox"])
COLUMNS = {
    "status": st.sampled_from(["active", "active", "inactive", "error", "pending"]),
    "environment": EITHER,
    "priority": st.integers(0, 3),
    "isVerified": st.sampled_from([True, True, False]),
}
OWN = st.fixed_dictionaries(COLUMNS, optional={"credentialsKeyId": st.just(GONE)})
USING = st.fixed_dictionaries(COLUMNS)
PLATFORM = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["active", "active", "inactive", "error"]),
        "environment": EITHER,
        "isSharedWithClients": st.booleans(),
        "lastTestResult": st.sampled_from(["success", "failure", None]),
    },
    optional={"credentialsKeyId": st.just(GONE)},
)
SLOW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def situations(draw: st.DrawFn) -> list[Staged]:
    """Up to four platform integrations and seven of the client, one default in each environment at most."""
    offered = draw(st.lists(st.sampled_from(GATEWAYS), unique=True, max_size=4))
    staged: list[Staged] = [Platform(provider, draw(PLATFORM)) for provider in offered]
    defaults = {draw(st.integers(0, 8)) for _ in range(2)}
    taken: set[str] = set()
    for number in range(draw(st.integers(0, 7))):
        uses = bool(offered) and draw(st.booleans())
        columns = dict(draw(USING if uses else OWN))
        place = str(columns["environment"])
        if number in defaults and place not in taken:
            taken.add(place)
            columns["isDefault"] = True
        provider = draw(st.sampled_from(offered if uses else GATEWAYS))
        staged.append((Using if uses else Own)(f"i{number}", provider, columns))
    return staged


@pytest.fixture
def services(on_sqlite: str, keyring: Path) -> Services:
    """Services over SQLite: what is judged here is the same everywhere."""
    return make_services(on_sqlite, keyring)


def routed(services: Services, environment: Environment, key: str | None = None) -> list[str | None]:
    """The client integrations that take a transaction, in order."""
    try:
        found = services.routing.route(ADMIN, Transaction(key=key), client="acme", environment=environment)
    except NotFoundError:
        return []
    return [one.client_integration_id for one in found.candidates if one.position]


def usable(services: Services, environment: Environment) -> set[str]:
    """Ids of acme's integrations that are worth something today, as their listing tells it."""
    return {
        view.id
        for view in services.clients.listing(ADMIN, client="acme", limits=Filter(environment=environment))
        if view.effective_status == "active"
        and (view.mode == "platform" or (view.is_verified and view.key_id != GONE))
    }


@SLOW
@given(staged=situations(), environment=st.sampled_from(Environment))
def test_resolve_is_what_routing_does(
    services: Services, staged: Sequence[Staged], environment: Environment
) -> None:
    """Without a pool the account that takes a transaction is that of the integration in force, and so on."""
    clear(services)
    stage(services, staged)
    try:
        view = services.resolution.resolve(
            ADMIN, Category.PAYMENT_GATEWAY, client="acme", environment=environment
        )
        in_force = view.in_force
        assert in_force is not None
        order = [one.id for one in view.candidates or [] if one.position]
        first = services.routing.route(ADMIN, Transaction(), client="acme", environment=environment).chosen
        assert (in_force.id, in_force.rule, in_force.merchant_account_id) == (
            first.client_integration_id,
            first.rule,
            first.merchant_account_id,
        )
    except NotFoundError:
        order = []
    assert order == routed(services, environment)
    assert set(order) <= usable(services, environment)


@SLOW
@given(
    staged=situations(),
    strategy=st.sampled_from(PoolStrategy),
    key=st.text("abc", min_size=1, max_size=3),
    weights=st.lists(st.integers(0, 5), min_size=7, max_size=7),
)
def test_a_pool_routes_to_what_works(
    services: Services, staged: Sequence[Staged], strategy: PoolStrategy, key: str, weights: list[int]
) -> None:
    """Whatever its members, a pool routes to those that can serve by `resolve`, and to no other."""
    clear(services)
    ids = stage(services, staged)
    production = [
        view for view in services.clients.listing(ADMIN, client="acme") if view.environment == "production"
    ]
    for view, weight in zip(production, weights, strict=False):
        member = MemberChanges(account(services, ids[view.name]).id, weight=weight, strategy=strategy)
        services.pools.put(ADMIN, "Cards", member, client="acme")
    found = routed(services, Environment.PRODUCTION, key)
    try:
        view = services.resolution.resolve(ADMIN, Category.PAYMENT_GATEWAY, client="acme")
        able = {one.id for one in view.candidates or [] if one.position}
    except NotFoundError:
        able = set()
    assert able == set(found)
    assert len(able) == len(found)
    assert found == routed(services, Environment.PRODUCTION, key)
