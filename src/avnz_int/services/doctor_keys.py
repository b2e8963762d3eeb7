"""The doctor on keys: the keyring, the data keys that it opens, how often each has sealed."""

from __future__ import annotations

import os
import shlex
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from avnz_int.crypto.keysources import FileKeySource
from avnz_int.db import keys
from avnz_int.errors import AvnzError, IntegrityError, KeyringExposedError
from avnz_int.model.doctor import Finding, Severity, Subject
from avnz_int.model.enums import KeyPurpose, KeyStatus
from avnz_int.services.doctor_check import Check, Look, command, integrity, mend
from avnz_int.services.vault import MAX_SEALS, WARN_SEALS

_RESTORE_KEYS = "restore the DataKey table from a backup of this database"


def _keyring(look: Look) -> Iterator[Finding]:
    source = look.vault.source
    subject = Subject("Keyring", None, source.describe())
    if look.keyring is not None:
        severity = Severity.INTEGRITY if isinstance(look.keyring, IntegrityError) else Severity.MEND
        yield Finding(KEYRING.name, severity, subject, look.keyring.message, _keyring_remedy(look))
    if isinstance(source, FileKeySource):
        yield from _folder(source.path.parent, subject)


def _keyring_remedy(look: Look) -> str:
    source, error = look.vault.source, look.keyring
    if isinstance(error, KeyringExposedError) and isinstance(source, FileKeySource):
        path = shlex.quote(str(source.path))
        status = source.path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_uid in {os.geteuid(), 0}:
            return f"chmod 600 {path}"
    return (error.hint if error is not None else None) or command("keyring", "show")


def _folder(folder: Path, subject: Subject) -> Iterator[Finding]:
    """Who can write the folder can put another keyring in its place."""
    try:
        status = folder.stat()
    except OSError:
        return  # the keyring itself could not be read then
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        yield mend(
            KEYRING.name,
            subject,
            f"others can write the keyring's folder {folder} (mode {mode:04o}), and so replace the keyring",
            f"chmod go-w {shlex.quote(str(folder))}",
        )


def _data_keys(look: Look) -> Iterator[Finding]:
    for row in look.data_keys:
        found = look.opened.get(row["id"])
        if isinstance(found, AvnzError):
            subject = Subject("DataKey", row["id"], f"{row['purpose']} key {row['id']}")
            yield integrity(DATA_KEYS.name, subject, found.message, found.hint or command("keyring", "show"))


def _one_active(look: Look) -> Iterator[Finding]:
    active = Counter(row["purpose"] for row in look.data_keys if row["status"] == KeyStatus.ACTIVE.value)
    for purpose in KeyPurpose:
        if active[purpose] != 1:
            count = active[purpose] or "no"
            word = "keys" if active[purpose] > 1 else "key"
            remedy = _RESTORE_KEYS
            if purpose is KeyPurpose.FINGERPRINT and not active[purpose]:
                remedy = command("rotate-key", "--purpose", "fingerprint")
            yield integrity(
                ACTIVE.name,
                Subject("DataKey", None, f"the active key for {purpose}"),
                f"the database has {count} active {word} for {purpose}; there has to be one",
                remedy,
            )


def _counters(look: Look) -> Iterator[Finding]:
    # Read after the values were counted: each is counted before it is sealed.
    with look.read() as connection:
        rows = keys.listing(connection, KeyPurpose.CREDENTIALS)
    for row in rows:
        subject = Subject("DataKey", row["id"], f"{row['purpose']} key {row['id']}")
        seals = row["sealCount"]
        if not isinstance(seals, int):  # SQLite keeps any text there
            yield integrity(
                COUNTERS.name, subject, f"the seal count of {row['id']} is no number", _RESTORE_KEYS
            )
            continue
        there = look.seals.by_key[row["id"]]
        if look.seals.complete and seals < there:
            yield integrity(
                COUNTERS.name,
                subject,
                f"data key {row['id']} has sealed {there} values that are here and counts {seals} seals: "
                "its count was set back, so nobody knows how near its limit is",
                command("rotate-key", "--new-key"),
            )
        if row["status"] == KeyStatus.ACTIVE.value and seals > WARN_SEALS:
            left = "none are left" if seals >= MAX_SEALS else f"{MAX_SEALS - seals} are left"
            yield mend(
                COUNTERS.name,
                subject,
                f"data key {row['id']} has sealed {seals} times; of the 2^32 that are safe, {left}",
                command("rotate-key", "--new-key"),
            )


KEYRING = Check("keyring", _keyring)
DATA_KEYS = Check("data-keys", _data_keys, needs_keys=True)
ACTIVE = Check("active-keys", _one_active)
COUNTERS = Check("seal-counts", _counters)
