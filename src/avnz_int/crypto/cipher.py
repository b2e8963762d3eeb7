"""Credentials sealed to their place.

A credential is sealed by a data key, together with the place where it stands: row, column, owner, provider,
environment and the hosts it is sent to. Moved or pointed elsewhere, it does not open. Services
call this; of tables it knows only the names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from avnz_int.crypto import jwe
from avnz_int.errors import AvnzError, InvalidInputError, KeyMissingError, SealBrokenError
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Credentials, Secret

KEY_BYTES = 32
_SEALED_HINT = "replace these credentials, or restore the row and its settings from a backup"

_settings_json = json_writer(sort_keys=True)
_NOWHERE = jwe.b64url(hashlib.sha256(b"{}").digest())
# ASCII, since a JSON string may hold a lone surrogate, which has no UTF-8 but an escape.
_credentials_text = json_writer(ascii_only=True, allow_nan=False)
# A kept decoder: json.loads() with a hook makes a new one for each call.
_STRICT_JSON = json.JSONDecoder(object_pairs_hook=jwe.unique_members)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands and what it is for; every part is bound into the seal.

    Attributes:
        table: the table's name, as `ClientIntegration`.
        column: `credentials` or `previousCredentials`.
        owner_id: the clientId, or the organizationId of a platform row.
        destination: what `destination_digest` gives for the row's settings.
    """

    table: str
    column: str
    row_id: str
    owner_id: str
    provider: str
    environment: str
    destination: str

    def aad(self) -> bytes:
        """What is bound into the seal, as UTF-8 JSON without spaces.

        `["avnz-int",1,<table>,<column>,<row id>,<owner id>,<provider>,<environment>,<destination>]`
        """
        # json's own string writer, four times as fast as an encoder for the array around it.
        text = (
            f'["avnz-int",1,{_quoted(self.table)},{_quoted(self.column)},{_quoted(self.row_id)},'
            f"{_quoted(self.owner_id)},{_quoted(self.provider)},{_quoted(self.environment)},"
            f"{_quoted(self.destination)}]"
        )
        return utf8(text)


def destination_digest(settings: Mapping[str, Any] | None, fields: Iterable[str]) -> str:
    """Base64url of the SHA-256 of the settings that decide where a secret is sent, as JSON.

    Args:
        settings: the row's settings; None counts as empty.
        fields: the names that the definition marks `x-destination`. Those absent or null are left out; of the
            rest, the JSON is sorted by key and has no spaces.
    """
    present = settings or {}
    chosen = {name: present[name] for name in fields if present.get(name) is not None}
    if not chosen:
        return _NOWHERE
    return jwe.b64url(hashlib.sha256(utf8(_settings_json(chosen))).digest())


class DataKeys:
    """The opened data keys of one purpose, by id; one of them is active."""

    __slots__ = ("_active", "_keys", "_open_older")

    def __init__(
        self,
        keys: Mapping[str, Secret[bytes]],
        *,
        active: str,
        open_older: Callable[[str], Secret[bytes] | None] = lambda _: None,
    ) -> None:
        """Keep one AESGCM for each key.

        Args:
            keys: data key id -> 32 bytes.
            active: the id of the key that seals.
            open_older: asked once for a key that is not among them, when a row names it; None: there is none.

        Raises:
            KeyMissingError: the active key is not among them.
        """
        self._keys = {kid: _aesgcm(material) for kid, material in keys.items()}
        self._active = active
        self._open_older = open_older
        self.get(active)

    @property
    def active_kid(self) -> str:
        """The id of the key that seals."""
        return self._active

    def get(self, kid: str) -> AESGCM:
        """The key of this id.

        Raises:
            KeyMissingError: there is none; the message names the id.
            SealBrokenError, UnavailableError: as `open_older` raises them.
        """
        key = self._keys.get(kid)
        if key is not None:
            return key
        older = self._open_older(kid)
        if older is None:
            raise KeyMissingError(
                f"data key {kid} is not in this database, or was retired",
                hint="restore the DataKey row from a backup, or replace the credentials that need it; "
                "avnz-int doctor lists them",
                details={"keyId": kid},
            )
        return self._keys.setdefault(kid, _aesgcm(older))


def _aesgcm(material: Secret[bytes]) -> AESGCM:
    if len(material.reveal()) != KEY_BYTES:
        raise ValueError("a data key has 32 bytes")
    return AESGCM(material.reveal())


