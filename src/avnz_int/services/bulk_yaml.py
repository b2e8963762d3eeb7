"""Records as YAML: a stream of documents, or one document that is a list; each read as it comes.

Only what JSON can say: no anchors, no tags, no dates that a bare word would become.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser
from yaml.resolver import Resolver

from avnz_int.model.bulk import Given

_LARGEST = 1024 * 1024
_READ = 64 * 1024
_AHEAD = 64 * 1024
"""More than libyaml reads ahead of what it gives."""
_END = "; nothing behind it was read"


class _Loader(Composer, CParser, SafeConstructor, Resolver):  # type: ignore[misc]  # PyYAML has no types
    """libyaml's parser under PyYAML's own composer, which can stop behind each item of a list."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
        for first, resolvers in Resolver.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: _Behind) -> None:
        self.behind = stream
        CParser.__init__(self, stream)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self.begin = 0
        self.begin_line = 1

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node; an alias is none that JSON has, and may stand for a million others."""
        event = self.peek_event()
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
            loader.get_event()
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
    try:
        return Given(start.line + 1, _plain(loader, node))
    except _RefusedError as exc:
        return Given(start.line + 1, problem=str(exc))


_PLAIN = {"tag:yaml.org,2002:" + name for name in ("str", "int", "float", "bool", "null")}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")


def _plain(loader: Any, node: Any) -> Any:
    """The JSON value of a node."""
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        found: dict[str, Any] = {}
        for key, part in node.value:
            name = _plain(loader, key)
            if not isinstance(name, str):
                raise _RefusedError("a name that is no string; quote it")
            if name in found:
                raise _RefusedError("an object has a name twice")
            found[name] = _plain(loader, part)
        return found
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_plain(loader, part) for part in node.value]
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _PLAIN:
        raise _RefusedError("a tag or value that JSON has no form for; quote it")
    kind = node.tag.rpartition(":")[2]
    if kind in {"int", "float"} and not _NUMBER.fullmatch(node.value):
        raise _RefusedError("a number that JSON has no form for; quote it")
    return loader.construct_object(node)
