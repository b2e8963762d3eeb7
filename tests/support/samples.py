"""For each provider one set of credentials and settings that its schemas accept; no value is a real one.

Values with the prefix of a real key are put together here, so that secret scanners see no key in this file.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True, slots=True)
class Sample:
    """Every field of the credentials and settings that can stand together."""

    credentials: dict[str, Any]
    settings: dict[str, Any]


_HEX32 = "0123456789abcdef" * 2
_UUID_TAIL = "01234567-89ab-4def-8123-456789abcdef"
_KLAVIYO = "pk_" + "0" * 34
# The same in every process, as the ids of tests are made of samples; a scalar that everybody can guess.
_PEM = (
    ec.derive_private_key(7, ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


def _aws(settings: dict[str, Any], **credentials: Any) -> Sample:
    return Sample(
        {
            "accessKeyId": "AS" + "IA" + "EXAMPLE" + "0" * 9,
            "secretAccessKey": "example/secret+access=key" + "0" * 15,
            "sessionToken": "example-session-token==",
            "roleArn": "arn:aws:iam::123456789012:role/example",
            "externalId": "avnz:example/1",
            **credentials,
        },
        {
            "region": "us-east-1",
            "roleSessionName": "avnz-test",
            "durationSeconds": 900,
            "endpointUrl": "https://vpce-1.example.amazonaws.com/path",
            **settings,
        },
    )


SAMPLES: dict[str, Sample] = {
    "auth0": Sample(
        {"clientId": "c" * 32, "clientSecret": "s" * 64},
        {"domain": "example.us.auth0.com", "audience": "https://example.us.auth0.com/api/v2/"},
    ),
    "okta": Sample(
        {"apiToken": "00" + "t" * 40},
        {"orgUrl": "https://example.okta.com", "clientId": "0oaexample"},
    ),
    "cognito": _aws(
        {"userPoolId": "us-east-1_Example9", "clientId": "client", "domain": "login.example.com"},
        clientSecret="app-client-secret",
    ),
    "paypal_payflow": Sample(
        {"partner": "PayPal", "vendor": "ExampleShop", "user": "ExampleShop", "password": "x&y=z 1"}, {}
    ),
    "nmi": Sample(
        {"securityKey": "example-security-key", "username": "shop", "password": "shop password"},
        {"host": "example.transactiongateway.com"},
    ),
    "authorize_net": Sample(
        {"apiLoginId": "5example", "transactionKey": "0123456789abcdef", "signatureKey": "0F" * 64}, {}
    ),
    "stripe": Sample(
        {
            "secretKey": "rk_" + "test_" + "0" * 24,
            "publishableKey": "pk_" + "test_" + "0" * 24,
            "webhookSecret": "whsec_" + "0" * 32,
        },
        {},
    ),
    "aws_ses": _aws(
        {
            "fromEmail": "receipts@example.com",
            "fromName": "Receipts",
            "replyTo": "help@example.com",
            "configurationSet": "main",
        }
    ),
    "sendgrid": Sample(
        {"apiKey": "SG." + "a" * 22 + "." + "b" * 43},
        {"region": "eu", "fromEmail": "a@example.com", "fromName": "A", "onBehalfOf": "subuser"},
    ),
    "klaviyo": Sample(
        {"apiKey": _KLAVIYO, "publicKey": "AbC123"},
        {"listId": "XyZ987", "fromEmail": "news@example.com", "revision": "2026-10-15"},
    ),
    "mailchimp": Sample(
        {"apiKey": _HEX32 + "-us21"},
        {"serverPrefix": "us21", "audienceId": "abc123", "fromName": "News", "replyTo": "a@example.com"},
    ),
    "aws_sns": _aws(
        {
            "topicArn": "arn:aws:sns:us-east-1:123456789012:alerts.fifo",
            "senderId": "AVNZ",
            "smsType": "Promotional",
            "originationNumber": "+12065550100",
        }
    ),
    "twilio": Sample(
        {
            "accountSid": "AC" + _HEX32,
            "authToken": _HEX32,
            "apiKeySid": "SK" + _HEX32,
            "apiKeySecret": "k" * 32,
        },
        {"region": "ie1", "fromNumber": "+12065550100", "messagingServiceSid": "MG" + _HEX32},
    ),
    "vonage": Sample(
        {
            "apiKey": "abcd1234",
            "apiSecret": "Example-Secret1",
            "applicationId": "01234567-89ab-cdef-0123-456789abcdef",
            "privateKey": _PEM,
            "signatureSecret": "signature-secret",
        },
        {"from": "AVNZ"},
    ),
    "aws_bedrock": _aws({"modelId": "example.model-v1:0"}, bedrockApiKey="bedrock-api-key"),
    "aws_sagemaker": _aws(
        {"endpointName": "example-endpoint", "executionRoleArn": "arn:aws:iam::123456789012:role/maker"}
    ),
    "openai": Sample(
        {"apiKey": "sk-" + "proj-" + "0" * 40},
        {
            "organizationId": "org-example",
            "projectId": "proj_example",
            "dataResidency": "eu",
            "baseUrl": "https://eu.api.openai.com/v1",
            "defaultModel": "example-model",
        },
    ),
    "aws_s3": _aws(
        {
            "bucket": "example-bucket",
            "prefix": "uploads/",
            "expectedBucketOwner": "123456789012",
            "forcePathStyle": True,
        }
    ),
    "datadog": Sample(
        {"apiKey": _HEX32, "appKey": _HEX32 + "01234567"},
        {"site": "datadoghq.eu", "service": "billing", "env": "prod"},
    ),
    "sentry": Sample(
        {"dsn": f"https://{_HEX32}@o1.ingest.us.sentry.io/42", "authToken": "sntryu_" + _HEX32 * 2},
        {
            "baseUrl": "https://us.sentry.io",
            "orgSlug": "example",
            "projectSlug": "example-api",
            "environment": "production",
        },
    ),
    "cloudwatch": _aws({"namespace": "AWS/Usage", "logGroup": "/aws/lambda/example"}),
    "launchdarkly": Sample(
        {
            "accessToken": "api-" + _UUID_TAIL,
            "sdkKey": "sdk-" + _UUID_TAIL,
            "mobileKey": "mob-" + _UUID_TAIL,
            "clientSideId": _HEX32[:24],
        },
        {"instance": "eu", "projectKey": "default", "environmentKey": "production"},
    ),
    "aws_appconfig": _aws(
        {"applicationId": "abc123", "environmentId": "def456", "configurationProfileId": "ghi789"}
    ),
    "webhook": Sample(
        {"signingSecret": "whsec_" + "A" * 43 + "=", "headers": {"X-Api-Key": "header value"}},
        {
            "url": "https://hooks.example.com/in?source=avnz",
            "eventTypes": ["payment.approved", "payment.declined"],
            "timeoutSeconds": 10,
        },
    ),
}


def sample(provider: str) -> Sample:
    """A copy of the provider's sample that the caller may change."""
    return copy.deepcopy(SAMPLES[provider])
