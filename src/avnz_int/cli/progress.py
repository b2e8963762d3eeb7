"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def bar(
    what: str,
    *,
    total: int | None = None,
    told: Callable[[Any], str] | None = None,
    open_ended: bool = False,
    **fields: Any,
) -> Iterator[Callable[..., None]]:
    """What moves the bar: it takes Rich's `completed`, `advance`, `total`, and the fields.

    Args:
        what: is under way.
        total: how many there are, where that is known at once.
        told: what else is said of Rich's task, as its rate.
        open_ended: nobody knows how many there will be; the time so far is told, not the time left.
        **fields: of the task, for `told`.
    """
    if not sys.stderr.isatty():
        yield lambda **_: None
        return
    # 48 ms that a script does not pay.
    from rich import progress  # noqa: PLC0415  # as said above
    from rich.console import Console  # noqa: PLC0415  # as said above
    from rich.text import Text  # noqa: PLC0415  # as said above

    class Told(progress.ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(told(task) if told else "")

    columns: list[str | progress.ProgressColumn] = [*progress.Progress.get_default_columns()[:2]]
    columns += [] if open_ended else [progress.MofNCompleteColumn()]
    columns += [Told()] if told else []
    columns += [progress.TimeElapsedColumn() if open_ended else progress.TimeRemainingColumn()]
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total, **fields)
        yield lambda **changes: shown.update(task, **changes)
