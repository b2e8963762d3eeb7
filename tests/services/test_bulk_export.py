"""Bulk export: what comes out is what goes in, masked or sealed, and each opening is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avnz_int.crypto import jwe
from avnz_int.errors import (
    ForbiddenError,
    InvalidInputError,
    KeyMissingError,
    NotFoundError,
    SealBrokenError,
)
from avnz_int.model.bulk import ImportOptions, Selection
from avnz_int.model.enums import Action
from avnz_int.model.files import Form, IfExists, Kind
from avnz_int.model.secret import Secret
from avnz_int.services import bulk_locks
from avnz_int.wiring import Services
from support.bulk import (
    PRICING,
    PUBLIC,
    UNTESTED,
    bundle_of,
    client_record,
    counts,
    lines,
    login,
    platform_record,
    reading,
    take,
)
from support.samples import SAMPLES
from support.scenes import ADMIN, AUDITOR, SteeredGateway, admin_of, events
from support.services import execute, make_services, opened, prepared

Opener = Callable[[], Services]
FILLED = (
    {"kind": "tenant", "slug": "initech", "name": "Initech"},
    {"kind": "tenant", "slug": "branch", "parent": "initech"},
    platform_record(isSharedWithClients=True, isDefaultForNewClients=True, clientPricing=PRICING),
    client_record("Main", isDefault=True, priority=2, description="Ours"),
    client_record("Second", client="initech", credentials=login("another password")),
    client_record("Theirs", mode="platform", credentials=None),
    {
        "kind": "client",
        "client": "initech",
        "provider": "klaviyo",
        "name": "Mail",
        "credentials": SAMPLES["klaviyo"].credentials,
        "settings": SAMPLES["klaviyo"].settings,
    },
)


def described(services: Services) -> list[dict[str, Any]]:
    """Every record but for what a database decides."""
    return [
        {name: part for name, part in record.items() if name not in {"keyId", "status"}}
        for record in services.bulk_export.masked(ADMIN)
    ]


@pytest.fixture
def filled(services: Services) -> Services:
    """One of each kind."""
    assert 0 == take(services, *FILLED).failed
    return services


@pytest.fixture
def elsewhere(tmp_path: Path, gateway: SteeredGateway) -> Any:
    """Services over another database with the organization and clients of every test."""
    with prepared(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "other.json", gateway.url) as made:
        yield made


@pytest.mark.parametrize("atomic", [False, True])
def test_round_trip(filled: Services, elsewhere: Services, atomic: bool) -> None:
    """A bundle makes of another database what this one is; its credentials open there."""
    bundle = lines(line.encode() for line in bundle_of(filled))
    options = replace(UNTESTED, if_exists=IfExists.SKIP, atomic=atomic)
    report = elsewhere.bulk_import.run(ADMIN, reading(bundle), options)

    assert ((7, 0, 3, 0), []) == (counts(report), report.errors)
    assert described(filled) == described(elsewhere)
    assert {"Main": login()["password"], "Second": "another password"} == {
        name: password for name, password in _passwords(elsewhere).items() if name != "Mail"
    }


def _passwords(services: Services) -> dict[str, str]:
    services.clients.delete(ADMIN, "initech/Mail")
    return opened(services)


@pytest.mark.parametrize("form", list(Form))
def test_masked_again(filled: Services, form: Form) -> None:
    """What a masked export wrote is taken back as no change, and refused where it would make something."""
    records = list(filled.bulk_export.masked(ADMIN))
    text = lines(records) if form is Form.JSONL else json.dumps(records, ensure_ascii=False).encode()
    update = replace(UNTESTED, if_exists=IfExists.UPDATE)
    report = filled.bulk_import.run(ADMIN, reading(text, form), update)
    assert ((0, 0, len(records), 0), []) == (counts(report), report.errors)

    filled.clients.delete(ADMIN, "acme/Main")
    report = filled.bulk_import.run(ADMIN, reading(text, form), update)
    assert ["credentials: are needed"] == [problem.message[:23] for problem in report.errors]


def test_nothing_is_opened(filled: Services) -> None:
    """A masked export opens nothing; it is one event, which counts."""
    before = len(events(filled))
    records = list(filled.bulk_export.masked(ADMIN))
    event = events(filled)[before:]

    assert [Action.BULK_EXPORT.value] == [one.action for one in event]
    assert {"mode": "masked", "tenants": 5, "platform": 1, "clients": 4} == event[0].changes
    assert {"••••", None} == {record.get("credentials") for record in records}
    assert login()["password"] not in json.dumps(records)


def test_each_opening_is_recorded(filled: Services) -> None:
    """A bundle is an event for each row that it opens, and one for the whole, with whose key it is for."""
    before = len(events(filled))
    bundle = bundle_of(filled)
    text = "".join(bundle)
    event = events(filled)[before:]

    assert ["credentials:read"] * 4 + ["bulk:export"] == [one.action for one in event]
    assert {"recipient"} == {(event[-1].changes or {})["mode"]}
    assert (event[-1].changes or {})["recipient"]
    assert (5, 1, 4, 0) == (
        *(bundle.report.tenants, bundle.report.platform, bundle.report.clients),
        bundle.report.unreadable,
    )
    assert login()["password"] not in text
    assert filled.audit.verify(ADMIN).valid


def test_broken_off(filled: Services) -> None:
    """An export that is broken off is recorded as one that failed."""
    records = iter(filled.bulk_export.masked(ADMIN))
    next(records)
    records.close()  # type: ignore[attr-defined]

    assert ("bulk:export", "failure") == (events(filled)[-1].action, events(filled)[-1].outcome)


def test_unreadable(filled: Services) -> None:
    """What does not open is exported without credentials, counted and recorded; the rest is there."""
    url = filled.settings.database_url
    execute(url, 'UPDATE "ClientIntegration" SET "environment" = \'production\' WHERE "name" = \'Main\'')
    bundle = bundle_of(filled)
    text = lines(line.encode() for line in bundle)
    found = {one.value.get("name"): one.value for one in reading(text)()}

    assert (1, True) == (bundle.report.unreadable, found["Main"]["unreadable"])
    assert login("another password") == found["Second"]["credentials"]
    assert "failure" in {event.outcome for event in events(filled, Action.CREDENTIALS_READ)}


def test_selection(filled: Services) -> None:
    """Kinds and one client's own can be had alone; of another client a client_admin has nothing."""

    def named(actor: Any = ADMIN, **wanted: Any) -> list[str]:
        found = filled.bulk_export.masked(actor, Selection(**wanted))
        return [record.get("name") or record["slug"] for record in found]

    assert ["Initech", "branch", "Mail", "Second"] == named(client="initech")
    assert ["PayPal Payflow Pro"] == named(kinds=frozenset({Kind.PLATFORM}))
    assert ["acme", "shop", "Main", "Theirs"] == named(admin_of(filled, "acme"))
    assert 10 == len(named(AUDITOR))
    with pytest.raises(NotFoundError):
        named(admin_of(filled, "acme"), client="globex")
    with pytest.raises(ForbiddenError):
        filled.bulk_export.sealed(AUDITOR, bulk_locks.for_recipient(PUBLIC))


