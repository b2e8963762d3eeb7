"""A canary in every credential, through every service and every failure: it comes out nowhere."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from avnz_int.errors import AvnzError, SchemaViolationError
from avnz_int.model.encode import encode
from avnz_int.model.enums import Environment, Mode
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.secret import Credentials, Secret, written_forms
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import (
    ADMIN,
    AUDITOR,
    GARBAGE,
    PASSED,
    PAYFLOW,
    PRICE,
    REFUSED,
    SteeredGateway,
    admin_of,
)
from support.services import dump, execute, make_services

# Each form of it differs from the others: URL, base64, JSON, XML.
CANARY = "C4n&ry<+/%'=\\>~0 qZ;7"
SECOND = "0th3r&c4n<ry>\\'+/ Wx"
HEADER = "n3sted/c4n&ry+<v> Yk"
_DEADLY = "never-shown-Jx5Vn"


def _login(password: str = CANARY) -> Credentials:
    return Secret({"partner": "PayPal", "vendor": "acme", "user": "acme", "password": password})


class Witness:
    """Everything that came out."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.errors = 0

    def see(self, value: object) -> None:
        """Keep a view as a face would print it, and its repr."""
        self.said += [repr(value), str(value), json.dumps(encode(value), ensure_ascii=False)]

    def run(self, deed: Callable[[], object]) -> None:
        """Do something and keep what it gives or how it fails."""
        try:
            self.see(deed())
        except AvnzError as exc:
            self.errors += 1
            self.said += [str(exc), repr(exc), str(exc.hint), repr(exc.details)]
            self.said += traceback.format_exception(exc)


def _scenario(services: Services, gateway: SteeredGateway) -> Iterator[Callable[[], object]]:
    clients, platform = services.clients, services.platform
    yield lambda: platform.add(ADMIN, NewPlatform(PAYFLOW, _login()))
    yield lambda: services.sharing.share(ADMIN, PAYFLOW, PRICE)
    yield lambda: clients.add(ADMIN, NewClient("acme", PAYFLOW, name="Ours", mode=Mode.PLATFORM))
    yield lambda: clients.add(ADMIN, NewClient("acme", PAYFLOW, name="Main", credentials=_login()))
    hook = sample("webhook")
    secrets = Secret(hook.credentials | {"headers": {"X-Api-Key": HEADER}})
    new_hook = NewClient("acme", "webhook", name="Hook", credentials=secrets, settings=hook.settings)
    yield lambda: clients.add(ADMIN, new_hook, test=False)
    for said in (
        f"RESULT=1&RESPMSG=wrong password {CANARY}",
        f"RESULT=99&RESPMSG={CANARY}&PNREF={CANARY}",
        f"{CANARY}",
        f"RESULT={CANARY}",
        GARBAGE,
        REFUSED,
    ):
        gateway.says = said
        yield lambda: services.checks.test(ADMIN, "acme/Main")
        yield lambda: services.checks.test(ADMIN, "platform/" + PAYFLOW)
        yield lambda: clients.add(ADMIN, NewClient("globex", PAYFLOW, credentials=_login()))
        yield lambda: clients.update(ADMIN, "acme/Main", Changes(credentials=_login(SECOND)))
        yield lambda: platform.update(ADMIN, PAYFLOW, Changes(credentials=_login(SECOND)))
    gateway.says = PASSED
    yield lambda: clients.update(ADMIN, "acme/Main", Changes(credentials=_login(SECOND)))
    yield lambda: clients.update(
        ADMIN, "acme/Main", Changes(credentials=_login(), environment=Environment.SANDBOX)
    )
    yield lambda: platform.update(ADMIN, PAYFLOW, Changes(credentials=_login(SECOND)), test=False)
    bad: list[dict[str, Any]] = [
        {"password": CANARY},
        {**_login().reveal(), "password": CANARY * 2},
        {**_login().reveal(), "password": [CANARY]},
        {**_login().reveal(), "password": f"{CANARY}\n\0"[:30]},
        {**_login().reveal(), "extra": CANARY},
        {**_login().reveal(), "password": CANARY * 5000},
        {**_login().reveal(), "password": {CANARY}},
    ]
    for credentials in bad:
        new = NewClient("acme", PAYFLOW, name="Bad", credentials=Secret(credentials))
        yield lambda new=new: clients.add(ADMIN, new)
        yield lambda new=new: clients.add(ADMIN, new, test=False)
        wanted = Changes(credentials=Secret(credentials))
        yield lambda wanted=wanted: clients.update(ADMIN, "acme/Main", wanted)
        yield lambda wanted=wanted: platform.update(ADMIN, PAYFLOW, wanted)
        new_platform = NewPlatform("stripe", Secret(credentials))
        yield lambda new=new_platform: platform.add(ADMIN, new)
    for actor in (ADMIN, AUDITOR, admin_of(services, "acme"), admin_of(services, "globex")):
        yield lambda actor=actor: clients.listing(actor)
        yield lambda actor=actor: clients.show(actor, "acme/Main")
        yield lambda actor=actor: clients.show(actor, "acme/Hook")
        yield lambda actor=actor: platform.show(actor, PAYFLOW)
        yield lambda actor=actor: services.tenants.tree(actor)
        yield lambda actor=actor: services.checks.test(actor, "acme/Ours")
        yield lambda actor=actor: services.sharing.listing(actor)
        yield lambda actor=actor: services.merchants.listing(actor)
    yield lambda: services.keys.rotate(ADMIN)
    yield lambda: services.keys.rotate_master(ADMIN)
    yield lambda: services.checks.test(ADMIN, "acme/Main")
    yield lambda: clients.set_default(ADMIN, "acme/Main")
    yield lambda: clients.disable(ADMIN, "acme/Main")
    yield lambda: services.audit.listing(ADMIN)


