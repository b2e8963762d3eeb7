"""The keyring file: private, never overwritten, never half written."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from avnz_int.crypto import keysources
from avnz_int.crypto.keyring import Keyring
from avnz_int.crypto.keysources import FileKeySource, key_source
from avnz_int.errors import (
    ChangedMeanwhileError,
    ExistsError,
    KeyMissingError,
    KeyringExposedError,
    KeyringInvalidError,
    StorageError,
    UsageError,
)

NOBODY = 65534


@pytest.fixture
def source(tmp_path: Path) -> FileKeySource:
    """A keyring file that is not there yet."""
    return FileKeySource(tmp_path / "keyring.json")


def names(source: FileKeySource) -> list[str]:
    """What stands in the keyring's folder."""
    return sorted(path.name for path in source.path.parent.iterdir())


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_create_and_load(source: FileKeySource) -> None:
    """A created keyring loads as it was, in a file of mode 0600 with nothing beside it."""
    keyring = Keyring.new()
    source.create(keyring)
    assert keyring == source.load()
    assert mode(source.path) == 0o600
    assert names(source) == ["keyring.json"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_modes(tmp_path: Path, umask: int) -> None:
    """File and new folders are private whatever the umask; folders that were there keep their modes."""
    tmp_path.chmod(0o755)
    source = FileKeySource(tmp_path / "a" / "b" / "keyring.json")
    if umask == 0o277:
        source.path.parent.mkdir(parents=True, mode=0o700)  # such a umask makes folders that nobody can use
    before = os.umask(umask)
    try:
        source.create(Keyring.new())
        source.replace(source.load(), source.load().with_new_key())
    finally:
        os.umask(before)
    assert mode(source.path) == 0o600
    assert mode(source.path.parent) == 0o700
    assert mode(tmp_path) == 0o755


def test_missing(source: FileKeySource) -> None:
    """A keyring that is not there is a missing key, and the message says where and what to do."""
    for path in (source.path, source.path.parent / "no" / "folder", Path(__file__) / "below"):
        with pytest.raises(KeyMissingError, match=str(path)) as caught:
            FileKeySource(path).load()
        assert "avnz-int init" in str(caught.value.hint)


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o620, 0o601, 0o777])
def test_exposed_mode(source: FileKeySource, bits: int) -> None:
    """A keyring that others could read, write or execute is refused, for root as well."""
    source.create(Keyring.new())
    keyring = source.load()
    source.path.chmod(bits)
    with pytest.raises(KeyringExposedError, match=f"{bits:04o}") as caught:
        source.load()
    assert "chmod 600" in str(caught.value.hint)
    with pytest.raises(KeyringExposedError):
        source.replace(keyring, keyring.with_new_key())


def test_stricter_mode(source: FileKeySource) -> None:
    """A keyring that even its owner can only read is fine."""
    keyring = Keyring.new()
    source.create(keyring)
    source.path.chmod(0o400)
    assert keyring == source.load()


