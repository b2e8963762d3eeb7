"""`run`: the credentials of integrations in force, as environment variables of a command."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from avnz_int.definitions import env_names
from avnz_int.errors import InvalidInputError, UsageError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action
from avnz_int.model.running import RunVariables, RunWanted
from avnz_int.model.secret import Secret
from avnz_int.services import integrations, running_selection
from avnz_int.services.integrations import Definition
from avnz_int.services.running_selection import Chosen
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")


class Running:
    """Gives credentials to commands (org_admin, service, client_admin of that client).

    Args:
        work: the database.
        notify: told of what was passed over.
    """

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def variables(self, actor: Actor, wanted: RunWanted) -> RunVariables:
        """The variables, each opened integration recorded; committed before anybody has them.

        Raises:
            NotFoundError: no such tenant or REF, or nothing active and verified of what is asked for.
            ForbiddenError: the role may not, or the credentials are the platform's and the actor a client's.
            ConflictError, UnverifiedError: a REF names what is not in force.
            UsageError: two integrations give one variable different values, or `only` names an unknown one.
            SealBrokenError, KeyMissingError: credentials do not open.
        """
        told: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            chosen = running_selection.chosen(work, actor, wanted, self._notify)
            possible = {name for one in chosen for name in _names(one.found, every=True)}
            unknown = sorted(wanted.only - possible)
            if unknown:
                raise UsageError(
                    f"--only {', '.join(unknown)}: none of these integrations has it",
                    hint=f"there are {', '.join(sorted(possible)) or 'none'}",
                )
            for one in chosen:
                if wanted.only and not wanted.only & _names(one.found, every=True):
                    continue
                for name, value in self._opened(work, one, wanted):
                    told[name][one.key] = value
            called = {one.key: one.name for one in chosen}
            # Inside: what is refused was read by nobody.
            _require_one_value(told, called)
            if not told:
                raise InvalidInputError(
                    f"{', '.join(one.name for one in chosen)}: nothing that is set has a variable's name",
                    hint="avnz-int definitions show PROVIDER lists the names",
                )
        values = {name: next(iter(by.values())) for name, by in told.items()}
        used = dict.fromkeys(key for by in told.values() for key in by)
        return RunVariables(Secret(values), tuple(called[key] for key in used))

    def _opened(self, work: Writing, one: Chosen, wanted: RunWanted) -> Iterator[tuple[str, str]]:
        """Each variable of an integration and its value."""
        work.target = one.target
        place = integrations.place(one.holder_table, one.holder, one.found)
        credentials = self._work.vault.cipher(work.connection).open(one.holder["credentials"], place)
        facts = {} if one.holder is one.row else {"platformIntegrationId": one.holder["id"]}
        work.record({"purpose": "run", **facts})
        prefix = _prefix(wanted.prefix, one)
        for found, values in (
            (one.found.credential_schema, credentials.reveal()),
            (one.found.settings_schema, one.settings),
        ):
            for field in env_names.named(found):
                if values.get(field.field) is None:
                    continue
                names = field.names if wanted.all_names or wanted.only else field.names[:1]
                for name in names:
                    if not wanted.only or name in wanted.only:
                        yield prefix + name, _text(values[field.field], one, field.field)


def _names(found: Definition, *, every: bool) -> frozenset[str]:
    fields = (*env_names.named(found.credential_schema), *env_names.named(found.settings_schema))
    return frozenset(name for field in fields for name in (field.names if every else field.names[:1]))


def _prefix(prefix: str, one: Chosen) -> str:
    """The prefix with its placeholders filled.

    Raises:
        UsageError: it makes no name of a variable.
    """
    known: Mapping[str, str] = {
        key: _NO_WORD.sub("_", str(one.row[key])).strip("_").upper()
        for key in ("provider", "name", "category", "environment")
    }

    def filled(part: re.Match[str]) -> str:
        if part[1] not in known:
            raise UsageError(
                f"--prefix: {{{part[1]}}} stands for nothing",
                hint=f"there are {', '.join(f'{{{name}}}' for name in known)}",
            )
        return known[part[1]]

    made = _PLACEHOLDER.sub(filled, prefix)
    if made and not _VARIABLE.fullmatch(made):
        raise UsageError(
            f"--prefix {prefix}: {made!r} begins no name of a variable", hint="use letters, digits and _"
        )
    return made


def _text(value: Any, one: Chosen, field: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if "\0" in text:
        raise InvalidInputError(f"{one.name}: {field} holds a NUL, which no environment can hold")
    return text


def _require_one_value(
    told: Mapping[str, Mapping[tuple[str, str], str]], called: Mapping[tuple[str, str], str]
) -> None:
    """Refuse two integrations that give a variable different values; `called` has what they are called.

    Raises:
        UsageError: some do.
    """
    clashing = {
        name: sorted(called[key] for key in by) for name, by in told.items() if len(set(by.values())) > 1
    }
    if clashing:
        listed = "; ".join(f"{name} of {' and '.join(by)}" for name, by in sorted(clashing.items()))
        raise UsageError(
            f"several integrations give the same variable: {listed}",
            hint="name fewer integrations, or tell them apart with --prefix '{name}_' or '{provider}_'",
            details={"variables": clashing},
        )
