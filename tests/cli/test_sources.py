"""The ways in which credentials and settings are given: what arrives is what was meant, to the byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from support.cli import Command
from support.commands import LITERALS
from support.services import PASSWORD, payflow_credentials

ADD = ("client", "add", "paypal_payflow", "--client", "acme", "--no-test", "-o", "json")
LOGIN = payflow_credentials().reveal()
BOM = "\ufeff"


def shown(password: str) -> dict[str, Any]:
    """The login as `show` prints it."""
    return {**LOGIN, "password": f"••••{password[-4:]}"}


def added(command: Command, *args: str, exit_code: int = 0, **given: Any) -> Any:
    """What `client add` prints, or its error."""
    result = command(*ADD, *args, exit_code=exit_code, **given)
    return result.error if exit_code else result.json


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=repr)
@pytest.mark.parametrize("start", ["", BOM], ids=repr)
def test_one_line_end(command: Command, start: str, end: str) -> None:
    """Exactly one line end is cut from a secret in a file or on standard input, and a byte order mark."""
    path = command.file("secret", start + PASSWORD + end)

    for name, source, stdin in (("A", f"@{path}", ""), ("B", "-", start + PASSWORD + end)):
        made = added(command, *LITERALS, "--credential", f"password={source}", "--name", name, stdin=stdin)
        assert shown(PASSWORD) == made["credentials"]
        assert 0 == command("test", made["id"]).code


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\n\r", " \n\n"], ids=repr)
def test_no_other_line_end(command: Command, end: str) -> None:
    """A second line end is part of the secret, which the schema then refuses."""
    path = command.file("secret", PASSWORD + end)

    for source, stdin in ((f"@{path}", ""), ("-", PASSWORD + end)):
        error = added(command, *LITERALS, "--credential", f"password={source}", exit_code=2, stdin=stdin)
        assert ["password"] == list(dict.fromkeys(v["field"] for v in error["details"]["violations"]))


def test_line_ends_kept(command: Command) -> None:
    """Line ends inside a secret, and all but one after it, are kept where the schema has room for them."""
    key = "-----BEGIN " + "PRIVATE KEY-----\nbm90IGEga2V5\n-----END " + "PRIVATE KEY-----\n"
    path = command.file("key.pem", key)
    literals = (
        "--credential",
        "apiKey=abcd1234",
        "--credential",
        "applicationId=01234567-89ab-cdef-0123-456789abcdef",
    )
    words = ("client", "add", "vonage", "--client", "acme", "--no-test", *literals, "-o", "json")
    secret = ("--credential", "apiSecret=env:API_SECRET", "--credential", f"privateKey=@{path}")

    made = command(*words, *secret, env={"API_SECRET": "Example-Secret1"}).json
    # The last line end was cut: what is shown are the last characters before it.
    assert "••••----" == made["credentials"]["privateKey"]


def test_environment(command: Command) -> None:
    """A secret from the environment is taken as it stands: nothing is cut."""
    words = (*LITERALS, "--credential", "password=env:MINE", "--name", "Mine")

    for refused in (PASSWORD + "\n", ""):
        error = added(command, *words, exit_code=2, env={"MINE": refused})
        assert "invalid_fields" == error["code"]
    assert shown(PASSWORD) == added(command, *words, env={"MINE": PASSWORD})["credentials"]


@pytest.mark.parametrize("start", ["", BOM], ids=repr)
def test_object(command: Command, start: str) -> None:
    """All credentials come as one JSON object, from a file or standard input; single ones go over it."""
    text = start + json.dumps({**LOGIN, "password": "of the file 1"})
    path = command.file("login.json", text)
    over = ("--credential", "password=env:PAYFLOW_PASSWORD")

    for name, file, stdin in (("A", path, ""), ("B", "-", text)):
        words = ("--credentials-file", file, "--name", name)
        assert shown("of the file 1") == added(command, *words, stdin=stdin)["credentials"]
        made = added(command, *words[:-1], f"{name} over", *over, stdin=stdin)
        assert shown(PASSWORD) == made["credentials"]


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, True), (0o604, True), (0o400, False)])
def test_open_to_others(command: Command, mode: int, told: bool) -> None:
    """A file of secrets that others can read is warned about, and used."""
    secret = command.file("secret", PASSWORD, mode)
    login = command.file("login.json", LOGIN, mode)
    one = command(*ADD, *LITERALS, "--name", "A", "--credential", f"password=@{secret}")
    all_of_them = command(*ADD, "--name", "B", "--credentials-file", login)

    assert told == (f"{secret} can be read by others: chmod 600 {secret}" in one.stderr)
    assert told == (f"{login} can be read by others" in all_of_them.stderr)


def test_not_a_folder(command: Command) -> None:
    """A folder, or a file below a file, is no source: exit 2, naming it."""
    file = command.file("secret", PASSWORD)
    for path in (str(command.folder), f"{file}/below"):
        error = added(command, *LITERALS, "--credential", f"password=@{path}", exit_code=2)
        assert path in error["message"]


def settings_of(command: Command, *args: str, exit_code: int = 0) -> Any:
    """The settings after an update of the platform's SendGrid integration, or its error."""
    result = command("platform", "update", "sendgrid", "--no-test", *args, "-o", "json", exit_code=exit_code)
    return result.error if exit_code else result.json["settings"]


