"""What a face gives to a service: frozen, not yet validated against any schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from avnz_int.model.enums import Environment, Mode
from avnz_int.model.secret import Credentials


class Unset:
    """The type of `UNSET`: a field that an update leaves as it is."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


KEEP_PREVIOUS_S: Final = 7 * 24 * 3600.0
"""A week: long enough to notice that new credentials fail, short enough for a secret nobody uses."""


@dataclass(frozen=True, slots=True)
class NewPlatform:
    """A platform integration to be made."""

    provider: str
    credentials: Credentials
    name: str | None = None
    description: str | None = None
    settings: Mapping[str, Any] | None = None
    environment: Environment = Environment.PRODUCTION


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client integration to be made.

    Attributes:
        client: the client's slug.
        credentials: needed in own mode, refused in platform mode.
        environment: in platform mode it must be None or the platform integration's.
    """

    client: str
    provider: str
    name: str | None = None
    mode: Mode = Mode.OWN
    credentials: Credentials | None = None
    description: str | None = None
    settings: Mapping[str, Any] | None = None
    environment: Environment | None = None
    is_default: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes to an integration; what is `UNSET` stays.

    Attributes:
        credentials: replaced as a whole.
        settings: merged into the stored ones; a None value removes a setting.
        keep_previous_s: how long replaced credentials stay, sealed, to be rolled back to.
    """

    name: str | Unset = UNSET
    description: str | Unset | None = UNSET
    credentials: Credentials | Unset = UNSET
    settings: Mapping[str, Any] | Unset = UNSET
    environment: Environment | Unset = UNSET
    priority: int | Unset = UNSET
    is_default: bool | Unset = UNSET
    keep_previous_s: float = KEEP_PREVIOUS_S
