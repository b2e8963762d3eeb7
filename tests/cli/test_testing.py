"""The command `test`: results, exit codes, one and several, and what no request may be sent for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from support.cli import Command
from support.commands import own, platform, shared, using
from support.gateway import FAULTS, FaultGateway
from support.scenes import GARBAGE, REFUSED, SteeredGateway
from support.services import PASSWORD, execute

SHAPE = ["id", "provider", "environment", "success", "outcome", "code", "message", "latency", "testedAt"]
ENDPOINT = "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"


@pytest.fixture
def untestable(command: Command) -> str:
    """The REF of an integration of a provider for which there is no test."""
    seed = {
        "provider": "made_up",
        "category": "sms",
        "name": "Made up",
        "description": "For tests.",
        "isOrgOnly": False,
        "isClientAllowed": True,
        "isPlatformOffered": False,
        "credentialSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["key"],
            "properties": {
                "key": {
                    "type": "string",
                    "title": "Key",
                    "description": "Any.",
                    "format": "password",
                    "minLength": 1,
                }
            },
            "additionalProperties": False,
        },
        "settingsSchema": None,
        "requiredCompliance": [],
        "status": "active",
    }
    folder = command.folder / "seeds"
    folder.mkdir()
    command.file("seeds/made_up.json", seed)
    command("definitions", "seed", "--dir", str(folder))
    words = ("client", "add", "made_up", "--client", "acme", "--name", "Untestable")
    said = command(*words, "--credential", "key=env:KEY", env={"KEY": "k"})
    assert "there is no connection test for made_up" in said.stderr
    return "acme/Untestable"


def test_ok(on_both: Command, gateway: SteeredGateway) -> None:
    """What the provider accepts is exit 0; the result is one object of the promised keys."""
    made = own(on_both)
    result = on_both("test", "acme/Main", "-o", "json").json

    assert SHAPE == list(result)
    assert (made["id"], "paypal_payflow", "production") == (
        result["id"],
        result["provider"],
        result["environment"],
    )
    assert (True, "ok", "ok") == (result["success"], result["outcome"], result["code"])
    assert isinstance(result["latency"], int)
    assert 2 == len(gateway.requests)


def test_rejected(on_both: Command, gateway: SteeredGateway) -> None:
    """A refusal is a result: exit 6, on standard output; the integration is in error."""
    own(on_both)
    gateway.says = REFUSED
    said = on_both("test", "acme/Main", "-o", "json", exit_code=6)

    assert (False, "rejected", "bad_credentials") == (
        said.json["success"],
        said.json["outcome"],
        said.json["code"],
    )
    assert "error" not in said.stderr.replace(ENDPOINT, "")
    shown = on_both("client", "show", "acme/Main", "-o", "json").json
    assert ("error", "failure", False) == (shown["status"], shown["lastTestResult"], shown["isVerified"])
    assert said.json["message"] == shown["errorMessage"]


def test_not_understood(command: Command, gateway: SteeredGateway) -> None:
    """An answer that is not understood is exit 7 and changes no status."""
    own(command)
    gateway.says = GARBAGE

    result = command("test", "acme/Main", "-o", "json", exit_code=7).json
    assert ("unreachable", "unexpected_reply") == (result["outcome"], result["code"])
    assert "active" == command("client", "show", "acme/Main", "-o", "json").json["status"]


@pytest.mark.parametrize("fault", ["reset", "html", "http_503", "empty"])
def test_faults(command: Command, fault: str) -> None:
    """A gateway that is out of order is exit 7, with the code of what is wrong with it."""
    own(command)
    answer, code = FAULTS[fault]
    with FaultGateway(answer) as broken:
        result = command("test", "acme/Main", "-o", "json", exit_code=7, env={ENDPOINT: broken.url}).json

    assert ("unreachable", code, False) == (result["outcome"], result["code"], result["success"])


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_deadline(command: Command, fault: str) -> None:
    """A gateway that does not come to an end is left when `--timeout` says so."""
    own(command)
    with FaultGateway(FAULTS[fault][0]) as hanging:
        started = time.monotonic()
        words = ("test", "acme/Main", "--timeout", "1", "-o", "json")
        result = command(*words, exit_code=7, env={ENDPOINT: hanging.url}).json
        took = time.monotonic() - started

    assert ("unreachable", "timeout") == (result["outcome"], result["code"])
    assert 0.9 < took < 2.5


def test_unsupported(command: Command, untestable: str) -> None:
    """Where there is no test and it was named, exit 6; `success` is null."""
    result = command("test", untestable, "-o", "json", exit_code=6).json

    assert (None, "unsupported", "unsupported") == (result["success"], result["outcome"], result["code"])
    assert result["latency"] is None
    assert "pending" == command("client", "show", untestable, "-o", "json").json["status"]


def test_several(command: Command, gateway: SteeredGateway, untestable: str) -> None:
    """Several are a listing in the order in which they were named, each with the shape of one."""
    own(command)
    shared(command)
    using(command)
    results = command("test", "acme/Main", "platform/paypal_payflow", "acme/Ours", "-o", "json").json

    assert [SHAPE] * 3 == [list(result) for result in results]
    assert ["ok"] * 3 == [result["outcome"] for result in results]
    lines = command("test", "acme/Main", untestable, "-o", "jsonl", exit_code=6).lines
    assert ["ok", "unsupported"] == [line["outcome"] for line in lines]
    table = command("test", "acme/Main", "acme/Ours").stdout
    assert 3 == len(table.splitlines())


def test_worst_counts(command: Command, gateway: SteeredGateway) -> None:
    """Of several, one that was rejected is exit 6 although others could not be reached; else those are 7."""
    own(command)
    own(command, "Second")
    answers = iter([GARBAGE, REFUSED, GARBAGE, "RESULT=19"])

    class Turns(SteeredGateway):
        def answer(self, _path: str, _headers: object, _body: bytes) -> str:
            return next(answers)

    with Turns() as other:
        env = {ENDPOINT: other.url}
        assert 6 == command("test", "acme/Main", "acme/Second", exit_code=None, env=env).code
        assert 7 == command("test", "acme/Main", "acme/Second", exit_code=None, env=env).code


def test_unknown_among_several(command: Command) -> None:
    """A REF that is not there is told, with its exit code, after the others were tested."""
    own(command)
    said = command("test", "acme/Nope", "acme/Main", "-o", "json", exit_code=3)

    assert ["ok"] == [result["outcome"] for result in said.json]
    assert [("acme/Nope", "not_found")] == [(f["ref"], f["code"]) for f in said.error["details"]["failed"]]


def test_unknown_beside_a_failure(command: Command, gateway: SteeredGateway) -> None:
    """A REF that is not there takes nothing from what is graver: a rejection, or a provider not reached."""
    own(command)
    for answer, code, name in ((REFUSED, 6, "rejected"), (GARBAGE, 7, "unreachable")):
        gateway.says = answer
        said = command("test", "acme/Nope", "acme/Main", "-o", "json", exit_code=code)
        assert [name] == [result["outcome"] for result in said.json]
        assert name == said.error["code"]
        assert "acme/Nope: no integration" in said.error["message"]
        assert [("acme/Nope", "not_found")] == [
            (f["ref"], f["code"]) for f in said.error["details"]["failed"]
        ]


def tampered(command: Command, ref: str) -> None:
    """Flip a bit of what is stored."""
    made = command("client", "show", ref, "-o", "json").json
    sealed = execute(
        command.url, 'SELECT credentials FROM "ClientIntegration" WHERE id = :id', id=made["id"]
    )[0][0]
    sealed = sealed if isinstance(sealed, dict) else json.loads(sealed)
    text = sealed["ciphertext"]
    sealed["ciphertext"] = ("B" if text[0] == "A" else "A") + text[1:]
    value = ":value" if command.url.startswith("sqlite") else "CAST(:value AS jsonb)"
    statement = f'UPDATE "ClientIntegration" SET credentials = {value} WHERE id = :id'
    execute(command.url, statement, value=json.dumps(sealed), id=made["id"])


def test_tampered(on_both: Command, gateway: SteeredGateway) -> None:
    """A credential that was tampered with is exit 8: no request, nothing on standard output, an event."""
    own(on_both)
    tampered(on_both, "acme/Main")
    asked = len(gateway.requests)

    assert "unreadable" == on_both.fails("test", "acme/Main", exit_code=8)["code"]
    assert asked == len(gateway.requests)
    last = on_both("audit", "list", "--limit", "1", "-o", "json").json[0]
    assert ("credentials:read", "failure") == (last["action"], last["outcome"])
    shown = on_both("client", "show", "acme/Main", "-o", "json").json
    assert (None, True) == (shown["credentials"], shown["unreadable"])


def test_tampered_among_several(command: Command, gateway: SteeredGateway) -> None:
    """Among several it is exit 8, and the others are tested all the same."""
    own(command)
    own(command, "Second")
    tampered(command, "acme/Main")
    said = command("test", "acme/Main", "acme/Nope", "acme/Second", "-o", "json", exit_code=8)

    assert ["ok"] == [result["outcome"] for result in said.json]
    assert "unreadable" == said.error["code"]
    assert ["unreadable", "not_found"] == [one["code"] for one in said.error["details"]["failed"]]


def test_endpoint_is_named(on_both: Command, gateway: SteeredGateway) -> None:
    """An address in place of the provider's is told on standard error and stands in the audit event."""
    own(on_both)
    said = on_both("test", "acme/Main")
    event = on_both("audit", "list", "--action", "client:test", "--limit", "1", "-o", "json").json[0]

    assert f"{ENDPOINT} is set" in said.stderr
    assert gateway.url in said.stderr
    assert gateway.url == event["changes"]["endpoint"]


