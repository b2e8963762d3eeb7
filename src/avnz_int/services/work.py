"""Transactions with their audit events inside.

Every writing transaction locks the end of its audit chain first, so that events of many processes form one
chain without deadlock. A refusal (a denial, a stored value that does not open) is recorded in a transaction
of its own, after the refused one was undone and before the error leaves the service.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from avnz_int import clock
from avnz_int.db import audit, keys, rows, tenants
from avnz_int.db.engine import Database
from avnz_int.db.inserting import Inserter
from avnz_int.errors import (
    AuditBrokenError,
    AvnzError,
    ForbiddenError,
    HiddenError,
    HiddenProviderError,
    KeyMissingError,
    NotInitializedError,
    SealBrokenError,
    UnauthenticatedError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome
from avnz_int.model.secret import Secret
from avnz_int.services import chain
from avnz_int.services.vault import Vault

_DENIALS = (ForbiddenError, HiddenError, HiddenProviderError, UnauthenticatedError)
_NO_ROLE = "none"
_FAILURES = (SealBrokenError, KeyMissingError)
_MANY = 20
"""Events from which on they are written as a bulk is."""
_PART = 250
"""Events that are written while others are recorded."""


class Reading:
    """An open transaction that only reads.

    Attributes:
        target: what the work is about, for the event of a refusal; set it as soon as it is known.
    """

    def __init__(self, connection: Connection, organization: rows.Row, target: Target | None) -> None:
        self.connection = connection
        self.organization = organization
        self.target = target


class Writing(Reading):
    """An open transaction that writes; its events are appended by `record`."""

    def __init__(
        self,
        connection: Connection,
        organization: rows.Row,
        target: Target | None,
        *,
        actor: Actor,
        action: Action,
        vault: Vault,
        chain_name: str,
    ) -> None:
        super().__init__(connection, organization, target)
        self._inserter = Inserter(connection)
        self._actor = actor
        self._action = action
        self._vault = vault
        head = audit.lock_head(connection, chain_name)
        if head is None:
            raise AuditBrokenError(
                f"the audit chain {chain_name} has no end (AuditHead)", hint="run avnz-int audit verify"
            )
        if not isinstance(head["sequence"], int):
            # SQLite keeps what somebody wrote there by hand, whatever it is.
            raise AuditBrokenError(
                f"the end of the audit chain {chain_name} has no number (AuditHead)",
                hint="run avnz-int audit verify",
            )
        self._chain = chain_name
        self._sequence: int = head["sequence"]
        self._written = self._sequence
        self._mac: str = head["mac"]
        self._key: tuple[str, Secret[bytes]] | None = None
        self._events: list[dict[str, Any]] = []
        self._depth = 0

    @property
    def sequence(self) -> int:
        """The number of the chain's last event, this transaction's own included."""
        return self._sequence

    def record(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        action: Action | None = None,
        target: Target | None = None,
        outcome: AuditOutcome = AuditOutcome.SUCCESS,
        storable: bool = False,
    ) -> None:
        """Append an event to the chain, in this transaction.

        Args:
            changes: field -> [old, new], or facts of the deed; never a secret.
            action: the deed, where it is another than the transaction's.
            target: what it was done to, where it is another than `self.target`.
            outcome: how it ended.
            storable: whether the changes are known to be as `chain.storable` makes them.
        """
        about = target or self.target
        if self._key is None:
            self._key = self._vault.audit_key(self.connection)
        key_id, key = self._key
        event: dict[str, Any] = {
            "id": clock.new_id(),
            "organizationId": None if self._chain == chain.SYSTEM else self.organization["id"],
            "chain": self._chain,
            "sequence": self._sequence + 1,
            "occurredAt": clock.now(),
            "actorId": self._actor.id,
            "actorRole": _NO_ROLE if self._actor.role is None else self._actor.role.value,
            "action": (action or self._action).value,
            "targetType": about.type if about else None,
            "targetId": about.id if about else None,
            "clientId": about.client_id if about else None,
            "outcome": outcome.value,
            "changes": (changes if storable else chain.storable(changes)) if changes else None,
            "requestId": self._actor.request_id,
            "keyId": key_id,
            "previousMac": self._mac,
        }
        event["mac"] = chain.event_mac(key, event)
        self._events.append(event)
        self._sequence += 1
        self._mac = event["mac"]
        # Those of a deed within may yet be undone.
        if len(self._events) >= _PART and not self._depth:
            self._write_events()

    @contextlib.contextmanager
    def within(self, action: Action, target: Target | None = None) -> Iterator[Writing]:
        """This transaction as that of another deed; an error undoes that deed alone, with its events."""
        before = (self._action, self.target)
        sequence, mac, count = self._sequence, self._mac, len(self._events)
        self._action, self.target = action, target
        self._depth += 1
        try:
            with self.connection.begin_nested():
                yield self
        except BaseException:
            self._sequence, self._mac = sequence, mac
            del self._events[count:]
            raise
        finally:
            self._depth -= 1
            self._action, self.target = before

    def insert(self, table: Table, values: Sequence[rows.Row]) -> None:
        """Insert many rows; they are in when the next statement runs, or the transaction ends."""
        self._inserter.add(table, values)

    def finish(self) -> None:
        """Write the recorded events: before the commit, and between the parts of a long transaction."""
        self._write_events()
        self._inserter.wait()
        if self._sequence != self._written:
            audit.move_head(self.connection, self._chain, self._sequence, self._mac)
            self._written = self._sequence

    def _write_events(self) -> None:
        events, self._events = self._events, []
        if len(events) >= _MANY:
            self._inserter.add(audit.EVENT, events)
        elif events:
            rows.add_all(self.connection, audit.EVENT, events)


class Work:
    """Opens transactions for services."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault
        self._keys_are_open = False

    @contextlib.contextmanager
    def reading(self, actor: Actor, action: Action, target: Target | None = None) -> Iterator[Reading]:
        """A transaction that only reads; a refusal inside it is recorded as of `action`."""
        work: Reading | None = None
        try:
            with self.database.read() as connection:
                work = Reading(connection, _organization(connection, self.database), target)
                yield work
        except (*_DENIALS, *_FAILURES) as exc:
            self._record_refusal(actor, action, work.target if work else target, exc)
            raise

    @contextlib.contextmanager
    def writing(
        self, actor: Actor, action: Action, target: Target | None = None, *, system: bool = False
    ) -> Iterator[Writing]:
        """A transaction that writes, with `action`'s events; undone as a whole by any error.

        Args:
            actor: who does it.
            action: the deed.
            target: what it is about, where that is known before.
            system: record in the chain of events that belong to no organization.
        """
        work: Writing | None = None
        self._open_keys()
        try:
            with self.database.write() as connection:
                work = self._begun(connection, actor, action, target, system=system)
                yield work
                work.finish()
        except (*_DENIALS, *_FAILURES) as exc:
            self._record_refusal(actor, action, work.target if work else target, exc)
            raise

    def _open_keys(self) -> None:
        """Open the data keys before the first write: no key service is asked while locks are held.

        Of the older ones only those that rows name: each may be a call to a key service.
        """
        if self._keys_are_open:
            return
        self._keys_are_open = True
        # What fails here fails again where the key is needed, and is told there.
        held: Sequence[rows.Row] = ()
        with contextlib.suppress(AvnzError), self.database.read() as connection:
            held = keys.needed(connection)
        for row in held:
            with contextlib.suppress(AvnzError):
                self.vault.material(row)

    def _begun(
        self,
        connection: Connection,
        actor: Actor,
        action: Action,
        target: Target | None,
        *,
        system: bool = False,
    ) -> Writing:
        organization = _organization(connection, self.database)
        if system:
            # What is common to all (the definitions) must not change under those who write by it.
            audit.lock_head(connection, organization["id"])
        return Writing(
            connection,
            organization,
            target,
            actor=actor,
            action=action,
            vault=self.vault,
            chain_name=chain.SYSTEM if system else organization["id"],
        )

    def refused(self, actor: Actor, action: Action, target: Target | None, exc: AvnzError) -> None:
        """Record a refusal that happened outside any transaction."""
        self._record_refusal(actor, action, target, exc)

    def _record_refusal(self, actor: Actor, action: Action, target: Target | None, exc: AvnzError) -> None:
        outcome = AuditOutcome.DENIED if isinstance(exc, _DENIALS) else AuditOutcome.FAILURE
        # The refusal stands even where it cannot be recorded (no keyring, a read-only disk): what is asked
        # for is not given either way, and the first error is the one to be told.
        with contextlib.suppress(AvnzError), self.database.write() as connection:
            work = self._begun(connection, actor, action, target)
            work.record({"reason": exc.code, **_plain(exc.details)}, outcome=outcome)
            work.finish()


def _organization(connection: Connection, database: Database) -> rows.Row:
    row = tenants.organization(connection)
    if row is None:
        raise NotInitializedError(f"{database.shown} holds no organization yet")
    return row


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if isinstance(value, str | int | bool)}
