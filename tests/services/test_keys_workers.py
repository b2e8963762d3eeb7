"""Rotation by several processes, and what ends it in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from avnz_int.errors import DatabaseUnavailableError
from avnz_int.services import reseal_workers
from avnz_int.services.resealing import Progress
from avnz_int.wiring import Services
from support.postgres import PostgresServer
from support.services import add_many, execute, make_services, opened, prepared

# Worker processes for each case.
pytestmark = pytest.mark.slow


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The worker processes that are started."""
    started: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def noted(*args: object, **options: object) -> subprocess.Popen[str]:
        started.append(start(*args, **options))  # type: ignore[call-overload]  # as it was called
        return started[-1]

    monkeypatch.setattr(reseal_workers.subprocess, "Popen", noted)
    return started


@pytest.fixture
def on_server(on_postgres: str, keyring: Path, notices: list[str]) -> Iterator[Services]:
    """Services over PostgreSQL."""
    services = make_services(on_postgres, keyring, None, notices)
    yield services
    services.close()


def seals(services: Services, url: str) -> int:
    """How often the active key has sealed."""
    active = services.keys.status(services.actor).active_key_id
    return int(execute(url, 'SELECT "sealCount" FROM "DataKey" WHERE "id" = :id', id=active)[0][0])


def test_shared(
    on_server: Services, on_postgres: str, notices: list[str], workers: list[subprocess.Popen[str]]
) -> None:
    """Workers share the rows: each is sealed anew once, the sum is told, and all workers end."""
    passwords = add_many(on_server, 60)
    shares: list[int] = []

    def slowly(progress: Progress) -> None:
        shares.append(progress.resealed)
        if len(shares) == 1:  # until a worker has had its share
            workers[0].wait(30)

    after = on_server.keys.rotate(on_server.actor, batch_size=5, workers=3, on_batch=slowly)

    assert (60, 0, 0) == (after.resealed, after.pending, after.unreadable)
    assert 60 == seals(on_server, on_postgres)
    assert 5 < 60 - (len(shares) - 1) * 5
    assert [0, 0] == [worker.returncode for worker in workers]
    assert [] == [notice for notice in notices if "worker" in notice]
    assert passwords == opened(on_server)
    assert on_server.audit.verify(on_server.actor).valid


def test_secrets_not_in_arguments(
    on_server: Services, on_postgres: str, workers: list[subprocess.Popen[str]]
) -> None:
    """What a worker is told, password and all, does not stand among its arguments."""
    on_server.keys.rotate(on_server.actor, workers=2)

    assert "postgresql" not in str(workers[0].args)


def test_worker_killed(on_server: Services, on_postgres: str, workers: list[subprocess.Popen[str]]) -> None:
    """A worker that is killed leaves its share to the others."""
    passwords = add_many(on_server, 30)

    def kill(_: Progress) -> None:
        for worker in workers:
            if worker.poll() is None:
                os.kill(worker.pid, signal.SIGKILL)

    after = on_server.keys.rotate(on_server.actor, batch_size=2, workers=2, on_batch=kill)

    assert (0, 0) == (after.pending, after.unreadable)
    assert {after.active_key_id: 30} == after.rows
    assert passwords == opened(on_server)


def test_worker_fails(
    on_server: Services, keyring: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that cannot work is named, and the rest of the rotation is done."""
    add_many(on_server, 4)
    source = on_server._vault.source
    monkeypatch.setattr(type(source), "describe", lambda _: f"file://{keyring}.elsewhere")
    after = on_server.keys.rotate(on_server.actor, workers=2)

    assert 4 == after.resealed
    assert [True] == ["keyring.json.elsewhere" in said for said in notices if "a worker ended early" in said]


def test_ended_with_an_error(on_server: Services, workers: list[subprocess.Popen[str]]) -> None:
    """Where the rotation itself ends early no worker is left behind."""
    add_many(on_server, 4)
    with pytest.raises(ZeroDivisionError):
        on_server.keys.rotate(on_server.actor, batch_size=1, workers=2, on_batch=lambda _: 1 / 0)

    assert [True] == [worker.returncode is not None for worker in workers]


def test_one_writer(on_sqlite: str, keyring: Path, notices: list[str]) -> None:
    """On SQLite it says that one worker does it all, and that one does."""
    services = make_services(on_sqlite, keyring, None, notices)
    add_many(services, 3)
    after = services.keys.rotate(services.actor, workers=4)
    services.close()

    assert 3 == after.resealed
    assert any("one writer at a time" in notice for notice in notices)


def test_database_restarted(tmp_path: Path) -> None:
    """A database that crashes amid a rotation ends it; once it is there again a second run finishes."""
    (tmp_path / "keys").mkdir(mode=0o700)
    keyring = tmp_path / "keys" / "keyring.json"
    with PostgresServer(durable=True) as server:
        url = server.url(server.create_database())
        with prepared(url, keyring) as services:
            passwords = add_many(services, 12)

            def crash(progress: Progress) -> None:
                if progress.resealed == 4:
                    server.stop("immediate")

            with pytest.raises(DatabaseUnavailableError):
                services.keys.rotate(services.actor, batch_size=2, on_batch=crash)
        server.start()
        services = make_services(url, keyring)
        status = services.keys.status(services.actor)
        after = services.keys.rotate(services.actor, resume=True)

        assert (8, 0) == (status.pending, status.unreadable)
        assert (8, 0, 0) == (after.resealed, after.pending, after.unreadable)
        assert passwords == opened(services)
        assert services.audit.verify(services.actor).valid
        services.close()


def test_crash_told(on_server: Services, notices: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies without a word is told; the rest is done."""
    add_many(on_server, 6)
    start = subprocess.Popen
    monkeypatch.setattr(
        reseal_workers.subprocess,
        "Popen",
        lambda _, **options: start([sys.executable, "-c", "raise SystemExit(3)"], **options),
    )
    assert 6 == on_server.keys.rotate(on_server.actor, workers=3).resealed
    assert any("ended with code 3" in notice for notice in notices)


def test_start_fails(on_server: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a worker cannot be started, those that were do not go on alone."""
    add_many(on_server, 6)
    start, started = subprocess.Popen, []

    def second_fails(_: object, **options: object) -> subprocess.Popen[str]:
        if started:
            raise BlockingIOError("no more processes")
        started.append(start([sys.executable, "-c", "import time; time.sleep(60)"], **options))  # type: ignore[call-overload]  # as it was called
        return started[0]

    monkeypatch.setattr(reseal_workers.subprocess, "Popen", second_fails)
    with pytest.raises(BlockingIOError):
        on_server.keys.rotate(on_server.actor, workers=3)
    assert started[0].returncode is not None
