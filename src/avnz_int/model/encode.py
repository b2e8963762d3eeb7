"""View -> JSON-ready value: camelCase keys, RFC 3339 times; for `-o json` and the HTTP API alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from avnz_int import clock


def camel(name: str) -> str:
    """`is_shared_with_clients` -> `isSharedWithClients`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


_SCALARS = (str, int, float)
_PLAIN = frozenset({*_SCALARS, bool, type(None)})


_DECLARED_PLAIN = frozenset(f"{kind}{none}" for kind in ("str", "int", "bool") for none in ("", " | None"))


@cache
def _fields(view: Any) -> tuple[tuple[str, ...], Callable[[Any], Any], tuple[str, ...]]:
    """The JSON keys of a view's class, what gets their values from a view, and which may not be plain."""
    found = dataclasses.fields(view)
    names = [f.name for f in found]
    keys = tuple(f.metadata.get("json", camel(f.name)) for f in found)
    get = attrgetter(*names) if len(names) > 1 else lambda one: tuple(getattr(one, name) for name in names)
    return keys, get, tuple(key for f, key in zip(found, keys, strict=True) if f.type not in _DECLARED_PLAIN)


def encode(value: Any) -> Any:
    """The JSON-ready form of a view, or of a list of them; a plain JSON value stays as it is."""
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keys, get, others = _fields(type(value))
        made = dict(zip(keys, get(value), strict=True))
        # Most fields are plain; a look at each of them is a sixth of what a long listing costs.
        for key in others:
            part = made[key]
            if type(part) not in _PLAIN:
                made[key] = encode(part)
        return made
    raise TypeError(f"no JSON form for {type(value).__name__}")
