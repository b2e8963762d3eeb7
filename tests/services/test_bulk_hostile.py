"""Bulk import of what is meant to do harm, or breaks off: each record is told by itself, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from avnz_int.errors import SealBrokenError
from avnz_int.model.bulk import Given, ImportOptions
from avnz_int.model.encode import encode
from avnz_int.model.enums import Action
from avnz_int.wiring import Services
from support.bulk import PRICING, UNTESTED, client_record, lines, platform_record, reading, take
from support.scenes import ADMIN, admin_of, events


@pytest.mark.parametrize("options", [UNTESTED, replace(UNTESTED, dry_run=True)])
def test_others_are_hidden(services: Services, options: ImportOptions) -> None:
    """To a client_admin a client that is there and one that is not are told in the same words."""
    slugs = "globex", "nobody"
    records = [client_record(client=slug) for slug in slugs]
    actor = admin_of(services, "acme")
    report = take(services, *records, options=options, actor=actor)
    theirs, nobodys = (
        json.dumps(encode(replace(problem, line=0))).replace(slug, "X")
        for problem, slug in zip(report.errors, slugs, strict=True)
    )

    assert theirs == nobodys
    assert [actor.id] == [event.actor_id for event in events(services) if event.outcome == "denied"]


@pytest.mark.parametrize("kind", [["x"], {"a": 1}, None, 1, True])
def test_kind_of_another_type(services: Services, kind: Any) -> None:
    """A kind that is no word keeps its own record out, and no other."""
    report = take(services, {**client_record("Bad"), "kind": kind}, client_record("Good"))

    assert [(1, "invalid_input", None)] == [(one.line, one.code, one.kind) for one in report.errors]
    assert 1 == report.created


def test_broken_off(services: Services) -> None:
    """What was imported before the reading failed is recorded, as an import that failed."""
    good = reading(lines([client_record("One"), client_record("Two"), b"{"]))

    def failing() -> Iterator[Given]:
        yield from good()
        raise SealBrokenError("the rest is not to be read")

    with pytest.raises(SealBrokenError) as told:
        services.bulk_import.run(ADMIN, failing, replace(UNTESTED, batch_size=1))
    event = events(services, Action.BULK_IMPORT)[-1]
    found = {"created": 2, "updated": 0, "skipped": 0, "failed": 1}

    assert (found, "failure") == (told.value.details["imported"], event.outcome)
    assert {**found, "atomic": False} == event.changes


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800", "\udfff", "a\uffff"])
def test_odd_characters(services: Services, odd: str) -> None:
    """What no database can be asked for keeps its own record out, on either database by the same words."""
    bad = (
        client_record("Slug", client=odd),
        client_record("Provider", provider=odd),
        {"kind": "tenant", "slug": "t", "parent": odd},
        {"kind": "tenant", "slug": odd},
    )
    report = take(services, client_record("First"), *bad, client_record("Last"))

    assert (2, [2, 3, 4, 5]) == (report.created, [problem.line for problem in report.errors])
    assert ["not_found", "unknown_provider", "not_found", "invalid_input"] == [
        problem.code for problem in report.errors
    ]


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800"])
def test_odd_text(services: Services, odd: str) -> None:
    """So do names, descriptions, credentials and settings that a database cannot keep."""
    bad = (
        client_record(odd),
        client_record("Description", description=odd),
        client_record("Settings", settings={odd: odd}),
        client_record("Credentials", credentials={odd: odd}),
        client_record("Mode", mode=odd),
        client_record("Status", environment=odd),
        platform_record(clientPricing={**PRICING, "currency": odd}, isSharedWithClients=True),
        platform_record(name=odd),
        {"kind": "tenant", "slug": "t", "name": odd},
    )
    report = take(services, client_record("First"), *bad, client_record("Last"))

    assert (2, list(range(2, 11))) == (report.created, [problem.line for problem in report.errors])
