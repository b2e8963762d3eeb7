"""Definitions in force: seeding, pruning, and what a deprecated or changed one does to integrations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from avnz_int.definitions.loader import provider_names, read_seeds, seeds_dir
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
    InUseError,
    InvalidDefinitionError,
    UnknownProviderError,
)
from avnz_int.model.enums import Action, CheckCode, Mode, Outcome
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import sealing
from avnz_int.services.clients import ClientIntegrations
from avnz_int.services.probe import Prober
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import ADMIN, PAYFLOW, admin_of, own, platform
from support.services import payflow_credentials

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A copy of the shipped seeds, to be edited."""
    return Path(shutil.copytree(seeds_dir(), tmp_path / "seeds"))


def _edit(folder: Path, provider: str, edit: Edit) -> None:
    path = folder / f"{provider}.json"
    seed = json.loads(path.read_text())
    edit(seed)
    path.write_text(json.dumps(seed))


def test_twice(services: Services) -> None:
    """Seeding a second time changes nothing and records nothing; every shipped provider is in force."""
    before = len(services.audit.listing(ADMIN))
    report = services.definitions.seed(ADMIN)
    assert (provider_names(), False) == (report.unchanged, report.differs)
    assert before == len(services.audit.listing(ADMIN))
    assert provider_names() == sorted(view.provider for view in services.definitions.listing(ADMIN))


def test_as_the_seed_says(services: Services) -> None:
    """What is in force is what the seeds say, with the properties in the order in which they are asked."""
    for seed in read_seeds():
        view = services.definitions.show(ADMIN, seed.provider)
        assert seed.credential_schema == view.credential_schema
        assert seed.settings_schema == view.settings_schema
        assert list(seed.credential_schema["properties"]) == list(view.credential_schema["properties"])
        found, offer_schema = view, view.settings_schema or {"properties": {}}
        expected = list((seed.settings_schema or {"properties": {}})["properties"])
        assert expected == list(offer_schema["properties"])
        assert seed.required_compliance == tuple(found.required_compliance)


def test_order_for_prompts(services: Services) -> None:
    """Whoever asks for credentials gets the fields in the seed's order, from every service."""
    expected = ["partner", "vendor", "user", "password"]
    found, offer = services.clients.require_addable(ADMIN, "acme", PAYFLOW)
    offered = next(one for one in services.clients.available(ADMIN) if one.provider == PAYFLOW)
    of_platform = services.platform.require_addable(ADMIN, PAYFLOW)
    for one in (found, offer, offered, of_platform):
        assert expected == list(one.credential_schema["properties"])


def test_edited(services: Services, seeds: Path) -> None:
    """An edited seed is reported by `compare`, copied by `seed` with an event, and then unchanged."""
    _edit(seeds, PAYFLOW, lambda seed: seed.update(description="Another text."))
    assert [PAYFLOW] == services.definitions.compare(ADMIN, directory=seeds).updated
    assert "Another text." != services.definitions.show(ADMIN, PAYFLOW).description
    assert [PAYFLOW] == services.definitions.seed(ADMIN, directory=seeds).updated
    assert "Another text." == services.definitions.show(ADMIN, PAYFLOW).description
    last = services.audit.listing(ADMIN)[-1]
    assert (Action.DEFINITION_SEED, {"provider": PAYFLOW, "fields": ["description"]}, "system") == (
        last.action,
        last.changes,
        last.chain,
    )
    assert not services.definitions.compare(ADMIN, directory=seeds).differs


def test_order_is_a_change(services: Services, seeds: Path) -> None:
    """Another order of the fields is a change of the definition."""

    def turn(seed: dict[str, Any]) -> None:
        properties = seed["credentialSchema"]["properties"]
        properties["partner"] = properties.pop("partner")

    _edit(seeds, PAYFLOW, turn)
    assert [PAYFLOW] == services.definitions.seed(ADMIN, directory=seeds).updated
    fields = list(services.definitions.show(ADMIN, PAYFLOW).credential_schema["properties"])
    assert "partner" == fields[-1]


def test_prune(services: Services, seeds: Path) -> None:
    """With `prune` a definition without a seed is deprecated: nothing new is made, the rest goes on."""
    view = own(services)
    platform(services, share=True)
    (seeds / f"{PAYFLOW}.json").unlink()
    assert not services.definitions.seed(ADMIN, directory=seeds).differs
    assert [PAYFLOW] == services.definitions.seed(ADMIN, directory=seeds, prune=True).deprecated
    assert not services.definitions.seed(ADMIN, directory=seeds, prune=True).differs
    with pytest.raises(ConflictError) as caught:
        own(services, "Second")
    assert "deprecated" in caught.value.message
    with pytest.raises(ConflictError):
        services.clients.add(ADMIN, NewClient("acme", PAYFLOW, name="Third", mode=Mode.PLATFORM))
    assert services.checks.test(ADMIN, view.id).success is True
    changed = Changes(credentials=payflow_credentials())
    assert "active" == services.clients.update(ADMIN, view.id, changed).status
    assert [PAYFLOW] == services.definitions.seed(ADMIN).updated
    assert "active" == own(services, "Second").status


def test_deprecated_for_the_platform(services: Services, seeds: Path) -> None:
    """A deprecated provider is refused on the platform's level too."""
    _edit(seeds, "stripe", lambda seed: seed.update(status="deprecated"))
    services.definitions.seed(ADMIN, directory=seeds)
    with pytest.raises(ConflictError):
        services.platform.add(ADMIN, NewPlatform("stripe", Secret(sample("stripe").credentials)))


