"""A keyring in Secrets Manager, against moto's server and against answers of AWS that moto never gives."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from avnz_int.crypto._secretsmanager import SecretKeySource
from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import (
    AvnzError,
    ChangedMeanwhileError,
    ExistsError,
    KeyMissingError,
    KeyringInvalidError,
    UnavailableError,
    UsageError,
)
from support.moto import client, moto_server, use

pytestmark = pytest.mark.slow

_CHILD = """
import sys
from avnz_int.crypto.keysources import key_source
source = key_source(sys.argv[1])
old = source.load()
for line in sys.stdin:
    new = old.with_new_key()
    print("ready", flush=True)
    sys.stdin.readline()
    source.replace(old, new)
    print(new.active_kid, flush=True)
    old = source.load()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Moto's server."""
    with moto_server() as url:
        yield url


@pytest.fixture
def name(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a secret that is not there, on a machine that uses the server."""
    use(monkeypatch, server)
    return f"prod/{uuid.uuid4().hex}"


@pytest.fixture
def source(name: str) -> SecretKeySource:
    """The source of that secret."""
    return SecretKeySource(f"aws-secretsmanager://{name}")


def stored(server: str, name: str, stage: str = "AWSCURRENT") -> str:
    """The secret's string in one of its stages."""
    found = client("secretsmanager", server).get_secret_value(SecretId=name, VersionStage=stage)
    return str(found["SecretString"])


def answering(monkeypatch: pytest.MonkeyPatch, source: SecretKeySource, code: str, text: str = "x") -> None:
    """Have AWS refuse everything with this code."""

    def refuse(_: object, operation: str, parameters: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": text}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


def test_create(source: SecretKeySource, server: str, name: str) -> None:
    """The secret that is made holds the JWK Set, is what is loaded, and is not made over."""
    keyring = Keyring.new()
    with pytest.raises(KeyMissingError, match="absent"):
        source.load()
    source.create(keyring)

    assert keyring == source.load()
    assert {"keys"} == set(json.loads(stored(server, name)))
    with pytest.raises(ExistsError):
        source.create(Keyring.new())
    assert keyring == source.load()


def test_create_empty(source: SecretKeySource, server: str, name: str) -> None:
    """A secret that was made without a value, by name or ARN, gets its first one, once."""
    arn = client("secretsmanager", server).create_secret(Name=name)["ARN"]
    with pytest.raises(KeyMissingError):
        source.load()
    keyring = Keyring.new()
    SecretKeySource(f"aws-secretsmanager://{arn}").create(keyring)

    assert keyring == source.load()
    with pytest.raises(ExistsError):
        source.create(Keyring.new())


def test_absent_arn(source: SecretKeySource) -> None:
    """A secret that is named by ARN and absent is not made: its name would be another."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none-AbCdEf"
    with pytest.raises(KeyMissingError):
        SecretKeySource(f"aws-secretsmanager://{arn}").create(Keyring.new())


def test_replace(source: SecretKeySource, server: str, name: str) -> None:
    """The new keyring is current, and the one before stays readable as the previous version."""
    old = Keyring.new()
    source.create(old)
    for _ in range(3):
        new = old.with_new_key()
        source.replace(old, new)
        assert new == source.load()
        assert old == Keyring.from_json(stored(server, name, "AWSPREVIOUS"))
        old = new


def test_remove(source: SecretKeySource) -> None:
    """A key is removed from what is there now; what others added stays."""
    first = Keyring.new()
    source.create(first)
    second = first.with_new_key()
    source.replace(first, second)
    third = second.with_new_key()
    source.replace(second, third)
    source.replace(second, second.without(first.active_kid))

    assert third.kids[:2] == source.load().kids


def test_remove_active(source: SecretKeySource) -> None:
    """A key that is active by now is not removed."""
    first = Keyring.new()
    source.create(first)
    second = first.with_new_key()
    with pytest.raises(ChangedMeanwhileError, match="active now"):
        source.replace(second, second.without(first.active_kid))
    assert first == source.load()


def test_overtaken(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that another operator made current between reading and moving is read, and merged."""
    old = Keyring.new()
    source.create(old)
    theirs, ours = old.with_new_key(), old.with_new_key()
    move: Callable[..., bool] = SecretKeySource._move
    moved = []

    def overtaken(self: SecretKeySource, version: str, former: str) -> bool:
        moved.append(version)
        if len(moved) == 1:
            source.replace(old, theirs)
        return move(self, version, former)

    monkeypatch.setattr(SecretKeySource, "_move", overtaken)
    source.replace(old, ours)

    assert 3 == len(moved)
    assert (ours.active_kid, theirs.active_kid, old.active_kid) == source.load().kids


def test_always_overtaken(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others never cease, it gives up and leaves theirs."""
    old = Keyring.new()
    source.create(old)
    monkeypatch.setattr(SecretKeySource, "_move", lambda *_: False)
    with pytest.raises(ChangedMeanwhileError, match="by others"):
        source.replace(old, old.with_new_key())
    assert old == source.load()


def test_answer_lost(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move that was done although its answer got lost is not done again."""
    old = Keyring.new()
    source.create(old)
    move: Callable[..., bool] = SecretKeySource._move
    monkeypatch.setattr(SecretKeySource, "_move", lambda *a: move(*a) and False)
    new = old.with_new_key()
    source.replace(old, new)

    assert new == source.load()


def test_two_operators(source: SecretKeySource, name: str) -> None:
    """Two processes that add master keys at the same moment lose none of them."""
    source.create(Keyring.new())
    rounds = 5
    command = [sys.executable, "-c", _CHILD, source.describe()]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        made = []
        for _ in range(rounds):
            for signal in ("go", "now"):
                for process in (one, other):
                    process.stdin.write(f"{signal}\n")
                    process.stdin.flush()
                if signal == "go":
                    assert ["ready\n"] * 2 == [process.stdout.readline() for process in (one, other)]
            made += [process.stdout.readline().strip() for process in (one, other)]
        one.stdin.close()
        other.stdin.close()

    assert [0, 0] == [one.returncode, other.returncode]
    assert 2 * rounds == len(set(made))
    assert set(made) < set(source.load().kids)
    assert 2 * rounds + 1 == len(source.load().keys)


def test_deleted(source: SecretKeySource, server: str, name: str) -> None:
    """A secret that is scheduled for deletion is said to be, with the command that takes it back."""
    source.create(Keyring.new())
    client("secretsmanager", server).delete_secret(SecretId=name)
    for attempt in (source.load, lambda: source.create(Keyring.new())):
        with pytest.raises(KeyMissingError, match="scheduled for deletion") as caught:
            attempt()
        assert f"restore-secret --secret-id {name}" in str(caught.value.hint)


@pytest.mark.parametrize("content", ["", "not json", '{"keys": []}', '{"username": "x"}'])
def test_no_keyring(source: SecretKeySource, server: str, name: str, content: str) -> None:
    """A secret that holds something else is exit 8, and none of it is repeated."""
    client("secretsmanager", server).create_secret(Name=name, SecretString=content or " ")
    with pytest.raises(KeyringInvalidError, match=name) as caught:
        source.load()
    assert not content or content not in str(caught.value)


def test_binary(source: SecretKeySource, server: str, name: str) -> None:
    """A binary secret is no keyring."""
    client("secretsmanager", server).create_secret(Name=name, SecretBinary=b"\x00")
    with pytest.raises(KeyringInvalidError, match="binary"):
        source.load()


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDeniedException", UnavailableError, "secretsmanager:GetSecretValue"),
        ("ResourceNotFoundException", KeyMissingError, "absent"),
        ("DecryptionFailure", UnavailableError, "decrypt"),
        ("ExpiredTokenException", UnavailableError, "have expired"),
        ("UnrecognizedClientException", UnavailableError, "not known"),
        ("InvalidSignatureException", UnavailableError, "clock"),
        ("InternalServiceError", UnavailableError, "InternalServiceError"),
        ("InvalidRequestException", UnavailableError, "InvalidRequestException"),
    ],
)
def test_refusals(
    source: SecretKeySource,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    kind: type[AvnzError],
    words: str,
) -> None:
    """Each refusal is said in words that name the secret and what to do; AWS's text is not repeated."""
    answering(monkeypatch, source, code, "canary text")
    with pytest.raises(kind) as caught:
        source.load()
    assert words in caught.value.message
    assert source.address.id in caught.value.message
    assert caught.value.hint
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


def test_move_denied(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may put but not move is told which permission is missing; the old keyring stands."""
    old = Keyring.new()
    source.create(old)
    call: Any = BaseClient._make_api_call

    def deny(self: Any, operation: str, parameters: Any) -> Any:
        if operation == "UpdateSecretVersionStage":
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", deny)
    with pytest.raises(UnavailableError, match="secretsmanager:UpdateSecretVersionStage"):
        source.replace(old, old.with_new_key())
    assert old == source.load()


def test_not_reachable(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, it is exit 7."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="cannot be reached") as caught:
        source.load()
    assert 7 == caught.value.exit_code


def test_no_credentials(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without AWS credentials is told so."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UnavailableError, match="no AWS credentials"):
        source.load()


def test_no_region(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region in URL, ARN and environment, the hint says where one goes."""
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(UsageError, match="region") as caught:
        source.load()
    assert "?region=" in str(caught.value.hint)
    with pytest.raises(KeyMissingError):
        SecretKeySource(f"{source.describe()}?region=eu-west-1").load()


def test_plain_http(source: SecretKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are not sent unencrypted to another machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://aws.example.com")
    with pytest.raises(UsageError, match="unencrypted"):
        source.load()
