"""Credentials and settings as given: files, environment, standard input; never a secret on argv."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from avnz_int.cli import moments, opening
from avnz_int.cli.state import State
from avnz_int.definitions import schema
from avnz_int.errors import InvalidInputError, SchemaViolationError, UsageError
from avnz_int.model.inputs import Changes
from avnz_int.model.secret import Secret, without_newline

if TYPE_CHECKING:
    from avnz_int.services.integrations import Definition

_LARGE = "credentials have at most 64 KiB"
_OBJECT = 'write one object: {"FIELD": "value", …}'
_SAFE = "use {key}=@file, {key}=env:NAME or {key}=- (standard input)"


def given_any(*options: str | Sequence[str] | None) -> bool:
    """Whether one of the options stands on the command line; an empty file name does, an empty list not."""
    return any(option is not None and option != [] for option in options)


def changes(
    state: State,
    definition_of: Callable[[], Definition],
    *,
    credential: Sequence[str] | None,
    credentials_file: str | None,
    setting: Sequence[str] | None,
    settings_file: str | None,
    keep_previous: str | None,
    **others: Any,
) -> Changes:
    """What the options of an `update` want changed; of the others, None leaves what there is.

    Args:
        state: told of a file that others can read.
        definition_of: finds the definition in force; called only where a value hangs on it.
        credential: `--credential`.
        credentials_file: `--credentials-file`.
        setting: `--setting`.
        settings_file: `--settings-file`.
        keep_previous: `--keep-previous`.
        **others: fields of `Changes`.
    """
    wanted = {name: value for name, value in others.items() if value is not None}
    if given_any(credential, credentials_file, setting, settings_file):
        found = definition_of()
        sources = Sources(state, found.credential_schema, found.settings_schema)
        if given_any(credential, credentials_file):
            wanted["credentials"] = Secret(sources.credentials(credentials_file, credential))
        if given_any(setting, settings_file):
            wanted["settings"] = sources.settings(settings_file, setting)
    if keep_previous is not None:
        wanted["keep_previous_s"] = moments.lasting("--keep-previous", keep_previous)
    return Changes(**wanted)


class Sources:
    """Reads the four ways in which values are given; standard input once at most.

    Args:
        state: told of a file that others can read.
        credential_schema: decides which fields are secret, and of which type a value is.
        settings_schema: the same for settings; None: there are none.
    """

    def __init__(
        self,
        state: State,
        credential_schema: Mapping[str, Any],
        settings_schema: Mapping[str, Any] | None,
    ) -> None:
        self._state = state
        self._credentials = credential_schema
        self._settings = settings_schema
        self._stdin: str | None = None

    def credentials(self, file: str | None, pairs: Sequence[str] | None) -> dict[str, Any]:
        """`--credentials-file`, with each `--credential` over it.

        Raises:
            UsageError: a secret as a literal, a field twice, or no KEY=SOURCE.
            InvalidInputError: a file that is no JSON object, or not UTF-8.
        """
        values = {} if file is None else self._object(file, "--credentials-file", secret=True)
        secret = set(schema.secret_fields(self._credentials))
        known = set(self._credentials.get("properties", {}))
        given: set[str] = set()
        for pair in pairs or ():
            key, source = _split(pair, "--credential KEY=SOURCE")
            _require_once("--credential", key, given)
            if source == "-" or source.startswith(("@", "env:")):
                text = self._read(key, source)
            elif key in secret or key not in known:
                raise UsageError(
                    f"{key}: a secret given as it stands would be in the process list and in shell history"
                    if key in secret
                    else f"{key} is not a credential field; there are {', '.join(sorted(known))}",
                    hint=_SAFE.format(key=key) if key in secret else None,
                )
            else:
                text = source
            values[key] = _typed(self._credentials, key, text)
        return values

    def settings(self, file: str | None, pairs: Sequence[str] | None) -> dict[str, Any]:
        """`--settings-file`, with each `--setting` over it; an empty VALUE takes a setting away.

        Raises:
            UsageError: a setting twice, or no KEY=VALUE.
            InvalidInputError: a file that is no JSON object.
        """
        values = {} if file is None else self._object(file, "--settings-file", secret=False)
        given: set[str] = set()
        for pair in pairs or ():
            key, text = _split(pair, "--setting KEY=VALUE")
            _require_once("--setting", key, given)
            values[key] = None if text == "" else _typed(self._settings, key, text)
        return values

    def new_settings(self, file: str | None, pairs: Sequence[str] | None) -> dict[str, Any]:
        """As `settings`, for what is not there yet: a setting that is taken away is one not given."""
        return {key: value for key, value in self.settings(file, pairs).items() if value is not None}

    def _object(self, file: str, option: str, *, secret: bool) -> dict[str, Any]:
        if file == "-":
            text = self._stdin_once(option)
        else:
            text = opening.text(file, option, hint=_LARGE, on_exposed=self._state.notify if secret else None)
        try:
            value = json.loads(text, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as exc:
            line = f" (line {exc.lineno})" if isinstance(exc, json.JSONDecodeError) else ""
            # From None: the cause quotes the text.
            raise InvalidInputError(
                f"{option} {file} is not JSON, or has a name twice{line}", hint=_OBJECT
            ) from None
        if not isinstance(value, dict):
            raise InvalidInputError(f"{option} {file} is not one JSON object", hint=_OBJECT)
        return value

    def _read(self, key: str, source: str) -> str:
        if source == "-":
            return without_newline(self._stdin_once(f"--credential {key}=-"))
        if source.startswith("@"):
            return without_newline(text_of(self._state, source[1:], f"--credential {key}"))
        name = source.removeprefix("env:")
        if not name:
            raise UsageError(
                f"--credential {key}=env: names no variable", hint=f"write {key}=env:NAME, and export NAME"
            )
        value = os.environ.get(name)
        if value is None:
            raise UsageError(
                f"--credential {key}=env:{name}: {name} is not set", hint=f"export {name} in this environment"
            )
        return value

    def _stdin_once(self, what: str) -> str:
        if self._stdin is not None:
            raise UsageError(
                f"{what}: standard input is read for {self._stdin} already",
                hint="take one of them from a file (KEY=@file) or the environment (KEY=env:NAME)",
            )
        self._stdin = what
        return opening.text("-", what, hint=_LARGE)


def text_of(state: State, file: str, what: str) -> str:
    """The text of a file of secrets, or with `-` of standard input; one that others can read is warned about.

    Raises:
        UsageError: there is no such file, or standard input is a terminal.
        InvalidInputError: it is larger than 1 MiB, or not UTF-8.
        StorageError: it cannot be read.
    """
    return opening.text(file, what, hint=_LARGE, on_exposed=state.notify)


def _split(pair: str, form: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    if not equals or not key:
        # Not the pair itself: it may be a secret in the wrong place.
        raise UsageError(f"not of the form {form}", hint="the field's name, =, then where its value is")
    return key, value


def _require_once(option: str, key: str, given: set[str]) -> None:
    if key in given:
        raise UsageError(f"{option} {key} is given twice", hint="which of them is meant? give that one")
    given.add(key)


def _typed(rules: Mapping[str, Any] | None, key: str, text: str) -> Any:
    """The text as the field's type; as it is where it is no such value, which the schema then tells of."""
    try:
        return schema.coerce(rules, key, text)
    except SchemaViolationError:
        return text  # so that one error names this field and all others


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
