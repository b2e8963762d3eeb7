"""Gateways on loopback that misbehave in one chosen way, on real sockets.

`with FaultGateway(FAULTS["hang"]) as gateway: gateway.url`; `answering(b"RESULT=1")` makes an answer of one's
own, `self_signed()` the certificate for `tls=`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import ipaddress
import select
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[socket.socket, bytes, threading.Event], None]
"""What is done with a connection, the request that came over it, and the event that ends the gateway."""

MIB = 1024 * 1024


def answering(
    body: bytes,
    *,
    status: str = "200 OK",
    kind: str = "text/namevalue",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An answer of this one body."""
    fields = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def answer(connection: socket.socket, _request: bytes, _stop: threading.Event) -> None:
        connection.sendall(head.encode("latin-1") + b"\r\n" + body)

    return answer


def _hang(_connection: socket.socket, _request: bytes, stop: threading.Event) -> None:
    stop.wait()


def _reset(connection: socket.socket, _request: bytes, _stop: threading.Event) -> None:
    # Closing with a linger time of zero sends RST in place of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _close(_connection: socket.socket, _request: bytes, _stop: threading.Event) -> None:
    pass


def _drip(connection: socket.socket, _request: bytes, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/namevalue\r\nContent-Length: 100\r\n\r\n")
    while not stop.wait(0.1):
        connection.sendall(b"R")


def _drip_head(connection: socket.socket, _request: bytes, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while not stop.wait(0.1):
        connection.sendall(b"r")


def _garbage(connection: socket.socket, _request: bytes, _stop: threading.Event) -> None:
    connection.sendall(b"\x16\x03\x00 this is no HTTP\r\n\r\n")


def _short(connection: socket.socket, _request: bytes, _stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nRESULT=0")


def _endless(connection: socket.socket, _request: bytes, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nRESULT=0&COMMENT1=")
    while not stop.is_set():
        connection.sendall(b"x" * 65536)


def echo(connection: socket.socket, request: bytes, stop: threading.Event) -> None:
    """A refusal whose text repeats the whole request."""
    said = request.replace(b"\r\n", b" ")
    answering(b"RESULT=99&RESPMSG[%d]=%b" % (len(said), said))(connection, request, stop)


def echo_page(connection: socket.socket, request: bytes, stop: threading.Event) -> None:
    """An error page that repeats the whole request."""
    answering(b"<pre>" + request + b"</pre>", status="500 Oops", kind="text/html")(connection, request, stop)


_PORTAL = b"<!doctype html><html><form action='/login?RESULT=0'>Welcome to our network</form></html>"
_BOMB = gzip.compress(b"RESULT=0&COMMENT1=" + bytes(64 * MIB), compresslevel=1, mtime=0)

FAULTS: Mapping[str, tuple[Answer, str]] = {
    "hang": (_hang, "timeout"),
    "drip": (_drip, "timeout"),
    "drip_head": (_drip_head, "timeout"),
    "reset": (_reset, "network"),
    "close": (_close, "network"),
    "garbage": (_garbage, "unexpected_reply"),
    "short": (_short, "unexpected_reply"),
    "endless": (_endless, "unexpected_reply"),
    "html": (answering(_PORTAL, kind="text/html; charset=utf-8"), "unexpected_reply"),
    "html_unnamed": (answering(b"\r\n" + _PORTAL), "unexpected_reply"),
    "empty": (answering(b""), "unexpected_reply"),
    "big": (answering(b"RESULT=0&COMMENT1=" + b"x" * (10 * MIB)), "unexpected_reply"),
    "gzip_bomb": (answering(_BOMB, headers={"Content-Encoding": "gzip"}), "unexpected_reply"),
    "gzip_not": (answering(b"RESULT=0", headers={"Content-Encoding": "gzip"}), "unexpected_reply"),
    "brotli": (answering(b"RESULT=0", headers={"Content-Encoding": "br"}), "unexpected_reply"),
    "http_204": (answering(b"", status="204 No Content"), "unexpected_reply"),
    "http_302": (
        answering(b"RESULT=0", status="302 Found", headers={"Location": "https://elsewhere.invalid/"}),
        "unexpected_reply",
    ),
    "http_401": (answering(b"RESULT=1", status="401 Unauthorized"), "unexpected_reply"),
    "http_403": (answering(b"RESULT=1", status="403 Forbidden"), "unexpected_reply"),
    "http_404": (answering(b"RESULT=1", status="404 Not Found"), "unexpected_reply"),
    "http_429": (answering(b"", status="429 Slow", headers={"Retry-After": "17"}), "rate_limited"),
    "http_500": (answering(b"RESULT=0", status="500 Oops"), "provider_down"),
    "http_503": (answering(_PORTAL, status="503 Maintenance", kind="text/html"), "provider_down"),
}
"""Name -> what the gateway does, and the code with which a check has to call it unreachable."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A key and a certificate that nobody trusts unless told to; both are in the one PEM file."""

    pem: Path

    def context(self) -> ssl.SSLContext:
        """What a server needs to offer it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


@contextlib.contextmanager
def self_signed(name: str = "127.0.0.1") -> Iterator[Certificate]:
    """A fresh certificate for this address or host name, valid for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = dt.datetime.now(dt.UTC)
    try:
        covered: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        covered = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([covered]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "certificate.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        yield Certificate(pem)


class FaultGateway:
    """A server on a free loopback port that does one thing with every request.

    Attributes:
        requests: the bytes of each request, as they came over the wire.
        connections: how many connections were made, with or without a request.
    """

    def __init__(self, answer: Answer, *, tls: Certificate | None = None) -> None:
        self._answer = answer
        self._tls = None if tls is None else tls.context()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            if select.select([self._listener], [], [], 0.02)[0]:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A client that gives up in the middle is what most of these tests are about.
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(10)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            request = _read(connection)
            if request:
                self.requests.append(request)
                self._answer(connection, request, self._stop)


def _read(connection: socket.socket) -> bytes:
    """One whole request, or what came of it."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length and (chunk := connection.recv(65536)):
        body += chunk
    return head + b"\r\n\r\n" + body
