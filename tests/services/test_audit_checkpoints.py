"""Exports and checkpoints: an end that was cut off is seen by who remembers a later one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avnz_int.errors import (
    AuditBrokenError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from avnz_int.model.enums import KeyPurpose
from avnz_int.model.views.audit import AuditVerdict
from avnz_int.wiring import Services
from support.services import dump, execute, make_services, prepared

KEPT = 9
"""Events that a forger leaves of the organization's chain."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the checkpoint is kept."""
    return tmp_path / "kept.json"


@pytest.fixture
def organization(services: Services) -> str:
    """The id of the organization, whose chain has more than `KEPT` events."""
    for number in range(KEPT):
        services.tenants.rename(services.actor, "acme", name=f"Acme {number}")
    return services.tenants.show_organization(services.actor).id


def exported(services: Services, path: Path | None = None) -> list[dict[str, Any]]:
    """What an export gives."""
    export = services.audit.export(services.actor, path)
    events = list(export)
    export.finish()
    return events


def last_of(path: Path, chain: str) -> int:
    """The sequence number that a checkpoint remembers of a chain."""
    return int(next(e["sequence"] for e in json.loads(path.read_text())["chains"] if e["chain"] == chain))


def cut(url: str, chain: str, kept: int = KEPT) -> None:
    """Cut the end of a chain off, its AuditHead edited along: what is left is whole in itself."""
    execute(url, 'DELETE FROM "AuditEvent" WHERE "chain" = :c AND "sequence" > :kept', c=chain, kept=kept)
    execute(
        url,
        'UPDATE "AuditHead" SET "sequence" = :kept, "mac" = (SELECT "mac" FROM "AuditEvent"'
        ' WHERE "chain" = :c AND "sequence" = :kept) WHERE "chain" = :c',
        c=chain,
        kept=kept,
    )


def said(verdict: AuditVerdict) -> tuple[bool, int | None]:
    """What the verdict says, without its reason."""
    return verdict.valid, verdict.first_bad_sequence


def test_goes_on(services: Services, path: Path, organization: str) -> None:
    """A checkpoint is private, fits the database then and later, and is replaced by a later one."""
    exported(services, path)
    first = last_of(path, organization)
    services.tenants.rename(services.actor, "acme", name="Later")

    assert 0o600 == path.stat().st_mode & 0o777
    assert [path.name] == [p.name for p in path.parent.iterdir() if "kept" in p.name]
    assert services.audit.verify(services.actor, path).valid
    exported(services, path)
    assert first + 2 == last_of(path, organization)


def test_empty_chain(on_sqlite: str, keyring: Path, path: Path) -> None:
    """A chain without events has an end, too."""
    services = make_services(on_sqlite, keyring)
    execute(on_sqlite, 'DELETE FROM "AuditEvent" WHERE "chain" = \'system\'')
    zeros = "0" * 64
    execute(
        on_sqlite, f'UPDATE "AuditHead" SET "sequence" = 0, "mac" = \'{zeros}\' WHERE "chain" = \'system\''
    )
    exported(services, path)

    assert 0 == last_of(path, "system")
    assert services.audit.verify(services.actor, path).valid
    services.close()


def test_cut(services: Services, prepared_url: str, path: Path, organization: str) -> None:
    """A cut tail is found although its AuditHead was edited along."""
    exported(services, path)
    cut(prepared_url, organization)
    found = services.audit.verify(services.actor, path)

    assert services.audit.verify(services.actor).valid
    assert (False, KEPT + 1) == said(found)
    assert f"cut off after event {KEPT}" in str(found.reason)


def test_replaced(services: Services, prepared_url: str, path: Path, organization: str) -> None:
    """A chain that was cut and then grew again past the checkpoint is found."""
    exported(services, path)
    remembered = last_of(path, organization)
    cut(prepared_url, organization)
    for number in range(remembered):
        services.tenants.rename(services.actor, "acme", name=f"Anew {number}")
    found = services.audit.verify(services.actor, path)

    assert services.audit.verify(services.actor).valid
    assert (False, remembered) == said(found)
    assert "was replaced" in str(found.reason)


def test_chain_gone(services: Services, prepared_url: str, path: Path) -> None:
    """A chain of the checkpoint that is not there any more is found."""
    exported(services, path)
    for table in ("AuditEvent", "AuditHead"):
        execute(prepared_url, f'DELETE FROM "{table}" WHERE "chain" = \'system\'')
    found = services.audit.verify(services.actor, path)

    assert (False, None) == said(found)
    assert "system has no end" in str(found.reason)


def test_of_another(services: Services, path: Path, tmp_path: Path) -> None:
    """A checkpoint of another database says nothing of this one, and is not overwritten."""
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    with prepared(f"sqlite:///{other / 'other.db'}", other / "keyring.json") as theirs:
        exported(theirs, path)
    found = services.audit.verify(services.actor, path)
    before = path.read_bytes()

    assert (False, None) == said(found)
    assert "of another database" in str(found.reason)
    with pytest.raises(AuditBrokenError, match="of another database"):
        exported(services, path)
    assert before == path.read_bytes()


def _drop_organization(document: dict[str, Any]) -> None:
    document["chains"] = [end for end in document["chains"] if end["chain"] == "system"]


