"""Master keys: what they are, moving data keys from one keyring to another, and removing those not needed.

Where a change asks a key service, it does so inside the transaction that holds back others who make or wrap
keys: a key may leave a keyring only while nobody can begin to need it. The calls give up after seconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.crypto import wrapping
from avnz_int.crypto.keyring import KeyInfo, Keyring, MasterKeys
from avnz_int.crypto.keysources import KeySource, key_source
from avnz_int.db import keys, rows
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
    ExistsError,
    InUseError,
    KeyMissingError,
    SealBrokenError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, KeyStatus, MasterKeyState
from avnz_int.model.secret import Secret
from avnz_int.model.views.keys import KeyringView, KeyUse, MasterKeyView
from avnz_int.services import access
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Work

_TARGET = "Keyring"
_UNREADABLE = (SealBrokenError, KeyMissingError)


class Keyrings:
    """Looks at and changes master keys (role org_admin)."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._vault = work.vault
        self._notify = notify

    def show(self, actor: Actor) -> KeyringView:
        """The master keys, and which data keys each wrapped; recorded."""
        with self._work.writing(actor, Action.KEYRING_READ, self._target()) as work:
            access.require_admin(actor, Action.KEYRING_READ)
            self._vault.forget_keyring()
            view = self._view(work.connection, self._vault.source, self._vault.keyring)
            work.record({"masterKeys": [key.id for key in view.keys]})
        return view

    def migrate(self, actor: Actor, to: str) -> KeyringView:
        """The other keyring after every data key was wrapped by it; the one before stays as it is.

        Where there is none, it is made. An older data key that does not open is named and left as it is.

        Args:
            actor: an org_admin.
            to: its URL.

        Raises:
            ConflictError: it is the keyring in use.
            KeyMissingError, SealBrokenError: an active data key does not open; nothing was changed.
            ChangedMeanwhileError: the other keyring lost its key again meanwhile; nothing was changed.
        """
        source = key_source(to)
        with self._work.reading(actor, Action.KEYRING_MIGRATE, self._target()) as reading:
            access.require_admin(actor, Action.KEYRING_MIGRATE)
            held = keys.listing(reading.connection)
        if source.describe() == self._vault.source.describe():
            raise ConflictError(f"{to} is the keyring in use", hint="name another one with --to")
        # Opened here once, so that the transaction has less to wait for.
        _openable(held, self._vault, lambda _: None)
        master = _loaded_or_made(source)
        with self._work.writing(actor, Action.KEYRING_MIGRATE, self._target()) as work:
            keys.hold(work.connection)
            moved = openable(work.connection, self._vault, self._notify)
            for row in moved:
                rewrap(work.connection, master, row, self._vault.material(row), actor)
            # Its owner may have taken the key out of it before our rows named it.
            if master.active_kid not in source.load().kids:
                raise ChangedMeanwhileError(f"{source.describe()} was changed by others")
            facts = {
                "keyring": [self._vault.source.describe(), source.describe()],
                "masterKeyId": master.active_kid,
                "dataKeys": len(moved),
            }
            work.record(facts)
            view = self._view(work.connection, source, master)
        self._notify(
            f"set AVNZ_INT_KEYRING={source.describe()} for everything that uses this database; the keyring "
            f"{self._vault.source.describe()} stays: older backups need it"
        )
        return view

    def prunable(self, actor: Actor) -> list[str]:
        """The ids of the master keys that no data key of this database needs; never the active one.

        Raises:
            ConflictError: AWS KMS keeps the keys.
            InUseError: every older key is needed; the details list by what.
        """
        with self._work.reading(actor, Action.KEYRING_PRUNE, self._target()) as reading:
            access.require_admin(actor, Action.KEYRING_PRUNE)
            self._vault.forget_keyring()
            return self._prunable(reading.connection)[1]

    def prune(self, actor: Actor, key_ids: Collection[str]) -> KeyringView:
        """The keyring without these master keys.

        Raises:
            KeyMissingError: there is no such key in it.
            InUseError: a data key needs one of them; nothing was removed.
            ConflictError: one of them is active, or AWS KMS keeps the keys.
        """
        with self._work.writing(actor, Action.KEYRING_PRUNE, self._target()) as work:
            access.require_admin(actor, Action.KEYRING_PRUNE)
            keys.hold(work.connection)
            self._vault.forget_keyring()
            keyring, free = self._prunable(work.connection)
            smaller = keyring
            for key_id in key_ids:
                smaller = smaller.without(key_id)
                if key_id not in free:
                    raise _in_use({key_id: _uses(work.connection)[key_id]})
            if smaller != keyring:
                work.record({"removed": sorted(key_ids)})
                # First the event, so that one that cannot be written stops the change.
                work.finish()
                self._vault.source.replace(keyring, smaller)
                self._vault.forget_keyring()
            return self._view(work.connection, self._vault.source, self._vault.keyring)

    def _target(self) -> Target:
        return Target(_TARGET, self._vault.source.describe())

    def _prunable(self, connection: Connection) -> tuple[Keyring, list[str]]:
        keyring = self._vault.keyring
        if not isinstance(keyring, Keyring):
            raise ConflictError(
                f"the keys of {self._vault.source.describe()} are kept by AWS KMS, not by us",
                hint="once keyring show names no data key under a key: aws kms schedule-key-deletion",
            )
        uses = _uses(connection)
        older = [key_id for key_id in keyring.kids if key_id != keyring.active_kid]
        needed = {key_id: uses[key_id] for key_id in older if key_id in uses}
        if needed and len(needed) == len(older):
            raise _in_use(needed)
        for key_id, users in needed.items():
            self._notify(
                f"master key {key_id} stays: data keys need it ({', '.join(use.id for use in users)})"
            )
        return keyring, [key_id for key_id in older if key_id not in needed]

    def _view(self, connection: Connection, source: KeySource, master: MasterKeys) -> KeyringView:
        uses = _uses(connection)
        known = [_shown(info, uses.pop(info.key_id, [])) for info in master.infos()]
        others = [
            MasterKeyView(
                id=key_id,
                state=MasterKeyState.OLDER if key_id in master.kids else MasterKeyState.MISSING,
                created_at=None,
                age_days=None,
                fingerprint=None,
                data_keys=users,
            )
            for key_id, users in uses.items()
        ]
        return KeyringView(keyring=source.describe(), keys=[*known, *others])


