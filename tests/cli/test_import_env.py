"""`import-env`: what a .env file holds becomes integrations, without a value on any stream."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.cli import envfile
from avnz_int.errors import InvalidInputError
from support.cli import Command
from support.commands import own
from support.samples import sample
from support.services import PASSWORD, execute

STRIPE = sample("stripe").credentials["secretKey"]
LOGIN = f"PAYFLOW_VENDOR=acme\nexport PAYFLOW_PWD='{PASSWORD}'\n"
KEYS = (
    "AWS_ACCESS_KEY_ID=AKIA0123456789ABCDEF\nAWS_SECRET_ACCESS_KEY=canary/secret+key\nAWS_REGION=us-east-1\n"
)


def told(command: Command, text: str | bytes, *words: str, exit_code: int = 0, client: str = "acme") -> Any:
    """What is printed as JSON for a file of this text, with no value of a secret anywhere."""
    where = () if client == "" else ("--client", client)
    file = command.file("given.env", text)
    result = command("import-env", file, *where, *words, "-o", "json", exit_code=exit_code)
    for secret in (PASSWORD, STRIPE, "canary"):
        assert secret not in result.stdout + result.stderr
    return result.json


def test_refused_providers(on_both: Command) -> None:
    """A named provider is refused as `add` refuses it: unknown 2, platform-only 4, deprecated 5."""
    execute(
        on_both.url, """UPDATE "IntegrationDefinition" SET status = 'deprecated' WHERE provider = 'nmi'"""
    )
    file = on_both.file("given.env", LOGIN)
    for provider, exit_code, code in (
        ("nonsense", 2, "unknown_provider"),
        ("sendgrid", 4, "forbidden"),
        ("nmi", 5, "conflict"),
    ):
        words = ("import-env", file, "--client", "acme", "--provider", provider)
        assert code == on_both.fails(*words, exit_code=exit_code)["code"]
        if code != "forbidden":
            words = ("import-env", file, "--platform", "--provider", provider)
            assert code == on_both.fails(*words, exit_code=exit_code)["code"]


def results(report: Any) -> dict[str, str]:
    """Provider -> what became of it."""
    return {one["provider"]: one["result"] for one in report["found"]}


def test_import(on_both: Command) -> None:
    """An integration is made and tested; what it made superfluous is named, a second run skips it."""
    text = f"\ufeff# login\r\n{LOGIN}PAYPAL_PAYFLOW_VENDOR=acme\r\nPAYFLOW_PARTNER=PayPal\n"
    text += "OTHER_THING=canary\nPAYFLOW_USER=\n"
    report = told(on_both, text, "--yes")
    assert {"paypal_payflow": "created"} == results(report)
    names = ["PAYFLOW_PARTNER", "PAYFLOW_PWD", "PAYFLOW_VENDOR", "PAYPAL_PAYFLOW_VENDOR"]
    assert names == report["deletable"]
    assert {"OTHER_THING": None, "PAYFLOW_USER": "it is empty"} == {
        left["variable"]: left["reason"] for left in report["leftOver"]
    }
    shown = on_both("client", "show", report["found"][0]["id"], "-o", "json").json
    assert ("active", True, "acme") == (shown["status"], shown["isVerified"], shown["credentials"]["user"])

    again = told(on_both, text)
    assert ({"paypal_payflow": "skipped"}, []) == (results(again), again["deletable"])
    updated = told(on_both, text, "--yes", "--if-exists", "update")
    assert {"paypal_payflow": "updated"} == results(updated)
    assert shown["id"] == updated["found"][0]["id"]


def test_dry_run(command: Command) -> None:
    """A dry run shows fields and names, changes nothing and asks nothing; a table has the same names."""
    report = told(command, LOGIN + f"STRIPE_API_KEY={STRIPE}\n", "--dry-run")
    by = {one["provider"]: one for one in report["found"]}
    assert {"vendor": "PAYFLOW_VENDOR", "password": "PAYFLOW_PWD"} == by["paypal_payflow"]["fields"]
    assert ("sandbox", "credentials") == (by["stripe"]["environment"], by["stripe"]["environmentFrom"])
    assert ("production", "default") == (
        by["paypal_payflow"]["environment"],
        by["paypal_payflow"]["environmentFrom"],
    )
    assert [] == report["deletable"] == command("client", "list", "-o", "json").json
    printed = command("import-env", command.file("given.env", LOGIN), "--client", "acme", "--dry-run").stdout
    assert "PAYFLOW_PWD" in printed
    assert PASSWORD not in printed


def test_refused(command: Command) -> None:
    """Without a terminal it needs --yes; what is refused is not saved, the gravest exit code counts."""
    file = command.file("given.env", LOGIN)
    assert "--yes" in command.fails("import-env", file, "--client", "acme", exit_code=2)["message"]

    text = LOGIN.replace(PASSWORD, "wrong horse 1") + "TWILIO_AUTH_TOKEN=canary\nTWILIO_ACCOUNT_SID=AC1\n"
    report = told(command, text, "--yes", exit_code=6)
    assert {"paypal_payflow": "failed", "twilio": "incomplete"} == results(report)
    problems = {p["field"]: p["variables"] for one in report["found"] for p in one["problems"]}
    assert {"accountSid": ["TWILIO_ACCOUNT_SID"], "authToken": ["TWILIO_AUTH_TOKEN"]} == problems
    assert [] == report["deletable"]

    report = told(command, LOGIN + "TWILIO_AUTH_TOKEN=" + "a" * 32 + "\n", "--yes", exit_code=2)
    assert {"paypal_payflow": "created", "twilio": "incomplete"} == results(report)
    assert ["PAYFLOW_PWD", "PAYFLOW_VENDOR"] == report["deletable"]


def test_shared_names(command: Command) -> None:
    """AWS keys go to the providers that the file tells; else they are ambiguous, until one is named."""
    error = command.fails("import-env", command.file("a.env", KEYS), exit_code=2)
    assert "aws_s3" in error["details"]["ambiguous"]["AWS_ACCESS_KEY_ID"]

    text = KEYS + "S3_BUCKET=canary-bucket\nWEBHOOK_SECRET=canary\n"
    report = told(command, text, "--yes", "--no-test", client="")
    assert {"aws_s3": "created"} == results(report)
    assert [{"variable": "WEBHOOK_SECRET", "providers": ["webhook"]}] == report["ambiguous"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "S3_BUCKET"} == set(
        report["deletable"]
    )
    assert "us-east-1" == command("platform", "show", "aws_s3", "-o", "json").json["settings"]["region"]

    named = told(
        command, KEYS + "SES_REGION=eu-west-1\n", "--yes", "--no-test", "--provider", "cloudwatch", client=""
    )
    assert {"cloudwatch": "created"} == results(named)
    assert 2 == command("import-env", command.file("b.env", ""), "--provider", "nosuch", exit_code=2).code


def test_not_for_clients(command: Command) -> None:
    """What only the platform may have is left over for a client, with the reason."""
    report = told(command, LOGIN + "OPENAI_API_KEY=canary\nSENTRY_ORG=x\n", "--dry-run")
    assert ["paypal_payflow"] == list(results(report))
    assert {"openai is not imported here", "sentry is not imported here"} == {
        left["reason"] for left in report["leftOver"]
    }
    report = told(command, "SENTRY_ORG=x\n", client="")
    assert ["the credentials of sentry are not in the file"] == [
        left["reason"] for left in report["leftOver"]
    ]


@pytest.mark.parametrize(
    "value", ["changeme", "your-key", "<key>", "xxxx", "AKIAIOSFODNN7EXAMPLE", "REPLACE_ME"]
)
def test_placeholders(command: Command, value: str) -> None:
    """A placeholder is no credential."""
    report = told(command, f"STRIPE_SECRET_KEY='{value}'\n")
    assert ([], "it holds a placeholder") == (report["found"], report["leftOver"][0]["reason"])


def test_environment(command: Command) -> None:
    """What the keys say counts first, then the option, then a variable of the file."""
    text = "AUTHORIZENET_API_LOGIN_ID=5example\nAUTHORIZENET_TRANSACTION_KEY=0123456789abcdef\n"
    text += "AUTHORIZENET_SANDBOX=TRUE\n"
    one = told(command, text, "--dry-run")["found"][0]
    assert ("sandbox", "AUTHORIZENET_SANDBOX") == (one["environment"], one["environmentFrom"])
    one = told(command, text, "--dry-run", "--environment", "production")["found"][0]
    assert ("production", "option") == (one["environment"], one["environmentFrom"])
    one = told(command, f"STRIPE_SECRET_KEY={STRIPE}\n", "--dry-run", "--environment", "production")["found"][
        0
    ]
    assert "sandbox" == one["environment"]
    assert "AUTHORIZENET_SANDBOX" in told(command, text, "--yes", "--no-test")["deletable"]


def test_aliases(command: Command) -> None:
    """Of two names the usual one counts, the other is told if it differs; public prefixes are known."""
    text = f"STRIPE_API_KEY=canary\nSTRIPE_SECRET_KEY={STRIPE}\nNEXT_PUBLIC_STRIPE_PUBLIC_KEY=pk_test_1\n"
    report = told(command, text, "--yes", "--no-test")
    assert ["NEXT_PUBLIC_STRIPE_PUBLIC_KEY", "STRIPE_SECRET_KEY"] == report["deletable"]
    assert [
        {"variable": "STRIPE_API_KEY", "reason": "STRIPE_SECRET_KEY counts, with another value"}
    ] == report["leftOver"]

    result = command(
        "import-env",
        command.file("c.env", f"VITE_STRIPE_SECRET_KEY={STRIPE}\n"),
        "--client",
        "globex",
        "--dry-run",
    )
    assert "VITE_STRIPE_SECRET_KEY" in result.stderr
    hosts = (
        "AUTH0_DOMAIN=https://x.us.auth0.com/\nAUTH0_CLIENT_ID="
        + "c" * 32
        + "\nAUTH0_CLIENT_SECRET=canary-canary-canary-canary-canary-1234\n"
    )
    told(command, hosts, "--yes", "--no-test", client="")
    assert "x.us.auth0.com" == command("platform", "show", "auth0", "-o", "json").json["settings"]["domain"]


def test_bad_files(command: Command) -> None:
    """A line that is none, no UTF-8, a missing file and no database are told; the line's text is not."""
    error = command.fails("import-env", command.file("a.env", "A=1\nB='canary\n"), exit_code=2)
    assert [2] == error["details"]["lines"]
    assert "canary" not in str(error)
    command.fails("import-env", command.file("b.env", b"A=\xff"), exit_code=2)
    command.fails("import-env", str(command.folder / "none.env"), exit_code=2)
    command.fails("import-env", command.file("c.env", ""), "--client", "none", exit_code=3)
    command.fails("import-env", command.file("c.env", ""), "--client", "acme", "--platform", exit_code=2)
    assert [] == command("import-env", "-", "-o", "json", stdin="").json["found"]


