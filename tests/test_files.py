"""A file is put in its place whole or not at all, and leaves nothing beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from avnz_int import files


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (None, 0o640)])
def test_mode(tmp_path: Path, mode: int | None, expected: int) -> None:
    """What is private is so whatever the umask; a link is replaced, and what it leads to stays."""
    other, place = tmp_path / "other", tmp_path / "place"
    other.write_text("other")
    place.symlink_to(other)
    before = os.umask(0o027)
    try:
        with files.put(place, mode=mode) as file:
            file.write("ä\n")
    finally:
        os.umask(before)
    assert ("ä\n".encode(), expected) == (place.read_bytes(), stat.S_IMODE(place.lstat().st_mode))
    assert "other" == other.read_text()
    assert {other, place} == set(tmp_path.iterdir())


def test_undone(tmp_path: Path) -> None:
    """Where writing fails, or only what is new may be put there, what was there stays."""
    place = tmp_path / "place"
    place.write_text("before")
    with pytest.raises(UnicodeEncodeError), files.put(place) as file:
        file.write("half, and what is no text: \udcff")
    with pytest.raises(FileExistsError), files.put(place, only_new=True) as file:
        file.write("other")
    assert "before" == place.read_text()
    assert [place] == list(tmp_path.iterdir())
    place.unlink()
    with files.put(place, only_new=True, strict=True) as file:
        file.write("first")
    assert ("first", [place]) == (place.read_text(), list(tmp_path.iterdir()))