def openable(connection: Connection, vault: Vault, notify: Notify) -> list[rows.Row]:
    """The data keys that open; an older one that does not is named and left out.

    Raises:
        KeyMissingError, SealBrokenError: an active one does not open.
    """
    return _openable(keys.listing(connection), vault, notify)


def rewrap(
    connection: Connection, master: MasterKeys, row: rows.Row, material: Secret[bytes], actor: Actor
) -> None:
    """Write a data key wrapped by the active master key, once that was seen to open.

    Raises:
        SealBrokenError: it did not open.
    """
    bound = {"key_id": row["id"], "organization_id": row["organizationId"], "purpose": row["purpose"]}
    wrapped = wrapping.wrap(master, material=material, **bound)
    if wrapping.unwrap(master, wrapped, **bound) != material:
        raise SealBrokenError(f"data key {row['id']} did not open after it was wrapped anew")
    values = {
        "wrappedKey": wrapped,
        "masterKeyId": wrapping.master_key_id(wrapped),
        "updatedAt": clock.now(),
        "updatedBy": actor.id,
    }
    rows.change(connection, keys.KEY, row["id"], values)


def _openable(listing: Sequence[rows.Row], vault: Vault, notify: Notify) -> list[rows.Row]:
    opened = []
    for row in listing:
        if row["wrappedKey"] is None:
            continue
        try:
            vault.material(row)
        except _UNREADABLE as exc:
            if row["status"] == KeyStatus.ACTIVE:
                raise
            notify(f"left as it is: {exc.message}")
        else:
            opened.append(row)
    return opened


def _loaded_or_made(source: KeySource) -> MasterKeys:
    try:
        return source.load()
    except KeyMissingError:
        # Somebody else may have made it just now.
        with contextlib.suppress(ExistsError):
            source.create(Keyring.new())
    return source.load()


def _uses(connection: Connection) -> dict[str, list[KeyUse]]:
    """Master key id -> the data keys that it wrapped, by what they hold themselves."""
    uses: dict[str, list[KeyUse]] = {}
    for row in keys.listing(connection):
        if row["wrappedKey"] is None:
            continue
        try:
            # The column beside it is an index, and may say otherwise.
            key_id = wrapping.master_key_id(row["wrappedKey"])
        except SealBrokenError:
            key_id = row["masterKeyId"]
        uses.setdefault(key_id, []).append(KeyUse(row["id"], row["purpose"], row["status"]))
    return uses


def _shown(info: KeyInfo, users: list[KeyUse]) -> MasterKeyView:
    return MasterKeyView(
        id=info.key_id,
        state=MasterKeyState.ACTIVE if info.active else MasterKeyState.OLDER,
        created_at=info.created_at,
        age_days=max(0, (clock.now() - info.created_at).days),
        fingerprint=info.fingerprint,
        data_keys=users,
    )


def _in_use(needed: dict[str, list[KeyUse]]) -> InUseError:
    dependents: list[dict[str, Any]] = [
        {"masterKeyId": key_id, "dataKeyId": use.id, "purpose": use.purpose}
        for key_id, users in needed.items()
        for use in users
    ]
    return InUseError(
        f"data keys need master key {', '.join(needed)}; nothing was removed",
        hint="wrap them anew first: avnz-int rotate-key --master",
        details={"dependents": dependents},
    )
