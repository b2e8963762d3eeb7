"""Seal and open of a 200-byte credential, against the same form made by hand. Run it: it prints the ratio.

The loop by hand keeps one AESGCM and its header, uses json and base64, and is as strict as nobody should be.
"""

from __future__ import annotations

import base64
import json
import os
import timeit
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from measure import report

from avnz_int.crypto import jwe
from avnz_int.crypto.cipher import Cipher, DataKeys, Place, destination_digest
from avnz_int.model.secret import Secret

KID = "k00000000000000000000001"
MATERIAL = os.urandom(32)
KEY = AESGCM(MATERIAL)
PLACE = Place(
    "ClientIntegration", "credentials", "c" * 24, "d" * 24, "nmi", "sandbox", destination_digest({}, [])
)
PLAIN = {"partner": "PayPal", "vendor": "v" * 24, "user": "u" * 24, "password": "p" * 96}
BOUND = [
    "avnz-int",
    1,
    "ClientIntegration",
    "credentials",
    "c" * 24,
    "d" * 24,
    "nmi",
    "sandbox",
    PLACE.destination,
]


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


HEADER = b64(json.dumps({"alg": "dir", "enc": "A256GCM", "kid": KID}, separators=(",", ":")).encode())


def by_hand() -> None:
    """One seal and one open by json, base64 and the bare AESGCM."""
    aad = b64(json.dumps(BOUND, separators=(",", ":")).encode())
    iv = os.urandom(12)
    plaintext = json.dumps(PLAIN, separators=(",", ":")).encode()
    sealed = KEY.encrypt(iv, plaintext, f"{HEADER}.{aad}".encode())
    members = {"protected": HEADER, "aad": aad, "iv": b64(iv)}
    text = json.dumps({**members, "ciphertext": b64(sealed[:-16]), "tag": b64(sealed[-16:])})

    value = json.loads(text)
    header = json.loads(unb64(value["protected"]))
    aad = b64(json.dumps(BOUND, separators=(",", ":")).encode())
    if header["kid"] != KID or value["aad"] != aad:
        raise ValueError(value)
    sealed = unb64(value["ciphertext"]) + unb64(value["tag"])
    json.loads(KEY.decrypt(unb64(value["iv"]), sealed, f"{value['protected']}.{value['aad']}".encode()))


def micros(*functions: Callable[[], object]) -> list[float]:
    """Microseconds of one call of each, the best of 15 rounds; in turns, so that load is fair to all."""
    rounds = [[timeit.timeit(function, number=3000) for function in functions] for _ in range(15)]
    return [min(times) / 3000 * 1e6 for times in zip(*rounds, strict=True)]


def main() -> None:
    """Compare a whole seal and open; tell its parts, and the form check that listings use."""
    cipher = Cipher(DataKeys({KID: Secret(MATERIAL)}, active=KID))
    credentials = Secret(PLAIN)
    text = cipher.seal(credentials, PLACE)
    value = json.loads(text)
    base, ours, *parts = micros(
        by_hand,
        lambda: cipher.open(cipher.seal(credentials, PLACE), PLACE),
        lambda: cipher.seal(credentials, PLACE),
        lambda: cipher.open(text, PLACE),
        lambda: cipher.open(value, PLACE),
        lambda: cipher.reseal(text, PLACE),
        lambda: jwe.well_formed(text),
        lambda: jwe.well_formed(value),
    )
    names = ("seal", "open text", "open mapping", "reseal", "well_formed text", "well_formed mapping")
    rows = [("json, base64, AESGCM by hand: seal + open", base, None), ("Cipher: seal + open", ours, 1.5)]
    rows += [(f"  {name}", took, None) for name, took in zip(names, parts, strict=True)]
    report(
        "a credential of 200 bytes",
        [(name, took / 1e6, took / base, goal) for name, took, goal in rows],
    )


if __name__ == "__main__":
    main()
