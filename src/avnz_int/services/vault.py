"""Data keys, opened: the bridge between the keyring, which is outside the database, and DataKey, inside."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from avnz_int.crypto import wrapping
from avnz_int.crypto.cipher import Cipher, DataKeys
from avnz_int.crypto.keyring import Keyring, MasterKeys
from avnz_int.crypto.keysources import KeySource
from avnz_int.db import keys
from avnz_int.errors import ChangedMeanwhileError, ConflictError, KeyMissingError, SealBrokenError
from avnz_int.model.enums import KeyPurpose, KeyStatus
from avnz_int.model.secret import Secret

WARN_SEALS = 2**31
MAX_SEALS = 2**32
"""Random 96-bit nonces: NIST SP 800-38D allows 2^32 seals under one key."""

Notify = Callable[[str], None]
_LOG = logging.getLogger(__name__)


class Vault:
    """Opens data keys with the keyring's master keys, each once a process.

    Args:
        source: where the keyring is; read on first use.
        notify: told what an operator should know (a key near its limit).
    """

    def __init__(self, source: KeySource, notify: Notify) -> None:
        self.source = source
        self._notify = notify
        self._keyring: MasterKeys | None = None
        self._opened: dict[str, Secret[bytes]] = {}
        self._cipher: tuple[tuple[tuple[str, str], ...], Cipher] | None = None

    @property
    def keyring(self) -> MasterKeys:
        """The master keys; raises what `KeySource.load` raises."""
        if self._keyring is None:
            self._keyring = self.source.load()
            _LOG.info("read the keyring %s", self.source.describe())
        return self._keyring

    def forget_keyring(self) -> None:
        """Read the keyring anew on next use."""
        self._keyring = None

    def renew_keyring(self, used: Iterable[str]) -> None:
        """Make a new master key the active one, unless it is there already and does not wrap everything yet.

        KMS makes its keys itself: the one that the alias names now is the newest.

        Args:
            used: the ids of the master keys that wrap data keys now.
        """
        keyring = self.keyring
        if not isinstance(keyring, Keyring):
            return
        if set(used) <= {keyring.active_kid}:
            self.source.replace(keyring, keyring.with_new_key())
            self.forget_keyring()
        else:
            self._notify("a rotation of the master key was under way: it goes on")

    def material(self, row: Mapping[str, Any]) -> Secret[bytes]:
        """The 32 bytes of a DataKey row.

        Raises:
            KeyMissingError: its master key is not in the keyring, or the key is retired.
            SealBrokenError: the wrapped key was altered.
        """
        key_id = row["id"]
        if key_id not in self._opened:
            if row["wrappedKey"] is None:
                raise KeyMissingError(f"data key {key_id} is retired", details={"keyId": key_id})
            fresh = self._keyring is None
            try:
                self._opened[key_id] = _unwrapped(self.keyring, row)
            except KeyMissingError:
                if fresh:
                    raise
                # Another process may have made a new master key since this one read the keyring.
                self.forget_keyring()
                self._opened[key_id] = _unwrapped(self.keyring, row)
            _LOG.debug("opened the data key %s (%s)", key_id, row["purpose"])
        return self._opened[key_id]

    def cipher(self, connection: Connection) -> Cipher:
        """Opens every stored credential whose key is here, and seals under the active key.

        An older key is opened when a row names it: one that does not open (its master key is lost, it was
        altered, the key service refuses it) is told with that row, and stops nothing else.
        """
        rows = keys.listing(connection, KeyPurpose.CREDENTIALS)
        state = tuple((row["id"], row["status"]) for row in rows)
        if self._cipher is None or self._cipher[0] != state:
            active = next((row for row in rows if row["status"] == KeyStatus.ACTIVE.value), None)
            if active is None:
                raise KeyMissingError("the database has no active key for credentials", hint=_NO_ACTIVE)
            older = {row["id"]: row for row in rows if row["status"] == KeyStatus.DECRYPT_ONLY.value}

            def open_older(key_id: str) -> Secret[bytes] | None:
                return self.material(older[key_id]) if key_id in older else None

            known = DataKeys(
                {active["id"]: self.material(active)}, active=active["id"], open_older=open_older
            )
            self._cipher = (state, Cipher(known))
        return self._cipher[1]

    def audit_key(self, connection: Connection) -> tuple[str, Secret[bytes]]:
        """Id and material of the key that signs events now."""
        row = keys.active(connection, KeyPurpose.AUDIT)
        if row is None:
            raise KeyMissingError("the database has no active key for the audit trail", hint=_NO_ACTIVE)
        return row["id"], self.material(row)

    def fingerprint_key(self, connection: Connection) -> tuple[str, Secret[bytes]] | None:
        """Id and material of the key for fingerprints; None where it does not open: that stops no save."""
        row = keys.active(connection, KeyPurpose.FINGERPRINT)
        try:
            return None if row is None else (row["id"], self.material(row))
        except (KeyMissingError, SealBrokenError):
            return None

    def count_seals(self, connection: Connection, key_id: str, seals: int) -> None:
        """Count seals on the active key before they are made.

        Raises:
            ChangedMeanwhileError: another process made a new key in between.
            ConflictError: the key has sealed as often as is safe.
        """
        total = keys.reserve_seals(connection, key_id, seals)
        if total is None:
            raise ChangedMeanwhileError(f"data key {key_id} was replaced by another process")
        if total > MAX_SEALS:
            raise ConflictError(
                f"data key {key_id} has sealed 2^32 times, which is its limit",
                hint="run avnz-int rotate-key --new-key",
            )
        if total > WARN_SEALS:
            self._notify(f"data key {key_id} has sealed {total} times; run avnz-int rotate-key soon")


def _unwrapped(keyring: MasterKeys, row: Mapping[str, Any]) -> Secret[bytes]:
    return wrapping.unwrap(
        keyring,
        row["wrappedKey"],
        key_id=row["id"],
        organization_id=row["organizationId"],
        purpose=row["purpose"],
    )


_NO_ACTIVE = "restore the DataKey table from a backup"
