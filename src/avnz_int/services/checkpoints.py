"""Checkpoints: the ends of all audit chains at one moment, signed, to be kept away from the database.

A chain that was cut off together with its `AuditHead` is whole in itself; only who remembers a later end sees
it. A checkpoint is JSON: `kind`, `version`, `organizationId`, `exportedAt`, `keyId`, `chains` (each `chain`,
`sequence`, `mac`), and `signature`: hex HMAC-SHA-256, under the audit key named in `keyId`, of the canonical
JSON of the rest. Whoever holds keyring and database can forge chain and checkpoint both.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avnz_int import clock, files
from avnz_int.crypto.cipher import mac
from avnz_int.crypto.jwe import unique_members
from avnz_int.errors import InvalidInputError, NotFoundError, StorageError
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Secret
from avnz_int.services.chain import Mark

_KIND = "avnz-int audit checkpoint"
_VERSION = 1
_LARGEST = 1 << 20  # ten thousand chains; an organization has two
_MEMBERS = {"kind", "version", "organizationId", "exportedAt", "keyId", "chains", "signature"}
_signed_form = json_writer(ascii_only=True, sort_keys=True)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a chain: its last event."""

    chain: str
    sequence: int
    mac: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ends of all chains of an organization's database.

    Attributes:
        exported_at: RFC 3339.
        key_id: of the audit key that signed it.
        signature: 64 hexadecimal digits.
    """

    organization_id: str
    exported_at: str
    key_id: str
    ends: tuple[End, ...]
    signature: str

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"the checkpoint of {self.exported_at}"

    def marks(self) -> dict[str, Mark]:
        """Chain -> the event that it remembers."""
        return {end.chain: Mark(end.sequence, end.mac, self.where) for end in self.ends}

    def authentic(self, key: Secret[bytes]) -> bool:
        """Whether it is as it was signed."""
        return hmac.compare_digest(_signature(key, _signed(self)).encode(), self.signature.encode())


def sign(
    key_id: str, key: Secret[bytes], *, organization_id: str, exported_at: str, ends: Sequence[End]
) -> Checkpoint:
    """A checkpoint of these ends."""
    unsigned = Checkpoint(organization_id, exported_at, key_id, tuple(ends), "")
    return Checkpoint(organization_id, exported_at, key_id, tuple(ends), _signature(key, _signed(unsigned)))


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file; whether it is authentic is another question.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it holds no checkpoint.
        StorageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"no checkpoint at {path}", hint="avnz-int audit export --checkpoint FILE makes one"
        ) from None
    except OSError as exc:
        raise StorageError(
            f"cannot read the checkpoint {path}: {exc.strerror}", hint="check its permissions"
        ) from None
    found = _parsed(raw)
    if found is None:
        raise InvalidInputError(
            f"{path} is not an audit checkpoint", hint="avnz-int audit export --checkpoint FILE makes one"
        )
    return found


def check_place(path: Path) -> None:
    """Refuse a place where no checkpoint can be put.

    Raises:
        InvalidInputError: something else than a regular file is there, or no folder.
    """
    if not path.parent.is_dir():
        raise InvalidInputError(f"no folder {path.parent} for the checkpoint", hint="make it first")
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"{path} is not a regular file", hint="name a file for the checkpoint")


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a file of mode 0600, whole or not at all.

    Raises:
        StorageError: it cannot be written; what was there stays.
    """
    document = {**_signed(checkpoint), "signature": checkpoint.signature}
    try:
        with files.put(path.resolve()) as file:  # a symbolic link goes on pointing there
            file.write(json.dumps(document, indent=2) + "\n")
    except OSError as exc:
        raise StorageError(
            f"cannot write the checkpoint {path}: {exc.strerror}",
            hint="check space and permissions, then export again",
        ) from None


def _signed(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "version": _VERSION,
        "organizationId": checkpoint.organization_id,
        "exportedAt": checkpoint.exported_at,
        "keyId": checkpoint.key_id,
        "chains": [{"chain": end.chain, "sequence": end.sequence, "mac": end.mac} for end in checkpoint.ends],
    }


def _signature(key: Secret[bytes], signed: Mapping[str, Any]) -> str:
    # An event's canonical JSON has other members, so none can pass for a checkpoint.
    return mac(key, _signed_form(signed).encode("ascii")).hex()


def _parsed(raw: bytes) -> Checkpoint | None:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        return None
    if len(raw) > _LARGEST or not isinstance(value, dict) or value.keys() != _MEMBERS:
        return None
    texts = [value[name] for name in ("organizationId", "exportedAt", "keyId", "signature")]
    chains = value["chains"]
    if (value["kind"], value["version"]) != (_KIND, _VERSION) or not isinstance(chains, list):
        return None
    ends = [_end(entry) for entry in chains]
    whole = [end for end in ends if end is not None]
    if not all(isinstance(text, str) and text.isascii() and text.isprintable() for text in texts):
        return None
    if len(whole) < len(ends) or len({end.chain for end in whole}) < len(ends):
        return None
    organization_id, exported_at, key_id, signature = texts
    try:
        clock.parse_rfc3339(exported_at)
    except ValueError:
        return None
    return Checkpoint(organization_id, exported_at, key_id, tuple(whole), signature)


def _end(entry: Any) -> End | None:
    if not isinstance(entry, dict) or entry.keys() != {"chain", "sequence", "mac"}:
        return None
    chain, sequence, digest = entry["chain"], entry["sequence"], entry["mac"]
    if not isinstance(chain, str) or not isinstance(digest, str) or type(sequence) is not int:
        return None
    return End(chain, sequence, digest) if sequence >= 0 else None
