"""Keeps the order of a schema's properties, in which their questions are asked, through the database.

A jsonb column forgets it: PostgreSQL sorts an object's keys. So the names are stored beside them, in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ORDER = "x-order"


def kept(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schema as it is stored: with the names of its properties in their order."""
    return None if schema is None else {**schema, _ORDER: list(schema.get("properties", {}))}


def restored(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as its seed states it: the properties in their order, and no list of them."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    names = [name for name in schema.get(_ORDER, ()) if name in properties]
    ordered = {name: properties[name] for name in [*names, *properties]}
    return {name: value for name, value in schema.items() if name != _ORDER} | {"properties": ordered}


def restored_settings(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As `restored`; None where the provider has no settings."""
    return None if schema is None else restored(schema)