def test_dialect() -> None:
    """Line ends, a byte order mark, export, quotes, values of several lines, references and duplicates."""
    text = "\ufeffexport A=1\r\nB = 'two words' # why\r\nC=\"x\\ny\"\r\nD='p\r\nq'\r\n"
    text += "E=${A}-${NOPE_X:-d}\nA=3\nF=${NOPE_X}\nG\n"
    found = envfile.parse(text, "a file")
    expected = {"A": "3", "B": "two words", "C": "x\ny", "D": "p\nq", "E": "1-d", "F": "", "G": ""}
    assert expected == found.values.reveal()
    assert (("A",), ("F",)) == (found.duplicates, found.unresolved)


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    """Any text is either read or refused by line."""
    with contextlib.suppress(InvalidInputError):
        found = envfile.parse(text, "a file")
        assert all(isinstance(value, str) for value in found.values.reveal().values())


def test_beside_others(command: Command) -> None:
    """Duplicates and references to nothing are told; an integration of another name is no obstacle."""
    own(command)
    file = command.file("given.env", LOGIN + "X_Y=canary\nX_Y=2\nZ_Z=${NOT_THERE_AT_ALL}\n")
    result = command("import-env", file, "--client", "acme", "--yes")
    assert "X_Y stands in the file more than once" in result.stderr
    assert "Z_Z refers to a variable" in result.stderr
    assert 2 == len(command("client", "list", "-o", "json").json)
