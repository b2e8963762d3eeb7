"""What somebody else wrote into a row stops what uses that row, nothing else, and can be mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from avnz_int.errors import ConflictError, InUseError, InvalidInputError, NotFoundError
from avnz_int.model.enums import Category
from avnz_int.model.inputs import Changes, NewPlatform
from avnz_int.model.routing import MemberChanges, Transaction
from avnz_int.model.secret import Secret
from avnz_int.providers import paypal_payflow
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services.manifests import Source
from avnz_int.wiring import Services
from support.doctor import examined, told
from support.samples import sample
from support.scenes import ADMIN, PAYFLOW, own
from support.services import add_untested, execute, opened, payflow_credentials
from support.sweeping import OK, outcomes, sweep

pytestmark = pytest.mark.sqlite_first


def put(url: str, table: str, column: str, value: str, where: str) -> None:
    """Write JSON text into a column of that type, as a person with an SQL client does."""
    given = ":value" if url.startswith("sqlite") else "CAST(:value AS jsonb)"
    execute(url, f'UPDATE "{table}" SET "{column}" = {given} WHERE {where}', value=value)


@pytest.mark.parametrize("value", ["[1]", '{"properties":5}', '{"properties":{"host":1}}'])
def test_schema_of_another(services: Services, prepared_url: str, value: str) -> None:
    """A definition that nobody uses is damaged: whatever concerns other providers goes on."""
    own(services)
    put(prepared_url, "IntegrationDefinition", "settingsSchema", value, "provider = 'nmi'")

    assert 1 == services.keys.rotate(ADMIN).resealed
    assert "nmi" in {view.provider for view in services.definitions.listing(ADMIN)}
    assert services.definitions.show(ADMIN, "nmi").settings_schema == {"properties": {}}
    assert "nmi" in {view.provider for view in services.clients.available(ADMIN)}
    assert "acme" in services.manifests.export(ADMIN)
    resolved = services.resolution.resolve(ADMIN, Category.PAYMENT_GATEWAY, client="acme").in_force
    assert resolved is not None
    assert PAYFLOW == resolved.provider
    with pytest.raises(ConflictError, match="nmi in the database is damaged"):
        services.clients.require_addable(ADMIN, "acme", "nmi")


def test_schema_of_its_own(services: Services, prepared_url: str) -> None:
    """What is sealed by a damaged definition stays as it is; seeding mends, and it opens as before."""
    new = NewPlatform("nmi", Secret({"securityKey": "k" * 32}), settings=sample("nmi").settings)
    services.platform.add(ADMIN, new, test=False)
    put(prepared_url, "IntegrationDefinition", "settingsSchema", "[1]", "provider = 'nmi'")
    assert 1 == services.keys.rotate(ADMIN).unreadable
    services.platform.listing(ADMIN)

    assert ["nmi"] == services.definitions.seed(ADMIN).updated
    assert 1 == services.keys.rotate(ADMIN).resealed


def test_what_is_in_use(services: Services, prepared_url: str, tmp_path: Path) -> None:
    """Nothing is routed to what a damaged definition keeps closed, and a plan names that definition."""
    own(services)
    manifest = services.manifests.export(ADMIN)
    put(prepared_url, "IntegrationDefinition", "credentialSchema", "[1]", f"provider = '{PAYFLOW}'")

    with pytest.raises(NotFoundError, match="its credentials do not open") as caught:
        services.resolution.resolve(ADMIN, Category.PAYMENT_GATEWAY, client="acme")
    assert ["unreadable"] == [one["rule"] for one in caught.value.details["candidates"]]
    with pytest.raises(InvalidInputError, match=f"the definition of {PAYFLOW} in the database is damaged"):
        services.manifests.plan(ADMIN, Source(manifest, "m.yaml", tmp_path))


def test_sweep_of_all(services: Services, prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep says what a damaged definition keeps from being tested, and tests the rest."""

    async def check(_: CheckRequest) -> CheckReport:
        return OK

    monkeypatch.setattr(paypal_payflow, "check", check)
    new = NewPlatform("nmi", Secret({"securityKey": "k" * 32}), settings=sample("nmi").settings)
    lost = services.platform.add(ADMIN, new, test=False).id
    kept = own(services).id
    put(prepared_url, "IntegrationDefinition", "settingsSchema", "[1]", "provider = 'nmi'")
    found = sweep(services)

    assert {lost: "unreadable", kept: "ok"} == outcomes(found)
    assert "the definition of nmi in the database is damaged" in found[lost].message
    services.definitions.seed(ADMIN)
    assert {"unreadable"}.isdisjoint(outcomes(sweep(services)).values())


@pytest.mark.parametrize("value", ["[1]", "5", '"x"'])
def test_settings(services: Services, prepared_url: str, value: str) -> None:
    """Settings that are no object go with the change of credentials that the doctor asks for."""
    row = add_untested(services, "Main")
    put(prepared_url, "ClientIntegration", "settings", value, "name = 'Main'")
    services.clients.update(ADMIN, row, Changes(settings={}), test=False)
    assert services.clients.find(ADMIN, row).settings is None

    put(prepared_url, "ClientIntegration", "settings", value, "name = 'Main'")
    changed = Changes(credentials=payflow_credentials("correct horse 2"))
    services.clients.update(ADMIN, row, changed, test=False)
    assert services.clients.find(ADMIN, row).settings is None
    assert {"Main": "correct horse 2"} == opened(services)


@pytest.mark.parametrize(
    ("table", "column", "value", "where"),
    [
        ("ClientIntegration", "settings", "x", "name = 'Main'"),
        ("ClientIntegration", "createdAt", "x", "name = 'Main'"),
        ("ClientIntegration", "priority", "x", "name = 'Main'"),
        ("AccountPoolMember", "currencies", "USD", "true"),
        ("IntegrationDefinition", "requiredCompliance", "x", "provider = 'nmi'"),
        ("DataKey", "activatedAt", "x", "purpose = 'credentials'"),
    ],
)
def test_kinds(
    services: Services, prepared_url: str, table: str, column: str, value: str, where: str
) -> None:
    """SQLite takes any value into any column: every listing goes on, and the doctor names the row."""
    if not prepared_url.startswith("sqlite"):
        pytest.skip("PostgreSQL takes none of them")
    add_untested(services, "Main")
    row = add_untested(services, "Next")
    services.pools.put(ADMIN, "p", MemberChanges(row, currencies=("USD",)), client="acme")
    execute(prepared_url, f'UPDATE "{table}" SET "{column}" = :value WHERE {where}', value=value)

    assert 2 == len(
        services.resolution.resolve_all(ADMIN, Category.PAYMENT_GATEWAY, explain=True)[0].candidates
    )
    assert 2 == sum(record["kind"] == "client" for record in services.bulk_export.masked(ADMIN))
    assert 1 == len(services.pools.listing(ADMIN))
    with pytest.raises(NotFoundError):
        services.routing.route(ADMIN, Transaction(currency="EUR"), client="acme")
    assert 24 == len(services.definitions.listing(ADMIN))
    assert "acme" in services.manifests.export(ADMIN)
    found = told(examined(services), "schema")
    assert [table] == [one.target and one.target.type for one in found]
    assert f": {column} holds a value of a kind" in found[0].message
    services.keys.rotate(ADMIN)
    with pytest.raises(InUseError, match="backups: it was in use until"):
        services.keys.retire(ADMIN, grace_days=1)
