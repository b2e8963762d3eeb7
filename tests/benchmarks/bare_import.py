"""The least that an import must do: read, judge, seal, insert. Run by `bench_bulk`, as a process.

Arguments: the database, the file of records, the credential schema, the data key's id, the batch's size.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jsonschema import Draft202012Validator

MOMENT = "2026-11-22T15:00:00.000Z"
COLUMNS = (
    *("id", "clientId", "provider", "category", "name", "mode", "environment", "status"),
    *("credentials", "credentialsKeyId", "credentialsUpdatedAt", "createdAt", "updatedAt", "createdBy"),
)
NAMES = ", ".join(f'"{name}"' for name in COLUMNS)


def rows(key_id: str, owners: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """A row for each record."""
    validator = Draft202012Validator(json.loads(Path(sys.argv[3]).read_text()))
    key = AESGCM(os.urandom(32))
    header = {"alg": "dir", "enc": "A256GCM", "kid": key_id}
    protected = _text(json.dumps(header, separators=(",", ":")).encode())
    with Path(sys.argv[2]).open() as file:
        for line in file:
            record = json.loads(line)
            if not validator.is_valid(record["credentials"]):
                raise ValueError(record["name"])
            row_id, owner = "a" + os.urandom(12).hex()[1:], owners[record["client"]]
            place = [
                "avnz-int",
                1,
                "ClientIntegration",
                "credentials",
                row_id,
                owner,
                "paypal_payflow",
                "",
                "",
            ]
            aad, iv = _text(json.dumps(place).encode()), os.urandom(12)
            plain = json.dumps(record["credentials"], separators=(",", ":")).encode()
            sealed = key.encrypt(iv, plain, f"{protected}.{aad}".encode())
            members = {
                "protected": protected,
                "aad": aad,
                "iv": _text(iv),
                "ciphertext": _text(sealed[:-16]),
                "tag": _text(sealed[-16:]),
            }
            yield (
                *(row_id, owner, record["provider"], "payment_gateway", record["name"], "own"),
                *(
                    record["environment"],
                    "pending",
                    json.dumps(members),
                    key_id,
                    MOMENT,
                    MOMENT,
                    MOMENT,
                    "me",
                ),
            )


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def main() -> None:
    """Insert all of them."""
    key_id, size = sys.argv[4], int(sys.argv[5])
    if "://" in sys.argv[1]:
        import psycopg  # noqa: PLC0415

        with psycopg.connect(sys.argv[1]) as connection:
            owners = dict(connection.execute('SELECT "slug", "id" FROM "Client"').fetchall())
            statement = f'INSERT INTO "ClientIntegration" ({NAMES}) VALUES ({", ".join(["%s"] * 14)})'
            found = rows(key_id, owners)
            while batch := list(islice(found, size)):
                connection.cursor().executemany(statement, batch)
                connection.commit()
        return
    database = sqlite3.connect(sys.argv[1], isolation_level=None)
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    owners = dict(database.execute('SELECT "slug", "id" FROM "Client"').fetchall())
    statement = f'INSERT INTO "ClientIntegration" ({NAMES}) VALUES ({", ".join(["?"] * 14)})'
    found = rows(key_id, owners)
    while batch := list(islice(found, size)):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(statement, batch)
        database.execute("COMMIT")


if __name__ == "__main__":
    main()