ALTERED: dict[str, tuple[Callable[[dict[str, Any]], object], bool]] = {
    "sequence": (lambda d: [e.update(sequence=KEPT) for e in d["chains"] if e["chain"] != "system"], True),
    "mac": (lambda d: [e.update(mac="0" * 64) for e in d["chains"] if e["chain"] != "system"], True),
    "chain": (_drop_organization, False),
    "time": (lambda d: d.update(exportedAt="2020-01-01T00:00:00.000Z"), False),
    "signature": (lambda d: d.update(signature="0" * 64), False),
    "key": (lambda d: d.update(keyId="k" * 24), False),
    "organization": (lambda d: d.update(organizationId="k" * 24), False),
}
"""What was altered -> how, and whether that shows at an event."""


@pytest.mark.parametrize("what", ALTERED)
def test_altered(services: Services, path: Path, organization: str, what: str) -> None:
    """An altered checkpoint is found, with the event that it names otherwise, and is not overwritten."""
    exported(services, path)
    document = json.loads(path.read_text())
    alter, shows = ALTERED[what]
    alter(document)
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    found = services.audit.verify(services.actor, path)

    expected = last_of(path, organization) if shows else None
    assert (False, expected) == said(found)
    assert "checkpoint of" in str(found.reason)
    with pytest.raises(AuditBrokenError):
        exported(services, path)
    assert before == path.read_bytes()


def test_evidence_stays(services: Services, prepared_url: str, path: Path, organization: str) -> None:
    """After a cut an export gives what is left, but neither signs it nor overwrites the evidence."""
    exported(services, path)
    before = path.read_bytes()
    cut(prepared_url, organization)
    export = services.audit.export(services.actor, path)
    left = [event["sequence"] for event in export if event["chain"] == organization]

    assert list(range(1, KEPT + 2)) == left  # and the export's own
    with pytest.raises(AuditBrokenError) as caught:
        export.finish()
    assert KEPT + 1 <= caught.value.details["firstBadSequence"]
    assert before == path.read_bytes()


def test_broken_not_signed(services: Services, prepared_url: str, path: Path, organization: str) -> None:
    """Of an altered chain every event is exported, and nothing signed."""
    execute(
        prepared_url,
        'UPDATE "AuditEvent" SET "actorId" = \'os:mallory\' WHERE "chain" = :c AND "sequence" = 5',
        c=organization,
    )
    export = services.audit.export(services.actor, path)
    mallory = [event["sequence"] for event in export if event["actorId"] == "os:mallory"]

    assert [5] == mallory
    with pytest.raises(AuditBrokenError) as caught:
        export.finish()
    assert 5 == caught.value.details["firstBadSequence"]
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"kind": 1, "kind": 2}', b" " * (2 << 20), b"null"],
    ids=["empty", "object", "array", "bytes", "deep", "twice", "long", "null"],
)
def test_no_checkpoint(services: Services, prepared_url: str, path: Path, content: bytes) -> None:
    """What is no checkpoint is refused and left alone, before anything is recorded."""
    path.write_bytes(content)
    before = dump(prepared_url)
    with pytest.raises(InvalidInputError, match="not an audit checkpoint"):
        services.audit.verify(services.actor, path)
    with pytest.raises(InvalidInputError, match="not an audit checkpoint"):
        exported(services, path)

    assert content == path.read_bytes()
    assert before == dump(prepared_url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "other"),
        ("version", 2),
        ("chains", {}),
        ("chains", [1]),
        ("chains", [{"chain": "system", "sequence": True, "mac": ""}]),
        ("chains", [{"chain": "system", "sequence": -1, "mac": ""}]),
        ("chains", [{"chain": "system", "sequence": 1, "mac": ""}] * 2),
        ("exportedAt", "\x1b[31m"),
        ("exportedAt", "yesterday"),
        ("keyId", 1),
        ("signature", "é"),
    ],
)
def test_form(services: Services, path: Path, name: str, value: object) -> None:
    """A checkpoint is read strictly."""
    exported(services, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    with pytest.raises(InvalidInputError):
        services.audit.verify(services.actor, path)


def test_places(services: Services, tmp_path: Path, path: Path) -> None:
    """A checkpoint that is not there is not found; a folder, or a file in none, can be none."""
    with pytest.raises(NotFoundError):
        services.audit.verify(services.actor, path)
    for place in (tmp_path, tmp_path / "none" / "kept.json"):
        with pytest.raises(InvalidInputError):
            exported(services, place)
    with pytest.raises(StorageError):
        services.audit.verify(services.actor, tmp_path)


def test_unwritable(services: Services, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full the earlier checkpoint stays, and nothing beside it."""
    exported(services, path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        exported(services, path)
    assert before == path.read_bytes()
    assert [path.name] == [p.name for p in path.parent.iterdir() if "kept" in p.name]


def test_after_rotation(services: Services, path: Path, organization: str) -> None:
    """A checkpoint signed by an older audit key still counts."""
    exported(services, path)
    services.keys.rotate_purpose(services.actor, KeyPurpose.AUDIT)
    services.tenants.rename(services.actor, "acme", name="Under another key")

    assert services.audit.verify(services.actor, path).valid
    assert organization


def test_unfinished(services: Services, path: Path) -> None:
    """Nothing is signed before the last event was taken."""
    export = services.audit.export(services.actor, path)
    next(iter(export))

    with pytest.raises(RuntimeError):
        export.finish()
    assert not path.exists()
