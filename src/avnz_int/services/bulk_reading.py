"""Files of records, read as they come: JSON Lines, YAML, and encrypted bundles of JSON Lines.

A line that cannot be read is told by its number and stops no other. No message holds anything of a line.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from avnz_int.crypto import bundle
from avnz_int.crypto._locks import Opener
from avnz_int.errors import InvalidInputError, SealBrokenError
from avnz_int.model.bulk import Given, Records
from avnz_int.model.files import Form

LONGEST = 1024 * 1024
"""Bytes of one record: credentials have at most 64 KiB."""
_LONGEST_LINE = LONGEST + 1  # with its end
_LONGEST_FIRST = 64 * 1024
"""Of a bundle's first line, which holds one key: what is longer is not parsed to see whether it is one."""
_LONGEST_SEALED = 96 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
Opened = Callable[[], AbstractContextManager[BinaryIO]]


def records(
    opened: Opened, form: Form, unlock: Callable[[], Opener], on_plain: Callable[[], None] = lambda: None
) -> Records:
    """What reads the records of a file each time it is called.

    A bundle is known by its first line. Where the file can be read twice, all of a bundle is verified before
    its first record is given.

    Args:
        opened: gives the file at its beginning; called again for each reading.
        form: how its records are written, if it is no bundle.
        unlock: gives what opens a bundle; asked once at most.
        on_plain: called where credentials stand in the file as they are.

    Raises:
        SealBrokenError, KeyMissingError: while reading: a bundle does not open.
    """
    openers: list[Opener] = []

    def key() -> Opener:
        if not openers:
            openers.append(unlock())
        return openers[0]

    def read() -> Iterator[Given]:
        with opened() as file:
            first = file.readline(_LONGEST_FIRST)
            if bundle.is_bundle(first.removeprefix(_BOM)):
                if file.seekable():
                    place = file.tell()
                    for _ in _chunks(bundle.Reader(first, key()), file):
                        pass
                    file.seek(place)
                yield from _bundled(bundle.Reader(first, key()), file)
            elif form is Form.YAML:
                from avnz_int.services import bulk_yaml  # noqa: PLC0415  # 15 ms that JSON Lines do not pay

                yield from _watched(bulk_yaml.read(file, first), on_plain)
            elif first:
                yield from _watched(_lines(file, first), on_plain)

    return read


def _watched(found: Iterator[Given], on_plain: Callable[[], None]) -> Iterator[Given]:
    told = False
    for one in found:
        if not told and isinstance(one.value, dict) and isinstance(one.value.get("credentials"), dict):
            told = True
            on_plain()
        yield one


def _line(file: BinaryIO, longest: int, begun: bytes = b"") -> bytes | None:
    """The next line, or the rest of one, None at the end; of one too long, so much that this is seen."""
    line = begun if begun.endswith(b"\n") else begun + file.readline(longest + 1 - len(begun))
    if len(line) > longest and not line.endswith(b"\n"):
        while (rest := file.readline(longest)) and not rest.endswith(b"\n"):
            pass
    return line or None


def _lines(file: BinaryIO, first: bytes) -> Iterator[Given]:
    line = _line(file, _LONGEST_LINE, first.removeprefix(_BOM))
    number = 0
    while line is not None:
        number += 1
        if line.strip():
            yield given(number, line)
        line = _line(file, _LONGEST_LINE)


def given(number: int, line: bytes) -> Given:
    """The record of a line of JSON."""
    if len(line) > _LONGEST_LINE:
        return Given(number, problem=f"the line is longer than {LONGEST // 1024 // 1024} MiB")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as exc:
        return Given(number, problem=f"byte {exc.start + 1} of the line is not UTF-8")
    try:
        return Given(number, _DECODER.decode(text))
    except json.JSONDecodeError as exc:
        # Its `msg` says what was expected and where; `doc` holds the line.
        return Given(number, problem=f"not JSON: {exc.msg} at character {exc.pos + 1}")
    except _TwiceError:
        return Given(number, problem="an object has a name twice")
    except RecursionError:
        return Given(number, problem="nested too deeply")
    except ValueError:
        return Given(number, problem="a number that JSON or we have no form for")


class _TwiceError(Exception):
    """A name stands twice in one object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _never(_: str) -> Any:
    raise ValueError("no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_never)


def _chunks(reader: bundle.Reader, file: BinaryIO) -> Iterator[bytes]:
    while (line := _line(file, _LONGEST_SEALED)) is not None:
        if len(line) > _LONGEST_SEALED:
            raise SealBrokenError("the bundle cannot be read: a line is too long to be one of ours")
        if line.strip():
            yield reader.open(line)
    reader.finish()


def _bundled(reader: bundle.Reader, file: BinaryIO) -> Iterator[Given]:
    number = 0
    for chunk in _chunks(reader, file):
        for line in io.BytesIO(chunk):
            number += 1
            yield given(number, line)


def form_of(name: str, wanted: Form | None) -> Form:
    """How a file of this name is written, unless it is said."""
    if wanted is not None:
        return wanted
    return Form.YAML if name.lower().endswith((".yaml", ".yml")) else Form.JSONL


def refuse_twice(first: int, ref: str) -> InvalidInputError:
    """Why the second record of one thing is kept out."""
    return InvalidInputError(
        f"{ref} stands in line {first} already", hint="keep one of them", details={"firstLine": first}
    )
