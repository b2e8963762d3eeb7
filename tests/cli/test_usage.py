"""`usage` and `client usage` on the command line."""

from __future__ import annotations

import csv
import io
import json

import pytest

from avnz_int import clock
from support.cli import Command
from support.commands import shared, using
from support.metering import Hand, as_file, line

HEAD = "transactionId,client,amount,currency,occurredAt,status\n"


@pytest.fixture
def metered(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Command lines over an organization whose client acme uses the platform's gateway in January 2028."""
    hand = Hand(monkeypatch)
    shared(command)
    using(command)
    hand.set(2028, 1, 20)
    return command


def test_pipe(metered: Command) -> None:
    """JSON Lines and CSV are told apart by their first byte, from a pipe and from a file of any name."""
    made = metered("usage", "record", "-o", "json", stdin=as_file([line("T-1")])).json
    assert {"recorded": 1, "duplicates": 0, "conflicts": 0, "rejected": 0, "errors": []} == made
    text = (
        HEAD
        + "T-1,acme,10000,USD,2028-01-15T12:00:00Z,approved\nT-2,acme,5,USD,2028-01-15T12:00:00Z,approved\n"
    )
    said = metered("usage", "record", "-", "-o", "json", stdin=text).json
    assert (1, 1) == (said["recorded"], said["duplicates"])
    for name, content in (
        ("x.csv", text),
        ("x.txt", text),
        ("y", as_file([line("T-2", 5)])),
        ("z.ndjson", as_file([])),
    ):
        said = metered("usage", "record", metered.file(name, content), "-o", "json").json
        assert (0, 0) == (said["recorded"], said["rejected"])
    said = metered("usage", "record", metered.file("x.json", text), "--format", "csv", "-o", "json").json
    assert 2 == said["duplicates"]


def test_bad_lines(metered: Command) -> None:
    """Bad lines are exit 2 after the others were taken: a list on standard error, or one error object."""
    text = as_file([line("T-1"), line("T-2", amount="5"), line("T-3", client="nobody\x1b[31m")])
    said = metered("usage", "record", stdin=text, exit_code=2)
    assert (
        "line 2: amount is not a whole number of minor units, 0 to 1000000000000 (invalid_field)"
        in said.stderr
    )
    assert "recorded    1" in said.stdout
    assert "\x1b" not in said.stderr
    said = metered("usage", "record", "-o", "json", stdin=text, exit_code=2)
    assert [2, 3] == [error["line"] for error in said.json["errors"]]
    assert ("invalid_input", {"recorded": 0, "duplicates": 1, "conflicts": 0, "rejected": 2}) == (
        said.error["code"],
        said.error["details"],
    )


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        ((), b'[{"transactionId": 1}]'),
        (("nothing.jsonl",), b""),
        (("/",), b""),
        (("--format", "csv"), b'{"a": 1}'),
        (("--format", "xml"), b""),
    ],
)
def test_no_usage(metered: Command, words: tuple[str, ...], stdin: bytes) -> None:
    """What cannot be read as usage at all is exit 2, and nothing is recorded."""
    metered.fails("usage", "record", *words, exit_code=2, stdin=stdin)
    assert "" == metered("usage", "show").stdout


def test_unknown_fields(metered: Command) -> None:
    """Fields that nobody knows are named once, on standard error."""
    said = metered("usage", "record", stdin=as_file([line("T-1", memo="x"), line("T-2", memo="y")]))
    assert "avnz-int: fields that nobody knows were passed over: memo\n" == said.stderr


def test_show(metered: Command) -> None:
    """Sums are shown as a table, JSON and CSV, by month, client and integration."""
    metered("usage", "record", stdin=as_file([line("T-1"), line("T-2", day="2028-01-02", status="declined")]))
    (shown,) = metered("usage", "show", "-o", "json").json
    assert ("acme", "Ours", "2028-01", 1, 10_000, 60) == tuple(
        shown[name] for name in ("client", "name", "month", "transactions", "volume", "fees")
    )
    rows = list(
        csv.DictReader(
            io.StringIO(metered("usage", "show", "--integration", "acme/Ours", "-o", "csv").stdout)
        )
    )
    assert [{name: "" if value is None else str(value) for name, value in shown.items()}] == rows
    assert "  $100.00  " in metered("usage", "show", "--client", "acme").stdout
    assert (1, []) == (shown["declined"], metered("usage", "show", "--month", "2027-12", "-o", "json").json)
    metered("usage", "show", "--month", "2028-13", exit_code=2)
    metered("usage", "show", "--client", "nobody", exit_code=3)


def test_client_usage(metered: Command) -> None:
    """`client usage` has the stats of an integration and its billing estimate."""
    metered("usage", "record", stdin=as_file([line("T-1")]))
    shown = metered("client", "usage", "acme/Ours", "-o", "json").json
    (part,) = shown["currencies"]
    assert ("platform", "2028-01", 1) == tuple(shown[name] for name in ("mode", "month", "transactions"))
    assert (60, part["minimum"]) == (part["fees"], part["estimate"])
    table = metered("client", "usage", "Ours", "--client", "acme").stdout
    assert "transactions" in table
    assert "minimumSoFar" in table
    cached = metered("client", "show", "acme/Ours", "-o", "json").json["usageThisMonth"]
    assert {"transactions": 1, "volume": 10_000} == {
        name: cached[name] for name in ("transactions", "volume")
    }


def test_process(command: Command) -> None:
    """A process of its own reads from a pipe, and tells on one line of JSON what became of it."""
    shared(command)
    using(command)
    now = clock.rfc3339(clock.now())
    text = as_file([line(f"T-{n}", occurredAt=now) for n in range(3)])
    assert 3 == json.loads(command.process("usage", "record", "-o", "json", stdin=text).stdout)["recorded"]
