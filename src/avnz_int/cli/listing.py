"""What every listing can do: `--columns`, `--sort`, `--filter`, `--limit` and `--cursor`.

The options work on the JSON-ready rows, so that they are the same for every listing and every form.
"""

from __future__ import annotations

import base64
import functools
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from avnz_int.cli.state import State, not_empty, state_of
from avnz_int.errors import ConflictError, UsageError

Row = Mapping[str, Any]

_MISSING = object()
_OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "columns": (
        Annotated[
            str | None,
            typer.Option("--columns", metavar="KEY,...", callback=not_empty, help="Only these keys."),
        ],
        None,
    ),
    "sort": (
        Annotated[
            str | None,
            typer.Option("--sort", metavar="KEY,...", callback=not_empty, help="By these keys; -KEY: down."),
        ],
        None,
    ),
    "where": (
        Annotated[
            list[str] | None,
            typer.Option("--filter", metavar="KEY=VALUE", help="Only rows with this value; KEY!=VALUE: not."),
        ],
        None,
    ),
    "limit": (
        Annotated[
            int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many; tells --cursor.")
        ],
        None,
    ),
    "cursor": (
        Annotated[
            str | None,
            typer.Option("--cursor", metavar="CURSOR", callback=not_empty, help="Go on after that page."),
        ],
        None,
    ),
}


