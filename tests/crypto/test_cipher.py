"""Credentials open where they were sealed and nowhere else."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from avnz_int.crypto import cipher, jwe
from avnz_int.crypto.cipher import Cipher, DataKeys, Place
from avnz_int.errors import InvalidInputError, KeyMissingError, SealBrokenError
from avnz_int.model.secret import Secret

# What the first version stored, once and for all: whatever changes, it must open.
FIRST = json.loads((Path(__file__).parent / "vectors" / "first.json").read_text("utf-8"))
KID = FIRST["dataKey"]["id"]
MATERIAL = Secret(bytes(range(32)))
NOWHERE = FIRST["place"]["destination"]
PLACE = Place(**FIRST["place"])
PLAIN = FIRST["plaintext"]
FROZEN = FIRST["credentials"]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def make(active: str = KID, **others: Secret[bytes]) -> Cipher:
    """A cipher of the fixed key, and of others."""
    return Cipher(DataKeys({KID: MATERIAL, **others}, active=active))


def seal_raw(plaintext: bytes) -> str:
    """Any bytes at all, properly sealed to `PLACE`."""
    return jwe.seal(DataKeys({KID: MATERIAL}, active=KID).get(KID), KID, PLACE.aad(), plaintext)


def test_aad() -> None:
    """What is bound is the published array, as UTF-8 JSON without spaces."""
    place = replace(PLACE, provider='ü"x')
    expected = (
        '["avnz-int",1,"ClientIntegration","credentials","c0000000000000000000row1",'
        f'"c000000000000000000acme1","ü\\"x","sandbox","{NOWHERE}"]'
    )
    assert expected.encode() == place.aad()


@given(parts=st.lists(st.text(), min_size=7, max_size=7))
def test_aad_is_json(parts: list[str]) -> None:
    """Whatever its parts, the bound array is what json writes without spaces."""
    expected = json.dumps(["avnz-int", 1, *parts], ensure_ascii=False, separators=(",", ":"))
    assert expected.encode() == Place(*parts).aad()


@pytest.mark.parametrize(
    ("settings", "names", "expected"),
    [
        (None, ["host"], NOWHERE),
        ({}, [], NOWHERE),
        ({"host": None, "other": "x"}, ["host"], NOWHERE),
        ({"host": "gw.example.com", "region": "eu", "x": 1}, ["region", "host", "y"], None),
        ({"region": "eu", "host": "gw.example.com"}, ("host", "region"), None),
    ],
)
def test_destination(settings: dict[str, Any] | None, names: list[str], expected: str | None) -> None:
    """The destination is the digest of the marked settings that are set, in whatever order they come."""
    # SHA-256 of {"host":"gw.example.com","region":"eu"}
    expected = expected or "FTTtSBTsf_rfiySyS8SKItnMBC-tjR4LU3IFobmGqSE"
    assert expected == cipher.destination_digest(settings, names)


def test_destination_distinguishes() -> None:
    """Another host, or the same value under another name, is another destination."""
    digests = [
        cipher.destination_digest(settings, ["host", "url"])
        for settings in (
            {},
            {"host": "a"},
            {"host": "b"},
            {"url": "a"},
            {"host": "a", "url": "a"},
            {"host": ""},
        )
    ]
    assert len(set(digests)) == len(digests)


@given(plain=st.dictionaries(st.text(st.characters(codec=None)), json_values, max_size=6))
def test_round_trip(plain: dict[str, Any]) -> None:
    """Any JSON object, lone surrogates too, opens as it was sealed, from text and from a mapping."""
    value = make().seal(Secret(plain), PLACE)
    assert plain == make().open(value, PLACE).reveal()
    assert plain == make().open(json.loads(value), PLACE).reveal()


@given(
    name=st.sampled_from([field.name for field in fields(Place)]),
    other=st.text(st.characters(codec=None)),
    mapping=st.booleans(),
)
def test_any_other_place(name: str, other: str, mapping: bool) -> None:
    """A value that stands in a place that differs in any part does not open, and the message says which."""
    elsewhere = replace(PLACE, **{name: other})
    if elsewhere == PLACE:
        return
    value: object = json.loads(FROZEN) if mapping else FROZEN
    word = name.removesuffix("_id")
    with pytest.raises(SealBrokenError, match=f"sealed for another {word}"):
        make().open(value, elsewhere)
    with pytest.raises(SealBrokenError, match=f"sealed for another {word}"):
        make().reseal(value, elsewhere)


@pytest.mark.parametrize("claimed", [b"[]", b"{}", b"no json", b"\xff", b'["avnz-int",1,2,3,4,5,6,7,8]'])
def test_other_claims(claimed: bytes) -> None:
    """A value whose own claim of its place is nonsense is refused as plainly."""
    value = jwe.seal(DataKeys({KID: MATERIAL}, active=KID).get(KID), KID, claimed, b"{}")
    with pytest.raises(
        SealBrokenError, match="ClientIntegration c0000000000000000000row1: credentials do not"
    ):
        make().open(value, PLACE)


def test_shifted_parts() -> None:
    """Moving characters from one part of the place into the next makes another place."""
    one, two = replace(PLACE, table="ab", column="c"), replace(PLACE, table="a", column="bc")
    quoted = replace(PLACE, table='ab","c', column="")
    assert len({one.aad(), two.aad(), quoted.aad()}) == 3


def test_every_bit_of_the_text() -> None:
    """No bit of any byte of the stored text can be flipped: each change is refused, and as nothing else."""
    # A neighbour of the key id by one bit, with the same key: the header is authenticated, too.
    opener = make(**{KID[:-1] + "0": MATERIAL, KID[:-1] + "3": MATERIAL})
    assert opener.open(FROZEN, PLACE).reveal() == PLAIN
    for position, character in enumerate(FROZEN):
        for bit in range(8):
            altered = FROZEN[:position] + chr(ord(character) ^ 1 << bit) + FROZEN[position + 1 :]
            with pytest.raises((SealBrokenError, KeyMissingError)):
                opener.open(altered, PLACE)


def test_every_bit_of_the_mapping() -> None:
    """No bit of any character of any member, nor of a member's name, can be flipped in the mapping form."""
    opener = make(**{KID[:-1] + "0": MATERIAL, KID[:-1] + "3": MATERIAL})
    value = json.loads(FROZEN)
    for name, text in value.items():
        for position, character in enumerate(text):
            for bit in range(8):
                altered = text[:position] + chr(ord(character) ^ 1 << bit) + text[position + 1 :]
                with pytest.raises((SealBrokenError, KeyMissingError)):
                    opener.open({**value, name: altered}, PLACE)
        for position, character in enumerate(name):
            other = name[:position] + chr(ord(character) ^ 1) + name[position + 1 :]
            with pytest.raises(SealBrokenError):
                opener.open({other if k == name else k: v for k, v in value.items()}, PLACE)


