"""Questions made from a JSON Schema: one for each property, judged by the schema as it is answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from avnz_int.cli import prompts
from avnz_int.definitions import schema
from avnz_int.definitions.schema import Field, Violation
from avnz_int.errors import SchemaViolationError

_ABSENT = {"required", "anyOf", "dependentRequired"}
"""Rules that speak of what is not there: they are judged once everything was asked."""


def ask_object(
    rules: Mapping[str, Any] | None, given: Mapping[str, Any], questions: Iterable[Field]
) -> dict[str, Any]:
    """The given values and the answers to the questions, keeping to all rules, in the schema's order.

    Args:
        rules: the schema; None allows no field.
        given: these are not asked for, unless a rule about several fields is broken.
        questions: what to ask.

    Raises:
        CancelledError: the person broke off.
        SchemaViolationError: a rule is broken that no answer can mend.
    """
    values = dict(given)
    asked = [one for one in questions if one.name not in values]
    while True:
        for one in asked:
            answer = _ask_field(rules, one, values)
            values.pop(one.name, None)
            if answer is not None:
                values[one.name] = answer
        broken = schema.violations(rules, values)
        if not broken:
            order = schema.question_order(rules)
            return {one.name: values[one.name] for one in order if one.name in values}
        asked = _affected(rules, values, broken)
        if not asked:
            raise SchemaViolationError("invalid fields", [v.as_dict() for v in broken])
        for violation in broken:
            prompts.say(f"{violation.field}: {violation.message}")


def _affected(
    rules: Mapping[str, Any] | None, values: Mapping[str, Any], broken: list[Violation]
) -> list[Field]:
    """The fields to ask for again: those named, those that need them, and every way out of an `anyOf`."""
    names = {violation.field.split(".", 1)[0] for violation in broken}
    if any(violation.rule == "anyOf" for violation in broken):
        names |= {name for choice in (rules or {}).get("anyOf", ()) for name in choice["required"]}
    for name, needed in (rules or {}).get("dependentRequired", {}).items():
        if name in values and any(other not in values for other in needed):
            names.add(name)
    return [one for one in schema.question_order(rules) if one.name in names]


def _ask_field(rules: Mapping[str, Any] | None, one: Field, values: Mapping[str, Any]) -> Any:
    """The answer as JSON value; None: left out."""
    copied = "" if one.default_from in schema.secret_fields(rules) else one.default_from or ""
    default = values.get(one.name, values.get(copied, one.default))
    hint = one.description
    if not one.required and "optional" not in f"{one.title} {hint}".lower():
        hint = f"{hint.rstrip('.')}; optional" if hint else "optional"
    if one.enum is not None:
        choices: list[tuple[str, str | None]] = [(word, word) for word in one.enum]
        if not one.required:
            choices.insert(0 if default is None else len(choices), ("(none)", None))
        return prompts.select(one.title, choices, default=default, instruction=one.description)
    if one.type == "boolean":
        return prompts.confirm(one.title, default=default is True)
    if one.type in {"array", "object"}:
        hint += f" (a JSON {one.type})"

    def reason(text: str) -> str | None:
        if not text and not one.required:
            return None
        try:
            value = schema.coerce(rules, one.name, text)
        except SchemaViolationError as exc:
            return "; ".join(v["message"] for v in exc.details["violations"])
        return "; ".join(v.message for v in _broken_by(rules, one.name, value)) or None

    if one.secret:
        text = prompts.secret(one.title, validate=reason, instruction=hint)
    else:
        shown = default if isinstance(default, str) else _as_json(default)
        text = prompts.text(one.title, default=shown, validate=reason, instruction=hint)
    return schema.coerce(rules, one.name, text) if text or one.required else None


def _as_json(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def _broken_by(rules: Mapping[str, Any] | None, name: str, value: Any) -> list[Violation]:
    found = schema.violations(rules, {name: value})
    return [v for v in found if v.rule not in _ABSENT and v.field.split(".", 1)[0] == name]


def lacking(rules: Mapping[str, Any] | None, values: Mapping[str, Any]) -> bool:
    """Whether the values break a rule by what is not there."""
    return any(v.rule in _ABSENT for v in schema.violations(rules, dict(values)))


def bad_values(rules: Mapping[str, Any] | None, values: Mapping[str, Any]) -> list[Violation]:
    """The rules that the values break by what they are, not by what they lack."""
    return [v for v in schema.violations(rules, dict(values)) if v.rule not in _ABSENT]
