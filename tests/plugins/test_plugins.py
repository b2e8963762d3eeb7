"""Providers of other packages: found, listed, seeded and tested; a broken one is named and stops nothing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from avnz_int.definitions import plugins
from avnz_int.providers import registry
from support.cli import Command
from support.gateway import Answer, FaultGateway
from support.plugins import SAMPLE, SEED, Packages
from support.providers import Sent, in_turn, said

ACCEPTED = said(200, {"merchant": "acme"})
PUBLIC = {"avnz_int.providers.contract", "avnz_int.providers.web", "avnz_int.model.enums"}
ENDPOINT = "AVNZ_INT_ENDPOINT_ACME_PAY"


def added(command: Command, provider: str, answer: Answer = ACCEPTED) -> list[Sent]:
    """A client's integration of the provider, tested at a loopback server; what the server was asked."""
    words = ("--client", "acme", "--name", "Main", "--credential", "apiKey=env:KEY")
    with FaultGateway(in_turn(answer)) as server:
        variables = {"KEY": "canary-key-1", f"AVNZ_INT_ENDPOINT_{provider.upper()}": server.url}
        command("client", "add", provider, *words, env=variables)
        return [Sent.parse(raw) for raw in server.requests]


def with_client(command: Command) -> None:
    """An organization with one client."""
    command("init", "--org", "avnz")
    command("tenant", "add", "acme", "--name", "Acme")


def test_listed(bare: Command, packages: Packages) -> None:
    """The definition of an installed package is seeded by `init`, listed and shown as its seed states it."""
    packages.sample()

    made = bare("init", "--org", "avnz", "-o", "json").json
    shown = bare("definitions", "show", "acme_pay", "-o", "json").json

    assert "acme_pay" in made["definitions"]["created"]
    assert "acme_pay" in {view["provider"] for view in bare("definitions", "list", "-o", "json").json}
    assert SEED["credentialSchema"] == shown["credentialSchema"]
    assert "GET /v1/merchant" in bare("definitions", "show", "acme_pay").stdout
    assert "acme_pay" in bare("definitions", "seed", "-o", "json").json["unchanged"]
    assert "acme_pay.gateway" not in sys.modules
    bare("definitions", "seed", "--check")


def test_validated(bare: Command, packages: Packages) -> None:
    """`definitions validate` counts the seeds of packages among the others and loads their checks."""
    alone = bare("definitions", "validate", "-o", "json").json
    packages.sample()

    assert alone["files"] + 1 == bare("definitions", "validate", "-o", "json").json["files"]


def test_tested(bare: Command, packages: Packages) -> None:
    """A package's provider is configured and tested like one of ours, at the operator's endpoint, too."""
    packages.sample()
    with_client(bare)

    (sent,) = added(bare, "acme_pay")
    with FaultGateway(said(401, {})) as server:
        refused = bare("test", "acme/Main", "-o", "json", exit_code=6, env={ENDPOINT: server.url})

    assert ("GET", "/v1/merchant", "Bearer canary-key-1") == (
        sent.method,
        sent.path,
        sent.headers["authorization"],
    )
    assert ("rejected", "bad_credentials") == (refused.json["outcome"], refused.json["code"])
    assert "canary-key-1" not in refused.stdout + refused.stderr


def test_public_names() -> None:
    """The sample needs nothing of avnz-int but what is documented for packages."""
    tree = ast.parse((SAMPLE / "acme_pay" / "gateway.py").read_text())
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("avnz_int"):
            whole = [f"{node.module}.{name.name}" for name in node.names]
            used |= {node.module} if node.module in PUBLIC else set(whole)
    assert PUBLIC == used


