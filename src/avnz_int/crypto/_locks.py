"""What locks a bundle's key: a passphrase, or somebody's public key (RFC 7518 §4.3, §4.6, §4.8).

Every way is a key management algorithm of JWE, made of `cryptography`'s primitives. jwcrypto would do the
same, but refuses the iteration count that is due today unless a variable of its module is changed for the
whole process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from avnz_int.crypto import jwe
from avnz_int.errors import InvalidInputError, KeyMissingError, SealBrokenError
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Secret

PBES2 = "PBES2-HS512+A256KW"
ECDH = "ECDH-ES+A256KW"
RSA = "RSA-OAEP-256"
ITERATIONS = 600_000
"""OWASP's Password Storage Cheat Sheet (2023) wants 210,000 of HMAC-SHA-512 at least."""
SHORTEST = 12
_MOST_ITERATIONS = 10_000_000
_LEAST_RSA_BITS = 2048
_SALT_BYTES = 16
_KID = re.compile(r"[!-~]{1,128}")
_CURVES: Mapping[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_NAMES = {curve.name: name for name, curve in _CURVES.items()}
_canonical = json_writer(ascii_only=True, sort_keys=True)
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Lock(Protocol):
    """Wraps a bundle's content key."""

    @property
    def mode(self) -> str:
        """`passphrase` or `recipient`, for audit events."""

    @property
    def recipient(self) -> str | None:
        """Whose key, by its thumbprint."""

    def wrap(self, key: Secret[bytes]) -> tuple[dict[str, Any], bytes]:
        """The members of the protected header that say how, and the encrypted key."""


class Opener(Protocol):
    """Unwraps a bundle's content key."""

    def unwrap(self, header: Mapping[str, Any], wrapped: bytes) -> Secret[bytes]:
        """The content key.

        Raises:
            SealBrokenError: altered, or locked otherwise.
            KeyMissingError: locked by another means than this one.
        """


class PassphraseLock:
    """Locks by a passphrase.

    Its key is derived in a thread of its own from now on, while the caller gets ready what is to be locked.

    Raises:
        InvalidInputError: the passphrase has fewer than 12 characters.
    """

    mode = "passphrase"
    recipient = None

    def __init__(self, passphrase: Secret[str]) -> None:
        if len(passphrase.reveal()) < SHORTEST:
            raise InvalidInputError(
                f"the passphrase has fewer than {SHORTEST} characters",
                hint="take several random words: whoever gets the file can try as often as they like",
            )
        self._passphrase = passphrase
        self._next: tuple[bytes, Future[bytes]] | None = self._begun()

    def wrap(self, key: Secret[bytes]) -> tuple[dict[str, Any], bytes]:
        """As `Lock`; each key is wrapped by a derived one of its own."""
        (salt, derived), self._next = self._next or self._begun(), None
        header = {"alg": PBES2, "p2s": jwe.b64url(salt), "p2c": ITERATIONS}
        return header, aes_key_wrap(derived.result(), key.reveal())

    def _begun(self) -> tuple[bytes, Future[bytes]]:
        salt = os.urandom(_SALT_BYTES)
        thread = ThreadPoolExecutor(1, thread_name_prefix="avnz-int-derive")
        derived = thread.submit(_derived, self._passphrase, salt, ITERATIONS)
        thread.shutdown(wait=False)  # it ends with this
        return salt, derived


class Passphrase:
    """Opens by a passphrase."""

    def __init__(self, passphrase: Secret[str]) -> None:
        self._passphrase = passphrase

    def unwrap(self, header: Mapping[str, Any], wrapped: bytes) -> Secret[bytes]:
        """As `Opener`."""
        if header["alg"] != PBES2:
            raise KeyMissingError(
                "the bundle is for somebody's key, not for a passphrase", hint="give it with --key FILE"
            )
        salt, count = header.get("p2s"), header.get("p2c")
        if not isinstance(salt, str) or type(count) is not int or not 1000 <= count <= _MOST_ITERATIONS:
            raise SealBrokenError("the bundle's first line is not of its form")
        try:
            return Secret(aes_key_unwrap(_derived(self._passphrase, jwe.unb64url(salt), count), wrapped))
        except (InvalidUnwrap, ValueError):
            pass
        raise SealBrokenError(
            "the bundle does not open: the passphrase is wrong, or its first line was altered",
            hint="check the passphrase; a line end behind it in a file does not count",
        )


def _derived(passphrase: Secret[str], salt: bytes, count: int) -> bytes:
    derivation = PBKDF2HMAC(hashes.SHA512(), 32, PBES2.encode() + b"\0" + salt, count)
    return derivation.derive(passphrase.reveal().encode("utf-8", "surrogatepass"))


class Recipient:
    """Locks for the holder of a private key."""

    mode = "recipient"

    def __init__(self, key: PublicKey) -> None:
        self._key = key
        self.recipient = thumbprint(key)

    def wrap(self, key: Secret[bytes]) -> tuple[dict[str, Any], bytes]:
        """As `Lock`."""
        if isinstance(self._key, rsa.RSAPublicKey):
            return {"alg": RSA, "kid": self.recipient}, self._key.encrypt(key.reveal(), _oaep())
        ephemeral = ec.generate_private_key(self._key.curve)
        wrapping = _agreed(ephemeral, self._key)
        header = {"alg": ECDH, "kid": self.recipient, "epk": public_jwk(ephemeral.public_key())}
        return header, aes_key_wrap(wrapping, key.reveal())


class Holder:
    """Opens with a private key."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def unwrap(self, header: Mapping[str, Any], wrapped: bytes) -> Secret[bytes]:
        """As `Opener`."""
        if header["alg"] == PBES2:
            raise KeyMissingError(
                "the bundle is for a passphrase, not for a key", hint="give --passphrase-file FILE"
            )
        mine, meant = thumbprint(self._key.public_key()), header.get("kid")
        # Whoever writes a bundle writes this, too: what is shown of it is fit for a terminal.
        if meant is not None and not (isinstance(meant, str) and _KID.fullmatch(meant)):
            raise SealBrokenError("the bundle's first line is not of its form")
        if meant not in {None, mine}:
            raise KeyMissingError(f"the bundle is for the key {meant}, and this one is {mine}")
        try:
            if isinstance(self._key, rsa.RSAPrivateKey) and header["alg"] == RSA:
                return Secret(self._key.decrypt(wrapped, _oaep()))
            if isinstance(self._key, ec.EllipticCurvePrivateKey) and header["alg"] == ECDH:
                sender = _ec_key(header.get("epk"))
                return Secret(aes_key_unwrap(_agreed(self._key, sender), wrapped))
        except (InvalidUnwrap, ValueError, TypeError, KeyError):
            pass
        raise SealBrokenError(
            "the bundle does not open: it is for another key, or its first line was altered"
        )


@dataclass(frozen=True, slots=True)
class _Forms:
    """What the text of a key may be."""

    private: bool

    def read(self, raw: bytes, password: bytes | None = None) -> Any:
        """The key object, or None."""
        try:
            if raw.lstrip()[:1] == b"{":
                return self._of_jwk(raw)
            if self.private:
                return serialization.load_pem_private_key(raw, password)
            return serialization.load_pem_public_key(raw)
        except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, RecursionError):
            # Not raised from here: a parser's words may hold a part of the key.
            return None

    def _of_jwk(self, raw: bytes) -> Any:
        import json  # noqa: PLC0415

        jwk = json.loads(raw)
        if jwk.get("kty") == "RSA":
            public = rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"]))
            if not self.private:
                return public.public_key()
            parts = {name: _number(jwk[name]) for name in ("p", "q", "d", "dp", "dq", "qi")}
            return rsa.RSAPrivateNumbers(
                parts["p"], parts["q"], parts["d"], parts["dp"], parts["dq"], parts["qi"], public
            ).private_key()
        key = _ec_key(jwk)
        if not self.private:
            return key
        return ec.EllipticCurvePrivateNumbers(_number(jwk["d"]), key.public_numbers()).private_key()


def recipient(raw: bytes) -> Recipient:
    """The lock for a public key: a JWK or PEM, RSA of 2048 bits or more, or EC P-256, P-384 or P-521.

    Raises:
        InvalidInputError: it is none.
    """
    key = _Forms(private=False).read(raw)
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and _fit(key):
        return Recipient(key)
    raise InvalidInputError(
        "the recipient's key is no public key as JWK or PEM, of RSA (2048 bits or more) or EC (P-256, P-384, "
        "P-521)",
        hint="openssl pkey -in private.pem -pubout -out public.pem",
    )


def holder(raw: bytes) -> Holder:
    """What opens with a private key, as JWK or PEM without a password.

    Raises:
        InvalidInputError: it is none.
    """
    key = _Forms(private=True).read(raw)
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) and _fit(key.public_key()):
        return Holder(key)
    raise InvalidInputError(
        "--key is no private key as JWK or PEM, of RSA (2048 bits or more) or EC (P-256, P-384, P-521)",
        hint="a PEM with a password is to be opened first: openssl pkey -in key.pem -out plain.pem",
    )


def thumbprint(key: PublicKey) -> str:
    """The key's name: its JWK thumbprint (RFC 7638)."""
    return jwe.b64url(sha256(_canonical(public_jwk(key)).encode()).digest())


def public_jwk(key: PublicKey) -> dict[str, str]:
    """The key as a JWK of its required members."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _bytes(numbers.n), "e": _bytes(numbers.e)}
    point, size = key.public_numbers(), (key.curve.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": _CURVE_NAMES[key.curve.name],
        "x": _bytes(point.x, size),
        "y": _bytes(point.y, size),
    }


def _fit(key: PublicKey) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _LEAST_RSA_BITS
    return key.curve.name in _CURVE_NAMES


def _ec_key(jwk: Any) -> ec.EllipticCurvePublicKey:
    """The public key of an EC JWK; ValueError, KeyError or TypeError for anything else."""
    if jwk["kty"] != "EC":
        raise ValueError
    curve = _CURVES[jwk["crv"]]
    return ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), curve).public_key()


def _agreed(mine: ec.EllipticCurvePrivateKey, theirs: ec.EllipticCurvePublicKey) -> bytes:
    """The wrapping key of ECDH-ES+A256KW (RFC 7518 §4.6.2), without party information."""
    if mine.curve.name != theirs.curve.name:
        raise ValueError("another curve")
    algorithm = ECDH.encode()
    info = len(algorithm).to_bytes(4) + algorithm + bytes(4) + bytes(4) + (256).to_bytes(4)
    return ConcatKDFHash(hashes.SHA256(), 32, info).derive(mine.exchange(ec.ECDH(), theirs))


def _oaep() -> OAEP:
    return OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def _number(text: Any) -> int:
    return int.from_bytes(jwe.unb64url(cast("str", text)))


def _bytes(number: int, size: int | None = None) -> str:
    return jwe.b64url(number.to_bytes(size or (number.bit_length() + 7) // 8))
