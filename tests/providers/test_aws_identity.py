"""Whose keys an AWS check uses: roles, the machine's own, and nothing of it where keys are given."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers import registry
from support.aws import (
    assumed,
    aws_case,
    by_operation,
    changed,
    identity,
    operation,
    query_error,
    result,
    signer,
)
from support.gateway import Answer, FaultGateway, answering, self_signed
from support.providers import Checked, ProviderCase, Sent
from support.samples import SAMPLES

SAMPLE = SAMPLES["aws_sns"].credentials
TOPIC = result("GetTopicAttributes", "<Attributes></Attributes>")
CASE = aws_case("aws_sns", {"GetTopicAttributes": TOPIC}, style=query_error, action="sns:GetTopicAttributes")
ROLE = changed(CASE, roleArn=SAMPLE["roleArn"], externalId=SAMPLE["externalId"])
NO_KEYS = changed(CASE, accessKeyId=None, secretAccessKey=None, sessionToken=None)
AS_ROLE: dict[str, Answer] = {
    "AssumeRole": assumed("ASIAROLE000000000000"),
    "GetCallerIdentity": identity(arn="arn:aws:sts::123456789012:assumed-role/example/avnz-test"),
    "GetTopicAttributes": TOPIC,
}
MACHINE = {"AWS_ACCESS_KEY_ID": "AKIAMACHINE000000000", "AWS_SECRET_ACCESS_KEY": "machine-secret"}


@pytest.fixture(autouse=True)
def no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a metadata service."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def platform(case: ProviderCase, answers: Answer) -> Checked:
    """What a check of the platform's own row makes of these answers."""
    request = replace(case.request(), ambient_allowed=True)
    with FaultGateway(answers) as gateway:
        report = registry.run(replace(request, endpoint=gateway.url))
        return Checked(report, [Sent.parse(raw) for raw in gateway.requests])


def keys_used(checked: Checked) -> list[tuple[str, str]]:
    """Each operation, and the access key it was signed with."""
    return [(operation(sent), signer(sent)[0]) for sent in checked.requests]


# --- roles -----------------------------------------------------------------------------------------


def test_role() -> None:
    """A role is assumed with the keys and the external ID; what follows is asked as the role."""
    checked = ROLE.run(by_operation(AS_ROLE))
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert "assumed-role/example" in checked.report.message
    own, role = SAMPLE["accessKeyId"], "ASIAROLE000000000000"
    assert [("AssumeRole", own), ("GetCallerIdentity", role), ("GetTopicAttributes", role)] == keys_used(
        checked
    )
    asked = {name: values[0] for name, values in parse_qs(checked.requests[0].body.decode()).items()}
    assert (SAMPLE["roleArn"], SAMPLE["externalId"]) == (asked["RoleArn"], asked["ExternalId"])
    assert ("avnz-test", "900") == (asked["RoleSessionName"], asked["DurationSeconds"])
    assert "role-session-token" == checked.requests[1].headers["x-amz-security-token"]


def test_role_denied() -> None:
    """A role that may not be assumed is a missing permission, and no wrong key."""
    report = ROLE.run(by_operation({"AssumeRole": query_error(403, "AccessDenied")})).report
    assert (CheckCode.MISSING_PERMISSION, "AccessDenied") == (report.code, report.provider_code)
    assert "trust policy" in report.message


@pytest.mark.parametrize("body", ["", "<Credentials><AccessKeyId>A</AccessKeyId></Credentials>"])
def test_role_without_credentials(body: str) -> None:
    """An answer without the role's credentials is not understood."""
    report = ROLE.run(by_operation({"AssumeRole": result("AssumeRole", body)})).report
    assert CheckCode.UNEXPECTED_REPLY == report.code


def test_wrong_key_for_role() -> None:
    """A wrong key is wrong, with a role or without."""
    report = ROLE.run(by_operation({"AssumeRole": query_error(403, "InvalidClientTokenId")})).report
    assert CheckCode.BAD_CREDENTIALS == report.code


def test_client_role_without_external_id() -> None:
    """A client's role needs an external ID, lest we assume somebody else's; a platform's does not."""
    case = changed(CASE, roleArn=SAMPLE["roleArn"])
    checked = case.run(by_operation(AS_ROLE))
    assert Outcome.INVALID_CONFIG == checked.report.outcome
    assert "externalId" in checked.report.message
    assert [] == checked.requests
    assert CheckCode.OK == platform(case, by_operation(AS_ROLE)).report.code


