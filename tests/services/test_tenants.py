"""The hierarchy: what may stand where, under which slug, and who sees it."""

from __future__ import annotations

import pytest

from avnz_int import clock
from avnz_int.db import clients as client_rows
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    ExistsError,
    ForbiddenError,
    InUseError,
    InvalidInputError,
    NotFoundError,
)
from avnz_int.model.enums import Action
from avnz_int.model.inputs import NewClient
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.metering import line, record
from support.samples import sample
from support.scenes import ADMIN, AUDITOR, PAYFLOW, SERVICE, admin_of, events, own, platform, using, written


def _listed(services: Services) -> list[tuple[str, str, str | None]]:
    return [(view.kind.value, view.slug, view.parent) for view in services.tenants.listing(ADMIN)]


def test_listing(services: Services) -> None:
    """The organization comes first, each client is followed by its companies."""
    services.tenants.add(ADMIN, "kiosk", under="globex", name="The Kiosk")
    services.tenants.add(ADMIN, "bar", under="acme")
    services.tenants.add(ADMIN, "initech", under="avnz")
    assert [
        ("organization", "avnz", None),
        ("client", "acme", "avnz"),
        ("company", "bar", "acme"),
        ("company", "shop", "acme"),
        ("client", "globex", "avnz"),
        ("company", "kiosk", "globex"),
        ("client", "initech", "avnz"),
    ] == _listed(services)
    shown = services.tenants.show(ADMIN, "kiosk")
    assert ("The Kiosk", "globex", "active") == (shown.name, shown.parent, shown.status)


BAD: list[tuple[str, str | None, type[AvnzError]]] = [
    ("acme", None, ExistsError),
    ("avnz", None, ExistsError),
    ("shop", None, ExistsError),
    ("acme", "globex", ExistsError),
    ("shop", "globex", ExistsError),
    ("platform", None, InvalidInputError),
    ("platform", "acme", InvalidInputError),
    ("new", "shop", InvalidInputError),
    ("new", "nobody", NotFoundError),
    ("new", "no\udcff", NotFoundError),
    ("Acme", None, InvalidInputError),
    ("a b", None, InvalidInputError),
    ("a/b", None, InvalidInputError),
    ("-a", None, InvalidInputError),
    ("a-", None, InvalidInputError),
    ("", None, InvalidInputError),
    ("x" * 64, None, InvalidInputError),
    ("é", None, InvalidInputError),
    ("a\n", None, InvalidInputError),
]


def test_refused(services: Services, prepared_url: str) -> None:
    """Slugs are unique over all tenants and well formed, none is reserved, nothing stands under a company."""
    before = written(prepared_url)
    for slug, under, kind in BAD:
        with pytest.raises(AvnzError) as caught:
            services.tenants.add(ADMIN, slug, under=under)
        assert (slug, kind) == (slug, type(caught.value))
    assert before == written(prepared_url)


