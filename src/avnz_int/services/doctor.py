"""Examines everything that is stored, says how to mend what is wrong, and mends what is safe."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from avnz_int import clock
from avnz_int.db import keys, rows, tenants
from avnz_int.db.violations import storage_damage
from avnz_int.errors import (
    AvnzError,
    ForbiddenError,
    KeyMissingError,
    NotInitializedError,
    NotMigratedError,
    SealBrokenError,
    UnavailableError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.doctor import CheckCount, Diagnosis, Examination, Finding, Severity
from avnz_int.model.enums import Action, KeyStatus, Role
from avnz_int.model.secret import Secret
from avnz_int.services import access, doctor_integrations, lint
from avnz_int.services.doctor_accounts import ACCOUNTS, PERIODS, USAGE
from avnz_int.services.doctor_check import TARGET, Check, Look, Repair, Seals, command, note
from avnz_int.services.doctor_database import FILES, SCHEMA, STORAGE
from avnz_int.services.doctor_keys import ACTIVE, COUNTERS, DATA_KEYS, KEYRING
from avnz_int.services.doctor_reference import AUDIT, DEFINITIONS
from avnz_int.services.doctor_seals import FINGERPRINTS, PREVIOUS, ROTATION, SEALS
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Work

CHECKS = (
    *(FILES, KEYRING, DATA_KEYS, ACTIVE, SEALS, COUNTERS, ROTATION, PREVIOUS, FINGERPRINTS, AUDIT),
    *(DEFINITIONS, *doctor_integrations.CHECKS, ACCOUNTS, PERIODS, USAGE),
    # Last: SQLite checks its file beside all the others.
    *(SCHEMA, STORAGE),
)
LISTED = 1000
"""Findings of one check that are listed; of more their number is told."""
_OF_DAMAGE = (TypeError, ValueError, AttributeError)


class Doctor:
    """Examines (roles org_admin and auditor) and mends (org_admin)."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def examine(self, actor: Actor, wanted: Examination | None = None) -> Diagnosis:
        """What is not as it should be; changes nothing, and shows nothing of what it opens.

        A run that opens sealed values is recorded; where that cannot be, this is told and the findings stand.
        Each check reads in transactions of its own. A check that damage stops is a finding itself.

        Args:
            actor: an org_admin or auditor.
            wanted: what to look at; `fix` is not looked at here.

        Raises:
            NotInitializedError: there is no database, or no organization in it.
            UnavailableError: the database or the key service cannot be used now.
            NotFoundError, InvalidInputError: no checkpoint is at the path that was given.
        """
        self._admit(actor, Action.DOCTOR_READ, *access.READERS)
        wanted = wanted or Examination()
        with self._recorded(actor) as seen:
            return _diagnosis(*self._examined(actor, wanted, _chosen(wanted), seen))

    def mend(self, actor: Actor, wanted: Examination | None = None) -> Diagnosis:
        """What is left after what is safe to mend was mended, and what was; never credentials, status, money.

        What was mended is recorded, in the transaction that did it. Then everything is examined again.

        Raises:
            As `examine`.
        """
        self._admit(actor, Action.DOCTOR_FIX, Role.ORG_ADMIN)
        wanted = replace(wanted or Examination(), fix=True)
        checks = _chosen(wanted)
        with self._recorded(actor) as seen:
            before, _ = found = self._examined(actor, wanted, checks, seen)
            fixable = {finding.check for finding in before if finding.fixable}
            if not sum(self._mended(actor, check) for check in checks if check.name in fixable):
                return _diagnosis(*found)
            after, counts = self._examined(actor, wanted, checks, seen)
        standing = {_identity(finding) for finding in after}
        fixed = [
            replace(finding, fixed=True)
            for finding in before
            if finding.fixable and _identity(finding) not in standing
        ]
        return _diagnosis([*after, *fixed], counts)

    def _admit(self, actor: Actor, action: Action, *roles: Role) -> None:
        try:
            access.require(actor, action, *roles)
        except ForbiddenError as exc:
            self._work.refused(actor, action, TARGET, exc)
            raise

    @contextlib.contextmanager
    def _recorded(self, actor: Actor) -> Iterator[list[Seals]]:
        """Gets what each examination of a run saw of the sealed values, and records it as one event."""
        seen: list[Seals] = []
        try:
            yield seen
        finally:
            # Of an examination that something stopped, too.
            opened, unreadable = sum(one.opened for one in seen), sum(one.unreadable for one in seen)
            if opened or unreadable:
                self._record(actor, {"opened": opened, "unreadable": unreadable})

    def _record(self, actor: Actor, counts: dict[str, int]) -> None:
        try:
            with self._work.writing(actor, Action.DOCTOR_READ, TARGET) as work:
                work.record(counts)
        except (AvnzError, *_OF_DAMAGE) as exc:
            reason = exc.message if isinstance(exc, AvnzError) else f"a damaged row ({type(exc).__name__})"
            self._notify(f"that sealed values were opened could not be recorded: {reason}")

    def _mended(self, actor: Actor, check: Check) -> int:
        if check.mend is None:
            return 0
        try:
            return check.mend(Repair(self._work, actor, clock.now(), self._notify))
        except AvnzError as exc:
            self._notify(f"{check.name} could not be mended: {exc.message}")
            return 0

    def _examined(
        self, actor: Actor, wanted: Examination, checks: Sequence[Check], seen: list[Seals]
    ) -> tuple[list[Finding], list[CheckCount]]:
        database = self._work.database
        # Of its own: what this process opened before says nothing of what stands there now.
        vault = Vault(self._work.vault.source, self._notify)
        data_keys: Sequence[rows.Row] = []
        try:
            with database.read() as connection:
                if tenants.organization(connection) is None:
                    raise NotInitializedError(f"{database.shown} holds no organization yet")
                data_keys = keys.listing(connection)
        except NotMigratedError:
            # Nothing else can be asked; what is missing, this check tells.
            checks = (SCHEMA,)
        opening = SEALS in checks
        keyring, opened = _opened(vault, data_keys) if opening else (None, {})
        seals = Seals()
        seen.append(seals)
        with ThreadPoolExecutor(1) as beside:
            look = Look(
                work=Work(database, vault),
                actor=actor,
                wanted=wanted,
                moment=clock.now(),
                notify=self._notify,
                keyring=keyring,
                data_keys=data_keys,
                opened=opened,
                storage=beside.submit(storage_damage, database) if opening else beside.submit(list),
                seals=seals,
            )
            # A check may find what is another's to tell.
            listed = {check.name: _Listed() for check in checks}
            for check in checks:
                for finding in _guarded(check, look):
                    listed[finding.check].add(finding)
        findings = [finding for one in listed.values() for finding in one.findings()]
        return findings, [CheckCount(name, len(one.findings())) for name, one in listed.items()]


