"""Files that a command line names, opened for reading: one set of words for those that cannot be."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from avnz_int.errors import InvalidInputError, StorageError, UsageError

MIB = 1024 * 1024


def opened(path: Path, what: str) -> BinaryIO:
    """The file, to be closed by the caller.

    Args:
        path: as it was given.
        what: the option or argument that names it, for the message.

    Raises:
        UsageError: there is no such file, or it is a folder.
        StorageError: it cannot be read.
    """
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise UsageError(f"{what}: there is no file {path}", hint="name a file that is there") from None
    except IsADirectoryError:
        raise UsageError(f"{what}: {path} is a folder", hint="name a file") from None
    except OSError as exc:
        raise StorageError(
            f"{what}: {path}: {exc.strerror}", hint="make the file readable for this user"
        ) from None


def content(
    file: str,
    what: str,
    *,
    most: int = MIB,
    hint: str | None = None,
    on_exposed: Callable[[str], None] | None = None,
) -> bytes:
    """The bytes of a small file, or of standard input for `-`.

    Args:
        file: a path or `-`.
        what: the option or argument that names it, for messages.
        most: so many bytes, whole MiB.
        hint: what to do where it is larger.
        on_exposed: the file holds secrets: told how to keep it from others who can read it.

    Raises:
        UsageError: there is no such file, or standard input is a terminal.
        InvalidInputError: it is larger.
        StorageError: it cannot be read.
    """
    if file == "-":
        found = stdin(what).read(most + 1)
    else:
        with opened(Path(file), what) as stream:
            if on_exposed is not None and is_exposed(os.fstat(stream.fileno())):
                on_exposed(f"{file} can be read by others: chmod 600 {file}")
            found = stream.read(most + 1)
    if len(found) > most:
        raise InvalidInputError(f"{what}: {_named(file)} is larger than {most // MIB} MiB", hint=hint)
    return found


def text(
    file: str,
    what: str,
    *,
    most: int = MIB,
    hint: str | None = None,
    on_exposed: Callable[[str], None] | None = None,
) -> str:
    """As `content`, as text.

    Raises:
        InvalidInputError: also: it is not UTF-8.
    """
    try:
        return content(file, what, most=most, hint=hint, on_exposed=on_exposed).decode("utf-8-sig")
    except UnicodeDecodeError:
        # From None: the cause holds the bytes.
        raise InvalidInputError(
            f"{what}: {_named(file)} is not UTF-8", hint="write it anew as UTF-8 text"
        ) from None


def is_exposed(status: os.stat_result) -> bool:
    """Whether others can read a file."""
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def stdin(what: str) -> BinaryIO:
    """Standard input, which is left open.

    Raises:
        UsageError: it is a terminal, or closed.
    """
    if sys.stdin is None or sys.stdin.isatty():
        state = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(
            f"{what} is to be read from standard input, which is {state}",
            hint="pipe it in, or name a file",
        )
    return sys.stdin.buffer


def _named(file: str) -> str:
    return "standard input" if file == "-" else file
