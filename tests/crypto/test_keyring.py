"""The keyring: a JWK Set, read strictly."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from jwcrypto.jwk import JWKSet

from avnz_int import clock
from avnz_int.crypto import jwe
from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import ConflictError, KeyMissingError, KeyringInvalidError, SealBrokenError
from avnz_int.model.secret import Secret

K1 = "A" * 43
K2 = "_" * 42 + "8"
KEY = {"kty": "oct", "k": K1, "kid": "one", "iat": 1_700_000_000}
OTHER = {**KEY, "k": K2, "kid": "two"}


def without(name: str) -> dict[str, Any]:
    """The key without one of its members."""
    return {k: v for k, v in KEY.items() if k != name}


def test_new() -> None:
    """A new keyring holds one random key of 32 bytes, made now."""
    one, two = Keyring.new(), Keyring.new()
    assert len(one.keys) == 1
    assert len(one.keys[0].material.reveal()) == 32
    assert one.keys[0].material != two.keys[0].material
    assert one.active_kid != two.active_kid
    info = one.infos()[0]
    assert clock.now() - info.created_at < timedelta(minutes=1)
    assert (info.key_id, info.active) == (one.active_kid, True)


def test_json_round_trip() -> None:
    """The JWK Set has the published members, is read back the same, and jwcrypto reads it too."""
    keyring = Keyring.new().with_new_key()
    text = keyring.to_json()
    assert keyring == Keyring.from_json(text)
    document = json.loads(text)
    assert list(document) == ["keys"]
    assert [set(key) for key in document["keys"]] == [{"kty", "k", "kid", "iat"}] * 2
    assert list(keyring.kids) == [key["kid"] for key in document["keys"]]
    assert {jwk["kid"] for jwk in JWKSet.from_json(text)} == set(keyring.kids)


def test_with_new_key() -> None:
    """A new key stands first and is active; the old ones stay behind it, in order."""
    keyring = Keyring.from_json(json.dumps({"keys": [KEY, OTHER]}))
    longer = keyring.with_new_key()
    assert longer.kids[1:] == ("one", "two")
    assert longer.active_kid not in keyring.kids
    assert [info.active for info in longer.infos()] == [True, False, False]
    assert keyring.kids == ("one", "two")


def test_without() -> None:
    """A key that is not active can be taken out; the active one, or one that is not there, cannot."""
    keyring = Keyring.from_json(json.dumps({"keys": [KEY, OTHER]}))
    assert keyring.without("two").kids == ("one",)
    with pytest.raises(ConflictError, match="one is the active one"):
        keyring.without("one")
    with pytest.raises(KeyMissingError, match="three"):
        keyring.without("three")


def test_fingerprint() -> None:
    """A fingerprint is the key's own, whatever its name, and differs between keys."""
    keyring = Keyring.from_json(json.dumps({"keys": [KEY, OTHER]}))
    renamed = Keyring.from_json(json.dumps({"keys": [{**KEY, "kid": "else", "iat": 5}]}))
    first, second = (info.fingerprint for info in keyring.infos())
    assert renamed.infos()[0].fingerprint == first
    assert first != second
    assert len(first) == 16


def test_wraps_under_the_active_key() -> None:
    """What an older key wrapped still opens, and what is wrapped anew names the active key."""
    keyring = Keyring.new()
    wrapped = keyring.wrap(Secret(b"data key"), b"aad")
    longer = keyring.with_new_key()
    assert longer.unwrap(wrapped, b"aad") == Secret(b"data key")
    assert jwe.read_kid(longer.wrap(Secret(b"x"), b"aad")) == longer.active_kid
    with pytest.raises(KeyMissingError, match=keyring.active_kid):
        Keyring.new().unwrap(wrapped, b"aad")
    with pytest.raises(SealBrokenError):
        longer.unwrap(wrapped, b"other")


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("\ufeff" + json.dumps({"keys": [KEY]}), "not JSON"),
        (json.dumps({"keys": [KEY]}) + "x", "not JSON"),
        ("[" * 50_000, "not JSON"),
        ('{"keys":[],"keys":[]}', "a member twice"),
        (json.dumps({"keys": [KEY]}).replace('"kid": "one"', '"kid": "one", "kid": "one"'), "a member twice"),
        ([], "not a JWK Set"),
        ({}, "not a JWK Set"),
        (KEY, "not a JWK Set"),
        ({"keys": KEY}, "not a JWK Set"),
        ({"keys": [KEY], "version": 1}, "not a JWK Set"),
        ({"keys": []}, "holds no key"),
        ({"keys": [KEY, "x"]}, "key 2 does not have exactly"),
        ({"keys": [{**KEY, "alg": "A256GCM"}]}, "key 1 does not have exactly"),
        ({"keys": [without("iat")]}, "key 1 does not have exactly"),
        ({"keys": [without("kid")]}, "key 1 does not have exactly"),
        ({"keys": [{**KEY, "kty": "RSA"}]}, 'not of kty "oct"'),
        ({"keys": [{**KEY, "kty": None}]}, 'not of kty "oct"'),
        ({"keys": [{**KEY, "kid": ""}]}, "kid"),
        ({"keys": [{**KEY, "kid": "a b"}]}, "kid"),
        ({"keys": [{**KEY, "kid": 'a"b'}]}, "kid"),
        ({"keys": [{**KEY, "kid": "ä"}]}, "kid"),
        ({"keys": [{**KEY, "kid": 1}]}, "kid"),
        ({"keys": [{**KEY, "iat": "1"}]}, "iat"),
        ({"keys": [{**KEY, "iat": 1.5}]}, "iat"),
        ({"keys": [{**KEY, "iat": True}]}, "iat"),
        ({"keys": [{**KEY, "iat": -1}]}, "iat"),
        ({"keys": [{**KEY, "iat": 10**12}]}, "iat"),
        ({"keys": [{**KEY, "k": ""}]}, "32 bytes"),
        ({"keys": [{**KEY, "k": "A" * 22}]}, "32 bytes"),
        ({"keys": [{**KEY, "k": "A" * 44}]}, "32 bytes"),
        ({"keys": [{**KEY, "k": K1 + "="}]}, "32 bytes"),
        ({"keys": [{**KEY, "k": "A" * 42 + "B"}]}, "32 bytes"),
        ({"keys": [{**KEY, "k": "+" * 42 + "A"}]}, "32 bytes"),
        ({"keys": [{**KEY, "k": 5}]}, "32 bytes"),
        ({"keys": [KEY, {**OTHER, "kid": "one"}]}, "same kid"),
        ({"keys": [KEY, {**KEY, "kid": "two"}]}, "same key twice"),
    ],
)
def test_refused(document: object, rule: str) -> None:
    """Anything but a JWK Set of proper keys is refused by name of the rule, without its content."""
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(KeyringInvalidError, match=rule) as caught:
        Keyring.from_json(text, origin="the keyring x.json")
    assert str(caught.value).startswith("the keyring x.json")
    assert "AAAA" not in str(caught.value)
    assert caught.value.__context__ is None
