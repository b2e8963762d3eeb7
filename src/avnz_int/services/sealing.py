"""The columns of a row that hold credentials: those in force, and those that were in force before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import previous
from avnz_int.errors import ConflictError, KeyMissingError, SealBrokenError
from avnz_int.model.enums import Action, Mode
from avnz_int.model.secret import Credentials
from avnz_int.services import fingerprints, integrations
from avnz_int.services.integrations import Definition
from avnz_int.services.vault import Vault
from avnz_int.services.work import Writing

PREVIOUS = "previousCredentials"
NONE_BEFORE: Mapping[str, Any] = dict.fromkeys(previous.COLUMNS)
"""A row that has nothing to go back to."""


def columns(
    connection: Connection,
    vault: Vault,
    table: str,
    row: Mapping[str, Any],
    found: Definition,
    credentials: Credentials,
) -> dict[str, Any]:
    """What a row gets that holds these credentials, sealed to its place."""
    return Seals(connection, vault, table, 1).columns(row, found, credentials)


class Seals:
    """Seals credentials of several rows of one table, counted at once."""

    def __init__(self, connection: Connection, vault: Vault, table: str, count: int) -> None:
        """Count `count` seals on the active key; raises as `Vault.count_seals` does."""
        self._table = table
        self._cipher = vault.cipher(connection)
        vault.count_seals(connection, self._cipher.active_kid, count)
        self._fingerprint_key = vault.fingerprint_key(connection)

    def columns(self, row: Mapping[str, Any], found: Definition, credentials: Credentials) -> dict[str, Any]:
        """As the function of this name, for one of the rows."""
        return {
            "credentials": self._cipher.seal(credentials, integrations.place(self._table, row, found)),
            "credentialsKeyId": self._cipher.active_kid,
            "credentialsFingerprints": fingerprints.of(self._fingerprint_key, credentials, found),
        }


def kept(
    connection: Connection,
    vault: Vault,
    table: str,
    row: Mapping[str, Any],
    found: Definition,
    *,
    moment: datetime,
    grace: timedelta,
) -> dict[str, Any]:
    """What a row gets whose credentials are about to be replaced: they stay, sealed anew, for a grace time.

    They are bound to the environment and settings that they were in force with. Credentials that do not open
    cannot be kept.
    """
    if grace <= timedelta(0):
        return dict(NONE_BEFORE)
    cipher = vault.cipher(connection)
    values = {
        **NONE_BEFORE,
        f"{PREVIOUS}ExpireAt": moment + grace,
        "previousSettings": row["settings"],
        "previousEnvironment": row["environment"],
    }
    try:
        sealed = cipher.reseal(
            row["credentials"],
            integrations.place(table, row, found),
            integrations.place(table, {**row, **values}, found, column=PREVIOUS),
        )
    except (SealBrokenError, KeyMissingError):
        return dict(NONE_BEFORE)
    vault.count_seals(connection, cipher.active_kid, 1)
    return values | {PREVIOUS: sealed, f"{PREVIOUS}KeyId": cipher.active_kid}


def destroy_expired(work: Writing) -> int:
    """How many rows had previous credentials whose time was over; they are gone now, which is recorded."""
    gone = previous.destroy_expired(work.connection, clock.now())
    if gone:
        work.record({"rows": gone}, action=Action.CREDENTIALS_DESTROY)
    return gone


def require_previous(row: Mapping[str, Any], what: str, moment: datetime) -> None:
    """Refuse a row that has no credentials to go back to.

    Raises:
        ConflictError: it has none, or their time is over.
    """
    expiry = row[f"{PREVIOUS}ExpireAt"]
    group = "client" if "clientId" in row else "platform"
    if row[PREVIOUS] is None or expiry is None or expiry <= moment:
        raise ConflictError(
            f"{what} has no earlier credentials to go back to"
            + ("" if expiry is None else ": their grace time is over"),
            hint="in platform mode they are the platform's: roll that one back"
            if row.get("mode") == Mode.PLATFORM
            else f"replace the credentials: avnz-int {group} update '{what}' --credential …",
        )
