"""The doctor on rows that are not in step: found, named, and mended where that is safe."""

from __future__ import annotations

from datetime import timedelta

import pytest

from avnz_int import clock
from avnz_int.db import usage
from avnz_int.errors import ForbiddenError
from avnz_int.model.enums import Action, AuditOutcome
from avnz_int.services import doctor as doctor_module
from avnz_int.services import doctor_accounts
from avnz_int.services.doctor_check import Repair
from avnz_int.wiring import Services
from support.doctor import MAIN, MAIN_OF_ACME, examined, healthy_scene, mended, only, told
from support.metering import line, record
from support.scenes import (
    ADMIN,
    AUDITOR,
    PAYFLOW,
    SERVICE,
    account,
    admin_of,
    events,
    expire_previous,
    own,
    replaced,
    using,
)
from support.services import execute

pytestmark = pytest.mark.sqlite_first

scene = healthy_scene


def test_healthy(scene: Services) -> None:
    """Where all is as it should be nothing is found."""
    found = examined(scene)

    assert found.healthy
    assert [] == [one for one in found.findings if one.check != "tokens"]
    assert len(found.checks) == len({check.name for check in found.checks}) > 15


def test_recorded(scene: Services, prepared_url: str) -> None:
    """A run that opens what is sealed is one event with its counts; `--lint` opens nothing."""
    examined(scene)
    execute(prepared_url, """UPDATE "ClientIntegration" SET environment = 'sandbox'""" + MAIN_OF_ACME)
    scene.doctor.examine(AUDITOR)
    examined(scene, lint=True)

    told_of = [(one.actor_id, one.changes) for one in events(scene, Action.DOCTOR_READ)]
    assert [
        (ADMIN.id, {"opened": 3, "unreadable": 0}),
        (AUDITOR.id, {"opened": 2, "unreadable": 1}),
    ] == told_of
    assert scene.audit.verify(ADMIN).valid


def test_not_recordable(scene: Services, prepared_url: str, notices: list[str]) -> None:
    """Where the event cannot be written (its chain has no end), the findings are given all the same."""
    execute(prepared_url, 'DELETE FROM "AuditEvent"')
    execute(prepared_url, 'DELETE FROM "AuditHead"')
    found = examined(scene)

    assert [] != told(found, "audit")
    assert [] == told(found, "seals")
    assert 1 == len([notice for notice in notices if "could not be recorded" in notice])


def test_mend_without_need(scene: Services) -> None:
    """Where nothing is to be mended, mending records only what it opened."""
    before = len(events(scene))

    assert (True, 0) == (mended(scene).healthy, mended(scene).fixed)
    assert [before + 2, 2] == [len(events(scene)), len(events(scene, Action.DOCTOR_READ))]


def test_accounts(scene: Services, prepared_url: str) -> None:
    """Merchant accounts that are out of step or missing are found, and brought in step again."""
    integration = scene.clients.find(ADMIN, "acme/Main").id
    execute(prepared_url, """UPDATE "MerchantAccount" SET status = 'error' WHERE name = 'Main'""")
    execute(
        prepared_url,
        'DELETE FROM "MerchantAccount" WHERE "clientIntegrationId" IS NULL',
    )
    found = told(examined(scene), "merchant-accounts")
    assert {MAIN, "globex/paypal_payflow/Main", "platform/paypal_payflow"} == {
        one.target and one.target.ref for one in found
    }

    after = mended(scene)
    assert (True, 3) == (after.healthy, after.fixed)
    assert "active" == account(scene, integration).status
    assert examined(scene).healthy
    assert {"merchant-accounts"} == {(e.changes or {})["check"] for e in events(scene, Action.DOCTOR_FIX)}
    assert scene.audit.verify(ADMIN).valid


def test_periods(scene: Services, prepared_url: str) -> None:
    """An activation period is begun or ended where it has to be; now, not before."""
    view = using(scene)
    execute(prepared_url, 'DELETE FROM "ActivationPeriod"')
    begun = clock.now()
    assert view.id == (only(examined(scene), "activation-periods").target or view).id
    assert mended(scene).healthy
    execute(prepared_url, """UPDATE "ClientIntegration" SET status = 'inactive' WHERE name = 'Ours'""")
    execute(prepared_url, """UPDATE "MerchantAccount" SET status = 'inactive' WHERE name = 'Ours'""")
    finding = only(examined(scene), "activation-periods")

    assert "ActivationPeriod" == (finding.target and finding.target.type)
    assert mended(scene).healthy
    ((start, end),) = execute(prepared_url, 'SELECT "startedAt", "endedAt" FROM "ActivationPeriod"')
    assert clock.rfc3339(begun) <= (start if isinstance(start, str) else clock.rfc3339(start))
    assert end is not None


def test_usage(scene: Services, prepared_url: str) -> None:
    """`usageThisMonth` that is not what was recorded is found and refreshed."""
    view = using(scene)
    now = clock.rfc3339(clock.now())
    assert 1 == record(scene, line("T-1", integration=view.name, occurredAt=now)).recorded
    right = scene.clients.find(ADMIN, view.id).usage_this_month
    assert examined(scene).healthy
    for wrong in ("NULL", "'{}'", "'[]'"):
        execute(prepared_url, f'UPDATE "ClientIntegration" SET "usageThisMonth" = {wrong}')
        found = {one.target and one.target.id for one in told(examined(scene), "usage-this-month")}
        assert view.id in found
        assert mended(scene).healthy
        assert right == scene.clients.find(ADMIN, view.id).usage_this_month
    execute(prepared_url, """UPDATE "ClientIntegration" SET "usageThisMonth" = '{"month":"2020-01"}'""")

    stale = told(examined(scene), "usage-this-month")
    assert [view.id] == [one.target and one.target.id for one in stale]


