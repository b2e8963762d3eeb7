"""Lines of usage: what is read from them, and what is refused with a reason."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int import clock
from avnz_int.errors import InvalidInputError
from avnz_int.model.files import UsageFormat
from avnz_int.model.usage import Entry, LineRefusedError
from avnz_int.services import usage_stream
from avnz_int.services.usage_lines import FIELDS, MOST_AMOUNT, LineParser
from support.metering import line

EARLY, LATE = datetime(2000, 1, 2), datetime(2100, 1, 1)  # noqa: DTZ001  # zones are drawn
PLAIN = line("T-1", 1250)
ENTRY = Entry(
    7, (None, "acme", None), "charge", "T-1", 1250, "USD", "2028-01-15T12:00:00.000Z", "approved", None
)


def parsed(given: Any, form: UsageFormat = UsageFormat.JSONL) -> Entry | None:
    """What one line says."""
    text = (
        given
        if isinstance(given, bytes)
        else (given if isinstance(given, str) else json.dumps(given)).encode()
    )
    return LineParser(form).parse(7, text)


def refusal(given: Any) -> str:
    """The code of the reason why a line is refused."""
    with pytest.raises(LineRefusedError) as caught:
        parsed(given)
    return caught.value.code


def from_csv(*lines: str) -> list[Entry | None]:
    """What the lines of a CSV file say after the first."""
    parser = LineParser(UsageFormat.CSV)
    return [parser.parse(number, text.encode()) for number, text in enumerate(lines, 1)][1:]


def test_json() -> None:
    """A line is read as it stands, whatever white space is around and in it."""
    assert ENTRY == parsed(PLAIN) == parsed(" " + json.dumps(PLAIN, indent=1).replace("\n", " ") + " \r")
    assert ENTRY == parsed(json.dumps(PLAIN, separators=(" , ", " : ")))
    assert None is parsed("") is parsed("  \r")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("transactionId", "transaction_id"),
        ("transactionId", "id"),
        ("client", "clientId"),
        ("occurredAt", "time"),
        ("occurredAt", "timestamp"),
    ],
)
def test_other_names(name: str, other: str) -> None:
    """Fields may stand under the names that other programs give them, but not under two at once."""
    renamed = {other if key == name else key: value for key, value in PLAIN.items()}
    assert ENTRY == parsed(renamed)
    assert "invalid_field" == refusal({**PLAIN, other: PLAIN[name]})


def test_unknown_names() -> None:
    """Fields that nobody knows are passed over, and named in the end."""
    parser = LineParser(UsageFormat.JSONL)
    assert ENTRY == parser.parse(7, json.dumps({**PLAIN, "note": "x", "nested": {"a": [1]}}).encode())
    assert {"note", "nested"} == parser.unknown


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": value}, "invalid_field")
        for value in ("1250", "12.5", 12.5, 1250.0, True, -1, MOST_AMOUNT + 1, [1], {})
    ]
    + [
        ({name: None}, "missing_field")
        for name in ("transactionId", "amount", "currency", "occurredAt", "status")
    ]
    + [
        ({"transactionId": value}, "invalid_field")
        for value in ("", " x", "x ", "a\0b", "a\nb", "x" * 256, True, 1.5)
    ]
    + [
        ({"currency": value}, "invalid_field")
        for value in ("USX", "", "US", 840, "\uff35\uff33\uff24", ["USD"])
    ]
    + [({"status": value}, "invalid_field") for value in ("ok", "", 1, ["approved"], "Approved")]
    + [({"type": value}, "invalid_field") for value in ("sale", "", 1, ["charge"])]
    + [
        ({"occurredAt": value}, "invalid_field")
        for value in (
            *(
                "2028-01-15",
                "2028-01-15T12:00:00",
                "2028-02-30T12:00:00Z",
                "yesterday",
                "",
                1832000000,
                ["x"],
            ),
            *("20280115T120000Z", "2028-W03-6T12:00:00Z", "1999-12-31T23:59:59Z", "2028-01-15T24:00:00Z"),
            *(
                "2028-01-15T12:00:60Z",
                "2028-01-15X12:00:00Z",
                "2028-01-15T12:00:00+99:00",
                "\uff19\uff10\uff12\uff18-01-15T12:00:00Z",
            ),
        )
    ]
    + [({"client": value}, "invalid_field") for value in ("", " ", 1.5, True, ["acme"])]
    + [({"refundOf": "T-0", "type": "charge"}, "invalid_field"), ({"refundOf": ""}, "invalid_field")],
)
def test_refused(change: dict[str, Any], code: str) -> None:
    """A value of the wrong kind is refused and never turned into another one."""
    assert code == refusal({**PLAIN, **change})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "7",
        '"x"',
        "null",
        "{} {}",
        "{},",
        "[" * 100_000,
        '{"amount": ' + "9" * 5000 + "}",
        json.dumps(PLAIN)[:-1] + ', "amount": 5}',
        json.dumps(PLAIN)[:-1] + ', "amount" : 5}',
        json.dumps(PLAIN)[:-1] + ', "amount"\t:5}',
    ],
)
def test_not_json(text: str) -> None:
    """What is no JSON object is refused, and so is one with a field twice, however it is written."""
    assert "not_json" == refusal(text)


def test_bytes() -> None:
    """A line that is no UTF-8 is refused; a byte order mark before the first is passed over."""
    assert "not_utf8" == refusal(b'{"client": "\xff"}')
    first = LineParser(UsageFormat.JSONL).parse(1, b"\xef\xbb\xbf" + json.dumps(PLAIN).encode())
    assert ENTRY._replace(number=1) == first


def test_kinds() -> None:
    """`refundOf` alone makes a refund; without it one is of the charge of its own id."""
    of = parsed({**line("R-1", 5), "refundOf": "T-1", "status": None} | {"status": "declined"})
    assert of is not None
    assert ("refund", "T-1", "declined") == (of.type, of.refund_of, of.status)
    own = parsed(line("T-1", 5, type="refund", status=None))
    assert own is not None
    assert ("refund", "T-1", "approved") == (own.type, own.refund_of, own.status)
    void = parsed(
        {"transactionId": "T-1", "client": "acme", "currency": "USD", "type": "void"}
        | {"time": "2028-01-15T12:00:00Z"}
    )
    assert void is not None
    assert ("void", "T-1", 0, "approved") == (void.type, void.refund_of, void.amount, void.status)


def test_numbers_as_ids() -> None:
    """An id that lost its quotes is the same id; a currency may be in small letters."""
    entry = parsed(line("x", currency="jpy") | {"transactionId": 10987654321, "refundOf": 77})
    assert entry is not None
    assert ("10987654321", "77", "JPY") == (entry.transaction_id, entry.refund_of, entry.currency)


@given(
    moment=st.datetimes(EARLY, LATE, timezones=st.timezones()),
    form=st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_times(moment: datetime, form: str) -> None:
    """A time in any offset and precision is the same moment in UTC, cut to milliseconds."""
    text = moment.isoformat(timespec=form)
    expected = clock.rfc3339(datetime.fromisoformat(text).astimezone(UTC))
    for written in (text, text.replace("T", " "), text.replace("+00:00", "Z")):
        entry = parsed({**PLAIN, "occurredAt": written})
        assert entry is not None
        assert expected == entry.occurred


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner),
    )
)
def test_any_json(value: Any) -> None:
    """Whatever JSON a line holds, it is read or refused: nothing else happens."""
    for form in UsageFormat:
        with suppress(LineRefusedError, InvalidInputError):
            LineParser(form).parse(7, json.dumps(value).encode())


@given(line_of=st.binary(max_size=200))
def test_any_bytes(line_of: bytes) -> None:
    """Whatever bytes a line holds, it is read or refused."""
    for form in UsageFormat:
        parser = LineParser(form)
        if form is UsageFormat.CSV:
            parser.parse(1, ",".join(FIELDS).encode())
        with suppress(LineRefusedError):
            parser.parse(7, line_of)


def test_csv() -> None:
    """Columns stand in any order under their names; empty cells are absent; quotes hold commas."""
    found = from_csv(
        "amount,id,client,currency,time,status,note,refundOf",
        '1250,T-1,acme,USD,2028-01-15T12:00:00Z,approved,"one, ""two""",',
        "5,R-1,acme,USD,2028-01-15T12:00:00Z,approved,,T-1\r",
        "",
    )
    assert [ENTRY._replace(number=2), None] == [found[0], found[2]]
    assert found[1] is not None
    assert ("refund", "T-1", 5) == (found[1].type, found[1].refund_of, found[1].amount)


