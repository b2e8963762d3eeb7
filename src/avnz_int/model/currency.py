"""ISO 4217 currencies and amounts in minor units; no float anywhere.

Source: ISO 4217, list one (active codes) and its minor units.
"""

from __future__ import annotations

from avnz_int.errors import InvalidInputError

_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW "
    "ZWG"
)
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}

MINOR_DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_ZERO.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
}


def checked(code: str) -> str:
    """The code in capitals.

    Raises:
        InvalidInputError: no such currency.
    """
    # Other alphabets have letters whose capital is one of ours.
    if not code.isascii() or code.upper() not in MINOR_DIGITS:
        raise InvalidInputError(
            f"{code!r} is not a currency", hint="use an ISO 4217 code such as USD, EUR or JPY"
        )
    return code.upper()


def shown(amount: int, code: str) -> str:
    """`$0.10`, `¥500`, `12.500 KWD`: minor units as people write them."""
    digits = MINOR_DIGITS[code]
    whole, part = divmod(abs(amount), 10**digits)
    number = f"{whole:,}.{part:0{digits}d}" if digits else f"{whole:,}"
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(code)
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{number} {code}"
