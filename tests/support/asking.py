"""Asks one thing and prints the answer as JSON; `support.terminal` runs it: `python asking.py WHAT`."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from avnz_int.cli import fields, prompts
from avnz_int.definitions import schema
from avnz_int.errors import AvnzError

KINDS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["word", "count", "rate", "flag", "colour", "token"],
    "properties": {
        "word": {"type": "string", "title": "Word", "minLength": 1, "pattern": "^[a-z]+$", "default": "abc"},
        "copy": {"type": "string", "title": "Copy", "x-default-from": "word"},
        "count": {"type": "integer", "title": "Count", "minimum": 1, "default": 3},
        "rate": {"type": "number", "title": "Rate"},
        "flag": {"type": "boolean", "title": "Flag"},
        "colour": {"type": "string", "title": "Colour", "enum": ["red", "green", "blue"], "default": "green"},
        "shade": {"type": "string", "title": "Shade", "enum": ["dark", "light"]},
        "list": {"type": "array", "title": "List", "items": {"type": "string"}},
        "token": {"type": "string", "title": "Token", "format": "password", "minLength": 6},
        "headers": {
            "type": "object",
            "title": "Headers",
            "format": "password",
            "additionalProperties": {"type": "string"},
        },
    },
    "additionalProperties": False,
}
EITHER: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "key": {"type": "string", "title": "Key", "format": "password"},
        "user": {"type": "string", "title": "User"},
        "word": {"type": "string", "title": "Word", "format": "password"},
    },
    "anyOf": [{"required": ["key"]}, {"required": ["user", "word"]}],
    "dependentRequired": {"user": ["word"], "word": ["user"]},
    "additionalProperties": False,
}
_WORDS = "alpha beta gamma delta epsilon zeta eta theta iota"
MANY = [(f"choice {word}", word) for word in _WORDS.split()]


def _ask(what: str) -> Any:
    if what == "kinds":
        return fields.ask_object(KINDS, {}, schema.question_order(KINDS))
    if what == "either":
        return fields.ask_object(EITHER, {}, schema.question_order(EITHER))
    if what == "select":
        return prompts.select("Letter", MANY)
    if what == "short":
        return prompts.select("Letter", MANY[:3], default="beta", instruction="pick one")
    if what == "text":
        return prompts.text("Word", default="abc")
    if what == "secret":
        return prompts.secret("Token", validate=lambda text: None if len(text) > 3 else "is too short")
    if what == "confirm":
        return prompts.confirm("Sure?", default=False)
    with prompts.quiet():
        first = prompts.text("First")
        # What is typed now, between two questions, is typed ahead.
        prompts.say("thinking")
        time.sleep(0.5)
        return [first, prompts.secret("Token")]


if __name__ == "__main__":
    try:
        print(json.dumps(_ask(sys.argv[1])))  # noqa: T201
    except AvnzError as exc:
        print(f"{type(exc).__name__}: {exc.message}", file=sys.stderr)  # noqa: T201
        sys.exit(exc.exit_code)
