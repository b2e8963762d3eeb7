"""What sums of usage cost on SQLite, counted in steps of its machine: clocks tell less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from avnz_int.db import usage
from avnz_int.db.engine import Database
from avnz_int.db.rows import Row

CHARGES, VOIDS = 4000, 400
AT = "2026-10-10T10:00:00.000Z"
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
COLUMNS = (
    *("clientId", "type", "transactionId", "clientIntegrationId", "platformIntegrationId", "amount"),
    *("currency", "occurredAt", "status", "refundOf", "priceVersionId", "billingMonth", "recordedAt"),
)
Sums = Callable[[Connection, str | None], Sequence[Row]]
SUMS: dict[str, Sums] = {
    "charges": lambda connection, client: usage.charges(connection, START, END, {}, client_id=client),
    "summary": lambda connection, client: usage.summary(connection, START, END, {}, client_id=client),
}


def line(kind: str, number: int, of: str | None = None) -> tuple[object, ...]:
    """A row of a platform integration's usage."""
    money = (1000, "USD", AT, "approved", of, "price", "2026-10", AT)
    return ("c", kind, f"{kind}{number}", "ours", "theirs", *money)


@pytest.mark.parametrize("name", SUMS)
def test_of_a_client(sqlite_url: str, name: str) -> None:
    """The sums of one client cost no more than those of all: not each charge times each void."""
    database = Database(sqlite_url)
    steps = [0]

    def step() -> None:
        steps[0] += 1

    with database.write() as connection:
        connection.exec_driver_sql(
            f"""INSERT INTO "Organization" VALUES ('o', 'o', 'O', '{AT}', '{AT}', 'me', NULL)"""
        )
        connection.exec_driver_sql(
            f"""INSERT INTO "Client" VALUES ('c', 'o', 'acme', 'A', 'active', '{AT}', '{AT}', 'me', NULL)"""
        )
        given = [line("charge", number) for number in range(CHARGES)]
        given += [line("void", number, f"charge{number}") for number in range(VOIDS)]
        names = ", ".join(f'"{column}"' for column in COLUMNS)
        places = ", ".join("?" * len(COLUMNS))
        connection.exec_driver_sql(f'INSERT INTO "UsageRecord" ({names}) VALUES ({places})', given)
    counts = []
    with database.read() as connection:
        connection.connection.driver_connection.set_progress_handler(step, 100)  # type: ignore[union-attr]  # it is open
        for client in (None, "c"):
            steps[0] = 0
            found = SUMS[name](connection, client)
            assert found
            counts.append(steps[0])
    database.close()

    every, one = counts
    assert one <= 2 * every