def test_one_group() -> None:
    """Seeds and checks are looked for in one group of entry points."""
    assert plugins.ENTRY_POINTS == registry.ENTRY_POINTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def check(request:", "does not load: SyntaxError"),
        ("import no_such_library", "does not load: ModuleNotFoundError"),
        ("from avnz_int.providers.contract import Nothing", "does not load: ImportError"),
        ("raise RuntimeError('hunter22')", "does not load: RuntimeError"),
        ("import sys; sys.exit(0)", "does not load: SystemExit"),
        ("", "has no check"),
        ("def check(): ...", "does not take one request"),
    ],
)
def test_broken_module(bare: Command, packages: Packages, source: str, words: str) -> None:
    """A package whose code is broken is seeded; validating and testing it name it, and all else goes on."""
    packages.plugin(source)
    with_client(bare)
    unsaved = ("--client", "acme", "--name", "Main", "--credential", "apiKey=env:KEY", "--no-test")
    bare("client", "add", "acme_broken", *unsaved, env={"KEY": "k" * 20})

    tested = bare("test", "acme/Main", "-o", "json", exit_code=7).json
    said = bare("definitions", "validate", "-o", "json", exit_code=2)

    assert ("unreachable", "unexpected_reply") == (tested["outcome"], tested["code"])
    for told in (tested["message"], said.json["problems"][0]["rule"]):
        assert "acme_broken" in told
        assert "acme-plugin" in told
        assert words in told
    assert 1 == len(said.json["problems"])
    assert "hunter22" not in said.stdout + said.stderr + tested["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "words"),
    [
        (None, "must be readable (No such file or directory)"),
        ("{", "must be JSON"),
        ("[]", "must be an object"),
        ({"provider": "other"}, 'must be the file\'s name, "acme_broken"'),
        ({"category": "mail"}, "must be one of authentication"),
        ({"credentialSchema": {}}, "$.credentialSchema.properties: must be an object of properties"),
    ],
)
def test_broken_seed(bare: Command, packages: Packages, seed: Any, words: str) -> None:
    """A package whose seed is missing or broken is left out by name, with the file; the others are seeded."""
    content = {**SEED, "provider": "acme_broken", **seed} if isinstance(seed, dict) else seed
    path = packages.plugin(seed=content)
    if seed is None:
        path.unlink()
    packages.sample()

    made = bare("init", "--org", "avnz", "-o", "json")
    validated = bare("definitions", "validate", "-o", "json", exit_code=2).json

    assert "acme_pay" in made.json["definitions"]["created"]
    assert "acme_broken" not in made.json["definitions"]["created"]
    for part in ("acme_broken", "acme-plugin", str(path), words):
        assert part in made.stderr
    assert {str(path)} == {problem["file"] for problem in validated["problems"]}
    assert made.stderr.count("left out") == bare("definitions", "seed").stderr.count("left out") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provider", "module", "words"),
    [
        ("stripe", "plugin_x", "a provider of this name"),
        ("Acme-Pay", "plugin_x", "must be a provider key"),
        ("../acme", "plugin_x", "must be a provider key"),
        ("acme_pay", "plugin_x", "'plugin_x' is not installed"),
        ("acme_pay", "json.plugin_x", "'json.plugin_x' is not installed"),
        ("acme_pay", "os.path.plugin_x", "'os.path.plugin_x' is not installed"),
        ("acme_pay", "sys", "'sys' is not installed"),
        ("acme_pay", "no module at all", "'no module at all' is not installed"),
        ("acme_pay", "", "'' is not installed"),
        ("acme_pay", "/usr", "'/usr' is not installed"),
    ],
)
def test_refused(bare: Command, packages: Packages, provider: str, module: str, words: str) -> None:
    """A name that is no key or one of ours, and a module that is not there, are refused by name."""
    packages.offer(provider, module)

    made = bare("init", "--org", "avnz", "-o", "json")
    validated = bare("definitions", "validate", "-o", "json", exit_code=2).json

    assert 24 == len(made.json["definitions"]["created"])
    assert repr(provider) in made.stderr
    assert "acme-plugin" in made.stderr
    assert words in made.stderr
    (problem,) = validated["problems"]
    assert f"plugin {provider!r} of acme-plugin" == problem["file"]


def test_reserved(bare: Command, packages: Packages) -> None:
    """A key that is the name of a file of ours has no check, which validating says."""
    packages.plugin(provider="contract")

    (problem,) = bare("definitions", "validate", "-o", "json", exit_code=2).json["problems"]
    assert "choose another key" in problem["rule"]


def test_twice(bare: Command, packages: Packages) -> None:
    """A provider that two packages offer is left out; both are named."""
    for package in ("one-plugin", "other-plugin"):
        packages.plugin(provider="acme_pay", package=package)

    said = bare("init", "--org", "avnz", "-o", "json")

    assert "acme_pay" not in said.json["definitions"]["created"]
    assert "more than once (one-plugin, other-plugin)" in said.stderr


def test_broken_parent(bare: Command, packages: Packages) -> None:
    """A seed is found although the package around its module cannot be imported."""
    packages.write("plugin_outer/__init__.py", "raise RuntimeError")
    packages.write("plugin_outer/inner/offered.py", "def check(request): ...")
    packages.write("plugin_outer/inner/acme_inner.json", {**SEED, "provider": "acme_inner"})
    packages.offer("acme_inner", "plugin_outer.inner.offered:check")

    said = bare("init", "--org", "avnz", "-o", "json")

    assert "acme_inner" in said.json["definitions"]["created"]
    assert "left out" not in said.stderr


