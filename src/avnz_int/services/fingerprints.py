"""Keyed fingerprints of credentials: what tells that two secrets are the same without opening either.

`credentialsFingerprints` is `{"keyId", "fields": {field: fingerprint}, "environment"}`. A fingerprint is 16
bytes of an HMAC-SHA-256 by the data key for fingerprints, so that whoever reads the table alone learns
nothing of a value, not even by guessing. `environment` is where the provider's own keys say that they belong
to (`sk_live_…`), null where they say nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table

from avnz_int.crypto import cipher as crypto
from avnz_int.crypto import jwe
from avnz_int.db import fingerprints as fingerprint_rows
from avnz_int.db import keys, rows
from avnz_int.db.integrations import TABLES
from avnz_int.definitions import schema
from avnz_int.errors import KeyMissingError, SealBrokenError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, KeyPurpose
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Credentials, Secret
from avnz_int.services import integrations
from avnz_int.services.integrations import Definition
from avnz_int.services.work import Work, Writing

Key = tuple[str, Secret[bytes]]
"""Id and material of the active data key for fingerprints."""

_LABEL = b"avnz-int fingerprint 1\x00"
_BYTES = 16
_json = json_writer(ascii_only=True, sort_keys=True)
_PAGE = 500


def of(key: Key | None, credentials: Credentials, found: Definition) -> dict[str, Any] | None:
    """The column's value for these credentials; None where there is no key to make it with."""
    if key is None:
        return None
    key_id, material = key
    values = credentials.reveal()
    return {
        "keyId": key_id,
        "fields": {name: _fingerprint(material, value) for name, value in sorted(values.items())},
        "environment": schema.told_environment(found.credential_schema, values),
    }


def _fingerprint(material: Secret[bytes], value: Any) -> str:
    message = _LABEL + _json(value).encode("ascii")
    return jwe.b64url(crypto.mac(material, message)[:_BYTES])


class Fingerprinter:
    """Makes the fingerprints of rows that have none by the active key."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def missing(self, connection: Connection) -> int:
        """How many rows with credentials have no fingerprints by the active key."""
        active = keys.active(connection, KeyPurpose.FINGERPRINT)
        return fingerprint_rows.count_missing(connection, active["id"] if active else "")

    def run(self, actor: Actor) -> tuple[int, int]:
        """How many rows got fingerprints, and how many did not since their credentials do not open.

        A page is a transaction; a row that is changed meanwhile keeps what the change gave it.
        """
        done = lost = 0
        for table in TABLES:
            after = ""
            while True:
                with self._work.writing(actor, Action.CREDENTIALS_FINGERPRINT) as work:
                    page = self._page(work, table, after)
                    if page is None:
                        break
                    after, made, unreadable = page
                    if made:
                        work.record({"table": table.name, "rows": made})
                done, lost = done + made, lost + unreadable
        return done, lost

    def _page(self, work: Writing, table: Table, after: str) -> tuple[str, int, int] | None:
        vault = self._work.vault
        key = vault.fingerprint_key(work.connection)
        if key is None:
            raise KeyMissingError(
                "the data key for fingerprints does not open",
                hint="run avnz-int rotate-key --purpose fingerprint",
            )
        found = fingerprint_rows.missing(work.connection, table, key[0], after=after, limit=_PAGE)
        if not found:
            return None
        cipher = vault.cipher(work.connection)
        definitions = {
            provider: integrations.definition(work.connection, provider)
            for provider in {row["provider"] for row in found}
        }
        made = []
        for row in found:
            definition = definitions[row["provider"]]
            try:
                credentials = cipher.open(row["credentials"], integrations.place(table.name, row, definition))
            except (SealBrokenError, KeyMissingError):
                continue
            made.append((row["id"], {"credentialsFingerprints": of(key, credentials, definition)}))
        rows.change_all(work.connection, table, made)
        return found[-1]["id"], len(made), len(found) - len(made)
