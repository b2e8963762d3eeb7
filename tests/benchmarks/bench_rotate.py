"""Rotate many rows on both databases, beside a bare loop with the driver. Run it: it prints rates and ratios.

`PYTHONPATH=tests python tests/benchmarks/bench_rotate.py [ROWS] [WORKERS]`

The bare loop does the least that must be done: pages of 1,000 are read with the driver, opened, sealed and
written back in the same stored form, with one AESGCM for each key. Each timed rotation is a whole process:
start-up, a new key, the rows, the count at the end and the audit events.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from measure import PROGRAM
from sqlalchemy import insert

from avnz_int import clock
from avnz_int.db import clients
from avnz_int.model.secret import Secret
from avnz_int.services import integrations
from avnz_int.services.resealing import BATCH
from avnz_int.wiring import Services
from support.postgres import PostgresServer
from support.services import add_untested, prepared, token_variables

GOAL = 0.5
PEER_S = 3.77
"""Airflow's best case for 10,000 rows, on the machine where the goals were set."""


def fill(services: Services, count: int) -> None:
    """Many Payflow integrations of one client, about 200 bytes of credentials each."""
    first = add_untested(services, "model")
    work = services._work
    with work.database.write() as connection:
        model = clients.by_id(connection, first)
        assert model is not None
        found = integrations.definition(connection, model["provider"])
        cipher = work.vault.cipher(connection)
        names = [column.name for column in clients.INTEGRATION.c]
        for start in range(1, count, 5000):
            made = []
            for number in range(start, min(start + 5000, count)):
                row = {name: model[name] for name in names} | {"id": clock.new_id(), "name": f"n{number}"}
                secret = Secret(
                    {"partner": "PayPal", "vendor": "acme", "user": "u" * 80, "password": "p" * 60}
                )
                place = integrations.place("ClientIntegration", row, found)
                made.append(row | {"credentials": cipher.seal(secret, place)})
            connection.execute(insert(clients.INTEGRATION), made)


def data_key(services: Services) -> tuple[str, AESGCM]:
    """The active key."""
    with services.database.read() as connection:
        cipher = services._work.vault.cipher(connection)
        return cipher.active_kid, cipher._keys.get(cipher.active_kid)


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def resealed(stored: dict[str, str], old: AESGCM, new: AESGCM, protected: str) -> str:
    """One value, opened and sealed with nothing checked but the tag."""
    aad = stored["aad"]
    plain = old.decrypt(
        _bytes(stored["iv"]),
        _bytes(stored["ciphertext"]) + _bytes(stored["tag"]),
        f"{stored['protected']}.{aad}".encode(),
    )
    iv = os.urandom(12)
    sealed = new.encrypt(iv, plain, f"{protected}.{aad}".encode())
    members = {
        "protected": protected,
        "aad": aad,
        "iv": _text(iv),
        "ciphertext": _text(sealed[:-16]),
        "tag": _text(sealed[-16:]),
    }
    return json.dumps(members, separators=(",", ":"))


def bare(url: str, old: AESGCM, kid: str) -> float:
    """Seconds of the bare loop; it seals by the key it opens with, so that the rows still open."""
    protected = _text(
        json.dumps({"alg": "dir", "enc": "A256GCM", "kid": kid}, separators=(",", ":")).encode()
    )
    begun = time.perf_counter()
    if url.startswith("sqlite"):
        _bare_sqlite(url.removeprefix("sqlite:///"), old, kid, protected)
    else:
        _bare_postgres(url.replace("+psycopg", ""), old, kid, protected)
    return time.perf_counter() - begun


def _bare_sqlite(path: str, key: AESGCM, kid: str, protected: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    cursor = 0
    while True:
        connection.execute("BEGIN IMMEDIATE")
        page = connection.execute(
            'SELECT rowid, "credentials" FROM "ClientIntegration" WHERE rowid > ? ORDER BY rowid LIMIT 1000',
            (cursor,),
        ).fetchall()
        connection.executemany(
            'UPDATE "ClientIntegration" SET "credentials" = ?, "credentialsKeyId" = ? WHERE rowid = ?',
            [(resealed(json.loads(value), key, key, protected), kid, row) for row, value in page],
        )
        connection.execute("COMMIT")
        if not page:
            break
        cursor = page[-1][0]
    connection.close()


def _bare_postgres(url: str, key: AESGCM, kid: str, protected: str) -> None:
    with psycopg.connect(url) as connection:
        cursor = ""
        while True:
            page = connection.execute(
                'SELECT id, "credentials" FROM "ClientIntegration" WHERE id > %s ORDER BY id LIMIT 1000'
                " FOR NO KEY UPDATE",
                (cursor,),
            ).fetchall()
            if not page:
                break
            connection.execute(
                'UPDATE "ClientIntegration" t SET "credentials" = n.v::jsonb, "credentialsKeyId" = %s'
                " FROM unnest(%s::text[], %s::text[]) AS n(id, v) WHERE t.id = n.id",
                (kid, [row for row, _ in page], [resealed(v, key, key, protected) for _, v in page]),
            )
            connection.commit()
            cursor = page[-1][0]


def rotation(variables: dict[str, str], *words: str) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole process, and what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVNZ_INT_")}
    begun = time.perf_counter()
    done = subprocess.run(
        [*PROGRAM, "rotate-key", "-o", "json", *words],
        env={**kept, **variables},
        check=True,
        stdout=subprocess.PIPE,
    )
    return time.perf_counter() - begun, json.loads(done.stdout)


def bench(name: str, url: str, folder: Path, count: int, workers: list[int]) -> None:
    """Print the rates of one database; rounds in turns, the best of each."""
    keyring = folder / f"{name}.json"
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}"}
    with prepared(url, keyring) as services:
        variables |= token_variables(url, keyring)
        fill(services, count)
        times: dict[str, list[float]] = {}
        for _ in range(3):
            kid, key = data_key(services)
            times.setdefault("bare loop", []).append(bare(url, key, kid))
            for number in workers:
                seconds, said = rotation(variables, *(["--workers", str(number)] if number > 1 else []))
                if (said["resealed"], said["pending"], said["unreadable"]) != (count, 0, 0):
                    raise ValueError(said)
                times.setdefault(_named(number), []).append(seconds)
        floor = min(times["bare loop"])
        for what, found in times.items():
            best, ratio = min(found), floor / min(found)
            goal = "" if what == "bare loop" else f"  goal: {GOAL}  {'met' if ratio >= GOAL else 'MISSED'}"
            print(f"{name:11} {what:24} {best:7.2f} s {count / best:9,.0f} rows/s {ratio:5.2f}{goal}")
        if count == 10_000:
            print(f"{name:11} {min(times[_named(workers[0])]) / PEER_S:.2f} x Airflow's best, elsewhere")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        print(f"{name:11} peak of any process: {peak} MiB")


def _named(workers: int) -> str:
    return f"rotate-key, {workers} worker{'s' if workers > 1 else ''}"


def main() -> None:
    """Both databases, in folders of their own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    most = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    print(f"{count:,} rows, batches of {BATCH}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench("sqlite", f"sqlite:///{folder / 'bench.db'}", folder, count, [1])
        with PostgresServer(durable=True) as server:
            url = server.url(server.create_database())
            bench("postgresql", url, folder, count, list(range(1, most + 1)))


if __name__ == "__main__":
    main()
