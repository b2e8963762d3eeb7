"""Access tokens: issued, listed, revoked, and recognised when they are presented.

Of a token only a hash is kept. Its text exists while it is made, and goes to whoever asked for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import rows, tenants
from avnz_int.db import tokens as token_rows
from avnz_int.db.engine import Database
from avnz_int.errors import (
    AmbiguousRefError,
    AvnzError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotInitializedError,
    NotMigratedError,
    UnauthenticatedError,
    UsageError,
)
from avnz_int.model import names, tokens
from avnz_int.model.actor import Actor, Identity, Target
from avnz_int.model.enums import Action, Role
from avnz_int.model.tokens import NewToken, NewTokenView, TokenStatus, TokenView
from avnz_int.services import access, refs
from avnz_int.services.work import Work, Writing

TOKEN_TABLE = "Token"  # noqa: S105  # a table
USED_AGAIN = timedelta(hours=1)
"""How old `lastUsedAt` may grow before it is written again."""

Keep = Callable[[str], None]
"""Is given a new token's text inside the transaction that makes it: if it fails, there is no token."""

_VARIABLE = "AVNZ_INT_TOKEN"
_MAKE_ONE = "whoever can open the keyring makes one: avnz-int token create --bootstrap"
_OTHERWISE = f"set {_VARIABLE} to a valid token; {_MAKE_ONE}, with {_VARIABLE} unset"


