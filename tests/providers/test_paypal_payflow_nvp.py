"""Payflow's name-value pairs: what is written and what is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.providers.paypal_payflow import build_nvp, parse_nvp

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"'))


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_round_trip(pairs: dict[str, str]) -> None:
    """Whatever is built is read back the same."""
    assert pairs == parse_nvp(build_nvp(pairs.items()))


@given(st.text())
def test_parser_only_refuses(text: str) -> None:
    """Any text is either read or refused, and what is read holds no more than the text."""
    try:
        values = parse_nvp(text)
    except ValueError:
        return
    assert all(value in text for value in values.values())


@given(NAMES, st.text(min_size=1))
def test_builder_refuses(name: str, value: str) -> None:
    """The builder writes printable ASCII without quotation marks and refuses all else, unrepeated."""
    if re.fullmatch(r"[\x20\x21\x23-\x7e]*", value):
        assert f"{name}[{len(value)}]={value}" == build_nvp([(name, value)])
    else:
        with pytest.raises(ValueError) as caught:
            build_nvp([(name, value)])
        assert f"{name} holds a character that Payflow cannot take" == str(caught.value)


@pytest.mark.parametrize("name", ["", "A&B", "A[1]", "1A", "A=B", "\u00c4", "A\n"])
def test_builder_names(name: str) -> None:
    """A name holds letters, digits and underscores only."""
    with pytest.raises(ValueError):
        build_nvp([(name, "x")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RESULT=0", {"RESULT": "0"}),
        ("RESULT[1]=0&RESPMSG[5]=A&B=C", {"RESULT": "0", "RESPMSG": "A&B=C"}),
        ("result=0&Respmsg=", {"RESULT": "0", "RESPMSG": ""}),
        ("RESULT=0&RESPMSG[0]=", {"RESULT": "0", "RESPMSG": ""}),
        ("RESULT=0&RESPMSG=a%20b+c", {"RESULT": "0", "RESPMSG": "a%20b+c"}),
        ("RESULT=0&RESPMSG=a=b[3]", {"RESULT": "0", "RESPMSG": "a=b[3]"}),
        ("RESPMSG[11]=x&RESULT=0&&RESULT=1", {"RESPMSG": "x&RESULT=0&", "RESULT": "1"}),
    ],
)
def test_parser(text: str, expected: dict[str, str]) -> None:
    """Tags are taken at their word, untagged values end at the separator, nothing is URL-decoded."""
    assert expected == parse_nvp(text)


MALFORMED = [
    b"",
    b"OK",
    b"&RESULT=0",
    b"RESULT=0&",
    b"RESULT=0&&RESPMSG=x",
    b"RESULT[2]=0",
    b"RESULT[0]=0",
    b"RESULT[1]=19",
    b"RESULT[9999999]=0",
    b"RESULT[-1]=0",
    b"RESULT[x]=0",
    b"RESULT[]=0",
    b"RESULT[1=0",
    b"RESULT[\xb2]=0",
    b"RESULT=0&RESPMSG[3]=ab",
    b"RESULT=0&RESPMSG[1]=ab",
    b"RESULT=1&RESPMSG=x&RESULT=0",
    b"RESULT=0&RESPMSG=a&b",
    b"RESULT =0",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_parser_refuses(text: bytes) -> None:
    """A wrong length tag, a repeated name or anything between pairs is refused."""
    with pytest.raises(ValueError):
        parse_nvp(text.decode("latin-1"))
