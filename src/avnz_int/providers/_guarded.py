"""HTTP to hosts that a user named: looked up once, checked, and connected by the checked address."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import httpx

from avnz_int.providers import _hosts
from avnz_int.providers._failures import chain, tls_fault

# Of a name with many addresses; each that leads nowhere costs a share of the deadline.
_MOST_TRIED = 4


class GuardedTransport(httpx.AsyncHTTPTransport):
    """A transport that connects to public hosts and to those that the operator allows.

    `Host`, SNI and the certificate's name stay those of the request: only the socket gets the address, so
    no second look-up can lead elsewhere. There is no proxy in between, which would look the name up itself.
    """

    def __init__(self, context: ssl.SSLContext, allow: Sequence[str]) -> None:
        super().__init__(verify=context, trust_env=False)
        self._allow = allow

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response of the first address that takes a connection.

        Raises:
            RefusedHostError: the host is not allowed; nothing was connected.
            socket.gaierror: the host is unknown.
        """
        url = request.url
        _hosts.check_url(str(url), self._allow)
        found = await _hosts.resolve_async(url.host, url.port or 443, self._allow)
        addresses = found[:_MOST_TRIED]
        timeout = dict(request.extensions.get("timeout", {}))
        if timeout.get("connect") is not None:
            timeout["connect"] /= len(addresses)
        request.extensions = {**request.extensions, "sni_hostname": url.host, "timeout": timeout}
        for address in addresses[:-1]:
            request.url = url.copy_with(host=address)
            try:
                return await super().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                # A certificate that is not accepted is an answer; the next machine does not undo it.
                if any(tls_fault(link) for link in chain(exc)):
                    raise
        request.url = url.copy_with(host=addresses[-1])
        return await super().handle_async_request(request)
