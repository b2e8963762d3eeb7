"""How long `resolve --all -o json` of 10,000 clients takes after start-up, and a routing, on both databases.

Start-up is what `whoami` takes in the same rounds. Run it: it prints seconds and judges the difference.
"""

from __future__ import annotations

import statistics
import tempfile
from datetime import timedelta
from pathlib import Path

from measure import PROGRAM, Case
from sqlalchemy import insert, select

from avnz_int import clock
from avnz_int.db import clients, merchants, tenants
from avnz_int.db.engine import Database
from support.postgres import PostgresServer
from support.services import prepared, token_variables
from support.staging import Own, Platform, Using, stage

CLIENTS = 10_000
ROUNDS = 7
GOAL_S = 1.0
ALL = ("resolve", "--all", "--category", "payment_gateway", "-o", "json")


def fill(url: str, folder: Path) -> None:
    """10,000 clients, each with two integrations of its own, one of the platform's, and their accounts."""
    with prepared(url, folder / "keyring.json") as services:
        stage(
            services,
            [
                Platform(columns={"isSharedWithClients": True}),
                Own("a", "stripe"),
                Own("b", "stripe"),
                Using("u"),
            ],
        )
    database = Database(url)
    try:
        with database.write() as connection:
            acme = dict(tenants.by_slug(connection, tenants.CLIENT, "acme") or {})
            models = [dict(row) for row in connection.execute(select(clients.INTEGRATION)).mappings()]
            accounts = {
                row["clientIntegrationId"]: dict(row)
                for row in connection.execute(select(merchants.ACCOUNT)).mappings()
            }
            made: list[list[dict[str, object]]] = [[], [], []]
            for number in range(CLIENTS):
                client = clock.new_id()
                made[0].append({**acme, "id": client, "slug": f"client-{number:05d}"})
                for model in models:
                    row = {
                        **model,
                        "id": clock.new_id(),
                        "clientId": client,
                        "createdAt": model["createdAt"] + timedelta(seconds=number),
                    }
                    made[1].append(row)
                    of = {"id": clock.new_id(), "clientId": client, "clientIntegrationId": row["id"]}
                    made[2].append({**accounts[model["id"]], **of})
            for table, rows in zip(
                (tenants.CLIENT, clients.INTEGRATION, merchants.ACCOUNT), made, strict=True
            ):
                connection.execute(insert(table), rows)
    finally:
        database.close()


def measure(kind: str, url: str, folder: Path) -> None:
    """Time the processes in turns."""
    variables = {"AVNZ_INT_DATABASE_URL": url} | token_variables(url, folder / "keyring.json")
    cases = [
        Case("start-up: avnz-int whoami", (*PROGRAM, "whoami", "-o", "json"), None, variables),
        Case("avnz-int resolve --all", (*PROGRAM, *ALL), None, variables),
        Case(
            "avnz-int merchant route",
            (*PROGRAM, "merchant", "route", "--client", "client-00077", "-o", "json"),
            None,
            variables,
        ),
    ]
    for case in cases:
        case.seconds()
    times = [[case.seconds() for case in cases] for _ in range(ROUNDS)]
    print(f"resolve over {CLIENTS} clients with 3 integrations each, {kind}")
    for place, case in enumerate(cases):
        taken = statistics.median(row[place] for row in times)
        after = statistics.median(row[place] - row[0] for row in times)
        judged = (
            f"   goal: at most {GOAL_S} s   {'met' if after <= GOAL_S else 'MISSED'}" if place == 1 else ""
        )
        print(f"  {case.name:44} {taken:6.2f} s   after start-up {after:6.2f} s{judged}")


def main() -> None:
    """Both databases."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'avnz-int.db'}"
        fill(url, Path(folder))
        measure("sqlite", url, Path(folder))
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        url = server.url(server.create_database())
        fill(url, Path(folder))
        measure("postgresql", url, Path(folder))


if __name__ == "__main__":
    main()
