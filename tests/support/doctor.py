"""What tests of the doctor look at: a healthy scene, what is found in it, what is left after mending."""

from __future__ import annotations

import pytest

from avnz_int.model.doctor import Diagnosis, Examination, Finding, Severity
from avnz_int.wiring import Services
from support.scenes import ADMIN, own, platform

MAIN = "acme/paypal_payflow/Main"
MAIN_OF_ACME = """ WHERE "clientId" = (SELECT id FROM "Client" WHERE slug = 'acme') AND name = 'Main'"""
"""The end of a statement that changes that one."""


@pytest.fixture(name="scene")
def healthy_scene(services: Services) -> Services:
    """A default of acme's, one of globex's, and the platform's, all tested."""
    platform(services, share=True)
    own(services, default=True)
    own(services, client="globex", default=True)
    return services


def examined(services: Services, **wanted: object) -> Diagnosis:
    """What an org_admin is told."""
    return services.doctor.examine(ADMIN, Examination(**wanted))  # type: ignore[arg-type]  # of the test


def mended(services: Services) -> Diagnosis:
    """What `--fix` leaves."""
    return services.doctor.mend(ADMIN)


def told(found: Diagnosis, check: str) -> list[Finding]:
    """The findings of one check, notes aside."""
    return [one for one in found.standing if one.check == check and one.severity is not Severity.NOTE]


def only(found: Diagnosis, check: str) -> Finding:
    """The one finding that is no note; it is of this check."""
    graver = [one for one in found.standing if one.severity is not Severity.NOTE]
    assert [check] == [one.check for one in graver], graver
    return graver[0]
