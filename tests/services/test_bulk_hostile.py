"""Bulk import of what is meant to do harm, or breaks off: each record is told by itself, and no more."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from avnz_int.model.bulk import ImportOptions
from avnz_int.model.encode import encode
from avnz_int.wiring import Services
from support.bulk import UNTESTED, client_record, take
from support.scenes import admin_of, events


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
