"""Formats and patterns: as strict as the wire that the value goes to."""

from __future__ import annotations

import pytest

from avnz_int.definitions import formats, schema
from avnz_int.definitions.schema import Violation


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "email",
            ["a@example.com", "a.b+c@sub.example.co"],
            [
                "",
                "a",
                "@example.com",
                "a@b",
                "a@@example.com",
                ".a@example.com",
                "A <a@example.com>",
                "a@example.com\n",
                "a@-example.com",
                "a" * 65 + "@example.com",
                "\u00e4@example.com",
            ],
        ),
        (
            "hostname",
            ["example.com", "localhost", "xn--mnchen-3ya.de", "a-b.example"],
            [
                "",
                "example.com.",
                "-a.com",
                "a-.com",
                "a..b",
                "a_b.com",
                "exa mple.com",
                "a/b",
                "a:443",
                "a" * 64 + ".com",
                "a." * 127 + "com",
                "example.com\n",
                "m\u00fcnchen.de",
            ],
        ),
        (
            "uri",
            ["https://example.com", "https://example.com:8443/a?b=c#d", "urn:uuid:1", "https://[::1]/"],
            [
                "",
                "example.com",
                "//example.com",
                "https://",
                "https://a b",
                "https://example.com:99999/",
                "https://example.com:0/",
                "https://example.com/%zz",
                "https://[::1",
                "https://example.com\n",
                "https://m\u00fcnchen.de",
                "https:///path",
                "https://exa\tmple.com",
            ],
        ),
        (
            "uuid",
            ["01234567-89ab-cdef-0123-456789ABCDEF"],
            [
                "",
                "0123456789abcdef0123456789abcdef",
                "01234567-89ab-cdef-0123-456789abcdeg",
                "{01234567-89ab-cdef-0123-456789abcdef}",
                "01234567-89ab-cdef-0123-456789abcdef\n",
            ],
        ),
    ],
)
def test_formats(name: str, good: list[str], bad: list[str]) -> None:
    """Formats are enforced, strictly enough for a header or a URL."""
    fits, noun = formats.FORMATS[name]
    assert good == [text for text in good + bad if fits(text)]
    judged = {"properties": {"f": {"type": "string", "format": name}}}
    expected = [Violation("f", "format", f"must be {noun}")]
    assert expected == schema.violations(judged, {"f": "\u00a0"})


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^a$", ["a"], ["a\n", "ab"]),
        (r"^a\$$", ["a$"], ["a", "a$\n"]),
        ("^[$]$", ["$"], ["", "$\n"]),
        (r"^[\]$]+$", ["]$"], ["a", "]\n"]),
        ("^(a$|b)", ["a", "bc"], ["a\n"]),
        (r"^\w\d\s?$", ["a1", "a1 "], ["\u00e41", "a\u0661", "a1\u00a0"]),
        ("a", ["bab"], ["b"]),
    ],
)
def test_patterns(pattern: str, good: list[str], bad: list[str]) -> None:
    """Patterns mean what ECMA-262 says: the end is the end, and classes are ASCII."""
    compiled = formats.compile_pattern(pattern)
    assert good == [text for text in good + bad if compiled.search(text)]
