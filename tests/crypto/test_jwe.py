"""The stored form: what it looks like, what is refused, and that others read and write it too."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from avnz_int.crypto import jwe
from avnz_int.errors import SealBrokenError

RAW = bytes(range(32))
KEY = AESGCM(RAW)
KID = "k2345678901234567890abcd"
AAD = b'["avnz-int",1,"T","c","r","o","p","sandbox","d"]'
HEADER = {"alg": "dir", "enc": "A256GCM", "kid": KID}


def b64(raw: bytes) -> str:
    """Base64url without padding, by the standard library alone."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forge(header: object, aad: bytes = AAD, plaintext: bytes = b"{}") -> dict[str, Any]:
    """A value that is properly encrypted under any header at all, as an attacker with the key could."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    protected, bound, iv = b64(text), b64(aad), bytes(12)
    sealed = KEY.encrypt(iv, plaintext, f"{protected}.{bound}".encode())
    return {
        "protected": protected,
        "aad": bound,
        "iv": b64(iv),
        "ciphertext": b64(sealed[:-16]),
        "tag": b64(sealed[-16:]),
    }


def refused(value: object, match: str = "the sealed value") -> None:
    """Assert that the value opens neither as a mapping nor as text."""
    forms = [value, json.dumps(value)] if isinstance(value, dict) else [value]
    for form in forms:
        with pytest.raises(SealBrokenError, match=match):
            jwe.open_(KEY, form, kid=KID, aad=AAD)


def jwk() -> JWK:
    """The same key, for jwcrypto."""
    return JWK(kty="oct", k=b64(RAW))


def test_form() -> None:
    """A sealed value has exactly the five members, a compact header, 12 bytes of nonce and 16 of tag."""
    value = json.loads(jwe.seal(KEY, KID, AAD, b"secret"))
    assert list(value) == ["protected", "aad", "iv", "ciphertext", "tag"]
    header = f'{{"alg":"dir","enc":"A256GCM","kid":"{KID}"}}'.encode()
    assert b64(header) == value["protected"]
    assert b64(AAD) == value["aad"]
    assert [len(jwe.unb64url(value[name])) for name in ("iv", "ciphertext", "tag")] == [12, 6, 16]


def test_fresh_nonce() -> None:
    """The same plaintext never has the same nonce or ciphertext twice."""
    values = [json.loads(jwe.seal(KEY, KID, AAD, b"same words")) for _ in range(200)]
    assert len({value["iv"] for value in values}) == 200
    assert len({value["ciphertext"] for value in values}) == 200


@given(plaintext=st.binary(max_size=300), aad=st.binary(min_size=1, max_size=100))
def test_round_trip(plaintext: bytes, aad: bytes) -> None:
    """Any bytes sealed for any place open again, from text and from a mapping."""
    value = jwe.seal(KEY, KID, aad, plaintext)
    assert plaintext == jwe.open_(KEY, value, kid=KID, aad=aad)
    assert plaintext == jwe.open_(KEY, json.loads(value), kid=KID, aad=aad)
    assert jwe.well_formed(value)
    assert jwe.read_kid(value) == KID


def test_order_and_spacing_free() -> None:
    """Members in another order, and spaces between them, are the same value, since jsonb keeps neither."""
    value = json.loads(jwe.seal(KEY, KID, AAD, b"x"))
    text = json.dumps(dict(sorted(value.items())), indent=3)
    assert jwe.open_(KEY, text, kid=KID, aad=AAD) == b"x"
    reordered = forge({"kid": KID, "enc": "A256GCM", "alg": "dir"}, plaintext=b"y")
    assert jwe.open_(KEY, reordered, kid=KID, aad=AAD) == b"y"


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "A256KW"},
        {**HEADER, "alg": "DIR"},
        {**HEADER, "alg": None},
        {**HEADER, "enc": "A128GCM"},
        {**HEADER, "enc": "A256CBC-HS512"},
        {**HEADER, "zip": "DEF"},
        {**HEADER, "crit": ["exp"], "exp": 1},
        {**HEADER, "typ": "JWE"},
        {**HEADER, "kid": "another"},
        {**HEADER, "kid": 7},
        {**HEADER, "kid": ""},
        {**HEADER, "kid": "line\nbreak"},
        {**HEADER, "kid": "k" * 257},
        {"alg": "dir", "enc": "A256GCM"},
        {"enc": "A256GCM", "kid": KID},
        [],
        None,
        b"",
        b"no json",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"alg":"dir","enc":"A256GCM","kid":"%b","kid":"%b"}' % (KID.encode(), KID.encode()),
        b'{"alg":"dir","alg":"dir","enc":"A256GCM","kid":"%b"}' % KID.encode(),
    ],
)
def test_other_header(header: object) -> None:
    """A header that differs from ours in anything is refused, even if the ciphertext under it is genuine."""
    refused(forge(header))


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("encrypted_key", ""),
        ("encrypted_key", "AAAA"),
        ("header", {"kid": KID}),
        ("unprotected", {}),
        ("recipients", []),
        ("x", "AAAA"),
    ],
)
def test_unknown_member(name: str, member: object) -> None:
    """A member beyond the five is refused, an empty `encrypted_key` too."""
    refused({**forge(HEADER), name: member}, "a member that does not belong there")


@pytest.mark.parametrize("name", ["protected", "aad", "iv", "ciphertext", "tag"])
def test_missing_or_odd_member(name: str) -> None:
    """Each member must be there, be text, and be canonical base64url without padding."""
    value = forge(HEADER, plaintext=b"four")
    refused({k: v for k, v in value.items() if k != name}, f"no {name}")
    for odd in (None, 5, True, ["A"], {}, "", "A", "=", "AA==", " ", "AA AA", "AAé", value[name] + "="):
        refused({**value, name: odd})
    for tail in ("A", "AA", "AAA", "AAAA", "\n", '","x":"'):
        refused({**value, name: value[name] + tail})


@pytest.mark.parametrize("name", ["protected", "aad", "iv", "ciphertext", "tag"])
def test_duplicate_member(name: str) -> None:
    """Text that has a member twice is refused, whichever of the two is genuine."""
    text = json.dumps(forge(HEADER))
    refused(f'{{"{name}":"AAAA",{text[1:]}', "has a member twice")
    refused(f'{text[:-1]},"{name}":"AAAA"}}', "has a member twice")


@pytest.mark.parametrize("size", [0, 1, 11, 13, 16, 24])
def test_nonce_size(size: int) -> None:
    """A nonce of other than 12 bytes is refused, before any decryption."""
    refused({**forge(HEADER), "iv": b64(bytes(size))}, "right length")


@pytest.mark.parametrize("size", [0, 4, 8, 12, 15, 17])
def test_tag_size(size: int) -> None:
    """A tag of other than 16 bytes is refused: a cut tag is far easier to guess."""
    value = forge(HEADER)
    refused({**value, "tag": b64((jwe.unb64url(value["tag"]) * 2)[:size])}, "right length")


def test_one_text_for_the_same_bytes() -> None:
    """Other characters for the same bytes are refused in every member that has unused bits."""
    for length in range(1, 7):
        value = forge(HEADER, plaintext=bytes(length))
        for name in ("protected", "aad", "ciphertext", "tag"):
            text = value[name]
            others = [
                text[:-1] + last
                for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                if last != text[-1] and _decoded(text[:-1] + last) == _decoded(text)
            ]
            assert {0: 0, 2: 15, 3: 3}[len(text) % 4] == len(others)
            for other in others:
                refused({**value, name: other})
                with pytest.raises(ValueError, match="canonical"):
                    jwe.unb64url(other)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@pytest.mark.parametrize(
    "value", [None, 5, b"{}", [], "", "{", "null", "[]", '"x"', "NaN", "[" * 100_000, "{}"]
)
def test_no_object(value: object) -> None:
    """What is no JSON object of the five members is refused, however deep or odd."""
    refused(value)
    assert not jwe.well_formed(value)


def test_other_aad_or_key() -> None:
    """A value for another place, or under another key of the same name, does not open."""
    value = jwe.seal(KEY, KID, AAD, b"x")
    with pytest.raises(SealBrokenError, match="another place"):
        jwe.open_(KEY, value, kid=KID, aad=AAD + b" ")
    with pytest.raises(SealBrokenError, match="altered"):
        jwe.open_(AESGCM(bytes(32)), value, kid=KID, aad=AAD)
    with pytest.raises(SealBrokenError, match="another key"):
        jwe.open_(KEY, value, kid="other", aad=AAD)


def test_aad_member_alone_is_no_authority() -> None:
    """A value whose `aad` is rewritten to the place where it stands does not open there."""
    value = {**forge(HEADER, aad=b"another place"), "aad": b64(AAD)}
    refused(value, "altered")


def test_improper_key_id() -> None:
    """Sealing under a name that no reader accepts is a defect, said at once."""
    with pytest.raises(ValueError, match="not a key id"):
        jwe.seal(KEY, 'a"b', AAD, b"x")


def test_empty_aad() -> None:
    """Sealing for no place at all is a defect, said at once."""
    with pytest.raises(ValueError, match="place"):
        jwe.seal(KEY, KID, b"", b"x")


def test_jwcrypto_reads_ours() -> None:
    """The library jwcrypto opens what we sealed, with the key and nothing else."""
    token = JWE()
    token.deserialize(jwe.seal(KEY, KID, AAD, "Größe".encode()), key=jwk())
    assert "Größe".encode() == token.payload
    assert json.loads(token.objects["protected"]) == HEADER


def test_we_read_jwcrypto() -> None:
    """We open what jwcrypto sealed with our header and aad."""
    token = JWE(b"payload", protected=json.dumps(HEADER), aad=AAD)
    token.add_recipient(jwk())
    value = token.serialize(compact=False)
    assert jwe.open_(KEY, value, kid=KID, aad=AAD) == b"payload"
    assert jwe.open_(KEY, json.loads(value), kid=KID, aad=AAD) == b"payload"


def nist(name: str) -> Iterator[tuple[int, dict[str, bytes], bool]]:
    """(tag bits, values of the vector, whether it opens) of each vector with a nonce of 96 bits."""
    with cryptography_vectors.open_vector_file(f"ciphers/AES/GCM/{name}", "r") as file:
        lines = [line.strip() for line in file]
    sizes: dict[str, int] = {}
    vector: dict[str, bytes] = {}
    fails = False
    for line in [*lines, ""]:
        if line.startswith("["):
            size, _, bits = line.strip("[]").partition(" = ")
            sizes[size] = int(bits)
        elif line == "FAIL":
            fails = True
        elif " = " in f"{line} " and not line.startswith("Count"):
            label, _, digits = line.partition(" =")
            vector[label] = bytes.fromhex(digits.strip())
        elif not line and vector:
            if sizes["IVlen"] == 96:
                yield sizes["Taglen"], vector, not fails
            vector, fails = {}, False


def test_nist_encrypt() -> None:
    """Every NIST GCM encryption vector of 256 and 96 bits gives its ciphertext and tag in our stored form."""
    seen = 0
    for bits, v, _ in nist("gcmEncryptExtIV256.rsp"):
        text = jwe._write(AESGCM(v["Key"]), b64(b"h"), b64(b"a"), v["PT"], iv=v["IV"], gcm_aad=v["AAD"])
        sealed = jwe.parse(text)
        assert v["IV"] == jwe.unb64url(sealed.iv)
        assert v["CT"] == jwe.unb64url(sealed.ciphertext)
        assert v["Tag"] == jwe.unb64url(sealed.tag)[: bits // 8]
        assert v["PT"] == jwe._decrypt(AESGCM(v["Key"]), sealed, v["AAD"])
        seen += 1
    assert seen > 2500


def test_nist_decrypt() -> None:
    """Every NIST GCM decryption vector opens or fails as NIST says; a cut tag is refused by its form."""
    opened = failed = cut = 0
    for bits, v, opens in nist("gcmDecrypt256.rsp"):
        value = {"protected": "aA", "aad": "YQ"}
        value |= {"iv": b64(v["IV"]), "ciphertext": b64(v["CT"]), "tag": b64(v["Tag"])}
        if bits < 128:
            assert not jwe.well_formed(value)
            cut += 1
        elif opens:
            assert v["PT"] == jwe._decrypt(AESGCM(v["Key"]), jwe.parse(value), v["AAD"])
            opened += 1
        else:
            with pytest.raises(SealBrokenError):
                jwe._decrypt(AESGCM(v["Key"]), jwe.parse(value), v["AAD"])
            failed += 1
    assert min(opened, failed) > 100
    assert cut > 1000
