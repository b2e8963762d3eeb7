"""`merchant pool` and `merchant route`: a day with a pool, as a person and as a script see it."""

from __future__ import annotations

import pytest

from support.cli import Command
from support.commands import own, shared, using

CARDS = ("merchant", "pool", "add", "Cards", "--client", "acme")
ROUTE = ("merchant", "route", "--client", "acme")


def names(command: Command, *words: str) -> list[tuple[str, str]]:
    """(name, rule) of the candidates of a routing."""
    said = command(*ROUTE, *words, "-o", "json").json
    assert said["chosen"] == said["candidates"][0]
    return [(one["name"], one["rule"]) for one in said["candidates"]]


def test_day(command: Command) -> None:
    """Two accounts in a pool, a limit, a failure rehearsed, an account taken out, the pool ended."""
    own(command)
    shared(command)
    using(command)
    assert [("Main", "priority"), ("Ours", "standby")] == names(command)
    command(*CARDS, "--account", "Main", "--priority", "1", "-o", "json")
    pool = command(
        *(*CARDS, "--account", "acme/Ours", "--transaction-limit", "5000", "--monthly-limit", "90000"),
        *("--currency", "USD", "-o", "json"),
    ).json
    assert [("Ours", 5000, 90000, "USD", ["USD"]), ("Main", None, None, None, [])] == [
        (
            *(one["name"], one["transactionLimit"], one["monthlyLimit"]),
            *(one["limitCurrency"], one["currencies"]),
        )
        for one in pool["members"]
    ]
    assert [("Ours", "priority"), ("Main", "standby")] == names(
        command, "--amount", "5000", "--currency", "usd"
    )
    assert [("Main", "priority"), ("Ours", "transaction_limit")] == names(
        command, "--amount", "5001", "--currency", "USD"
    )
    assert [("Main", "priority"), ("Ours", "simulated_failure")] == names(
        command, "--simulate", "--fail", "acme/Ours"
    )
    table = command("merchant", "pool", "list").stdout
    assert "$50.00" in table
    assert "$900.00" in table
    command("merchant", "pool", "remove", "Cards", "--client", "acme", "--account", "Ours", "-o", "json")
    assert [("Main", "priority")] == names(command, "--pool", "Cards")
    assert (
        "needs --yes"
        in command.fails("merchant", "pool", "remove", "Cards", "--client", "acme", exit_code=2)["message"]
    )
    command("merchant", "pool", "remove", "Cards", "--client", "acme", "--yes", "-o", "json")
    assert [] == command("merchant", "pool", "list", "-o", "json").json
    assert "2" == str(len(names(command)))


def test_table(command: Command) -> None:
    """A person reads the order, and why the others are left out."""
    own(command)
    own(command, "Off")
    command("client", "disable", "acme/Off")
    lines = command(*ROUTE).stdout.splitlines()
    assert ["position", "1"] == [line.split()[0] for line in lines[:2]]
    assert "it was switched off" in lines[2]


def test_nothing(command: Command) -> None:
    """Where no account can take it, exit 3 with each account and its reason."""
    own(command)
    command(*CARDS, "--account", "Main", "--currency", "EUR")
    error = command.fails(*ROUTE, "--amount", "1", "--currency", "USD", exit_code=3)
    assert ("not_found", [("Main", "currency")]) == (
        error["code"],
        [(one["name"], one["rule"]) for one in error["details"]["candidates"]],
    )


def test_limits_taken_away(command: Command) -> None:
    """0 takes a limit away, and `all` the currencies."""
    own(command)
    command(*CARDS, "--account", "Main", "--transaction-limit", "5", "--currency", "USD")
    pool = command(
        *CARDS, "--account", "Main", "--transaction-limit", "0", "--currency", "all", "-o", "json"
    ).json
    assert [(None, None, [])] == [
        (one["transactionLimit"], one["limitCurrency"], one["currencies"]) for one in pool["members"]
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*ROUTE, "--fail", "nmi"), "--fail goes with --simulate"),
        ((*ROUTE, "--amount", "5"), "an amount of what?"),
        ((*ROUTE, "--amount", "0"), "--amount"),
        ((*ROUTE, "--amount", "1.5", "--currency", "USD"), "--amount"),
        ((*ROUTE, "--key", ""), "it is empty"),
        ((*CARDS, "--account", ""), "it is empty"),
        (CARDS, "--account"),
        ((*CARDS, "--account", "Main", "--weight", "-1"), "--weight"),
        ((*CARDS, "--account", "Main", "--strategy", "random"), "random"),
        ((*CARDS, "--account", "Main", "--monthly-limit", "5"), "in which currency"),
        ((*CARDS, "--account", "Main", "--currency", "dollars"), "dollars"),
    ],
    ids=str,
)
def test_wrong(command: Command, words: tuple[str, ...], says: str) -> None:
    """What is wrong is exit 2 and named, and no pool is made."""
    own(command)
    assert says in command.fails(*words, exit_code=2)["message"]
    assert [] == command("merchant", "pool", "list", "-o", "json").json


def test_all_currencies(command: Command) -> None:
    """`all` is every currency, and no code beside others: ALL is that of Albania."""
    own(command)
    words = (*CARDS, "--account", "Main", "--currency", "all", "--currency", "USD")
    assert "goes with no other" in command.fails(*words, exit_code=2)["message"]
    assert [] == command("merchant", "pool", "list", "-o", "json").json
    (member,) = command(*words[:-2], "-o", "json").json["members"]
    assert [] == member["currencies"]
