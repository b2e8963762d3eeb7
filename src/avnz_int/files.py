"""Files that are written beside their place and put there in one step: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# A name can be too long for the place's own and more; others' cannot be guessed, nor a link be there.
_PREFIX = ".avnz-int-new-"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def put(
    place: Path,
    *,
    mode: int | None = 0o600,
    only_new: bool = False,
    strict: bool = False,
    prefix: str = _PREFIX,
) -> Iterator[IO[str]]:
    """A new file, UTF-8, that takes its place at the end; should anything fail, what was there stays.

    Args:
        place: where it is put; a link there is replaced, not followed.
        mode: None is what the umask leaves.
        only_new: nothing that is there is replaced, not even a dangling link: FileExistsError.
        strict: fail where the file system keeps neither the mode nor, over a power failure, the name.
        prefix: how the name begins that it has meanwhile.

    Raises:
        OSError: it cannot be written.
    """
    new = place.with_name(f"{prefix}{os.urandom(8).hex()}")
    descriptor = os.open(new, _NEW, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            if strict and mode is not None:
                os.fchmod(descriptor, mode)  # a umask can take bits away from us, too
            yield file
            file.flush()
            os.fsync(descriptor)
        if only_new:
            # Unlike a rename, a link never takes the place of what is there.
            os.link(new, place)
        else:
            new.replace(place)
    finally:
        new.unlink(missing_ok=True)
    with contextlib.nullcontext() if strict else contextlib.suppress(OSError):
        _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
