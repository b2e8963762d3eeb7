"""`init` and migrations: once everything, twice nothing, never half of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avnz_int.crypto.keyring import Keyring
from avnz_int.db import migrations
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    ForbiddenError,
    InvalidDefinitionError,
    InvalidInputError,
    KeyMissingError,
    KeyringExposedError,
    KeyringInvalidError,
    NotInitializedError,
    NotMigratedError,
    UsageError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Role
from avnz_int.wiring import Services
from support.services import actions, dump, execute, initialize, make_services, token_of

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


def init(services: Services, organization: str | None = "avnz") -> str:
    """Initialize; the organization's slug."""
    return initialize(services, organization).organization


def files(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def is_empty(url: str) -> bool:
    """Whether there is no database file, or no table of ours in the database."""
    if url.startswith("sqlite:///"):
        return not Path(url.removeprefix("sqlite:///")).exists()
    try:
        dump(url)
    except NotInitializedError:
        return True
    return False


def test_first(opener: Opener, empty_database_url: str, keyring: Path) -> None:
    """The first time makes database, keyring, organization, keys and definitions, and records it."""
    services = opener()
    view = initialize(services, name="AVNZ Limited")
    rows = dump(empty_database_url)

    assert "avnz" == view.organization
    assert (view.token is None) == services.settings.is_embedded
    assert f"file://{keyring}" == view.keyring
    assert 24 == len(view.definitions.created) == len(rows["IntegrationDefinition"])
    assert ["AVNZ Limited"] == [
        row[0] for row in execute(empty_database_url, 'SELECT "name" FROM "Organization"')
    ]
    assert 1 == len(Keyring.from_json(keyring.read_text()).keys)
    assert 0o600 == keyring.stat().st_mode & 0o777
    purposes = execute(empty_database_url, 'SELECT "purpose", "status" FROM "DataKey" ORDER BY "purpose"')
    assert [("audit", "active"), ("credentials", "active"), ("fingerprint", "active")] == purposes
    said = {action for action, _ in actions(services)}
    assert {"organization:create", "key:create", "database:migrate", "definition:seed"} == said - {
        "token:create"
    }
    assert ("token:create" in said) == (view.token is not None)
    assert services.audit.verify(services.actor).valid
    assert [] == services.schema.differences(services.actor)


@pytest.mark.parametrize("organization", ["avnz", None])
def test_twice(opener: Opener, empty_database_url: str, keyring: Path, organization: str | None) -> None:
    """The second time changes nothing: no row, no byte of the keyring."""
    init(opener())
    rows, key, stamp = dump(empty_database_url), keyring.read_bytes(), keyring.stat().st_mtime_ns
    services = opener()
    view = initialize(services, organization)

    assert "avnz" == view.organization
    assert (0, 24) == (len(view.definitions.created), len(view.definitions.unchanged))
    assert rows == dump(empty_database_url)
    assert (key, stamp) == (keyring.read_bytes(), keyring.stat().st_mtime_ns)


@pytest.mark.parametrize(
    ("organization", "error"), [(None, UsageError), ("", InvalidInputError), ("No Slug", InvalidInputError)]
)
def test_no_organization(
    opener: Opener, empty_database_url: str, keyring: Path, organization: str | None, error: type[AvnzError]
) -> None:
    """An empty database without a usable organization is refused, and nothing is made."""
    with pytest.raises(error):
        init(opener(), organization)

    assert is_empty(empty_database_url)
    assert not keyring.parent.exists()


def test_bad_seeds(opener: Opener, empty_database_url: str, keyring: Path, tmp_path: Path) -> None:
    """With seeds that break a rule nothing is made."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "broken.json").write_text("{")
    services = opener()
    with pytest.raises(InvalidDefinitionError, match="broken"):
        initialize(services, seeds=seeds)

    assert is_empty(empty_database_url)
    assert not keyring.parent.exists()


def test_other_organization(opener: Opener, empty_database_url: str) -> None:
    """A database belongs to one organization."""
    init(opener())
    rows = dump(empty_database_url)
    with pytest.raises(ConflictError, match="'avnz', not 'other'"):
        init(opener(), "other")

    assert rows == dump(empty_database_url)


def test_keyring_missing(opener: Opener, empty_database_url: str, keyring: Path) -> None:
    """Where data keys exist no keyring is ever made: the error names the master key that is missing."""
    init(opener())
    needed = Keyring.from_json(keyring.read_text()).active_kid
    keyring.unlink()
    rows = dump(empty_database_url)
    with pytest.raises(KeyMissingError, match=needed) as caught:
        init(opener())

    assert {"masterKeyIds": [needed]} == caught.value.details
    assert not keyring.exists()
    assert not set(files(keyring.parent)) - {token_of(keyring).name}
    assert rows == dump(empty_database_url)


def test_keyring_of_another(opener: Opener, empty_database_url: str, keyring: Path) -> None:
    """The keyring of another database is refused, and the error names the master key that is missing."""
    init(opener())
    needed = Keyring.from_json(keyring.read_text()).active_kid
    other = Keyring.new().to_json()
    keyring.write_text(other)
    rows = dump(empty_database_url)
    with pytest.raises(KeyMissingError, match=needed):
        init(opener())

    assert other == keyring.read_text()
    assert rows == dump(empty_database_url)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_keyring_exposed(
    opener: Opener, empty_database_url: str, keyring: Path, there: bool, mode: int
) -> None:
    """A keyring that others can use is refused, with a database or before one is made."""
    if there:
        init(opener())
    else:
        keyring.parent.mkdir()
        keyring.write_text(Keyring.new().to_json())
    keyring.chmod(mode)
    rows = dump(empty_database_url) if there else None
    with pytest.raises(KeyringExposedError):
        init(opener())

    if there:
        assert rows == dump(empty_database_url)
    else:
        assert is_empty(empty_database_url)


def test_keyring_invalid(opener: Opener, empty_database_url: str, keyring: Path) -> None:
    """A file that is no keyring is refused before anything is made."""
    keyring.parent.mkdir()
    keyring.write_text("{}")
    keyring.chmod(0o600)
    with pytest.raises(KeyringInvalidError):
        init(opener())

    assert is_empty(empty_database_url)
    assert "{}" == keyring.read_text()


def test_keyring_given(opener: Opener, keyring: Path) -> None:
    """A sound keyring that is there already is used, for instance that of another database."""
    keyring.parent.mkdir()
    given = Keyring.new().to_json()
    keyring.write_text(given)
    keyring.chmod(0o600)
    services = opener()
    init(services)

    assert given == keyring.read_text()
    assert services.audit.verify(services.actor).valid


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("deed", ["init", "upgrade"])
def test_refused(opener: Opener, empty_database_url: str, keyring: Path, there: bool, deed: str) -> None:
    """Only an org_admin may; the refusal is recorded where there is a trail, else nothing is made."""
    services = opener()
    if there:
        init(services)
    auditor = Actor("auditor", Role.AUDITOR)
    options = {"organization": "avnz"} if deed == "init" else {}
    with pytest.raises(ForbiddenError):
        getattr(services.setup, deed)(auditor, **options)

    if there:
        action = "organization:create" if deed == "init" else "database:migrate"
        assert (action, "denied") == actions(services)[-1]
    else:
        assert is_empty(empty_database_url)
        assert not keyring.exists()


def test_upgrade_only(opener: Opener) -> None:
    """`db upgrade` makes tables and no organization; services then say that `init` is missing."""
    services = opener()
    moved = services.setup.upgrade(services.operator)

    assert (None, migrations.HEAD) == moved
    assert (migrations.HEAD, migrations.HEAD) == services.setup.upgrade(services.operator)
    assert services.setup.organization() is None
    with pytest.raises(NotInitializedError) as caught:
        services.tenants.tree(services.actor)
    assert "run avnz-int init" == caught.value.hint
    assert "avnz" == init(services)


def test_newer_database(opener: Opener, empty_database_url: str, keyring: Path) -> None:
    """A database that a newer program migrated is left alone by `init` and refused by services."""
    services = opener()
    init(services)
    execute(empty_database_url, 'UPDATE "avnz_int_migration" SET "version_num" = \'9999\'')
    for deed in (init, lambda services: services.tenants.tree(services.actor)):
        with pytest.raises(NotMigratedError, match="9999"):
            deed(opener())
    with pytest.raises(NotMigratedError):
        dump(empty_database_url)


def test_schema(opener: Opener, empty_database_url: str) -> None:
    """On PostgreSQL two organizations live in two schemas of one database."""
    if empty_database_url.startswith("sqlite"):
        one, other = opener(), opener(empty_database_url + ".other")
    else:
        one, other = opener(AVNZ_INT_SCHEMA="first"), opener(AVNZ_INT_SCHEMA="second")

    assert ("one", "other") == (init(one, "one"), init(other, "other"))
    assert "one" == one.tenants.show_organization(one.actor).slug
    assert (["one"], ["other"]) == tuple([s.tenants.show_organization(s.actor).slug] for s in (one, other))


def test_schema_readers(opener: Opener, empty_database_url: str) -> None:
    """An auditor may look at the schema; a difference is named, and nobody else is told."""
    services = opener()
    init(services)
    execute(empty_database_url, 'ALTER TABLE "Client" ADD COLUMN "odd" TEXT')
    auditor = Actor("auditor", Role.AUDITOR)

    assert (migrations.HEAD, migrations.HEAD) == services.schema.current(auditor)
    assert any("odd" in line for line in services.schema.differences(auditor))
    for deed in (services.schema.current, services.schema.differences):
        with pytest.raises(ForbiddenError):
            deed(Actor("service", Role.SERVICE))


def test_unwritable(empty_sqlite_url: str, tmp_path: Path) -> None:
    """Where the keyring cannot be written no organization is made, and a later init succeeds."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is needed")
    services = make_services(empty_sqlite_url, blocked / "keyring.json")
    with pytest.raises(AvnzError):
        init(services)
    assert services.setup.organization() is None
    services.close()
    blocked.unlink()
    again = make_services(empty_sqlite_url, blocked / "keyring.json")

    assert "avnz" == init(again)
    assert again.audit.verify(again.actor).valid
    again.close()
