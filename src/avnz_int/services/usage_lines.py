"""A line of JSON or CSV -> a checked `Entry`, at some microseconds a line.

Only the form is looked at here; whose it is and what it costs is known in `services.usage_places`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from avnz_int import clock
from avnz_int.errors import InvalidInputError
from avnz_int.model.currency import MINOR_DIGITS
from avnz_int.model.enums import UsageStatus, UsageType
from avnz_int.model.files import UsageFormat
from avnz_int.model.usage import Entry, LineRefusedError

MOST_AMOUNT = 10**12
_MOST_TEXT = 255
_CHARGE, _REFUND, _VOID = UsageType.CHARGE.value, UsageType.REFUND.value, UsageType.VOID.value
_TYPES = frozenset({_CHARGE, _REFUND, _VOID})
_APPROVED = UsageStatus.APPROVED.value
_STATUSES = frozenset({_APPROVED, UsageStatus.DECLINED.value})
FIELDS = (
    *("transactionId", "merchantAccount", "client", "integration", "amount", "currency", "occurredAt"),
    *("status", "type", "refundOf"),
)
_ALIASES = {
    **{name: name for name in FIELDS},
    **dict.fromkeys(("transaction_id", "id"), "transactionId"),
    **dict.fromkeys(("merchantAccountId", "merchant_account", "account"), "merchantAccount"),
    **dict.fromkeys(("clientId", "client_id"), "client"),
    **dict.fromkeys(("clientIntegrationId", "client_integration", "provider"), "integration"),
    **dict.fromkeys(("time", "timestamp", "occurred_at"), "occurredAt"),
    **dict.fromkeys(("refund_of", "voidOf", "void_of"), "refundOf"),
}
_PLAIN = frozenset(FIELDS)
_MOST_SHAPES = 1000
_scan = json.JSONDecoder().raw_decode


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LineRefusedError("not_json", "it has a field twice")
    return found


_scan_strictly = json.JSONDecoder(object_pairs_hook=_unique).raw_decode


class LineParser:
    """Reads the lines of one file.

    Args:
        form: JSON Lines, or CSV whose first line names the fields.

    Attributes:
        unknown: names of fields that nobody knows, which are passed over.
    """

    def __init__(self, form: UsageFormat) -> None:
        self.unknown: set[str] = set()
        self._form = form
        self._shapes: dict[tuple[str, ...], list[tuple[str, str]] | None] = {}
        self._columns: list[int] | None = None
        self._width = 0

    def parse(self, number: int, line: bytes | None) -> Entry | None:
        """What a line says; None for an empty one and for the names of CSV columns.

        Raises:
            LineRefusedError: it says nothing that could be recorded.
            InvalidInputError: the first line of a CSV file does not name the fields.
        """
        if line is None:
            raise LineRefusedError("too_long", "it is longer than 64 KiB")
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise LineRefusedError("not_utf8", "it is not UTF-8") from None
        if number == 1:
            text = text.removeprefix("\ufeff")
        text = text.strip()
        if not text:
            return None
        if self._form is UsageFormat.JSONL:
            get = self._object(text).get
            amount = get("amount")
            return _entry(
                number,
                get("transactionId"),
                get("merchantAccount"),
                get("client"),
                get("integration"),
                amount,
                get("currency"),
                get("occurredAt"),
                get("status"),
                get("type"),
                get("refundOf"),
            )
        row = _cells(text)
        if self._columns is None:
            self._columns = self._header(row)
            self._width = len(row)
            return None
        if len(row) != self._width:
            raise LineRefusedError("not_csv", f"it has {len(row)} columns, the first line {self._width}")
        row.append("")  # the place of columns that the file has not
        cells: list[Any] = [row[place] or None for place in self._columns]
        digits = cells[4]
        if digits is not None and digits.isascii() and digits.isdigit() and len(digits) <= 18:
            cells[4] = int(digits)
        return _entry(number, *cells)

    def _object(self, text: str) -> Mapping[str, Any]:
        try:
            value, end = _scan(text)
            # Whether a name stands twice is asked only where it could: a colon for each field, none apart.
            if (
                end != len(text)
                or type(value) is not dict
                or text.count('":') != len(value)
                or '" ' in text
                or '"\t' in text
                or '"\r' in text
            ):
                value, end = _scan_strictly(text)
        except (ValueError, RecursionError):
            raise LineRefusedError("not_json", "it is not JSON") from None
        if end != len(text):
            raise LineRefusedError("not_json", "something follows the JSON object")
        if type(value) is not dict:
            raise LineRefusedError("not_json", "it is not a JSON object")
        shape = tuple(value)
        try:
            names = self._shapes[shape]
        except KeyError:
            names = self._shape(shape)
        return value if names is None else {name: value[key] for key, name in names}

    def _shape(self, shape: tuple[str, ...]) -> list[tuple[str, str]] | None:
        """(key, field) of what is known in objects with these keys; None if all stand under their names."""
        names = None if _PLAIN.issuperset(shape) else self._known(shape)
        if len(self._shapes) >= _MOST_SHAPES:
            self._shapes.clear()
        self._shapes[shape] = names
        return names

    def _known(self, keys: Sequence[str]) -> list[tuple[str, str]]:
        names = [(key, _ALIASES[key]) for key in keys if key in _ALIASES]
        fields = [name for _, name in names]
        twice = sorted({name for name in fields if fields.count(name) > 1})
        if twice:
            raise LineRefusedError("invalid_field", f"{twice[0]} is given twice")
        if len(self.unknown) < 20:
            self.unknown.update(key[:40] for key in keys if key not in _ALIASES)
        return names

    def _header(self, row: list[str]) -> list[int]:
        names = [name.strip() for name in row]
        try:
            known = {field: names.index(name) for name, field in self._known(names)}
        except LineRefusedError as exc:
            raise InvalidInputError(f"the first line of the CSV: {exc.message}", hint=_HEADER) from None
        missing = [name for name in ("transactionId", "currency", "occurredAt") if name not in known]
        if missing:
            raise InvalidInputError(
                f"the first line of the CSV names no {' and no '.join(missing)}", hint=_HEADER
            )
        return [known.get(name, len(row)) for name in FIELDS]


_HEADER = f"it names the columns, of {', '.join(FIELDS)}"


def _cells(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        (row,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise LineRefusedError("not_csv", "its quotes do not match; a record is one line") from None
    return row


def _entry(  # noqa: C901  # a table of rules, and a call for each would cost a million lines two seconds
    number: int,
    transaction: Any,
    account: Any,
    client: Any,
    integration: Any,
    amount: Any,
    code: Any,
    moment: Any,
    status: Any,
    kind: Any,
    refund_of: Any,
) -> Entry:
    if kind is None:
        kind = _CHARGE if refund_of is None else _REFUND
    elif type(kind) is not str or kind not in _TYPES:
        raise LineRefusedError("invalid_field", "type is not charge, refund or void")
    transaction = _text("transactionId", transaction)
    if transaction is None:
        raise LineRefusedError("missing_field", "it has no transactionId")
    if type(amount) is not int or not 0 <= amount <= MOST_AMOUNT:
        if amount is not None or kind != _VOID:
            raise _wrong_amount(amount)
        amount = 0
    if type(code) is not str or code not in MINOR_DIGITS:
        code = _currency(code)
    if type(status) is not str or status not in _STATUSES:
        if status is not None or kind == _CHARGE:
            raise _wrong("status", status, "approved or declined")
        status = _APPROVED
    if refund_of is not None:
        if kind == _CHARGE:
            raise LineRefusedError("invalid_field", "a charge has no refundOf")
        refund_of = _text("refundOf", refund_of)
    elif kind != _CHARGE:
        refund_of = transaction
    whose = (
        None if account is None else _text("merchantAccount", account),
        None if client is None else _text("client", client),
        None if integration is None else _text("integration", integration),
    )
    return Entry(number, whose, kind, transaction, amount, code, _time(moment), status, refund_of)


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is int and abs(value) <= MOST_AMOUNT**2:  # ids that are numbers lose their quotes easily
        return str(value)
    if (
        type(value) is not str
        or not 0 < len(value) <= _MOST_TEXT
        or not value.isprintable()
        or value[0] == " "
        or value[-1] == " "
    ):
        raise _wrong(name, value, f"1 to {_MOST_TEXT} printable characters")
    return value


def _currency(code: Any) -> str:
    if type(code) is str and code.isascii() and code.upper() in MINOR_DIGITS:
        return code.upper()
    raise _wrong("currency", code, "an ISO 4217 code")


def _time(text: Any) -> str:
    """The moment as RFC 3339 in UTC with milliseconds; most are written so."""
    try:
        if text[10] in "Tt " and text[4] == text[7] == "-" and text[13] == text[16] == ":":
            moment = datetime.fromisoformat(text)
            if text[-1] == "Z" and text[10] == "T" and text >= "2000" and text[11:13] <= "23":
                if len(text) == 20:
                    return f"{text[:19]}.000Z"
                if len(text) == 24 and text[19] == ".":
                    return str(text)
            if moment.tzinfo is not None and moment.year >= 2000:
                return clock.rfc3339(moment)
    except (TypeError, ValueError, IndexError, OverflowError, KeyError):
        pass
    raise _wrong("occurredAt", text, "an RFC 3339 time with an offset, as 2026-11-22T13:00:00Z")


def _wrong_amount(amount: Any) -> LineRefusedError:
    return _wrong("amount", amount, f"a whole number of minor units, 0 to {MOST_AMOUNT}")


def _wrong(name: str, value: Any, rule: str) -> LineRefusedError:
    if value is None:
        return LineRefusedError("missing_field", f"it has no {name}")
    return LineRefusedError("invalid_field", f"{name} is not {rule}")