def test_sentence(command: Command) -> None:
    """A person gets one sentence with outcome, provider and environment."""
    platform(command, "--environment", "sandbox")
    said = command("test", "platform/paypal_payflow").stdout

    assert said.startswith("ok: paypal_payflow (sandbox): ")
    assert 1 == said.count("\n")


def test_platform_mode(on_both: Command, gateway: SteeredGateway) -> None:
    """A client integration that uses the platform's is tested by the platform's credentials."""
    offered = shared(on_both)
    made = using(on_both)
    result = on_both("test", "acme/Ours", "-o", "json").json

    assert (made["id"], "ok") == (result["id"], result["outcome"])
    assert (
        offered["lastTestedAt"]
        < on_both("platform", "show", offered["id"], "-o", "json").json["lastTestedAt"]
    )


def test_no_files(command: Command) -> None:
    """A test leaves no file beside the database and the keyring."""
    own(command)
    before = {path.name for path in Path(command.folder).rglob("*")}
    command("test", "acme/Main")

    assert before == {path.name for path in Path(command.folder).rglob("*")}


@pytest.mark.parametrize("how", [("-v",), ()], ids=["-v", "AVNZ_INT_LOG"])
def test_verbose(command: Command, how: tuple[str, ...]) -> None:
    """Asked for, standard error tells which database, keyring and provider are used, and nothing secret."""
    own(command)
    variables = {} if how else {"AVNZ_INT_LOG": "DEBUG"}
    said = command.process(*how, "test", "acme/Main", "-o", "json", env=variables)

    assert said.json["success"]
    for words in ("using the database sqlite:///", "read the keyring file://", "paypal_payflow: ok (ok)"):
        assert words in said.stderr
    assert PASSWORD not in said.stderr
    assert "avnz_int." not in command.process("test", "acme/Main", "-o", "json").stderr
