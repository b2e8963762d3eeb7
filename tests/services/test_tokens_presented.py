"""Access tokens presented: who is asking, and what those are told who show no valid one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from avnz_int import clock
from avnz_int.errors import (
    NotInitializedError,
    NotMigratedError,
    UnauthenticatedError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, AuditOutcome, Role
from avnz_int.model.tokens import new_text
from avnz_int.model.views.audit import AuditView
from avnz_int.wiring import Services
from support.scenes import ADMIN, events, row, written
from support.services import execute, make_services, token_of
from support.tokens import make, present, text_of

pytestmark = pytest.mark.sqlite_first


def refused(services: Services) -> list[AuditView]:
    """The events of refused tokens."""
    return events(services, Action.TOKEN_USE)


@pytest.mark.parametrize("role", list(Role))
def test_roles(services: Services, prepared_url: str, keyring: Path, role: Role) -> None:
    """Whoever presents a token acts in its role, for its client, under its id; using it is no event."""
    client = "acme" if role is Role.CLIENT_ADMIN else None
    made = make(services, role, client=client)
    before = len(events(services))
    theirs = present(prepared_url, keyring, text_of(made) + "\n")
    acme = services.tenants.show(ADMIN, "acme").id if client else None

    assert (made.id, role, acme) == (theirs.actor.id, theirs.actor.role, theirs.actor.client_id)
    who = theirs.whoami()
    assert (made.id, role.value, client) == (who.actor, who.role, who.client)
    assert who.token is not None
    assert ("one", made.prefix, None) == (who.token.name, who.token.prefix, who.token.expires_at)
    assert before == len(events(services))
    theirs.close()


@pytest.mark.parametrize("way", ["malformed", "unknown", "revoked", "expired", "nonsense", "empty"])
def test_refused(services: Services, prepared_url: str, keyring: Path, way: str) -> None:
    """A token that is not valid is refused, never ignored, and recorded with the cause, without its text."""
    made = make(services)
    text = text_of(made)
    if way == "revoked":
        services.tokens.revoke(ADMIN, made.id)
    elif way == "expired":
        execute(
            prepared_url,
            'UPDATE "Token" SET "expiresAt" = \'2020-01-01T00:00:00.000Z\' WHERE id = :id',
            id=made.id,
        )
    text = {
        "malformed": text[:-1],
        "unknown": new_text(),
        "empty": "",
        "nonsense": "correct horse \ud800 battery staple",
    }.get(way, text)
    before = written(prepared_url)
    theirs = present(prepared_url, keyring, text)
    with pytest.raises(UnauthenticatedError) as found:
        theirs.tenants.listing(theirs.actor)
    (event,) = refused(services)

    assert ("os:", "none", AuditOutcome.DENIED) == (event.actor_id[:3], event.actor_role, event.outcome)
    cause = "malformed" if way in {"nonsense", "empty"} else way
    assert {"reason": "unauthenticated", "cause": cause} == event.changes
    assert (made.id if way in {"revoked", "expired"} else None) == event.target_id
    said = f"{found.value.message} {found.value.hint} {found.value.details}"
    assert not text or text[8:] not in said
    assert (way == "expired") == ("expired" in said)
    assert "revoked" not in said
    assert before == written(prepared_url)
    assert services.audit.verify(ADMIN).valid
    theirs.close()


def test_unknown_and_revoked_are_told_alike(services: Services, prepared_url: str, keyring: Path) -> None:
    """Whoever presents a token cannot tell whether there ever was such a one."""
    made = make(services)
    services.tokens.revoke(ADMIN, made.id)
    told = []
    for text in (text_of(made), new_text()):
        theirs = present(prepared_url, keyring, text)
        with pytest.raises(UnauthenticatedError) as found:
            assert theirs.actor
        told.append((found.value.message, found.value.hint, found.value.details))
        theirs.close()

    assert told[0] == told[1]


def test_without_a_token(services: Services, prepared_url: str, keyring: Path) -> None:
    """On SQLite the user of the operating system acts; on PostgreSQL a token is needed."""
    token_of(keyring).unlink(missing_ok=True)
    theirs = make_services(prepared_url, keyring)
    if prepared_url.startswith("sqlite"):
        assert ("os:", Role.ORG_ADMIN) == (theirs.actor.id[:3], theirs.actor.role)
        assert theirs.whoami().token is None
        return
    with pytest.raises(UnauthenticatedError, match="access token") as found:
        assert theirs.actor

    assert "token create --bootstrap" in str(found.value.hint)
    assert [{"reason": "unauthenticated", "cause": "missing"}] == [e.changes for e in refused(services)]
    assert ("os:", Role.ORG_ADMIN) == (theirs.operator.id[:3], theirs.operator.role)
    theirs.close()


def test_before_init(empty_database_url: str, keyring: Path) -> None:
    """Where there is nothing yet, that is what is told; an operator's token must be valid."""
    for token in (None, new_text()):
        services = make_services(empty_database_url, keyring, **({"AVNZ_INT_TOKEN": token} if token else {}))
        with pytest.raises((NotInitializedError, NotMigratedError)):
            services.tenants.listing(services.actor)
        if token:
            with pytest.raises(UnauthenticatedError):
                assert services.operator
        services.close()


def test_use_is_noted(services: Services, prepared_url: str, keyring: Path) -> None:
    """When a token was used is noted at most once an hour, and not while another holds a lock."""
    made = make(services)

    def use() -> object:
        theirs = present(prepared_url, keyring, text_of(made))
        assert made.id == theirs.actor.id
        theirs.close()
        return row(services, "Token", made.id)["lastUsedAt"]

    with services.database.write() as connection:
        connection.exec_driver_sql('UPDATE "Token" SET "name" = "name"')
        assert use() is None
    first = use()
    assert first is not None
    assert first == use()
    earlier = clock.rfc3339(datetime.now(UTC) - timedelta(minutes=61))
    execute(prepared_url, f'UPDATE "Token" SET "lastUsedAt" = \'{earlier}\' WHERE id = :id', id=made.id)
    assert first != use()
    used = services.tokens.find(ADMIN, made.id).last_used_at
    assert used is not None
    assert timedelta(minutes=1) > clock.now() - used


def test_one_query(services: Services, prepared_url: str, keyring: Path) -> None:
    """Who presents a token is known by one query, in a transaction that only reads."""
    from sqlalchemy import event  # noqa: PLC0415

    made = make(services)
    services.tokens.identify(text_of(made), "os:me")
    theirs = present(prepared_url, keyring, text_of(made))
    theirs.tenants.show_organization(ADMIN)
    said: list[str] = []
    event.listen(theirs.database.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    assert isinstance(theirs.actor, Actor)

    assert ["SELECT"] == [statement.split()[0] for statement in said if not statement.startswith("BEGIN")]
    theirs.close()
