"""What bulk import and export share on the command line: files, passphrases, progress."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from avnz_int import files
from avnz_int.cli import progress
from avnz_int.cli.opening import opened, stdin, text
from avnz_int.cli.state import State
from avnz_int.errors import InvalidInputError, StorageError, UsageError
from avnz_int.model.secret import Secret, without_newline

if TYPE_CHECKING:
    from avnz_int.model.bulk import Progress

_HINT = "give --passphrase-file FILE or --passphrase-env NAME"
_NO_NAME = {errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENOENT}
_EXPORTED = (
    *(b'{"kind"', b'{"protected"', b'[{"kind"', b"---\nkind:"),
    *(b"# yaml-language-server: $schema=./manifest.schema.json", b"apiVersion: avnz"),
)
"""How what an export writes begins: records, a bundle, an array, YAML, a manifest as it is or by hand."""


def opener(file: str, option: str) -> Callable[[], AbstractContextManager[BinaryIO]]:
    """What opens a file at its beginning, or standard input for `-`.

    Raises:
        UsageError: no such file, or standard input is a terminal.
        StorageError: while opening: it cannot be read.
    """
    if file == "-":
        stream = stdin(option)
        return lambda: contextlib.nullcontext(stream)
    path = Path(file)
    if not is_stream(file):  # opening a pipe to look at it takes what is in it
        opened(path, option).close()
    return lambda: opened(path, option)


def is_stream(file: str) -> bool:
    """Whether what a file holds can be read only once: standard input, a pipe, a device."""
    if file == "-":
        return True
    try:
        mode = Path(file).stat().st_mode
    except (OSError, ValueError):
        return False  # whoever opens it says why it cannot be opened
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def passphrase(state: State, file: str | None, variable: str | None, *, twice: bool) -> Secret[str]:
    """The passphrase: from a file, the environment, or asked for.

    Args:
        state: knows whether somebody can be asked.
        file: `--passphrase-file`.
        variable: `--passphrase-env`.
        twice: whether it is to be typed again, since nobody can open what a slip has locked.

    Raises:
        UsageError: it is nowhere, or both options are given.
    """
    if file is not None and variable is not None:
        raise UsageError("--passphrase-file and --passphrase-env exclude each other")
    if file is not None:
        return Secret(without_newline(text(file, "--passphrase-file", on_exposed=state.notify)))
    if variable is not None:
        value = os.environ.get(variable)
        if value is None:
            raise UsageError(f"--passphrase-env: {variable} is not set", hint="export it in this environment")
        return Secret(value)
    if not state.interactive():
        raise UsageError("a passphrase is needed, and nobody can be asked for it", hint=_HINT)
    from avnz_int.cli import prompts  # noqa: PLC0415  # only where somebody is asked

    found = Secret(prompts.secret("Passphrase of the bundle"))
    if twice and Secret(prompts.secret("The same once more")) != found:
        raise InvalidInputError("the passphrases differ; nothing was written")
    return found


@contextlib.contextmanager
def whole_file(path: Path, kept: Sequence[Path] = ()) -> Iterator[IO[str]]:
    """A file of mode 0600 that is put in its place at the end, or not at all.

    Args:
        path: new, or what an earlier export wrote.
        kept: files that are not to be replaced, whatever they hold.

    Raises:
        UsageError: a folder, or something else that is not to be replaced.
        StorageError: it cannot be written; what was there stays.
    """
    place = _replaceable(path, kept)
    try:
        with files.put(place) as file:
            yield file
    except OSError as exc:
        raise StorageError(
            f"cannot write {path}: {exc.strerror or type(exc).__name__}",
            hint="check space and permissions, then try again",
        ) from None


@contextlib.contextmanager
def on_batch(what: str) -> Iterator[Callable[[Progress], None]]:
    """What is told after each batch; a person sees count and rate."""

    def told(task: Any) -> str:
        failed = f", {task.fields['failed']:,} bad" if task.fields["failed"] else ""
        return f"{int(task.completed):,} records{failed}, {task.speed or 0:,.0f}/s"

    with progress.bar(what, told=told, open_ended=True, failed=0) as update:
        yield lambda now: update(completed=now.records, failed=now.failed)


def _replaceable(path: Path, kept: Sequence[Path]) -> Path:
    """Where a file of this name can be put without the loss of anything but an earlier export.

    Raises:
        UsageError: it cannot.
        StorageError: nobody knows, since it cannot be looked at.
    """
    why: str | None = "no file can be put there"
    try:
        place = path.parent.resolve(strict=True) / path.name
        if place.parent.is_dir() and path.name not in {"", ".."}:
            why = _lost(place, kept)
    except (RuntimeError, ValueError):  # a loop of links; a NUL
        pass
    except OSError as exc:
        if exc.errno not in _NO_NAME:
            raise StorageError(
                f"cannot write {path}: {exc.strerror}", hint="check the permissions, then try again"
            ) from None
    if why is not None:
        raise UsageError(
            f"--output-file {path}: {why}", hint="name a new file in a folder, or one that an export wrote"
        )
    return place


def _lost(place: Path, kept: Sequence[Path]) -> str | None:
    """What would be lost if a file were put there; None: nothing, or an earlier export."""
    if any(_is_same(place, other) for other in kept):
        return "the keyring and the database have their place there"
    try:
        found = place.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        return "a symbolic link is there"
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        return "a folder, no regular file, or somebody else's is there"
    if found.st_size:
        with place.open("rb") as opened:
            if not opened.read(64).startswith(_EXPORTED):
                return "something else than an export is there"
    return None


def _is_same(place: Path, other: Path) -> bool:
    """Whether both are one file, or would be, once they are there."""
    try:
        return place.samefile(other)
    except OSError:
        return place == Path(os.path.realpath(other))
