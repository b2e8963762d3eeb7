"""What `import-env` reads, finds and did; no view holds a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avnz_int.model.enums import Environment
from avnz_int.model.secret import Credentials, Secret


@dataclass(frozen=True, slots=True)
class EnvFile:
    """An environment file as python-dotenv reads it.

    Attributes:
        values: variable -> value; of a variable that stands several times the last.
        duplicates: variables that stand several times.
        unresolved: variables whose value refers to one that is not set.
    """

    values: Secret[dict[str, str]]
    duplicates: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvWanted:
    """Whose integrations they become.

    Attributes:
        client: slug; None makes them the platform's.
        environment: of those whose credentials do not tell it.
        providers: these alone; names that several providers share then count as theirs.
        update: replace what is there already.
    """

    client: str | None = None
    environment: Environment | None = None
    providers: tuple[str, ...] = ()
    update: bool = False


@dataclass(frozen=True, slots=True)
class EnvFound:
    """A provider that the file speaks of, and, once it was tried, what became of it.

    Attributes:
        environment_from: `credentials`, `option`, a variable's name, or `default`.
        fields: field -> the variable that it is taken from.
        problems: what is missing or wrong: `field`, its `variables`, a `message`.
        exists: there is an integration already.
        result: `created`, `updated`, `skipped`, `failed` or `incomplete`; None was not tried.
    """

    provider: str
    name: str
    environment: str
    environment_from: str
    fields: dict[str, str]
    problems: list[dict[str, Any]]
    exists: bool
    result: str | None = None
    id: str | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class EnvCandidate:
    """What a provider would get.

    Attributes:
        variables: all that it makes superfluous in the file.
    """

    found: EnvFound
    credentials: Credentials
    settings: Mapping[str, Any]
    variables: frozenset[str]


@dataclass(frozen=True, slots=True)
class EnvAmbiguous:
    """A variable of several providers, none of which the file tells otherwise."""

    variable: str
    providers: list[str]


@dataclass(frozen=True, slots=True)
class EnvLeft:
    """A variable that is nobody's here; `reason` is None where nothing is known of it."""

    variable: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class EnvPlan:
    """All that a file holds."""

    candidates: list[EnvCandidate]
    ambiguous: list[EnvAmbiguous]
    left_over: list[EnvLeft]


@dataclass(frozen=True, slots=True)
class EnvImportView:
    """What was found and done; `deletable` can be taken out of the file now."""

    found: list[EnvFound]
    ambiguous: list[EnvAmbiguous]
    left_over: list[EnvLeft]
    deletable: list[str] = field(default_factory=list)
