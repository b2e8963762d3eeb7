"""`billing` on the command line."""

from __future__ import annotations

import csv
import io

import pytest

from support.cli import Command
from support.commands import shared, using
from support.metering import JOINED, START, Hand, as_file, line


@pytest.fixture
def metered(command: Command, hand: Hand) -> Command:
    """Command lines on 2028-02-02, when acme has used the platform's gateway since 2028-01-11."""
    hand.moment = START
    shared(command)
    hand.moment = JOINED
    using(command)
    hand.set(2028, 2, 2)
    command("usage", "record", stdin=as_file([line("T-1"), line("T-2", 4_000, "2028-01-28")]))
    return command


def test_close(metered: Command) -> None:
    """Closing prints the statements, in CSV a row for each of their lines; twice changes nothing."""
    closed = metered("billing", "close", "--month", "2028-01", "-o", "json").json
    assert ("2028-01", False, [{"currency": "USD", "statements": 1, "total": 3387}]) == (
        closed["month"],
        closed["already"],
        closed["totals"],
    )
    (statement,) = closed["statements"]
    assert 3387 == sum(one["amount"] for one in statement["lines"])
    again = metered("billing", "close", "--month", "2028-01")
    assert "avnz-int: 2028-01 was closed before; nothing was changed\n" == again.stderr
    assert statement["id"] in again.stdout
    rows = list(
        csv.DictReader(io.StringIO(metered("billing", "close", "--month", "2028-01", "-o", "csv").stdout))
    )
    assert 3387 == sum(int(row["amount"]) for row in rows)
    assert ["1", "2", "3"] == [row["number"] for row in rows]


def test_not_closable(metered: Command) -> None:
    """A month that is not over, or not the next one, is exit 5; no month is exit 2."""
    for month, code in (("2028-02", 5), ("2028-03", 5), ("2028-1", 2)):
        metered.fails("billing", "close", "--month", month, exit_code=code)


def test_show(metered: Command) -> None:
    """Statements are listed, and one is shown whole; an open month has an estimate."""
    assert "(nothing there)\n" == metered("billing", "show").stderr
    (guess,) = metered("billing", "show", "--estimate", "--month", "2028-01", "-o", "json").json
    metered("billing", "close", "--month", "2028-01")
    (listed,) = metered("billing", "show", "--month", "2028-01", "--client", "acme", "-o", "json").json
    assert (guess["lines"], None) == (listed["lines"], guess["id"])
    shown = metered("billing", "show", "--statement", listed["id"][:10], "-o", "json").json
    assert listed == shown
    assert listed["id"] in metered("billing", "show").stdout
    assert "  $33.87  " in metered("billing", "show").stdout
    assert 3 == len(metered("billing", "show", "-o", "csv").stdout.splitlines()) - 1
    assert [5000] == [one["total"] for one in metered("billing", "show", "--estimate", "-o", "json").json]
    metered.fails("billing", "show", "--statement", "zzzzzzzz", exit_code=3)
    metered.fails("billing", "show", "--statement", listed["id"], "--estimate", exit_code=2)
    metered.fails("billing", "show", "--print", exit_code=2)


def test_print(metered: Command) -> None:
    """A statement is printed as plain text of 80 columns, its amounts under one another, the total last."""
    (statement,) = metered("billing", "close", "--month", "2028-01", "-o", "json").json["statements"]
    text = metered("billing", "show", "--statement", statement["id"], "--print").stdout
    lines = text.splitlines()
    assert f"Statement {statement['id']}" == lines[0]
    assert {80} == {len(one) for one in lines if "$" in one}
    assert "Total" + " " * 69 + "$33.87" == lines[-1]
    for part in ("acme", "2028-01 (UTC)", "0.5% of 2 transactions, $140.00", "$0.70", "21 of 31 days active"):
        assert part in text
    assert text.startswith("Statement")
    assert metered("billing", "show", "--estimate", "--print").stdout.startswith("Estimate\n")


def test_payouts(metered: Command) -> None:
    """The last week that is over is reported, or the one that is named, as a table, JSON or CSV."""
    (view,) = metered("billing", "payouts", "-o", "json").json
    assert ("2028-W04", "acme", 4_000, 30, 3_970) == tuple(
        view[name] for name in ("week", "client", "volume", "fees", "net")
    )
    both = metered("billing", "payouts", "--from", "2028-01-11", "--to", "2028-01-31", "-o", "csv").stdout
    assert ["2028-W02", "2028-W04"] == [row["week"] for row in csv.DictReader(io.StringIO(both))]
    assert "2028-W02" in metered("billing", "payouts", "--week", "2028-W02", "--client", "acme").stdout
    cells = metered("billing", "payouts").stdout.splitlines()[1].split()
    assert ["$40.00", "$0.30", "$39.70"] == cells[-5:-2]
    # Without their currency they stay what they are: minor units.
    assert ["net", "3970"] == metered("billing", "payouts", "--columns", "net").stdout.split()
    metered.fails("billing", "payouts", "--week", "2028-02", exit_code=2)
