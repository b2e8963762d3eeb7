"""Usage of merchant accounts whose integrations are deleted, on both databases."""

from __future__ import annotations

import pytest

from avnz_int.wiring import Services
from support.metering import Hand, counts, line, metered, record
from support.scenes import ADMIN, PAYFLOW, account, own, using
from support.services import execute

pytestmark = pytest.mark.sqlite_first


@pytest.fixture
def scene(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Acme uses the platform's gateway; it is the 20th of January 2028."""
    hand = Hand(monkeypatch)
    metered(services, hand)
    hand.set(2028, 1, 20)
    return services


def places(services: Services) -> list[tuple[str, str | None]]:
    """Client and platform integration of the recorded usage, by transaction."""
    query = (
        'SELECT "clientIntegrationId", "platformIntegrationId" FROM "UsageRecord" ORDER BY "transactionId"'
    )
    return [(row[0], row[1]) for row in execute(services.settings.database_url, query)]


def test_deleted_integration(scene: Services) -> None:
    """Usage outlives its integration, and more of it can be recorded, by the closed account too."""
    ours = scene.clients.find(ADMIN, "acme/Ours").id
    closed = account(scene, ours).id
    record(scene, line("T-1"))
    scene.clients.delete(ADMIN, "acme/Ours")
    assert (1, 1, 0, 0) == counts(
        record(scene, line("T-1", merchantAccount=closed), line("T-2", integration=ours))
    )
    (view,) = scene.usage.listing(ADMIN)
    assert (None, 2, 120) == (view.name, view.transactions, view.fees)
    using(scene, "Next")
    assert 1 == record(scene, line("T-3", merchantAccount=closed, client=None)).recorded
    assert {ours} == {integration for integration, _ in places(scene)}


def test_deleted_before_any_usage(scene: Services) -> None:
    """The account of a deleted integration without records is known by its deletion."""
    ours = scene.clients.find(ADMIN, "acme/Ours").id
    closed = account(scene, ours).id
    scene.clients.delete(ADMIN, "acme/Ours")
    assert 1 == record(scene, line("T-1", merchantAccount=closed)).recorded
    assert [ours] == [integration for integration, _ in places(scene)]


def test_each_its_own(scene: Services) -> None:
    """Deleted integrations keep their mode: own-mode usage never becomes the platform's, nor another's."""
    second = using(scene, "Second").id
    mine = own(scene, "Mine").id
    ours = scene.clients.find(ADMIN, "acme/Ours").id
    shared = scene.platform.find(ADMIN, PAYFLOW).id
    closed = [account(scene, one).id for one in (ours, second, mine)]
    scene.clients.disable(ADMIN, ours)
    for one in (ours, second, mine):
        scene.clients.delete(ADMIN, one)
    scene.platform.delete(ADMIN, PAYFLOW)
    lines = [line(f"T-{n}", merchantAccount=one, client=None) for n, one in enumerate(closed)]
    assert (3, 0, 0, 0) == counts(record(scene, *lines))
    assert [(ours, shared), (second, shared), (mine, None)] == places(scene)
    assert (0, 3, 0, 0) == counts(
        record(
            scene,
            *(given | {"integration": one} for given, one in zip(lines, (ours, second, mine), strict=True)),
        )
    )
    assert ["unknown_integration"] == [
        error.code for error in record(scene, line("T-3", merchantAccount=closed[2], integration=ours)).errors
    ]


def test_no_tie(scene: Services) -> None:
    """Where nothing says of which integration an account was, its usage is refused, not billed by chance."""
    mine = own(scene, "Mine").id
    closed = account(scene, mine).id
    scene.clients.delete(ADMIN, mine)
    scene.clients.delete(ADMIN, "acme/Ours")
    execute(
        scene.settings.database_url,
        """UPDATE "AuditEvent" SET "changes" = NULL WHERE "action" = 'client:delete'""",
    )
    report = record(scene, line("T-1", merchantAccount=closed))
    assert ["unknown_integration"] == [error.code for error in report.errors]


def test_closed_account_of_the_platform(scene: Services) -> None:
    """The account of a platform integration that is gone stands for none of a client's own."""
    closed = account(scene, scene.platform.find(ADMIN, PAYFLOW).id).id
    scene.clients.delete(ADMIN, "acme/Ours")
    scene.platform.delete(ADMIN, PAYFLOW)
    own(scene, "Mine")
    lines = [line("T-1", merchantAccount=closed), line("T-2", merchantAccount=closed, integration="Mine")]
    assert ["unknown_integration"] * 2 == [error.code for error in record(scene, *lines).errors]