@pytest.mark.parametrize(
    "row", ["10.5", "1e3", "-5", "+5", "\uff11\uff12", "9" * 30, " 5", "x", "0x10", "1_000"]
)
def test_csv_amounts(row: str) -> None:
    """An amount in CSV is digits and nothing else."""
    with pytest.raises(LineRefusedError) as caught:
        from_csv(",".join(PLAIN), f"T-1,acme,{row},USD,2028-01-15T12:00:00Z,approved")
    assert "invalid_field" == caught.value.code


@pytest.mark.parametrize("row", ["T-1,acme", "a,b,c,d,e,f,g", '"T-1,acme,1,USD,x,y', 'a"b,"c"d,,,,'])
def test_csv_rows(row: str) -> None:
    """A row of another width, or with quotes that do not match, is refused; a record is one line."""
    with pytest.raises(LineRefusedError) as caught:
        from_csv(",".join(PLAIN), row)
    assert "not_csv" == caught.value.code


@pytest.mark.parametrize(
    "head", ["a,b", "id,id,currency,time", "id,transactionId,currency,time", "T-1,acme,5"]
)
def test_csv_head(head: str) -> None:
    """A first line that does not name the columns stops the file before anything is recorded."""
    with pytest.raises(InvalidInputError) as caught:
        from_csv(head)
    assert "transactionId" in (caught.value.hint or "")


class Dribble(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most 7 bytes."""
        return super().read(min(7, size or 7))


@given(
    content=st.lists(st.binary(max_size=30).filter(lambda one: b"\n" not in one), max_size=20),
    end=st.booleans(),
)
def test_stream(content: list[bytes], end: bool) -> None:
    """The lines of a file are its lines, numbered, however it comes; the last needs no line end."""
    text = b"\n".join(content) + (b"\n" if end and content else b"")
    expected = text.split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    for stream in (io.BytesIO(text), Dribble(text)):
        found = [
            (number, one)
            for first, lines in usage_stream.lines(stream)
            for number, one in enumerate(lines, first)
        ]
        assert list(enumerate(expected, 1)) == found


def test_stream_long_lines() -> None:
    """A line that is too long is told, whole files without a line end too, and those after it are read."""
    long = b"x" * (usage_stream.MOST + 1)
    huge = b"y" * (usage_stream.MOST * 10)
    text = b"\n".join([b"a", long, b"b", huge, b"c", huge])
    found = [one for _, lines in usage_stream.lines(io.BytesIO(text)) for one in lines]
    assert [b"a", None, b"b", None, b"c", None] == found
    exact = b"x" * usage_stream.MOST
    assert [exact] == [one for _, lines in usage_stream.lines(io.BytesIO(exact)) for one in lines]
    with pytest.raises(LineRefusedError) as caught:
        LineParser(UsageFormat.JSONL).parse(1, None)
    assert "too_long" == caught.value.code
