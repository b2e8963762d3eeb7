"""Examine many rows on both databases, beside a bare loop that only opens them. Run it: it prints ratios.

`PYTHONPATH=tests python tests/benchmarks/bench_doctor.py [ROWS]`

The bare loop does the least that opening takes: pages of 1,000 are read with the driver, the AAD is computed
from the row, the value is parsed and decrypted with one AESGCM. It is a process with the same libraries.
So is `doctor`: every row opened, the audit trail, merchant accounts, defaults, fingerprints, schema, and
SQLite's own check of its file. Rounds in turns; the best of each, and memory at two sizes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from bench_rotate import _bytes, fill
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from measure import PROGRAM
from sqlalchemy import text

from avnz_int.crypto.cipher import destination_digest
from avnz_int.db import keys
from avnz_int.model.enums import KeyPurpose
from avnz_int.wiring import Services
from support.postgres import PostgresServer
from support.services import prepared, token_variables

ROWS = 100_000
SMALL = 10_000
GOAL = 2.0
MOST_MB = 150
ROUNDS = 3
_KEY = "BENCH_KEY"
_COLUMNS = '"id", "clientId", provider, environment, "credentials"'
_DESTINATION = destination_digest(None, ())


def complete(services: Services) -> None:
    """Give rows that `fill` made what services would have: a test, an account, a count of their seals."""
    with services.database.write() as connection:
        connection.execute(
            text(
                'UPDATE "ClientIntegration" SET status = \'active\', "lastTestedAt" = "createdAt",'
                ' "verifiedAt" = "createdAt", "isVerified" = true'
            )
        )
        connection.execute(
            text(
                'INSERT INTO "MerchantAccount" (id, "organizationId", "clientId", "clientIntegrationId",'
                ' provider, name, environment, status, "createdAt", "updatedAt", "createdBy")'
                ' SELECT i.id, c."organizationId", i."clientId", i.id, i.provider, i.name, i.environment,'
                ' i.status, i."createdAt", i."updatedAt", i."createdBy" FROM "ClientIntegration" i'
                ' JOIN "Client" c ON c.id = i."clientId" WHERE NOT EXISTS (SELECT 1 FROM "MerchantAccount" m'
                ' WHERE m."clientIntegrationId" = i.id)'
            )
        )
        connection.execute(text("UPDATE \"MerchantAccount\" SET status = 'active'"))
        connection.execute(
            text(
                'UPDATE "DataKey" SET "sealCount" = 2 * (SELECT count(*) FROM "ClientIntegration")'
                " WHERE purpose = 'credentials'"
            )
        )
        connection.execute(text('UPDATE "ClientIntegration" SET "isDefault" = (name = \'model\')'))


def opened(key: AESGCM, row: tuple[Any, ...]) -> None:
    """Open one value, nothing checked but the tag."""
    row_id, owner, provider, environment, value = row
    stored = json.loads(value) if isinstance(value, str) else value
    place = ["avnz-int", 1, "ClientIntegration", "credentials", row_id, owner, provider, environment]
    aad = json.dumps([*place, _DESTINATION], ensure_ascii=False, separators=(",", ":")).encode()
    bound = stored["aad"]
    if _bytes(bound) != aad:
        raise ValueError(row_id)
    sealed = _bytes(stored["ciphertext"]) + _bytes(stored["tag"])
    key.decrypt(_bytes(stored["iv"]), sealed, f"{stored['protected']}.{bound}".encode())


def bare(url: str, key: AESGCM) -> None:
    """The bare loop."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        cursor = 0
        query = f'SELECT rowid, {_COLUMNS} FROM "ClientIntegration" WHERE rowid > ? ORDER BY rowid LIMIT 1000'
        while page := connection.execute(query, (cursor,)).fetchall():
            cursor = page[-1][0]
            for row in page:
                opened(key, row[1:])
        connection.close()
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as postgres:
            after = ""
            query = f'SELECT {_COLUMNS} FROM "ClientIntegration" WHERE id > %s ORDER BY id LIMIT 1000'
            while page := postgres.execute(query, (after,)).fetchall():  # type: ignore[arg-type]  # a constant
                after = page[-1][0]
                for row in page:
                    opened(key, row)


def bare_process(url: str, services: Services) -> float:
    """Seconds of a process that runs the bare loop."""
    with services.database.read() as connection:
        row = keys.active(connection, KeyPurpose.CREDENTIALS)
    assert row is not None
    material = services._work.vault.material(row).reveal().hex()
    begun = time.perf_counter()
    subprocess.run([sys.executable, __file__, "--bare", url], env={**os.environ, _KEY: material}, check=True)
    return time.perf_counter() - begun


def examination(variables: dict[str, str], *words: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of a whole process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVNZ_INT_")}
    begun = time.perf_counter()
    with subprocess.Popen(
        [*PROGRAM, "doctor", *words], env={**kept, **variables}, stdout=subprocess.PIPE, text=True
    ) as running:
        said = running.stdout.read() if running.stdout else ""
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(said)
    return time.perf_counter() - begun, used.ru_maxrss / 1024


def bench(name: str, url: str, folder: Path, count: int) -> None:
    """Print the ratios of one database."""
    keyring = folder / f"{name}.json"
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}"}
    with prepared(url, keyring) as services:
        variables |= token_variables(url, keyring)
        fill(services, min(SMALL, count))
        complete(services)
        small = examination(variables)[1]
        if count > SMALL:
            services.clients.delete(services.actor, "acme/paypal_payflow/model")
            with services.database.write() as connection:
                for table in ("MerchantAccount", "ClientIntegration"):
                    connection.execute(text(f'DELETE FROM "{table}"'))
            fill(services, count)
            complete(services)
        times: dict[str, list[float]] = {"bare loop": [], "doctor": [], "doctor --lint": []}
        large = 0.0
        for _ in range(ROUNDS):
            times["bare loop"].append(bare_process(url, services))
            seconds, peak = examination(variables)
            times["doctor"].append(seconds)
            times["doctor --lint"].append(examination(variables, "--lint")[0])
            large = max(large, peak)
    floor = min(times["bare loop"])
    for what, found in times.items():
        ratio = min(found) / floor
        goal = f"   goal: at most {GOAL}   {'met' if ratio <= GOAL else 'MISSED'}" if what == "doctor" else ""
        print(
            f"  {name:10} {what:14} {min(found):6.2f} s {count / min(found):9,.0f} rows/s "
            f"{ratio:5.2f} x{goal}"
        )
    judged = "met" if large <= MOST_MB else "MISSED"
    print(
        f"  {name:10} peak {small:.0f} MB at {SMALL}, {large:.0f} MB at {count}   at most {MOST_MB}: {judged}"
    )


def main() -> None:
    """Both databases, in folders of their own."""
    if sys.argv[1:2] == ["--bare"]:
        bare(sys.argv[2], AESGCM(bytes.fromhex(os.environ[_KEY])))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(f"doctor on {count:,} rows")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench("sqlite", f"sqlite:///{folder / 'bench.db'}", folder, count)
        with PostgresServer() as server:
            url = server.url(server.create_database())
            bench("postgresql", url, folder, count)


if __name__ == "__main__":
    main()
