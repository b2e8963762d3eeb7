"""`test --all` where something fails: nothing stops it, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from avnz_int.errors import (
    DatabaseUnavailableError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Outcome
from avnz_int.model.views.integrations import CheckView
from avnz_int.providers import webhook
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import testing
from avnz_int.services.sweep import Sweep
from avnz_int.wiring import Services
from support.scenes import (
    ADMIN,
    SteeredGateway,
    events,
    own,
    row,
)
from support.services import add_many, execute
from support.sweeping import OK, choose, hook, make_scene, outcomes, sweep

# Waits for deadlines and locks.
pytestmark = pytest.mark.slow


@pytest.fixture
def scene(services: Services) -> dict[str, str]:
    """Name -> id of what there is to sweep."""
    return make_scene(services)


async def _raises(_request: CheckRequest) -> CheckReport:
    raise ValueError("secret1")


async def _is_cancelled(_request: CheckRequest) -> CheckReport:
    raise asyncio.CancelledError


async def _exits(_request: CheckRequest) -> CheckReport:
    raise SystemExit(3)


async def _hangs(_request: CheckRequest) -> CheckReport:
    await asyncio.sleep(60)
    return OK


def _blocks(_request: CheckRequest) -> CheckReport:
    time.sleep(60)
    return OK


def _answers_nothing(_request: CheckRequest) -> CheckReport:
    return None  # type: ignore[return-value]  # what a stranger's module may do


@pytest.mark.parametrize("broken", [_raises, _is_cancelled, _exits, _hangs, _blocks, _answers_nothing])
def test_goes_on(
    services: Services,
    gateway: SteeredGateway,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[CheckRequest], Any],
) -> None:
    """Whatever a check does, it is one unreachable provider, and the others are tested."""
    monkeypatch.setattr(webhook, "check", broken)
    bad = [hook(services, name, "https://hooks.example.com/") for name in ("A", "B", "C")]
    good = [own(services, name, test=False).id for name in ("D", "E", "F")]
    started = time.monotonic()
    # Long enough for a machine that does much else; what hangs is given up one after the other.
    results = sweep(services, concurrency=2, timeout_s=4.0)
    assert time.monotonic() - started < 30
    assert dict.fromkeys(bad, "unreachable") | dict.fromkeys(good, "ok") == outcomes(results)
    assert all("secret1" not in view.message for view in results.values())


def test_unreadable(
    services: Services, scene: dict[str, str], prepared_url: str, gateway: SteeredGateway
) -> None:
    """What does not open is a result, is recorded, and is not sent; the others are tested."""
    kind = "" if prepared_url.startswith("sqlite") else "::jsonb"
    update = f'UPDATE "ClientIntegration" SET {{}} = {{}}{kind} WHERE id = :id'
    execute(prepared_url, update.format("credentials", "'{}'"), id=scene["first"])
    execute(prepared_url, update.format("settings", "'\"no object\"'"), id=scene["second"])
    execute(prepared_url, "UPDATE \"PlatformIntegration\" SET environment = 'sandbox'")
    results = sweep(services)
    assert {scene["globex"]: "ok"} == {i: o for i, o in outcomes(results).items() if o != "unreadable"}
    assert 4 == len(results)
    assert {None} == {view.latency for view in results.values() if view.outcome is Outcome.UNREADABLE}
    failed = [e for e in events(services, Action.CREDENTIALS_READ) if e.outcome == "failure"]
    assert {scene[name] for name in ("first", "second", "shared")} == {e.target_id for e in failed}
    assert 1 == len(gateway.requests)
    assert row(services, "ClientIntegration", scene["first"])["lastTestedAt"] is None
    assert services.audit.verify(ADMIN).valid


def test_locked(
    services: Services, scene: dict[str, str], gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """Results that cannot be written because the database is locked are written when it is free again."""
    services.database.busy_timeout_ms = 200
    services.database.close()
    chosen = choose(services)
    other = open_services()
    released = threading.Event()

    def hold() -> None:
        with other.database.write() as connection:
            connection.exec_driver_sql('UPDATE "AuditHead" SET sequence = sequence')
            held.set()
            released.wait(10)

    held = threading.Event()
    holder = threading.Thread(target=hold)

    def lock() -> None:
        holder.start()
        held.wait(10)
        threading.Timer(1.2, released.set).start()
        time.sleep(2)

    gateway.meanwhile = lock
    results = sweep(services, chosen=chosen)
    holder.join()
    assert {"ok"} == set(outcomes(results).values())
    assert {"active"} == {view.status for view in services.clients.listing(ADMIN)}
    assert services.audit.verify(ADMIN).valid


def _failing(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, when: Callable[[Any], bool]
) -> None:
    original = getattr(Sweep, name)

    def fails(self: Sweep, actor: Actor, batch: Sequence[Any], *more: Any) -> Any:
        if any(map(when, batch)):
            raise error
        return original(self, actor, batch, *more)

    monkeypatch.setattr(Sweep, name, fails)


@pytest.mark.parametrize("kind", [DatabaseUnavailableError, RuntimeError])
def test_not_recorded(
    services: Services,
    scene: dict[str, str],
    gateway: SteeredGateway,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Exception],
) -> None:
    """Results that cannot be recorded at all are told, and the error is raised in the end."""
    error = kind("it is locked")
    _failing(monkeypatch, "record_batch", error, lambda _: True)
    found: list[CheckView] = []
    with pytest.raises(kind) as caught:
        services.sweep.run(ADMIN, choose(services), on_result=found.append)
    assert 4 == len(found) == len({view.id for view in found})
    assert caught.value is error
    if isinstance(error, DatabaseUnavailableError):
        assert "4 results were not recorded: it is locked" == error.message
    assert row(services, "ClientIntegration", scene["first"])["lastTestedAt"] is None


def test_one_not_recorded(
    services: Services, scene: dict[str, str], gateway: SteeredGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that cannot be recorded loses its own result only, which is told all the same."""
    original = testing._values

    def values(table: str, current: Mapping[str, Any], *more: Any) -> dict[str, Any]:
        if current["id"] == scene["first"]:
            raise ValueError("no such status")
        return original(table, current, *more)

    monkeypatch.setattr(testing, "_values", values)
    found: list[CheckView] = []
    with pytest.raises(ValueError, match="no such status"):
        services.sweep.run(ADMIN, choose(services), on_result=found.append)
    assert 4 == len(found) == len({view.id for view in found})
    tested = [e.target_id for e in events(services, Action.CLIENT_TEST)]
    assert sorted([scene["second"], scene["globex"]]) == sorted(map(str, tested))
    assert "active" == services.clients.show(ADMIN, scene["second"]).status
    assert services.audit.verify(ADMIN).valid


def test_not_opened(services: Services, gateway: SteeredGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a later batch cannot be opened, what was tested is recorded and told, then the error raised."""
    add_many(services, 150)
    chosen = choose(services)
    error = DatabaseUnavailableError("the disk is full")
    _failing(monkeypatch, "open_batch", error, lambda one: one.id == chosen[120].id)
    found: list[CheckView] = []
    with pytest.raises(DatabaseUnavailableError):
        services.sweep.run(ADMIN, chosen, on_result=found.append)
    assert {one.id for one in chosen[:100]} == {view.id for view in found}
    assert 100 == len(events(services, Action.CLIENT_TEST))


def test_teller_fails(services: Services, scene: dict[str, str], gateway: SteeredGateway) -> None:
    """Where nobody can be told, all is recorded and the error is raised."""

    def tell(_view: CheckView) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        services.sweep.run(ADMIN, choose(services), on_result=tell)
    assert {"active"} == {view.status for view in services.clients.listing(ADMIN)}
