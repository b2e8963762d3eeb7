"""The doctor on sealed values: each is opened, where it stands, and forgotten; memory stays the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from avnz_int.crypto import jwe
from avnz_int.crypto.cipher import KEY_BYTES, Cipher, DataKeys
from avnz_int.db import doctor, keys, previous
from avnz_int.db.keys import Found, SealedColumn
from avnz_int.errors import SealBrokenError
from avnz_int.model.doctor import Finding
from avnz_int.model.enums import Action, KeyPurpose, KeyStatus
from avnz_int.model.secret import Secret
from avnz_int.services import sealing
from avnz_int.services.doctor_check import (
    FIX,
    TARGET,
    Check,
    Look,
    Repair,
    command,
    integrity,
    mend,
    replace_credentials,
    subject_of_client,
    subject_of_platform,
)
from avnz_int.services.fingerprints import Fingerprinter
from avnz_int.services.resealing import BATCH, UNREADABLE, Marks, marks_of, place_of

_BEGINNING = '{"protected":"'
"""How a value of ours begins where it is text."""
_WRONG_KEY_ID = "it stands under another key id than the one in its header, which rotation goes by"


def _seals(look: Look) -> Iterator[Finding]:
    cipher = _cipher(look)
    active = {row["id"] for row in look.data_keys if row["status"] == KeyStatus.ACTIVE.value}
    with look.read() as connection:
        marks = marks_of(connection)
        for sealed in keys.SEALED:
            cursor: Any = None
            while page := keys.sealed_values(connection, sealed, after=cursor, limit=BATCH):
                cursor = page[-1].cursor
                wrong = _examined(look, cipher, sealed, page, marks, active)
                if wrong:
                    yield from _told(connection, sealed, wrong)
    look.seals.complete = True


def _cipher(look: Look) -> Cipher:
    """Opens with every key for credentials that is here, even where none of them is active."""
    found = {
        row["id"]: look.opened[row["id"]]
        for row in look.data_keys
        if row["purpose"] == KeyPurpose.CREDENTIALS.value and row["id"] in look.opened
    }
    opened = {key_id: key for key_id, key in found.items() if isinstance(key, Secret)}
    # A cipher has a key to seal with. This one seals nothing, so where none opens it may be any.
    return Cipher(
        DataKeys(opened or {"none": Secret(os.urandom(KEY_BYTES))}, active=next(iter(opened), "none"))
    )


def _examined(
    look: Look,
    cipher: Cipher,
    sealed: SealedColumn,
    page: Sequence[Found],
    marks: Marks,
    active: set[str],
) -> list[tuple[Found, str]]:
    """The values that do not open or stand under a wrong key id, with the reason."""
    wrong: list[tuple[Found, str]] = []
    kids: dict[Any, str] = {}
    by_key, older = look.seals.by_key, 0
    for found in page:
        header = _header(found.value)
        kid = kids.get(header) or _kid(found.value)
        if kid is not None:
            kids[header] = kid
            by_key[kid] += 1
        try:
            cipher.open(found.value, place_of(sealed, found, marks))
        except UNREADABLE as exc:
            look.seals.unreadable += 1
            wrong.append((found, exc.message))
        except TypeError:  # a NULL or a BLOB in a column that the seal is bound to
            look.seals.unreadable += 1
            wrong.append((found, f"{sealed.table.name} {found.id}: {sealed.column} stand in a damaged row"))
        else:
            look.seals.opened += 1
            if kid != found.key_id:
                wrong.append((found, _WRONG_KEY_ID))
            older += kid not in active
    look.seals.older += older
    return wrong


def _header(value: object) -> object:
    """The protected header as it stands: thousands of values share one."""
    if isinstance(value, str) and value.startswith(_BEGINNING):
        return value[len(_BEGINNING) : value.find('"', len(_BEGINNING))]
    if isinstance(value, Mapping) and isinstance(value.get("protected"), str):
        return value["protected"]
    return None if value is None else str(value)


def _kid(value: object) -> str | None:
    try:
        return jwe.read_kid(value)
    except SealBrokenError:
        return None


def _told(
    connection: Connection, sealed: SealedColumn, wrong: Sequence[tuple[Found, str]]
) -> Iterator[Finding]:
    named = doctor.named(connection, sealed.table, [found.id for found, _ in wrong])
    of_client = sealed.table is doctor.INTEGRATION
    for found, reason in wrong:
        row = named.get(
            found.id, {"id": found.id, "client": found.owner, "provider": found.provider, "name": "?"}
        )
        subject = subject_of_client(row) if of_client else subject_of_platform(row)
        if reason is _WRONG_KEY_ID:
            message = f"{subject.ref}: of {sealed.column}, {reason}"
            yield integrity(SEALS.name, subject, message, command("rotate-key", "--new-key"))
            continue
        key = f" (sealed by data key {kid})" if (kid := _kid(found.value)) else ""
        # Credentials from before go with the next replacement that keeps none.
        more = () if sealed.column == "credentials" else ("--keep-previous", "0s")
        yield integrity(
            SEALS.name, subject, f"{subject.ref}: {reason}{key}", replace_credentials(subject, *more)
        )


def _older(look: Look) -> Iterator[Finding]:
    if look.seals.older:
        yield mend(
            ROTATION.name,
            None,
            f"{look.seals.older} sealed values are still on older keys: a rotation did not finish",
            command("rotate-key", "--resume"),
        )


def _expired(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        count = previous.count_expired(connection, look.moment)
    if count:
        yield mend(
            PREVIOUS.name,
            None,
            f"{count} integrations hold previous credentials whose grace time is over",
            FIX,
            fixable=True,
        )


def _destroy(repair: Repair) -> int:
    with repair.work.writing(repair.actor, Action.DOCTOR_FIX, TARGET) as work:
        gone = sealing.destroy_expired(work)
        if gone:
            work.record({"check": PREVIOUS.name, "rows": gone})
    return gone


def _unmarked(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        count = Fingerprinter(look.work).missing(connection)
    if count:
        yield mend(
            FINGERPRINTS.name,
            None,
            f"{count} integrations have no fingerprints, or some by an older key: --lint cannot look at them",
            FIX,
            fixable=True,
        )


def _mark(repair: Repair) -> int:
    done, lost = Fingerprinter(repair.work).run(repair.actor)
    if done:
        repair.record(FINGERPRINTS.name, {"rows": done})
    if lost:
        repair.notify(f"{lost} integrations got no fingerprints, since their credentials do not open")
    return done


SEALS = Check("seals", _seals, needs_keys=True)
ROTATION = Check("rotation", _older, needs_keys=True)
PREVIOUS = Check("previous-credentials", _expired, _destroy)
FINGERPRINTS = Check("fingerprints", _unmarked, _mark)
