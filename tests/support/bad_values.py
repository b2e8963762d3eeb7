"""For each rule of each field of each provider one value that breaks it."""

from __future__ import annotations

from typing import Any

Rules = dict[str, Any]
EMPTY_OR_SPACED: Rules = {"minLength": "", "pattern": "ends with a space "}
HEADER_SECRET: Rules = {"minLength": "", "pattern": "with space"}
ROLE = "arn:aws:iam::123456789012:role/"
ROLE_ARN: Rules = {
    "minLength": "arn:aws:iam::1:role",
    "maxLength": ROLE + "r" * 2048,
    "pattern": ROLE + "a b",
}
E164: Rules = {"pattern": "12065550100"}
EMAIL: Rules = {"format": "no address"}
ADDRESS: Rules = {
    "format": "https://exa mple.com",
    "pattern": "http://example.com",
    "maxLength": "https://example.com/" + "p" * 2048,
}
HOST: Rules = {"format": "-example.com", "pattern": "localhost"}
AWS: Rules = {
    "accessKeyId": {"minLength": "AKIA", "maxLength": "A" * 129, "pattern": "AKIA" + "-" * 16},
    "secretAccessKey": HEADER_SECRET,
    "sessionToken": HEADER_SECRET,
    "roleArn": ROLE_ARN,
    "externalId": {"minLength": "x", "maxLength": "x" * 1225, "pattern": "with space"},
}
AWS_SETTINGS: Rules = {
    "region": {"pattern": "us east"},
    "roleSessionName": {"minLength": "x", "maxLength": "x" * 65, "pattern": "with space"},
    "durationSeconds": {"minimum": 899, "maximum": 43201},
    "endpointUrl": ADDRESS,
}