class Tokens:
    """Issues and revokes (org_admin), lists (auditor too), and says who presents one.

    Args:
        work: transactions.
        hurried: the same database, which does not wait for locks: for what may as well be left undone.
    """

    def __init__(self, work: Work, hurried: Callable[[], Database]) -> None:
        self._work = work
        self._hurried = hurried

    def create(self, actor: Actor, new: NewToken, keep: Keep | None = None) -> NewTokenView:
        """The new token; its text is in it this once, or only with `keep`.

        Raises:
            InvalidInputError: a client_admin without a client, another role with one, an end in the past.
            NotFoundError: no such client.
        """
        with self._work.writing(actor, Action.TOKEN_CREATE, Target(TOKEN_TABLE)) as work:
            access.require_admin(actor, Action.TOKEN_CREATE)
            return issue(work, actor, new, keep)

    def bootstrap(self, actor: Actor, new: NewToken, keep: Keep | None = None) -> NewTokenView:
        """A new org_admin token, for whoever can open the database's keys with the keyring.

        Raises:
            KeyMissingError, SealBrokenError: the keyring does not open them.
        """
        with self._work.writing(actor, Action.TOKEN_CREATE, Target(TOKEN_TABLE)) as work:
            access.require_admin(actor, Action.TOKEN_CREATE)
            self._work.vault.audit_key(work.connection)
            return issue(work, actor, new, keep, bootstrap=True)

    def listing(self, actor: Actor) -> list[TokenView]:
        """Every token, oldest first, those that are worth nothing any more too."""
        with self._work.reading(actor, Action.TOKEN_READ) as work:
            access.require(actor, Action.TOKEN_READ, *access.READERS)
            return [_view(row) for row in token_rows.listing(work.connection)]

    def find(self, actor: Actor, ref: str) -> TokenView:
        """The token that a REF names: its id, 6 characters or more of one, its shown prefix, or its name.

        Raises:
            NotFoundError: none.
            AmbiguousRefError: several; of those with one name the only one that is not revoked is meant.
        """
        with self._work.reading(actor, Action.TOKEN_READ) as work:
            access.require(actor, Action.TOKEN_READ, *access.READERS)
            return _view(_found(work.connection, ref))

    def revoke(self, actor: Actor, ref: str) -> TokenView:
        """The token, which is worth nothing from now on; revoked a second time it stays as it was.

        Raises:
            ConflictError: it is the last live org_admin token.
        """
        with self._work.writing(actor, Action.TOKEN_REVOKE) as work:
            access.require_admin(actor, Action.TOKEN_REVOKE)
            row = _found(work.connection, ref)
            work.target = _target(row)
            if row["revokedAt"] is not None:
                return _view(row)
            moment = clock.now()
            # Whoever else revokes waits for the end of the audit chain, so that this count stands.
            if (
                row["role"] == Role.ORG_ADMIN
                and _status(row) is TokenStatus.ACTIVE
                and token_rows.live_admins(work.connection, moment) == 1
            ):
                raise ConflictError(
                    f"{row['name']!r} is the last live token of an org_admin, and cannot be revoked",
                    hint="make another first: avnz-int token create --role org_admin --name NAME",
                )
            changed = {
                "revokedAt": moment,
                "revokedBy": actor.id,
                "updatedAt": moment,
                "updatedBy": actor.id,
            }
            rows.change(work.connection, token_rows.TOKEN, row["id"], changed)
            work.record({"name": row["name"], "revokedAt": [None, clock.rfc3339(moment)]})
            return _view({**row, **changed})

    def identify(self, text: str, user: str, *, any_schema: bool = False) -> Identity:
        """Who presents this token; when it was used is noted at most once an hour.

        Args:
            text: the token.
            user: who presents it, for the event of a refusal.
            any_schema: also where the database is not at this program's migration, or not there.

        Raises:
            UnauthenticatedError: it is no token, or none that is worth anything.
        """
        given = text.strip()
        if not tokens.is_whole(given):
            raise self._refused(
                user,
                "malformed",
                f"{_VARIABLE} is set, but is no whole token: its form or its check does not fit",
                hint=f"copy all of it, from {tokens.PREFIX} to the end; or unset {_VARIABLE}",
            )
        row = self._by_hash(tokens.hashed(given), any_schema=any_schema)
        if row is None or row["revokedAt"] is not None:
            # One message: whoever guesses learns nothing of what was there.
            cause = "unknown" if row is None else "revoked"
            raise self._refused(
                user, cause, f"{_VARIABLE} is set, but is no valid token here", hint=_OTHERWISE, row=row
            )
        if _status(row) is TokenStatus.EXPIRED:
            raise self._refused(user, "expired", f"the token in {_VARIABLE} has expired", _OTHERWISE, row)
        self._note_use(row)
        return Identity(Actor(row["id"], Role(row["role"]), row["clientId"]), _view(row))

    def refuse_stranger(self, user: str) -> UnauthenticatedError:
        """What somebody without a token is told where one is needed; recorded.

        Raises:
            NotInitializedError, NotMigratedError: there is nothing yet that a token could be for.
        """
        with self._work.database.read() as connection:
            if tenants.organization(connection) is None:
                raise NotInitializedError(f"{self._work.database.shown} holds no organization yet")
        return self._refused(
            user,
            "missing",
            "a PostgreSQL database is used with an access token, and there is none",
            hint=f"set {_VARIABLE}; {_MAKE_ONE}",
        )

    def _by_hash(self, hashed: str, *, any_schema: bool) -> rows.Row | None:
        if not any_schema:
            with self._work.database.read() as connection:
                return token_rows.by_hash(connection, hashed)
        absent = contextlib.suppress(NotInitializedError, NotMigratedError)
        with absent, self._work.database.raw() as connection:
            return token_rows.by_hash(connection, hashed)
        return None

    def _refused(
        self, user: str, cause: str, message: str, hint: str, row: rows.Row | None = None
    ) -> UnauthenticatedError:
        exc = UnauthenticatedError(message, hint=hint, details={"cause": cause})
        target = Target(TOKEN_TABLE) if row is None else _target(row)
        self._work.refused(Actor(user, None), Action.TOKEN_USE, target, exc)
        return UnauthenticatedError(message, hint=hint)

    def _note_use(self, row: rows.Row) -> None:
        moment, last = clock.now(), row["lastUsedAt"]
        if isinstance(last, datetime) and moment - last < USED_AGAIN:
            return
        # Not where the database is read-only or somebody holds a lock: nothing waits or fails for this.
        with (
            contextlib.suppress(AvnzError),
            contextlib.closing(self._hurried()) as database,
            database.write() as connection,
        ):
            token_rows.used(connection, row["id"], moment)


