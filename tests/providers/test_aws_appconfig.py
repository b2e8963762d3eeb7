"""AWS AppConfig: application, environment, profile, and what AWS says of each."""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from support.aws import aws_case, json_error, operation, signed_in
from support.gateway import Answer
from support.providers import Refusal, said
from support.samples import SAMPLES

SETTINGS = SAMPLES["aws_appconfig"].settings
APPLICATION = f"GET /applications/{SETTINGS['applicationId']}"
ENVIRONMENT = f"{APPLICATION}/environments/{SETTINGS['environmentId']}"
PROFILE = f"{APPLICATION}/configurationprofiles/{SETTINGS['configurationProfileId']}"
GONE = json_error(404, "ResourceNotFoundException")
OK: dict[str, Answer] = {
    APPLICATION: said(200, {"Id": SETTINGS["applicationId"]}),
    ENVIRONMENT: said(200, {"Id": SETTINGS["environmentId"]}),
    PROFILE: said(200, {"Id": SETTINGS["configurationProfileId"]}),
}
NONE = {"applicationId": None, "environmentId": None, "configurationProfileId": None}

CASE = aws_case(
    "aws_appconfig",
    OK,
    style=json_error,
    action="appconfig:GetApplication",
    refusals={
        "no application": Refusal(
            signed_in({APPLICATION: GONE}), CheckCode.NOT_FOUND, f"application {SETTINGS['applicationId']}"
        ),
        "no environment": Refusal(
            signed_in({**OK, ENVIRONMENT: GONE}),
            CheckCode.NOT_FOUND,
            f"environment {SETTINGS['environmentId']}",
        ),
        "no profile": Refusal(signed_in({**OK, PROFILE: GONE}), CheckCode.NOT_FOUND, "configuration profile"),
        "bad request": Refusal(
            signed_in({APPLICATION: json_error(400, "BadRequestException")}), CheckCode.INVALID_CONFIG
        ),
        "profile denied": Refusal(
            signed_in({**OK, PROFILE: json_error(403, "AccessDeniedException")}),
            CheckCode.MISSING_PERMISSION,
            "appconfig:GetConfigurationProfile",
        ),
        "no id": Refusal(signed_in({APPLICATION: said(200, {})}), CheckCode.UNEXPECTED_REPLY),
        "list denied": Refusal(
            signed_in({"GET /applications": json_error(403, "AccessDeniedException")}),
            CheckCode.MISSING_PERMISSION,
            "appconfig:ListApplications",
            changes=NONE,
        ),
    },
)


def test_list() -> None:
    """Without an application, that applications may be listed is enough."""
    checked = CASE.run(signed_in({"GET /applications": said(200, {"Items": []})}), changes=NONE)
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert "GET /applications?max_results=1" == operation(checked.requests[-1])
