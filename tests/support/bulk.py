"""Records for tests of bulk import and export."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from avnz_int.model.bulk import ImportOptions, ImportReport, Records
from avnz_int.model.files import Form
from avnz_int.model.secret import Secret
from avnz_int.services import bulk_locks, bulk_reading
from avnz_int.services.bulk_export import Bundle
from avnz_int.wiring import Services
from support.scenes import ADMIN, PAYFLOW
from support.services import PASSWORD

UNTESTED = ImportOptions(test=False)
_KEY = ec.derive_private_key(7, ec.SECP256R1())
PRIVATE = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
"""A key that everybody can guess: PBES2 takes a second, and most tests are not about it."""
PUBLIC = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PRICING = {"percentageFee": 0.5, "flatFee": 10, "monthlyMinimum": 5000, "currency": "USD"}


def login(password: str = PASSWORD) -> dict[str, str]:
    """Payflow credentials; with the default those that the gateway of the tests knows."""
    return {"partner": "PayPal", "vendor": "acme", "user": "acme", "password": password}


def client_record(name: str = "Main", **more: Any) -> dict[str, Any]:
    """A client integration in own mode."""
    return {
        "kind": "client",
        "client": "acme",
        "provider": PAYFLOW,
        "name": name,
        "environment": "sandbox",
        "credentials": login(),
        **more,
    }


def platform_record(**more: Any) -> dict[str, Any]:
    """A platform integration."""
    return {
        "kind": "platform",
        "provider": PAYFLOW,
        "environment": "sandbox",
        "credentials": login(),
        **more,
    }


def lines(records: Iterable[Mapping[str, Any] | bytes]) -> bytes:
    """JSON Lines; bytes stand as they are."""
    return b"".join(
        (record if isinstance(record, bytes) else json.dumps(record).encode()) + b"\n" for record in records
    )


def reading(content: bytes, form: Form = Form.JSONL, private: bytes = PRIVATE) -> Records:
    """What reads this content."""
    return bulk_reading.records(
        lambda: contextlib.nullcontext(io.BytesIO(content)),
        form,
        lambda: bulk_locks.key_opener(Secret(private)),
    )


def take(
    services: Services,
    *records: Mapping[str, Any] | bytes,
    options: ImportOptions = UNTESTED,
    actor: Any = ADMIN,
) -> ImportReport:
    """The report of an import of these records."""
    return services.bulk_import.run(actor, reading(lines(records)), options)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Created, updated, skipped, failed."""
    return report.created, report.updated, report.skipped, report.failed


def bundle_of(services: Services) -> Bundle:
    """A bundle of everything, for `PRIVATE`."""
    return services.bulk_export.sealed(ADMIN, bulk_locks.for_recipient(PUBLIC))
