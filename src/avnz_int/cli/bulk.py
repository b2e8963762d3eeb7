"""What bulk import and export share on the command line: files, passphrases, progress."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from avnz_int.cli import progress
from avnz_int.cli.state import State, stdin_bytes
from avnz_int.errors import InvalidInputError, StorageError, UsageError
from avnz_int.model.secret import Secret

if TYPE_CHECKING:
    from avnz_int.model.bulk import Progress

_MOST = 1024 * 1024
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
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                f"{option}: standard input is a terminal", hint="pipe records in, or name a file"
            )
        return lambda: contextlib.nullcontext(cast("BinaryIO", sys.stdin.buffer))
    path = Path(file)
    if not is_stream(file):  # opening a pipe to look at it takes what is in it
        _open(path, option).close()
    return lambda: _open(path, option)


def is_stream(file: str) -> bool:
    """Whether what a file holds can be read only once: standard input, a pipe, a device."""
    if file == "-":
        return True
    try:
        mode = Path(file).stat().st_mode
    except (OSError, ValueError):
        return False  # whoever opens it says why it cannot be opened
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_exposed(file: str) -> bool:
    """Whether others can read a file."""
    if file == "-":
        return False
    mode = Path(file).stat().st_mode
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


def content(state: State, file: str, option: str, *, secret: bool) -> bytes:
    """The bytes of a small file, or of standard input for `-`; told if others can read a secret one."""
    if file == "-":
        found = stdin_bytes(option, _MOST + 1)
    else:
        with _open(Path(file), option) as opened:
            found = opened.read(_MOST + 1)
        if secret and is_exposed(file):
            state.notify(f"{file} can be read by others: chmod 600 {file}")
    if len(found) > _MOST:
        raise InvalidInputError(f"{option} {file} is larger than 1 MiB")
    return found


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
        try:
            text = content(state, file, "--passphrase-file", secret=True).decode("utf-8")
        except UnicodeDecodeError:
            # From None: the cause holds the bytes.
            raise InvalidInputError(f"--passphrase-file {file} is not UTF-8") from None
        return Secret(text[:-2] if text.endswith("\r\n") else text.removesuffix("\n"))
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
    beside = place.with_name(f".avnz-int-{os.urandom(8).hex()}.new")  # a name can be too long for more
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(place.parent)
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


def _open(path: Path, option: str) -> BinaryIO:
    try:
        if path.is_dir():
            raise UsageError(f"{option}: {path} is a folder", hint="name a file")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise UsageError(f"{option}: there is no file {path}", hint="name a file that is there") from None
    except OSError as exc:
        raise StorageError(
            f"{option}: {path}: {exc.strerror}", hint="make the file readable for this user"
        ) from None


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


def _sync_folder(folder: Path) -> None:
    """Keep the new name over a power failure, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
