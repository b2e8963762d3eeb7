"""Keeps the order of a schema's properties, in which their questions are asked, through the database.

A jsonb column forgets it: PostgreSQL sorts an object's keys. So the names are stored beside them, in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avnz_int.definitions import schema

_ORDER = "x-order"


def kept(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schema as it is stored: with the names of its properties in their order."""
    return None if found is None else {**found, _ORDER: list(found.get("properties", {}))}


def restored(found: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as its seed states it: the properties in their order, and no list of them."""
    properties: Mapping[str, Any] = found.get("properties", {})
    names = [name for name in found.get(_ORDER, ()) if name in properties]
    ordered = {name: properties[name] for name in [*names, *properties]}
    return {name: value for name, value in found.items() if name != _ORDER} | {"properties": ordered}


def restored_settings(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As `restored`; None where the provider has no settings."""
    return None if found is None else restored(found)


def shown(stored: Any) -> dict[str, Any]:
    """As `restored`, for those who only look: a damaged schema, which the doctor names, has no fields."""
    return restored(stored if schema.is_sound(stored) else {})


def shown_settings(stored: Any) -> dict[str, Any] | None:
    """As `shown`; None where the provider has no settings."""
    return None if stored is None else shown(stored)
