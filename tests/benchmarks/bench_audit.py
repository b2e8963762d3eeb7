"""How long `audit verify` and `audit export` of 100,000 events take and how much memory, on both databases.

Against a process that reads the same events with the bare driver, encodes them and makes their HMACs. Run it:
it prints the ratios, events a second, and the peak of memory, which must not grow with the events.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import PROGRAM, Case, compare

from avnz_int.model.enums import Action
from avnz_int.wiring import Services
from support.postgres import PostgresServer
from support.services import prepared, token_variables

EVENTS = 100_000
SMALL = 10_000
MOST_MB = 150
_HASH = """
import hmac
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
count = 0
for row in rows:
    if isinstance(row["changes"], str):
        row["changes"] = json.loads(row["changes"])
    row["occurredAt"] = str(row["occurredAt"])
    del row["mac"]
    hmac.digest(b"k" * 32, encode(row).encode(), "sha256").hex()
    count += 1
print(count)
"""
BARE = {
    "sqlite": """\
import sys, json, sqlite3, sqlalchemy
connection = sqlite3.connect(sys.argv[1])
connection.row_factory = sqlite3.Row
rows = map(dict, connection.execute('SELECT * FROM "AuditEvent" ORDER BY "chain", "sequence"'))
"""
    + _HASH,
    "postgresql": """\
import sys, json, psycopg, sqlalchemy
from psycopg.rows import dict_row
cursor = psycopg.connect(sys.argv[1]).cursor("events", row_factory=dict_row)
cursor.itersize = 1000
rows = cursor.execute('SELECT * FROM "AuditEvent" ORDER BY "chain", "sequence"')
"""
    + _HASH,
}


def fill(services: Services, events: int) -> None:
    """Events of the organization's chain, as a change of name makes them."""
    for start in range(0, events, SMALL):
        with services._work.writing(services.actor, Action.TENANT_RENAME) as work:
            for number in range(start, min(start + SMALL, events)):
                work.record(
                    {"name": [f"Client {number}", f"Client {number + 1}"], "status": ["active", None]}
                )


def peak_mb(variables: dict[str, str], *words: str) -> tuple[float, float]:
    """Peak memory in MB and seconds of a command."""
    since = time.perf_counter()
    with subprocess.Popen(
        [*PROGRAM, *words], env={**os.environ, **variables}, stdout=subprocess.DEVNULL
    ) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"avnz-int {' '.join(words)} failed with {running.returncode}")
    return used.ru_maxrss / 1024, time.perf_counter() - since


def measure(kind: str, url: str, address: str, folder: Path) -> None:
    """Compare the processes on one database, and look at memory at two sizes."""
    keyring = folder / "keyring.json"
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}"}
    peaks = []
    with prepared(url, keyring) as services:
        variables |= token_variables(url, keyring)
        for events in (SMALL, EVENTS - SMALL):
            fill(services, events)
            peaks.append([peak_mb(variables, "audit", verb) for verb in ("verify", "export")])
    compare(
        f"audit of {EVENTS} events, {kind}",
        [
            Case("bare driver, json, HMAC", (sys.executable, "-c", BARE[kind], address)),
            Case("avnz-int audit verify", (*PROGRAM, "audit", "verify"), 2.0, variables),
        ],
        rounds=5,
    )
    for i, verb in enumerate(("verify", "export")):
        small, (large, seconds) = peaks[0][i][0], peaks[1][i]
        judged = "met" if large <= MOST_MB else "MISSED"
        print(
            f"  audit {verb}: {EVENTS / seconds:,.0f} events/s, peak {small:.0f} MB at {SMALL}, "
            f"{large:.0f} MB at {EVENTS}   goal: at most {MOST_MB} MB   {judged}"
        )


def main() -> None:
    """Both databases."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avnz-int.db"
        measure("sqlite", f"sqlite:///{path}", str(path), Path(folder))
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        url = server.url(server.create_database())
        measure("postgresql", url, url.replace("+psycopg", "", 1), Path(folder))


if __name__ == "__main__":
    main()
