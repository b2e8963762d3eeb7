"""Which variables of an environment file are which provider's fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from avnz_int.definitions import env_names, schema
from avnz_int.definitions.env_names import Named
from avnz_int.errors import SchemaViolationError
from avnz_int.model.enums import Environment
from avnz_int.services.integrations import Definition

_PUBLIC = ("NEXT_PUBLIC_", "VITE_", "REACT_APP_", "NUXT_PUBLIC_", "EXPO_PUBLIC_")
_PLACEHOLDER = re.compile(
    r"(change|replace)[-_ ]?(me|this|it)?|x{3,}|\*+|\.{3,}|-+|todo|tbd|none|null"
    r"|your[-_ ].*|.*[-_]here|<.*>|\[.*\]",
    re.IGNORECASE,
)
# AWS writes its documentation's keys so.
_SAMPLE = re.compile(r".*EXAMPLE(KEY)?")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that counts: its name in the file, which may have a prefix, and its value."""

    name: str
    value: str = field(repr=False)


@dataclass(slots=True)
class Match:
    """What a file says of one provider.

    Attributes:
        taken: field -> the variable's name.
        variables: names of all variables that say the same.
        outweighed: variable -> the one that counts in its place.
        exposed: variables of secrets whose name says that browsers get them.
        own: whether a name is among them that no other provider has.
    """

    credentials: dict[str, Any] = field(default_factory=dict, repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    outweighed: dict[str, str] = field(default_factory=dict)
    exposed: set[str] = field(default_factory=set)
    problems: list[dict[str, Any]] = field(default_factory=list)
    own: bool = False


def placeholder(value: str) -> bool:
    """Whether a value stands for one that is still to be put there."""
    return bool(_PLACEHOLDER.fullmatch(value) or _SAMPLE.fullmatch(value))


def known(values: Mapping[str, str]) -> dict[str, Variable]:
    """Conventional name -> the variable; `NEXT_PUBLIC_STRIPE_PUBLIC_KEY` is known by its end, too."""
    found: dict[str, Variable] = {}
    for name, value in values.items():
        for prefix in _PUBLIC:
            if name.startswith(prefix):
                found.setdefault(name.removeprefix(prefix), Variable(name, value))
    return found | {name: Variable(name, value) for name, value in values.items()}


def contested(definitions: Iterable[Definition]) -> frozenset[str]:
    """The names that several definitions have: of these none tells its provider."""
    counted = Counter(
        name for found in definitions for name in {name for one in fields_of(found) for name in one.names}
    )
    return frozenset(name for name, count in counted.items() if count > 1)


def fields_of(found: Definition) -> tuple[Named, ...]:
    """The fields of credentials and settings that have names."""
    return (*env_names.named(found.credential_schema), *env_names.named(found.settings_schema))


def match(found: Definition, variables: Mapping[str, Variable], shared: frozenset[str]) -> Match:
    """What the variables say of a provider; `shared` are names that do not tell it."""
    made = Match()
    for part, target in (
        (found.credential_schema, made.credentials),
        (found.settings_schema, made.settings),
    ):
        for one in env_names.named(part):
            there = [name for name in one.by_weight if name in variables]
            if not there:
                continue
            first = variables[there[0]]
            made.own = made.own or any(name in one.own and name not in shared for name in there)
            made.taken[one.field] = first.name
            for name in there:
                _weigh(made, first, variables[name])
            if one.secret and first.name.startswith(_PUBLIC):
                made.exposed.add(first.name)
            try:
                target[one.field] = _value(part, one.field, first.value)
            except SchemaViolationError as exc:
                made.problems += [dict(violation) for violation in exc.details["violations"]]
    if made.taken:
        _fill(found.credential_schema, made.credentials)
        _fill(found.settings_schema, made.settings)
        _judge(found, made)
    return made


def environment_of(
    found: Definition, made: Match, values: Mapping[str, str], wanted: Environment | None
) -> tuple[Environment, str]:
    """The environment, and what tells it: the credentials, the option, a variable, or nothing."""
    told = schema.told_environment(found.credential_schema, made.credentials)
    if told is not None:
        return Environment(told), "credentials"
    by_variable = env_names.environment(found.credential_schema, values)
    if by_variable is not None:
        made.variables.add(by_variable[1])
    if wanted is not None:
        return wanted, "option"
    if by_variable is not None:
        return Environment(by_variable[0]), by_variable[1]
    return Environment.PRODUCTION, "default"


def _weigh(made: Match, first: Variable, other: Variable) -> None:
    if other.value == first.value:
        made.variables.add(other.name)
    else:
        made.outweighed[other.name] = first.name


def _value(part: Mapping[str, Any] | None, name: str, text: str) -> Any:
    """The value of a field; a host may be written as a URL there, and a URL as a host."""
    form = (part or {})["properties"][name].get("format")
    if form == "hostname" and "://" in text:
        try:
            text = urlsplit(text).hostname or text
        except ValueError:
            return text
    elif form == "uri" and "://" not in text:
        text = f"https://{text}"
    return schema.coerce(part, name, text)


def _fill(part: Mapping[str, Any] | None, values: dict[str, Any]) -> None:
    """Give required fields that are not set what a form would propose."""
    for one in schema.question_order(part):
        if one.required and one.name not in values:
            proposed = values.get(one.default_from) if one.default_from else one.default
            if proposed is not None:
                values[one.name] = proposed


def _judge(found: Definition, made: Match) -> None:
    """Note what is missing or wrong, by the names that the file would have it under."""
    names = {one.field: list(one.names) for one in fields_of(found)}
    told = {problem["field"] for problem in made.problems}
    for part, values in ((found.credential_schema, made.credentials), (found.settings_schema, made.settings)):
        made.problems += [v.as_dict() for v in schema.violations(part, values) if v.field not in told]
    made.problems[:] = [
        {"field": p["field"], "variables": names.get(p["field"].split(".")[0], []), "message": p["message"]}
        for p in made.problems
    ]
