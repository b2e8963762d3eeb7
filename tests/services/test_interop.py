"""A stored row, opened and written by jwcrypto with nothing but the published formats and the keyring."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwe import JWE, InvalidJWEData
from jwcrypto.jwk import JWK, JWKSet

from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.services import columns_of, execute, payflow_credentials

HOOK = {"url": "https://hooks.example.com/in?a=1", "timeoutSeconds": 7}
SIGNING = {"signingSecret": "whsec_" + "A" * 43 + "="}


def compact(value: object) -> bytes:
    """JSON without spaces, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def b64url(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parsed(value: Any) -> dict[str, Any]:
    """A JSON column as an object: SQLite has text."""
    found = json.loads(value) if isinstance(value, str) else value
    assert isinstance(found, dict)
    return found


def unsealed(sealed: dict[str, Any], key: JWK, aad: list[Any]) -> dict[str, Any]:
    """What is in a flattened JWE that must have been made for this place."""
    assert {"protected", "aad", "iv", "ciphertext", "tag"} == set(sealed)
    assert b64url(compact(aad)) == sealed["aad"]
    token = JWE(algs=["dir", "A256GCM"])
    token.deserialize(json.dumps(sealed), key)
    assert {"alg": "dir", "enc": "A256GCM", "kid": key["kid"]} == json.loads(token.objects["protected"])
    found = json.loads(token.payload)
    assert isinstance(found, dict)
    return found


def data_keys(url: str, keyring: Path) -> dict[str, JWK]:
    """Every data key of the database by its id, opened with the keyring file."""
    masters = JWKSet.from_json(keyring.read_text())
    opened = {}
    for row in columns_of(url, "DataKey"):
        aad = ["avnz-int", 1, "DataKey", "wrappedKey", row["id"], row["organizationId"], row["purpose"]]
        jwk = unsealed(parsed(row["wrappedKey"]), masters.get_key(row["masterKeyId"]), aad)
        assert {"kty", "k", "kid"} == set(jwk)
        assert row["id"] == jwk["kid"]
        opened[row["id"]] = JWK(**jwk)
    return opened


def place(table: str, row: dict[str, Any], destination: dict[str, Any]) -> list[Any]:
    """The `aad` of a row's credentials, as the contract has it."""
    owner = row["clientId"] if table == "ClientIntegration" else row["organizationId"]
    digest = b64url(hashlib.sha256(compact(destination)).digest())
    return [
        "avnz-int",
        1,
        table,
        "credentials",
        row["id"],
        owner,
        row["provider"],
        row["environment"],
        digest,
    ]


def test_read(services: Services, prepared_url: str, keyring: Path) -> None:
    """From keyring file to data key to credentials, on both levels, before and after rotations."""
    actor = services.actor
    hook = NewClient("acme", "webhook", name="hook", credentials=Secret(SIGNING), settings=HOOK)
    services.clients.add(actor, hook, test=False)
    services.platform.add(actor, NewPlatform("paypal_payflow", payflow_credentials()), test=False)
    for prepare in (
        lambda: None,
        lambda: services.keys.rotate(actor),
        lambda: services.keys.rotate_master(actor),
    ):
        prepare()
        opened = data_keys(prepared_url, keyring)
        for table, destination, expected in (
            ("ClientIntegration", {"url": HOOK["url"]}, SIGNING),
            ("PlatformIntegration", {}, payflow_credentials().reveal()),
        ):
            (row,) = columns_of(prepared_url, table)
            key = opened[row["credentialsKeyId"]]
            assert expected == unsealed(parsed(row["credentials"]), key, place(table, row, destination))


def test_written(services: Services, prepared_url: str, keyring: Path) -> None:
    """What jwcrypto seals for a row is read by us; for another place it is refused, here and there."""
    made = services.clients.add(
        services.actor,
        NewClient("acme", "webhook", name="hook", credentials=Secret(SIGNING), settings=HOOK),
        test=False,
    )
    (row,) = columns_of(prepared_url, "ClientIntegration")
    key = data_keys(prepared_url, keyring)[row["credentialsKeyId"]]
    fresh = {"signingSecret": "whsec_" + "B" * 39 + "1234="}
    kind = "jsonb" if prepared_url.startswith("postgresql") else "text"
    shown = []
    for destination in (HOOK["url"], "https://elsewhere.example.com/in"):
        token = JWE(
            compact(fresh),
            json.dumps({"alg": "dir", "enc": "A256GCM", "kid": key["kid"]}, separators=(",", ":")),
            aad=compact(place("ClientIntegration", row, {"url": destination})).decode(),
            algs=["dir", "A256GCM"],
        )
        token.add_recipient(key)
        execute(
            prepared_url,
            f'UPDATE "ClientIntegration" SET "credentials" = CAST(:sealed AS {kind}) WHERE "id" = :id',
            sealed=token.serialize(compact=False),
            id=row["id"],
        )
        shown.append(services.clients.show(services.actor, made.id))

    assert [False, True] == [view.unreadable for view in shown]
    assert {"signingSecret": "••••234="} == shown[0].credentials


def test_altered(services: Services, prepared_url: str, keyring: Path) -> None:
    """An `aad` that is changed in the stored value does not open with jwcrypto either."""
    new = NewClient("acme", "webhook", name="hook", credentials=Secret(SIGNING), settings=HOOK)
    services.clients.add(services.actor, new, test=False)
    (row,) = columns_of(prepared_url, "ClientIntegration")
    key = data_keys(prepared_url, keyring)[row["credentialsKeyId"]]
    aad = place("ClientIntegration", {**row, "clientId": "somebody else"}, {"url": HOOK["url"]})
    forged = {**parsed(row["credentials"]), "aad": b64url(compact(aad))}
    with pytest.raises(InvalidJWEData):
        unsealed(forged, key, aad)
