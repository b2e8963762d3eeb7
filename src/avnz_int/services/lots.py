"""Draws an order by weight from a transaction's key: the same key, the same order, on every machine.

Weighted rendezvous hashing: each account draws a number u in (0, 1] from SHA-256 of its id and the key, and
the lowest -ln(u) / weight is first. So an account's share is its weight's part of the sum, and one that
leaves moves no key but those it had. The logarithm is `decimal`'s, which is rounded correctly everywhere;
there is no float.
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_HALF_EVEN, Context, Decimal

_CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_BITS = 128
_LABEL = b"avnz-int/route/1"


def lot(account_id: str, key: str, weight: int) -> Decimal:
    """What an account drew for a transaction: the lowest is first.

    Args:
        account_id: of the merchant account.
        key: of the transaction.
        weight: at least 1.
    """
    drawn = hashlib.sha256(b"\0".join((_LABEL, account_id.encode(), key.encode()))).digest()
    share = _CONTEXT.divide(Decimal(int.from_bytes(drawn[: _BITS // 8]) + 1), Decimal(1 << _BITS))
    return _CONTEXT.divide(_CONTEXT.minus(_CONTEXT.ln(share)), Decimal(weight))
