"""What a manifest asks for, and what a plan says would be done about it.

A field that the file leaves out is `UNSET`: it is not managed, and takes its default where the thing is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from avnz_int.model.enums import Environment, Mode, PoolStrategy
from avnz_int.model.inputs import UNSET, Unset
from avnz_int.model.pricing import Pricing

API_VERSION: Final = "avnz-int/1"
KIND: Final = "Manifest"
STORED: Final = "stored"
"""In place of credentials: those that are stored stay."""


class Scheme(StrEnum):
    """Where a reference points."""

    ENV = "env"
    FILE = "file"
    AWS = "aws-secretsmanager"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the file.

    Attributes:
        path: `clients[0].integrations[1].credentials.password`.
    """

    line: int
    path: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}" if self.path else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value is to be had: the text behind the scheme is a name, a path, or an id."""

    scheme: Scheme
    name: str
    spot: Spot

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the file; it may be a secret in the wrong place, so it never prints itself."""

    value: Any = field(repr=False)
    spot: Spot


@dataclass(frozen=True, slots=True)
class Given:
    """The credentials of one integration as the file has them.

    Attributes:
        fields: name -> reference, literal, or an object or list of these.
    """

    fields: Mapping[str, Any]
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedPrice:
    """A price for all clients, or for one.

    Attributes:
        client: slug; None: for all.
        effective: from when; None: now, and where another entry of the same client and currency is in force
            by its time, that one.
    """

    pricing: Pricing
    client: str | None
    effective: datetime | None
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedShare:
    """The offer of a platform integration to clients."""

    prices: tuple[WantedPrice, ...]
    default_for_new: bool | Unset
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedIntegration:
    """What both levels have in common.

    Attributes:
        credentials: None: those that are stored (`stored`).
        settings: all of them: one that is not named is taken away.
        active: whether it is switched on.
    """

    provider: str
    name: str | Unset
    description: str | Unset | None
    environment: Environment | Unset
    credentials: Given | Unset | None
    settings: Mapping[str, Any] | Unset
    active: bool | Unset
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedPlatform(WantedIntegration):
    """A platform integration; `share` is None where it is to be offered to nobody new."""

    share: WantedShare | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class WantedClientIntegration(WantedIntegration):
    """An integration of a client, whose slug is `client`."""

    client: str = ""
    mode: Mode = Mode.OWN
    is_default: bool | Unset = UNSET
    priority: int | Unset = UNSET

    @property
    def key(self) -> tuple[str, str, str]:
        """Client, provider and name: no other integration has the same."""
        return self.client, self.provider, str(self.name)


@dataclass(frozen=True, slots=True)
class WantedMember:
    """An account in a pool, named by its integration.

    Attributes:
        provider: None where the client has one integration of this name.
        name: None in a pool of the organization's own, where the provider says which.
        values: the columns of the member.
    """

    provider: str | None
    name: str | None
    values: Mapping[str, Any]
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedPool:
    """A pool of a client's accounts, or (None) of the organization's own; its members are all it has."""

    client: str | None
    name: str
    environment: Environment | Unset
    strategy: PoolStrategy | Unset
    members: tuple[WantedMember, ...] | Unset
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedTenant:
    """A company, or the base of a client."""

    slug: str
    name: str | Unset
    spot: Spot


@dataclass(frozen=True, slots=True)
class WantedClient(WantedTenant):
    """A client with what is its own; what is `UNSET` is not managed."""

    companies: tuple[WantedTenant, ...] | Unset = UNSET
    integrations: tuple[WantedClientIntegration, ...] | Unset = UNSET
    pools: tuple[WantedPool, ...] | Unset = UNSET


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole file.

    Attributes:
        origin: the file's name, for messages.
        organization: slug and name of the one organization, as far as the file says them.
    """

    origin: str
    organization_slug: str | Unset = UNSET
    organization_name: str | Unset = UNSET
    organization_spot: Spot = Spot(1, "organization")
    platform: tuple[WantedPlatform, ...] | Unset = UNSET
    clients: tuple[WantedClient, ...] | Unset = UNSET
    pools: tuple[WantedPool, ...] | Unset = UNSET


class Deed(StrEnum):
    """What is to be done with one thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Kind(StrEnum):
    """What a change is of."""

    TENANT = "tenant"
    PLATFORM = "platform"
    CLIENT = "client"
    POOL = "pool"


SECRET_CHANGED: Final = "(secret changed)"  # noqa: S105  # words
SECRET_SET: Final = "(secret)"  # noqa: S105  # words
VALUE_CHANGED: Final = "(changed)"
UNKNOWN: Final = "(unknown)"
"""What stands for the values of credentials, which are never shown."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with its value before and after; None where there was or will be none."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done with one thing.

    Attributes:
        ref: `acme`, `platform/stripe`, `acme/stripe/Main`, `acme/Cards`.
        notes: what a person should know of it.
        refused: why it cannot be done; None where it can.
    """

    action: Deed
    kind: Kind
    ref: str
    fields: list[FieldChange]
    notes: list[str]
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """All changes, in the order in which they would be made, and how many there are of each deed."""

    changes: list[Change]
    create: int
    update: int
    delete: int

    @classmethod
    def of(cls, changes: list[Change]) -> PlanView:
        """The view of these changes."""
        count = {deed: sum(change.action is deed for change in changes) for deed in Deed}
        return cls(changes, count[Deed.CREATE], count[Deed.UPDATE], count[Deed.DELETE])