def test_every_bit_of_the_bytes() -> None:
    """No bit of the decoded nonce, ciphertext or tag can be flipped either."""
    value = json.loads(FROZEN)
    for name in ("iv", "ciphertext", "tag"):
        raw = jwe.unb64url(value[name])
        for position in range(len(raw)):
            for bit in range(8):
                altered = bytearray(raw)
                altered[position] ^= 1 << bit
                with pytest.raises(SealBrokenError, match="altered"):
                    make().open({**value, name: jwe.b64url(bytes(altered))}, PLACE)


def test_we_open_a_row_of_jwcrypto() -> None:
    """A row that jwcrypto sealed by the published formats opens here."""
    header = json.dumps({"alg": "dir", "enc": "A256GCM", "kid": KID}, separators=(",", ":"))
    row = JWE(json.dumps(PLAIN).encode(), protected=header, aad=PLACE.aad())
    row.add_recipient(JWK(kty="oct", k=jwe.b64url(MATERIAL.reveal())))
    assert make().open(row.serialize(compact=False), PLACE).reveal() == PLAIN


def test_reseal() -> None:
    """Resealing keeps the plaintext, moves it to the active key, and leaves the old key unneeded."""
    newer = Secret(bytes(range(1, 33)))
    both = make("k2", k2=newer)
    moved = both.reseal(FROZEN, PLACE)
    assert (both.active_kid, jwe.read_kid(moved)) == ("k2", "k2")
    assert Cipher(DataKeys({"k2": newer}, active="k2")).open(moved, PLACE).reveal() == PLAIN


def test_unknown_key() -> None:
    """A value of a key that is not there says which key, and which row needs it."""
    without = Cipher(DataKeys({"k2": MATERIAL}, active="k2"))
    with pytest.raises(KeyMissingError, match=f"{PLACE.row_id}: credentials need.*{KID}") as caught:
        without.open(FROZEN, PLACE)
    assert caught.value.details == {"keyId": KID}
    assert caught.value.hint


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"[]", b"null", b'"x"', b"\xff", b"{", b'{"a":1,"a":2}', b"[" * 9000, b"{} {}"],
)
def test_no_object_inside(plaintext: bytes) -> None:
    """A sealed value that holds anything but one JSON object is refused, though its seal is genuine."""
    with pytest.raises(SealBrokenError, match="not a JSON object"):
        make().open(seal_raw(plaintext), PLACE)


@pytest.mark.parametrize("odd", [b"bytes", {1, 2}, float("nan"), float("inf"), object()])
def test_no_json(odd: object) -> None:
    """Credentials that JSON has no form for are refused, naming the row and not the value."""
    with pytest.raises(InvalidInputError, match=PLACE.row_id) as caught:
        make().seal(Secret({"password": odd}), PLACE)
    assert caught.value.__context__ is None
