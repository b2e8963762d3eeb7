"""`test --all` below the command line: what is chosen, in which order, and what is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from avnz_int.errors import (
    ForbiddenError,
    HiddenError,
    NotFoundError,
    UsageError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action
from avnz_int.model.inputs import Changes
from avnz_int.providers import paypal_payflow, webhook
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.wiring import Services
from support.scenes import (
    ADMIN,
    AUDITOR,
    GARBAGE,
    REFUSED,
    SERVICE,
    SteeredGateway,
    account,
    admin_of,
    events,
    own,
    platform,
)
from support.services import add_many, payflow_credentials
from support.sweeping import OK, Counted, choose, hook, make_scene, outcomes, sweep

pytestmark = pytest.mark.sqlite_first


@pytest.fixture
def scene(services: Services) -> dict[str, str]:
    """Name -> id of what there is to sweep."""
    return make_scene(services)


def test_all(services: Services, scene: dict[str, str], gateway: SteeredGateway) -> None:
    """Each is tested once, and recorded as a single test would: row, account, events, a whole chain."""
    before = len(events(services))
    results = sweep(services)
    tested = {scene[name] for name in ("shared", "first", "second", "globex")}
    assert tested == set(results)
    assert 4 == len(gateway.requests)
    assert {"ok"} == {view.outcome for view in results.values()}
    new = events(services)[before:]
    assert sorted(tested) == sorted(str(e.target_id) for e in new if e.action == Action.CREDENTIALS_READ)
    assert {scene["shared"]} == {e.target_id for e in new if e.action == Action.PLATFORM_TEST}
    assert tested - {scene["shared"]} == {e.target_id for e in new if e.action == Action.CLIENT_TEST}
    assert 8 == len(new)
    now = services.clients.show(ADMIN, scene["first"])
    assert ("active", True, "success", ADMIN.id) == (
        now.status,
        now.is_verified,
        now.last_test_result,
        now.verified_by,
    )
    assert "active" == account(services, scene["first"]).status
    assert services.audit.verify(ADMIN).valid


def test_failures(services: Services, scene: dict[str, str], gateway: SteeredGateway) -> None:
    """A refusal puts them and what hangs on them in error; what is not understood changes no status."""
    sweep(services)
    services.platform.enable(ADMIN, scene["shared"])
    gateway.says = GARBAGE
    assert {"unreachable"} == set(outcomes(sweep(services)).values())
    assert "active" == services.clients.show(ADMIN, scene["using"]).effective_status
    gateway.says = REFUSED
    results = sweep(services)
    assert {"rejected"} == set(outcomes(results).values())
    now = services.clients.show(ADMIN, scene["first"])
    assert ("error", False, results[scene["first"]].message) == (
        now.status,
        now.is_verified,
        now.error_message,
    )
    assert "error" == services.clients.show(ADMIN, scene["using"]).effective_status
    assert {"error"} == {account(services, scene[name]).status for name in ("first", "shared", "using")}
    assert services.audit.verify(ADMIN).valid


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ({}, ["shared", "first", "second", "globex"]),
        ({"client": "acme"}, ["shared", "first", "second"]),
        ({"platform_only": True}, ["shared"]),
        ({"platform_only": True, "client": "globex"}, ["shared"]),
        ({"provider": "paypal_payflow", "client": "globex"}, ["shared", "globex"]),
        ({"provider": "stripe"}, []),
        ({"stale_s": 3600.0}, ["shared", "second", "globex"]),
        ({"stale_s": 0.0}, ["shared", "first", "second", "globex"]),
    ],
)
def test_selection(
    services: Services,
    scene: dict[str, str],
    gateway: SteeredGateway,
    limits: dict[str, Any],
    names: list[str],
) -> None:
    """A selection limits what is tested; what is shared is chosen for whoever uses it."""
    services.checks.test(ADMIN, scene["first"])
    assert [scene[name] for name in names] == [one.id for one in choose(services, **limits)]


def test_unused_platform(services: Services, gateway: SteeredGateway) -> None:
    """What a client does not use is not tested for it."""
    platform(services, test=False)
    mine = own(services, test=False).id
    assert [mine] == [one.id for one in choose(services, client="acme")]
    assert [] == choose(services, client="acme", platform_only=True)


def test_client_admin(services: Services, scene: dict[str, str], gateway: SteeredGateway) -> None:
    """A client_admin tests the client's own ones, and learns of nobody else's."""
    actor = admin_of(services, "acme")
    assert {scene["first"], scene["second"]} == set(sweep(services, actor))
    with pytest.raises(NotFoundError):
        choose(services, actor, client="globex")
    assert "denied" == events(services)[-1].outcome
    with pytest.raises(ForbiddenError):
        choose(services, actor, platform_only=True)
    last = events(services)[-1]
    assert (Action.PLATFORM_TEST, "denied") == (last.action, last.outcome)


@pytest.mark.parametrize("actor", [AUDITOR, SERVICE])
def test_denied(services: Services, scene: dict[str, str], gateway: SteeredGateway, actor: Actor) -> None:
    """Nobody else may test, which is recorded; nothing is sent."""
    with pytest.raises(ForbiddenError):
        choose(services, actor)
    last = events(services)[-1]
    assert (Action.CLIENT_TEST, "denied", actor.id) == (last.action, last.outcome, last.actor_id)
    assert [] == gateway.requests


def test_unknown_client(services: Services) -> None:
    """A client that is not there is an error, not an empty selection."""
    with pytest.raises(NotFoundError) as caught:
        choose(services, client="nobody")
    assert not isinstance(caught.value, HiddenError)


def test_bad_endpoint(services: Services, scene: dict[str, str], gateway: SteeredGateway) -> None:
    """An endpoint to which nothing may be sent is told before anything is opened."""
    services.sweep._prober._endpoints = {"paypal_payflow": "http://elsewhere.example.com"}
    before = len(events(services))
    with pytest.raises(UsageError):
        choose(services)
    assert before == len(events(services))


def test_changed_before(
    services: Services, scene: dict[str, str], gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """What is deleted after the choice is left out; what gets other credentials is tested with these."""
    chosen = choose(services)
    other = open_services()
    other.clients.delete(ADMIN, scene["first"])
    wrong = Changes(credentials=payflow_credentials("the newer one"))
    other.clients.update(ADMIN, scene["second"], wrong, test=False)
    other.keys.rotate(ADMIN)
    assert {scene["shared"]: "ok", scene["globex"]: "ok", scene["second"]: "rejected"} == outcomes(
        sweep(services, chosen=chosen)
    )
    assert [] == [e for e in events(services) if "stale" in (e.changes or {})]


@pytest.mark.parametrize("said", [GARBAGE, REFUSED])
def test_failed_is_due(services: Services, scene: dict[str, str], gateway: SteeredGateway, said: str) -> None:
    """What was refused or could not be asked a moment ago is asked again, however fresh that is."""
    services.checks.test(ADMIN, scene["first"])
    gateway.says = said
    services.checks.test(ADMIN, scene["second"])

    due = [one.id for one in choose(services, stale_s=3600.0)]
    assert scene["second"] in due
    assert scene["first"] not in due


def test_changed_during(
    services: Services,
    scene: dict[str, str],
    gateway: SteeredGateway,
    notices: list[str],
    open_services: Callable[[], Services],
) -> None:
    """The result of credentials that are replaced while others are tested is recorded as stale only."""
    other = open_services()
    newer = Changes(credentials=payflow_credentials("the newer one"))
    gateway.meanwhile = lambda: other.clients.update(ADMIN, scene["second"], newer, test=False)
    assert "ok" == outcomes(sweep(services, concurrency=1))[scene["second"]]
    now = services.clients.show(ADMIN, scene["second"])
    assert ("pending", None) == (now.status, now.last_tested_at)
    assert [scene["second"]] == [e.target_id for e in events(services) if "stale" in (e.changes or {})]
    assert ["acme/Second"] == [text.partition(":")[0] for text in notices if "during the test" in text]


def test_warnings(
    services: Services,
    scene: dict[str, str],
    notices: list[str],
    gateway: SteeredGateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A warning names the integration that it is about."""

    async def check(_request: CheckRequest) -> CheckReport:
        return replace(OK, warnings=("the account is a trial",))

    monkeypatch.setattr(paypal_payflow, "check", check)
    sweep(services)
    told = {text for text in notices if "trial" in text}
    names = ("platform/paypal_payflow", "acme/First", "acme/Second", "globex/Main")
    assert {f"{name}: the account is a trial" for name in names} == told


