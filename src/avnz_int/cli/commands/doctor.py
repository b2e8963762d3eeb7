"""`avnz-int doctor`: everything that is stored, examined and mended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import moments, output
from avnz_int.cli.state import Format, Output, not_empty, state_of
from avnz_int.errors import IntegrityError, ToBeMendedError

if TYPE_CHECKING:
    from avnz_int.model.doctor import Diagnosis, Finding

_COLUMNS = ("check", "severity", "message", "remedy")
_LINES = 20
"""Findings of one check that are printed for people; all that are listed stand in the other formats."""
_WORDS = {"integrity": "INTEGRITY", "mend": "to mend", "note": "note"}


def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is safe, then examine again.")] = False,
    lint: Annotated[
        bool,
        typer.Option(
            "--lint",
            help="Look for the same secret in two places, for keys in the wrong environment and for old "
            "secrets, opening nothing; with --fix beside everything else.",
        ),
    ] = False,
    stale: Annotated[
        str, typer.Option("--stale", metavar="AGE", help="How old a connection test may be: 24h, 30d.")
    ] = "30d",
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="AGE", help="With --lint: how old a secret may be.")
    ] = "90d",
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            callback=not_empty,
            help="What `audit export --checkpoint` wrote: also find what was cut off since.",
        ),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Examine all that is stored, and say how to mend it.

    Exit 8 where a key, a stored credential or the audit trail fails its check, else 5 where something is to
    be mended; notes are exit 0. --fix never changes credentials, status or money.
    """
    from avnz_int.model.doctor import Examination

    state = state_of(ctx)
    wanted = Examination(
        lint=lint,
        fix=fix,
        stale_s=moments.seconds("--stale", stale),
        max_age_s=moments.seconds("--max-age", max_age),
        checkpoint=None if checkpoint is None else Path(checkpoint),
    )
    service = state.services.doctor
    found = (service.mend if fix else service.examine)(state.actor, wanted)
    if form in {Format.JSONL, Format.CSV}:
        findings = found.findings if form is Format.JSONL else [_flat(finding) for finding in found.findings]
        output.emit_all(state, form, findings, _COLUMNS)
    else:
        output.emit(state, form, found, _table)
    _judge(found)


def _flat(finding: Finding) -> dict[str, Any]:
    """A finding as a line of CSV."""
    target = finding.target
    return {
        "check": finding.check,
        "severity": finding.severity,
        "type": target and target.type,
        "id": target and target.id,
        "ref": target and target.ref,
        "message": finding.message,
        "remedy": finding.remedy,
        "fixable": finding.fixable,
        "fixed": finding.fixed,
    }


def _table(found: Diagnosis) -> None:
    by_check: dict[str, list[Finding]] = {}
    for finding in found.findings:
        by_check.setdefault(finding.check, []).append(finding)
    for check, findings in by_check.items():
        typer.echo(check)
        for finding in findings[:_LINES]:
            word = "fixed" if finding.fixed else _WORDS[finding.severity]
            typer.echo(f"  {word}: {output.shown(finding.message)}")
            if not finding.fixed:
                typer.echo(f"    {output.shown(finding.remedy)}")
        if len(findings) > _LINES:
            typer.echo(f"  {len(findings) - _LINES} more are in -o json")
    typer.echo(f"{len(found.checks)} checks: {_summary(found)}")


def _summary(found: Diagnosis) -> str:
    counts = dict.fromkeys(_WORDS, 0)
    for finding in found.standing:
        counts[finding.severity] += 1
    parts = [
        f"{counts['integrity']} of integrity",
        f"{counts['mend']} to mend",
        f"{counts['note']} notes",
        f"{found.fixed} fixed",
    ]
    told = [part for part in parts if not part.startswith("0 ")]
    return ", ".join(told) or "all is well"


def _judge(found: Diagnosis) -> None:
    """Raise what the gravest finding is, unless all is well.

    Raises:
        IntegrityError: something is lost or was altered.
        ToBeMendedError: something is to be mended.
    """
    severities = {finding.severity for finding in found.standing}
    hint = "each finding has its remedy"
    if "integrity" in severities:
        raise IntegrityError(f"something fails its integrity check: {_summary(found)}", hint=hint)
    if "mend" in severities:
        raise ToBeMendedError(f"something is to be mended: {_summary(found)}", hint=hint)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(doctor)
