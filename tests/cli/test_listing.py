"""`--columns`, `--sort`, `--filter`, `--limit` and `--cursor`: the same on every listing."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.cli.listing import Condition, Pick
from avnz_int.errors import ConflictError, UsageError
from support.cli import Command
from support.commands import every_command, own, shared

VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "B", "10", "é"])
ROWS = st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), max_size=12).map(
    lambda rows: [{"id": f"id{i}", **row} for i, row in enumerate(rows)]
)


def pages(pick: dict[str, Any], rows: list[dict[str, Any]]) -> list[Any]:
    """All rows, read page after page."""
    found: list[Any] = []
    cursor = None
    while True:
        page, cursor = Pick(**pick, cursor=cursor).page(rows)
        found += page
        if cursor is None:
            return found


@given(rows=ROWS, limit=st.integers(1, 5), sort=st.lists(st.sampled_from(["a", "-a", "b", "-b"]), max_size=2))
def test_pages(rows: list[dict[str, Any]], limit: int, sort: list[str]) -> None:
    """Page after page gives what one listing gives: each row once, in the same order."""
    keys = tuple(sort) if rows else ()
    whole, more = Pick(sort=keys).page(rows)

    assert more is None
    assert whole == pages({"sort": keys, "limit": limit}, rows)
    assert sorted(row["id"] for row in whole) == sorted(row["id"] for row in rows)


@given(rows=ROWS.filter(bool), key=st.sampled_from(["a", "b"]))
def test_sort(rows: list[dict[str, Any]], key: str) -> None:
    """Numbers are in the order of numbers, texts in that of texts; what has no value is last both ways."""
    for sort in (key, f"-{key}"):
        values = [row[key] for row in Pick(sort=(sort,)).page(rows)[0]]
        there = [value for value in values if value is not None]

        assert [None] * (len(values) - len(there)) == values[len(there) :]
        for kind in (str, int):
            same = [value for value in there if isinstance(value, kind)]
            assert same == sorted(same, reverse=sort.startswith("-"))


@given(rows=ROWS.filter(bool), key=st.sampled_from(["a", "b"]), value=st.sampled_from(["", "a", "true", "2"]))
def test_filter(rows: list[dict[str, Any]], key: str, value: str) -> None:
    """A filter and its opposite share the rows out between them."""
    fit, rest = (Pick(where=(Condition.of(f"{key}{sign}{value}"),)).page(rows)[0] for sign in ("=", "!="))

    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in [*fit, *rest])
    assert all(json.dumps(row[key]).strip('"').replace("null", "") == value for row in fit)


def test_inner_keys() -> None:
    """A key reaches into an object, and a filter finds one of a list of words."""
    rows = [{"id": "1", "price": {"flat": 5}, "modes": ["own"]}, {"id": "2", "price": None, "modes": []}]

    assert [{"price.flat": 5}, {"price.flat": None}] == Pick(columns=("price.flat",)).page(rows)[0]
    for condition in ("price.flat=5", "modes=own"):
        assert ["1"] == [row["id"] for row in Pick(where=(Condition.of(condition),)).page(rows)[0]]


def test_gone() -> None:
    """A cursor whose row was deleted says so; one of a listing in another order is refused."""
    rows = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    _, cursor = Pick(limit=2).page(rows)

    with pytest.raises(ConflictError, match="is there no more"):
        Pick(cursor=cursor).page([rows[0], rows[2]])
    with pytest.raises(UsageError, match="of another listing"):
        Pick(cursor=cursor, sort=("id",)).page(rows)
    with pytest.raises(UsageError, match="of another listing"):
        Pick(cursor="é").page(rows)


def test_forms(command: Command) -> None:
    """The wanted keys in their order, in every form; what more there is stands on standard error."""
    words = ("definitions", "list", "--category", "payment_gateway", "--columns", "provider,status")
    more = ("--sort", "-provider", "--limit", "2")
    expected = [{"provider": name, "status": "active"} for name in ("stripe", "paypal_payflow")]
    told = command(*words, *more, "-o", "json")
    lines = command(*words, *more, "-o", "jsonl").stdout.splitlines()

    assert expected == told.json == [json.loads(line) for line in lines]
    assert expected == list(csv.DictReader(io.StringIO(command(*words, *more, "-o", "csv").stdout)))
    table = command(*words, *more).stdout.split()
    assert ["provider", "status", "stripe", "active", "paypal_payflow", "active"] == table
    cursor = told.stderr.split("--cursor ")[1].strip()
    rest = command(*words, *more, "--cursor", cursor, "-o", "json")
    assert (["nmi", "authorize_net"], "") == ([row["provider"] for row in rest.json], rest.stderr)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (("--columns", "provider,nope"), "no key 'nope'"),
        (("--sort", "-nope"), "no key 'nope'"),
        (("--filter", "nope=1"), "no key 'nope'"),
        (("--filter", "nope"), "no KEY=VALUE"),
        (("--limit", "0"), "0 is not in the range"),
        (("--columns", ""), "it is empty"),
        (("--cursor", "x"), "of another listing"),
    ],
)
def test_wrong(command: Command, given_: tuple[str, ...], said: str) -> None:
    """What a listing does not have is a usage error that names it."""
    assert said in command("definitions", "list", *given_, exit_code=2).stderr


def test_everywhere() -> None:
    """Every command called `list` has the options."""
    lacking = []
    for words, command in every_command():
        options = {name for one in command.params for name in one.opts}
        if words[-1:] == ("list",) and not {"--columns", "--sort", "--filter", "--limit"} <= options:
            lacking.append(words)

    assert [] == lacking


def test_no_rows(command: Command) -> None:
    """CSV without rows has its header all the same: that of a listing with rows, or the wanted columns."""
    for words in (("token", "list"), ("client", "list"), ("billing", "show"), ("merchant", "pool", "list")):
        assert 1 == len(command(*words, "-o", "csv").stdout.splitlines())
    assert "id,name\n" == command("client", "list", "-o", "csv", "--columns", "id,name").stdout
    empty = command("client", "list", "-o", "csv").stdout
    own(command)
    assert empty == command("client", "list", "-o", "csv").stdout.splitlines(keepends=True)[0]


def test_export_table(command: Command) -> None:
    """Records of several kinds are one table: the fields of all, empty where a kind has none."""
    own(command)
    rows = list(csv.DictReader(io.StringIO(command("export", "-o", "csv").stdout)))

    assert {"tenant", "client"} == {row["kind"] for row in rows}
    assert {"acme"} == {row["client"] for row in rows if row["kind"] == "client"}
    assert "" == rows[0]["provider"]


def test_by_option(command: Command) -> None:
    """What lists where an option says so takes them with that option, and refuses them without."""
    command("tenant", "add", "last")
    everybody = ("resolve", "--all", "--category", "payment_gateway")
    for form in ("table", "json"):
        told = command(*everybody, "--sort", "-client", "--limit", "1", "--columns", "client", "-o", form)
        assert ("last" in told.stdout, "acme" in told.stdout) == (True, False)
        cursor = told.stderr.split("--cursor ")[1].strip()
        more = ("--sort", "-client", "--limit", "1", "--columns", "client", "--cursor", cursor)
        assert "globex" in command(*everybody, *more, "-o", form).stdout
    assert "inForce" in command(*everybody, "--columns", "client,inForce", "-o", "csv").stdout
    shared(command)
    words = ("share", "--list", "--columns", "provider", "-o", "json")
    assert [{"provider": "paypal_payflow"}] == command(*words, "--filter", "isSharedWithClients=true").json
    assert [] == command(*words, "--filter", "isSharedWithClients=false").json
    for wrong in (
        ("share", "platform/paypal_payflow", "--flat-fee", "1", "--limit", "1"),
        ("resolve", "--client", "acme", "--category", "payment_gateway", "--columns", "client"),
    ):
        assert " go with --" in command.fails(*wrong, exit_code=2)["message"]
