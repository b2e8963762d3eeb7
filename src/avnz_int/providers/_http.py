"""HTTP exchanges of a check: bounded in time and size, no redirects, every failure a report.

All that a provider module needs, with what `_replies` has: `Api` sends, `Reply` reads and reports, `reports`
wraps the check. No text of a reply, an exception or a proxy setting reaches a message.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import time
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from urllib.request import getproxies

import httpx

from avnz_int import __version__
from avnz_int.clock import elapsed_ms
from avnz_int.model.enums import CheckCode
from avnz_int.providers import _hosts
from avnz_int.providers._failures import BadReplyError, failure_report, host_of, unreachable
from avnz_int.providers._guarded import GuardedTransport
from avnz_int.providers._replies import (
    CheckEndedError,
    Reply,
    Verdict,
    basic,
    bearer,
    ended,
    reports,
    status_report,
    token,
)
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.providers.endpoints import check_endpoint

__all__ = [
    "LIMIT",
    "Api",
    "BadReplyError",
    "CheckEndedError",
    "Reply",
    "Verdict",
    "basic",
    "bearer",
    "ended",
    "failure_report",
    "reports",
    "send",
    "status_report",
    "target",
    "token",
]

# At INFO httpx logs whole URLs, at DEBUG httpcore logs headers.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

LIMIT = 1024 * 1024
"""Most bytes of a reply's body, as sent and as decoded."""

# The registry ends a check at its whole deadline; ending a little before lets the report name the host.
_SHARE = 0.95
# httpcore closes the socket of a TLS handshake that its own timeout ends, not of one that is cancelled.
_CONNECT_SHARE = 0.9
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"avnz-int/{__version__}"}
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def target(request: CheckRequest, own: str) -> str:
    """Where to send: the provider's `own` URL, or the operator's endpoint.

    Raises:
        UsageError: the operator's endpoint is not allowed.
    """
    return own if request.endpoint is None else check_endpoint(request.endpoint)


class Api:
    """A provider's HTTP interface, for the requests of one check; they share its deadline.

    Args:
        request: the check.
        who: the provider's name in messages; no credential can be part of it.
        base: the provider's own URL, with a path or without; the operator's endpoint takes its place.
        guarded: a user may have chosen the host, so that it must be a public one.
    """

    def __init__(self, request: CheckRequest, who: str, base: str, *, guarded: bool = False) -> None:
        self.who = who
        self._request = request
        self._base = target(request, base)
        self._guarded = guarded
        self._began = time.monotonic()

    def at(self, base: str) -> Api:
        """The provider's interface at another of its own hosts, for the same check and what is left of it."""
        other = Api(self._request, self.who, base)
        other._began = self._began
        return other

    @property
    def host(self) -> str:
        """The host that is asked, for messages."""
        return host_of(self._base)

    async def get(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        raw: bool = False,
    ) -> Reply:
        """The reply to a GET; see `ask`."""
        return await self.ask("GET", path, headers=headers, query=query, raw=raw)

    async def post(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        raw: bool = False,
    ) -> Reply:
        """The reply to a POST of a JSON value, a form or bytes; see `ask`."""
        named = dict(headers or {})
        if form is not None:
            named = {"Content-Type": "application/x-www-form-urlencoded", **named}
            content = urlencode(form, errors="replace").encode("ascii")
        elif json_body is not None:
            named = {"Content-Type": "application/json", **named}
            content = json.dumps(json_body).encode("ascii")
        return await self.ask("POST", path, headers=named, content=content, raw=raw)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        raw: bool = False,
    ) -> Reply:
        """The reply to one request, one that has to be read: what `status_report` knows ends the check.

        Args:
            method: HTTP method.
            path: what follows the base, with its slash; quote what is not fixed in it.
            headers: added to ours; `Accept` is JSON unless given.
            query: written behind the path; no secrets, addresses are logged on the way.
            content: the body.
            raw: a reply of any status and kind is returned; `reply.readable()` makes up for it.

        Raises:
            CheckEndedError: there is no reply, or none that says anything about credentials.
        """
        url = f"{self._base.rstrip('/')}{path}" if path else self._base
        reply = await send(
            self._request,
            method,
            f"{url}?{urlencode(query)}" if query else url,
            who=self.who,
            content=content,
            headers={"Accept": "application/json", **(headers or {})},
            guarded=self._guarded,
            spent_s=time.monotonic() - self._began,
        )
        if isinstance(reply, CheckReport):
            raise CheckEndedError(reply)
        return reply if raw else reply.readable()


