"""`share` on the command line: prices as people and scripts read them, simulations, new clients."""

from __future__ import annotations

from datetime import timedelta

from avnz_int import clock
from support.cli import Command
from support.commands import PRICE, own, platform, shared, using

REF = "platform/paypal_payflow"


def test_prices_for_people(on_both: Command) -> None:
    """The table has the prices in force and to come, each with its time, and whose it is."""
    shared(on_both)
    day = f"{clock.now() + timedelta(days=30):%Y-%m-%d}"
    on_both("share", REF, "--percentage-fee", "0.4", "--for", "acme", "--effective", day)
    on_both("share", REF, "--flat-fee", "20", "--currency", "eur")
    (line,) = (one for one in on_both("share", "--list").stdout.splitlines() if "paypal" in one)

    assert "0.5% + $0.10/txn, $50.00 a month at least, since 20" in line
    assert "0% + €0.20/txn, since 20" in line
    assert f"acme: 0.4% + $0.00/txn, from {day}T00:00:00.000Z" in line


def test_prices_for_scripts(on_both: Command) -> None:
    """In JSON every version stands with its numbers exactly as they were given, and its state."""
    shared(on_both)
    view = on_both(
        *(
            "share",
            REF,
            "--percentage-fee",
            "2.9001",
            "--effective",
            "2096-12-01T01:30:00+01:30",
            "-o",
            "json",
        )
    ).json

    assert [(0.5, "in_force"), (2.9001, "upcoming")] == [
        (price["percentageFee"], price["state"]) for price in view["prices"]
    ]
    assert "2096-12-01T00:00:00.000Z" == view["prices"][1]["effectiveAt"]
    assert 0.5 == view["clientPricing"]["percentageFee"]


def test_long_ago(command: Command) -> None:
    """A mistyped year could not be taken back: a price that has taken effect stays."""
    shared(command)
    before = command("share", "--list", "-o", "json").json
    for day in ("0001-01-01", "0202-01-01T00:00:00Z", f"{clock.now() - timedelta(days=3660):%Y-%m-%d}"):
        words = ("share", REF, "--flat-fee", "1", "--currency", "EUR", "--effective", day)
        assert "10 years" in command.fails(*words, exit_code=2)["message"]
    assert before == command("share", "--list", "-o", "json").json


def test_simulate(on_both: Command) -> None:
    """A simulation works out both costs and the break-even, from the price in force or one to try."""
    platform(on_both)
    month = ("share", REF, "--simulate", "--count", "100", "--volume", "500000", "--own-monthly-fee", "3000")
    assert "conflict" == on_both.fails(*month, exit_code=5)["code"]
    tried = on_both(*month, "--percentage-fee", "0.5", "--flat-fee", "10", "-o", "json").json
    assert (3500, 3000, 500, "own", 86) == (
        tried["platform"]["total"],
        tried["own"]["total"],
        tried["difference"],
        tried["cheaper"],
        tried["breakEven"],
    )
    assert [] == on_both("share", "--list", "-o", "json").json
    on_both("share", REF, *PRICE)
    on_both("share", REF, "--flat-fee", "1", "--for", "acme")
    assert 1500 == on_both(*month, "-o", "json").json["platform"]["minimum"]
    assert 100 == on_both(*month, "--for", "acme", "-o", "json").json["platform"]["total"]
    assert "EUR" in on_both.fails(*month, "--currency", "EUR", exit_code=5)["message"]


def test_minor_units(on_both: Command) -> None:
    """Who gives dollars where cents are meant is told so."""
    error = on_both.fails("share", REF, "--percentage-fee", "1", "--flat-fee", "0.30", exit_code=2)

    assert "give a whole number of minor units: 30 is $0.30" == error["hint"]


def test_new_clients(on_both: Command) -> None:
    """A new client uses what is shared by default; it is told on standard error."""
    platform(on_both)
    on_both("share", REF, *PRICE, "--default-for-new-clients")
    own(on_both)
    added = on_both("tenant", "add", "new", "-o", "json")
    assert "new" == added.json["slug"]
    assert f"new uses {REF}" in added.stderr
    (view,) = on_both("client", "list", "--client", "new", "-o", "json").json
    assert ("platform", True) == (view["mode"], view["isDefault"])
    assert not on_both("share", REF, "--no-default-for-new-clients", "-o", "json").json[
        "isDefaultForNewClients"
    ]
    on_both("tenant", "add", "newer")
    assert [] == on_both("client", "list", "--client", "newer", "-o", "json").json


def test_for_nobody(on_both: Command) -> None:
    """A price for a client that is not there is exit 3, and sets none."""
    shared(on_both)
    using(on_both)
    assert "nobody" in on_both.fails("share", REF, *PRICE, "--for", "nobody", exit_code=3)["message"]
    (view,) = on_both("share", "--list", "-o", "json").json
    assert (1, ["acme/Ours"]) == (len(view["prices"]), view["clients"])
