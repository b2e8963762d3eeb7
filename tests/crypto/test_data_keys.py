"""Data keys: wrapped by a keyring, bound to their row; and no key or secret ever shows itself."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from avnz_int.crypto import jwe, wrapping
from avnz_int.crypto.cipher import Cipher, DataKeys, Place, mac
from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import AvnzError, KeyMissingError, SealBrokenError
from avnz_int.model.secret import Credentials, Secret

# What the first version stored, once and for all: whatever changes, it must open.
FIRST = json.loads((Path(__file__).parent / "vectors" / "first.json").read_text("utf-8"))
KID = FIRST["dataKey"]["id"]
ORG = FIRST["dataKey"]["organizationId"]
FROZEN_DATA_KEY = json.dumps(FIRST["dataKey"]["wrappedKey"])
FROZEN_KEYRING = json.dumps(FIRST["keyring"])
MASTER = FIRST["keyring"]["keys"][0]["kid"]
MATERIAL = Secret(bytes(range(32)))
PLACE = Place(**FIRST["place"])


def unwrap(keyring: Keyring, wrapped: object, **changed: str) -> Secret[bytes]:
    """Unwrap a credentials key of the fixed names."""
    names = {"key_id": KID, "organization_id": ORG, "purpose": "credentials", **changed}
    return wrapping.unwrap(keyring, wrapped, **names)


def wrap(keyring: Keyring, material: Secret[bytes] = MATERIAL) -> dict[str, Any]:
    """Wrap a credentials key of the fixed names."""
    return wrapping.wrap(keyring, key_id=KID, organization_id=ORG, purpose="credentials", material=material)


def test_frozen() -> None:
    """What was stored by the first version opens: keyring, then data key, then credentials."""
    keyring = Keyring.from_json(FROZEN_KEYRING)
    material = unwrap(keyring, json.loads(FROZEN_DATA_KEY))
    opener = Cipher(DataKeys({KID: material}, active=KID))
    assert opener.open(FIRST["credentials"], PLACE).reveal() == FIRST["plaintext"]
    assert keyring.infos()[0].fingerprint == "e6bdad0442aeeb51"


def test_jwcrypto_opens_a_row() -> None:
    """The library jwcrypto opens a row with the keyring and the published formats alone."""
    master = JWK(**json.loads(FROZEN_KEYRING)["keys"][0])
    wrapped = JWE()
    wrapped.deserialize(FROZEN_DATA_KEY, key=master)
    row = JWE()
    sealer = Cipher(DataKeys({KID: MATERIAL}, active=KID))
    row.deserialize(
        sealer.seal(Secret(FIRST["plaintext"]), PLACE), key=JWK.from_json(wrapped.payload.decode())
    )
    assert json.loads(row.payload) == FIRST["plaintext"]


def test_data_keys() -> None:
    """The active key must be among the keys, and each has 32 bytes."""
    with pytest.raises(KeyMissingError, match="data key gone"):
        DataKeys({KID: MATERIAL}, active="gone")
    with pytest.raises(ValueError, match="32 bytes"):
        DataKeys({KID: Secret(bytes(16))}, active=KID)


def test_wrap() -> None:
    """A data key wraps into a published JWE that holds exactly its JSON Web Key, and comes back."""
    keyring = Keyring.from_json(FROZEN_KEYRING)
    material = Secret(wrapping.new_data_key())
    wrapped = wrap(keyring, material)
    assert json.loads(json.dumps(wrapped)) == wrapped
    assert material == unwrap(keyring, wrapped)
    assert material == unwrap(keyring, json.dumps(wrapped))
    assert wrapping.master_key_id(wrapped) == MASTER
    aad = f'["avnz-int",1,"DataKey","wrappedKey","{KID}","{ORG}","credentials"]'
    assert aad.encode() == jwe.unb64url(wrapped["aad"])
    inside = keyring.unwrap(wrapped, aad.encode()).reveal()
    assert f'{{"kty":"oct","k":"{jwe.b64url(material.reveal())}","kid":"{KID}"}}'.encode() == inside


def test_new_data_key() -> None:
    """Each data key is 32 bytes of its own."""
    keys = {wrapping.new_data_key() for _ in range(50)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 50


@pytest.mark.parametrize("changed", [{"key_id": "other"}, {"organization_id": "o2"}, {"purpose": "audit"}])
def test_unwrap_elsewhere(changed: dict[str, str]) -> None:
    """A wrapped key does not open as another key, for another organization, or for another purpose."""
    keyring = Keyring.from_json(FROZEN_KEYRING)
    with pytest.raises(SealBrokenError, match=changed.get("key_id", KID)):
        unwrap(keyring, json.loads(FROZEN_DATA_KEY), **changed)


def test_unwrap_other_keyring() -> None:
    """The keyring of another database says which master key and which data key, and how to mend it."""
    with pytest.raises(KeyMissingError, match=f"{KID}.*{MASTER}") as caught:
        unwrap(Keyring.new(), FROZEN_DATA_KEY)
    assert caught.value.details == {"masterKeyId": MASTER}
    assert "keyring" in str(caught.value.hint)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "A" * 43, "kid": "another"},
        {"kty": "EC", "k": "A" * 43, "kid": KID},
        {"kty": "oct", "k": "A" * 42 + "B", "kid": KID},
        {"kty": "oct", "k": "A" * 22, "kid": KID},
        {"kty": "oct", "k": 5, "kid": KID},
        {"kty": "oct", "k": "A" * 43, "kid": KID, "iat": 1},
        {"kty": "oct", "k": "A" * 43},
        [],
    ],
)
def test_unwrap_odd_jwk(jwk: object) -> None:
    """A wrapped key that holds anything but its own JSON Web Key is refused."""
    keyring = Keyring.from_json(FROZEN_KEYRING)
    aad = jwe.unb64url(json.loads(FROZEN_DATA_KEY)["aad"])
    wrapped = keyring.wrap(Secret(json.dumps(jwk).encode()), aad)
    with pytest.raises(SealBrokenError, match="not its JSON Web Key"):
        unwrap(keyring, wrapped)


def test_master_key_id() -> None:
    """The id of the wrapping key is read from either form, and from nothing else."""
    assert wrapping.master_key_id({"kms": "arn:aws:kms:x", "ciphertext": "A"}) == "arn:aws:kms:x"
    assert wrapping.master_key_id(FROZEN_DATA_KEY) == MASTER
    for odd in ({"kms": 5}, {}, "x", None):
        with pytest.raises(SealBrokenError):
            wrapping.master_key_id(odd)


def test_mac() -> None:
    """The MAC is HMAC-SHA-256 (RFC 4231, test case 2)."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert expected == mac(Secret(b"Jefe"), b"what do ya want for nothing?").hex()