class Cipher:
    """Seals and opens credentials: the one door between stored text and plain credentials."""

    __slots__ = ("_keys",)

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    @property
    def active_kid(self) -> str:
        """The id of the key that `seal` and `reseal` use, for the column beside the sealed value."""
        return self._keys.active_kid

    def seal(self, credentials: Credentials, place: Place) -> str:
        """The credentials sealed to this place under the active key, as JSON text.

        Raises:
            InvalidInputError: they hold something that JSON has no form for.
        """
        plaintext = _credentials_json(credentials, place)
        return self._seal(plaintext, place)

    def open(self, value: object, place: Place) -> Credentials:
        """The credentials of a sealed value that stands in this place.

        Args:
            value: JSON text (SQLite), or the mapping parsed from it (jsonb).
            place: computed from the row as it is now.

        Raises:
            SealBrokenError: altered, moved or of another destination; the message names table and row.
            KeyMissingError: the key it was sealed with is not there.
        """
        credentials = json_object(self._open(value, place))
        if credentials is None:
            raise _broken(place, "what is inside is not a JSON object")
        return Secret(credentials)

    def reseal(self, value: object, place: Place, to: Place | None = None) -> str:
        """The same plaintext, byte for byte, sealed anew under the active key; raises as `open` does.

        Args:
            value: as for `open`.
            place: where it stands.
            to: where it will stand, if elsewhere.
        """
        if to is not None:
            return self._seal(self._open(value, place), to)
        kid = self._keys.active_kid
        try:
            return jwe.reseal(self._keys.get, value, place.aad(), self._keys.get(kid), kid)
        except (SealBrokenError, KeyMissingError) as error:
            failure = _failure(error, value, place)
        raise failure

    def _seal(self, plaintext: bytes, place: Place) -> str:
        kid = self._keys.active_kid
        return jwe.seal(self._keys.get(kid), kid, place.aad(), plaintext)

    def _open(self, value: object, place: Place) -> bytes:
        try:
            return jwe.open_with(self._keys.get, value, place.aad())
        except (SealBrokenError, KeyMissingError) as error:
            failure = _failure(error, value, place)
        raise failure


def mac(key: Secret[bytes], message: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes; compare it with `hmac.compare_digest`."""
    keyed = _keyed(key.reveal()).copy()
    keyed.update(message)
    return keyed.finalize()


# Of a short message, OpenSSL's setting up of the key is two thirds of the time; a command has a few keys.
@lru_cache(maxsize=8)
def _keyed(key: bytes) -> HMAC:
    return HMAC(key, SHA256())


def utf8(text: str) -> bytes:
    """The text's bytes; lone surrogates (an argument that was not UTF-8) get three of their own."""
    return text.encode("utf-8", "surrogatepass")


def _credentials_json(credentials: Credentials, place: Place) -> bytes:
    try:
        return _credentials_text(credentials.reveal()).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        pass
    # Outside the handler: json's errors may name the value.
    raise InvalidInputError(
        f"{place.table} {place.row_id}: {place.column} hold a value that JSON has no form for"
    )


def json_object(plaintext: bytes) -> dict[str, Any] | None:
    """The JSON object that a plaintext is, None if it is none or has a member twice."""
    try:
        value = _STRICT_JSON.decode(plaintext.decode("utf-8"))
    except (ValueError, RecursionError):
        # Not raised from here: JSONDecodeError and UnicodeDecodeError carry the plaintext.
        return None
    return value if isinstance(value, dict) else None


def _failure(error: SealBrokenError | KeyMissingError, value: object, place: Place) -> AvnzError:
    """The error with the place where the value stands."""
    if isinstance(error, KeyMissingError):
        message = f"{place.table} {place.row_id}: {place.column} need a key that is missing: {error.message}"
        return KeyMissingError(message, hint=error.hint, details=error.details)
    return _broken(place, _moved_from(value, place) or error.message)


def _moved_from(value: object, place: Place) -> str | None:
    """Which parts of its place a value claims otherwise; None if none, or if it cannot be read.

    The words of an altered value are its own claim, so this explains a refusal and decides nothing.
    """
    try:
        claimed = json.loads(jwe.unb64url(jwe.parse(value).aad))
    except (SealBrokenError, ValueError, RecursionError):
        return None
    names = ("format", "version", "table", "column", "row", "owner", "provider", "environment", "destination")
    actual = json.loads(place.aad())
    if not isinstance(claimed, list) or len(claimed) != len(names):
        return None
    different = [name for name, here, there in zip(names, actual, claimed, strict=True) if here != there]
    return f"it was sealed for another {', '.join(different)}" if different else None


def _broken(place: Place, reason: str) -> SealBrokenError:
    return SealBrokenError(
        f"{place.table} {place.row_id}: {place.column} do not open: {reason}",
        hint=_SEALED_HINT,
        details={"table": place.table, "id": place.row_id, "column": place.column},
    )
