"""A payment gateway on this machine that speaks Payflow's format: for the first-run tour and for tests.

It checks the login, answers inquiries and refuses everything else; there is no money in it. Its reader of
requests is written apart from the client's, so that one mistake does not hide the other.
"""

from __future__ import annotations

import hmac
import re
import secrets
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_MOST_BYTES = 64 * 1024
_READ_TIMEOUT_S = 10.0
_PAIR = re.compile(rb"([A-Z][A-Z0-9_]*)(?:\[(\d+)\])?=")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,32}")
_PNREF_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_SECRET_NAMES = frozenset({"PWD", "ACCT", "CVV2"})


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that was answered.

    Attributes:
        headers: lower-case name -> value.
        fields: name -> value of the body; password and card data are left out.
        answer: the body of the reply.
    """

    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    answer: str


class PayflowGateway:
    """A gateway in a thread: `with PayflowGateway({("PayPal", "acme", "acme"): "secret"}) as gateway: …`.

    Attributes:
        requests: what came in, in order.
    """

    def __init__(self, accounts: Mapping[tuple[str, str, str], str], *, port: int = 0) -> None:
        """Take the logins that are known, (partner, vendor, user) -> password; port 0 is any free one."""
        self._accounts = dict(accounts)
        self._port = port
        self._answers: dict[str, str] = {}
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.requests: list[SeenRequest] = []

    @property
    def url(self) -> str:
        """Its address, with the port that it got."""
        if self._server is None:
            raise RuntimeError("the gateway is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def start(self) -> Self:
        """Itself, listening on loopback."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="payflow-gateway", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it and free its port; once more does no harm."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> str:
        """The body of the reply: a request id that was seen before gets the answer that it got then."""
        fields = _parse(body)
        request_id = headers.get("x-vps-request-id", "")
        with self._lock:
            if request_id in self._answers:
                said = f"{self._answers[request_id]}&DUPLICATE=1"
            else:
                said = self._decide(headers, fields)
                if _REQUEST_ID.fullmatch(request_id):
                    self._answers[request_id] = said
            shown = {name: value for name, value in (fields or {}).items() if name not in _SECRET_NAMES}
            self.requests.append(SeenRequest(path, dict(headers), shown, said))
        return said

    def _decide(self, headers: Mapping[str, str], fields: Mapping[str, str] | None) -> str:
        if not _REQUEST_ID.fullmatch(headers.get("x-vps-request-id", "")):
            return _say(-41, "Missing or invalid X-VPS-REQUEST-ID")
        if not re.fullmatch(r"[1-9][0-9]{0,3}", headers.get("x-vps-client-timeout", "")):
            return _say(101, "Time-out value too small")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "text/namevalue":
            return _say(-105, "Invalid name value request")
        if fields is None:
            return _say(7, "Field format error: length tag or separator")
        return self._refused_login(fields) or _inquiry(fields)

    def _refused_login(self, fields: Mapping[str, str]) -> str | None:
        partner, vendor, user = (fields.get(name, "") for name in ("PARTNER", "VENDOR", "USER"))
        if not user or vendor not in {known for _, known, _ in self._accounts}:
            return "RESULT=26&RESPMSG=Invalid vendor account"
        password = self._accounts.get((partner, vendor, user), "")
        if not password or not hmac.compare_digest(password.encode(), fields.get("PWD", "").encode()):
            return "RESULT=1&RESPMSG=User authentication failed"
        return None


def _inquiry(fields: Mapping[str, str]) -> str:
    if fields.get("TRXTYPE") != "I":
        return _say(3, "Invalid transaction type")
    if fields.get("TENDER") != "C":
        return _say(2, "Invalid tender type")
    if re.fullmatch(r"[A-Za-z0-9]{12}", fields.get("ORIGID", "")):
        return _say(19, "Original transaction ID not found")
    if "ORIGID" not in fields and re.fullmatch(r"[\x21-\x7e]{1,12}", fields.get("CUSTREF", "")):
        return _say(20, "Customer reference number not found")
    return _say(7, "Field format error: ORIGID")


def _say(result: int, message: str) -> str:
    reference = "V" + "".join(secrets.choice(_PNREF_ALPHABET) for _ in range(11))
    return f"RESULT={result}&PNREF={reference}&RESPMSG={message}"


def _parse(body: bytes) -> dict[str, str] | None:
    """Name -> value of a request, or None if it is not in the format; a repeated name: the last one wins."""
    fields: dict[str, str] = {}
    rest = body
    while rest:
        head = _PAIR.match(rest)
        if head is None:
            return None
        rest = rest[head.end() :]
        length = int(head[2]) if head[2] else len(rest.partition(b"&")[0])
        value, rest = rest[:length], rest[length:]
        if len(value) < length or rest == b"&" or not (rest == b"" or rest.startswith(b"&")):
            return None
        fields[head[1].decode("ascii")] = value.decode("latin-1")
        rest = rest[1:]
    return fields or None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The default of 5 resets connections where a few dozen come at once.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], gateway: PayflowGateway) -> None:
        self.gateway = gateway
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing where the client went away; else the trace that the library prints."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "VPS-loopback"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _READ_TIMEOUT_S

    def do_POST(self) -> None:
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length):
            self._reply(HTTPStatus.LENGTH_REQUIRED, "text/plain", "Content-Length is needed")
        elif int(length) > _MOST_BYTES:
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain", "too long")
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = self.server.gateway.answer(self.path, headers, self.rfile.read(int(length)))
            self._reply(HTTPStatus.OK, "text/namevalue", said)

    def do_GET(self) -> None:
        self.close_connection = True
        self._reply(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "Payflow takes POST")

    def _reply(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode("latin-1")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        request_id = self.headers.get("X-VPS-Request-ID", "")
        if _REQUEST_ID.fullmatch(request_id):
            self.send_header("X-VPS-Request-ID", request_id)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Nothing: the tour's output is not the gateway's log."""
