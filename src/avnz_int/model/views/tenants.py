"""Tenants, and the tree of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from avnz_int.model.enums import TenantKind
from avnz_int.model.views.integrations import ClientView, PlatformView


@dataclass(frozen=True, slots=True)
class TenantView:
    """An organization, client or company. `parent` is the slug of the tenant above."""

    id: str
    kind: TenantKind
    slug: str
    name: str
    parent: str | None
    status: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A tenant, what it uses, and the tenants below it."""

    tenant: TenantView
    platform: list[PlatformView] = field(default_factory=list)
    integrations: list[ClientView] = field(default_factory=list)
    children: list[TreeNode] = field(default_factory=list)
