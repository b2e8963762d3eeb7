"""No claim without a test: what the README's table of controls says is shown by tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.named_tests import exists

README = Path(__file__).parents[1] / "README.md"
TABLE = re.compile(r"<!-- compliance -->\n\n((?:\|.*\n)+)")
NAMED = re.compile(r"`(tests/[^`]+)`")
CONTROLS = {
    "PCI DSS": re.compile(r"(?:[1-9]|1[0-2])\.\d{1,2}\.\d{1,2}(?:\.\d{1,2})?"),
    "SOC 2": re.compile(r"(?:CC[1-9]|A1|C1)\.\d{1,2}"),
    # Themes 5 to 8, with as many controls as Annex A of 2022 has in each.
    "ISO": re.compile(r"5\.(?:[1-9]|[12]\d|3[0-7])|6\.[1-8]|7\.(?:[1-9]|1[0-4])|8\.(?:[1-9]|[12]\d|3[0-4])"),
}
"""Standard -> the form of its numbers."""


def table() -> list[list[str]]:
    """The cells of each row below the head."""
    found = TABLE.search(README.read_text(encoding="utf-8"))
    assert found is not None
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in found[1].splitlines()]
    assert ["asked", "controls", "this program", "shown by", "yours"] == rows[0]
    return rows[2:]


ROWS = table()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_row(row: list[str]) -> None:
    """Each row is whole, names controls as their standards number them, and tests that are there."""
    asked, controls, does, shown, yours = row
    assert all((asked, does, yours))
    for part in controls.split(";"):
        standard = next(name for name in CONTROLS if part.strip().startswith(f"{name} "))
        numbers = re.sub(r"\(.*?\)", "", part.strip().removeprefix(standard)).split(",")
        assert [] == [one for one in numbers if not CONTROLS[standard].fullmatch(one.strip())]
    named = NAMED.findall(shown)
    assert named
    assert shown == ", ".join(f"`{name}`" for name in named)
    assert [] == [name for name in named if not exists(name)]


def test_standards() -> None:
    """Each of the three standards, and each point of the specification's security chapter, is answered."""
    controls = " ".join(row[1] for row in ROWS)
    asked = {row[0] for row in ROWS}

    assert [] == [standard for standard in CONTROLS if standard not in controls]
    assert {
        "Credentials encrypted",
        "Keys apart from data",
        "Key rotation",
        "Credentials never logged",
        "Platform ORG_ADMIN only, client CLIENT_ADMIN only",
        "Never shown in full, replaced as a whole",
        "All integration changes logged",
        "Credential access and tests logged",
    } <= asked


def test_missing_is_seen() -> None:
    """A test that is not there, or that is no test, is told from one that is."""
    assert exists("tests/test_compliance.py::test_missing_is_seen")
    for name in (
        "tests/test_compliance.py::test_gone",
        "tests/test_compliance.py::table",
        "tests/gone.py::test_row",
        "tests/test_compliance.py",
    ):
        assert not exists(name)