def test_usage_of_many(scene: Services, prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are refreshed, the month is summed once for it; of each page there is an event."""
    now = clock.rfc3339(clock.now())
    for number, name in enumerate(("Main", using(scene).name)):
        record(scene, line(f"T-{number}", integration=name, occurredAt=now))
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "usageThisMonth" = NULL')
    monkeypatch.setattr(doctor_accounts, "_PAGE", 1)
    summed: list[object] = []
    summary = usage.summary
    monkeypatch.setattr(
        usage, "summary", lambda *args, **options: summed.append(args) or summary(*args, **options)
    )
    repair = Repair(scene._work, ADMIN, clock.now(), print)
    assert doctor_accounts.USAGE.mend is not None
    assert 2 == doctor_accounts.USAGE.mend(repair)
    assert 1 == len(summed)
    told_ids = [(event.changes or {})["ids"] for event in events(scene, Action.DOCTOR_FIX)]
    assert [1, 1] == [len(ids) for ids in told_ids]
    assert examined(scene).healthy


def test_definitions(scene: Services, prepared_url: str) -> None:
    """Definitions that are not as their seeds are named one by one, and seeded."""
    execute(prepared_url, """UPDATE "IntegrationDefinition" SET name = 'X' WHERE provider = 'okta'""")
    assert "okta" == (only(examined(scene), "definitions").target or AUDITOR).ref  # type: ignore[union-attr]

    assert mended(scene).fixed == 1
    assert "X" != scene.definitions.show(ADMIN, "okta").name


def test_previous(scene: Services) -> None:
    """Previous credentials past their time are destroyed, which is recorded."""
    replaced(scene, "acme/Main", test=True)
    expire_previous(scene)
    assert only(examined(scene), "previous-credentials").fixable

    assert (True, 1) == (mended(scene).healthy, mended(scene).fixed + 1)
    assert 1 == len(events(scene, Action.CREDENTIALS_DESTROY))


def test_fingerprints(scene: Services, prepared_url: str) -> None:
    """Missing fingerprints are made."""
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "credentialsFingerprints" = NULL')
    assert "2 integrations" in only(examined(scene), "fingerprints").message

    assert mended(scene).healthy
    assert examined(scene).healthy


def test_state(scene: Services, prepared_url: str) -> None:
    """What failed, what was not tested for long, and a default that is not in force are to be mended."""
    execute(
        prepared_url,
        """UPDATE "ClientIntegration" SET status = 'error', "errorMessage" = 'refused'""" + MAIN_OF_ACME,
    )
    execute(prepared_url, """UPDATE "MerchantAccount" SET status = 'error' WHERE name = 'Main'""")
    old = clock.now() - timedelta(days=31)
    stamp: object = clock.rfc3339(old) if prepared_url.startswith("sqlite") else old
    execute(prepared_url, 'UPDATE "PlatformIntegration" SET "lastTestedAt" = :at', at=stamp)
    scene.doctor.mend(ADMIN)
    found = examined(scene)

    assert [f"{MAIN} failed its last connection test: refused"] == [
        one.message for one in told(found, "status")
    ]
    assert ["platform/paypal_payflow"] == [one.target and one.target.ref for one in told(found, "tests")]
    assert [] == told(examined(scene, stale_s=40 * 86400.0), "tests")
    assert [f"avnz-int test {MAIN}"] == [one.remedy for one in told(found, "defaults")]


def test_no_default(scene: Services, prepared_url: str) -> None:
    """Active integrations without a default are a note; two defaults are to be mended."""
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "isDefault" = false' + MAIN_OF_ACME)
    found = examined(scene)
    assert found.healthy
    assert [f"avnz-int client set-default {MAIN}"] == [
        one.remedy for one in found.findings if one.check == "defaults"
    ]

    own(scene, "Second")
    execute(prepared_url, 'DROP INDEX "ClientIntegration_one_default"')
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "isDefault" = true')
    assert "acme has 2 defaults" in told(examined(scene), "defaults")[0].message


def test_platform_use(scene: Services) -> None:
    """What uses a platform integration that is shared no more is a note; one that is off is to be mended."""
    using(scene)
    mended(scene)
    scene.sharing.unshare(ADMIN, PAYFLOW)
    found = examined(scene)
    assert found.healthy
    assert ["platform-use"] == [one.check for one in found.findings if one.check == "platform-use"]

    scene.platform.disable(ADMIN, PAYFLOW)
    assert "avnz-int platform enable paypal_payflow" == only(examined(scene), "platform-use").remedy


def test_many(scene: Services, prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many findings the first are listed and the others counted; all are mended."""
    monkeypatch.setattr(doctor_module, "LISTED", 2)
    for number in range(4):
        own(scene, f"More {number}")
    execute(prepared_url, """UPDATE "MerchantAccount" SET status = 'inactive'""")
    found = told(examined(scene), "merchant-accounts")

    assert (3, "and 5 more like these") == (len(found), found[-1].message)
    assert mended(scene).healthy


def test_roles(scene: Services, prepared_url: str) -> None:
    """An auditor examines and does not mend; nobody else does either, and each denial is recorded."""
    scene.doctor.examine(AUDITOR)
    for actor in (AUDITOR, SERVICE, admin_of(scene, "acme")):
        with pytest.raises(ForbiddenError):
            scene.doctor.mend(actor)
    for actor in (SERVICE, admin_of(scene, "acme")):
        with pytest.raises(ForbiddenError):
            scene.doctor.examine(actor)

    assert 3 == len(events(scene, Action.DOCTOR_FIX))
    read = [event.outcome for event in events(scene, Action.DOCTOR_READ)]
    assert [AuditOutcome.SUCCESS, AuditOutcome.DENIED, AuditOutcome.DENIED] == read
