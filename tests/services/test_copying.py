"""Copying a whole database: the same credentials and trail, checked before it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from avnz_int.db import copying as copying_rows
from avnz_int.errors import (
    AuditBrokenError,
    AvnzError,
    ConflictError,
    ForbiddenError,
    IntegrityError,
    NotMigratedError,
)
from avnz_int.model.enums import Action, AuditOutcome
from avnz_int.wiring import Services
from support.postgres import PostgresDatabases
from support.scenes import ADMIN, AUDITOR, SteeredGateway, events, own, platform, replaced, using
from support.services import dump, execute, make_services, opened

pytestmark = pytest.mark.slow


@pytest.fixture
def full(services: Services) -> Services:
    """Integrations of every mode, some replaced, under two data keys."""
    platform(services, share=True)
    own(services, default=True)
    own(services, "Second")
    using(services)
    services.keys.rotate(ADMIN)
    replaced(services, "acme/Second", test=True)
    return services


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'copies' / 'target.db'}"
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres")
    name = databases.create_database()
    yield databases.url(name)
    databases.drop_database(name)


def test_copy(full: Services, target_url: str, keyring: Path, gateway: SteeredGateway) -> None:
    """The copy opens with the same keyring, verifies, has the right schema, and works on."""
    told: list[tuple[int, int]] = []
    view = full.copying.copy(ADMIN, target_url, lambda done, total: told.append((done, total)))

    copy = make_services(target_url, keyring, gateway.url)
    try:
        assert opened(full) == opened(copy)
        verdict = copy.audit.verify(ADMIN)
        assert (True, view.events) == (verdict.valid, verdict.events)
        assert [] == copy.schema.differences(ADMIN)
        assert full.audit.listing(ADMIN) == copy.audit.listing(ADMIN)
        assert full.clients.listing(ADMIN) == copy.clients.listing(ADMIN)
        assert [AuditOutcome.SUCCESS] == [event.outcome for event in events(copy, Action.DATABASE_COPY)]
        assert copy.checks.test(ADMIN, "acme/Main").success is True
        assert "••••" in copy.clients.rollback(ADMIN, "acme/Second").credentials["password"]
        assert copy.audit.verify(ADMIN).valid
    finally:
        copy.close()
    assert 3 == view.opened
    assert {
        name: len(rows) for name, rows in dump(str(full.settings.database_url)).items() if name in view.rows
    } == view.rows
    assert told[-1] == (sum(view.rows.values()), sum(view.rows.values()))


def test_not_empty(full: Services, target_url: str) -> None:
    """A database that holds rows is refused and left as it is: a copy, or the source itself."""
    full.copying.copy(ADMIN, target_url)
    for url in (target_url, full.settings.database_url):
        before = dump(url)
        with pytest.raises(ConflictError) as refused:
            full.copying.copy(ADMIN, url)
        assert "Organization" in refused.value.details["tables"]
        assert before == dump(url)


def test_older_copy(full: Services, target_url: str) -> None:
    """A target with rows is not even migrated."""
    full.copying.copy(ADMIN, target_url)
    execute(target_url, "UPDATE avnz_int_migration SET version_num = '0001'")
    with pytest.raises(ConflictError):
        full.copying.copy(ADMIN, target_url)
    with pytest.raises(NotMigratedError):
        execute(target_url, "SELECT 1")


def test_broken_trail(full: Services, target_url: str) -> None:
    """A trail that does not verify is not carried on: the target stays empty."""
    execute(full.settings.database_url, 'UPDATE "AuditEvent" SET "actorId" = \'nobody\' WHERE sequence = 3')
    with pytest.raises(AuditBrokenError):
        full.copying.copy(ADMIN, target_url)
    assert_undone(target_url)
    begun, failed = events(full, Action.DATABASE_COPY)[-2:]
    assert (AuditOutcome.SUCCESS, AuditOutcome.FAILURE) == (begun.outcome, failed.outcome)
    assert {**(begun.changes or {}), "reason": "audit_broken"} == failed.changes


def test_interrupted(full: Services, target_url: str) -> None:
    """A copy that somebody breaks off is recorded as failed, and nothing of it stays."""

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        full.copying.copy(ADMIN, target_url, interrupt)
    assert_undone(target_url)
    failed = events(full, Action.DATABASE_COPY)[-1]
    assert (AuditOutcome.FAILURE, "KeyboardInterrupt") == (failed.outcome, (failed.changes or {})["reason"])


def test_own_file(full: Services, tmp_path: Path) -> None:
    """An empty file that stood there before the copy stays."""
    file = tmp_path / "mine.db"
    file.touch()
    execute(full.settings.database_url, 'UPDATE "AuditEvent" SET "actorId" = \'nobody\' WHERE sequence = 3')
    with pytest.raises(AuditBrokenError):
        full.copying.copy(ADMIN, f"sqlite:///{file}")
    assert file.exists()


def test_lost_rows(full: Services, target_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that lacks rows is undone."""
    monkeypatch.setattr(copying_rows, "copy", lambda *_: {})
    with pytest.raises(IntegrityError):
        full.copying.copy(ADMIN, target_url)
    assert_undone(target_url)


def test_lost_keys(full: Services, target_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy whose keys do not open is undone, although the source's are open already."""
    copy = copying_rows.copy

    def spoiled(source: Connection, target: Connection, told: Callable[[int], None]) -> None:
        copy(source, target, told)
        target.exec_driver_sql("""UPDATE "DataKey" SET "wrappedKey" = '{}' WHERE purpose = 'credentials'""")

    opened(full)
    monkeypatch.setattr(copying_rows, "copy", spoiled)
    with pytest.raises(IntegrityError):
        full.copying.copy(ADMIN, target_url)
    assert_undone(target_url)


def test_unreadable(full: Services, target_url: str) -> None:
    """A credential that does not open in the source either is copied as it is and stops nothing."""
    row = full.clients.find(ADMIN, "acme/Main").id
    other = full.clients.find(ADMIN, "acme/Second").id
    column = f"(SELECT credentials FROM \"ClientIntegration\" WHERE id = '{other}')"
    execute(
        full.settings.database_url,
        f'UPDATE "ClientIntegration" SET credentials = {column} WHERE id = :i',
        i=row,
    )

    assert 2 == full.copying.copy(ADMIN, target_url).opened


def test_refused(full: Services, target_url: str) -> None:
    """Only an org_admin copies; who else tries is recorded, and nothing is made."""
    with pytest.raises(ForbiddenError):
        full.copying.copy(AUDITOR, target_url)
    assert [AuditOutcome.DENIED] == [event.outcome for event in events(full, Action.DATABASE_COPY)]
    with pytest.raises(AvnzError):
        dump(target_url)


def assert_undone(url: str) -> None:
    """No row is left, and of SQLite no file."""
    if url.startswith("sqlite"):
        assert [] == list(Path(url.removeprefix("sqlite:///")).parent.iterdir())
        return
    assert not any(rows for name, rows in dump(url).items() if name in copying_rows_names())


def copying_rows_names() -> set[str]:
    """The names of our tables."""
    return {table.name for table in copying_rows.ordered()}
