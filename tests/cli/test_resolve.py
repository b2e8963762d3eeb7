"""`resolve`: one, a company, all; the origin of values; nothing in force is exit 3 with the reasons."""

from __future__ import annotations

import csv
import io

import pytest

from support.cli import Command
from support.commands import own, shared, using
from support.services import execute

PAYMENTS = ("--category", "payment_gateway")


def test_client(command: Command) -> None:
    """The integration in force, with its account and settings, and every candidate with its rule."""
    first, second = own(command), own(command, "Second", "--default")
    said = command("resolve", "--client", "acme", *PAYMENTS, "-o", "json").json
    assert (second["id"], "default", "own", {}, None) == (
        *(said["inForce"]["id"], said["inForce"]["rule"], said["inForce"]["mode"]),
        *(said["inForce"]["settings"], said["inForce"]["origins"]),
    )
    assert [(1, second["id"], "default"), (2, first["id"], "standby")] == [
        (one["position"], one["id"], one["rule"]) for one in said["candidates"]
    ]
    shown = command("merchant", "show", said["inForce"]["merchantAccountId"], "-o", "json").json
    assert second["id"] == shown["clientIntegrationId"]


def test_variable(command: Command) -> None:
    """`AVNZ_INT_CLIENT` names the client, and a company stands before it."""
    own(command)
    client = {"AVNZ_INT_CLIENT": "acme"}
    assert "acme" == command("resolve", *PAYMENTS, "-o", "json", env=client).json["client"]
    said = command(
        "resolve", "--company", "shop", *PAYMENTS, "-o", "json", env={"AVNZ_INT_CLIENT": "globex"}
    ).json
    assert ("acme", "shop") == (said["client"], said["company"])


def test_table(command: Command) -> None:
    """A person reads what is in force, and with --explain all candidates and the origin of every setting."""
    own(command)
    shared(command)
    plain = command("resolve", "--client", "acme", *PAYMENTS).stdout
    assert "Main" in plain
    assert "offers" not in plain
    explained = command("resolve", "--client", "acme", *PAYMENTS, "--explain").stdout
    assert "the organization offers it for a fee, and the client has not taken it up" in explained


def test_explained_settings(command: Command) -> None:
    """Each setting stands beside its value and its origin."""
    command.environment["SECRET"] = "f" * 32
    command(
        *("platform", "add", "datadog", "--credential", "apiKey=env:SECRET", "--setting", "env=live"),
        *("--setting", "site=datadoghq.eu", "--no-test", "-o", "json"),
    )
    error = command.fails("resolve", "--client", "acme", "--category", "monitoring", exit_code=3)
    assert ["unverified"] == [one["rule"] for one in error["details"]["candidates"]]
    execute(
        command.url, "UPDATE \"PlatformIntegration\" SET status = 'active', \"lastTestResult\" = 'success'"
    )
    lines = command(
        "resolve", "--client", "acme", "--category", "monitoring", "--explain"
    ).stdout.splitlines()
    assert ["site", "datadoghq.eu", "organization"] in [line.split() for line in lines]
    assert ["env", "live", "organization"] in [line.split() for line in lines]


def test_nothing(command: Command) -> None:
    """Nothing in force is exit 3; the error has the candidates and says what to do."""
    error = command.fails("resolve", "--client", "acme", *PAYMENTS, exit_code=3)
    assert ("not_found", [], "acme") == (
        error["code"],
        error["details"]["candidates"],
        error["details"]["client"],
    )
    assert "client add --client acme" in error["hint"]
    own(command, "Main", "--no-test")
    error = command.fails("resolve", "--company", "shop", *PAYMENTS, exit_code=3)
    assert [("Main", "pending")] == [(one["name"], one["rule"]) for one in error["details"]["candidates"]]
    said = command("resolve", "--client", "acme", *PAYMENTS, exit_code=3)
    assert "" == said.stdout
    assert "Main: it has not passed its first connection test" in said.stderr


def test_all(command: Command) -> None:
    """Every client has its line, also where nothing is in force; that is no error."""
    own(command)
    shared(command)
    using(command, client="globex")
    command("tenant", "add", "last")
    said = command("resolve", "--all", *PAYMENTS, "-o", "json").json
    assert [("acme", "Main"), ("globex", "Ours"), ("last", None)] == [
        (one["client"], one["inForce"] and one["inForce"]["name"]) for one in said
    ]
    assert said == command("resolve", "--all", *PAYMENTS, "-o", "jsonl").lines
    assert {None} == {one["candidates"] for one in said}
    explained = command("resolve", "--all", *PAYMENTS, "--explain", "-o", "json").json
    assert [["priority", "not_taken_up"], ["priority"], ["not_taken_up"]] == [
        [candidate["rule"] for candidate in one["candidates"]] for one in explained
    ]
    table = command("resolve", "--all", *PAYMENTS).stdout.splitlines()
    assert ["client", "acme", "globex", "last"] == [line.split()[0] for line in table]
    assert "nothing in force" in table[-1]
    lines = list(csv.DictReader(io.StringIO(command("resolve", "--all", *PAYMENTS, "-o", "csv").stdout)))
    assert ["acme", "globex", "last"] == [line["client"] for line in lines]


def test_offered(command: Command) -> None:
    """Where only what the platform offers is left, the hint names what shows it."""
    shared(command)
    error = command.fails("resolve", "--client", "acme", *PAYMENTS, exit_code=3)
    assert "avnz-int client available --client acme shows what can be taken up" == error["hint"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "which client?"),
        (("--client", "acme", "--company", "shop"), "exclude one another"),
        (("--client", "acme", "--all"), "exclude one another"),
        (("--company", ""), "it is empty"),
        (("--client", "acme", "--environment", "staging"), "staging"),
    ],
)
def test_usage(command: Command, words: tuple[str, ...], says: str) -> None:
    """One of client, company and all has to be meant, and the environment be one."""
    assert says in command.fails("resolve", *words, *PAYMENTS, exit_code=2)["message"]


def test_no_category(command: Command) -> None:
    """Without a category there is no question."""
    assert "--category" in command.fails("resolve", "--all", exit_code=2)["message"]
    assert "cars" in command.fails("resolve", "--all", "--category", "cars", exit_code=2)["message"]


def test_unknown(command: Command) -> None:
    """An unknown client or company is exit 3."""
    for words in (("--client", "nobody"), ("--company", "acme")):
        assert "not_found" == command.fails("resolve", *words, *PAYMENTS, exit_code=3)["code"]
