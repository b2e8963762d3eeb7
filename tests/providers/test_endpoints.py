"""Which addresses an operator may put in place of a provider's own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.errors import UsageError
from avnz_int.providers.endpoints import check_endpoint


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example.com",
        "https://proxy.example.com:8443/payflow/",
        "https://10.0.0.7/",
        "https://[2001:db8::1]/",
        "HTTPS://PROXY.EXAMPLE.COM",
        "http://localhost:8080",
        "http://LocalHost",
        "http://127.0.0.1:1",
        "http://127.255.255.254/",
        "http://[::1]:8080/path",
    ],
)
def test_allowed(url: str) -> None:
    """Https anywhere and http to loopback are allowed and given back as they are."""
    assert url == check_endpoint(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "proxy.example.com",
        "localhost:8080",
        "//proxy.example.com",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "http://",
        "https://",
        "https://:443",
        "https://host:0",
        "https://host:65536",
        "https://host:port",
        "https://[::1",
        "https://[nonsense]/",
        "https://ho st/",
        "https://host/\n",
        "\thttps://host/",
        "https://host\\@127.0.0.1/",
        "https://h\u00f6st/",
        "https://a..b/",
        "https://-a.example/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        "https://host/?q=1",
        "https://host/#top",
        "https://us%65r@host/",
        "http://user@localhost/",
        "http://proxy.example.com",
        "http://10.0.0.7",
        "http://0.0.0.0",
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://2130706433",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@evil.example",
        "http://[::ffff:10.0.0.1]",
    ],
)
def test_refused(url: str) -> None:
    """Anything that is no plain base URL, or would send credentials in the clear, is a usage error."""
    with pytest.raises(UsageError):
        check_endpoint(url)


def test_names_variable() -> None:
    """The message begins with the variable that holds the address and never repeats the address."""
    with pytest.raises(UsageError, match=r"^AVNZ_INT_ENDPOINT_ACME holds a user name") as caught:
        check_endpoint("https://me:hunter22@host.example", variable="AVNZ_INT_ENDPOINT_ACME")
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"
    assert "host.example" not in caught.value.message


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text is given back or refused, never an accident."""
    with contextlib.suppress(UsageError):
        assert text == check_endpoint(text)