def _nowhere(texts: list[str], where: str) -> None:
    for secret in (CANARY, SECOND, HEADER):
        for form in written_forms(secret):
            assert not any(form in text for text in texts), f"{where}: a form of the secret comes out"


def test_canary(
    services: Services,
    gateway: SteeredGateway,
    prepared_url: str,
    notices: list[str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No form of a secret is in a view, an error, a notice, a log record, on a stream, or in a table."""
    caplog.set_level(logging.DEBUG)
    witness = Witness()
    for deed in _scenario(services, gateway):
        witness.run(deed)
    # A row that does not open, last: rotation and the rest above need it whole.
    execute(prepared_url, "UPDATE \"ClientIntegration\" SET environment = 'production'")
    for ask in (services.clients.show, services.checks.test):
        witness.run(lambda ask=ask: ask(ADMIN, "acme/Main"))
    assert witness.errors > 40
    _nowhere(witness.said, "views and errors")
    _nowhere(notices, "notices")
    records = [record.getMessage() + repr(record.args) + (record.exc_text or "") for record in caplog.records]
    _nowhere(records, "log")
    _nowhere(list(capfd.readouterr()), "streams")
    tables = dump(prepared_url)
    _nowhere([repr(cell) for rows in tables.values() for row in rows for cell in row], "tables")
    _nowhere([str(cell) for rows in tables.values() for row in rows for cell in row], "tables")
    # The secrets did travel: the canary was stored, and sent.
    assert gateway.requests
    assert services.audit.verify(ADMIN).valid


def test_not_in_the_file(gateway: SteeredGateway, tmp_path: Path, on_sqlite: str, keyring: Path) -> None:
    """No byte of a plain secret is in the database file, its journal or the keyring."""
    gateway.says = PASSED
    services = make_services(on_sqlite, keyring, gateway.url)
    for name in ("A", "B"):
        services.clients.add(ADMIN, NewClient("acme", PAYFLOW, name=name, credentials=_login()))
    services.clients.update(ADMIN, "acme/A", Changes(credentials=_login(SECOND)))
    services.clients.delete(ADMIN, "acme/B")
    files = [path for path in [*tmp_path.rglob("*.db*"), keyring] if path.is_file()]
    assert len(files) >= 2
    for path in files:
        content = path.read_bytes()
        for secret in (CANARY, SECOND):
            assert not any(form.encode() in content for form in written_forms(secret)), path.name
    services.close()


def test_no_value_in_violations(services: Services) -> None:
    """A violation names field and rule; neither it nor the error's cause holds a value."""
    given = _login().reveal() | {"password": _DEADLY * 9, "vendor": f" {_DEADLY}"}
    with pytest.raises(SchemaViolationError) as caught:
        services.clients.add(ADMIN, NewClient("acme", PAYFLOW, credentials=Secret(given)))
    error = caught.value
    assert (None, True) == (error.__cause__, error.__suppress_context__ or error.__context__ is None)
    assert {"password", "vendor"} == {one["field"] for one in error.details["violations"]}
    assert _DEADLY not in f"{error!r} {error.details} {error.hint}"
