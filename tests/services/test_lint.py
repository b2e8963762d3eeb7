"""The lint of secrets: what is the same, misplaced or old is found without opening anything."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from avnz_int import clock
from avnz_int.crypto.cipher import Cipher
from avnz_int.model.doctor import Diagnosis, Examination, Finding
from avnz_int.model.enums import Action, Environment, KeyPurpose
from avnz_int.model.inputs import NewClient
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.scenes import ADMIN, AUDITOR, events, own, platform
from support.services import PASSWORD, add_untested, execute

pytestmark = pytest.mark.sqlite_first


def linted(services: Services, **wanted: Any) -> Diagnosis:
    """What the lint alone finds."""
    return services.doctor.examine(ADMIN, Examination(lint=True, **wanted))


def told(found: Diagnosis, check: str) -> list[Finding]:
    """The findings of one check."""
    return [one for one in found.findings if one.check == check]


def test_clean(services: Services) -> None:
    """Secrets of which each stands with one owner and in one environment are fine, also twice there."""
    own(services)
    own(services, "Twice")
    add_untested(services, "Main", "another one", client="globex")

    assert linted(services).healthy
    assert [] == linted(services).findings


def test_two_clients(services: Services) -> None:
    """The same secret with two clients is found, and named by REF and field; what is no secret is not."""
    own(services)
    own(services, client="globex")
    (finding,) = linted(services).findings

    assert "with 2 clients" in finding.message
    assert "acme/paypal_payflow/Main (password, production)" in finding.message
    assert "globex/paypal_payflow/Main (password, production)" in finding.message
    assert "vendor" not in finding.message


def test_environments(services: Services) -> None:
    """The same secret in sandbox and production is found."""
    own(services)
    own(services, "Trial", environment=Environment.SANDBOX)
    (finding,) = linted(services).findings

    assert "in sandbox and in production" in finding.message


def test_platform(services: Services) -> None:
    """The platform's secret with a client is found."""
    platform(services)
    own(services)
    (finding,) = linted(services).findings

    assert "with the platform and with clients" in finding.message
    assert "platform/paypal_payflow (password, production)" in finding.message


def test_misplaced(services: Services, prepared_url: str) -> None:
    """A key that says it is of another environment than its row's is found."""
    secret = Secret({"secretKey": "sk_live_" + "a" * 24, "publishableKey": "pk_live_" + "a" * 24})
    new = NewClient("acme", "stripe", name="Pay", credentials=secret)
    services.clients.add(ADMIN, new, test=False)
    assert linted(services).healthy
    execute(prepared_url, """UPDATE "ClientIntegration" SET environment = 'sandbox'""")

    (finding,) = told(linted(services), "lint-environment")
    assert "acme/stripe/Pay is in sandbox, and its keys say that they are of production" == finding.message


def test_age(services: Services, prepared_url: str) -> None:
    """Secrets older than the policy are found."""
    own(services)
    old = clock.now() - timedelta(days=91)
    stamp: object = clock.rfc3339(old) if prepared_url.startswith("sqlite") else old
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "credentialsUpdatedAt" = :at', at=stamp)

    assert clock.rfc3339(old) in told(linted(services), "lint-age")[0].message
    assert linted(services, max_age_s=100 * 86400.0).healthy


def test_other_key(services: Services, prepared_url: str) -> None:
    """Fingerprints by another key than the active one are said to be there, and are not compared."""
    own(services)
    own(services, client="globex")
    services.keys.rotate_purpose(ADMIN, KeyPurpose.FINGERPRINT)
    assert ["lint-same-secret"] == [one.check for one in linted(services).findings]
    key = execute(
        prepared_url,
        """SELECT id FROM "DataKey" WHERE purpose = 'fingerprint' AND status <> 'active'""",
    )[0][0]
    value = f'{{"keyId":"{key}","fields":{{"password":"x"}},"environment": null}}'
    cast = "" if prepared_url.startswith("sqlite") else "::jsonb"
    execute(prepared_url, f"""UPDATE "ClientIntegration" SET "credentialsFingerprints" = '{value}'{cast}""")

    assert ["fingerprints"] == [one.check for one in linted(services).findings]
    assert services.doctor.mend(ADMIN, Examination(lint=True)).fixed == 1
    assert ["lint-same-secret"] == [one.check for one in linted(services).findings]


@pytest.mark.parametrize("value", ["[]", '"x"', '{"keyId": 5, "fields": [1]}', "{}"])
def test_damaged(services: Services, prepared_url: str, value: str) -> None:
    """Fingerprints that are none stop nothing, and are said to be missing."""
    own(services)
    cast = "" if prepared_url.startswith("sqlite") else "::jsonb"
    execute(prepared_url, f"""UPDATE "ClientIntegration" SET "credentialsFingerprints" = '{value}'{cast}""")

    assert ["fingerprints"] == [one.check for one in linted(services).findings]


def test_nothing_opened(services: Services, monkeypatch: pytest.MonkeyPatch, prepared_url: str) -> None:
    """The lint opens no row and no key, and tells neither a secret nor a fingerprint."""
    own(services)
    own(services, client="globex")
    before = len(events(services, Action.CREDENTIALS_READ))

    def never(*_: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Cipher, "open", never)
    monkeypatch.setattr(Cipher, "_open", never)
    monkeypatch.setattr("avnz_int.services.vault.Vault.material", never)
    found = services.doctor.examine(AUDITOR, Examination(lint=True))

    assert 1 == len(found.findings)
    assert before == len(events(services, Action.CREDENTIALS_READ))
    said = repr(found)
    assert PASSWORD not in said
    for (stored,) in execute(prepared_url, 'SELECT "credentialsFingerprints" FROM "ClientIntegration"'):
        marks = json.loads(stored) if isinstance(stored, str) else stored
        assert [] == [mark for mark in marks["fields"].values() if mark in said]