def issue(
    work: Writing, actor: Actor, new: NewToken, keep: Keep | None = None, *, bootstrap: bool = False
) -> NewTokenView:
    """A new token, in an open transaction, with its event.

    Raises:
        InvalidInputError, NotFoundError: as `Tokens.create`.
    """
    name = names.checked_name(new.name)
    if tokens.PREFIX in name:
        raise InvalidInputError("a token's name holds no token", hint="name it for what it is used by")
    if (new.role is Role.CLIENT_ADMIN) != (new.client is not None):
        raise InvalidInputError(
            "a client_admin is one client's, and no other role is",
            hint="give --client with --role client_admin, and leave it out with any other",
        )
    moment = clock.now()
    if new.expires_at is not None and new.expires_at <= moment:
        raise InvalidInputError("the token would have expired already", hint="choose a later --expires")
    client = None if new.client is None else refs.client(work.connection, actor, new.client)
    text = tokens.new_text()
    row: dict[str, Any] = {
        "id": clock.new_id(),
        "organizationId": work.organization["id"],
        "clientId": client["id"] if client else None,
        "name": name,
        "role": new.role.value,
        "prefix": tokens.shown_prefix(text),
        "hash": tokens.hashed(text),
        "expiresAt": new.expires_at,
        "lastUsedAt": None,
        "revokedAt": None,
        "revokedBy": None,
        "createdAt": moment,
        "updatedAt": moment,
        "createdBy": actor.id,
        "updatedBy": None,
    }
    rows.add(work.connection, token_rows.TOKEN, row)
    ends = new.expires_at and clock.rfc3339(new.expires_at)
    facts = {"name": [None, name], "role": [None, new.role.value], "expiresAt": [None, ends]}
    work.record(
        {**facts, "bootstrap": True} if bootstrap else facts, action=Action.TOKEN_CREATE, target=_target(row)
    )
    if keep is not None:
        keep(text)
    return NewTokenView(
        id=row["id"],
        name=name,
        role=new.role.value,
        client=new.client,
        prefix=row["prefix"],
        expires_at=new.expires_at,
        created_at=moment,
        created_by=actor.id,
        token=None if keep else text,
    )


def _found(connection: Connection, ref: str) -> rows.Row:
    if tokens.PREFIX in ref and tokens.shown_prefix(ref) != ref:
        # Not repeated: it may be a token, which a process list has seen by now.
        raise UsageError(
            "this is more of a token than its prefix, and a command line is no place for it",
            hint="name the token by its id, its name or its prefix, as avnz-int token list shows them",
        )
    every = token_rows.listing(connection)
    exact = [row for row in every if row["id"] == ref]
    named = [row for row in every if row["name"] == ref]
    live = [row for row in named if row["revokedAt"] is None]
    begun = [
        row for row in every if row["prefix"] == ref or (refs.is_prefix(ref) and row["id"].startswith(ref))
    ]
    found = exact or (live if len(live) == 1 and not begun else [*named, *begun])
    distinct = {row["id"]: row for row in found}
    if not distinct:
        raise NotFoundError(f"no token {ref!r}", hint="avnz-int token list shows them")
    if len(distinct) > 1:
        candidates = sorted(f"{row['name']} ({row['id']})" for row in distinct.values())
        raise AmbiguousRefError(
            f"{ref!r} fits several tokens: {', '.join(candidates)}",
            hint="name it by its id",
            details={"candidates": candidates},
        )
    return next(iter(distinct.values()))


def _target(row: rows.Row) -> Target:
    return Target(TOKEN_TABLE, row["id"], row["clientId"])


def _status(row: rows.Row) -> TokenStatus:
    if row["revokedAt"] is not None:
        return TokenStatus.REVOKED
    ends = row["expiresAt"]
    # What is no time, which only somebody else can have written there, is none that is still to come.
    live = ends is None or (isinstance(ends, datetime) and ends > clock.now())
    return TokenStatus.ACTIVE if live else TokenStatus.EXPIRED


def _view(row: rows.Row) -> TokenView:
    return TokenView(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        client=row["client"],
        prefix=row["prefix"],
        status=_status(row).value,
        expires_at=row["expiresAt"],
        last_used_at=row["lastUsedAt"],
        revoked_at=row["revokedAt"],
        revoked_by=row["revokedBy"],
        created_at=row["createdAt"],
        created_by=row["createdBy"],
    )
