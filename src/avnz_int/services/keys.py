"""Data keys and their rotation.

Rotation inserts a new active key, then seals every row anew, a batch a transaction, writing only where the
old ciphertext still stands. All state is in the database: killed at any moment, a second run goes on.
Readers and writers are never stopped; `updatedAt` stays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.crypto import wrapping
from avnz_int.db import keys, rows
from avnz_int.errors import ChangedMeanwhileError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, KeyPurpose, KeyStatus
from avnz_int.model.secret import Secret
from avnz_int.model.views.keys import RotationView
from avnz_int.services import access, sealing
from avnz_int.services.fingerprints import Fingerprinter
from avnz_int.services.keyrings import openable, rewrap
from avnz_int.services.reseal_workers import Workers
from avnz_int.services.resealing import BATCH, Progress, Resealer
from avnz_int.services.retiring import Retirer
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Work, Writing

_TABLE = "DataKey"


class Keys:
    """Rotates data keys and master keys (role org_admin)."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._vault = work.vault
        self._notify = notify
        self._resealer = Resealer(work, notify)

    def status(self, actor: Actor) -> RotationView:
        """What a rotation would have to do; opens what is on older keys, looks at the form of the rest."""
        with self._work.reading(actor, Action.KEY_READ) as work:
            access.require(actor, Action.KEY_READ, *access.READERS)
            return self._state(work.connection)

    def rotate(
        self,
        actor: Actor,
        *,
        new_key: bool = False,
        resume: bool = False,
        batch_size: int = BATCH,
        workers: int = 1,
        on_batch: Callable[[Progress], None] = lambda _: None,
    ) -> RotationView:
        """The state after every readable row was sealed by the active key.

        Args:
            actor: an org_admin.
            new_key: make a new key even if a rotation is under way.
            resume: never make one.
            batch_size: rows of one transaction.
            workers: processes that share the rows; SQLite has one writer at a time, so there it is one.
            on_batch: told after each batch.
        """
        if workers > 1 and self._work.database.is_sqlite:
            self._notify("SQLite has one writer at a time: one worker does it all")
            workers = 1
        made = self._begin(actor, new_key=new_key, resume=resume)
        with Workers(self._work, workers - 1, batch_size, self._notify) as others:
            resealed = self._resealer.run(batch_size, on_batch, others.resealed)
        resealed += others.resealed()
        with self._work.writing(actor, Action.KEY_ROTATE) as work:
            readable, unreadable = self._resealer.older(work.connection)
            # All that stands under a key that is new was sealed just now.
            unreadable += 0 if made else self._resealer.broken_on_active(work.connection)
            view = self._view(work.connection, resealed=resealed, pending=readable, unreadable=unreadable)
            work.target = Target(_TABLE, view.active_key_id)
            work.record({"resealed": view.resealed, "pending": readable, "unreadable": unreadable})
        return view

    def preview(self, actor: Actor, *, new_key: bool = False, resume: bool = False) -> RotationView:
        """What `rotate` would do: `pending` are the values that it would seal anew. Nothing is changed."""
        with self._work.reading(actor, Action.KEY_READ) as work:
            access.require_admin(actor, Action.KEY_READ)
            if new_key or not (resume or self._resealer.any_readable(work.connection)):
                readable, unreadable = self._resealer.every(work.connection)
                self._notify(
                    f"a new key would be made, and {readable} values sealed by it; nothing was changed"
                )
            else:
                readable, unreadable = self._resealer.older(work.connection)
                unreadable += self._resealer.broken_on_active(work.connection)
                self._notify(f"{readable} values would be sealed by the active key; nothing was changed")
            return self._view(work.connection, resealed=0, pending=readable, unreadable=unreadable)

    def retire(self, actor: Actor, *, grace_days: int = 0, dry_run: bool = False) -> RotationView:
        """The state after the material of every older key for credentials that nothing needs was erased.

        Args:
            actor: an org_admin.
            grace_days: keep keys that sealed within so many days. A backup of the whole database carries its
                own keys; this is for who puts single rows of a backup back.
            dry_run: tell which, and change nothing.

        Raises:
            InUseError: something needs one of them; that one stays, the others are erased.
        """
        retirer = Retirer(self._work, self._notify)
        grace = timedelta(days=grace_days)
        if dry_run:
            retirer.preview(actor, grace=grace)
        else:
            retirer.retire(actor, grace=grace)
        return self.status(actor)

    def rotate_purpose(self, actor: Actor, purpose: KeyPurpose) -> RotationView:
        """The state after a new key took over; for credentials that is `rotate`.

        Events keep the key they were signed with, so older keys stay readable. Fingerprints are all made
        anew, since those by two keys cannot be compared.
        """
        if purpose is KeyPurpose.CREDENTIALS:
            return self.rotate(actor)
        with self._work.writing(actor, Action.KEY_ROTATE) as work:
            access.require_admin(actor, Action.KEY_ROTATE)
            key_id = self._replace_active(work, purpose, actor)
        # The view is of the credentials, as every rotation's is.
        self._notify(f"the new key for {purpose} is {key_id}")
        if purpose is KeyPurpose.FINGERPRINT:
            Fingerprinter(self._work).run(actor)
        with self._work.reading(actor, Action.KEY_READ) as reading:
            return self._state(reading.connection)

    def rotate_master(self, actor: Actor) -> RotationView:
        """The state after a new master key wrapped every data key.

        The keyring is written first and keeps the older master keys: a process killed in between leaves
        data keys that still open, and a second run wraps them by the key that is there already.
        """
        with self._work.writing(actor, Action.KEY_ROTATE) as work:
            access.require_admin(actor, Action.KEY_ROTATE)
            self._vault.forget_keyring()
            # All are opened before the keyring is touched.
            held = openable(work.connection, self._vault, self._notify)
            self._vault.renew_keyring(wrapping.master_key_id(row["wrappedKey"]) for row in held)
            for row in held:
                rewrap(work.connection, self._vault.keyring, row, self._vault.material(row), actor)
            work.target = Target(_TABLE)
            work.record({"masterKeyId": self._vault.keyring.active_kid, "dataKeys": len(held)})
            return self._state(work.connection)

    def _begin(self, actor: Actor, *, new_key: bool, resume: bool) -> bool:
        """Whether a new key was made."""
        with self._work.writing(actor, Action.KEY_ROTATE) as work:
            access.require_admin(actor, Action.KEY_ROTATE)
            sealing.destroy_expired(work)
            under_way = self._resealer.any_readable(work.connection)
            made = new_key or not (resume or under_way)
            if made:
                self._replace_active(work, KeyPurpose.CREDENTIALS, actor)
            elif under_way:
                self._notify("a rotation was under way: it goes on with the key that is active already")
        return made

    def _replace_active(self, work: Writing, purpose: KeyPurpose, actor: Actor) -> str:
        """The id of the new key."""
        old = keys.active(work.connection, purpose)
        moment = clock.now()
        if old is not None:
            values = {"status": KeyStatus.DECRYPT_ONLY.value, "updatedAt": moment, "updatedBy": actor.id}
            rows.change(work.connection, keys.KEY, old["id"], values)
        self._vault.forget_keyring()
        key_id = make_key(work.connection, self._vault, work.organization["id"], purpose, actor)
        facts = {"purpose": purpose.value, "activeKeyId": [old and old["id"], key_id]}
        work.record(facts, action=Action.KEY_CREATE, target=Target(_TABLE, key_id))
        return key_id

    def _state(self, connection: Connection) -> RotationView:
        """Where the credentials stand; nothing was sealed anew."""
        readable, unreadable = self._resealer.older(connection)
        unreadable += self._resealer.broken_on_active(connection)
        return self._view(connection, resealed=0, pending=readable, unreadable=unreadable)

    def _view(self, connection: Connection, *, resealed: int, pending: int, unreadable: int) -> RotationView:
        active = keys.active(connection, KeyPurpose.CREDENTIALS)
        if active is None:
            raise ChangedMeanwhileError("the database has no active key for credentials")
        return RotationView(
            active_key_id=active["id"],
            resealed=resealed,
            pending=pending,
            unreadable=unreadable,
            rows={active["id"]: 0, **keys.counts(connection)},
        )


def make_key(
    connection: Connection, vault: Vault, organization_id: str, purpose: KeyPurpose, actor: Actor
) -> str:
    """The id of a new active data key, wrapped by the keyring's active master key."""
    moment = clock.now()
    key_id = clock.new_id()
    wrapped = wrapping.wrap(
        vault.keyring,
        key_id=key_id,
        organization_id=organization_id,
        purpose=purpose.value,
        material=Secret(wrapping.new_data_key()),
    )
    row = {
        "id": key_id,
        "organizationId": organization_id,
        "purpose": purpose.value,
        "wrappedKey": wrapped,
        "masterKeyId": wrapping.master_key_id(wrapped),
        "status": KeyStatus.ACTIVE.value,
        "sealCount": 0,
        "activatedAt": moment,
        "retiredAt": None,
        "createdAt": moment,
        "updatedAt": moment,
        "createdBy": actor.id,
        "updatedBy": None,
    }
    rows.add(connection, keys.KEY, row)
    return key_id