# --- the machine's own -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", [NO_KEYS, changed(NO_KEYS, roleArn=SAMPLE["roleArn"], externalId="avnz:1")])
def test_client_without_keys(case: ProviderCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's row never gets the machine's credentials, nor a role assumed with them."""
    for name, value in MACHINE.items():
        monkeypatch.setenv(name, value)
    checked = case.run(by_operation(AS_ROLE))
    assert Outcome.INVALID_CONFIG == checked.report.outcome
    assert "accessKeyId" in checked.report.message
    assert [] == checked.requests


def test_ambient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform's row without keys uses those of the machine, also to assume a role."""
    for name, value in MACHINE.items():
        monkeypatch.setenv(name, value)
    checked = platform(NO_KEYS, by_operation(AS_ROLE))
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert {MACHINE["AWS_ACCESS_KEY_ID"]} == {key for _, key in keys_used(checked)}
    role = platform(changed(NO_KEYS, roleArn=SAMPLE["roleArn"]), by_operation(AS_ROLE))
    assert ("AssumeRole", MACHINE["AWS_ACCESS_KEY_ID"]) == keys_used(role)[0]


@pytest.mark.parametrize(("profile", "words"), [(None, "has none"), ("nobody", "ProfileNotFound")])
def test_no_ambient(profile: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without credentials, or with a profile that does not exist, is told of."""
    if profile is not None:
        monkeypatch.setenv("AWS_PROFILE", profile)
    checked = platform(NO_KEYS, by_operation(AS_ROLE))
    assert Outcome.INVALID_CONFIG == checked.report.outcome
    assert words in checked.report.message
    assert [] == checked.requests


def test_ambient_not_to_other_stores() -> None:
    """The machine's credentials are not shown to a host that is not AWS's."""
    request = NO_KEYS.request(changes={"endpointUrl": "https://store.example.com"})
    report = registry.run(replace(request, ambient_allowed=True))
    assert CheckCode.INVALID_CONFIG == report.code
    assert "endpointUrl" in report.message


def test_given_keys_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where keys are given, no profile, file or variable of the machine has a say."""
    for name, value in {**MACHINE, "AWS_SESSION_TOKEN": "machine", "AWS_PROFILE": "nobody"}.items():
        monkeypatch.setenv(name, value)
    broken = tmp_path / "broken"
    broken.write_text("[default\nthis is no configuration")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(broken))
    checked = changed(CASE, sessionToken=None).run(by_operation(AS_ROLE))
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert {SAMPLE["accessKeyId"]} == {key for _, key in keys_used(checked)}
    assert all("x-amz-security-token" not in sent.headers for sent in checked.requests)


@pytest.mark.parametrize("field", ["accessKeyId", "secretAccessKey", "sessionToken"])
@pytest.mark.parametrize("value", ["caf\u00e9" * 5, "k" * 20 + "\n", "k" * 20 + "\r\nX-Evil: 1"])
def test_unsendable(field: str, value: str) -> None:
    """What no header can carry is the configuration's fault, and nothing is sent."""
    checked = changed(CASE, **{field: value}).run(by_operation(AS_ROLE))
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert field in checked.report.message
    assert [] == checked.requests


# --- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "both"])
def test_endpoint_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's own variables lead elsewhere, the one of a service before the one of all; a warning says so."""
    with FaultGateway(by_operation(AS_ROLE)) as gateway:
        if name == "both":
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", gateway.url)
            monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", gateway.url)
        url = gateway.url if name == "AWS_ENDPOINT_URL" else "http://127.0.0.1:1"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        report = registry.run(CASE.request())
    assert CheckCode.OK == report.code, report.message
    assert 1 == len(report.warnings)
    assert "AWS_ENDPOINT_URL" in report.warnings[0]


def test_endpoint_before_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own variable goes before boto3's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    report = CASE.run(by_operation(AS_ROLE)).report
    assert (CheckCode.OK, ()) == (report.code, report.warnings)


def test_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own hosts are reached through the environment's proxy, which never gets the credentials."""
    refusal = answering(b"", status="407 Proxy Authentication Required")
    with FaultGateway(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        report = registry.run(CASE.request())
    assert (Outcome.UNREACHABLE, CheckCode.NETWORK) == (report.outcome, report.code)
    first, *_ = proxy.requests
    assert first.startswith(b"CONNECT sts.us-east-1.amazonaws.com:443 ")
    assert b"dXNlcjpwQHNz" in first
    assert b"AWS4" not in first


@pytest.mark.parametrize("proxy", ["http://[", "nonsense://127.0.0.1:1", "http://127.0.0.1:99999"])
def test_unusable_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is no address is a failure of the network, not of the credentials."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    report = registry.run(CASE.request())
    assert (Outcome.UNREACHABLE, CheckCode.NETWORK) == (report.outcome, report.code), report.message


def test_no_proxy_for_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's endpoint is reached without a proxy."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert CheckCode.OK == CASE.run(by_operation(AS_ROLE)).report.code


def test_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates that AWS_CA_BUNDLE names are trusted."""
    with self_signed() as certificate:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.pem))
        report = CASE.run(by_operation(AS_ROLE), tls=certificate).report
    assert CheckCode.OK == report.code, report.message


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_no_bundle(content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Certificates that cannot be read are named."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with self_signed() as certificate:
        report = CASE.run(by_operation(AS_ROLE), tls=certificate).report
    assert CheckCode.TLS == report.code
    assert "AWS_CA_BUNDLE" in report.message


# --- silence and weight ----------------------------------------------------------------------------


def test_loggers(caplog: pytest.LogCaptureFixture) -> None:
    """What botocore and urllib3 log, headers among it, reaches nobody, at whatever level of ours."""
    caplog.set_level(1)
    CASE.run(by_operation(AS_ROLE))
    assert [] == [record.name for record in caplog.records if record.name.startswith(("botocore", "urllib3"))]


@pytest.mark.parametrize(
    ("provider", "without"), [("aws_sns", "httpx"), ("aws_s3", "httpx"), ("sendgrid", "botocore")]
)
def test_weight(provider: str, without: str) -> None:
    """An AWS check loads no HTTP library of the others, and theirs no botocore."""
    code = (
        "import sys; from avnz_int.providers import registry; "
        f"assert registry.load({provider!r}); print({without!r} in sys.modules, 'boto3' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False False" == told.stdout.strip()
