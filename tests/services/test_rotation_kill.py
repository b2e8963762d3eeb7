"""Key rotation that is killed, crowded by writers, or run twice at once, in processes of their own."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avnz_int.wiring import Services
from support.processes import Driver, Forker, Process
from support.services import add_many, add_untested, execute, opened

# Processes are killed and started again and again.
pytestmark = pytest.mark.slow

WRITTEN = ["written-a", "written-b", "written-c"]


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
def stop(tmp_path: Path) -> Path:
    """Writers end once this file is there."""
    return tmp_path / "stop"


def last_writes(writer: Process) -> dict[str, str]:
    """Name -> password of the last write of each row that the writer was told is committed."""
    writer.wait("done")
    return {said["name"]: said["password"] for said in writer.heard if said["said"] == "wrote"}


def keys_in_use(url: str) -> set[str]:
    """The ids beside the sealed values."""
    return {row[0] for row in execute(url, 'SELECT DISTINCT "credentialsKeyId" FROM "ClientIntegration"')}


def require_whole(services: Services, url: str, expected: dict[str, str]) -> None:
    """Every row opens to what was last written, a second run finishes, and the audit trail is whole."""
    assert expected == opened(services)

    after = services.keys.rotate(services.actor, resume=True)

    assert (0, 0) == (after.pending, after.unreadable)
    assert {after.active_key_id} == keys_in_use(url)
    assert expected == opened(services)
    assert services.audit.verify(services.actor).valid


def killed_again_and_again(services: Services, driver: Driver, url: str, stop: Path, rounds: int) -> None:
    """Kill rotations at random moments while another process writes."""
    expected = add_many(services, 40)
    for name in WRITTEN:
        add_untested(services, name)
    writer = driver.start("write", names=WRITTEN, stop=str(stop))
    writer.wait("wrote")
    dice = random.Random(rounds)
    for number in range(rounds):
        # A worker outlives the rotation that started it, and works on beside the next one.
        workers = 2 if number % 5 == 1 else 1
        rotation = driver.start("rotate", new_key=number % 3 == 0, batch_size=3, workers=workers)
        time.sleep(dice.uniform(0.02, 0.25))
        rotation.kill()
        assert expected.items() <= opened(services).items()
    stop.touch()

    require_whole(services, url, expected | last_writes(writer))


def test_killed_at_random(services: Services, driver: Driver, prepared_url: str, stop: Path) -> None:
    """A rotation killed at any moment loses nothing, and neither does the process that writes meanwhile."""
    killed_again_and_again(services, driver, prepared_url, stop, rounds=6)


@pytest.mark.slow
def test_killed_often(services: Services, driver: Driver, prepared_url: str, stop: Path) -> None:
    """Sixty killed rotations lose nothing either."""
    killed_again_and_again(services, driver, prepared_url, stop, rounds=60)


@pytest.mark.parametrize("moment", ["between", "inside"])
def test_killed_at(services: Services, driver: Driver, prepared_url: str, stop: Path, moment: str) -> None:
    """Killed between two batches or inside one, a rotation leaves rows on two keys; a second run finishes."""
    expected = add_many(services, 12)
    for name in WRITTEN:
        add_untested(services, name)
    rotation = driver.start("rotate", batch_size=4, pause=moment)
    rotation.wait("paused")
    writer = driver.start("write", names=WRITTEN, stop=str(stop))
    if moment == "between":
        writer.wait("wrote")  # nobody is kept waiting
    rotation.kill()
    writer.wait("wrote")
    stop.touch()

    assert 2 == len(keys_in_use(prepared_url))
    require_whole(services, prepared_url, expected | last_writes(writer))


def test_two_at_once(services: Services, driver: Driver, prepared_url: str) -> None:
    """Two rotations at once share the rows; both succeed, and nothing is left on an older key."""
    expected = add_many(services, 60)
    start = time.time() + 0.2
    together = [
        driver.start("rotate", at=start, batch_size=3, new_key=new_key) for new_key in (False, True, True)
    ]
    answers = [rotation.done() for rotation in together]

    assert all(answer["unreadable"] == 0 for answer in answers)
    require_whole(services, prepared_url, expected)


def test_no_deadlock(services: Services, driver: Driver, prepared_url: str, stop: Path) -> None:
    """Rotations beside writers that lock several rows at once are refused by nobody and stop nobody."""
    names = [f"stirred-{number}" for number in range(6)]
    expected = add_many(services, 30)
    for name in names:
        add_untested(services, name)
    writers = [driver.start("stir", names=names, stop=str(stop)) for _ in range(4)]
    deadline = time.monotonic() + 3
    rotations = 0
    while rotations < 2 or time.monotonic() < deadline:
        driver.start("rotate", new_key=True, batch_size=40).done()
        rotations += 1
    stop.touch()

    assert all(writer.done() > 0 for writer in writers)
    assert expected.items() <= opened(services).items()
    require_whole(services, prepared_url, opened(services))


def test_master_killed(services: Services, driver: Driver, notices: list[str]) -> None:
    """Killed after the keyring was written, every key still opens; a second run goes on with it."""
    add_untested(services, "one", "opened before 1")
    before = services._vault.source.load()
    rotation = driver.start("rotate_master")
    rotation.wait("paused")
    rotation.kill()
    between = services._vault.source.load()

    assert {"one": "opened before 1"} == opened(services)
    services.keys.rotate_master(services.actor)

    assert before.kids == between.kids[1:]
    assert between == services._vault.source.load()
    assert "a rotation of the master key was under way: it goes on" in notices
    with services.database.read() as connection:
        masters = set(connection.exec_driver_sql('SELECT "masterKeyId" FROM "DataKey"').scalars())
    assert {between.active_kid} == masters
    assert {"one": "opened before 1"} == opened(services)
    assert services.audit.verify(services.actor).valid
