"""The tables of integrations of both levels, for queries that treat them alike."""

from __future__ import annotations

from avnz_int.db import tables

PLATFORM_TABLE = tables.PlatformIntegration.name
CLIENT_TABLE = tables.ClientIntegration.name
TABLES = (tables.PlatformIntegration, tables.ClientIntegration)