def chain(error: BaseException | None) -> str:
    """Everything a logger could print of an error: text, arguments, attributes, causes and contexts."""
    printed = ""
    while error is not None:
        printed += "".join(traceback.format_exception(error)) + repr((error.args, vars(error)))
        printed += "".join(repr(getattr(error, name, "")) for name in ("doc", "object", "filename"))
        error = error.__cause__ or error.__context__
    return printed


def test_canary() -> None:
    """Neither objects nor errors show key material or plaintext, in any form."""
    secret = "CANARY-CANARY-CANARY"
    credentials: Credentials = Secret({"password": secret})
    keyring = Keyring.new()
    keys = DataKeys({KID: MATERIAL}, active=KID)
    sealer = Cipher(keys)

    def raw(plaintext: bytes) -> str:
        return jwe.seal(keys.get(KID), KID, PLACE.aad(), plaintext)

    seen = "".join(f"{x!r}{x}" for x in (keyring, keyring.infos(), keyring.keys, sealer, keys))
    seen += "".join(f"{x!r}{x}" for x in (credentials, PLACE, wrap(keyring), sealer.seal(credentials, PLACE)))
    attempts: tuple[Callable[[], object], ...] = (
        lambda: sealer.seal(Secret({"password": secret, "x": secret.encode()}), PLACE),
        lambda: sealer.open(raw(b'{"password":"' + secret.encode()), PLACE),
        lambda: sealer.open(raw(secret.encode() + b"\xff"), PLACE),
        lambda: sealer.open(secret, PLACE),
        lambda: sealer.open({"password": secret}, PLACE),
        lambda: sealer.open(FIRST["credentials"], replace(PLACE, row_id="x")),
        lambda: Keyring.from_json(keyring.to_json()[:-9]),
        lambda: Keyring.from_json(keyring.to_json().replace('"k": "', '"k": "A')),
        lambda: unwrap(keyring, keyring.wrap(MATERIAL, jwe.unb64url(json.loads(FROZEN_DATA_KEY)["aad"]))),
    )
    for attempt in attempts:
        with pytest.raises(AvnzError) as caught:
            attempt()
        seen += chain(caught.value)
    material = keyring.keys[0].material.reveal()
    forms = [secret, jwe.b64url(secret.encode()), material.hex(), repr(material)[2:-1], jwe.b64url(material)]
    forms += [MATERIAL.reveal().hex(), repr(MATERIAL.reveal())[2:-1], jwe.b64url(MATERIAL.reveal())]
    assert [form for form in forms if form in seen] == []
