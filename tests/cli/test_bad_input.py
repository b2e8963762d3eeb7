"""Whatever is wrong: its exit code and error code, what it was and what to do, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.cli import Command
from support.commands import LITERALS, LOGIN, PRICE, own, platform, shared, using
from support.scenes import SteeredGateway, written
from support.services import payflow_credentials

SECRET = "hunter2-not-to-be-seen"
ADD = ("client", "add", "paypal_payflow", "--client", "acme", "--name", "Main")


@dataclass(frozen=True, slots=True)
class Case:
    """A command line that cannot work.

    Attributes:
        says: words that stand in message or hint.
        file: content of the file that `FILE` in the command line stands for.
    """

    args: tuple[str, ...]
    exit_code: int
    code: str
    says: tuple[str, ...]
    file: str | bytes | None = None
    stdin: str | bytes = b""
    env: Mapping[str, str | None] = field(default_factory=dict)


def login(**changes: Any) -> str:
    """A credentials file with some fields changed; None leaves one out."""
    values = {**payflow_credentials().reveal(), **changes}
    return json.dumps({name: value for name, value in values.items() if value is not None})


FILE = ("--credentials-file", "FILE")
CASES = {
    "provider": Case(
        ("platform", "add", "paypal_payfow", *LOGIN),
        2,
        "unknown_provider",
        ("paypal_payfow", "paypal_payflow?"),
    ),
    "provider for a client": Case(
        ("client", "add", "stirpe", "--client", "acme"),
        2,
        "unknown_provider",
        ("stirpe", "did you mean stripe?"),
    ),
    "provider shown": Case(("definitions", "show", "twillio"), 2, "unknown_provider", ("mean twilio?",)),
    "provider listed": Case(("client", "list", "--provider", "okat"), 2, "unknown_provider", ("mean okta",)),
    "no provider": Case(("platform", "add"), 2, "usage", ("which provider?", "definitions list")),
    "no client": Case(
        ("client", "add", "stripe"), 2, "usage", ("which client?", "--client", "AVNZ_INT_CLIENT")
    ),
    "empty client": Case(("client", "list", "--client", ""), 2, "usage", ("--client", "it is empty")),
    "empty name": Case((*ADD[:-1], "", *LOGIN), 2, "usage", ("--name", "it is empty")),
    "empty database": Case(("--database-url", "", "whoami"), 2, "usage", ("--database-url", "it is empty")),
    "empty keyring": Case(("--keyring", "", "whoami"), 2, "usage", ("--keyring", "it is empty")),
    "negative priority": Case((*ADD, *LOGIN, "--priority", "-1"), 2, "usage", ("--priority",)),
    "token": Case(("whoami",), 4, "unauthenticated", ("AVNZ_INT_TOKEN",), env={"AVNZ_INT_TOKEN": SECRET}),
    "platform-only": Case(
        ("client", "add", "auth0", "--client", "acme"),
        4,
        "forbidden",
        ("auth0", "platform only", "platform add"),
    ),
    "unknown client": Case(
        ("client", "add", "stripe", "--client", "acmee"), 3, "not_found", ("no client 'acmee'", "tenant list")
    ),
    "unknown client of a list": Case(
        ("merchant", "list", "--client", "acmee"), 3, "not_found", ("no client 'acmee'",)
    ),
    "unknown field": Case(
        (*ADD, *FILE), 2, "invalid_fields", ("passwort", "did you mean password?"), login(passwort=SECRET)
    ),
    "missing fields": Case(
        ADD,
        2,
        "invalid_fields",
        ("partner: is missing", "vendor: is missing", "user: is missing", "password: is missing", "=@file"),
    ),
    "wrong pattern": Case(
        (*ADD, *FILE), 2, "invalid_fields", ("password: does not match",), login(password=f'{SECRET}"')
    ),
    "empty secret": Case((*ADD, *FILE), 2, "invalid_fields", ("password: must be",), login(password="")),
    "no text": Case(
        (*ADD, *FILE), 2, "invalid_fields", ("password: must be a string",), login(password=12345678)
    ),
    "huge": Case((*ADD, *FILE), 2, "invalid_input", ("64 KiB",), login(password=SECRET * 4000)),
    "endless": Case((*ADD, *FILE), 2, "invalid_input", ("1 MiB",), login(password=SECRET * 60000)),
    "latin-1": Case((*ADD, *FILE), 2, "invalid_input", ("not UTF-8",), '{"password": "é"}'.encode("latin-1")),
    "no JSON": Case((*ADD, *FILE), 2, "invalid_input", ("not JSON", "line 1"), f'{{"password": "{SECRET}",'),
    "no object": Case((*ADD, *FILE), 2, "invalid_input", ("not one JSON object",), f'["{SECRET}"]'),
    "a name twice": Case(
        (*ADD, *FILE), 2, "invalid_input", ("a name twice",), f'{{"user": "a", "user": "{SECRET}"}}'
    ),
    "lone surrogate": Case(
        (*ADD, *FILE), 2, "invalid_fields", ("password",), login(password="hunter2\ud800")
    ),
    "nested": Case((*ADD, *FILE), 2, "invalid_input", ("not JSON",), "[" * 100_000),
    "no file": Case(
        (*ADD, "--credentials-file", "/nowhere/x.json"), 2, "usage", ("there is no file /nowhere/x.json",)
    ),
    "no file name": Case((*ADD, "--credentials-file", ""), 2, "usage", ("--credentials-file",)),
    "own without credentials": Case(
        ("client", "add", "paypal_payflow", "--client", "acme", "--mode", "own"),
        2,
        "invalid_fields",
        ("missing",),
    ),
    "nothing shared": Case(
        ("client", "add", "paypal_payflow", "--client", "acme", "--mode", "platform"),
        5,
        "not_shared",
        ("paypal_payflow", "avnz-int share"),
    ),
    "platform mode with credentials": Case(
        (*ADD, *LOGIN, "--mode", "platform"), 2, "invalid_input", ("platform mode", "none")
    ),
    "literal secret": Case(
        (*ADD, *LITERALS, "--credential", f"password={SECRET}"),
        2,
        "usage",
        ("password", "process list", "=@file", "=env:NAME", "=-"),
    ),
    "literal of no field": Case(
        (*ADD, "--credential", f"passwd={SECRET}"),
        2,
        "usage",
        ("passwd is not a credential field", "password"),
    ),
    "secret as an argument": Case(
        (*ADD, *LITERALS, "--credential", "password", SECRET), 2, "usage", ("more arguments", "KEY=SOURCE")
    ),
    "secret without a key": Case((*ADD, "--credential", SECRET), 2, "usage", ("KEY=SOURCE",)),
    "secret as a setting": Case(
        (*ADD, *LOGIN, "--setting", f"password={SECRET}"), 2, "invalid_fields", ("settings.password",)
    ),
    "no such variable": Case(
        (*ADD, *LITERALS, "--credential", "password=env:NO_SUCH"), 2, "usage", ("NO_SUCH is not set",)
    ),
    "standard input twice": Case(
        (*ADD, "--credential", "password=-", "--credential", "user=-"),
        2,
        "usage",
        ("user=-", "read for --credential password=- already"),
        stdin=SECRET,
    ),
    "standard input for file and field": Case(
        (*ADD, "--credentials-file", "-", "--credential", "password=-"), 2, "usage", ("already",), stdin="{}"
    ),
    "standard input not UTF-8": Case(
        (*ADD, *LITERALS, "--credential", "password=-"), 2, "invalid_input", ("not UTF-8",), stdin=b"\xff\xfe"
    ),
    "setting of another type": Case(
        ("client", "add", "webhook", "--client", "acme", "--setting", "timeoutSeconds=soon"),
        2,
        "invalid_fields",
        ("timeoutSeconds: must be a whole number",),
    ),
    "setting without a value": Case((*ADD, *LOGIN, "--setting", "region"), 2, "usage", ("KEY=VALUE",)),
    "name with a slash": Case((*ADD[:-1], "a/b", *LOGIN), 2, "invalid_input", ("'/'",)),
    "name with an escape": Case((*ADD[:-1], "a\x1b[31mb", *LOGIN), 2, "invalid_input", ("control",)),
    "long name": Case((*ADD[:-1], "x" * 201, *LOGIN), 2, "invalid_input", ("200",)),
    "slug": Case(("tenant", "add", "Acme Inc"), 2, "invalid_input", ("'Acme Inc'", "a-z")),
    "slug taken": Case(("tenant", "add", "shop"), 5, "exists", ("shop",)),
    "company under nothing": Case(("tenant", "add", "x", "--under", "acmee"), 3, "not_found", ("acmee",)),
    "company under a company": Case(("tenant", "add", "x", "--under", "shop"), 2, "invalid_input", ("shop",)),
    "tenant in use": Case(("tenant", "remove", "acme", "--yes"), 5, "in_use", ("acme", "shop")),
    "rename to nothing": Case(("tenant", "rename", "acme"), 2, "usage", ("--name", "--slug")),
    "unknown REF": Case(("client", "show", "acme/Nope"), 3, "not_found", ("acme/Nope", "client list")),
    "bare name without a client": Case(("client", "show", "Nope"), 3, "not_found", ("--client",)),
    "unknown platform REF": Case(("platform", "show", "okta"), 3, "not_found", ("okta", "platform list")),
    "unknown REF tested": Case(("test", "acme/Nope"), 3, "not_found", ("acme/Nope",)),
    "unknown account": Case(("merchant", "show", "nothing1"), 3, "not_found", ("nothing1",)),
    "no REF": Case(("client", "show", "a/b/c/d"), 2, "usage", ("'a/b/c/d'", "CLIENT/NAME")),
    "price of nothing": Case(("share", "paypal_payflow"), 2, "usage", ("at which price?", "--flat-fee")),
    "share without REF": Case(("share", *PRICE), 2, "usage", ("which integration?", "platform list")),
    "fee is no number": Case(
        ("share", "paypal_payflow", "--percentage-fee", "half"), 2, "invalid_input", ("half",)
    ),
    "fee above all": Case(
        ("share", "paypal_payflow", "--percentage-fee", "101"), 2, "invalid_input", ("100",)
    ),
    "negative fee": Case(
        ("share", "paypal_payflow", "--flat-fee", "-1"), 2, "invalid_input", ("--flat-fee",)
    ),
    "currency": Case(
        ("share", "paypal_payflow", "--flat-fee", "1", "--currency", "XXX"),
        2,
        "invalid_input",
        ("XXX", "4217"),
    ),
    "revoke without off": Case(("share", "paypal_payflow", "--revoke"), 2, "usage", ("--off",)),
    "off with a price": Case(("share", "paypal_payflow", "--off", *PRICE), 2, "usage", ("--off", "price")),
    "simulation of nothing": Case(
        ("share", "paypal_payflow", "--simulate", *PRICE), 2, "usage", ("--count", "--volume")
    ),
    "simulation of no transactions": Case(
        ("share", "paypal_payflow", "--simulate", *PRICE, "--count", "0", "--volume", "1"),
        2,
        "invalid_input",
        ("--count",),
    ),
    "simulation with an end": Case(
        ("share", "paypal_payflow", "--simulate", "--off", "--count", "1", "--volume", "1"),
        2,
        "usage",
        ("--off and --simulate",),
    ),
    "own fees of no simulation": Case(
        ("share", "paypal_payflow", *PRICE, "--own-flat-fee", "1"), 2, "usage", ("--simulate",)
    ),
    "fine own percentage": Case(
        (
            *("share", "paypal_payflow", "--simulate", *PRICE, "--count", "1", "--volume", "1"),
            *("--own-percentage-fee", "0.00001"),
        ),
        2,
        "invalid_input",
        ("--own-percentage-fee", "4 decimals"),
    ),
    "price of no day": Case(
        ("share", "paypal_payflow", *PRICE, "--effective", "2026-02-30"),
        2,
        "usage",
        ("2026-02-30", "--effective"),
    ),
    "price of a time without offset": Case(
        ("share", "paypal_payflow", *PRICE, "--effective", "2026-02-03T10:00:00"), 2, "usage", ("RFC 3339",)
    ),
    "list with a REF": Case(("share", "paypal_payflow", "--list"), 2, "usage", ("--list",)),
    "two rotations": Case(("rotate-key", "--new-key", "--resume"), 2, "usage", ("exclude",)),
    "purpose": Case(("rotate-key", "--purpose", "audit", "--resume"), 2, "usage", ("--purpose",)),
    "unknown purpose": Case(("rotate-key", "--purpose", "love"), 2, "usage", ("'love'", "fingerprint")),
    "time": Case(("audit", "list", "--since", "yesterday"), 2, "usage", ("'yesterday'", "2026-")),
    "limit": Case(("audit", "list", "--limit", "0"), 2, "usage", ("--limit",)),
    "deadline": Case(("test", "acme/Main", "--timeout", "nan"), 2, "usage", ("--timeout",)),
    "no deadline": Case(("test", "acme/Main", "--timeout", "0"), 2, "usage", ("--timeout",)),
    "environment": Case(
        (*ADD, *LOGIN, "--environment", "prod"), 2, "usage", ("'prod'", "sandbox", "production")
    ),
    "unknown command": Case(("clinet", "list"), 2, "usage", ("clinet", "Did you mean 'client'", "--help")),
    "unknown subcommand": Case(("client", "lst"), 2, "usage", ("lst", "Did you mean 'list'")),
    "unknown option": Case(("client", "list", "--clinet", "x"), 2, "usage", ("--clinet", "--client")),
    "missing argument": Case(("client", "show"), 2, "usage", ("REF",)),
    "seeds of nowhere": Case(("definitions", "seed", "--dir", "/nowhere"), 2, "invalid_input", ("/nowhere",)),
    "other organization": Case(("init", "--org", "other"), 5, "conflict", ("avnz", "other")),
    "keyring of another kind": Case(
        (*ADD, *LOGIN), 2, "usage", ("vault", "file:///"), env={"AVNZ_INT_KEYRING": "vault://x"}
    ),
    "database of another kind": Case(
        ("whoami",),
        2,
        "usage",
        ("mysql", "sqlite:///"),
        env={"AVNZ_INT_DATABASE_URL": f"mysql://u:{SECRET}@h/d"},
    ),
    "database that does not parse": Case(
        ("whoami",),
        2,
        "usage",
        ("sqlite:///",),
        env={"AVNZ_INT_DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:notaport/d"},
    ),
    "password on argv": Case(
        ("--database-url", f"postgresql://u:{SECRET}@h/d", "whoami"), 2, "usage", ("AVNZ_INT_DATABASE_URL",)
    ),
    "password in the query": Case(
        ("--database-url", f"postgresql://u@h/d?password={SECRET}", "whoami"), 2, "usage", ("password",)
    ),
    "schema name": Case(("whoami",), 2, "usage", ("AVNZ_INT_SCHEMA",), env={"AVNZ_INT_SCHEMA": "a; b"}),
    "log level": Case(("whoami",), 2, "usage", ("AVNZ_INT_LOG", "DEBUG"), env={"AVNZ_INT_LOG": "loud"}),
    "endpoint over the network": Case(
        (*ADD, *LOGIN),
        2,
        "usage",
        ("AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW", "unencrypted"),
        env={"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": "http://proxy.example.com"},
    ),
}


def refused(command: Command, case: Case) -> dict[str, Any]:
    """The error of the case, none of which shows the secret."""
    args = case.args
    if case.file is not None:
        path = command.file("given.json", case.file)
        args = tuple(path if word == "FILE" else word for word in args)
    before = written(command.url)
    result = command(*args, "-o", "json", exit_code=case.exit_code, stdin=case.stdin, env=case.env)
    assert "" == result.stdout
    assert before == written(command.url)
    assert SECRET not in result.stderr
    return result.error


@pytest.mark.parametrize("name", CASES)
def test_refused(command: Command, gateway: SteeredGateway, name: str) -> None:
    """Bad input has its exit code and error code, names the thing and the remedy, and changes nothing."""
    case = CASES[name]
    error = refused(command, case)

    assert case.code == error["code"]
    for words in case.says:
        assert words in f"{error['message']} {error['hint']}"
    assert [] == gateway.requests


def test_postgres(on_postgres: Command) -> None:
    """On PostgreSQL, too."""
    for name in (
        "unknown client",
        "nothing shared",
        "missing fields",
        "slug taken",
        "tenant in use",
        "unknown REF",
    ):
        assert CASES[name].code == refused(on_postgres, CASES[name])["code"]


def test_as_text(command: Command) -> None:
    """For people the same stands as two lines on standard error."""
    said = command(*ADD, *LITERALS, "--credential", f"password={SECRET}", exit_code=2)

    assert ("", 2) == (said.stdout, said.stderr.count("\n"))
    assert said.stderr.startswith("error: password: a secret")
    assert "\nhint: use password=@file" in said.stderr


@pytest.mark.parametrize("way", ["before", "joined", "equals", "environment", "lines"])
def test_ways_to_ask_for_json(bare: Command, way: str) -> None:
    """However JSON is asked for, a usage error is one object on standard error."""
    words, variables = {
        "before": (("-o", "json", "--nope"), {}),
        "joined": (("-ojson", "--nope"), {}),
        "equals": (("--output=json", "--nope"), {}),
        "environment": (("--nope",), {"AVNZ_INT_OUTPUT": "json"}),
        "lines": (("--nope", "-o", "jsonl"), {}),
    }[way]

    assert "usage" == bare("client", "list", *words, exit_code=2, env=variables).error["code"]


@pytest.mark.parametrize("age", ["36501d", "999999999d", "9" * 400 + "s"], ids=len)
def test_too_long(command: Command, age: str) -> None:
    """A duration beyond a century is refused, not cut to one; a century is none too many."""
    words = ("platform", "update", "paypal_payflow", "--description", "Ours", "--keep-previous")
    platform(command)
    error = command.fails(*words, age, exit_code=2)

    assert f"--keep-previous {age} is too long" == error["message"]
    assert "write 36500d or less" == error["hint"]
    command(*words, "36500d")


def test_unknown_output(command: Command) -> None:
    """An output that there is not is told as text, with those that there are."""
    for words, variables in ((("-o", "yaml"), {}), ((), {"AVNZ_INT_OUTPUT": "yaml"})):
        said = command("client", "list", *words, exit_code=2, env=variables)
        assert "" == said.stdout
        assert "'yaml' is not one of 'table', 'json', 'jsonl', 'csv'" in said.stderr
        named = "AVNZ_INT_OUTPUT" if variables else "--output"
        assert [named] == [word for word in ("AVNZ_INT_OUTPUT", "--output") if word in said.stderr]


def test_empty_environment(command: Command) -> None:
    """A variable that is set to nothing is one that is not set; but a token that is lost gives no rights."""
    nothing = dict.fromkeys(("AVNZ_INT_OUTPUT", "AVNZ_INT_CLIENT", "AVNZ_INT_SCHEMA"), "")

    assert command("tenant", "list").stdout == command("tenant", "list", env=nothing).stdout
    assert "is no whole token" in command("tenant", "list", env={"AVNZ_INT_TOKEN": ""}, exit_code=4).stderr


def test_names_taken(on_both: Command, gateway: SteeredGateway) -> None:
    """A second integration of the same name, and a second one of a provider for the platform, are exit 5."""
    own(on_both)
    platform(on_both)
    asked = len(gateway.requests)

    for words in ((*ADD, *LOGIN), ("platform", "add", "paypal_payflow", *LOGIN)):
        before = written(on_both.url)
        assert "exists" == on_both.fails(*words, exit_code=5)["code"]
        assert before == written(on_both.url)
    assert asked == len(gateway.requests)


def test_dependents(on_both: Command) -> None:
    """A platform integration that clients use is not deleted; the error lists who."""
    shared(on_both)
    users = [using(on_both), using(on_both, client="globex")]

    error = on_both.fails("platform", "delete", "paypal_payflow", "--yes", exit_code=5)
    assert "in_use" == error["code"]
    assert {user["id"] for user in users} == {one["id"] for one in error["details"]["dependents"]}
    assert "active" == on_both("platform", "show", "paypal_payflow", "-o", "json").json["status"]


def test_rejected(on_both: Command) -> None:
    """What the provider rejects is not saved: exit 6, by `add` and by `update`."""
    own(on_both)
    before = written(on_both.url)
    wrong = (*LITERALS, "--credential", "password=env:WRONG")
    for words in ((*ADD[:-1], "Second"), ("client", "update", "acme/Main")):
        error = on_both.fails(*words, *wrong, exit_code=6, env={"WRONG": SECRET})
        assert "rejected" == error["code"]
        assert SECRET not in json.dumps(error)

    assert before == written(on_both.url)


def test_unreachable(command: Command) -> None:
    """What cannot be reached is not saved: exit 7; with `--no-test` it is, as pending."""
    nobody = {"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": "http://127.0.0.1:9"}
    before = written(command.url)

    assert "unreachable" == command.fails(*ADD, *LOGIN, exit_code=7, env=nobody)["code"]
    assert before == written(command.url)
    saved = command(*ADD, *LOGIN, "--no-test", "-o", "json", env=nobody).json
    assert ("pending", False, None) == (saved["status"], saved["isVerified"], saved["lastTestedAt"])
