"""A file of any size as lines, in constant memory, each line with its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MOST = 64 * 1024
"""Bytes of a line; a longer one is no transaction."""
_BLOCK = 256 * 1024


def lines(stream: BinaryIO) -> Iterator[tuple[int, list[bytes | None]]]:
    """The number of a first line, and it and those that follow it; None stands for a line that is too long.

    Reading blocks and cutting them is several times as fast as asking for each line, and a file without line
    ends takes no more memory than any other.
    """
    number, rest, skipping = 1, b"", False
    while block := stream.read(_BLOCK):
        found: list[bytes | None] = list((rest + block).split(b"\n"))
        rest = found.pop() or b""
        if skipping and found:
            # What was too long ends here.
            found[0], skipping = None, False
        if len(rest) > MOST:
            rest, skipping = b"", True
        if found:
            yield number, [None if line is not None and len(line) > MOST else line for line in found]
            number += len(found)
    if skipping:
        yield number, [None]
    elif rest:
        yield number, [rest]
