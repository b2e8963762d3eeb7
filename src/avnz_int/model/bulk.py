"""Bulk import and export: what a face asks for, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avnz_int.model.files import IfExists, Kind


@dataclass(frozen=True, slots=True)
class Given:
    """A record as it was read.

    Attributes:
        line: where it begins in its file, or in what a bundle holds; from 1.
        value: the JSON value, None where `problem` says why there is none.
        problem: words for a person, without any of the record's values.
    """

    line: int
    value: Any = field(default=None, repr=False)
    problem: str | None = None


Records = Callable[[], Iterator[Given]]
"""Reads a file of records from its beginning, each time it is called."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Attributes:
        test: ask each provider before saving.
        atomic: all or nothing, in one transaction.
        dry_run: judge each record against the database, and change nothing.
        validate_only: judge each record by the definitions in force alone.
        concurrency: connection tests at once, eight of them of one host.
        timeout_s: the deadline of each.
    """

    test: bool = True
    if_exists: IfExists = IfExists.FAIL
    atomic: bool = False
    dry_run: bool = False
    validate_only: bool = False
    batch_size: int = 2000
    concurrency: int = 8
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a record was kept out.

    Attributes:
        code: of the error, as everywhere.
        ref: what the record is about, as far as that could be read.
        details: of the error, such as `violations`; never a secret.
    """

    line: int
    kind: str | None
    ref: str | None
    code: str
    message: str
    hint: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the records.

    Attributes:
        errors: the first of them; `failed` counts all.
        dry_run: whether nothing was changed: this is only what would become of them; where they were
            judged by themselves alone, only `failed` counts.
    """

    created: int
    updated: int
    skipped: int
    failed: int
    dry_run: bool
    errors: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import or export is."""

    records: int
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """What to export.

    Attributes:
        kinds: none: all.
        client: the slug of the one client whose tenants and integrations are wanted.
    """

    kinds: frozenset[Kind] = frozenset()
    client: str | None = None

    def wants(self, kind: Kind) -> bool:
        """Whether records of a kind are wanted; the platform's are no client's."""
        if self.client is not None and kind is Kind.PLATFORM:
            return False
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class ExportReport:
    """How many records of each kind were written, and how many stored credentials did not open."""

    tenants: int
    platform: int
    clients: int
    unreadable: int
    mode: str
