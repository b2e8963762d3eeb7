"""Whether the default of a field is a value that the field takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avnz_int.definitions.formats import FORMATS, compile_pattern

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def fits(value: Any, field: Mapping[str, Any]) -> bool:
    """Whether a default keeps to its field's own rules, which are sound."""
    kind = field["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if isinstance(value, str):
        noun = FORMATS.get(field.get("format", ""))
        return (
            field.get("minLength", 0) <= len(value) <= field.get("maxLength", len(value))
            and value in field.get("enum", [value])
            and compile_pattern(field.get("pattern", "")).search(value) is not None
            and (noun is None or noun[0](value))
        )
    if kind in ("integer", "number"):
        return bool(field.get("minimum", value) <= value <= field.get("maximum", value))
    return True