@pytest.fixture
def sendgrid(command: Command) -> Command:
    """Command lines where the platform has a SendGrid integration."""
    file = command.file("sendgrid.json", {"apiKey": "SG." + "a" * 22 + "." + "b" * 43})
    settings: Mapping[str, str] = {"region": "eu", "fromEmail": "a@example.com", "fromName": "A"}
    words = [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
    made = command(
        "platform", "add", "sendgrid", "--no-test", "--credentials-file", file, *words, "-o", "json"
    ).json
    assert settings == made["settings"]
    return command


def test_settings(sendgrid: Command) -> None:
    """A setting is set or taken away by itself, the others stay; a file does the same, flags over it."""
    file = sendgrid.file("settings.json", {"fromName": None, "onBehalfOf": "sub"})

    kept = {"region": "eu", "fromEmail": "a@example.com"}
    assert kept | {"fromName": "B=C"} == settings_of(sendgrid, "--setting", "fromName=B=C")
    assert kept == settings_of(sendgrid, "--setting", "fromName=")
    settings_of(sendgrid, "--setting", "fromName=A")
    assert kept | {"onBehalfOf": "sub"} == settings_of(sendgrid, "--settings-file", file)
    over = settings_of(sendgrid, "--settings-file", file, "--setting", "onBehalfOf=other")
    assert kept | {"onBehalfOf": "other"} == over


def test_settings_refused(sendgrid: Command) -> None:
    """A required setting is not taken away; one that says where secrets go needs the credentials again."""
    gone = settings_of(sendgrid, "--setting", "fromEmail=", exit_code=2)
    elsewhere = settings_of(sendgrid, "--setting", "region=global", exit_code=2)
    nowhere = settings_of(sendgrid, "--setting", "region=", exit_code=2)

    assert "settings.fromEmail: is missing" in gone["message"]
    assert "region" in elsewhere["message"]
    assert "credentials" in elsewhere["message"]
    assert elsewhere["message"] == nowhere["message"]


def test_types(command: Command) -> None:
    """A setting given as text becomes what its schema says: number, list, text."""
    secret = ("--credential", "signingSecret=env:SIGNING")
    words = ("--setting", "url=https://hooks.example.com/a?b=c", "--setting", "timeoutSeconds=5")
    made = command(
        *("client", "add", "webhook", "--client", "acme", *secret, *words),
        *("--setting", 'eventTypes=["a", "b"]', "--no-test", "-o", "json"),
        env={"SIGNING": "whsec_" + "0" * 32},
    ).json

    expected = {"url": "https://hooks.example.com/a?b=c", "timeoutSeconds": 5, "eventTypes": ["a", "b"]}
    assert expected == {name: made["settings"][name] for name in expected}


def test_all_violations(command: Command) -> None:
    """Whatever is wrong with settings and credentials is told at once: types, rules, unknown and missing."""
    words = ("--setting", "url=http://x", "--setting", "timeoutSeconds=abc", "--setting", "nope=1")
    empty = ("--credentials-file", command.file("login.json", {"signingSecret": 1}))
    error = command.fails(
        *("client", "add", "webhook", "--client", "acme", *words, *empty, "--no-test"), exit_code=2
    )

    assert "invalid_fields" == error["code"]
    found = {v["field"]: v["rule"] for v in error["details"]["violations"]}
    assert "type" == found.pop("signingSecret")
    expected = {"url": "pattern", "timeoutSeconds": "type", "nope": "additionalProperties"}
    assert {f"settings.{name}": rule for name, rule in expected.items()} == found
    assert "settings.timeoutSeconds: must be a whole number" in error["message"]


def test_no_variable(command: Command) -> None:
    """A source that names no variable is told so, not that an empty name is not set."""
    error = added(command, *LITERALS, "--credential", "password=env:", exit_code=2)
    assert "--credential password=env: names no variable" == error["message"]


@pytest.mark.parametrize(
    "twice",
    [("--credential", "user=a", "--credential", "user=b"), ("--setting", "a=1", "--setting", "a=")],
    ids=["credential", "setting"],
)
def test_given_twice(command: Command, twice: tuple[str, ...]) -> None:
    """A field that is given twice is refused, as a name that a file has twice is."""
    error = added(command, *twice, exit_code=2)
    assert f"{twice[0]} {twice[1].partition('=')[0]} is given twice" == error["message"]


def test_replaced_whole(command: Command) -> None:
    """An update replaces credentials as a whole: fields that are left out are missing."""
    made = added(command, "--credentials-file", command.file("login.json", LOGIN))
    error = command.fails("client", "update", made["id"], *LITERALS, exit_code=2)

    assert "password: is missing" in error["message"]


def test_masked(command: Command) -> None:
    """`show` has at most the last 4 characters of a secret of 12 or more; a listing has none."""
    long = added(command, "--name", "A", "--credentials-file", command.file("a.json", LOGIN))
    short = {**LOGIN, "password": "elevenchars"}
    brief = added(command, "--name", "B", "--credentials-file", command.file("b.json", short))

    assert (
        f"••••{PASSWORD[-4:]}"
        == command("client", "show", long["id"], "-o", "json").json["credentials"]["password"]
    )
    assert "••••" == command("client", "show", brief["id"], "-o", "json").json["credentials"]["password"]
    assert ["••••", "••••"] == [row["credentials"] for row in command("client", "list", "-o", "json").json]
