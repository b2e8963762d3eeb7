"""A quick yes for the plainest schemas: objects of strings, as most credentials are.

It never says yes where jsonschema would say no (a property test holds it to that), and it never says why not:
whatever it does not take is judged by jsonschema. It must not know of any keyword beside those listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from avnz_int.definitions.formats import FORMATS, compile_pattern

_TOLD = {"$schema", "$id", "title", "description", "default", "examples"}
_OBJECT = {"type", "properties", "required", "additionalProperties"}
_STRING = {"type", "minLength", "maxLength", "pattern", "format", "enum"}
_ENDLESS = 1 << 62
Fits = Callable[[str], object]
_Field = tuple[int, int, tuple[Fits, ...]]


def compiled(schema: Mapping[str, Any]) -> Callable[[dict[str, Any]], bool] | None:
    """What tells a valid value of this schema; None where the schema has more to it."""
    if not _only(schema, _OBJECT) or schema.get("type") != "object":
        return None
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    plain = all(_only(field, _STRING) and field.get("type") == "string" for field in properties.values())
    if not plain or schema.get("additionalProperties") is not False:
        return None
    fields = {
        name: (field.get("minLength", 0), field.get("maxLength", _ENDLESS), _tests(field))
        for name, field in properties.items()
    }
    required = frozenset(schema.get("required", ()))
    return lambda value: required <= value.keys() and _fits(fields, value)


def _fits(fields: Mapping[str, _Field], value: Mapping[str, Any]) -> bool:
    for name, part in value.items():
        field = fields.get(name)
        if field is None or type(part) is not str:
            return False
        least, most, tests = field
        if not least <= len(part) <= most or not all(test(part) for test in tests):
            return False
    return True


def _tests(field: Mapping[str, Any]) -> tuple[Fits, ...]:
    tests: list[Fits] = []
    if "pattern" in field:
        tests.append(compile_pattern(field["pattern"]).search)
    if "enum" in field:
        tests.append(frozenset(field["enum"]).__contains__)
    if field.get("format") in FORMATS:
        tests.append(FORMATS[field["format"]][0])
    return tuple(tests)


def _only(schema: Mapping[str, Any], known: set[str]) -> bool:
    return all(word in known or word in _TOLD or word.startswith("x-") for word in schema)
