"""What an import takes for one record of a file: a tenant, a platform or a client integration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from avnz_int.errors import AvnzError, InvalidInputError
from avnz_int.model.enums import Environment, Mode
from avnz_int.model.files import Kind
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.pricing import Pricing
from avnz_int.model.secret import Credentials


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A client, or with `parent` a company."""

    slug: str
    name: str | None
    parent: str | None
    level: str | None
    kind: Kind = Kind.TENANT

    @property
    def ref(self) -> str:
        """What people call it."""
        return self.slug


@dataclass(frozen=True, slots=True)
class PlatformRecord:
    """A platform integration.

    Attributes:
        credentials: None where none, or masked ones, were given.
        changes: what an update would change.
        shared: whether clients may use it; None: not said.
        default_for_new: whether new clients get it; None: not said.
        disabled: whether somebody had switched it off.
    """

    provider: str
    name: str | None
    description: str | None
    settings: Mapping[str, Any] | None
    environment: Environment
    credentials: Credentials | None
    changes: Changes
    shared: bool | None
    default_for_new: bool | None
    pricing: Pricing | None
    disabled: bool
    kind: Kind = Kind.PLATFORM

    @property
    def ref(self) -> str:
        """What people call it."""
        return f"platform/{self.provider}"

    def new(self) -> NewPlatform:
        """As it is added.

        Raises:
            InvalidInputError: without credentials.
        """
        if self.credentials is None:
            raise _no_credentials()
        return NewPlatform(
            self.provider, self.credentials, self.name, self.description, self.settings, self.environment
        )


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """A client integration; attributes as of `PlatformRecord`.

    Attributes:
        new: as it is added, its credentials None where none, or masked ones, were given.
        given: the record as it was read, plain credentials included: never shown.
    """

    new: NewClient
    given: Mapping[str, Any] = field(repr=False)
    disabled: bool
    kind: Kind = Kind.CLIENT

    @property
    def changes(self) -> Changes:
        """What an update would change."""
        return changes_of(self.given, self.new.credentials, of_client=True)

    @property
    def ref(self) -> str:
        """What people call it."""
        return f"{self.new.client}/{self.new.provider}/{self.new.name or ''}".rstrip("/")

    def require_credentials(self) -> None:
        """Refuse what cannot be added without credentials.

        Raises:
            InvalidInputError: own mode without credentials.
        """
        if self.new.mode is Mode.OWN and self.new.credentials is None:
            raise _no_credentials()


Record = TenantRecord | PlatformRecord | ClientRecord


def changes_of(value: Mapping[str, Any], credentials: Credentials | None, *, of_client: bool) -> Changes:
    """What an update by a record would change.

    Args:
        value: the record, its fields of the right types.
        credentials: those in it, if they are not masked.
        of_client: whether it is a client integration, whose name is what it is known by.
    """
    wanted: dict[str, Any] = {}
    if "description" in value:
        wanted["description"] = value["description"]
    if "settings" in value:
        wanted["settings"] = value["settings"] or {}
    if credentials is not None:
        wanted["credentials"] = credentials
    environment = require_environment(value.get("environment"))
    # In platform mode it is the platform integration's.
    if environment is not None and value.get("mode") != Mode.PLATFORM:
        wanted["environment"] = environment
    renamed = {"priority": "priority", "isDefault": "is_default"} if of_client else {"name": "name"}
    for given, name in renamed.items():
        if value.get(given) is not None:
            wanted[name] = value[given]
    return Changes(**wanted)


def require_environment(text: str | None) -> Environment | None:
    """The environment of that name; raises InvalidInputError where there is none."""
    if text is None:
        return None
    try:
        return Environment(text)
    except ValueError:
        raise not_one_of("environment", Environment) from None


def not_one_of(name: str, words: Iterable[str]) -> AvnzError:
    """What is wrong with a field whose value is not one of a few words."""
    return InvalidInputError(f"{name}: must be one of {', '.join(words)}", details={"field": name})


def _no_credentials() -> AvnzError:
    return InvalidInputError(
        "credentials: are needed for what is not there yet, and masked ones are none",
        hint="give them plain, or import a bundle: avnz-int export --with-credentials",
        details={"field": "credentials"},
    )
