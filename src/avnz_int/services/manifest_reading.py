"""YAML text -> values that know their line; only what JSON can say.

Words mean what the core schema of YAML 1.2 says, so that `no` is a word and `12:30` no number. A name that
stands twice, anchors, aliases and tags are refused. Numbers with a point stay exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import yaml

from avnz_int.errors import InvalidInputError

LARGEST = 16 * 1024 * 1024
_DEEPEST = 40
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[-+]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][-+]?[0-9]{1,3})?")
_ODD_NUMBER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL)
# libyaml where PyYAML was built with it: ten times as fast.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


ALIAS = "an alias (*name); write the value out"
ANCHOR = "an anchor (&name); write the values out"
TAG = "a tag (!name); leave it out"
NAME = "a name that is no plain word"
NUMBER = "a number that JSON has no form for; quote it"
"""What is refused, as a person is told."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its line; an object's value is name -> Node, a list's a list of Nodes."""

    value: Any
    line: int


def read(text: str, origin: str) -> Node:
    """The one document of a file.

    Raises:
        InvalidInputError: no YAML, or none that JSON could say; the message names the line.
    """
    if len(text) > LARGEST:
        raise InvalidInputError(f"{origin} is larger than {LARGEST // 1024 // 1024} MiB")
    parser = None
    try:
        parser = _PARSER(_as_yaml(text))
        return _Builder(parser, origin).document()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 1
    except yaml.YAMLError:
        line = 0
    finally:
        if parser is not None:
            parser.dispose()
    # Outside the handler, and not in its words: they quote the file.
    where = f" line {line}:" if line else ":"
    raise InvalidInputError(
        f"{origin}{where} not YAML", hint="check indentation, quotes and colons around this line"
    )


def bare(text: str) -> Any:
    """What a word without quotes is.

    Raises:
        ValueError: a number that JSON has no form for.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _ODD_NUMBER.fullmatch(text):
        raise ValueError(NUMBER)
    return text


def _as_yaml(text: str) -> str:
    """JSON without what YAML does not take of it: tabs between values, halves of a character as escapes."""
    if not text.lstrip().startswith("{"):
        return text
    return _ESCAPE.sub(_joined, text.replace("\t", " "))


def _joined(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    return bytes.fromhex(found[1] + found[2]).decode("utf-16-be")


class _Builder:
    """Makes nodes of a parser's events."""

    def __init__(self, parser: Any, origin: str) -> None:
        self._parser = parser
        self._origin = origin

    def document(self) -> Node:
        """The one document."""
        next_event = self._parser.get_event
        next_event()  # the stream's start
        event = next_event()
        if isinstance(event, yaml.StreamEndEvent):
            raise InvalidInputError(f"{self._origin} is empty", hint="avnz-int definitions schema manifest")
        node = self._node(next_event(), 0)
        next_event()  # the document's end
        event = next_event()
        if not isinstance(event, yaml.StreamEndEvent):
            self._fail(event, "a second document; a manifest is one")
        return node

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is yaml.AliasEvent:
            self._fail(event, ALIAS)
        if event.anchor is not None:
            self._fail(event, ANCHOR)
        line = event.start_mark.line + 1
        if kind is yaml.ScalarEvent:
            return Node(self._scalar(event), line)
        if event.tag is not None:
            self._fail(event, TAG)
        if depth == _DEEPEST:
            self._fail(event, "nested too deeply")
        if kind is yaml.SequenceStartEvent:
            items = []
            while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
                items.append(self._node(event, depth + 1))
            return Node(items, line)
        return Node(self._object(depth), line)

    def _object(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            if type(event) is not yaml.ScalarEvent or event.anchor is not None or event.tag is not None:
                self._fail(event, NAME)
            name = event.value
            if name in found:
                # Not the name: it may be a secret, pasted in the wrong place.
                self._fail(event, f"a name that stands here already, in line {found[name].line}")
            value = self._node(self._parser.get_event(), depth + 1)
            # An empty value has no place of its own; a person looks for the name.
            found[name] = Node(value.value, event.start_mark.line + 1)
        return found

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is not None:
            self._fail(event, TAG)
        if not event.implicit[0]:
            return text
        try:
            return bare(text)
        except ValueError:
            self._fail(event, NUMBER)

    def _fail(self, event: Any, what: str) -> NoReturn:
        raise InvalidInputError(f"{self._origin} line {event.start_mark.line + 1}: {what}")