def _chosen(wanted: Examination) -> tuple[Check, ...]:
    if not wanted.lint:
        return CHECKS
    return tuple(dict.fromkeys((*CHECKS, *lint.CHECKS))) if wanted.fix else tuple(lint.CHECKS)


def _opened(
    vault: Vault, data_keys: Sequence[rows.Row]
) -> tuple[AvnzError | None, dict[str, Secret[bytes] | AvnzError]]:
    """Why the keyring cannot be used, if so; and what became of each data key. Outside any transaction."""
    try:
        vault.keyring  # noqa: B018  # read here
    except AvnzError as exc:
        return exc, {}
    opened: dict[str, Secret[bytes] | AvnzError] = {}
    for row in data_keys:
        if row["status"] != KeyStatus.RETIRED.value:
            try:
                opened[row["id"]] = vault.material(row)
            except (KeyMissingError, SealBrokenError) as exc:
                opened[row["id"]] = exc
    return None, opened


def _guarded(check: Check, look: Look) -> Iterator[Finding]:
    """The findings of a check, one of which is what stopped it, if anything did."""
    if check.needs_keys and look.keyring is not None:
        yield note(check.name, None, "not looked at: the keyring cannot be used", command("doctor"))
        return
    try:
        yield from check.find(look)
    except UnavailableError as exc:
        if not _damaged(look):
            raise
        yield _stopped(check, exc.message, "restore the database from a backup", Severity.INTEGRITY)
    except AvnzError as exc:
        if exc.exit_code in {2, 3}:
            raise
        severity = Severity.INTEGRITY if exc.exit_code == 8 else Severity.MEND
        yield _stopped(check, exc.message, exc.hint or command("db", "check"), severity)
    except _OF_DAMAGE as exc:
        # Somebody wrote there what no column may hold; the other checks go on.
        reason = f"a row holds data of a kind that does not belong there ({type(exc).__name__})"
        yield _stopped(check, reason, command("db", "check"), Severity.INTEGRITY)


def _stopped(check: Check, reason: str, remedy: str, severity: Severity) -> Finding:
    return Finding(check.name, severity, None, f"this check could not be finished: {reason}", remedy)


def _damaged(look: Look) -> bool:
    try:
        return bool(look.storage.result())
    except AvnzError:
        return True


class _Listed:
    """The first findings of a check, and how many more there are: memory stays the same."""

    def __init__(self) -> None:
        self._first: list[Finding] = []
        self._more: Counter[Severity] = Counter()
        self._last: Finding | None = None
        self._fixable = False

    def add(self, finding: Finding) -> None:
        """Keep or count it."""
        if len(self._first) < LISTED:
            self._first.append(finding)
            return
        self._more[finding.severity] += 1
        self._last = finding
        self._fixable |= finding.fixable

    def findings(self) -> list[Finding]:
        """Those kept, and one that counts the others."""
        if self._last is None:
            return self._first
        worst = next(severity for severity in Severity if self._more[severity])
        message = f"and {self._more.total()} more like these"
        return [
            *self._first,
            Finding(self._last.check, worst, None, message, self._last.remedy, fixable=self._fixable),
        ]


def _identity(finding: Finding) -> tuple[object, ...]:
    target = finding.target
    return (finding.check, finding.severity, target) if target else (finding.check, finding.severity)


def _diagnosis(findings: list[Finding], counts: list[CheckCount]) -> Diagnosis:
    healthy = all(finding.severity is Severity.NOTE or finding.fixed for finding in findings)
    return Diagnosis(healthy, findings, counts, sum(finding.fixed for finding in findings))
