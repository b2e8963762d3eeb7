"""How fast `usage record` takes a million lines, and in how much memory: both databases, both formats.

Against a process that parses the same lines and inserts them into the same table with the bare driver, in
batches of the same size; it checks nothing but what the driver and the database do.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import PROGRAM

from avnz_int import clock
from avnz_int.model.enums import Mode
from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.wiring import Services
from support.postgres import PostgresServer
from support.scenes import ADMIN, PAYFLOW, PRICE
from support.services import execute, payflow_credentials, prepared, token_variables

LINES = 1_000_000
LEAST = 0.40
MOST_MB = 200
_FIELDS = ("transactionId", "client", "amount", "currency", "occurredAt", "status")
_PARSE = """
import csv, json, sys, time
ci, pi, version, client = sys.argv[3:7]
def rows(path):
    with open(path, newline="") as lines:
        for r in map(json.loads, lines) if path.endswith("l") else csv.DictReader(lines):
            when = r["occurredAt"]
            yield (client, "charge", r["transactionId"], ci, pi, None, int(r["amount"]), r["currency"], when,
                   r["status"], None, version, when[:7], when)
def batches(found, size=10_000):
    batch = []
    for row in found:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch
names = ('"clientId", "type", "transactionId", "clientIntegrationId", "platformIntegrationId", '
         '"merchantAccountId", "amount", "currency", "occurredAt", "status", "refundOf", "priceVersionId", '
         '"billingMonth", "recordedAt"')
since = time.perf_counter()
"""
BARE = {
    "sqlite": _PARSE
    + """
import sqlite3
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA synchronous = FULL")
connection.execute("PRAGMA foreign_keys = ON")
for batch in batches(rows(sys.argv[2])):
    connection.executemany(f'INSERT INTO "UsageRecord" ({names}) VALUES ({", ".join("?" * 14)})', batch)
    connection.commit()
""",
    "postgresql": _PARSE
    + """
import psycopg
connection = psycopg.connect(sys.argv[1])
cursor = connection.cursor()
for batch in batches(rows(sys.argv[2])):
    cursor.executemany(f'INSERT INTO "UsageRecord" ({names}) VALUES ({", ".join(["%s"] * 14)})', batch)
    connection.commit()
""",
    "postgresql, COPY": _PARSE
    + """
import psycopg
connection = psycopg.connect(sys.argv[1])
cursor = connection.cursor()
for batch in batches(rows(sys.argv[2])):
    with cursor.copy(f'COPY "UsageRecord" ({names}) FROM STDIN') as copy:
        for row in batch:
            copy.write_row(row)
    connection.commit()
""",
}


def write(path: Path, lines: int) -> None:
    """A file of this month's charges; ids ascend, as most gateways give them.

    With ids in no order both sides wait for the index of the table, and look more alike than they are.
    """
    dice = random.Random(1)
    now = clock.rfc3339(clock.now())
    with path.open("w") as out:
        if path.suffix == ".csv":
            out.write(",".join(_FIELDS) + "\n")
        form = (
            "{},acme,{},USD,{},approved\n"
            if path.suffix == ".csv"
            else '{{"transactionId": "{}", "client": "acme", "amount": {}, "currency": "USD", '
            '"occurredAt": "{}", "status": "approved"}}\n'
        )
        for number in range(lines):
            out.write(form.format(f"T{number:012d}", dice.randrange(1, 100_000), now))


def scene(services: Services) -> tuple[str, str, str, str]:
    """Ids of a client integration that uses the platform's, of that, of its price and of the client."""
    new = NewPlatform(PAYFLOW, payflow_credentials())
    services.platform.add(ADMIN, new, test=False)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    used = services.clients.add(ADMIN, NewClient("acme", PAYFLOW, name="Ours", mode=Mode.PLATFORM))
    url = services.settings.database_url
    ((version,),) = execute(url, 'SELECT "id" FROM "PriceVersion"')
    return used.id, str(used.platform_integration_id), version, used.client_id


def timed(command: list[str], variables: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a process."""
    since = time.perf_counter()
    with subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{command[:3]} failed with {running.returncode}")
    return time.perf_counter() - since, used.ru_maxrss / 1024


def measure(kind: str, url: str, address: str, folder: Path, lines: int) -> None:
    """Compare the processes on one database, in turns, the table emptied between them."""
    keyring = folder / "keyring.json"
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}"}
    with prepared(url, keyring) as services:
        variables |= token_variables(url, keyring)
        ids = scene(services)
    print(f"usage record of {lines:,} lines, {kind}")
    for suffix in ("jsonl", "csv"):
        path = folder / f"usage.{suffix}"
        write(path, lines)
        found = {}
        for name in [name for name in BARE if name.startswith(kind)]:
            execute(url, 'DELETE FROM "UsageRecord"')
            found[name] = timed([sys.executable, "-c", BARE[name], address, str(path), *ids], {})[0]
        execute(url, 'DELETE FROM "UsageRecord"')
        seconds, peak = timed([*PROGRAM, "usage", "record", str(path), "-o", "json"], variables)
        ((count,),) = execute(url, 'SELECT count(*) FROM "UsageRecord"')
        if count != lines:
            raise RuntimeError(f"{count} of {lines} lines are there")
        again, _ = timed([*PROGRAM, "usage", "record", str(path), "-o", "json"], variables)
        for name, bare in found.items():
            ratio = bare / seconds
            print(
                f"  {suffix:5} {lines / seconds:10,.0f} lines/s, bare {name} {lines / bare:10,.0f}: "
                f"{ratio:4.0%}   goal: at least {LEAST:.0%}   {'met' if ratio >= LEAST else 'MISSED'}"
            )
        judged = "met" if peak <= MOST_MB else "MISSED"
        print(
            f"        peak {peak:.0f} MB   goal: at most {MOST_MB} MB   {judged}; "
            f"the same again {lines / again:,.0f} lines/s"
        )


def main(lines: int = LINES) -> None:
    """Both databases."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avnz-int.db"
        measure("sqlite", f"sqlite:///{path}", str(path), Path(folder), lines)
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        url = server.url(server.create_database())
        measure("postgresql", url, url.replace("+psycopg", "", 1), Path(folder), lines)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
