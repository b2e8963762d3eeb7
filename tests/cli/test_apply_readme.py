"""The README's manifest does what the README shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest

from avnz_int.services.manifest_fields import plain
from avnz_int.services.manifest_reading import read
from support.cli import Command

README = (Path(__file__).parents[2] / "README.md").read_text()
MANIFEST = re.search(r"<!-- manifest -->\n```yaml\n(.*?)```", README, re.DOTALL)
SHELL = re.search(r"<!-- manifest-shell -->\n```console\n(.*?)```", README, re.DOTALL)


def test_as_written(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command prints what the README says it prints."""
    assert MANIFEST
    assert SHELL
    command.file("initech.yaml", MANIFEST[1])
    monkeypatch.chdir(command.folder)
    said = []
    for line in SHELL[1].splitlines():
        if line.startswith("$ "):
            words, pipe, _ = line.removeprefix("$ avnz-int ").partition(" | tail -1")
            printed = command(*shlex.split(words), exit_code=None).stdout.splitlines()
            said += [line, *(printed[-1:] if pipe else printed)]

    assert SHELL[1].splitlines() == said


def test_fits_the_schema(command: Command) -> None:
    """The README's manifest keeps to the schema that editors complete it by."""
    assert MANIFEST
    schema = json.loads(command("definitions", "schema", "manifest").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    value = plain(read(MANIFEST[1], "README.md"))
    jsonschema.validate(value, schema)
    value["platform"][0]["credentials"]["password"] = "literal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, schema)
