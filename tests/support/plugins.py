"""Packages that offer providers, laid out as an installer would."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

from avnz_int.definitions.plugins import ENTRY_POINTS

SAMPLE = Path(__file__).parent.parent / "plugins" / "sample"
SEED: dict[str, Any] = json.loads((SAMPLE / "acme_pay" / "acme_pay.json").read_text())


class Packages:
    """A folder of installed packages, the first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def offer(self, provider: str, module: str, package: str = "acme-plugin") -> None:
        """Write the metadata of a distribution with one entry point."""
        metadata = self.folder / f"{package.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{provider} = {module}\n")
        importlib.invalidate_caches()

    def write(self, name: str, content: str | dict[str, Any]) -> Path:
        """A file of a package; an object is written as JSON."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        importlib.invalidate_caches()
        return path

    def plugin(
        self,
        source: str = "def check(request): ...",
        seed: str | dict[str, Any] | None = None,
        provider: str = "acme_broken",
        package: str = "acme-plugin",
    ) -> Path:
        """A package with a module of this source and a seed beside it; the path of the seed."""
        name = f"plugin_{package.replace('-', '_')}"
        self.write(f"{name}/__init__.py", "")
        self.write(f"{name}/offered.py", source)
        self.offer(provider, f"{name}.offered", package)
        return self.write(f"{name}/{provider}.json", seed or {**SEED, "provider": provider})

    def sample(self) -> None:
        """The sample package, laid out as an installer would."""
        shutil.copytree(SAMPLE / "acme_pay", self.folder / "acme_pay")
        self.offer("acme_pay", "acme_pay.gateway", "acme-pay")

    def remove(self, package: str = "acme-plugin") -> None:
        """Uninstall it."""
        shutil.rmtree(self.folder / f"{package.replace('-', '_')}-1.0.dist-info")
        importlib.invalidate_caches()
