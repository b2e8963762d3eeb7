"""Access tokens: who gets one, what it is worth, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from avnz_int import clock
from avnz_int.errors import (
    AmbiguousRefError,
    AvnzError,
    ConflictError,
    InUseError,
    InvalidInputError,
    KeyMissingError,
    NotFoundError,
    StorageError,
    UsageError,
)
from avnz_int.model.enums import Action, Role
from avnz_int.model.filters import EventFilter
from avnz_int.model.tokens import NewToken, hashed, new_text
from avnz_int.wiring import Services
from support.scenes import ADMIN, events, written
from support.services import dump, execute, initialize, make_services, token_of
from support.tokens import make, present, text_of

pytestmark = pytest.mark.sqlite_first

Opener = Callable[[], Services]


def test_only_a_hash_is_kept(services: Services, prepared_url: str) -> None:
    """The text is given once; neither table nor trail nor listing holds it."""
    made = make(services)
    text = text_of(made)

    assert text[:12] == made.prefix
    assert [(hashed(text),)] == execute(prepared_url, "SELECT hash FROM \"Token\" WHERE name = 'one'")
    assert text[12:] not in repr(dump(prepared_url))
    assert text[12:] not in repr(services.tokens.listing(ADMIN))


def test_recorded(services: Services) -> None:
    """Making and revoking a token are events about it; revoking twice is one."""
    end = clock.now() + timedelta(days=1)
    made = make(services, Role.CLIENT_ADMIN, client="acme", expires_at=end)
    services.tokens.revoke(ADMIN, made.id)
    again = services.tokens.revoke(ADMIN, "one")
    (created,) = [event for event in events(services, Action.TOKEN_CREATE) if event.target_id == made.id]
    (revoked,) = events(services, Action.TOKEN_REVOKE)
    acme = services.tenants.show(ADMIN, "acme").id

    assert {
        "name": [None, "one"],
        "role": [None, "client_admin"],
        "expiresAt": [None, clock.rfc3339(end)],
    } == created.changes
    assert {("Token", made.id, acme)} == {
        (e.target_type, e.target_id, e.client_id) for e in (created, revoked)
    }
    assert ("revoked", ADMIN.id) == (again.status, again.revoked_by)
    assert services.audit.verify(ADMIN).valid


def test_last_admin(services: Services, prepared_url: str) -> None:
    """The last live token of an org_admin stays; one that expired or was revoked does not count as live."""
    execute(prepared_url, 'DELETE FROM "Token"')
    first = make(services, Role.ORG_ADMIN, "first")
    second = make(services, Role.ORG_ADMIN, "second", expires_at=clock.now() + timedelta(days=1))
    make(services)
    execute(prepared_url, "UPDATE \"Token\" SET \"expiresAt\" = '2020-01-01T00:00:00Z' WHERE name = 'second'")
    with pytest.raises(ConflictError, match="last live token"):
        services.tokens.revoke(ADMIN, first.id)
    assert "revoked" == services.tokens.revoke(ADMIN, second.id).status

    make(services, Role.ORG_ADMIN, "third")
    assert "revoked" == services.tokens.revoke(ADMIN, first.id).status
    with pytest.raises(ConflictError):
        services.tokens.revoke(ADMIN, "third")


def test_last_two_at_once(open_services: Opener, prepared_url: str) -> None:
    """Of two that revoke each other's token at once one is refused: a live one is left."""
    execute(prepared_url, 'DELETE FROM "Token"')
    both = [open_services(), open_services()]
    ids = [make(both[0], Role.ORG_ADMIN, name).id for name in ("one", "two")]
    for _ in range(5):
        start = threading.Barrier(2)
        said: list[str] = []

        def revoke(services: Services, token: str, start: threading.Barrier, said: list[str]) -> None:
            start.wait()
            try:
                said.append(services.tokens.revoke(ADMIN, token).status)
            except ConflictError:
                said.append("refused")

        threads = [
            threading.Thread(target=revoke, args=(services, token, start, said))
            for services, token in zip(both, ids, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ["refused", "revoked"] == sorted(said)
        execute(prepared_url, 'UPDATE "Token" SET "revokedAt" = NULL, "revokedBy" = NULL')


def test_bootstrap(services: Services, prepared_url: str, keyring: Path) -> None:
    """Whoever can open the keyring gets an org_admin token, as an event says; whoever cannot gets none."""
    made = services.tokens.bootstrap(services.operator, NewToken(Role.ORG_ADMIN, "lost"))
    theirs = present(prepared_url, keyring, text_of(made))

    assert Role.ORG_ADMIN is theirs.actor.role
    (event,) = [e for e in events(services, Action.TOKEN_CREATE) if e.target_id == made.id]
    assert event.changes is not None
    assert event.changes["bootstrap"] is True
    theirs.close()
    before = written(prepared_url)
    keyring.unlink()
    stranger = make_services(prepared_url, keyring)
    with pytest.raises(KeyMissingError):
        stranger.tokens.bootstrap(ADMIN, NewToken(Role.ORG_ADMIN, "lost"))
    assert before == written(prepared_url)
    stranger.close()


def test_init_issues_the_first(empty_postgres_url: str, keyring: Path) -> None:
    """On PostgreSQL `init` issues a token where no live org_admin token is, and none where one is."""
    services = make_services(empty_postgres_url, keyring)
    first = initialize(services)
    assert first.token is not None
    assert Role.ORG_ADMIN is services.actor.role
    assert initialize(services).token is None

    token_of(keyring).unlink()
    execute(empty_postgres_url, 'UPDATE "Token" SET "expiresAt" = \'2020-01-01T00:00:00Z\'')
    again = make_services(empty_postgres_url, keyring)
    assert again.setup.init(again.operator, organization=None).token not in {None, first.token}
    assert again.setup.init(again.operator, organization=None).token is None
    for made in (services, again):
        made.close()


def test_undelivered(services: Services, prepared_url: str) -> None:
    """Where the text cannot be kept there is no token."""

    def fail(_: str) -> None:
        raise StorageError("disk full")

    before = dump(prepared_url)
    with pytest.raises(StorageError):
        services.tokens.create(ADMIN, NewToken(Role.AUDITOR, "one"), fail)
    assert before == dump(prepared_url)


WRONG: dict[str, tuple[NewToken, type[AvnzError]]] = {
    "client_admin of nobody": (NewToken(Role.CLIENT_ADMIN, "n"), InvalidInputError),
    "auditor of a client": (NewToken(Role.AUDITOR, "n", "acme"), InvalidInputError),
    "service of a client": (NewToken(Role.SERVICE, "n", "acme"), InvalidInputError),
    "unknown client": (NewToken(Role.CLIENT_ADMIN, "n", "nobody"), NotFoundError),
    "company": (NewToken(Role.CLIENT_ADMIN, "n", "shop"), NotFoundError),
    "no name": (NewToken(Role.AUDITOR, " "), InvalidInputError),
    "a token as its name": (NewToken(Role.AUDITOR, new_text()), InvalidInputError),
    "over": (NewToken(Role.AUDITOR, "n", None, datetime(2020, 1, 1, tzinfo=UTC)), InvalidInputError),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(services: Services, prepared_url: str, name: str) -> None:
    """What makes no sense is refused, and nothing is written."""
    new, error = WRONG[name]
    before = dump(prepared_url)
    with pytest.raises(error):
        services.tokens.create(ADMIN, new)
    assert before == dump(prepared_url)


def test_refs(services: Services, prepared_url: str) -> None:
    """A token is named by id, 6 characters of one, its prefix or its name, of which the live one is meant."""
    old, new = make(services, name="ci"), make(services, name="ci")
    find = services.tokens.find
    for ref in (old.id, old.id[:8], old.prefix):
        assert old.id == find(ADMIN, ref).id
    with pytest.raises(AmbiguousRefError) as found:
        find(ADMIN, "ci")
    assert [old.id in str(found.value), new.id in str(found.value)] == [True, True]
    services.tokens.revoke(ADMIN, old.id)
    assert new.id == find(ADMIN, "ci").id
    for ref in ("nothing", old.id[:5], "\0"):
        with pytest.raises(NotFoundError):
            find(ADMIN, ref)
    with pytest.raises(UsageError) as told:
        find(ADMIN, text_of(new))
    assert text_of(new)[12:] not in f"{told.value} {told.value.hint}"


def test_client_with_tokens(services: Services) -> None:
    """A client with a live token is not removed; tokens that are worth nothing go with it."""
    made = make(services, Role.CLIENT_ADMIN, client="globex")
    with pytest.raises(InUseError, match="token one"):
        services.tenants.remove(ADMIN, "globex")
    services.tokens.revoke(ADMIN, made.id)
    services.tenants.remove(ADMIN, "globex")

    assert made.id not in {view.id for view in services.tokens.listing(ADMIN)}
    assert services.audit.listing(ADMIN, EventFilter(target=made.id))
