"""`init` by several processes at once, and by one that is killed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avnz_int.crypto.keyring import Keyring
from avnz_int.model.enums import Role
from avnz_int.model.tokens import NewToken
from avnz_int.wiring import Services
from support.processes import Driver, Forker
from support.services import add_untested, dump, initialize, make_services, opened, present, token_of

# Processes are killed and started again and again.
pytestmark = pytest.mark.slow

Opener = Callable[..., Services]


@pytest.fixture
def opener(empty_database_url: str, keyring: Path) -> Iterator[Opener]:
    """Opens services over a database that is not there or empty, each as another process would."""
    made: list[Services] = []

    def opened_now(url: str = empty_database_url, at: Path = keyring, **environment: str) -> Services:
        made.append(make_services(url, at, **environment))
        return made[-1]

    yield opened_now
    for services in made:
        services.close()


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    """Forks processes that have the program loaded already."""
    with Forker() as running:
        yield running


@pytest.fixture
def driver(forker: Forker, empty_database_url: str, keyring: Path) -> Iterator[Driver]:
    """Starts processes over the test's database."""
    with Driver(forker, empty_database_url, keyring) as running:
        yield running


def init(services: Services, organization: str | None = "avnz") -> str:
    """Initialize; the organization's slug."""
    return initialize(services, organization).organization


def files(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_together(opener: Opener, driver: Driver, empty_database_url: str, keyring: Path) -> None:
    """Of processes that initialize at once one does it, and all succeed: one organization, one keyring."""
    start = time.time() + 0.2
    together = [driver.start("init", at=start) for _ in range(4)]
    answers = [process.done() for process in together]
    services = opener()

    assert [24, 0, 0, 0] == sorted((len(a["definitions"]["created"]) for a in answers), reverse=True)
    assert 1 == len(dump(empty_database_url)["Organization"])
    assert 3 == len(dump(empty_database_url)["DataKey"])
    tokens = [answer["token"] for answer in answers if answer["token"] is not None]
    assert len(tokens) == (0 if empty_database_url.startswith("sqlite") else 1)
    assert {keyring.name} == set(files(keyring.parent)) - {token_of(keyring).name}
    assert 1 == len(Keyring.from_json(keyring.read_text()).keys)
    assert services.audit.verify(services.actor).valid


def test_together_apart(opener: Opener, driver: Driver, empty_database_url: str, tmp_path: Path) -> None:
    """Of two organizations or two keyrings at once one wins; the others are told, and make no keyring."""
    start = time.time() + 0.2
    rings = [tmp_path / f"ring{number}.json" for number in range(4)]
    together = [
        driver.start("init", at=start, organization=name, where={"keyring": str(ring)})
        for ring, name in zip(rings, ["one", "two", "one", "two"], strict=True)
    ]
    ends = [process.wait("done", "failed") for process in together]
    (won,) = [n for n, end in enumerate(ends) if end["said"] == "done"]
    services = opener(at=rings[won])

    assert {"ConflictError", "KeyMissingError"} >= {
        str(end["error"]).partition(":")[0] for end in ends if end["said"] == "failed"
    }
    assert [rings[won]] == [ring for ring in rings if ring.exists()]
    assert ["one", "two"][won % 2] == services.setup.organization()
    assert services.audit.verify(services.actor).valid
    assert 24 == len(dump(empty_database_url)["IntegrationDefinition"])


def kill_and_init(opener: Opener, driver: Driver, url: str, tmp_path: Path, rounds: int) -> None:
    """Kill `init` at random moments; then it works, and nothing is missing or twice there."""
    dice = random.Random(rounds)
    for number in range(rounds):
        ring = tmp_path / f"ring-{number}" / "keyring.json"
        if url.startswith("sqlite"):
            where, environment = f"{url}.{number}", {}
        else:
            where, environment = url, {"AVNZ_INT_SCHEMA": f"round_{number}"}
        place = {"url": where, "keyring": str(ring), "environment": environment}
        process = driver.start("init", where=place)
        time.sleep(dice.uniform(0.0, 0.25))
        process.kill()
        services = opener(where, ring, **environment)
        init(services)
        with services.database.read() as connection:
            counts = [
                connection.exec_driver_sql(f'SELECT COUNT(*) FROM "{table}"').scalar()
                for table in ("Organization", "DataKey", "AuditHead", "IntegrationDefinition")
            ]
        assert [1, 3, 2, 24] == counts
        assert 1 == len(services._vault.source.load().keys)
        if not services.settings.is_embedded and services.settings.token is None:
            # Killed between the token's commit and its delivery: nobody has it, the keyring makes another.
            again = services.tokens.bootstrap(services.operator, NewToken(Role.ORG_ADMIN, "again"))
            present(services, str(again.token))
        assert services.audit.verify(services.actor).valid
        services.tenants.add(services.actor, "acme")
        add_untested(services, "one", "after kill 1")
        assert {"one": "after kill 1"} == opened(services)


def test_killed(opener: Opener, driver: Driver, empty_database_url: str, tmp_path: Path) -> None:
    """Killed at any moment, `init` works the next time and everything verifies."""
    kill_and_init(opener, driver, empty_database_url, tmp_path, 4)


@pytest.mark.slow
def test_killed_often(opener: Opener, driver: Driver, empty_database_url: str, tmp_path: Path) -> None:
    """The same, thirty times."""
    kill_and_init(opener, driver, empty_database_url, tmp_path, 30)
