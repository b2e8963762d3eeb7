"""What `run` is asked for, and what it gives to a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avnz_int.model.enums import Environment
from avnz_int.model.secret import Secret


@dataclass(frozen=True, slots=True)
class RunWanted:
    """Which integrations, and under which names.

    Attributes:
        client: slug; its integrations.
        company: slug; those of its client.
        platform: the organization's own.
        refs: these, whatever their environment, unless `environment` says which it must be.
        environment: None is production where no REF is given.
        prefix: before each name; `{provider}`, `{name}`, `{category}`, `{environment}` stand for the
            integration's, in capitals.
        only: these variables alone, named without prefix.
        all_names: every name that a field has, not only the usual one.
    """

    client: str | None = None
    company: str | None = None
    platform: bool = False
    refs: Sequence[str] = ()
    category: str | None = None
    provider: str | None = None
    environment: Environment | None = None
    prefix: str = ""
    only: frozenset[str] = frozenset()
    all_names: bool = False


@dataclass(frozen=True, slots=True)
class RunVariables:
    """Variable -> value, and the integrations that they are of, as people call them."""

    variables: Secret[dict[str, str]]
    integrations: tuple[str, ...]
