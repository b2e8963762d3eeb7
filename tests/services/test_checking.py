"""Many connection tests at once: bounded altogether and by host."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import checking, integrations
from avnz_int.services.integrations import Definition
from avnz_int.wiring import Services


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many tests were under way at once at most: altogether, and of each host."""
    now: Counter[str] = Counter()
    found: Counter[str] = Counter()

    async def watched(request: CheckRequest) -> CheckReport:
        names = ("all", request.settings["host"])
        now.update(names)
        for name in names:
            found[name] = max(found[name], now[name])
        await asyncio.sleep(0.01)
        now.subtract(names)
        return CheckReport(Outcome.OK, CheckCode.OK, request.settings["host"])

    monkeypatch.setattr(registry, "run_async", watched)
    return found


def requests(services: Services, host: str, count: int) -> list[tuple[CheckRequest, Definition]]:
    """Tests of webhooks at one host."""
    with services.database.read() as connection:
        found = integrations.definition(connection, "webhook")
    settings = {"url": f"https://{host}/hook", "host": host}
    one = CheckRequest("webhook", Secret({}), settings, Environment.SANDBOX, 5.0)
    return [(one, found)] * count


def test_bounds(services: Services, most: Counter[str]) -> None:
    """Eight of one host at once, unless it is said otherwise; one busy host does not keep others waiting."""
    wanted = requests(services, "one.example.com", 30) + requests(services, "two.example.com", 30)
    reports = checking.run_all(wanted, 100)
    assert (8, 8, 16) == (most["one.example.com"], most["two.example.com"], most["all"])
    assert [request.settings["host"] for request, _ in wanted] == [report.message for report in reports]
    most.clear()
    checking.run_all(wanted, 5, per_host=50)
    assert 5 == most["all"]
