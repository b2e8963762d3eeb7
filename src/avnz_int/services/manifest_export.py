"""The state of a database as a manifest; written by hand, since a person is to read and edit it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from avnz_int import clock
from avnz_int.db import rows
from avnz_int.model.enums import Mode
from avnz_int.model.manifest import API_VERSION, KIND, STORED
from avnz_int.model.pricing import Pricing
from avnz_int.services.manifest_state import State, account_of

_HEAD = """\
# yaml-language-server: $schema=./manifest.schema.json
# (avnz-int definitions schema manifest > manifest.schema.json)
# "credentials: stored" leaves what is stored as it is. To replace it, name each field:
#   password: env:NAME  |  file:PATH  |  aws-secretsmanager:ID#KEY
"""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def render(state: State, moment: datetime) -> str:
    """The text of the manifest; prices as they are in force at `moment`, and those to come."""
    below: dict[str, list[rows.Row]] = {}
    for company in state.companies.values():
        below.setdefault(company["clientId"], []).append(company)
    owned: dict[str | None, list[rows.Row]] = {}
    for (client, _), row in state.pools.items():
        owned.setdefault(client, []).append(row)
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "organization": {"slug": state.organization["slug"], "name": state.organization["name"]},
        "platform": [_platform(state, row, moment) for row in state.platform.values()],
        "clients": [
            {
                "slug": slug,
                "name": row["name"],
                "companies": [
                    {"slug": company["slug"], "name": company["name"]} for company in below.get(row["id"], [])
                ],
                "integrations": [_integration(one) for one in state.of_client.get(slug, [])],
                "pools": [_pool(state, pool) for pool in owned.get(slug, [])],
            }
            for slug, row in state.clients.items()
        ],
        "pools": [_pool(state, row) for row in owned.get(None, [])],
    }
    return _HEAD + "".join(f"{line}\n" for line in _lines(document, ""))


def _platform(state: State, row: rows.Row, moment: datetime) -> dict[str, Any]:
    found = {**_labels(row), "credentials": STORED, **_tail(row)}
    if not row["isSharedWithClients"]:
        return {**found, "share": False}
    prices = []
    for version in state.prices.of(row["id"]):
        owner = version["clientId"]
        key = (row["id"], owner, version["currency"])
        upcoming = version["effectiveAt"] > moment
        if upcoming or state.prices.version(key, moment) is version:
            prices.append(_price(state, version, upcoming=upcoming))
    return {**found, "share": {"prices": prices, "defaultForNewClients": row["isDefaultForNewClients"]}}


def _price(state: State, version: rows.Row, *, upcoming: bool) -> dict[str, Any]:
    pricing = Pricing.from_json(version)
    found: dict[str, Any] = {"client": state.slugs.get(version["clientId"])} if version["clientId"] else {}
    found |= {
        "percentageFee": pricing.percentage_fee,
        "flatFee": pricing.flat_fee,
        "monthlyMinimum": pricing.monthly_minimum,
        "currency": pricing.currency,
    }
    return found | ({"effectiveAt": clock.rfc3339(version["effectiveAt"])} if upcoming else {})


def _integration(row: rows.Row) -> dict[str, Any]:
    uses = row["mode"] == Mode.PLATFORM
    found = {**_labels(row), "mode": row["mode"]}
    if uses:
        del found["environment"]
    else:
        found["credentials"] = STORED
    return {**found, "default": row["isDefault"], "priority": row["priority"], **_tail(row)}


def _labels(row: rows.Row) -> dict[str, Any]:
    about = {} if row["description"] is None else {"description": row["description"]}
    return {"provider": row["provider"], "name": row["name"], **about, "environment": row["environment"]}


def _tail(row: rows.Row) -> dict[str, Any]:
    status = "inactive" if row["status"] == "inactive" else "active"
    return {"settings": row["settings"] or {}, "status": status}


def _pool(state: State, row: rows.Row) -> dict[str, Any]:
    members = []
    for member in state.members.get(row["id"], []):
        provider, name = account_of(state, member)
        about = {"account": provider if name is None else f"{provider}/{name}"}
        limits = {
            column: member[column]
            for column in ("transactionLimit", "monthlyLimit", "limitCurrency")
            if member[column] is not None
        }
        currencies = {"currencies": list(member["currencies"])} if member["currencies"] else {}
        members.append(
            {**about, "priority": member["priority"], "weight": member["weight"], **limits, **currencies}
        )
    return {
        "name": row["name"],
        "environment": row["environment"],
        "strategy": row["strategy"],
        "members": members,
    }


# --- YAML ----------------------------------------------------------------------------------------


def _lines(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, part in value.items():
        if isinstance(part, Mapping) and part:
            yield f"{indent}{_scalar(name)}:"
            yield from _lines(part, indent + "  ")
        elif isinstance(part, list) and part and isinstance(part[0], Mapping):
            yield f"{indent}{_scalar(name)}:"
            for item in part:
                first, *rest = _lines(item, indent + "    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            yield f"{indent}{_scalar(name)}: {_scalar(part)}"


def _scalar(value: Any) -> str:
    """A value on one line: bare where every reader of YAML takes it for a string, else as JSON writes it."""
    if isinstance(value, str):
        bare = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if bare else _quoted(value)
    if value is None or isinstance(value, bool | int | float | list | Mapping):
        return _quoted(value)
    return format(value.normalize(), "f")


def _quoted(value: Any) -> str:
    """The JSON of a value, with YAML's escapes for what no line of YAML may hold."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"