def test_tampered(filled: Services) -> None:
    """A bundle that lost, moved, repeated or changed a line imports nothing."""
    bundle = [line.encode() for line in bundle_of(filled)]
    first, *rest = bundle
    flipped = bytearray(rest[0])
    flipped[len(flipped) // 2] ^= 1
    others = [line.encode() for line in bundle_of(filled)]
    update = replace(UNTESTED, if_exists=IfExists.UPDATE)
    before = len(events(filled, Action.CLIENT_UPDATE))
    for broken in (
        [first, *rest[1:]],
        [first, *rest[:-1]],
        [first, rest[1], rest[0], *rest[2:]],
        [first, rest[0], *rest],
        [first, *rest, rest[-1]],
        [first, bytes(flipped), *rest[1:]],
        [first, others[1], *rest[1:]],
        [others[0], *rest],
        [first],
    ):
        with pytest.raises(SealBrokenError):
            filled.bulk_import.run(ADMIN, reading(lines(broken)), update)
    assert before == len(events(filled, Action.CLIENT_UPDATE))


def test_passphrase(on_sqlite: str, keyring: Path) -> None:
    """A bundle for a passphrase opens with it alone; a short one locks nothing."""
    services = make_services(on_sqlite, keyring)
    take(services, client_record())
    lock = bulk_locks.by_passphrase(Secret("correct horse battery"))
    bundle = lines(line.encode() for line in services.bulk_export.sealed(ADMIN, lock))
    with pytest.raises(KeyMissingError, match="for a passphrase"):
        list(reading(bundle)())
    with pytest.raises(InvalidInputError, match="fewer than 12"):
        services.bulk_export.sealed(ADMIN, bulk_locks.by_passphrase(Secret("short")))
    services.close()


@pytest.mark.parametrize("kid", [["a"], {}, 1, "", "\x1b[31m", "k" * 129])
def test_forged_key_name(on_sqlite: str, keyring: Path, kid: object) -> None:
    """A bundle whose first line names its key by anything but a short word is a broken one."""
    services = make_services(on_sqlite, keyring)
    first, *rest = bundle_of(services)
    services.close()
    members = json.loads(first)
    header = json.loads(jwe.unb64url(members["protected"])) | {"kid": kid}
    members["protected"] = jwe.b64url(json.dumps(header).encode())
    bundle = lines([members, *(line.encode() for line in rest)])
    with pytest.raises(SealBrokenError, match="not of its form"):
        list(reading(bundle)())


_NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/"),
    min_size=1,
    max_size=60,
).filter(lambda name: name == name.strip() and name)
_PROVIDERS = st.sampled_from(["klaviyo", "mailchimp", "nmi", "twilio", "webhook", "vonage"])


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_NAMES, st.tuples(_PROVIDERS, st.booleans(), st.integers(0, 99)), max_size=5))
def test_any_names_and_settings(
    on_sqlite: str, keyring: Path, wanted: dict[str, tuple[str, bool, int]]
) -> None:
    """Whatever names, providers and settings there are, a bundle brings them back as they were."""
    services = make_services(on_sqlite, keyring)
    for view in services.clients.listing(ADMIN):
        services.clients.delete(ADMIN, view.id)
    records = [
        client_record(
            name,
            provider=provider,
            credentials=SAMPLES[provider].credentials,
            settings=SAMPLES[provider].settings if has_settings else {},
            priority=priority,
            description=name,
        )
        for name, (provider, has_settings, priority) in wanted.items()
    ]
    report = take(services, *records)
    taken = len(records) - report.failed
    before = described(services)
    bundle = lines(line.encode() for line in bundle_of(services))
    for view in services.clients.listing(ADMIN):
        services.clients.delete(ADMIN, view.id)
    options = ImportOptions(test=False, if_exists=IfExists.SKIP)

    assert all(problem.code == "invalid_fields" for problem in report.errors)
    assert taken == services.bulk_import.run(ADMIN, reading(bundle), options).created
    assert before == described(services)
    services.close()
