"""Under which names of environment variables a provider's fields are known (`x-env`), and the rules for them.

`x-env` lists the names of one field, the one that programs expect first. Those in `x-env-shared` belong to
several providers (`AWS_ACCESS_KEY_ID`) or to anybody (`WEBHOOK_URL`): they say nothing of which provider is
meant. `x-env-environment` of a credential schema names variables that tell the environment: name ->
environment -> pattern of the value in lower case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from avnz_int.definitions.formats import compile_pattern
from avnz_int.definitions.loader import Problem, Seed
from avnz_int.model.enums import Environment

NAMES = "x-env"
SHARED = "x-env-shared"
ENVIRONMENT = "x-env-environment"

_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
# A value may come from a client; these names decide what another program loads and runs.
_STEERING = re.compile(
    r"(AVNZ_INT|DYLD|PYTHON|PERL5|RUBY|NODE|JAVA|BASH|GIT|SSH|XDG|LC)_.*"
    r"|LD_(PRELOAD|LIBRARY_PATH|AUDIT|DEBUG|BIND_NOW|ORIGIN_PATH|PROFILE|SHOW_AUXV)"
    r"|(HTTP|HTTPS|ALL|NO|FTP)_PROXY|(SSL|CURL|REQUESTS)_.*"
)
_RULE = "must be a list of different names of variables: capitals, digits and _"


@dataclass(frozen=True, slots=True)
class Named:
    """A field that has names.

    Attributes:
        names: the usual one first.
        shared: those of them that do not tell the provider.
    """

    field: str
    names: tuple[str, ...]
    shared: frozenset[str]
    secret: bool

    @property
    def own(self) -> tuple[str, ...]:
        """The names that are this provider's alone."""
        return tuple(name for name in self.names if name not in self.shared)

    @property
    def by_weight(self) -> tuple[str, ...]:
        """The names in the order in which they count where several are set: the provider's own first."""
        return (*self.own, *(name for name in self.names if name in self.shared))


def named(schema: Mapping[str, Any] | None) -> tuple[Named, ...]:
    """The fields of a schema that have names, in their order."""
    properties: Mapping[str, Mapping[str, Any]] = (schema or {}).get("properties", {})
    return tuple(
        Named(name, tuple(field[NAMES]), frozenset(field.get(SHARED, ())), field.get("format") == "password")
        for name, field in properties.items()
        # A row of the database may be anybody's work.
        if judge(field.get(NAMES)) is None
    )


def environment(credential_schema: Mapping[str, Any], values: Mapping[str, str]) -> tuple[str, str] | None:
    """The environment that variables tell, and the variable that does; None if none does."""
    for name, told in credential_schema.get(ENVIRONMENT, {}).items():
        for which, pattern in told.items():
            if name in values and compile_pattern(pattern).search(values[name].strip().lower()):
                return which, name
    return None


# --- rules ---------------------------------------------------------------------------------------


def judge(value: Any) -> str | None:
    """The rule that a list of names breaks."""
    fine = isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
    if not fine or len(set(value)) != len(value) or not all(map(_NAME.fullmatch, value)):
        return _RULE
    steering = [name for name in value if _STEERING.fullmatch(name)]
    return f"must not hold {', '.join(steering)}, which steers programs" if steering else None


def of_field(path: str, field: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and rule of what is wrong between the two lists of a field."""
    shared, names = field.get(SHARED), field.get(NAMES)
    if isinstance(shared, list) and not (isinstance(names, list) and all(name in names for name in shared)):
        yield f"{path}.{SHARED}", f"must hold names of {NAMES} only"


def of_environment(where: str, value: Any, _: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and rule of what is wrong with `x-env-environment`."""
    if not isinstance(value, dict) or judge(list(value)):
        yield where, "must be names of variables, each with an environment's name -> regular expression"
        return
    for name, told in value.items():
        if not isinstance(told, dict) or not told or not told.keys() <= set(Environment):
            yield f"{where}.{name}", "must be an environment's name -> regular expression"
        elif not all(map(_expression, told.values())):
            yield f"{where}.{name}", "must hold regular expressions"


def clashes(seeds: Iterable[Seed]) -> list[Problem]:
    """The names that two fields claim, and not all of them share; each at its path."""
    claims: dict[str, list[tuple[Seed, str, bool]]] = defaultdict(list)
    for seed in seeds:
        for part, schema in (
            ("credentialSchema", seed.credential_schema),
            ("settingsSchema", seed.settings_schema),
        ):
            for one in named(schema):
                for name in one.names:
                    path = f"$.{part}.properties.{one.field}.{NAMES}"
                    claims[name].append((seed, path, name in one.shared))
    found = []
    for name, claimed in claims.items():
        for seed, path, shared in claimed:
            others = sorted({other.provider for other, place, _ in claimed if (other, place) != (seed, path)})
            twice = sum(other is seed for other, _, _ in claimed) > 1
            if others and (twice or not shared):
                rule = f"must not hold {name}, which {', '.join(others)} has too, unless {SHARED} does"
                found.append(Problem(path, rule, str(seed.path)))
    return found


def _expression(value: Any) -> bool:
    try:
        return isinstance(value, str) and compile_pattern(value) is not None
    except (re.error, OverflowError, RecursionError):
        return False
