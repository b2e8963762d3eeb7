"""AWS checks against moto's server, where it is faithful: answers and refusals not of our making."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from avnz_int.model.enums import CheckCode
from avnz_int.model.secret import Secret
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport
from support.moto import demand_permissions
from support.providers import sample_request

# A server of 15 seconds; the plain suite speaks the same wire formats on loopback.
pytestmark = pytest.mark.slow

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/reader"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
AWS = ("cognito", "aws_sns", "aws_sagemaker", "aws_s3", "cloudwatch", "aws_appconfig")


@dataclass(frozen=True, slots=True)
class Moto:
    """A server of moto, in which an account has what the settings name.

    Attributes:
        settings: provider -> settings of something that is there.
        granted: keys that may do all, `denied` none of it.
    """

    url: str
    settings: dict[str, dict[str, Any]]
    granted: dict[str, str]
    denied: dict[str, str]

    def check(self, provider: str, keys: dict[str, str], **settings: Any) -> CheckReport:
        """What a check says."""
        request = sample_request(provider, settings={**settings})
        request = replace(
            request,
            credentials=Secret(dict(keys)),
            settings={"region": REGION, **self.settings[provider], **settings},
            endpoint=self.url,
        )
        return registry.run(request)


def furnish(client: Callable[[str], Any]) -> dict[str, dict[str, Any]]:
    """Make one of each thing; provider -> the settings that name it."""
    pool = client("cognito-idp").create_user_pool(PoolName="customers")["UserPool"]["Id"]
    topic = client("sns").create_topic(Name="alerts")["TopicArn"]
    client("s3").create_bucket(Bucket="shop-files")
    client("logs").create_log_group(logGroupName="/shop/web")
    client("logs").create_log_group(logGroupName="/shop/web-2")
    maker = client("sagemaker")
    maker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "x"})
    variant = {
        "VariantName": "v",
        "ModelName": "m",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.t2.medium",
    }
    maker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    maker.create_endpoint(EndpointName="scores", EndpointConfigName="c")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=policy(trust))
    client("iam").put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=policy(ALL))
    application = client("appconfig").create_application(Name="flags")["Id"]
    return {
        "cognito": {"userPoolId": pool},
        "aws_sns": {"topicArn": topic},
        "aws_s3": {"bucket": "shop-files"},
        "aws_sagemaker": {"endpointName": "scores"},
        "cloudwatch": {"logGroup": "/shop/web"},
        "aws_appconfig": {"applicationId": application},
    }


def policy(statement: dict[str, Any]) -> str:
    """The policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def keys_of(client: Callable[[str], Any], user: str, statement: dict[str, Any] | None) -> dict[str, str]:
    """An access key of a new user who may do what the statement says."""
    iam = client("iam")
    iam.create_user(UserName=user)
    if statement is not None:
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(statement))
    made = iam.create_access_key(UserName=user)["AccessKey"]
    return {"accessKeyId": made["AccessKeyId"], "secretAccessKey": made["SecretAccessKey"]}


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    """Moto's server with permissions enforced."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.lower().endswith("_proxy")}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    session = botocore.session.Session()

    def client(service: str) -> Any:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return session.create_client(service, region_name=REGION, endpoint_url=url, **keys)

    settings = furnish(client)
    granted = keys_of(client, "granted", ALL)
    denied = keys_of(client, "denied", None)
    # From now on every request has to be signed by a user who may make it.
    demand_permissions(url, after="0")
    yield Moto(url, settings, granted, denied)
    demand_permissions(url, after="inf")
    server.stop()
    os.environ.update(kept)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused signature is asked again at once."""
    monkeypatch.setattr("avnz_int.providers._aws_calls.SPURIOUS_S", 0.0)


# moto reads no signatures of the services that speak REST and JSON.
@pytest.mark.parametrize("provider", [name for name in AWS if name != "aws_appconfig"])
def test_granted(provider: str, moto: Moto) -> None:
    """Keys that may do it are ok."""
    report = moto.check(provider, moto.granted)
    assert CheckCode.OK == report.code, report.message
    assert "user/granted" in report.message


@pytest.mark.parametrize("provider", [name for name in AWS if name != "aws_appconfig"])
def test_denied(provider: str, moto: Moto) -> None:
    """Keys without a policy are known to STS, and miss a permission."""
    report = moto.check(provider, moto.denied)
    assert CheckCode.MISSING_PERMISSION == report.code, report.message


@pytest.mark.parametrize("provider", AWS)
@pytest.mark.parametrize("wrong", ["accessKeyId", "secretAccessKey"])
def test_wrong(provider: str, wrong: str, moto: Moto) -> None:
    """A wrong key or secret is refused at the first question."""
    report = moto.check(provider, {**moto.granted, wrong: "AKIAWRONG00000000000"})
    assert CheckCode.BAD_CREDENTIALS == report.code, report.message


@pytest.mark.parametrize(
    ("provider", "name", "value"),
    [
        ("cognito", "userPoolId", "us-east-1_Missing00"),
        ("aws_sns", "topicArn", "arn:aws:sns:us-east-1:123456789012:missing"),
        ("aws_s3", "bucket", "missing-files"),
        ("aws_sagemaker", "endpointName", "missing"),
        ("cloudwatch", "logGroup", "/shop/we"),
    ],
)
def test_missing(provider: str, name: str, value: str, moto: Moto) -> None:
    """What the settings name and is not there is not found."""
    report = moto.check(provider, moto.granted, **{name: value})
    assert CheckCode.NOT_FOUND == report.code, report.message


def test_role(moto: Moto) -> None:
    """A role is assumed, and asks STS who it is."""
    report = moto.check("aws_sns", {**moto.granted, "roleArn": ROLE, "externalId": "avnz:1"})
    assert CheckCode.OK == report.code, report.message
    assert "assumed-role/reader/avnz-integrations" in report.message
