"""How long `client list -o json` of 10,000 rows takes, and a TAB among them, on both databases.

Against a process that imports sqlalchemy, reads the same rows with the bare driver, and dumps them. Run it:
it prints the ratios.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from measure import PROGRAM, Case, compare
from sqlalchemy import insert, select

from avnz_int import clock
from avnz_int.db import clients
from avnz_int.db.engine import Database
from support.postgres import PostgresServer
from support.services import add_untested, prepared, token_variables

ROWS = 10_000
QUERY = (
    'SELECT i.*, c."slug" AS "client", p."status" AS "platformStatus" FROM "ClientIntegration" i'
    ' JOIN "Client" c ON c."id" = i."clientId"'
    ' LEFT JOIN "PlatformIntegration" p ON p."id" = i."platformIntegrationId"'
    ' ORDER BY c."slug", i."category", i."priority", i."name", i."id"'
)
BARE = {
    "sqlite": """\
import sys, json, sqlite3, sqlalchemy
with sqlite3.connect(sys.argv[1]) as connection:
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute(sys.argv[2])]
sys.stdout.write(json.dumps(rows))
""",
    "postgresql": """\
import sys, json, psycopg, sqlalchemy
from psycopg.rows import dict_row
with psycopg.connect(sys.argv[1], row_factory=dict_row) as connection:
    rows = connection.execute(sys.argv[2]).fetchall()
sys.stdout.write(json.dumps(rows, default=str))
""",
}


def fill(url: str, folder: Path) -> None:
    """10,000 integrations of one client, copies of one that the services made."""
    with prepared(url, folder / "keyring.json") as services:
        add_untested(services, "Number 0")
    database = Database(url)
    try:
        with database.write() as connection:
            row = dict(connection.execute(select(clients.INTEGRATION)).mappings().one())
            connection.execute(insert(clients.INTEGRATION), [copy(row, i) for i in range(1, ROWS)])
    finally:
        database.close()


def copy(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row that shares no id, name or moment with another."""
    later = timedelta(seconds=number)
    moments = {name: value + later for name, value in row.items() if isinstance(value, datetime)}
    return row | moments | {"id": clock.new_id(), "name": f"Number {number}"}


def measure(kind: str, url: str, address: str, folder: Path) -> None:
    """Compare the processes on one database."""
    variables = {"AVNZ_INT_DATABASE_URL": url} | token_variables(url, folder / "keyring.json")
    compare(
        f"client list -o json, {ROWS} rows, {kind}",
        [
            Case("sqlalchemy, bare driver, json.dumps", (sys.executable, "-c", BARE[kind], address, QUERY)),
            Case("avnz-int client list -o json", (*PROGRAM, "client", "list", "-o", "json"), 1.6, variables),
            Case(
                "TAB behind `avnz-int client show acme/N`",
                PROGRAM,
                None,
                variables
                | {
                    "_AVNZ_INT_COMPLETE": "complete_bash",
                    "COMP_WORDS": "avnz-int client show acme/N",
                    "COMP_CWORD": "3",
                },
            ),
        ],
        rounds=9,
    )


def main() -> None:
    """Both databases."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avnz-int.db"
        fill(f"sqlite:///{path}", Path(folder))
        measure("sqlite", f"sqlite:///{path}", str(path), Path(folder))
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        url = server.url(server.create_database())
        fill(url, Path(folder))
        measure("postgresql", url, url.replace("+psycopg", "", 1), Path(folder))


if __name__ == "__main__":
    main()
