"""What `db copy` gives back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CopyView:
    """A database that was copied, and what was looked at in the copy.

    Attributes:
        source: the database, without its password.
        rows: table -> rows.
        events: audit events whose chain was verified in the copy.
        opened: stored credentials that were opened in the copy.
    """

    source: str = field(metadata={"json": "from"})
    target: str = field(metadata={"json": "to"})
    rows: dict[str, int]
    events: int
    opened: int
