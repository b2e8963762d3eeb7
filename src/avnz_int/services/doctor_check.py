"""What every check of the doctor is made of: what it looks at, how it tells what it found, how it mends."""

from __future__ import annotations

import contextlib
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from avnz_int.db import rows
from avnz_int.db.engine import Database
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import AvnzError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.doctor import Examination, Finding, Severity, Subject
from avnz_int.model.enums import Action
from avnz_int.model.secret import Secret
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Work

TARGET = Target("Database")


@dataclass(slots=True)
class Seals:
    """What the check of the sealed values saw, for checks that come after it.

    Attributes:
        complete: whether every value was looked at.
        by_key: data key id -> how many values its name is in the header of.
        older: how many of those that open are not on the active key.
        opened: how many opened, wherever they stand.
        unreadable: how many did not.
    """

    complete: bool = False
    by_key: Counter[str] = field(default_factory=Counter)
    older: int = 0
    opened: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What a check looks with; each opens transactions of its own, so that no failure reaches another.

    Attributes:
        work: over a vault that has opened nothing yet.
        keyring: why the keyring cannot be used, if so.
        data_keys: the rows of DataKey.
        opened: data key id -> its material, or why it does not open; retired ones are not in it.
        storage: the lines of the database's own check of its file, which runs beside the others.
        seals: filled by the check of the sealed values.
    """

    work: Work
    actor: Actor
    wanted: Examination
    moment: datetime
    notify: Notify
    keyring: AvnzError | None
    data_keys: Sequence[rows.Row]
    opened: Mapping[str, Secret[bytes] | AvnzError]
    storage: Future[list[str]]
    seals: Seals

    @property
    def database(self) -> Database:
        """What is looked at."""
        return self.work.database

    @property
    def vault(self) -> Vault:
        """The doctor's own."""
        return self.work.vault

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.database.read() as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class Repair:
    """What a check mends with."""

    work: Work
    actor: Actor
    moment: datetime
    notify: Notify

    def pages(self, check: str, step: Callable[[Connection, str], list[str]]) -> int:
        """How many rows were mended, page by page; each page is a transaction with its event.

        Args:
            check: its name.
            step: mends the next rows after an id, and gives their ids; none: all is done.
        """
        done, after = 0, ""
        while True:
            with self.work.writing(self.actor, Action.DOCTOR_FIX, TARGET) as work:
                mended = step(work.connection, after)
                if not mended:
                    return done
                work.record({"check": check, "ids": mended})
            done, after = done + len(mended), mended[-1]

    def record(self, check: str, facts: Mapping[str, Any]) -> None:
        """Record what another service mended on the doctor's behalf."""
        with self.work.writing(self.actor, Action.DOCTOR_FIX, TARGET) as work:
            work.record({"check": check, **facts})


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of finding.

    Attributes:
        find: yields the findings; may be stopped by any error of ours.
        mend: mends what is safe, and gives how many things that were.
        needs_keys: whether it says nothing without a keyring.
    """

    name: str
    find: Callable[[Look], Iterator[Finding]]
    mend: Callable[[Repair], int] | None = None
    needs_keys: bool = False


def integrity(check: str, target: Subject | None, message: str, remedy: str) -> Finding:
    """A key, a ciphertext or the audit trail fails its check."""
    return Finding(check, Severity.INTEGRITY, target, message, remedy)


def mend(check: str, target: Subject | None, message: str, remedy: str, *, fixable: bool = False) -> Finding:
    """Something to be mended."""
    return Finding(check, Severity.MEND, target, message, remedy, fixable=fixable)


def note(check: str, target: Subject | None, message: str, remedy: str) -> Finding:
    """Something to be known, which may be meant so."""
    return Finding(check, Severity.NOTE, target, message, remedy)


FIX = "avnz-int doctor --fix"


def command(*words: str) -> str:
    """An `avnz-int` command line that a shell takes as it is."""
    return shlex.join(("avnz-int", *words))


def subject_of_client(row: Mapping[str, Any]) -> Subject:
    """A client integration, from its `id`, `client`, `provider` and `name`."""
    return Subject(CLIENT_TABLE, row["id"], f"{row['client']}/{row['provider']}/{row['name']}")


def subject_of_platform(row: Mapping[str, Any]) -> Subject:
    """A platform integration, from its `id` and `provider`."""
    return Subject(PLATFORM_TABLE, row["id"], f"platform/{row['provider']}")


def ref_of(subject: Subject) -> str:
    """What a command line names it by: its REF, or its id where a terminal could not show the REF."""
    ref, row_id = subject.ref or "", subject.id or ""
    plain = ref.isprintable() and all(ref.split("/")) and not ref.startswith("-")
    return ref if plain or not row_id else row_id


def group_of(subject: Subject) -> str:
    """The group of commands for an integration."""
    return "platform" if subject.type == PLATFORM_TABLE else "client"


def replace_credentials(subject: Subject, *more: str) -> str:
    """The command line that gives an integration other credentials, from a file that is to be written."""
    return command(
        group_of(subject), "update", ref_of(subject), "--credentials-file", "credentials.json", *more
    )