def test_beta(services: Services, seeds: Path, notices: list[str]) -> None:
    """A beta provider can be used, with a warning."""
    _edit(seeds, PAYFLOW, lambda seed: seed.update(status="beta"))
    services.definitions.seed(ADMIN, directory=seeds)
    assert "active" == own(services).status
    assert "PayPal Payflow Pro is in beta" in notices


def _mark(name: str, *, destination: bool) -> Edit:
    def edit(seed: dict[str, Any]) -> None:
        field = seed["settingsSchema"]["properties"][name]
        field.pop("x-destination", None)
        if destination:
            field["x-destination"] = True

    return edit


def _post(credentials: dict[str, Any], settings: dict[str, Any]) -> NewClient:
    return NewClient("acme", "mailchimp", name="W", credentials=Secret(credentials), settings=settings)


def test_other_destinations(services: Services, seeds: Path) -> None:
    """A seed that would send stored credentials elsewhere is refused as a whole, naming the integrations."""
    given = sample("mailchimp")
    new = _post(given.credentials, given.settings)
    view = services.clients.add(ADMIN, new, test=False)
    _edit(seeds, "mailchimp", _mark("fromName", destination=True))
    _edit(seeds, "auth0", lambda seed: seed.update(description="Changed too."))
    with pytest.raises(InUseError) as caught:
        services.definitions.seed(ADMIN, directory=seeds)
    assert [{"id": view.id, "ref": "acme/mailchimp/W"}] == caught.value.details["dependents"]
    assert "Changed too." != services.definitions.show(ADMIN, "auth0").description
    assert not services.clients.show(ADMIN, view.id).unreadable
    services.clients.delete(ADMIN, view.id)
    assert ["auth0", "mailchimp"] == services.definitions.seed(ADMIN, directory=seeds).updated


def test_seeded_during_the_test(services: Services, seeds: Path) -> None:
    """A definition seeded while new settings are tested refuses them: they may say where the secret goes."""
    given = sample("mailchimp")
    settings = {name: value for name, value in given.settings.items() if name != "fromName"}
    view = services.clients.add(ADMIN, _post(given.credentials, settings), test=False)
    _edit(seeds, "mailchimp", _mark("fromName", destination=True))

    def seeding(_: CheckRequest) -> CheckReport:
        services.definitions.seed(ADMIN, directory=seeds)
        return CheckReport(Outcome.OK, CheckCode.OK, "fine")

    clients = ClientIntegrations(services._work, Prober({}, print, seeding), print)
    with pytest.raises(ChangedMeanwhileError):
        clients.update(ADMIN, view.id, Changes(settings={"fromName": "Acme"}))
    assert not services.clients.show(ADMIN, view.id).unreadable


def test_seeding_waits(
    services: Services, open_services: Callable[[], Services], seeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever seeds waits for those who are writing by a definition, and then sees what they wrote."""
    given = sample("mailchimp")
    _edit(seeds, "mailchimp", _mark("fromName", destination=True))
    other, real = open_services(), sealing.columns
    with ThreadPoolExecutor(1) as pool:
        begun: list[Future[Any]] = []

        def amid(*words: Any) -> Any:
            begun.append(pool.submit(other.definitions.seed, ADMIN, directory=seeds))
            wait(begun, 0.5)
            assert not begun[0].done()
            return real(*words)

        monkeypatch.setattr(sealing, "columns", amid)
        view = services.clients.add(ADMIN, _post(given.credentials, given.settings), test=False)
        with pytest.raises(InUseError):
            begun[0].result(30)
    assert not services.clients.show(ADMIN, view.id).unreadable


def test_destination_that_nobody_set(services: Services, seeds: Path) -> None:
    """A new destination mark is fine where no stored integration sets that field."""
    given = sample("mailchimp")
    settings = {name: value for name, value in given.settings.items() if name != "fromName"}
    new = _post(given.credentials, settings)
    view = services.clients.add(ADMIN, new, test=False)
    _edit(seeds, "mailchimp", _mark("fromName", destination=True))
    assert ["mailchimp"] == services.definitions.seed(ADMIN, directory=seeds).updated
    assert not services.clients.show(ADMIN, view.id).unreadable


def test_broken_seed(services: Services, seeds: Path) -> None:
    """A broken seed names its file, the path in it and the rule; nothing is changed."""

    def expose(seed: dict[str, Any]) -> None:
        del seed["credentialSchema"]["properties"]["password"]["format"]

    _edit(seeds, PAYFLOW, expose)
    _edit(seeds, "auth0", lambda seed: seed.update(description="Changed too."))
    for deed in (services.definitions.seed, services.definitions.compare):
        with pytest.raises(InvalidDefinitionError) as caught:
            deed(ADMIN, directory=seeds)
        (problem,) = caught.value.details["problems"]
        assert f"{PAYFLOW}.json" == Path(problem["file"]).name
        assert "$.credentialSchema.properties.password" in problem["path"]
        assert "password" in problem["rule"]
    assert "Changed too." != services.definitions.show(ADMIN, "auth0").description


def test_listing(services: Services) -> None:
    """A listing is limited by category and audience; a client_admin sees what clients may use."""
    gateways = services.definitions.listing(ADMIN, category="payment_gateway")
    assert ["authorize_net", "nmi", PAYFLOW, "stripe"] == [view.provider for view in gateways]
    allowed = services.definitions.listing(ADMIN, client_allowed=True)
    assert allowed == services.definitions.listing(admin_of(services, "acme"))
    assert all(view.is_client_allowed for view in allowed)
    assert "auth0" not in {view.provider for view in allowed}


def test_unknown(services: Services) -> None:
    """An unknown provider is named with the nearest ones."""
    with pytest.raises(UnknownProviderError) as caught:
        services.definitions.show(ADMIN, "strip")
    assert ["stripe"] == caught.value.details["nearest"][:1]