def listing(*, paged: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that gives these options to a command which ends in `output.emit_all`.

    Args:
        paged: with `--limit` and `--cursor`; else the command has its own way.
    """
    added = {name: kind for name, kind in _OPTIONS.items() if paged or name not in {"limit", "cursor"}}

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(ctx: typer.Context, **given: Any) -> None:
            state = state_of(ctx)
            state.listing = ctx.command_path.partition(" ")[2]
            state.pick = Pick(
                columns=_words(given.pop("columns")),
                sort=_words(given.pop("sort")),
                where=tuple(map(Condition.of, given.pop("where") or ())),
                limit=given.pop("limit") if paged else None,
                cursor=given.pop("cursor") if paged else None,
            )
            command(ctx, **given)

        signature = inspect.signature(command, eval_str=True)
        known = list(signature.parameters.values())
        # Before `--output`, which stands last everywhere.
        place = next((i for i, one in enumerate(known) if one.name == "form"), len(known))
        fresh = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in added.items()
        ]
        ordered = [*known[:place], *fresh, *known[place:]]
        run.__signature__ = signature.replace(  # type: ignore[attr-defined]  # what inspect looks for
            parameters=[one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in ordered]
        )
        run.__annotations__ = {
            **command.__annotations__,
            **{name: kind for name, (kind, _) in added.items()},
        }
        return run

    return decorated


def require_listing(state: State, option: str) -> None:
    """Refuse these options where a command lists nothing.

    Raises:
        UsageError: it is.
    """
    if state.pick is not None and state.pick.asked:
        raise UsageError(f"--columns, --sort, --filter, --limit and --cursor go with {option}")


@dataclass(frozen=True, slots=True)
class Condition:
    """`KEY=VALUE` or `KEY!=VALUE`; the value is compared with what a table shows or JSON has."""

    key: str
    value: str
    negated: bool

    @classmethod
    def of(cls, text: str) -> Condition:
        """From what was typed.

        Raises:
            UsageError: it has no `=`.
        """
        key, equals, value = text.partition("=")
        if not equals or not key.removesuffix("!"):
            raise UsageError(f"--filter {text!r} is no KEY=VALUE", hint="as in --filter status=active")
        return cls(key.removesuffix("!"), value, key.endswith("!"))

    def holds(self, row: Row) -> bool:
        """Whether a row fits."""
        value = _at(row, self.key)
        if value is None:
            same = self.value in {"", "null"}
        elif isinstance(value, bool):
            same = self.value in ({"true", "yes"} if value else {"false", "no"})
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            same = self.value in value
        else:
            same = self.value == (value if isinstance(value, str) else json.dumps(value))
        return same is not self.negated


@dataclass(frozen=True, slots=True)
class Pick:
    """Which rows and keys of a listing were asked for."""

    columns: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    limit: int | None = None
    cursor: str | None = None

    @property
    def asked(self) -> bool:
        """Whether anything else was asked for than every row as it is."""
        return bool(self.columns or self.sort or self.where or self.limit or self.cursor)

    def page(self, every: Iterable[Row]) -> tuple[list[Row], str | None]:
        """The rows of this page with the wanted keys, and the cursor of the next one, None after the last.

        Raises:
            UsageError: a key that the rows do not have, or a cursor of another listing.
            ConflictError: the row that the last page ended with is there no more.
        """
        found = list(every)
        self._check_keys(found)
        found = [row for row in found if all(condition.holds(row) for condition in self.where)]
        for key in reversed(self.sort):
            down = key.startswith("-")
            found.sort(key=functools.partial(_rank, key.removeprefix("-"), down), reverse=down)
        start = 0 if self.cursor is None else self._start(found)
        page = found[start:] if self.limit is None else found[start : start + self.limit]
        cursor = self._cursor(page[-1]) if page and start + len(page) < len(found) else None
        if self.columns:
            page = [{key: _at(row, key) for key in self.columns} for row in page]
        return page, cursor

    def _check_keys(self, found: Sequence[Row]) -> None:
        if not found:
            return
        wanted = [
            *self.columns,
            *(key.removeprefix("-") for key in self.sort),
            *(condition.key for condition in self.where),
        ]
        for key in wanted:
            if all(_at(row, key, _MISSING) is _MISSING for row in found):
                raise UsageError(
                    f"these rows have no key {key!r}",
                    hint=f"they have {', '.join(found[0])}; KEY.INNER reaches into an object",
                )

    def _start(self, found: Sequence[Row]) -> int:
        asked, last = cursor_parts(self.cursor or "", 2)
        if asked != self._asked():
            raise another_listing()
        for i, row in enumerate(found):
            if _identity(row) == last:
                return i + 1
        raise ConflictError(
            "the row that the last page ended with is there no more", hint="begin again without --cursor"
        )

    def _cursor(self, row: Row) -> str:
        return cursor_of(self._asked(), _identity(row))

    def _asked(self) -> list[Any]:
        return [list(self.sort), [[c.key, c.value, c.negated] for c in self.where]]


def cursor_of(*parts: Any) -> str:
    """A cursor that carries JSON values."""
    said = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def cursor_parts(cursor: str, count: int) -> list[Any]:
    """What a cursor carries.

    Raises:
        UsageError: it is not one that carries so many values.
    """
    try:
        parts = json.loads(base64.urlsafe_b64decode(f"{cursor}==").decode())
    except (ValueError, TypeError):
        parts = None
    if not isinstance(parts, list) or len(parts) != count:
        raise another_listing()
    return parts


def another_listing() -> UsageError:
    """What a cursor that does not fit is told."""
    return UsageError(
        "--cursor is of another listing", hint="repeat it with the options that it was told for"
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def _at(row: Row, key: str, missing: Any = None) -> Any:
    """The value of `key`, or of `outer.inner`."""
    value: Any = row
    for part in (key,) if key in row else key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return missing
        value = value[part]
    return value


def _rank(key: str, down: bool, row: Row) -> tuple[bool, str, Any]:  # for partial()
    """For sorting: what has no value comes last either way, values of one kind stand together."""
    value = _at(row, key)
    if value is None:
        return not down, "", ""
    if isinstance(value, bool | int | float):
        return down, "", value
    return down, "text", value if isinstance(value, str) else json.dumps(value)


def _identity(row: Row) -> Any:
    """What tells a row from the others: its id, or where it has none all of it."""
    return row["id"] if row.get("id") is not None else json.dumps(row, sort_keys=True)
