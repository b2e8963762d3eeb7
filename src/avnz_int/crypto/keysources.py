"""Where master keys live: a file that only its owner can read, or a service of AWS.

A source loads, creates and replaces a keyring as one atomic step each; what a keyring means, `keyring` knows.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, Protocol
from urllib.parse import quote, unquote, urlsplit

from avnz_int import files
from avnz_int.crypto.keyring import Keyring, MasterKeys
from avnz_int.errors import (
    ChangedMeanwhileError,
    ExistsError,
    KeyMissingError,
    KeyringExposedError,
    KeyringInvalidError,
    StorageError,
    UsageError,
)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LARGEST = 1 << 20  # thousands of keys; a keyring has a few
_LOCK_WAIT_S = 5.0
_LOCK_RETRY_S = 0.02
_LEFT_BEHIND_S = 60.0
_FILE_URL_HINT = "write it as file:///absolute/path/keyring.json"
_URL_HINT = "write it as file:///path, aws-secretsmanager://SECRET or aws-kms://KEY"


class KeySource(Protocol):
    """A place that keeps one keyring."""

    def load(self) -> MasterKeys:
        """The keyring; its own kind for a place that gives no key away.

        Raises:
            KeyMissingError: there is none.
            KeyringExposedError: others can read or change it.
            KeyringInvalidError: what is there is no keyring.
            UnavailableError: the place cannot be read now.
        """

    def create(self, keyring: Keyring) -> None:
        """Put the first keyring there.

        Raises:
            ExistsError: one is there already; it stays as it is.
            UnavailableError: the place cannot be written now; nothing was.
        """

    def replace(self, old: Keyring, new: Keyring) -> None:
        """Put `new` in the place of `old`.

        Raises:
            KeyMissingError, KeyringExposedError, KeyringInvalidError: as `load`.
            ChangedMeanwhileError: `old` is not what is there, and a merge is not possible; it stays as it is.
            ConflictError: the keys of this place are not ours to change.
            UnavailableError: the place cannot be written now; the old one stands.
        """

    def describe(self) -> str:
        """Its URL, as the configuration has it."""


class FileKeySource:
    """A keyring file of mode 0600, or stricter, that belongs to us or to root."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is touched yet.

        Args:
            path: absolute.
        """
        self.path = path

    def __repr__(self) -> str:
        return f"FileKeySource({str(self.path)!r})"

    def describe(self) -> str:
        """`file://` and the path, percent-encoded."""
        return f"file://{quote(os.fsencode(self.path))}"

    def load(self) -> Keyring:
        """The keyring in the file.

        Raises:
            KeyMissingError: there is no such file.
            KeyringExposedError: others can read or write it, it is somebody else's, or a symbolic link.
            KeyringInvalidError: it is no regular file, or holds no keyring.
            StorageError: it cannot be read now.
        """
        descriptor = self._open(os.O_RDONLY)
        try:
            return self._read(descriptor)
        finally:
            os.close(descriptor)

    def create(self, keyring: Keyring) -> None:
        """Write a new file, 0600, whole or not at all; missing folders are made, 0700.

        Raises:
            ExistsError: something of that name is there; it stays as it is.
            StorageError: it cannot be written now; nothing was.
        """
        with self._storage("cannot be created"):
            self._make_folders()
            try:
                self._put(keyring, only_new=True)
            except FileExistsError:
                raise ExistsError(
                    f"there is a keyring at {self.path} already; it was not touched",
                    hint="use it, or name another place with --keyring",
                ) from None

    def replace(self, old: Keyring, new: Keyring) -> None:
        """Put `new` in the file's place, 0600, in one step, if it still holds `old`.

        Raises:
            KeyMissingError, KeyringExposedError, KeyringInvalidError: as `load`.
            ChangedMeanwhileError: the file holds another keyring than `old`; it stays as it is.
            StorageError: it cannot be written now, or another process holds it for 5 s; the old one stands.
        """
        with self._locked() as descriptor:
            if self._read(descriptor) != old:
                raise ChangedMeanwhileError(f"the keyring at {self.path} was changed by another process")
            with self._storage("cannot be replaced"):
                self._remove_left_behind()
                self._put(new)

    def _open(self, access: int) -> int:
        try:
            # Non-blocking, since opening a pipe waits for its other end.
            return os.open(self.path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyMissingError(
                f"there is no keyring at {self.path}",
                hint="restore it from its backup, or name the right one with --keyring; "
                "for a new installation run avnz-int init",
            ) from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                self._expose("is a symbolic link", "name the file itself with --keyring")
            raise self._unavailable("cannot be opened", error) from None

    def _read(self, descriptor: int) -> Keyring:
        """The keyring, after the checks of the very file that is read, not of its name."""
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyringInvalidError(
                f"the keyring {self.path} is not a regular file", hint="name the file with --keyring"
            )
        if status.st_uid not in {os.geteuid(), 0}:
            self._expose("belongs to another user", f"chown it to the user that runs avnz-int: {self.path}")
        if status.st_mode & _OTHERS:
            self._expose(
                f"can be used by others (mode {stat.S_IMODE(status.st_mode):04o})",
                f"run chmod 600 on {self.path}; if others may have read it: avnz-int rotate-key --master",
            )
        with self._storage("cannot be read"):
            os.lseek(descriptor, 0, os.SEEK_SET)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(_LARGEST + 1)
        return Keyring.from_json(self._text(content), origin=f"the keyring {self.path}")

    def _text(self, content: bytes) -> str:
        if len(content) <= _LARGEST:
            # Undecodable bytes become characters that no keyring holds: the parser refuses them without a
            # UnicodeDecodeError, which would carry the content.
            return content.decode("utf-8", "replace")
        raise KeyringInvalidError(f"the keyring {self.path} is larger than a keyring can be")

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The opened file under an exclusive lock, once it is the one that bears the name."""
        deadline = time.monotonic() + _LOCK_WAIT_S
        while True:
            descriptor = self._open(os.O_RDWR)
            try:
                with self._storage("cannot be locked"):
                    locked = self._try_lock(descriptor)
                if locked:
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
            if time.monotonic() > deadline:
                raise StorageError(
                    f"another process is changing the keyring {self.path}", hint="repeat the command"
                )
            time.sleep(_LOCK_RETRY_S)

    def _try_lock(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # Whoever held the lock before may have put another file under the name.
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.lstat())
        except FileNotFoundError:
            return False

    def _make_folders(self) -> None:
        missing = []
        folder = self.path.parent
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _put(self, keyring: Keyring, *, only_new: bool = False) -> None:
        with files.put(self.path, only_new=only_new, strict=True, prefix=self._prefix) as file:
            file.write(keyring.to_json())

    @property
    def _prefix(self) -> str:
        return f".{self.path.name}.new-"

    def _remove_left_behind(self) -> None:
        """Remove what a killed process left: key material under a name that nobody looks at."""
        before = time.time() - _LEFT_BEHIND_S
        for path in self.path.parent.iterdir():
            if path.name.startswith(self._prefix):
                with suppress(FileNotFoundError):
                    if path.lstat().st_mtime < before:
                        path.unlink()

    @contextmanager
    def _storage(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unavailable(what, error) from None

    def _unavailable(self, what: str, error: OSError) -> StorageError:
        return StorageError(
            f"the keyring {self.path} {what}: {os.strerror(error.errno or 0)}",
            hint="check that the folder exists, is on a writable disk with space left, and is yours",
        )

    def _expose(self, what: str, hint: str) -> NoReturn:
        raise KeyringExposedError(f"the keyring {self.path} {what}", hint=hint)


def key_source(url: str) -> KeySource:
    """The source that a keyring URL names; nothing is read or asked yet.

    `file:///path`, `aws-secretsmanager://<secret id>[?region=]` or `aws-kms://<key id or alias>[?region=]`,
    percent-encoded.

    Raises:
        UsageError: the URL is not of such a form.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError("the keyring's URL cannot be read", hint=_FILE_URL_HINT) from None
    if parts.scheme == "aws-secretsmanager":
        from avnz_int.crypto._secretsmanager import SecretKeySource  # noqa: PLC0415  # most keep a file

        return SecretKeySource(url)
    if parts.scheme == "aws-kms":
        from avnz_int.crypto._kms import KmsKeySource  # noqa: PLC0415

        return KmsKeySource(url)
    if parts.scheme != "file":
        raise UsageError(f"no keyring can be at {url!r}", hint=_URL_HINT)
    path = unquote(parts.path, errors="surrogateescape")
    if parts.netloc or not path.startswith("/") or path.endswith("/"):
        raise UsageError(f"{url!r} does not name a file by its absolute path", hint=_FILE_URL_HINT)
    if parts.query or parts.fragment or "\0" in path:
        raise UsageError(
            f"{url!r} has a part that a file has not", hint="write ? as %3F and # as %23 in the path"
        )
    return FileKeySource(Path(path))
