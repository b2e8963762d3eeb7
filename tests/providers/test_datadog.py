"""Datadog's validation of keys: what is asked, and how a wrong key is told from a wrong site."""

from __future__ import annotations

import json

from avnz_int.definitions import loader
from avnz_int.model.enums import CheckCode
from avnz_int.providers.datadog import COMMERCIAL, GOVERNMENT
from support.gateway import FAULTS
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

VALID = said(200, {"valid": True})
BOTH = said(200, {"status": "ok"})
FORBIDDEN = said(403, {"errors": ["Forbidden"]})
UNAUTHORIZED = said(401, {"errors": ["Unauthorized"]})

CASE = ProviderCase(
    "datadog",
    ok=[VALID, BOTH],
    refusals={
        "wrong key": Refusal(FORBIDDEN, CheckCode.BAD_CREDENTIALS, "API key"),
        "wrong key, 401": Refusal(UNAUTHORIZED, CheckCode.BAD_CREDENTIALS),
        "other site": Refusal([FORBIDDEN, VALID], CheckCode.WRONG_HOST, "datadoghq.com"),
        "third site": Refusal(
            [FORBIDDEN, said(503), FORBIDDEN, VALID],
            CheckCode.WRONG_HOST,
            "datadoghq.eu",
            {"site": "us3.datadoghq.com"},
        ),
        "government": Refusal(
            [FORBIDDEN, VALID], CheckCode.WRONG_HOST, "us2.ddog-gov.com", {"site": "ddog-gov.com"}
        ),
        "wrong application key": Refusal([VALID, FORBIDDEN], CheckCode.BAD_CREDENTIALS, "application key"),
        "application key, 401": Refusal([VALID, UNAUTHORIZED], CheckCode.BAD_CREDENTIALS, "application key"),
        "rate": Refusal(said(429, {"errors": ["x"]}), CheckCode.RATE_LIMITED),
        "not valid": Refusal(said(200, {"valid": False}), CheckCode.UNEXPECTED_REPLY),
        "other json": Refusal(said(200, {"status": "ok"}), CheckCode.UNEXPECTED_REPLY),
        "other refusal": Refusal(said(403, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other second": Refusal([VALID, said(200, {"valid": True})], CheckCode.UNEXPECTED_REPLY),
    },
)


def test_request() -> None:
    """The API key alone is asked about first, then both keys, in headers of their own."""
    first, second = check_provider("datadog", VALID, BOTH).requests
    secrets = SAMPLES["datadog"].credentials
    assert ("/api/v1/validate", "/api/v2/validate_keys") == (first.path, second.path)
    assert secrets["apiKey"] == first.headers["dd-api-key"] == second.headers["dd-api-key"]
    assert secrets["appKey"] == second.headers["dd-application-key"]
    assert "dd-application-key" not in first.headers


def test_no_application_key() -> None:
    """Without an application key there is one question."""
    checked = check_provider("datadog", VALID, credentials={"appKey": None})
    assert CheckCode.OK == checked.report.code
    assert 1 == len(checked.requests)


def test_sites() -> None:
    """The sites are those of the definition, the government's apart."""
    seed = json.loads((loader.seeds_dir() / "datadog.json").read_text())
    assert {*COMMERCIAL, *GOVERNMENT} == set(seed["settingsSchema"]["properties"]["site"]["enum"])
    assert all(site.endswith("ddog-gov.com") for site in GOVERNMENT)


def test_government_key_stays() -> None:
    """A key of the government's sites is shown to the other one of them, and to nobody else."""
    checked = check_provider("datadog", FORBIDDEN, settings={"site": "ddog-gov.com"})
    assert CheckCode.BAD_CREDENTIALS == checked.report.code
    assert 2 == len(checked.requests)


def test_verdict_survives_silence() -> None:
    """A site that does not answer hides neither the verdict nor its deadline."""
    report = check_provider("datadog", FORBIDDEN, FAULTS["hang"][0], timeout_s=1).report
    assert CheckCode.BAD_CREDENTIALS == report.code