@pytest.mark.parametrize("name", ["plugin_single.py", "plugin_single/__init__.py"])
def test_layouts(packages: Packages, name: str) -> None:
    """A seed stands beside a single module, and inside a package that is named itself."""
    path = packages.write(name, "")
    packages.write(str(path.relative_to(packages.folder).parent / "acme_pay.json"), SEED)
    packages.offer("acme_pay", "plugin_single")

    (found,) = [plugin for plugin in plugins.find() if plugin.provider == "acme_pay"]
    assert path.parent / "acme_pay.json" == found.path
    assert found.seed is not None


def test_damaged_metadata(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata that nobody can read is one problem, and no crash."""

    def broken(**_: str) -> None:
        raise ValueError("x")

    monkeypatch.setattr(plugins, "entry_points", broken)
    (found,) = plugins.find()
    assert "damaged" in found.refusal


def test_uninstalled(bare: Command, packages: Packages) -> None:
    """`seed --prune` deprecates what is gone, not what is broken; installed again it is active."""

    def seeded(*words: str) -> Any:
        return bare("definitions", "seed", *words, "-o", "json").json

    path = packages.plugin(provider="acme_pay")
    good = path.read_text()
    bare("init", "--org", "avnz")

    path.write_text("{")
    assert [] == seeded("--prune")["deprecated"]
    packages.remove()
    assert [] == seeded()["deprecated"]
    assert ["acme_pay"] == seeded("--prune")["deprecated"]
    assert "deprecated" == bare("definitions", "show", "acme_pay", "-o", "json").json["status"]
    packages.plugin(provider="acme_pay", seed=json.loads(good))
    assert ["acme_pay"] == seeded()["updated"]
    assert "active" == bare("definitions", "show", "acme_pay", "-o", "json").json["status"]


def test_other_folder(bare: Command, packages: Packages) -> None:
    """`seed --dir` takes the seeds of that folder alone."""
    packages.sample()
    folder = bare.folder / "seeds"
    folder.mkdir()
    bare.file("seeds/acme_other.json", {**SEED, "provider": "acme_other"})
    bare("init", "--org", "avnz")
    packages.remove("acme-pay")

    report = bare("definitions", "seed", "--dir", str(folder), "-o", "json").json
    assert (["acme_other"], []) == (report["created"], report["updated"])


def test_tab(packages: Packages) -> None:
    """A TAB on a provider looks for no packages: reading their metadata takes longer than a TAB may."""
    packages.sample()
    script = (
        "import sys; from avnz_int.cli import complete; complete.providers(''); "
        "print([n for n in ('importlib.metadata', 'acme_pay') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


@pytest.mark.slow
def test_installed(tmp_path: Path, bare: Command) -> None:
    """The sample, built and installed into a fresh environment, is listed and tested there."""
    wheels, venv = tmp_path / "wheels", tmp_path / "venv"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    python = venv / "bin" / "python"

    def run(*words: str | Path) -> None:
        subprocess.run(words, check=True, capture_output=True)

    run(*pip, "wheel", *offline, "--no-build-isolation", "-w", wheels, SAMPLE)
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    run(*pip, "--python", python, "install", *offline, *wheels.glob("*.whl"))
    (site,) = venv.glob("lib/python*/site-packages")
    # What avnz-int and its libraries are installed in, editable installs included.
    lines = [f"import site; site.addsitedir({path!r})" for path in sys.path if path.endswith("site-packages")]
    (site / "surrounding.pth").write_text("\n".join(lines))

    def avnz_int(*words: str, **more: str) -> Any:
        environment = {**os.environ, **bare.environment, **more}
        line = [python, "-m", "avnz_int", *words, "-o", "json"]
        done = subprocess.run(line, env=environment, check=False, capture_output=True)
        assert b"Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    assert "acme_pay" in avnz_int("init", "--org", "avnz")[1]["definitions"]["created"]
    assert avnz_int("definitions", "validate")[1]["valid"]
    assert "acme_pay" in {view["provider"] for view in avnz_int("definitions", "list")[1]}
    avnz_int("tenant", "add", "acme", "--name", "Acme")
    with FaultGateway(in_turn([ACCEPTED, ACCEPTED, said(401, {})])) as server:
        variables = {"KEY": "canary-key-1", ENDPOINT: server.url}
        words = ("--client", "acme", "--name", "Main", "--credential", "apiKey=env:KEY")
        assert "active" == avnz_int("client", "add", "acme_pay", *words, **variables)[1]["status"]
        assert [0, 6] == [avnz_int("test", "acme/Main", **variables)[0] for _ in range(2)]
