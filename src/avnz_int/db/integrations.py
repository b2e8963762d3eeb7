"""The tables of integrations of both levels, for queries that treat them alike."""

from __future__ import annotations

from avnz_int.db import tables

TABLES = (tables.PlatformIntegration, tables.ClientIntegration)
