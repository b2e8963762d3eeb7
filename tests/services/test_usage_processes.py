"""Usage recorded by several processes at once, and by one that is killed; on both databases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avnz_int import clock
from avnz_int.model.enums import Action
from avnz_int.model.files import UsageFormat
from avnz_int.wiring import Services
from support.metering import as_file, line
from support.processes import Driver, Forker
from support.scenes import ADMIN, events, platform, using
from support.services import execute

# Eight processes for each case.
pytestmark = pytest.mark.slow

WRITERS = 8
LINES = 600
BATCH = 50


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    """Forks processes that have the program loaded already."""
    with Forker() as running:
        yield running


@pytest.fixture
def driver(forker: Forker, prepared_url: str, keyring: Path) -> Iterator[Driver]:
    """Starts processes over the test's database."""
    with Driver(forker, prepared_url, keyring) as running:
        yield running


@pytest.fixture
def scene(services: Services) -> Services:
    """Both clients use the platform's gateway."""
    platform(services, share=True)
    for client in ("acme", "globex"):
        using(services, client=client)
    return services


def test_eight_writers(scene: Services, driver: Driver, tmp_path: Path) -> None:
    """Eight at once, whose lines overlap, record each line once; sums, caches and the trail are exact."""
    now = clock.rfc3339(clock.now())
    processes = []
    begin = time.time() + 1
    for writer in range(WRITERS):
        # Half of each file is the next one's, too, in another order.
        numbers = range(writer * LINES // 2, writer * LINES // 2 + LINES)
        lines = [
            line(f"T-{n}", n, client=("acme", "globex")[n % 2], occurredAt=now)
            for n in (numbers if writer % 2 else reversed(numbers))
        ]
        path = tmp_path / f"{writer}.jsonl"
        path.write_bytes(as_file(lines))
        processes.append(driver.start("meter", at=begin, file=str(path), batch=BATCH))
    reports = [process.done() for process in processes]
    total = (WRITERS + 1) * LINES // 2
    assert total == sum(report["recorded"] for report in reports)
    assert WRITERS * LINES - total == sum(report["duplicates"] for report in reports)
    assert [[]] * WRITERS == [report["errors"] for report in reports]
    for client, rest in (("acme", 0), ("globex", 1)):
        mine = [n for n in range(total) if n % 2 == rest]
        (view,) = scene.usage.listing(ADMIN, client=client)
        assert (len(mine), sum(mine)) == (view.transactions, view.volume)
        cached = scene.clients.find(ADMIN, f"{client}/Ours").usage_this_month or {}
        assert (len(mine), sum(mine)) == (cached["transactions"], cached["volume"])
    assert total == sum((event.changes or {})["recorded"] for event in events(scene, Action.USAGE_RECORD))
    assert scene.audit.verify(ADMIN).valid


def test_killed(scene: Services, driver: Driver, tmp_path: Path, prepared_url: str) -> None:
    """A run that is killed leaves whole batches; the same file again adds the rest."""
    now = clock.rfc3339(clock.now())
    path = tmp_path / "usage.jsonl"
    path.write_bytes(as_file(line(f"T-{n}", 1, occurredAt=now) for n in range(30_000)))
    process = driver.start("meter", file=str(path), batch=BATCH)
    deadline = time.monotonic() + 60
    while not (found := _count(prepared_url)) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    found = _count(prepared_url)
    assert 0 < found < 30_000
    assert 0 == found % BATCH
    with path.open("rb") as lines:
        report = scene.usage.record(ADMIN, lines, UsageFormat.JSONL)
    assert (30_000 - found, found) == (report.recorded, report.duplicates)
    assert scene.audit.verify(ADMIN).valid


def _count(url: str) -> int:
    return int(execute(url, 'SELECT count(*) FROM "UsageRecord"')[0][0])
