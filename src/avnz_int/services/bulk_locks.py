"""What locks and opens an encrypted bundle, for faces: loaded without the database, as early as can be."""

from __future__ import annotations

from avnz_int.crypto import _locks
from avnz_int.crypto._locks import Lock, Opener
from avnz_int.model.secret import Secret


def by_passphrase(passphrase: Secret[str]) -> Lock:
    """Locks a bundle by a passphrase; half a second of work that happens beside what follows.

    Raises:
        InvalidInputError: it is too short.
    """
    return _locks.PassphraseLock(passphrase)


def for_recipient(raw: bytes) -> Lock:
    """Locks a bundle for the holder of a private key, given the public one as JWK or PEM.

    Raises:
        InvalidInputError: it is none.
    """
    return _locks.recipient(raw)


def passphrase_opener(passphrase: Secret[str]) -> Opener:
    """What opens a bundle for a passphrase."""
    return _locks.Passphrase(passphrase)


def key_opener(raw: Secret[bytes]) -> Opener:
    """What opens a bundle for a private key."""
    return _locks.holder(raw.reveal())
