"""The keyring file among processes: killed, starved, without permission, or all at once."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from avnz_int.crypto.keyring import Keyring
from avnz_int.crypto.keysources import FileKeySource

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


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process that has `source` and `argv`, and waits for a line on its standard input."""
    lines = (
        "import os, signal, sys",
        "from pathlib import Path",
        "from avnz_int.crypto.keyring import Keyring",
        "from avnz_int.crypto.keysources import FileKeySource",
        "from avnz_int import files",
        "source = FileKeySource(Path(sys.argv[1])); argv = sys.argv[2:]",
        "sys.stdin.readline()",
    )
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join([*lines, script]), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_not_permitted(source: FileKeySource) -> None:
    """A keyring that the operating system does not let us read, or a folder we cannot write, is exit 7."""
    source.create(Keyring.new())
    source.path.chmod(0)
    source.path.parent.chmod(0o500)
    drop = f"os.geteuid() == 0 and os.setuid({NOBODY})"
    attempts = ("source.load()", "FileKeySource(source.path.with_name('new')).create(Keyring.new())")
    for attempt in attempts:
        report = "except Exception as e:\n    print(type(e).__name__, e, e.exit_code)"
        script = f"{drop}\ntry:\n    {attempt}\n{report}"
        output, errors = child(script, source.path).communicate("go\n")
        assert errors == ""
        assert output.startswith("StorageError")
        assert output.endswith("Permission denied 7\n")
    source.path.parent.chmod(0o700)
    assert names(source) == ["keyring.json"]


def test_disk_full(source: FileKeySource) -> None:
    """When the disk takes only part of it, create leaves nothing, and replace leaves the old keyring."""
    keyring = Keyring.new()
    other = source.path.with_name("other.json")
    FileKeySource(other).create(keyring)
    script = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
there = FileKeySource(Path(argv[0]))
old = there.load()
for step in (lambda: source.create(Keyring.new()), lambda: there.replace(old, old.with_new_key())):
    try:
        step()
    except Exception as error:
        print(type(error).__name__, error.exit_code)
"""
    output, errors = child(script, source.path, other).communicate("go\n")
    assert (output, errors) == ("StorageError 7\n" * 2, "")
    assert names(source) == ["other.json"]
    assert keyring == FileKeySource(other).load()


def test_eight_creators(source: FileKeySource) -> None:
    """Of eight processes that create at once exactly one wins, and all see the same keyring."""
    script = """
try:
    source.create(Keyring.new()); won = 1
except Exception as error:
    won = 0 if type(error).__name__ == "ExistsError" else error
print(won, source.load().active_kid)
"""
    children = [child(script, source.path) for _ in range(8)]
    for process in children:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].split() for process in children]
    kid = source.load().active_kid
    assert sorted(outputs) == [["0", kid]] * 7 + [["1", kid]]
    assert names(source) == ["keyring.json"]


@pytest.mark.parametrize("step", ["fchmod", "fsync", "link", "unlink"])
def test_killed_in_create(source: FileKeySource, step: str) -> None:
    """A process killed at any step of create leaves a whole keyring or none, and work goes on."""
    # The new file's own removal is the first step after the link.
    where = "Path.unlink" if step == "unlink" else f"os.{step}"
    script = f"""
{where} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
source.create(Keyring.new())
"""
    process = child(script, source.path)
    process.communicate("go\n")
    assert process.returncode == -signal.SIGKILL
    if step == "unlink":
        assert len(source.load().keys) == 1
    else:
        assert not source.path.exists()
        source.create(Keyring.new())
    assert all(mode(path) == 0o600 for path in source.path.parent.iterdir())
    source.replace(source.load(), source.load().with_new_key())
    assert len(source.load().keys) == 2


@pytest.mark.parametrize("step", ["os.fchmod", "os.fsync", "Path.replace", "files._sync_folder"])
def test_killed_in_replace(source: FileKeySource, step: str) -> None:
    """A process killed at any step of replace leaves the old keyring or the new one, whole."""
    keyring = Keyring.new()
    source.create(keyring)
    script = f"""
def kill(*a, **k): os.kill(os.getpid(), signal.SIGKILL)
old = source.load()
{step} = kill
source.replace(old, old.with_new_key())
"""
    process = child(script, source.path)
    process.communicate("go\n")
    assert process.returncode == -signal.SIGKILL
    left = source.load()
    assert left.kids[-1] == keyring.active_kid
    assert len(left.keys) == (2 if step.startswith("files") else 1)