async def send(
    request: CheckRequest,
    method: str,
    url: str,
    *,
    who: str,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    limit: int = LIMIT,
    guarded: bool = False,
    spent_s: float = 0.0,
) -> Reply | CheckReport:
    """The reply to one request, or the report of why there is none.

    Proxies of the environment (`HTTPS_PROXY`) serve the provider's own hosts, never an operator's endpoint
    or a user's host; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured for all.

    Args:
        request: the check this belongs to.
        method: HTTP method.
        url: where to, as `target` gave it.
        who: the provider's name in messages.
        content: the body.
        headers: added to ours.
        limit: most bytes of the body.
        guarded: a user may have chosen the host; the operator's endpoint needs no guard.
        spent_s: seconds of the check's deadline that are gone.
    """
    left_s = max(0.0, request.timeout_s * _SHARE - spent_s)
    try:
        transport = _transport(request, guarded=guarded and request.endpoint is None)
    except OSError:
        return unreachable(
            CheckCode.TLS, f"{who}: the certificates that SSL_CERT_FILE or SSL_CERT_DIR name cannot be read"
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        return unreachable(
            CheckCode.NETWORK,
            f"{who}: the proxy that HTTPS_PROXY or ALL_PROXY names cannot be used: correct or unset it",
        )
    began = time.perf_counter()
    try:
        if guarded and request.endpoint is None:
            _hosts.check_url(url, request.allow_hosts)
        # The deadline around the whole exchange does the rest: bytes that drip do not extend that one.
        timeout = httpx.Timeout(None, connect=left_s * _CONNECT_SHARE)
        async with asyncio.timeout(left_s), transport:
            sent = httpx.Request(
                method,
                url,
                headers={**_HEADERS, **(headers or {})},
                content=content,
                extensions={"timeout": timeout.as_dict()},
            )
            if not sent.url.host:
                raise httpx.UnsupportedProtocol("the address has no host")
            response = await transport.handle_async_request(sent)
            try:
                body = await _body(response, limit)
            finally:
                await response.aclose()
    except _hosts.RefusedHostError as exc:
        return _hosts.refused_report(exc, who=who, host=host_of(url))
    except (httpx.HTTPError, httpx.InvalidURL, BadReplyError, OSError, UnicodeError) as exc:
        return failure_report(exc, who=who, host=host_of(url), timeout_s=request.timeout_s)
    named = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, named, body, elapsed_ms(began), who)


def _transport(request: CheckRequest, *, guarded: bool) -> httpx.AsyncBaseTransport:
    """What sends one request, without redirects and cookies."""
    context = _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    if guarded:
        return GuardedTransport(context, request.allow_hosts)
    if request.endpoint is None and getproxies():
        return _Proxied(context)
    return httpx.AsyncHTTPTransport(verify=context, trust_env=False)


class _Proxied(httpx.AsyncBaseTransport):
    """A transport that goes by the proxies of the environment; httpx knows them in its client only."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._client = httpx.AsyncClient(verify=context, trust_env=True, follow_redirects=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, to be read and closed by the caller."""
        return await self._client.send(request, stream=True)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


@lru_cache(maxsize=4)
def _tls(_cert_file: str | None, _cert_dir: str | None) -> ssl.SSLContext:
    """The TLS settings; kept for each value of the variables that httpx reads, as loading takes 10 ms."""
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _body(response: httpx.Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise BadReplyError("is encoded in a way that was not asked for")
    # Not httpx's own decoding: it inflates 64 KiB at a time into as many MiB before we could look.
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding not in {"", "identity"} else None
    raw, body = 0, bytearray()
    async for chunk in response.aiter_raw():
        raw += len(chunk)
        try:
            body += inflate.decompress(chunk, limit + 1 - len(body)) if inflate else chunk
        except zlib.error:
            raise BadReplyError("is not compressed as it claims") from None
        if max(raw, len(body)) > limit:
            raise BadReplyError(f"is longer than {limit} bytes")
    if inflate and raw and not inflate.eof:
        raise BadReplyError("ends in the middle")
    return bytes(body)
