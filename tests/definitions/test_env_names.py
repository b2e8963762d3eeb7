"""The names of environment variables: their rules, and those of the shipped definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from avnz_int.definitions import env_names, loader, schema
from definitions.test_rules import SECRET, TEXT, make_schema, make_seed
from support.samples import SAMPLES

SEEDS = {seed.provider: seed for seed in loader.read_seeds()}
AWS = {
    "aws_appconfig",
    "aws_bedrock",
    "aws_s3",
    "aws_sagemaker",
    "aws_ses",
    "aws_sns",
    "cloudwatch",
    "cognito",
}


def seed_with(field: dict[str, Any], **changes: Any) -> Any:
    """A definition whose one secret has these keywords."""
    return make_seed(credential_schema=make_schema({"token": SECRET | field}, required=["token"]), **changes)


def paths(seed: Any) -> list[str]:
    """Where a definition breaks a rule."""
    return [problem.path for problem in schema.validate_definition(seed)]


@pytest.mark.parametrize(
    "names",
    [
        *(
            [],
            "ACME_TOKEN",
            ["acme_token"],
            ["ACME"],
            ["ACME_TOKEN", "ACME_TOKEN"],
            [1],
            ["ACME TOKEN"],
            ["ACME_"],
        ),
        *(
            ["AVNZ_INT_TOKEN"],
            ["LD_PRELOAD"],
            ["PYTHON_PATH"],
            ["NODE_OPTIONS"],
            ["HTTPS_PROXY"],
            ["GIT_SSH"],
        ),
        *(["BASH_ENV"], ["DYLD_INSERT_LIBRARIES"]),
    ],
)
def test_bad_names(names: Any) -> None:
    """What is no name, stands twice or would steer other programs is refused at its path."""
    assert ["$.credentialSchema.properties.token.x-env"] == paths(seed_with({"x-env": names}))


def test_fields() -> None:
    """Names stand on plain values, shared ones among them only."""
    path = "$.credentialSchema.properties.token"
    assert [] == paths(seed_with({"x-env": ["ACME_TOKEN", "TOKEN_ANY"], "x-env-shared": ["TOKEN_ANY"]}))
    assert [f"{path}.x-env-shared"] == paths(
        seed_with({"x-env": ["ACME_TOKEN"], "x-env-shared": ["OTHER_TOKEN"]})
    )
    assert [f"{path}.x-env-shared"] == paths(seed_with({"x-env-shared": ["ACME_TOKEN"]}))
    listed = TEXT | {"type": "array", "items": {"type": "string"}, "x-env": ["ACME_LIST"]}
    assert ["$.settingsSchema.properties.lists.x-env"] == paths(
        make_seed(settings_schema=make_schema({"lists": listed}))
    )


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        ({"ACME_MODE": {"sandbox": "^test$"}}, True),
        ({"acme": {"sandbox": "^test$"}}, False),
        ({"ACME_MODE": {"staging": "^test$"}}, False),
        ({"ACME_MODE": {"sandbox": "("}}, False),
        ({"ACME_MODE": {}}, False),
        (["ACME_MODE"], False),
    ],
)
def test_environment_rules(value: Any, sound: bool) -> None:
    """Variables that tell the environment have a pattern for each environment that they tell."""
    seed = make_seed(
        credential_schema=make_schema({"token": SECRET}, required=["token"], **{"x-env-environment": value})
    )
    assert sound is (paths(seed) == [])


def test_environment() -> None:
    """The first variable whose value fits a pattern, whatever its case, tells the environment."""
    found = SEEDS["authorize_net"].credential_schema
    told = {
        name: env_names.environment(found, {"AUTHORIZENET_SANDBOX": name, "OTHER": "true"})
        for name in ("TRUE", "0", "maybe", "")
    }
    by = "AUTHORIZENET_SANDBOX"
    assert {"TRUE": ("sandbox", by), "0": ("production", by), "maybe": None, "": None} == told
    assert None is env_names.environment({}, {"ACME_MODE": "test"})


def test_clashes() -> None:
    """A name that two fields claim is refused at each that does not share it; a seed has it once."""
    one = seed_with({"x-env": ["ACME_TOKEN"]}, path=Path("one.json"))
    shares = seed_with(
        {"x-env": ["ACME_TOKEN"], "x-env-shared": ["ACME_TOKEN"]}, provider="other", path=Path("other.json")
    )
    third = seed_with({"x-env": ["ACME_TOKEN"]}, provider="third", path=Path("third.json"))
    twice = make_seed(
        credential_schema=make_schema(
            {"id": TEXT | {"x-env": ["ACME_TOKEN"]}, "token": SECRET | {"x-env": ["ACME_TOKEN"]}}
        )
    )
    assert [] == env_names.clashes([one]) == env_names.clashes([shares])
    assert ["one.json"] == [problem.file for problem in env_names.clashes([one, shares])]
    assert ["one.json", "third.json"] == [problem.file for problem in env_names.clashes([one, third])]
    assert 2 == len(env_names.clashes([twice]))


def test_shipped() -> None:
    """No two shipped definitions claim a name unless they share it; each plain credential has one."""
    assert [] == env_names.clashes(SEEDS.values())
    nameless = {
        (provider, name)
        for provider, seed in SEEDS.items()
        for name in seed.credential_schema["properties"]
        if name not in {one.field for one in env_names.named(seed.credential_schema)}
    }
    assert {("webhook", "headers")} == nameless
    assert set(SAMPLES) == {
        provider for provider, seed in SEEDS.items() if env_names.named(seed.credential_schema)
    }


def test_shipped_shared() -> None:
    """The key pair of AWS is every AWS provider's; a webhook is never told by its names alone."""
    sharing = {
        provider
        for provider, seed in SEEDS.items()
        if any("AWS_ACCESS_KEY_ID" in one.shared for one in env_names.named(seed.credential_schema))
    }
    assert AWS == sharing
    webhook = [
        *env_names.named(SEEDS["webhook"].credential_schema),
        *env_names.named(SEEDS["webhook"].settings_schema),
    ]
    assert [()] * 2 == [one.own for one in webhook]
    region = next(one for one in env_names.named(SEEDS["aws_ses"].settings_schema) if one.field == "region")
    assert ("AWS_REGION", "AWS_SES_REGION") == (region.names[0], region.by_weight[0])
