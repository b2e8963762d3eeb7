"""The credentials that a manifest names: references looked up, secrets in the wrong place refused."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avnz_int.crypto.secret_values import SecretValues
from avnz_int.definitions import schema
from avnz_int.errors import InvalidInputError, SchemaViolationError, StorageError
from avnz_int.model.manifest import Given, Literal, Reference, Scheme
from avnz_int.model.names import shown_name
from avnz_int.model.secret import Credentials, Secret, without_newline
from avnz_int.services.integrations import Definition
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.vault import Notify

_MOST = 1024 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERAL = (
    "is secret and may not stand in the file: name where it is, as env:NAME, file:PATH or "
    "aws-secretsmanager:ID#KEY"
)


class References:
    """Looks references up, each file and each secret of AWS once.

    Args:
        base: the folder that paths start from.
        notify: told of a file that others can read.
        environ: the environment.
    """

    def __init__(self, base: Path, notify: Notify, environ: Mapping[str, str] | None = None) -> None:
        self._base = base
        self._notify = notify
        self._environ = os.environ if environ is None else environ
        self._aws = SecretValues()
        self._files: dict[str, Secret[str]] = {}

    def credentials(self, problems: Problems, given: Given, found: Definition) -> Credentials | None:
        """The credentials; None where there is something wrong with them, which `problems` gets.

        Raises:
            UnavailableError: AWS, or a file, cannot be used now.
        """
        secret = set(found.secret_fields)
        values: dict[str, Any] = {}
        for name, value in given.fields.items():
            try:
                values[name] = self._value(value, found, name, secret=name in secret)
            except _WrongError as exc:
                problems.add(exc.spot, exc.message)
        return Secret(values) if len(values) == len(given.fields) else None

    def _value(self, value: Any, found: Definition, name: str, *, secret: bool) -> Any:
        if isinstance(value, Literal):
            # Only the text and the number of a secret are secret: an empty list says nothing.
            if secret and value.value is not None and not isinstance(value.value, bool):
                raise _WrongError(value.spot, _LITERAL)
            return value.value
        if isinstance(value, dict):
            return {inner: self._value(part, found, "", secret=secret) for inner, part in value.items()}
        if isinstance(value, list):
            return [self._value(part, found, "", secret=secret) for part in value]
        text = self._looked_up(value).reveal()
        try:
            return schema.coerce(found.credential_schema, name, text) if name else text
        except SchemaViolationError as exc:
            words = exc.details["violations"][0]["message"]
        raise _WrongError(value.spot, f"{value}: {words}")

    def _looked_up(self, reference: Reference) -> Secret[str]:
        if reference.scheme is Scheme.ENV:
            return self._of_environment(reference)
        try:
            if reference.scheme is Scheme.AWS:
                return self._aws.get(reference.name)
            return self._file(reference)
        except InvalidInputError as exc:
            words = exc.message if exc.hint is None else f"{exc.message}; {exc.hint}"
        raise _WrongError(reference.spot, f"{reference}: {words}")

    def _of_environment(self, reference: Reference) -> Secret[str]:
        if not _VARIABLE.fullmatch(reference.name):
            raise _WrongError(reference.spot, "what follows env: is no name of a variable")
        value = self._environ.get(reference.name)
        if value is not None:
            return Secret(value)
        if shown_name(reference.name) != reference.name:
            words = "env: names a variable that is not set; its name is not shown, since it may be a secret"
        else:
            words = f"{reference} is not set; export {reference.name}"
        raise _WrongError(reference.spot, words)

    def _file(self, reference: Reference) -> Secret[str]:
        if reference.name not in self._files:
            path = self._base / reference.name
            self._files[reference.name] = Secret(self._text(path))
        return self._files[reference.name]

    def _text(self, path: Path) -> str:
        try:
            with path.open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                content = opened.read(_MOST + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError) as exc:
            raise InvalidInputError(getattr(exc, "strerror", None) or "no path of a file") from None
        except OSError as exc:
            raise StorageError(
                f"{path}: {exc.strerror}", hint="make the file readable for this user"
            ) from None
        if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
            self._notify(f"{path} can be read by others: chmod 600 {path}")
        if len(content) > _MOST:
            raise InvalidInputError("larger than 1 MiB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidInputError("not UTF-8") from None
        return without_newline(text)


class _WrongError(Exception):
    """A value that cannot be taken; the words never hold it."""

    def __init__(self, spot: Any, message: str) -> None:
        super().__init__(message)
        self.spot = spot
        self.message = message
