"""A statement as plain text: aligned, 80 columns where its words allow, to be printed or mailed."""

from __future__ import annotations

from avnz_int.cli.printable import printable
from avnz_int.model import currency
from avnz_int.model.statements import StatementView

_WIDTH = 80


def text_of(view: StatementView) -> str:
    """The statement; no line ends in spaces, no character of a name can steer a terminal."""
    amounts = [currency.shown(line.amount, view.currency) for line in view.lines]
    total = currency.shown(view.total, view.currency)
    width = max(len(text) for text in (*amounts, total))
    room = _WIDTH - width - 2
    title = "Estimate" if view.id is None else "Statement"
    head = [
        ("Client", view.client),
        ("Integration", f"{view.name} ({view.provider})"),
        ("Month", f"{view.month} (UTC)"),
        ("Currency", view.currency),
    ]
    if view.closed_at is not None:
        head.append(("Closed", f"{view.closed_at:%Y-%m-%d %H:%M} UTC by {view.closed_by}"))
    rows = [f"{title} {view.id or ''}".rstrip(), "=" * _WIDTH]
    rows += [f"{name:<13}{printable(value)}" for name, value in head]
    rows.append("-" * _WIDTH)
    for line, amount in zip(view.lines, amounts, strict=True):
        rows += _wrapped(line.description, amount, room, width)
    rows += ["-" * _WIDTH, f"{'Total':<{room}}  {total:>{width}}"]
    return "\n".join(rows)


def _wrapped(text: str, amount: str, room: int, width: int) -> list[str]:
    import textwrap  # noqa: PLC0415  # only --print wraps

    first, *rest = textwrap.wrap(printable(text), room, subsequent_indent="  ") or [""]
    return [f"{first:<{room}}  {amount:>{width}}", *rest]