def test_timeout(services: Services, scene: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check has the deadline that was given."""
    seen: list[float] = []

    async def check(request: CheckRequest) -> CheckReport:
        seen.append(request.timeout_s)
        return OK

    monkeypatch.setattr(paypal_payflow, "check", check)
    sweep(services, timeout_s=7.5)
    sweep(services)
    assert [7.5] * 4 + [30.0] * 4 == seen


@pytest.mark.parametrize("kind", ["waits", "blocks"])
@pytest.mark.parametrize(("concurrency", "per_host", "expected"), [(4, 12, 4), (6, 3, 3), (1, 8, 1)])
def test_limits(
    services: Services,
    gateway: SteeredGateway,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    concurrency: int,
    per_host: int,
    expected: int,
) -> None:
    """No more checks than allowed run at once, in all and of one host; and as many do."""
    counted = Counted()
    monkeypatch.setattr(paypal_payflow, "check", getattr(counted, kind))
    add_many(services, 12)
    assert {"ok"} == set(outcomes(sweep(services, concurrency=concurrency, per_host=per_host)).values())
    assert {"all": expected, "paypal_payflow": expected} == counted.most


def test_slow_host(services: Services, gateway: SteeredGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a slow host wait for one another, whatever stands behind the host, and keep nobody else."""
    order: list[str] = []
    slow, quick = Counted(0.5, order), Counted(0.001, order)
    monkeypatch.setattr(webhook, "check", slow.waits)
    monkeypatch.setattr(paypal_payflow, "check", quick.waits)
    for number in range(3):
        hook(services, f"A{number}", f"https://hooks.example.com/{number}")
    add_many(services, 120)
    chosen = sorted(choose(services), key=lambda one: one.found.provider, reverse=True)
    assert "webhook" == chosen[0].found.provider
    sweep(services, chosen=chosen, concurrency=2, per_host=1)
    assert 1 == slow.most["webhook"]
    assert ["webhook"] == order[-1:]
    assert 123 == len(order)


def test_many(services: Services, gateway: SteeredGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two transactions' worth are all tested, with one event each of opening and testing."""
    monkeypatch.setattr(paypal_payflow, "check", Counted(0.01).waits)
    add_many(services, 230)
    before = len(events(services))
    results = sweep(services, concurrency=20, per_host=20)
    assert ["ok"] * 230 == list(outcomes(results).values())
    assert 460 == len(events(services)) - before
    assert {"active"} == {view.status for view in services.clients.listing(ADMIN)}
    assert services.audit.verify(ADMIN).valid


def test_nothing(services: Services) -> None:
    """Nothing chosen is no work and no event."""
    before = len(events(services))
    assert {} == sweep(services)
    assert before == len(events(services))
