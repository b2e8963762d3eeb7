"""Definitions, and what of them is on offer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DefinitionView:
    """IntegrationDefinition."""

    id: str
    provider: str
    category: str
    name: str
    description: str
    logo_url: str | None
    documentation_url: str | None
    is_org_only: bool
    is_client_allowed: bool
    is_platform_offered: bool
    credential_schema: dict[str, Any]
    settings_schema: dict[str, Any] | None
    required_compliance: list[str]
    status: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OfferView:
    """A definition as a client sees it: `platform` tells what the organization offers, None if nothing."""

    provider: str
    category: str
    name: str
    description: str
    documentation_url: str | None
    status: str
    modes: list[str]
    platform: PlatformOfferView | None
    credential_schema: dict[str, Any]
    settings_schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PlatformOfferView:
    """A shared platform integration as a client sees it, at the prices in force for that client.

    Attributes:
        client_pricing: the price in the primary currency.
        prices: the price in each currency, the primary one first.
    """

    name: str
    environment: str
    status: str
    client_pricing: dict[str, Any]
    prices: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What a seeding changed, as provider keys."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deprecated: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything was (or would be) changed."""
        return bool(self.created or self.updated or self.deprecated)
