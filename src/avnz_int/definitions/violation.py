"""Broken rules in our own words: jsonschema's messages hold the value, ours never do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from avnz_int.definitions.formats import FORMATS
from avnz_int.definitions.loader import nearest
from avnz_int.model.names import shown_name

if TYPE_CHECKING:
    from jsonschema import ValidationError

NOUNS = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a JSON array",
    "object": "a JSON object",
}
"""JSON types as a message names them."""

_NAME_READ = 64
_DEEPEST = 20
# C0 but tab and newline, DEL, C1, and half of a surrogate pair, which JSON can spell and UTF-8 cannot.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: which field, which keyword of the schema, and a sentence without any value."""

    field: str
    rule: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """`{"field", "rule", "message"}`, as `SchemaViolationError` takes it."""
        return {"field": self.field, "rule": self.rule, "message": self.message}


def unfit(value: Mapping[str, Any]) -> Iterator[Violation]:
    """What no provider may have: text that jsonb, headers or UTF-8 cannot carry, and bottomless JSON."""
    # A list of what waits, not recursion: JSON can be nested deeper than Python's stack.
    waiting: list[tuple[str, Any, int]] = [
        (shown_name(name, number), [name, part], 0)
        for number, (name, part) in enumerate(value.items(), 1)
        # Mostly a plain string under a plain name, of which there is nothing to tell.
        if type(part) is not str or _CONTROL.search(part) or _CONTROL.search(name)
    ]
    while waiting:
        at, part, depth = waiting.pop()
        if depth > _DEEPEST:
            yield Violation(at.split(".", 1)[0], "depth", "is nested too deeply")
        elif isinstance(part, str) and _CONTROL.search(part):
            yield Violation(at, "control", "must hold no control character (NUL, carriage return, …)")
        elif isinstance(part, dict):
            waiting += [
                (_join(at, shown_name(name, number)), [name, inner], depth + 1)
                for number, (name, inner) in enumerate(part.items(), 1)
            ]
        elif isinstance(part, list):
            waiting += [(at, inner, depth + 1) for inner in part]


def explain(schema: Mapping[str, Any], error: ValidationError) -> Iterator[Violation]:
    """What an error of jsonschema means: one violation for each field that it is about."""
    rule = str(error.validator)
    path = [str(part) for part in error.absolute_path]
    known = schema["properties"]
    at = ".".join(part if part in known else shown_name(part) for part in path)
    value: Any = error.instance
    wanted: Any = error.validator_value
    if "propertyNames" in error.absolute_schema_path:
        yield Violation(at, "propertyNames", "has a name that is not allowed")
    elif rule in _OF_OBJECTS:
        for name, message in _OF_OBJECTS[rule](wanted, value, list(known)):
            yield Violation(_join(at, name), rule, message)
    else:
        field = known.get(path[0], {}) if path else {}
        yield Violation(at, rule, _sentence(rule, wanted, field.get("description")))


Named = Iterator[tuple[str, str]]


def _required(wanted: list[str], value: Mapping[str, Any], _: list[str]) -> Named:
    for name in wanted:
        if name not in value:
            yield name, "is missing"


def _additional(_: Any, value: Mapping[str, Any], known: list[str]) -> Named:
    for number, name in enumerate(value, 1):
        if name in known:
            continue
        close = nearest(name[:_NAME_READ], known)
        if close:
            hint = f"did you mean {close[0]}?"
        else:
            hint = "the fields are " + ", ".join(known) if known else "there are none"
        yield shown_name(name, number), f"is not a field; {hint}"


def _dependent(wanted: Mapping[str, list[str]], value: Mapping[str, Any], _: list[str]) -> Named:
    for name, needed in wanted.items():
        for missing in needed:
            if name in value and missing not in value:
                yield missing, f"is missing, and {name} needs it"


def _any_of(wanted: list[Mapping[str, list[str]]], value: Mapping[str, Any], _: list[str]) -> Named:
    choices = [choice["required"] for choice in wanted]
    words = ", or ".join(" with ".join(names) for names in choices)
    # The first choice is the one to be recommended: its field is where a form shows the message.
    yield next(name for name in choices[0] if name not in value), f"give {words}"


_OF_OBJECTS: Mapping[str, Callable[[Any, Mapping[str, Any], list[str]], Named]] = {
    "required": _required,
    "additionalProperties": _additional,
    "dependentRequired": _dependent,
    "anyOf": _any_of,
}
_SENTENCES = {
    "minLength": "must be at least {} characters",
    "maxLength": "must be at most {} characters",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minItems": "must hold at least {} items",
    "maxItems": "must hold at most {} items",
    "maxProperties": "must hold at most {} entries",
    "uniqueItems": "must hold no item twice",
}


def _sentence(rule: str, wanted: Any, description: str | None) -> str:
    if rule == "minLength" and wanted == 1:
        return "must not be empty"
    if rule == "pattern":
        return f"does not match the pattern {wanted}" + (f" ({description})" if description else "")
    if rule == "type":
        return f"must be {NOUNS[wanted]}"
    if rule == "enum":
        return "must be one of " + ", ".join(wanted)
    if rule == "format":
        return f"must be {FORMATS[wanted][1]}"
    return _SENTENCES.get(rule, f"breaks the rule {rule}").format(wanted)


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
