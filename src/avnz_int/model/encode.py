"""View -> JSON-ready value: camelCase keys, RFC 3339 times; for `-o json` and the HTTP API alike."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from functools import cache
from typing import Any

from avnz_int import clock


def camel(name: str) -> str:
    """`is_shared_with_clients` -> `isSharedWithClients`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


@cache
def _fields(view: Any) -> tuple[tuple[str, str], ...]:
    return tuple((f.name, f.metadata.get("json", camel(f.name))) for f in dataclasses.fields(view))


def encode(value: Any) -> Any:
    """The JSON-ready form of a view, or of a list of them; a plain JSON value stays as it is."""
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: encode(getattr(value, name)) for name, key in _fields(type(value))}
    raise TypeError(f"no JSON form for {type(value).__name__}")
