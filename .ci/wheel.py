"""Puts the JSON Schemas of every command's output into the wheel, made from the types that it prints."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SchemaHook(BuildHookInterface):  # type: ignore[misc]  # hatchling has no types for its plugins
    """Writes `avnz_int/schemas/*.json`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files and name them to the build; an editable install makes schemas when it is asked."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root, "src")))
        from avnz_int.cli import shapes  # noqa: PLC0415  # on no path before

        self._folder = folder = Path(tempfile.mkdtemp())
        for name, schema in shapes.schemas().items():
            path = folder / f"{name}.json"
            path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
            build_data["force_include"][str(path)] = f"avnz_int/schemas/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what `initialize` made."""
        if version != "editable":
            shutil.rmtree(self._folder, ignore_errors=True)
