"""What an examination finds: data, so that every face shows the same and scripts can act on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

STALE_S: Final = 30 * 86400.0
"""A connection test says little after a month."""
MAX_AGE_S: Final = 90 * 86400.0
"""How old a secret may be where nobody says otherwise: what most policies ask for."""


class Severity(StrEnum):
    """How grave a finding is: a key, ciphertext or the trail fails its check; to be mended; to be known."""

    INTEGRITY = "integrity"
    MEND = "mend"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about.

    Attributes:
        type: the table's name, or `File`, `Keyring`, `AuditChain`.
        id: the row's id, None where it is no row.
        ref: what people call it.
    """

    type: str
    id: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        check: the name of the check that found it.
        remedy: a command line, or what to do where no command can.
        fixable: whether `--fix` mends it.
        fixed: whether it was mended just now.
    """

    check: str
    severity: Severity
    target: Subject | None
    message: str
    remedy: str
    fixable: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class CheckCount:
    """A check and how many findings of it stand."""

    name: str
    findings: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Result of an examination; `healthy` where nothing is left to be mended, notes aside.

    Attributes:
        findings: those that stand, and those that were mended just now.
        fixed: how many of them were.
    """

    healthy: bool
    findings: list[Finding]
    checks: list[CheckCount]
    fixed: int

    @property
    def standing(self) -> list[Finding]:
        """The findings that were not mended."""
        return [finding for finding in self.findings if not finding.fixed]


@dataclass(frozen=True, slots=True)
class Examination:
    """What is to be looked at.

    Attributes:
        lint: look at the fingerprints of secrets, too; without `fix` at nothing else.
        fix: mend what is safe.
        stale_s: how old a connection test may be.
        max_age_s: how old a secret may be (`lint`).
        checkpoint: what `audit export --checkpoint` wrote.
    """

    lint: bool = False
    fix: bool = False
    stale_s: float = STALE_S
    max_age_s: float = MAX_AGE_S
    checkpoint: Path | None = None
