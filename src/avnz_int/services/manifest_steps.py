"""The steps of a plan: what is shown of each change, beside what it takes to make it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from avnz_int.db import rows
from avnz_int.model.enums import TenantKind
from avnz_int.model.inputs import Changes
from avnz_int.model.manifest import (
    Change,
    Deed,
    FieldChange,
    Kind,
    WantedClientIntegration,
    WantedMember,
    WantedPlatform,
    WantedPool,
    WantedPrice,
)
from avnz_int.model.secret import Credentials
from avnz_int.services.integrations import Definition


@dataclass(slots=True)
class Step:
    """A change under way.

    Attributes:
        row: what is there now; None for what is new.
    """

    action: Deed
    kind: Kind
    ref: str
    row: rows.Row | None = None
    fields: list[FieldChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: str | None = None

    def change(self, name: str, old: Any, new: Any) -> None:
        """Show a field's change, if it is one."""
        if old != new:
            self.fields.append(FieldChange(name, old, new))

    @property
    def view(self) -> Change:
        """What is shown of it."""
        return Change(self.action, self.kind, self.ref, self.fields, self.notes, self.refused)


@dataclass(slots=True)
class TenantStep(Step):
    """A tenant; `under` is a company's client, `enrolled` whether a new client gets what new clients get."""

    level: TenantKind = TenantKind.CLIENT
    slug: str = ""
    name: str | None = None
    under: str | None = None
    enrolled: bool = True


@dataclass(slots=True)
class IntegrationStep(Step):
    """What both levels have in common.

    Attributes:
        found: the definition in force.
        credentials: what a new one gets.
        changes: what changes of one that is there; None: nothing of the row itself.
        sends: whether what is sent to the provider changes, so that it is to be tested.
        switch: True to enable it, False to disable it.
    """

    found: Definition | None = None
    credentials: Credentials | None = None
    changes: Changes | None = None
    sends: bool = False
    switch: bool | None = None

    @property
    def verified(self) -> bool:
        """Whether what is there has passed its last test."""
        row = self.row
        return row is not None and bool(row.get("isVerified", row["lastTestResult"] == "success"))

    @property
    def needs_test(self) -> bool:
        """Whether stored credentials are to be tested, since only what was tested can be enabled."""
        return self.switch is True and not self.sends and not self.verified


@dataclass(slots=True)
class PlatformStep(IntegrationStep):
    """A platform integration.

    Attributes:
        prices: to be set, those for all first.
        default_for_new: None: stays.
        unshared: whether the offer ends.
    """

    wanted: WantedPlatform | None = None
    prices: list[WantedPrice] = field(default_factory=list)
    default_for_new: bool | None = None
    unshared: bool = False


@dataclass(slots=True)
class ClientStep(IntegrationStep):
    """A client integration."""

    wanted: WantedClientIntegration | None = None


@dataclass(slots=True)
class PoolStep(Step):
    """A pool: members to be put into it or changed, and the accounts to be taken out."""

    wanted: WantedPool | None = None
    puts: list[WantedMember] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
