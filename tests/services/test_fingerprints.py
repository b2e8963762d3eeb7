"""Keyed fingerprints: the same secret is seen to be the same, and nothing else is seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from avnz_int.model.enums import Environment, KeyPurpose
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.secret import Secret
from avnz_int.services.fingerprints import Fingerprinter
from avnz_int.wiring import Services
from support.bulk import client_record, counts, take
from support.scenes import ADMIN, PAYFLOW, own, platform, row
from support.services import execute, payflow_credentials


def marks(services: Services, view: Any) -> dict[str, Any]:
    """The fingerprints of a row."""
    table = "PlatformIntegration" if hasattr(view, "organization_id") else "ClientIntegration"
    stored = row(services, table, view.id)["credentialsFingerprints"]
    return dict(json.loads(stored) if isinstance(stored, str) else stored)


def test_same(services: Services) -> None:
    """The same value has the same fingerprint in every row and field, another one another."""
    one, two = marks(services, own(services)), marks(services, own(services, client="globex"))
    ours = marks(services, platform(services))
    changes = Changes(credentials=payflow_credentials("another 99"))
    other = marks(services, services.clients.update(ADMIN, "globex/Main", changes, test=False))

    assert one == two == ours
    assert {"partner", "vendor", "user", "password"} == set(one["fields"])
    assert one["fields"]["vendor"] == one["fields"]["user"]
    assert other["fields"]["password"] not in {one["fields"]["password"], one["fields"]["user"]}


def test_imported(services: Services) -> None:
    """Credentials that come with an import have the fingerprints that they would have if they were added."""
    report = take(services, client_record("One"), client_record("Two", client="globex"))
    one, two = (services.clients.find(ADMIN, ref) for ref in ("acme/One", "globex/Two"))

    assert (2, 0, 0, 0) == counts(report)
    assert marks(services, own(services)) == marks(services, one) == marks(services, two)


def test_keyed(services: Services) -> None:
    """By another key the same values have other fingerprints, on every row at once."""
    views = [own(services), own(services, "Other"), platform(services)]
    before = [marks(services, view) for view in views]
    services.keys.rotate_purpose(ADMIN, KeyPurpose.FINGERPRINT)
    after = [marks(services, view) for view in views]

    assert after[0] == after[1] == after[2]
    assert before[0]["keyId"] != after[0]["keyId"]
    assert set(before[0]["fields"].values()).isdisjoint(after[0]["fields"].values())


def test_made_later(services: Services, prepared_url: str) -> None:
    """Rows from before there were fingerprints get them; one that does not open is left and counted."""
    views = [own(services), own(services, "Other")]
    wanted = marks(services, views[0])
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "credentialsFingerprints" = NULL')
    execute(
        prepared_url,
        'UPDATE "ClientIntegration" SET environment = :other WHERE id = :id',
        other=Environment.SANDBOX.value,
        id=views[1].id,
    )
    maker = Fingerprinter(services._work)

    assert (1, 1) == maker.run(ADMIN)
    assert wanted == marks(services, views[0])
    with services.database.read() as connection:
        assert 1 == maker.missing(connection)


def test_no_key(services: Services, prepared_url: str) -> None:
    """Where the key for fingerprints is lost, credentials are saved all the same, without them."""
    cast = "" if prepared_url.startswith("sqlite") else "::jsonb"
    statement = f"""UPDATE "DataKey" SET "wrappedKey" = '{{}}'{cast} WHERE purpose = 'fingerprint'"""
    execute(prepared_url, statement)

    assert row(services, "ClientIntegration", own(services).id)["credentialsFingerprints"] is None
    services.keys.rotate_purpose(ADMIN, KeyPurpose.FINGERPRINT)
    assert row(services, "ClientIntegration", own(services, "Other").id)["credentialsFingerprints"]


@pytest.mark.parametrize(
    ("key", "told"), [("sk_live_abc123", "production"), ("rk_test_abc123", "sandbox")], ids=["live", "test"]
)
def test_environment(services: Services, key: str, told: str) -> None:
    """Where a provider's keys say which environment they are of, the row says it too, without the key."""
    new = NewClient("acme", "stripe", name="Cards", credentials=Secret({"secretKey": key}))
    found = marks(services, services.clients.add(ADMIN, new, test=False))

    assert told == found["environment"]
    assert key not in json.dumps(found)
    assert marks(services, own(services))["environment"] is None
    assert PAYFLOW not in json.dumps(found)
