"""URLs of keyrings in AWS; none of them loads what only their use needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from avnz_int.crypto._secretsmanager import SecretKeySource
from avnz_int.crypto.keysources import key_source
from avnz_int.errors import UsageError


@pytest.mark.parametrize(
    ("url", "identity", "region"),
    [
        ("aws-secretsmanager://prod/keyring?region=eu-west-1", "prod/keyring", "eu-west-1"),
        ("aws-secretsmanager://keyring", "keyring", None),
        ("aws-secretsmanager:///prod/keyring", "/prod/keyring", None),
        (
            "aws-secretsmanager://arn:aws:secretsmanager:us-east-2:123456789012:secret:k-AbCdEf",
            "arn:aws:secretsmanager:us-east-2:123456789012:secret:k-AbCdEf",
            "us-east-2",
        ),
    ],
)
def test_url(url: str, identity: str, region: str | None) -> None:
    """A URL names the secret and its region, and the source gives it back."""
    source = key_source(url)
    assert isinstance(source, SecretKeySource)
    assert (identity, region) == (source.address.id, source.address.effective_region)
    assert url == source.describe()


@pytest.mark.parametrize(
    "url",
    [
        "aws-secretsmanager://",
        "aws-secretsmanager://a b",
        "aws-secretsmanager://a/",
        "aws-secretsmanager://a?region=",
        "aws-secretsmanager://a?region=Europe",
        "aws-secretsmanager://a?region=eu-west-1&region=eu-west-2",
        "aws-secretsmanager://a?profile=x",
        "aws-secretsmanager://a?x",
        "aws-secretsmanager://a#b",
        "aws-secretsmanager://[",
    ],
)
def test_other_url(url: str) -> None:
    """A URL of another form is refused, with one that is right."""
    with pytest.raises(UsageError):
        key_source(url)


def test_lazy() -> None:
    """Naming a keyring of any kind loads no botocore."""
    script = (
        "import sys; from avnz_int.crypto.keysources import key_source;"
        "[key_source(u) for u in ('file:///a', 'aws-secretsmanager://a', 'aws-kms://alias/a')];"
        "print('botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert "False\n" == done.stdout
