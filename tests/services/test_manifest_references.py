"""Where the secrets of a manifest come from: environment, files, AWS Secrets Manager (moto's server)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from avnz_int.definitions import loader
from avnz_int.errors import InvalidInputError, StorageError, UnavailableError
from avnz_int.model.manifest import Given, Literal, Reference, Scheme, Spot
from avnz_int.model.secret import Credentials
from avnz_int.services.integrations import Definition
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.manifest_references import References
from support.moto import client, moto_server, use

SPOT = Spot(3, "x")
SECRET = "whsec_canary"


def definition(provider: str) -> Definition:
    """What a seed says of a provider."""
    seed = loader.read_seed(loader.seeds_dir() / f"{provider}.json")
    return Definition(
        provider=seed.provider,
        category=seed.category.value,
        name=seed.name,
        status=seed.status,
        is_org_only=seed.is_org_only,
        is_client_allowed=seed.is_client_allowed,
        is_platform_offered=seed.is_platform_offered,
        credential_schema=seed.credential_schema,
        settings_schema=seed.settings_schema,
    )


def found(base: Path, field: object, *, name: str = "password", provider: str = "paypal_payflow") -> object:
    """The value of one field.

    Raises:
        InvalidInputError: it cannot be taken.
    """
    problems = Problems("m.yaml")
    given = Given({name: field}, SPOT)
    credentials: Credentials | None = References(base, lambda _: None, {"SET": "a secret"}).credentials(
        problems, given, definition(provider)
    )
    problems.raise_any()
    assert credentials is not None
    return credentials.reveal()[name]


def reference(text: str) -> Reference:
    """A reference as it stands in a file."""
    scheme, _, name = text.partition(":")
    return Reference(Scheme(scheme), name, SPOT)


def test_environment(tmp_path: Path) -> None:
    """A variable's value is taken whole; one that is not set is named with its place."""
    assert "a secret" == found(tmp_path, reference("env:SET"))
    with pytest.raises(InvalidInputError, match="line 3: x: env:UNSET is not set; export UNSET"):
        found(tmp_path, reference("env:UNSET"))


@pytest.mark.parametrize("secret", ["sk_test_abcdefgh", "A1b2C3d4E5f6", "hunter2!", "whsec_x"])
def test_secret_for_a_variable(tmp_path: Path, secret: str) -> None:
    """What stands behind env: and may be the secret itself is not shown."""
    with pytest.raises(InvalidInputError, match=r"line 3: x: .*env:") as caught:
        found(tmp_path, reference(f"env:{secret}"))
    assert secret not in str(vars(caught.value))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"s3cret\n", "s3cret"),
        (b"s3cret\n\n", "s3cret\n"),
        (b"s3cret\r\n", "s3cret"),
        (b" s3cret", " s3cret"),
    ],
)
def test_files(tmp_path: Path, content: bytes, expected: str) -> None:
    """A path starts from the manifest's folder; exactly one line end is cut."""
    (tmp_path / "secret").write_bytes(content)
    assert expected == found(tmp_path, reference("file:secret"))
    assert expected == found(Path("/"), reference(f"file:{tmp_path / 'secret'}"))


def test_unusable_files(tmp_path: Path) -> None:
    """A file that is not there, a folder, or no text is told; what others can read is warned of."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("nowhere", ".", "binary", "nul\0"):
        with pytest.raises(InvalidInputError, match="line 3"):
            found(tmp_path, reference(f"file:{name}"))
    locked = tmp_path / "locked"
    locked.write_text("x")
    (tmp_path / "open").write_text("s3cret")
    (tmp_path / "open").chmod(0o644)
    notices: list[str] = []
    references = References(tmp_path, notices.append, {})
    given = Given({"password": reference("file:open")}, SPOT)
    assert references.credentials(Problems("m"), given, definition("paypal_payflow")) is not None
    assert "can be read by others" in notices[0]


def test_loop_is_no_file(tmp_path: Path) -> None:
    """What the system refuses to read is said to be unusable now."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StorageError, match="loop"):
        found(tmp_path, reference("file:loop"))


def test_literals(tmp_path: Path) -> None:
    """A secret that stands in the file is refused without being shown, inside an object too."""
    assert "acme" == found(tmp_path, Literal("acme", SPOT), name="vendor")
    for value in (Literal(SECRET, SPOT), Literal(12345678, SPOT)):
        with pytest.raises(InvalidInputError, match="is secret") as caught:
            found(tmp_path, value)
        assert "canary" not in str(vars(caught.value))
        assert "1234" not in repr(value)
    headers = {"Authorization": Literal(SECRET, SPOT)}
    with pytest.raises(InvalidInputError, match="is secret"):
        found(tmp_path, headers, name="headers", provider="webhook")
    taken = found(tmp_path, {"X-Key": reference("env:SET")}, name="headers", provider="webhook")
    assert {"X-Key": "a secret"} == taken


def test_typed(tmp_path: Path) -> None:
    """The text of a reference becomes the type of its field; what is none is told without being shown."""
    (tmp_path / "headers").write_text('{"X-Key": "one"}')
    value = found(tmp_path, reference("file:headers"), name="headers", provider="webhook")
    assert {"X-Key": "one"} == value
    with pytest.raises(InvalidInputError, match="env:SET: must be") as caught:
        found(tmp_path, reference("env:SET"), name="headers", provider="webhook")
    assert "a secret" not in str(vars(caught.value))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Moto's server with two secrets."""
    with moto_server() as url, pytest.MonkeyPatch.context() as patch:
        use(patch, url)
        aws = client("secretsmanager", url)
        aws.create_secret(Name="prod/payflow", SecretString=json.dumps({"password": "from AWS", "port": 7}))
        aws.create_secret(Name="prod/plain", SecretString="plain text")
        aws.create_secret(Name="prod/binary", SecretBinary=b"\x00\x01")
        yield url


@pytest.mark.slow
def test_secrets_manager(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret, or a key of its JSON object, is read; each way of not being there is told."""
    use(monkeypatch, server)
    scheme = "aws-secretsmanager"
    assert "from AWS" == found(tmp_path, reference(f"{scheme}:prod/payflow#password"))
    assert "7" == found(tmp_path, reference(f"{scheme}:prod/payflow#port"))
    assert "plain text" == found(tmp_path, reference(f"{scheme}:prod/plain"))
    for name, words in (
        ("prod/nowhere", "is not there"),
        ("prod/payflow#nokey", "has no key 'nokey'"),
        ("prod/plain#password", "is no JSON object"),
        ("prod/binary", "is binary"),
        ("prod/plain?region=nowhere!", "is not an AWS region"),
        ("bad name", "names no secret"),
    ):
        with pytest.raises(InvalidInputError, match=f"line 3: x: {scheme}:.*{words}") as caught:
            found(tmp_path, reference(f"{scheme}:{name}"))
        assert "from AWS" not in str(vars(caught.value))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError):
        found(tmp_path, reference(f"{scheme}:prod/plain"))
