"""Takes the fields of a manifest's objects one by one and keeps what is wrong with each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from avnz_int.definitions.loader import nearest
from avnz_int.errors import InvalidInputError
from avnz_int.model.encode import camel
from avnz_int.model.inputs import UNSET, Unset
from avnz_int.model.manifest import Spot
from avnz_int.model.names import shown_name
from avnz_int.services.manifest_reading import Node

T = TypeVar("T")
_SHOWN = 10
_NAME_READ = 64
MOST = 1000
"""Problems of a file that are kept."""
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


class Problems:
    """What is wrong with a file, to be told all at once; the 1,000th ends the reading.

    Args:
        origin: the file's name.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._found: list[tuple[Spot, str]] = []

    def add(self, spot: Spot, message: str) -> None:
        """Keep one.

        Raises:
            InvalidInputError: there are too many to go on; as `raise_any`.
        """
        self._found.append((spot, message))
        if len(self._found) == MOST:
            raise self._error(None, "and perhaps more: what follows was not read")

    def attempt(self, spot: Spot, act: Callable[[], T]) -> T | None:
        """What `act` gives; None where it refuses, which is kept."""
        try:
            return act()
        except InvalidInputError as exc:
            words = exc.message
        # What the command line calls --monthly-limit, the file calls monthlyLimit.
        self.add(spot, _OPTION.sub(lambda option: camel(option[1].replace("-", "_")), words))
        return None

    def raise_any(self, hint: str | None = None) -> None:
        """Raise what was found wrong, if anything was.

        Raises:
            InvalidInputError: the first ten in words, all in `details["problems"]`.
        """
        if self._found:
            raise self._error(hint)

    def _error(self, hint: str | None, *ends: str) -> InvalidInputError:
        told = [f"{spot}: {message}" for spot, message in self._found[:_SHOWN]]
        more = len(self._found) - len(told)
        words = "; ".join([*told, *([f"and {more} more"] if more else []), *ends])
        return InvalidInputError(
            f"{self.origin} {words}",
            hint=hint or "avnz-int definitions schema manifest prints the schema of the file",
            details={
                "problems": [
                    {"line": spot.line, "path": spot.path, "message": message}
                    for spot, message in self._found
                ]
            },
        )


class Fields:
    """The fields of one object. What is not of the right kind is a problem and counts as left out.

    Args:
        problems: gets what is wrong.
        node: the object.
        path: of it in the file, "" for the whole.
        names: the fields it may have.
        required: those it must have.
    """

    def __init__(
        self, problems: Problems, node: Node, path: str, names: Iterable[str], required: Iterable[str] = ()
    ) -> None:
        self._problems = problems
        self._path = path
        self.spot = Spot(node.line, path)
        self._fields: Mapping[str, Node] = {}
        if not isinstance(node.value, dict):
            problems.add(self.spot, "must be an object")
            return
        self._fields = node.value
        allowed = set(names)
        for number, name in enumerate(node.value, 1):
            if name in allowed:
                continue
            near = nearest(name[:_NAME_READ], allowed)
            words = f"; did you mean {' or '.join(near)}?" if near else ""
            shown = shown_name(name, number)
            spot = Spot(node.value[name].line, f"{path}.{shown}" if path else shown)
            problems.add(spot, f"there is no such field{words}")
        for name in required:
            if name not in node.value:
                problems.add(self.spot, f"{name} is missing")

    def at(self, name: str) -> Spot:
        """The place of a field."""
        node = self._fields.get(name)
        path = f"{self._path}.{name}" if self._path else name
        return Spot(node.line if node else self.spot.line, path)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def node(self, name: str) -> Node | None:
        """The field as it was read; None where it is left out."""
        return self._fields.get(name)

    def text(self, name: str) -> str | Unset:
        """A string."""
        return self._typed(name, str, "a string; quote it")

    def nullable_text(self, name: str) -> str | Unset | None:
        """A string, or null."""
        node = self._fields.get(name)
        return None if node is not None and node.value is None else self.text(name)

    def flag(self, name: str) -> bool | Unset:
        """True or false."""
        return self._typed(name, bool, "true or false")

    def whole(self, name: str) -> int | Unset | None:
        """A whole number, or null."""
        node = self._fields.get(name)
        if node is None:
            return UNSET
        value = node.value
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self._problems.add(self.at(name), "must be a whole number")
        return UNSET

    def number(self, name: str) -> Decimal | Unset:
        """An exact number."""
        node = self._fields.get(name)
        if node is None:
            return UNSET
        if isinstance(node.value, int | Decimal) and not isinstance(node.value, bool):
            return Decimal(node.value)
        self._problems.add(self.at(name), "must be a number")
        return UNSET

    def word(self, name: str, words: Callable[[str], T], choices: Iterable[str]) -> T | Unset:
        """A word of an enum."""
        node = self._fields.get(name)
        if node is None:
            return UNSET
        if node.value not in list(choices):
            self._problems.add(self.at(name), f"must be one of {', '.join(choices)}")
            return UNSET
        return words(node.value)

    def items(self, name: str) -> list[tuple[Node, str]] | Unset:
        """The items of a list, each with its path."""
        node = self._fields.get(name)
        if node is None:
            return UNSET
        if not isinstance(node.value, list):
            self._problems.add(self.at(name), "must be a list")
            return UNSET
        path = self.at(name).path
        return [(item, f"{path}[{i}]") for i, item in enumerate(node.value)]

    def checked(self, name: str, check: Callable[[str], str]) -> str | Unset:
        """A string that a rule takes."""
        value = self.text(name)
        if isinstance(value, Unset):
            return UNSET
        found = self._problems.attempt(self.at(name), lambda: check(value))
        return UNSET if found is None else found

    def _typed(self, name: str, kind: type[T], noun: str) -> T | Unset:
        node = self._fields.get(name)
        if node is None:
            return UNSET
        if isinstance(node.value, kind):
            return node.value
        self._problems.add(self.at(name), f"must be {noun}")
        return UNSET


def each(fields: Fields, name: str, make: Callable[[Node, str], T]) -> tuple[T, ...] | Unset:
    """What `make` gives of each item of a list and its path."""
    items = fields.items(name)
    return UNSET if isinstance(items, Unset) else tuple(make(node, path) for node, path in items)


def require_once(
    problems: Problems, found: Iterable[T] | Unset, key: Callable[[T], tuple[Any, ...]], what: str
) -> None:
    """Report to `problems` each thing whose key another one has; things have a `spot`."""
    first: dict[tuple[Any, ...], Spot] = {}
    for one in () if isinstance(found, Unset) else found:
        spot: Spot = one.spot  # type: ignore[attr-defined]  # whatever was made of an object has one
        seen = first.setdefault(key(one), spot)
        if seen is not spot:
            problems.add(spot, f"{what} stands in line {seen.line} already")


def given(value: T | Unset, default: T) -> T:
    """The value, where one was given."""
    return default if isinstance(value, Unset) else value


def plain(node: Node) -> Any:
    """The JSON value of a node."""
    value = node.value
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value
