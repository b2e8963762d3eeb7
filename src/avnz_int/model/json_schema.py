"""JSON Schema (2020-12) of what `encode` makes of a view's class."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from avnz_int.model.encode import camel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Mapping[Any, dict[str, Any]] = {
    Any: {},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
}


def of(kind: Any, title: str) -> dict[str, Any]:
    """The schema of a class of views, of `list[View]`, or of any type that its fields may have.

    A mapping stands for an object: key -> type.

    Raises:
        TypeError: there is no JSON form for it.
    """
    parts: dict[str, Any] = {}
    schema = {"$schema": DIALECT, "title": title, **_of(kind, parts)}
    return schema | ({"$defs": dict(sorted(parts.items()))} if parts else {})


def keys(view: type) -> tuple[str, ...]:
    """The JSON keys of a class of views."""
    return tuple(f.metadata.get("json", camel(f.name)) for f in dataclasses.fields(view))


def _of(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, Mapping):
        return _object({name: _of(one, parts) for name, one in kind.items()})
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _any_of([_of(one, parts) for one in inner])
    if origin in (list, tuple, Sequence):
        return {"type": "array", "items": _of(inner[0], parts)}
    if origin in (dict, Mapping) or kind is dict:
        return {"type": "object"} | ({"additionalProperties": _of(inner[1], parts)} if inner else {})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [one.value for one in kind]}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _view(kind, parts)
    raise TypeError(f"no JSON form for {kind}")


def _view(view: type, parts: dict[str, Any]) -> dict[str, Any]:
    if view.__name__ not in parts:
        parts[view.__name__] = {}  # a tree's nodes hold nodes
        hints = typing.get_type_hints(view)
        fields = zip(keys(view), dataclasses.fields(view), strict=True)
        properties = {key: _of(hints[f.name], parts) for key, f in fields}
        told = (inspect.getdoc(view) or "").partition("\n")[0]
        parts[view.__name__] = {"description": told, **_object(properties)}
    return {"$ref": f"#/$defs/{view.__name__}"}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _any_of(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema of several: plain types are listed in one `type`."""
    names = [choice["type"] for choice in choices if set(choice) == {"type"}]
    if len(names) == len(choices):
        return {"type": names}
    return {"anyOf": choices}
