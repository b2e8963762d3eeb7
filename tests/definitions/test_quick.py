"""The quick yes is a yes of jsonschema too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.definitions import loader, quick, schema
from support.samples import SAMPLES

SEEDS = {seed.provider: seed for seed in loader.read_seeds()}
QUICK = sorted(
    provider for provider, seed in SEEDS.items() if quick.compiled(seed.credential_schema) is not None
)
_PARTS = st.one_of(st.text(max_size=80), st.integers(), st.none(), st.sampled_from(["", "a", "0" * 64]))


@pytest.mark.parametrize("provider", QUICK)
def test_samples(provider: str) -> None:
    """Credentials as they should be are seen to be valid without jsonschema."""
    kept = schema.Kept(SEEDS[provider].credential_schema)

    assert kept.surely_valid(SAMPLES[provider].credentials)
    assert [] == schema.violations(kept, SAMPLES[provider].credentials)


@given(st.data())
def test_never_too_kind(data: st.DataObject) -> None:
    """Whatever is changed in good credentials, a kept schema finds what the schema alone finds."""
    provider = data.draw(st.sampled_from(QUICK))
    plain = SEEDS[provider].credential_schema
    value: dict[str, Any] = dict(SAMPLES[provider].credentials)
    names = st.sampled_from([*plain["properties"], "other"])
    for name, part in data.draw(st.dictionaries(names, st.one_of(_PARTS, st.just(...)), max_size=3)).items():
        value[name] = part
        if part is ...:
            del value[name]

    assert schema.violations(plain, value) == schema.violations(schema.Kept(plain), value)


def test_more_to_it() -> None:
    """A schema with any rule beside the plainest is not judged quickly."""
    plain = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}

    assert quick.compiled(plain) is not None
    for more in (
        {"anyOf": [{"required": ["a"]}]},
        {"additionalProperties": True},
        {"properties": {"a": {"type": "integer"}}},
        {"properties": {"a": {"type": "string", "const": "x"}}},
        {"dependentRequired": {"a": ["b"]}},
    ):
        assert quick.compiled({**plain, **more}) is None