def test_foreign_owner(source: FileKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that belongs to another user is refused."""
    source.create(Keyring.new())
    if os.geteuid() == 0:
        os.chown(source.path, NOBODY, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    with pytest.raises(KeyringExposedError, match="belongs to another user"):
        source.load()


def test_symbolic_link(source: FileKeySource) -> None:
    """A symbolic link is neither read, nor replaced, nor written through."""
    target = source.path.with_name("target.json")
    link = FileKeySource(source.path)
    link.path.symlink_to(target)
    with pytest.raises(ExistsError):
        link.create(Keyring.new())
    assert not target.exists()
    keyring = Keyring.new()
    FileKeySource(target).create(keyring)
    with pytest.raises(KeyringExposedError, match="symbolic link"):
        link.load()
    with pytest.raises(KeyringExposedError, match="symbolic link"):
        link.replace(keyring, keyring.with_new_key())
    assert keyring == FileKeySource(target).load()


def test_not_a_file(tmp_path: Path) -> None:
    """A folder or a pipe in the keyring's place is refused at once."""
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("folder", "pipe"):
        with pytest.raises(KeyringInvalidError, match="not a regular file"):
            FileKeySource(tmp_path / name).load()
    with (tmp_path / "socket").open("w"), socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        try:
            os.chdir(tmp_path)  # a socket's path has 108 bytes at most
            unix.bind("s")
        finally:
            os.chdir(here)
        with pytest.raises(StorageError, match="cannot be opened"):
            FileKeySource(tmp_path / "s").load()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe{}", b"{}", b'{"keys":[]}', b" " * (1 << 20) + b"{}"])
def test_no_keyring(source: FileKeySource, content: bytes) -> None:
    """A file that holds no keyring, not UTF-8, or far too much, is an invalid keyring, not an empty start."""
    source.path.write_bytes(content)
    source.path.chmod(0o600)
    with pytest.raises(KeyringInvalidError, match=str(source.path)):
        source.load()


def test_create_twice(source: FileKeySource) -> None:
    """A keyring that is there is never overwritten, whatever it holds."""
    keyring = Keyring.new()
    source.create(keyring)
    with pytest.raises(ExistsError, match="not touched"):
        source.create(Keyring.new())
    assert keyring == source.load()
    source.path.write_text("garbage")
    with pytest.raises(ExistsError):
        source.create(Keyring.new())
    assert source.path.read_text() == "garbage"
    assert names(source) == ["keyring.json"]


def test_create_in_no_folder() -> None:
    """A folder that cannot be made, since a file stands there, is exit 7."""
    with pytest.raises(StorageError, match="cannot be created"):
        FileKeySource(Path(__file__) / "folder" / "keyring.json").create(Keyring.new())


def test_left_behind_is_removed(source: FileKeySource) -> None:
    """The next replace removes what a killed process left behind, but not what another is just writing."""
    source.create(Keyring.new())
    old, young = (source.path.with_name(f".keyring.json.new-{name}") for name in ("old", "young"))
    other = source.path.with_name(".keyring.json.bak")
    for path in (old, young, other):
        path.write_text("x")
    for path in (old, other):
        os.utime(path, (1, 1))
    source.replace(source.load(), source.load().with_new_key())
    assert {source.path, young, other} == set(source.path.parent.iterdir())


def test_replace(source: FileKeySource) -> None:
    """Replacing puts the new keyring there, 0600, only where the old one still is."""
    keyring = Keyring.new()
    longer = keyring.with_new_key()
    with pytest.raises(KeyMissingError):
        source.replace(keyring, longer)
    source.create(keyring)
    source.replace(keyring, longer)
    assert longer == source.load()
    assert mode(source.path) == 0o600
    with pytest.raises(ChangedMeanwhileError):
        source.replace(keyring, keyring.with_new_key())
    assert longer == source.load()
    assert names(source) == ["keyring.json"]


def test_replace_together(source: FileKeySource) -> None:
    """No change is lost when many replace at once and repeat when told that it changed meanwhile."""
    source.create(Keyring.new())

    def add() -> None:
        while True:
            keyring = source.load()
            try:
                return source.replace(keyring, keyring.with_new_key())
            except ChangedMeanwhileError:
                continue

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(add) for _ in range(24)]:
            future.result()
    assert len(source.load().keys) == 25


def test_held_lock(source: FileKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that another process holds for long is exit 7, and stays as it is."""
    keyring = Keyring.new()
    source.create(keyring)
    monkeypatch.setattr(keysources, "_LOCK_WAIT_S", 0.05)
    with source.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another process"):
            source.replace(keyring, keyring.with_new_key())
    assert keyring == source.load()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/keyring.json", "/a/keyring.json"),
        ("file:/a/keyring.json", "/a/keyring.json"),
        ("FILE:///a", "/a"),
        ("file:///with%20space/%C3%BC%3F%23%25", "/with space/ü?#%"),
        ("file:///a/%FF", "/a/\udcff"),
    ],
)
def test_file_url(url: str, path: str) -> None:
    """A file URL names a file, percent-decoded, and the source gives a URL of the same file back."""
    source = key_source(url)
    assert isinstance(source, FileKeySource)
    assert str(source.path) == path
    again = key_source(source.describe())
    assert isinstance(again, FileKeySource)
    assert source.path == again.path
    assert repr(path) in repr(source)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a/keyring.json",
        "keyring.json",
        "file:keyring.json",
        "file://keyring.json",
        "file://host/a/keyring.json",
        "file://",
        "file:///",
        "file:///a/",
        "file:///a?b",
        "file:///a#b",
        "file:///a%00b",
        "file://[",
        "https://example.com/keyring.json",
    ],
)
def test_other_url(url: str) -> None:
    """A URL that names no file by its absolute path is refused, with the form that is right."""
    with pytest.raises(UsageError) as caught:
        key_source(url)
    assert "file:///" in str(caught.value.hint) or "%3F" in str(caught.value.hint)


@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_failing_disk(source: FileKeySource, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A disk that fails before the content is safe is exit 7: no new keyring, the old one stands."""
    keyring = Keyring.new()
    source.create(keyring)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "x")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match="cannot be replaced: No space left"):
        source.replace(keyring, keyring.with_new_key())
    with pytest.raises(StorageError, match="cannot be created: No space left"):
        FileKeySource(source.path.with_name("new")).create(keyring)
    assert names(source) == ["keyring.json"]
    assert keyring == source.load()


def test_removed_under_the_lock(source: FileKeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that disappears while its lock is taken is a missing key, and is not made anew."""
    keyring = Keyring.new()
    source.create(keyring)
    monkeypatch.setattr(fcntl, "flock", lambda *_: source.path.unlink())
    with pytest.raises(KeyMissingError):
        source.replace(keyring, keyring.with_new_key())
    assert names(source) == []
