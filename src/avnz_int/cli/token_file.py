"""A file for one access token: private, written whole or not at all, and nothing else is ever overwritten."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from avnz_int import files
from avnz_int.errors import ExistsError, StorageError, UsageError
from avnz_int.model.tokens import is_whole

_LARGEST = 200


class TokenFile:
    """A path that a new token goes to.

    Attributes:
        written: whether one was put there.

    Raises:
        UsageError: it cannot be a file.
        ExistsError: something else than a token of one's own is there.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.written = False
        if path == "-":
            raise UsageError(
                "--token-file needs a file", hint="leave it out: the token then goes to standard output"
            )
        try:
            if not self.path.parent.is_dir():
                raise UsageError(
                    f"--token-file {path}: there is no folder {self.path.parent}",
                    hint="make it, or name another",
                )
            replaceable = self._is_free() or self._is_own_token()
        except OSError as exc:
            raise StorageError(f"cannot look at {path}: {exc.strerror}", hint="check permissions") from None
        except ValueError:
            raise UsageError("--token-file names no file: it holds a NUL", hint="name another") from None
        if not replaceable:
            raise ExistsError(
                f"{path} is there already, and is no token of yours", hint="name a file that is not there"
            )

    def write(self, token: str) -> None:
        """Put the token there, mode 0600.

        Raises:
            StorageError: it cannot be written; what was there stays.
        """
        try:
            with files.put(self.path) as file:
                file.write(token + "\n")
        except OSError as exc:
            raise StorageError(
                f"cannot write the token to {self.path}: {exc.strerror}; no token was made",
                hint="check space and permissions, then try again",
            ) from None
        self.written = True

    def _is_free(self) -> bool:
        return not os.path.lexists(self.path)

    def _is_own_token(self) -> bool:
        """Whether it is a regular file of this user's with a token, or nothing, in it."""
        found = self.path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > _LARGEST:
            return False
        content = self.path.read_text(encoding="latin-1").strip()
        return not content or is_whole(content)