def test_listing_reads_tenants_alone(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """What clients use, which may be a great deal, is not read to list them."""
    own(services)
    listed = services.tenants.listing(ADMIN)
    monkeypatch.setattr(client_rows, "listing", None)
    assert listed == services.tenants.listing(ADMIN)
    assert listed[1:3] == services.tenants.listing(admin_of(services, "acme"))[1:]


def test_rename(services: Services) -> None:
    """A tenant gets another name and slug, by which it is then found; the event has both."""
    client_id = services.tenants.show(ADMIN, "acme").id
    after = services.tenants.rename(ADMIN, "acme", name="Acme Inc.", new_slug="acme-inc")
    assert (client_id, "acme-inc", "Acme Inc.") == (after.id, after.slug, after.name)
    assert "acme-inc" == services.tenants.show(ADMIN, "shop").parent
    with pytest.raises(NotFoundError):
        services.tenants.show(ADMIN, "acme")
    last = events(services, Action.TENANT_RENAME)[-1]
    assert ({"slug": ["acme", "acme-inc"], "name": ["acme", "Acme Inc."]}, client_id) == (
        last.changes,
        last.client_id,
    )
    own(services, client="acme-inc", test=False)
    assert "acme-inc" == services.clients.show(ADMIN, "acme-inc/Main").client


def test_rename_to_taken(services: Services) -> None:
    """A slug that another tenant has, of whatever kind, is taken."""
    for slug, new in (("acme", "globex"), ("acme", "shop"), ("shop", "avnz")):
        with pytest.raises(ExistsError):
            services.tenants.rename(ADMIN, slug, new_slug=new)


def test_rename_to_the_same(services: Services) -> None:
    """A renaming that changes nothing writes nothing."""
    before = len(events(services))
    first = services.tenants.show(ADMIN, "acme")
    assert first == services.tenants.rename(ADMIN, "acme", name="acme", new_slug="acme")
    assert before == len(events(services))


def test_rename_to_bad(services: Services) -> None:
    """A new slug keeps to the same rules as a first one."""
    for new in ("platform", "A", ""):
        with pytest.raises(InvalidInputError):
            services.tenants.rename(ADMIN, "acme", new_slug=new)


def test_remove(services: Services) -> None:
    """A company, and a client with nothing left, can be removed; the slug is free again."""
    assert "shop" == services.tenants.remove(ADMIN, "shop").slug
    services.tenants.remove(ADMIN, "acme")
    assert [("organization", "avnz", None), ("client", "globex", "avnz")] == _listed(services)
    services.tenants.add(ADMIN, "acme", under="globex")
    assert "company" == services.tenants.show(ADMIN, "acme").kind


def test_remove_with_dependents(services: Services, prepared_url: str) -> None:
    """A client with companies or integrations is not removed; they are listed."""
    view = own(services, test=False)
    before = written(prepared_url)
    with pytest.raises(InUseError) as caught:
        services.tenants.remove(ADMIN, "acme")
    refs = [one["ref"] for one in caught.value.details["dependents"]]
    assert ["shop", f"acme/{PAYFLOW}/Main"] == refs
    assert before == written(prepared_url)
    services.clients.delete(ADMIN, view.id)
    services.tenants.remove(ADMIN, "shop")
    with pytest.raises(ConflictError) as conflict:
        services.tenants.remove(ADMIN, "acme")
    assert "closed merchant accounts" in conflict.value.message


def test_remove_with_usage(services: Services, prepared_url: str) -> None:
    """A client whose usage is on record stays, also where no merchant account and no period says so."""
    given = sample("twilio")
    new = NewClient("globex", "twilio", credentials=Secret(given.credentials), settings=given.settings)
    view = services.clients.add(ADMIN, new, test=False)
    now = clock.rfc3339(clock.now())
    assert 1 == record(services, line("T-1", client="globex", integration=view.id, occurredAt=now)).recorded
    services.clients.delete(ADMIN, view.id)
    before = written(prepared_url)
    with pytest.raises(ConflictError, match="usage on record"):
        services.tenants.remove(ADMIN, "globex")
    assert before == written(prepared_url)


def test_remove_the_organization(services: Services) -> None:
    """The organization cannot be removed."""
    with pytest.raises(ConflictError):
        services.tenants.remove(ADMIN, "avnz")


def test_tree(services: Services) -> None:
    """The tree has the platform's integrations with their price, clients, companies, and what each uses."""
    shared = platform(services, share=True)
    ours, mine = using(services), own(services, test=False)
    tree = services.tenants.tree(AUDITOR)
    assert "avnz" == tree.tenant.slug
    assert [(shared.id, 0.5)] == [
        (view.id, (view.client_pricing or {})["percentageFee"]) for view in tree.platform
    ]
    acme, globex = tree.children
    assert {ours.id, mine.id} == {view.id for view in acme.integrations}
    assert (["shop"], []) == ([node.tenant.slug for node in acme.children], globex.integrations)
    assert {"••••", None} == {view.credentials for view in acme.integrations}


def test_client_admin_sees_the_own(services: Services) -> None:
    """A client_admin sees the organization's name, the own client with its companies, and nobody else."""
    platform(services, share=True)
    using(services, client="globex")
    using(services)
    services.tenants.add(ADMIN, "kiosk", under="globex")
    actor = admin_of(services, "acme")
    tree = services.tenants.tree(actor)
    assert [] == tree.platform
    assert ["acme"] == [node.tenant.slug for node in tree.children]
    assert ["avnz", "acme", "shop"] == [view.slug for view in services.tenants.listing(actor)]
    assert "avnz" == services.tenants.show(actor, "avnz").slug
    answers = set()
    for slug in ("globex", "kiosk", "nobody"):
        with pytest.raises(NotFoundError) as caught:
            services.tenants.show(actor, slug)
        error = caught.value
        answers.add((error.code, error.message.replace(slug, "?"), error.hint, str(error.details)))
    assert 1 == len(answers)
    assert 2 == sum(event.outcome == "denied" for event in events(services))


def test_service_sees_no_tree(services: Services) -> None:
    """A service may not look at the tree, but knows which organization it serves."""
    with pytest.raises(ForbiddenError):
        services.tenants.tree(SERVICE)
    assert "avnz" == services.tenants.show_organization(SERVICE).slug


def test_no_such_slug(services: Services) -> None:
    """What can be no slug is not found."""
    for ask in (services.tenants.show, services.tenants.remove, services.tenants.rename):
        for slug in ("", "a\udcff", "a\0b", "%", "ACME"):
            with pytest.raises(NotFoundError):
                ask(ADMIN, slug)