BAD: dict[str, tuple[Rules, Rules]] = {
    "auth0": (
        {"clientId": {"pattern": "short"}, "clientSecret": {"minLength": "s" * 31, "pattern": "s " * 20}},
        {"domain": HOST, "audience": {"format": "not a uri", "maxLength": "https://" + "a" * 2048}},
    ),
    "okta": (
        {"apiToken": {"minLength": "", "pattern": "00short"}},
        {
            "orgUrl": {"format": "example.okta.com", "pattern": "https://example-admin.okta.com"},
            "clientId": {"maxLength": "x" * 129, "pattern": "0oa example"},
        },
    ),
    "cognito": (
        {**AWS, "clientSecret": HEADER_SECRET},
        {
            **AWS_SETTINGS,
            "userPoolId": {"maxLength": "us-east-1_" + "x" * 46, "pattern": "us-east-1"},
            "clientId": {"maxLength": "x" * 129, "pattern": "client-1"},
            "domain": HOST,
        },
    ),
    "paypal_payflow": (
        {
            "partner": {"minLength": "", "maxLength": "P" * 13, "pattern": "Pay\nPal"},
            "vendor": {"minLength": "", "maxLength": "v" * 65, "pattern": "vendör"},
            "user": {"minLength": "", "maxLength": "u" * 65, "pattern": " user"},
            "password": {"minLength": "12345", "maxLength": "1" * 33, "pattern": 'pass"word'},
        },
        {},
    ),
    "nmi": (
        {
            "securityKey": {"minLength": "", "pattern": "key\n"},
            "username": {"minLength": "", "maxLength": "u" * 256, "pattern": " shop"},
            "password": EMPTY_OR_SPACED,
        },
        {"host": HOST},
    ),
    "authorize_net": (
        {
            "apiLoginId": {"minLength": "", "maxLength": "x" * 26, "pattern": "log in"},
            "transactionKey": {"minLength": "", "maxLength": "x" * 17, "pattern": "key key"},
            "signatureKey": {"minLength": "", "pattern": "0F" * 63},
        },
        {},
    ),
    "stripe": (
        {
            "secretKey": {
                "minLength": "",
                "maxLength": "sk_live_" + "0" * 248,
                "pattern": "pk_" + "test_0000",
            },
            "publishableKey": {"maxLength": "pk_test_" + "0" * 248, "pattern": "sk_" + "test_0000"},
            "webhookSecret": {"minLength": "", "maxLength": "whsec_" + "0" * 250, "pattern": "secret"},
        },
        {},
    ),
    "aws_ses": (
        AWS,
        {
            **AWS_SETTINGS,
            "fromEmail": EMAIL,
            "fromName": {"maxLength": "n" * 129},
            "replyTo": EMAIL,
            "configurationSet": {"pattern": "a b"},
        },
    ),
    "sendgrid": (
        {"apiKey": {"minLength": "", "pattern": "SG.short"}},
        {
            "region": {"enum": "us"},
            "fromEmail": EMAIL,
            "fromName": {"maxLength": "n" * 129},
            "onBehalfOf": {"minLength": "", "maxLength": "s" * 65, "pattern": "sub\r\nuser"},
        },
    ),
    "klaviyo": (
        {"apiKey": {"minLength": "", "pattern": "pk_" + "live_0"}, "publicKey": {"pattern": "AbC12"}},
        {
            "listId": {"maxLength": "x" * 65, "pattern": "a b"},
            "fromEmail": EMAIL,
            "revision": {"pattern": "15.10.2026"},
        },
    ),
    "mailchimp": (
        {"apiKey": {"minLength": "", "pattern": "0" * 32 + "-us21.example.com/"}},
        {
            "serverPrefix": {"maxLength": "u" * 17, "pattern": "us21.example.com/"},
            "audienceId": {"maxLength": "x" * 65, "pattern": "a b"},
            "fromName": {"maxLength": "n" * 129},
            "replyTo": EMAIL,
        },
    ),
    "aws_sns": (
        AWS,
        {
            **AWS_SETTINGS,
            "topicArn": {"pattern": "arn:aws:sqs:us-east-1:123456789012:q"},
            "senderId": {"pattern": "12345"},
            "smsType": {"enum": "Fast"},
            "originationNumber": E164,
        },
    ),
    "twilio": (
        {
            "accountSid": {"pattern": "SK" + "0" * 32},
            "authToken": {"minLength": "", "pattern": "0" * 31},
            "apiKeySid": {"pattern": "AC" + "0" * 32},
            "apiKeySecret": HEADER_SECRET,
        },
        {
            "region": {"enum": "br1"},
            "fromNumber": E164,
            "messagingServiceSid": {"pattern": "MG"},
        },
    ),
    "vonage": (
        {
            "apiKey": {"pattern": "abcd123"},
            "apiSecret": {"minLength": "Short1", "maxLength": "s" * 26, "pattern": "with a space"},
            "applicationId": {"format": "0123"},
            "privateKey": {
                "minLength": "",
                "maxLength": "x" * 16385,
                "pattern": "-----BEGIN PRIVATE KEY-----",
            },
            "signatureSecret": HEADER_SECRET,
        },
        {"from": {"minLength": "", "maxLength": "f" * 16}},
    ),
    "aws_bedrock": (
        {**AWS, "bedrockApiKey": HEADER_SECRET},
        {**AWS_SETTINGS, "modelId": {"minLength": "", "maxLength": "m" * 2049, "pattern": "a model"}},
    ),
    "aws_sagemaker": (
        AWS,
        {
            **AWS_SETTINGS,
            "endpointName": {"maxLength": "e" * 64, "pattern": "-endpoint"},
            "executionRoleArn": ROLE_ARN,
        },
    ),
    "openai": (
        {"apiKey": {"minLength": "", "pattern": "key-1"}},
        {
            "organizationId": {"maxLength": "org-" + "x" * 125, "pattern": "example"},
            "projectId": {"maxLength": "proj_" + "x" * 124, "pattern": "example"},
            "dataResidency": {"enum": "de"},
            "baseUrl": ADDRESS,
            "defaultModel": {"minLength": "", "maxLength": "m" * 256, "pattern": "a model"},
        },
    ),
    "aws_s3": (
        AWS,
        {
            **AWS_SETTINGS,
            "bucket": {"minLength": "ab", "maxLength": "b" * 64, "pattern": "Bucket"},
            "prefix": {"maxLength": "p" * 1025},
            "expectedBucketOwner": {"pattern": "1234"},
            "forcePathStyle": {"type": "yes"},
        },
    ),
    "datadog": (
        {
            "apiKey": {"minLength": "", "pattern": "0" * 31},
            "appKey": {"minLength": "", "maxLength": "k" * 256, "pattern": "a-b"},
        },
        {
            "site": {"enum": "app.datadoghq.com"},
            "service": {"maxLength": "s" * 201},
            "env": {"maxLength": "e" * 201},
        },
    ),
    "sentry": (
        {
            "dsn": {
                "minLength": "",
                "maxLength": "https://" + "a" * 2048 + "@example.com/1",
                "pattern": "https://example.com/1",
            },
            "authToken": HEADER_SECRET,
        },
        {
            "baseUrl": ADDRESS,
            "orgSlug": {"maxLength": "o" * 65, "pattern": "Org"},
            "projectSlug": {"maxLength": "p" * 101, "pattern": "a/b"},
            "environment": {"minLength": "", "maxLength": "e" * 65},
        },
    ),
    "cloudwatch": (
        AWS,
        {
            **AWS_SETTINGS,
            "namespace": {"maxLength": "n" * 256, "pattern": ":n"},
            "logGroup": {"maxLength": "l" * 513, "pattern": "a b"},
        },
    ),
    "launchdarkly": (
        {
            "accessToken": {"minLength": "", "pattern": "sdk-1"},
            "sdkKey": {"minLength": "", "pattern": "api-1"},
            "mobileKey": {"minLength": "", "maxLength": "mob-" + "m" * 252, "pattern": "key"},
            "clientSideId": {"pattern": "0123"},
        },
        {
            "instance": {"enum": "us"},
            "projectKey": {"maxLength": "p" * 257, "pattern": "a/b"},
            "environmentKey": {"maxLength": "e" * 257, "pattern": "-e"},
        },
    ),
    "aws_appconfig": (
        AWS,
        {
            **AWS_SETTINGS,
            "applicationId": {"pattern": "abc"},
            "environmentId": {"pattern": "ABC123"},
            "configurationProfileId": {"pattern": "abcdefgh"},
        },
    ),
    "webhook": (
        {
            "signingSecret": {"minLength": "", "maxLength": "whsec_" + "A" * 123, "pattern": "whsec_short"},
            "headers": {
                "maxProperties": {f"X-{i}": "v" for i in range(21)},
                "propertyNames": {"X Api": "v"},
                "additionalProperties": {"X-Api": "line\nbreak"},
            },
        },
        {
            "url": {
                "format": "https://example.com/{id}",
                "pattern": "http://example.com/",
                "maxLength": "https://example.com/" + "p" * 2048,
            },
            "eventTypes": {
                "items": ["payment approved"],
                "maxItems": [f"e{i}" for i in range(101)],
                "uniqueItems": ["a", "a"],
            },
            "timeoutSeconds": {"minimum": 0, "maximum": 31},
        },
    ),
}
"""provider -> (credentials, settings): field -> rule -> a value that breaks it."""
