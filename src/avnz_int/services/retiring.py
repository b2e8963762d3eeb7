"""Retirement of data keys: their material is erased once nothing needs it.

What needs a key is read off the headers of the sealed values themselves, which are part of what is sealed.
The id beside a value is an index that anybody could change.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.crypto import jwe
from avnz_int.db import keys, rows
from avnz_int.errors import AvnzError, InUseError, SealBrokenError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, KeyPurpose, KeyStatus
from avnz_int.services import access
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work

_TABLE = "DataKey"


@dataclass(slots=True)
class _Choice:
    """Keys that can go, and for each of the others what needs it."""

    free: list[str] = field(default_factory=list)
    kept: dict[str, list[str]] = field(default_factory=dict)
    unclear: bool = False
    """Whether something may need any key."""


class Retirer:
    """Erases the material of decrypt-only keys for credentials."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def retire(self, actor: Actor, *, grace: timedelta) -> None:
        """Erase the material of every older key that nothing needs; it is `retired` then.

        Raises:
            InUseError: something needs another one; `details["dependents"]` says what. That one stays.
        """
        with self._work.writing(actor, Action.KEY_RETIRE, Target(_TABLE)) as work:
            access.require_admin(actor, Action.KEY_RETIRE)
            # Whoever still seals by one of them is waited for, and is counted.
            held = keys.hold_old(work.connection)
            choice = _choice(work.connection, held, grace)
            if choice.free:
                keys.erase(work.connection, choice.free, clock.now(), actor.id)
                for key_id in choice.free:
                    work.record(
                        {"status": [KeyStatus.DECRYPT_ONLY.value, KeyStatus.RETIRED.value]},
                        target=Target(_TABLE, key_id),
                    )
        if choice.free:
            # An earlier version of the row may stand in the database's files until they are cleaned.
            with contextlib.suppress(AvnzError), self._work.database.raw() as connection:
                keys.scrub(connection)
        self._tell(choice, "retired")
        if choice.kept:
            error = _in_use(choice, "stay")
            self._work.refused(actor, Action.KEY_RETIRE, Target(_TABLE, next(iter(choice.kept))), error)
            raise error

    def preview(self, actor: Actor, *, grace: timedelta) -> None:
        """Tell which keys `retire` would erase, and change nothing.

        Raises:
            InUseError: as `retire` would.
        """
        with self._work.reading(actor, Action.KEY_READ) as work:
            access.require_admin(actor, Action.KEY_READ)
            old = [
                row
                for row in keys.listing(work.connection, KeyPurpose.CREDENTIALS)
                if row["status"] == KeyStatus.DECRYPT_ONLY.value
            ]
            choice = _choice(work.connection, old, grace)
        self._tell(choice, "would be retired")
        if choice.kept:
            raise _in_use(choice, "would stay")

    def _tell(self, choice: _Choice, what: str) -> None:
        for key_id in choice.free:
            self._notify(f"data key {key_id} {what}")
        if not choice.free and not choice.kept:
            self._notify("there is no older key to retire")


def _choice(connection: Connection, old: Sequence[rows.Row], grace: timedelta) -> _Choice:
    needs, unknown = _needs(connection)
    ended = _ended(connection)
    choice = _Choice(unclear=bool(unknown))
    for row in old:
        key_id = row["id"]
        reasons = [*needs.get(key_id, ()), *unknown]
        since: object = ended.get(key_id) or row["activatedAt"]
        if not isinstance(since, datetime):
            # Whether a backup needs it nobody can tell.
            if grace > timedelta(0):
                reasons.append(f"backups: it was in use until {since!r}, which is no time")
        elif clock.now() - since < grace:
            reasons.append(f"backups: it was in use until {clock.rfc3339(since)}, within the grace")
        if reasons:
            choice.kept[key_id] = reasons
        else:
            choice.free.append(key_id)
    return choice


def _needs(connection: Connection) -> tuple[Mapping[str, list[str]], list[str]]:
    """Key id -> what names it in its header, in words; and what has no header that can be read."""
    needs: dict[str, list[str]] = {}
    unknown = []
    for sealed in keys.SEALED:
        for header, count, example in keys.headers(connection, sealed):
            said = f"{count} in {sealed.table.name}.{sealed.column}, as {example}"
            kid = _kid(header)
            if kid is None:
                unknown.append(f"{said}, whose header cannot be read: it may need any key")
            else:
                needs.setdefault(kid, []).append(said)
    return needs, unknown


def _kid(header: str | None) -> str | None:
    # A value of proper form around the header, so that the header is judged as it is when a value is opened.
    value = {"protected": header, "aad": "AA", "iv": "A" * 16, "ciphertext": "", "tag": "A" * 22}
    try:
        return jwe.read_kid(value)
    except SealBrokenError:
        return None


def _ended(connection: Connection) -> dict[str, object]:
    """Key id -> when the next key took over."""
    listed = keys.listing(connection, KeyPurpose.CREDENTIALS)
    return {row["id"]: later["activatedAt"] for row, later in itertools.pairwise(listed)}


def _in_use(choice: _Choice, what: str) -> InUseError:
    first, reasons = next(iter(choice.kept.items()))
    hint = "run avnz-int rotate-key --resume first; replace or restore credentials that do not open"
    if choice.unclear:
        hint = "avnz-int doctor names each row whose header cannot be read: replace or restore these first"
    return InUseError(
        f"{len(choice.kept)} older data keys {what}, since they are needed: {first} ({'; '.join(reasons)})",
        hint=hint,
        details={"dependents": [{"keyId": key_id, "needs": words} for key_id, words in choice.kept.items()]},
    )
