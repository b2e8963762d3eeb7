"""Settings of what is in force: three levels, where each value came from, and what may not cross them."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import Category
from avnz_int.model.routing import InForceView, Origin
from avnz_int.wiring import Services
from support.scenes import ADMIN
from support.services import execute
from support.staging import Own, Platform, Using, stage

SMS, PAY, MONITORING = Category.SMS, Category.PAYMENT_GATEWAY, Category.MONITORING
OF_ORGANIZATION = {"region": "ie1", "fromNumber": "+12065550100"}


def in_force(services: Services, category: Category) -> InForceView:
    """What is in force for acme, with its origins."""
    found = services.resolution.resolve(ADMIN, category, client="acme", explain=True).in_force
    assert found is not None
    assert found.origins is not None
    assert list(found.settings) == list(found.origins)
    return found


def test_defaults_alone(services: Services) -> None:
    """A setting that nobody set has the definition's default."""
    stage(services, [Own("a", "twilio")])
    found = in_force(services, SMS)
    assert ({"region": "us1"}, {"region": Origin.DEFINITION}) == (found.settings, found.origins)


def test_three_levels(services: Services) -> None:
    """The client's value stands over the organization's, and that over the definition's."""
    of_client = {"messagingServiceSid": "MG1"}
    stage(
        services,
        [
            Platform("twilio", {"settings": {"fromNumber": "+1", "messagingServiceSid": "MG0"}}),
            Own("a", "twilio", {"settings": of_client}),
        ],
    )
    found = in_force(services, SMS)
    assert {"region": "us1", "fromNumber": "+1", "messagingServiceSid": "MG1"} == found.settings
    assert {
        "region": Origin.DEFINITION,
        "fromNumber": Origin.ORGANIZATION,
        "messagingServiceSid": Origin.CLIENT,
    } == found.origins


def test_no_foreign_destination(services: Services) -> None:
    """Where the organization sends its own credentials is nothing to a client's."""
    stage(services, [Platform("twilio", {"settings": OF_ORGANIZATION}), Own("a", "twilio")])
    found = in_force(services, SMS)
    assert ("us1", "+12065550100") == (found.settings["region"], found.settings["fromNumber"])
    assert found.origins is not None
    assert Origin.DEFINITION == found.origins["region"]


def test_no_diversion(services: Services, prepared_url: str) -> None:
    """A client that uses the platform's credentials cannot send them to a host of its own."""
    hosts = {"host": "ours.transactiongateway.com"}, {"host": "evil.transactiongateway.com"}
    stage(services, [Platform(columns={"settings": hosts[0]}), Using("u", columns={"settings": hosts[1]})])
    found = in_force(services, PAY)
    assert (hosts[0], {"host": Origin.ORGANIZATION}) == (found.settings, found.origins)
    execute(prepared_url, 'UPDATE "PlatformIntegration" SET settings = NULL')
    assert {} == in_force(services, PAY).settings


def test_other_environment(services: Services) -> None:
    """Settings of the organization's sandbox are none of a client's production."""
    platform = Platform("twilio", {"settings": OF_ORGANIZATION, "environment": "sandbox"})
    stage(services, [platform, Own("a", "twilio")])
    assert {"region": "us1"} == in_force(services, SMS).settings


def test_configuration_outlives_its_use(services: Services) -> None:
    """The organization's settings are defaults also while its own integration is off."""
    platform = Platform("twilio", {"settings": OF_ORGANIZATION, "status": "inactive"})
    stage(services, [platform, Own("a", "twilio")])
    assert "+12065550100" == in_force(services, SMS).settings["fromNumber"]


def test_organization(services: Services) -> None:
    """What is the platform's alone has the organization's settings over the definition's."""
    stage(services, [Platform("datadog", {"settings": {"env": "live"}})])
    found = in_force(services, MONITORING)
    assert {"site": "datadoghq.com", "env": "live"} == found.settings
    assert {"site": Origin.DEFINITION, "env": Origin.ORGANIZATION} == found.origins


def test_unasked(services: Services) -> None:
    """Without `explain` the settings are the same, and nobody is told where they came from."""
    stage(services, [Own("a", "twilio")])
    found = services.resolution.resolve(ADMIN, SMS, client="acme").in_force
    assert found is not None
    assert ({"region": "us1"}, None) == (found.settings, found.origins)


@pytest.mark.parametrize("stored", ["[1]", '"text"', "7"])
def test_no_object(services: Services, prepared_url: str, stored: str) -> None:
    """Settings that are no object, put there by somebody else, are as none."""
    ids = stage(services, [Own("a", "twilio")])
    cast = "" if services.database.is_sqlite else "::jsonb"
    execute(
        prepared_url,
        f"UPDATE \"ClientIntegration\" SET settings = '{stored}'{cast} WHERE id = '{ids['a']}'",
    )
    assert {"region": "us1"} == in_force(services, SMS).settings
