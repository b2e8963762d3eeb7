"""Master keys in KMS, against moto's server and against answers of KMS that moto never gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from avnz_int.crypto import wrapping
from avnz_int.crypto._kms import KmsKeys, KmsKeySource
from avnz_int.crypto.keyring import Keyring
from avnz_int.crypto.keysources import key_source
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    KeyMissingError,
    SealBrokenError,
    UnavailableError,
    UsageError,
)
from avnz_int.model.secret import Secret
from support.moto import client, moto_server, use

pytestmark = pytest.mark.slow

BOUND = {"key_id": "k1", "organization_id": "o1", "purpose": "credentials"}
MATERIAL = Secret(bytes(range(32)))
CONTEXT = {
    "application": "avnz-int",
    "version": "1",
    "table": "DataKey",
    "column": "wrappedKey",
    "id": "k1",
    "organizationId": "o1",
    "purpose": "credentials",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Moto's server."""
    with moto_server() as url:
        yield url


@pytest.fixture
def kms(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """KMS as its owner sees it, on a machine that uses the server."""
    use(monkeypatch, server)
    return client("kms", server)


@pytest.fixture
def arn(kms: Any) -> str:
    """The ARN of a key."""
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def keys(arn: str) -> KmsKeys:
    """The key, loaded."""
    return KmsKeySource(f"aws-kms://{arn}").load()


def refusing(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have AWS refuse everything with this code."""

    def refuse(_: object, operation: str, parameters: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "canary text"}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


def test_wrap(keys: KmsKeys, arn: str, kms: Any) -> None:
    """A data key is wrapped in the form that is documented, which KMS alone opens, with its context."""
    wrapped = wrapping.wrap(keys, material=MATERIAL, **BOUND)

    assert {"kms": arn, "ciphertext": wrapped["ciphertext"], "context": CONTEXT} == wrapped
    opened = kms.decrypt(CiphertextBlob=base64.b64decode(wrapped["ciphertext"]), EncryptionContext=CONTEXT)
    assert {"kty", "k", "kid"} == set(json.loads(opened["Plaintext"]))
    assert arn == wrapping.master_key_id(wrapped)
    assert MATERIAL == wrapping.unwrap(keys, wrapped, **BOUND)


@pytest.mark.parametrize("part", list(BOUND))
def test_moved(keys: KmsKeys, part: str) -> None:
    """A wrapped key does not open as another, for another organization or purpose, whatever it claims."""
    wrapped = wrapping.wrap(keys, material=MATERIAL, **BOUND)
    other = {**BOUND, part: "audit"}
    claimed = wrapping.wrap(keys, material=MATERIAL, **other)["context"]
    for moved in (wrapped, {**wrapped, "context": claimed}):
        with pytest.raises(SealBrokenError, match="data key"):
            wrapping.unwrap(keys, moved, **other)


@pytest.mark.parametrize(
    "changes",
    [
        {"ciphertext": "!"},
        {"ciphertext": 1},
        {"kms": "alias/other"},
        {"kms": 5},
        {"context": None},
        {"more": 1},
    ],
)
def test_altered(keys: KmsKeys, changes: dict[str, Any]) -> None:
    """A wrapped key that was altered does not open."""
    wrapped = {**wrapping.wrap(keys, material=MATERIAL, **BOUND), **changes}
    with pytest.raises((SealBrokenError, KeyMissingError), match="data key"):
        wrapping.unwrap(keys, wrapped, **BOUND)


def test_altered_ciphertext(keys: KmsKeys) -> None:
    """A ciphertext with one bit changed does not open."""
    wrapped = wrapping.wrap(keys, material=MATERIAL, **BOUND)
    blob = bytearray(base64.b64decode(wrapped["ciphertext"]))
    blob[-1] ^= 1
    with pytest.raises(SealBrokenError, match="data key"):
        wrapping.unwrap(keys, {**wrapped, "ciphertext": base64.b64encode(blob).decode()}, **BOUND)


def test_other_kinds(keys: KmsKeys, arn: str) -> None:
    """A key that another kind of keyring wrapped is missing here, and the other way round."""
    keyring = Keyring.new()
    for master, other in ((keys, keyring), (keyring, keys)):
        wrapped = wrapping.wrap(other, material=MATERIAL, **BOUND)
        with pytest.raises(KeyMissingError) as caught:
            wrapping.unwrap(master, wrapped, **BOUND)
        assert "--keyring" in str(caught.value.hint)


def test_alias(kms: Any, arn: str) -> None:
    """An alias stands for the key that it names now; what its former key wrapped opens still."""
    kms.create_alias(AliasName="alias/moving", TargetKeyId=arn)
    source = KmsKeySource("aws-kms://alias/moving?region=eu-west-1")
    wrapped = wrapping.wrap(source.load(), material=MATERIAL, **BOUND)
    later = kms.create_key()["KeyMetadata"]["Arn"]
    kms.update_alias(AliasName="alias/moving", TargetKeyId=later)
    keys = source.load()

    assert later == keys.active_kid
    assert MATERIAL == wrapping.unwrap(keys, wrapped, **BOUND)
    assert later == wrapping.wrap(keys, material=MATERIAL, **BOUND)["kms"]


def test_infos(keys: KmsKeys, arn: str) -> None:
    """The key is known by its ARN and age; it has no fingerprint, since nobody sees it."""
    (info,) = keys.infos()

    assert (arn, None, True) == (info.key_id, info.fingerprint, info.active)
    assert info.created_at.tzinfo is not None
    assert arn in keys.kids
    assert "k1" not in keys.kids


def test_absent(kms: Any) -> None:
    """A key that is not there is exit 8, and it is not made: its policy is its owner's to write."""
    source = KmsKeySource("aws-kms://alias/none")
    with pytest.raises(KeyMissingError, match="alias/none"):
        source.load()
    with pytest.raises(KeyMissingError) as caught:
        source.create(Keyring.new())
    assert "create-key" in str(caught.value.hint)


@pytest.mark.parametrize("state", ["disabled", "to be deleted"])
def test_unusable(kms: Any, keys: KmsKeys, arn: str, state: str) -> None:
    """A key that is switched off or scheduled for deletion is said to be."""
    if state == "disabled":
        kms.disable_key(KeyId=arn.rpartition("/")[2])
    else:
        kms.schedule_key_deletion(KeyId=arn.rpartition("/")[2])
    with pytest.raises(KeyMissingError, match="switched off, or scheduled for deletion") as caught:
        KmsKeySource(f"aws-kms://{arn}").load()
    assert "cancel-key-deletion" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDeniedException", UnavailableError, "kms:Decrypt"),
        ("NotFoundException", KeyMissingError, "no KMS key"),
        ("DisabledException", KeyMissingError, "switched off"),
        ("KMSInvalidStateException", KeyMissingError, "scheduled for deletion"),
        ("InvalidCiphertextException", SealBrokenError, "altered"),
        ("IncorrectKeyException", SealBrokenError, "another key"),
        ("InvalidKeyUsageException", UnavailableError, "not for encrypting"),
        ("ExpiredTokenException", UnavailableError, "expired"),
        ("KMSInternalException", UnavailableError, "KMSInternalException"),
    ],
)
def test_refusals(
    keys: KmsKeys, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[AvnzError], words: str
) -> None:
    """Each refusal is said in our words, those of AWS are not repeated."""
    wrapped = wrapping.wrap(keys, material=MATERIAL, **BOUND)
    refusing(monkeypatch, code)
    with pytest.raises(kind) as caught:
        wrapping.unwrap(keys, wrapped, **BOUND)
    assert words in caught.value.message
    assert caught.value.hint
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    with pytest.raises(AvnzError):
        wrapping.wrap(keys, material=MATERIAL, **BOUND)


def test_replace(arn: str) -> None:
    """What KMS keeps is not ours to replace."""
    keyring = Keyring.new()
    with pytest.raises(ConflictError) as caught:
        KmsKeySource(f"aws-kms://{arn}").replace(keyring, keyring)
    assert "rotate-key --master" in str(caught.value.hint)


@pytest.mark.parametrize(
    "url", ["aws-kms://alias/avnz?region=eu-west-1", "aws-kms://mrk-1234", "aws-kms://1234abcd-12ab"]
)
def test_url(url: str) -> None:
    """The source gives the URL back that named it."""
    source = key_source(url)
    assert isinstance(source, KmsKeySource)
    assert url == source.describe()


@pytest.mark.parametrize("url", ["aws-kms://", "aws-kms:///alias/x", "aws-kms://alias/x?key=1"])
def test_other_url(url: str) -> None:
    """A URL of another form is refused."""
    with pytest.raises(UsageError):
        key_source(url)
