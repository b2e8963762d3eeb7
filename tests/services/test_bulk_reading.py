"""How files of records are read: what is long costs no more than it must, and stops no other record."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from avnz_int.crypto import bundle
from avnz_int.model.bulk import Given
from avnz_int.model.files import Form
from avnz_int.services import bulk_reading
from support.bulk import reading

MIB = 1024 * 1024


class Endless(io.BytesIO):
    """A beginning, then one character for ever; counts what is taken of it."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__(beginning)
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        found = super().read(size) or b"x" * (size or 1)
        self.taken += len(found)
        return found


def found(file: Any, form: Form) -> Iterator[Given]:
    """The records of a file."""

    def locked() -> Any:
        raise AssertionError("this is no bundle")

    return bulk_reading.records(lambda: contextlib.nullcontext(file), form, locked)()


@pytest.mark.parametrize(
    "beginning", ["- a\n- '", "- a\n- ", "- a\n- b: |\n   ", '--- a\n---\n"', "- a\n- # "]
)
def test_endless_scalar(beginning: str) -> None:
    """A scalar of YAML is read no further than a record may be long, and what came before it is taken."""
    file = Endless(beginning.encode())
    first, second = found(file, Form.YAML)

    assert ("a", None) == (first.value, first.problem)
    assert second.line in {1, 2}
    assert "larger than 1 MiB" in (second.problem or "")
    assert file.taken < 2 * MIB


def test_large_scalar() -> None:
    """A scalar that ends, but too late, is refused as one that does not; one that fits is taken."""
    texts = ["x" * size for size in (MIB - 64, MIB - 64, MIB + 9)]
    read = list(reading("".join(f"- '{text}'\n" for text in texts).encode(), Form.YAML)())

    assert texts[:2] == [one.value for one in read[:2]]
    assert [None, None, 3] == [None if one.problem is None else one.line for one in read]


def test_words_of_yaml() -> None:
    """A bare word is what it is in a manifest, by YAML 1.2."""
    text = (
        "a: no\nb: on\nc: 12:30\nd: 2026-12-01\ne: True\nf: 1e3\ng: ~\nh: '1'\ni: 017\nj: |\n  1\nyes: .5\n"
    )
    value = {"a": "no", "b": "on", "c": "12:30", "d": "2026-12-01", "e": True, "f": 1000.0, "g": None}
    value |= {"h": "1", "i": 17, "j": "1\n", "yes": 0.5}
    for given_text in (text, f"---\n{text}", "-\n" + "".join(f"  {line}\n" for line in text.splitlines())):
        assert [value] == [one.value for one in reading(given_text.encode(), Form.YAML)()]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ("x: &a 1", "an anchor (&name)"),
        ("&a x: 1", "an anchor (&name)"),
        ("x: *a", "an alias (*name)"),
        ("x: !!str 1", "a tag (!name)"),
        ("x: !env A", "a tag (!name)"),
        ("x: !!map {}", "a tag (!name)"),
        ("x: 0x1F", "a number that JSON has no form for"),
        ("x: .nan", "a number that JSON has no form for"),
        ("x: 1e999", "a number that JSON has no form for"),
        ("[1]: x", "a name that is no plain word"),
    ],
)
def test_odd_yaml(odd: str, words: str) -> None:
    """What JSON has no form for is refused with its line, and the next record is taken."""
    bad, good = reading(f"---\nkind: x\n{odd}\n---\ny\n".encode(), Form.YAML)()

    assert (2, "y") == (bad.line, good.value)
    assert (bad.problem or "").startswith(f"line 3: {words}")


def test_many_empty_documents() -> None:
    """What holds no record is of none, however much there is."""
    read = list(reading(b"---\n" * (MIB // 2) + b"--- a\n", Form.YAML)())

    assert ["a"] == [one.value for one in read]


@pytest.mark.parametrize(
    "first", [60 * 1024, 64 * 1024 - 2, 64 * 1024 - 1, 64 * 1024, 70 * 1024, MIB - 2, MIB - 1]
)
@pytest.mark.parametrize("beginning", [b"", b"\xef\xbb\xbf"])
def test_lengths_of_lines(first: int, beginning: bytes) -> None:
    """A line of up to 1 MiB is a record, first or later; a longer one is told, and the next is read."""
    texts = ["x" * size for size in (first, 5, MIB - 2, MIB - 1, 5 * MIB, 3)]
    content = beginning + b"".join(json.dumps(text).encode() + b"\n" for text in texts)
    read = list(reading(content)())

    assert [1, 2, 3, 4, 5, 6] == [one.line for one in read]
    kept = [text if len(text) <= MIB - 2 else None for text in texts]
    assert kept == [one.value for one in read]
    assert {"the line is longer than 1 MiB"} == {one.problem for one in read if one.value is None}


@pytest.mark.parametrize("form", list(Form))
def test_long_first_line(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first line that is too long for a bundle's is not parsed whole to see whether it is one."""
    seen: list[int] = []
    look = bundle.is_bundle
    monkeypatch.setattr(bundle, "is_bundle", lambda line: seen.append(len(line)) or look(line))
    members = dict.fromkeys(("protected", "ciphertext", "tag"), "x" * MIB)
    read = list(reading(json.dumps(members).encode() + b"\n", form)())

    assert all(length <= 64 * 1024 for length in seen)
    assert 1 == len(read)
    assert "1 MiB" in (read[0].problem or "")
