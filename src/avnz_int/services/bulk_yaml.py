"""Records as YAML: a stream of documents, or one document that is a list; each read as it comes.

Only what JSON can say, and a bare word is what it is in a manifest (`services.manifest_reading`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

import yaml
from yaml.composer import Composer
from yaml.cyaml import CParser
from yaml.resolver import Resolver

from avnz_int.model.bulk import Given
from avnz_int.services.manifest_reading import ALIAS, ANCHOR, NAME, NUMBER, TAG, bare

_LARGEST = 1024 * 1024
_READ = 64 * 1024
_AHEAD = 64 * 1024
"""More than libyaml reads ahead of what it gives."""
_END = "; nothing behind it was read"


class _Loader(Composer, CParser, Resolver):  # type: ignore[misc]  # PyYAML has no types
    """libyaml's parser under PyYAML's own composer, which can stop behind each item of a list."""

    # What a bare word is, is decided by `bare`.
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def __init__(self, stream: _Behind) -> None:
        self.behind = stream
        CParser.__init__(self, stream)
        Composer.__init__(self)
        Resolver.__init__(self)
        self.begin = 0
        self.begin_line = 1
        self.refused: str | None = None

    def refuse_odd(self, event: Any) -> None:
        """Keep in mind what a record is to be refused for."""
        what = ALIAS if isinstance(event, yaml.AliasEvent) else ANCHOR if event.anchor is not None else None
        if what is None and event.tag is not None:
            what = TAG
        if what is not None and self.refused is None:
            self.refused = f"line {event.start_mark.line + 1}: {what}"

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node; an alias is none that JSON has, and may stand for a million others."""
        event = self.peek_event()
        self.refuse_odd(event)
        if isinstance(event, yaml.AliasEvent):
            self.get_event()
            return yaml.ScalarNode("alias", "")
        if event.end_mark.index - self.begin > _LARGEST:
            raise _EndError("the record is larger than 1 MiB")
        return super().compose_node(parent, index)


class _EndError(Exception):
    """Words for a person; where the next record begins is not known."""


class _RefusedError(Exception):
    """Words for a person."""


def read(file: BinaryIO, first: bytes) -> Iterator[Given]:
    """The records of a file whose first line was read already.

    What is no YAML ends the reading, since nobody knows where the next record begins.
    """
    loader = _Loader(_Behind(first, file))
    try:
        yield from _documents(loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        # Not the problem's own words, which may quote the file.
        yield Given(mark.line + 1 if mark else loader.begin_line, problem=f"not YAML{_END}")
    except (yaml.YAMLError, UnicodeDecodeError):
        yield Given(loader.begin_line, problem=f"not YAML in UTF-8, from here on{_END}")
    except RecursionError:
        yield Given(loader.begin_line, problem=f"nested too deeply{_END}")
    except _EndError as exc:
        yield Given(loader.begin_line, problem=f"{exc}{_END}")
    finally:
        loader.dispose()


class _Behind:
    """The first line, then the file; of one record so much that it is seen to be too large.

    libyaml keeps a whole scalar before it tells of it, so that its events come too late to stop it.
    """

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first = BytesIO(first)
        self._file = file
        self._left = _LARGEST + _AHEAD

    def read(self, size: int = _READ) -> bytes:
        """The next bytes."""
        if self._left <= 0:
            raise _EndError("a record that begins here or soon behind is larger than 1 MiB")
        found = self._first.read(size) or self._file.read(size)
        self._left -= len(found)
        return found

    def next_record(self) -> None:
        """What comes from here on is of another record."""
        self._left = _LARGEST + _AHEAD


def _documents(loader: Any) -> Iterator[Given]:
    loader.get_event()  # the stream's start
    while not loader.check_event(yaml.StreamEndEvent):
        loader.behind.next_record()
        loader.get_event()  # the document's start
        if loader.check_event(yaml.SequenceStartEvent):
            loader.refuse_odd(loader.get_event())
            while not loader.check_event(yaml.SequenceEndEvent):
                yield _record(loader)
            loader.get_event()
        elif not _is_empty(loader):
            yield _record(loader)
        loader.get_event()  # the document's end


def _is_empty(loader: Any) -> bool:
    """Whether the document holds nothing, as one behind a last `---` does; takes it then."""
    event = loader.peek_event()
    empty = isinstance(event, yaml.ScalarEvent) and event.value == "" and event.implicit[0]
    if empty:
        loader.get_event()
    return empty


def _record(loader: Any) -> Given:
    start = loader.peek_event().start_mark
    loader.begin, loader.begin_line = start.index, start.line + 1
    loader.anchors = {}
    node = loader.compose_node(None, None)
    loader.behind.next_record()
    # What breaks off before the next record is known to begin is told by where this one ends.
    loader.begin_line = node.end_mark.line + 1
    refused, loader.refused = loader.refused, None
    if refused is not None:
        return Given(start.line + 1, problem=refused)
    try:
        return Given(start.line + 1, _plain(node))
    except _RefusedError as exc:
        return Given(start.line + 1, problem=str(exc))


def _plain(node: Any) -> Any:
    """The JSON value of a node."""
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, part in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(key, NAME)
            if key.value in found:
                raise _refused(key, "an object has a name twice")
            found[key.value] = _plain(part)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(part) for part in node.value]
    if node.style:  # quoted, or a block
        return node.value
    try:
        value = bare(node.value)
    except ValueError:
        raise _refused(node, NUMBER) from None
    if isinstance(value, Decimal):
        value = float(value)
        if math.isinf(value):
            raise _refused(node, NUMBER)
    return value


def _refused(node: Any, what: str) -> _RefusedError:
    return _RefusedError(f"line {node.start_mark.line + 1}: {what}")
