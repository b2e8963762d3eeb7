"""The form of a manifest: what the parser takes is what the schema that editors use allows."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.definitions import documents
from avnz_int.errors import InvalidInputError
from avnz_int.model.manifest import Literal, Reference, WantedShare
from avnz_int.services.manifest_export import _lines
from avnz_int.services.manifest_fields import plain
from avnz_int.services.manifest_parsing import parse
from avnz_int.services.manifest_reading import read

HEAD = {"apiVersion": "avnz-int/1", "kind": "Manifest"}
WHOLE: dict[str, Any] = {
    **HEAD,
    "organization": {"slug": "avnz", "name": "Avnz"},
    "platform": [
        {
            "provider": "nmi",
            "name": "Ours",
            "description": None,
            "environment": "sandbox",
            "credentials": {"securityKey": "env:KEY"},
            "settings": {"host": "x"},
            "status": "active",
            "share": {
                "prices": [
                    {"percentageFee": 0.5, "flatFee": 1, "monthlyMinimum": 0, "currency": "EUR"},
                    {"client": "acme", "effectiveAt": "2026-12-01"},
                ],
                "defaultForNewClients": True,
            },
        },
        {"provider": "stripe", "share": False, "credentials": "stored"},
    ],
    "clients": [
        {
            "slug": "acme",
            "name": "Acme",
            "companies": [{"slug": "shop", "name": "Shop"}],
            "integrations": [
                {"provider": "nmi", "name": "A", "mode": "own", "default": True, "priority": 1},
                {"provider": "nmi", "name": "B", "mode": "platform"},
            ],
            "pools": [
                {
                    "name": "Cards",
                    "environment": "production",
                    "strategy": "weighted",
                    "members": [
                        {
                            "account": "nmi/A",
                            "priority": 0,
                            "weight": 2,
                            "transactionLimit": 5,
                            "monthlyLimit": None,
                            "limitCurrency": "USD",
                            "currencies": ["USD"],
                        }
                    ],
                }
            ],
        }
    ],
    "pools": [{"name": "Own", "members": [{"account": "nmi"}, {"account": "platform/stripe"}]}],
}
SCHEMA = jsonschema.Draft202012Validator(documents.document("manifest"))


def agreed(document: Any) -> bool:
    """Whether the document is taken; parser and schema are of one mind."""
    wrong = [error.message for error in SCHEMA.iter_errors(document)]
    try:
        parse(json.dumps(document), "m.yaml")
        told = None
    except InvalidInputError as exc:
        told = exc.message
    assert bool(wrong) == bool(told), (told, wrong)
    return told is None


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, but for those inside credentials and settings."""
    yield path
    if path and path[-1] in {"credentials", "settings"}:
        return
    if isinstance(value, dict):
        for name, part in value.items():
            yield from paths(part, (*path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from paths(part, (*path, number))


def changed(path: tuple[Any, ...], value: Any) -> Any:
    """The whole document with another value at a place."""
    document = copy.deepcopy(WHOLE)
    if not path:
        return value
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


def removed(path: tuple[Any, ...]) -> Any:
    """The whole document without a field."""
    document = copy.deepcopy(WHOLE)
    place = document
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return document


PATHS = list(paths(WHOLE))


WORDS = {"currency", "limitCurrency", "currencies", "effectiveAt"}
"""Fields whose words the schema does not know one by one."""


def test_whole() -> None:
    """A document that has every field is taken."""
    assert agreed(WHOLE)


@pytest.mark.parametrize("path", [path for path in PATHS if path], ids=str)
def test_fields(path: tuple[Any, ...]) -> None:
    """Without a field, and with a value of another type in it, parser and schema agree."""
    if isinstance(path[-1], str):
        agreed(removed(path))
    for value in (None, True, 7, -1, "", "x y", [], {}, ["x"], {"x": 1}, 1.5):
        agreed(changed(path, value))


@given(
    path=st.sampled_from([path for path in PATHS if path and not {*path} & WORDS]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-5, 10**6) | st.text("abc:/-_ é", max_size=8),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["slug", "name", "client"]), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
def test_anything(path: tuple[Any, ...], value: Any) -> None:
    """Whatever stands in a place, parser and schema agree, and the parser ends with no other error."""
    agreed(changed(path, value))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2\n", 2, "stands here already, in line 1"),
        ("a: &x 1\n", 1, "an anchor"),
        ("a: *x\n", 1, "an alias"),
        ("a: !!python/object:os.system x\n", 1, "a tag"),
        ("a: !env X\n", 1, "a tag"),
        ("a: !!str x\n", 1, "a tag"),
        ("a: !!str 'x'\n", 1, "a tag"),
        ("a: 1\n!!str b: 2\n", 2, "no plain word"),
        ("a: 0x1F\n", 1, "a number that JSON"),
        ("a: .nan\n", 1, "a number that JSON"),
        ("? [1]\n: 2\n", 1, "no plain word"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: [1\nb: 2\n", 2, "not YAML"),
        ("a: 'x\n", None, "not YAML"),
        ("\x00", None, "not YAML"),
        ("", None, "is empty"),
        ("[" * 100_000, 1, "nested too deeply"),
        ("\n".join(" " * i + "a:" for i in range(60)), 41, "nested too deeply"),
    ],
)
def test_odd_yaml(text: str, line: int | None, words: str) -> None:
    """What JSON has no form for is refused with its line, whatever it would be to YAML."""
    with pytest.raises(InvalidInputError, match=words) as caught:
        read(text, "m.yaml")
    assert line is None or f"line {line}" in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-12-01", "2026-12-01"),
        ("<<", "<<"),
        ("true", True),
        ("", None),
        ("~", None),
        ("007", 7),
        ("0.1", Decimal("0.1")),
        ("1e3", Decimal(1000)),
        ("'1'", "1"),
        ('"a\\u00e9"', "aé"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_words(text: str, value: Any) -> None:
    """Words mean what YAML 1.2 says; numbers stay exact."""
    assert value == read(f"a: {text}", "m").value["a"].value


def test_names_are_not_quoted() -> None:
    """A name that stands twice, or is none, is not repeated: it may be a secret in the wrong place."""
    for text in ("hunter2: 1\nhunter2: 2\n", "? [hunter2]\n: 1\n", "a: 'hunter2\n"):
        with pytest.raises(InvalidInputError) as caught:
            read(text, "m.yaml")
        assert "hunter2" not in str(vars(caught.value))


@pytest.mark.parametrize("secret", ["sk_test_abcdefgh", "a1b2c3d4e5f6", "hunter two!"])
def test_secret_for_a_name(secret: str) -> None:
    """What stands in the place of a field or a slug and may be a secret is told by its line, unseen."""
    for document in ({**HEAD, secret: "x"}, {**HEAD, "clients": [{"slug": f"{secret}_A1B2C3D4"}]}):
        with pytest.raises(InvalidInputError, match=r"line 1: (#3|clients\[0\]\.slug): ") as caught:
            parse(json.dumps(document), "m.yaml")
        assert secret not in str(vars(caught.value))


def test_many_problems() -> None:
    """Of a file that is wrong all over the first thousand problems are kept, and the rest is not read."""
    with pytest.raises(InvalidInputError, match="and 990 more; and perhaps more") as caught:
        parse(json.dumps({**HEAD, "clients": [0] * 3000}), "m.yaml")
    assert 1000 == len(caught.value.details["problems"])
    with pytest.raises(InvalidInputError, match="16 MiB"):
        read(" " * (16 * 1024 * 1024 + 1), "m.yaml")


def test_credentials() -> None:
    """What looks like a reference is one, all else is literal and does not show itself."""
    text = json.dumps(changed(("platform", 0, "credentials"), {"a": "env:X", "b": "env:", "c": ["file:y"]}))
    (first, second) = parse(text, "m").platform  # type: ignore[misc]
    fields = first.credentials.fields
    assert isinstance(fields["a"], Reference)
    assert isinstance(fields["b"], Literal)
    assert "env:" not in repr(fields["b"])
    assert "file:y" == str(fields["c"][0])
    assert second.credentials is None
    assert isinstance(first.share, WantedShare)


@pytest.mark.parametrize(
    "share",
    [
        {"prices": []},
        {"prices": [{"client": "acme"}]},
        {"prices": [{"percentageFee": 0.12345}]},
        {"prices": [{"currency": "XYZ"}]},
        {"prices": [{"effectiveAt": "2026-13-01"}]},
        {"prices": [{}, {}]},
    ],
)
def test_prices(share: Any) -> None:
    """An offer has a price for all, each with real numbers, a real currency and time, and once."""
    with pytest.raises(InvalidInputError, match="line"):
        parse(json.dumps(changed(("platform", 0, "share"), share)), "m")


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**9), 10**9)
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
            lambda inner: (
                st.lists(st.text("ab:#-", max_size=4), max_size=3)
                | st.lists(
                    st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, min_size=1, max_size=2),
                    max_size=2,
                )
                | st.dictionaries(
                    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_written_yaml(value: Any) -> None:
    """What the export writes, the reader reads."""
    try:
        json.dumps(value).encode()
        str(value).encode()
    except UnicodeEncodeError:
        return
    text = "".join(f"{line}\n" for line in _lines(value, ""))
    assert value == plain(read(text, "m"))
