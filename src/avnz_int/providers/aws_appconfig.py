"""AWS AppConfig: the application, environment and profile that are set, or else the list of applications.

Source: AWS, AppConfig API reference, GetApplication, GetEnvironment, GetConfigurationProfile.
"""

from __future__ import annotations

from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "AWS AppConfig"


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may see what the settings name or, if nothing, list applications."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    application = aws.settings.get("applicationId")
    if application is None:
        aws.call("appconfig", "list_applications", "appconfig:ListApplications", ("Items",), MaxResults=1)
        return aws.ok(f"applications can be listed in {aws.region}")
    found = [_get(aws, "application", "get_application", "GetApplication", ApplicationId=application)]
    if (environment := aws.settings.get("environmentId")) is not None:
        found.append(
            _get(
                aws,
                "environment",
                "get_environment",
                "GetEnvironment",
                ApplicationId=application,
                EnvironmentId=environment,
            )
        )
    if (profile := aws.settings.get("configurationProfileId")) is not None:
        found.append(
            _get(
                aws,
                "configuration profile",
                "get_configuration_profile",
                "GetConfigurationProfile",
                ApplicationId=application,
                ConfigurationProfileId=profile,
            )
        )
    return aws.ok(f"there: {', '.join(found)}")


def _get(aws: _aws.Aws, what: str, method: str, operation: str, **ids: str) -> str:
    """What was found, in words; its own id is the last of `ids`."""
    named = f"{what} {next(reversed(ids.values()))}"
    aws.call(
        "appconfig",
        method,
        f"appconfig:{operation}",
        ("Id",),
        missing=f"the credentials are valid, but there is no {named} in {aws.region}",
        **ids,
    )
    return named
