"""How long `plan` takes on 10,000 integrations without a change, on both databases.

Against a process that imports sqlalchemy and parses the same YAML with PyYAML. The goal of the plan itself is
10 seconds, which the best of three runs is held against. Run it: it prints both.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path

from bench_list import copy
from measure import PROGRAM, Case, compare
from sqlalchemy import insert, select

from avnz_int.db import clients
from avnz_int.db.engine import Database
from support.postgres import PostgresServer
from support.services import CLIENTS, PASSWORD, add_untested, prepared, token_variables

ROWS = 10_000
GOAL_S = 10
BARE = """\
import sys, yaml, sqlalchemy
print(len(yaml.load(open(sys.argv[1]), Loader=yaml.CSafeLoader)))
"""
ITEM = """\
      - provider: paypal_payflow
        name: Number {number}
        mode: own
        environment: production
        priority: 0
        default: false
        status: active
        settings: {{}}
        credentials:
          partner: PayPal
          vendor: acme
          user: acme
          password: env:PAYFLOW_PASSWORD
"""


def manifest(path: Path) -> None:
    """A file of what `fill` makes."""
    items = "".join(ITEM.format(number=number) for number in range(ROWS))
    head = f"apiVersion: avnz-int/1\nkind: Manifest\nclients:\n  - slug: {CLIENTS[0]}\n    integrations:\n"
    path.write_text(head + items)


def fill(url: str, folder: Path) -> None:
    """10,000 integrations of one client, copies of one that the services made, with its fingerprints."""
    with prepared(url, folder / "keyring.json") as services:
        add_untested(services, "Number 0")
    database = Database(url)
    try:
        with database.write() as connection:
            row = dict(connection.execute(select(clients.INTEGRATION)).mappings().one())
            connection.execute(insert(clients.INTEGRATION), [copy(row, i) for i in range(1, ROWS)])
    finally:
        database.close()


def measure(kind: str, url: str, folder: Path) -> None:
    """Compare the processes on one database."""
    path = folder / "manifest.yaml"
    manifest(path)
    variables = {
        "AVNZ_INT_DATABASE_URL": url,
        "AVNZ_INT_KEYRING": f"file://{folder / 'keyring.json'}",
        "PAYFLOW_PASSWORD": PASSWORD,
    }
    variables |= token_variables(url, folder / "keyring.json")
    plan = Case("avnz-int plan", (*PROGRAM, "plan", "-f", str(path)), None, variables)
    compare(
        f"plan, {ROWS} integrations without a change, {kind}",
        [Case("sqlalchemy, yaml.load", (sys.executable, "-c", BARE, str(path))), plan],
        rounds=3,
    )
    before = _processor_s()
    seconds = min(plan.seconds() for _ in range(3))
    spent = (_processor_s() - before) / 3
    met = "met" if seconds <= GOAL_S else "MISSED"
    print(f"  goal: at most {GOAL_S} s   {met}: {seconds:.1f} s, {spent:.1f} s of them on the processor")


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Both databases."""
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(f"sqlite:///{folder / 'avnz-int.db'}", folder)
        measure("sqlite", f"sqlite:///{folder / 'avnz-int.db'}", folder)
    with tempfile.TemporaryDirectory() as name, PostgresServer() as server:
        url = server.url(server.create_database())
        fill(url, Path(name))
        measure("postgresql", url, Path(name))


if __name__ == "__main__":
    main()
