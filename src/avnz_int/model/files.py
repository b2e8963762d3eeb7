"""Words of files that are read and written; apart from what is in them, since every `--help` names them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a record is of."""

    TENANT = "tenant"
    PLATFORM = "platform"
    CLIENT = "client"


class Form(StrEnum):
    """How records are written."""

    JSONL = "jsonl"
    YAML = "yaml"


class ExportForm(StrEnum):
    """How an export is written: as records, or as one manifest for `plan` and `apply`."""

    JSONL = "jsonl"
    YAML = "yaml"
    MANIFEST = "manifest"


class IfExists(StrEnum):
    """What becomes of a record whose object is there already."""

    FAIL = "fail"
    SKIP = "skip"
    UPDATE = "update"


class UsageFormat(StrEnum):
    """How a file of usage is written."""

    JSONL = "jsonl"
    CSV = "csv"
