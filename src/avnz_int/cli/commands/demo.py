"""`avnz-int demo`: the main job on a machine that has nothing yet, against a gateway on loopback."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

_ACCOUNT = {"partner": "PayPal", "vendor": "acmeagency", "user": "acmeagency", "password": "loopback-only-1"}
_PLATFORM = (
    "platform add paypal_payflow --name 'Platform Payflow' --environment sandbox"
    " --credentials-file payflow.json"
)
_OWN = (
    "client add paypal_payflow --client acme --name 'My PayPal Account' --environment sandbox --default"
    " --credential partner=PayPal --credential vendor=acmeagency --credential user=acmeagency"
    " --credential password=@password.txt"
)
_STEPS = (
    "init --org avnz --name avnz.io",
    "tenant add acme --name 'Acme Agency'",
    "tenant add shop --name 'Corner Shop' --under acme",
    _PLATFORM,
    "share platform/paypal_payflow --percentage-fee 0.5 --flat-fee 10 --monthly-minimum 5000",
    "client add paypal_payflow --client acme --mode platform --name 'Platform gateway'",
    _OWN,
    "test 'acme/My PayPal Account'",
    "tenant tree",
    "audit verify",
)
_REAL = """\
The same with a real account, in your own database and keyring
(~/.local/share/avnz-int and ~/.config/avnz-int, or AVNZ_INT_DATABASE_URL and AVNZ_INT_KEYRING):

  avnz-int init --org YOUR-ORGANIZATION
  avnz-int platform add paypal_payflow        # asks for each field, tests, saves
  avnz-int share platform/paypal_payflow --percentage-fee 0.5 --flat-fee 10 --monthly-minimum 5000
  avnz-int tenant add acme --name 'Acme Agency'
  avnz-int client add paypal_payflow --client acme --default

In a pipeline nothing is asked; secrets come from files, the environment or standard input:

  avnz-int client add paypal_payflow --client acme --name Main --environment sandbox \\
    --credential partner=PayPal --credential vendor=MERCHANT --credential user=MERCHANT \\
    --credential password=env:PAYFLOW_PASSWORD -o json
"""


def demo(
    gateway_only: Annotated[
        bool, typer.Option("--gateway", help="Only run the loopback gateway, until Ctrl-C.")
    ] = False,
) -> None:
    """Run the main job against a gateway on loopback.

    In a temporary folder it configures, tests and shares a Payflow account, then removes everything again;
    nothing of yours is touched.
    """
    from tempfile import TemporaryDirectory  # and random with it: 2 ms of every --help

    from avnz_int.demo.gateway import PayflowGateway

    login = (_ACCOUNT["partner"], _ACCOUNT["vendor"], _ACCOUNT["user"])
    if gateway_only:
        with PayflowGateway({login: _ACCOUNT["password"]}) as gateway:
            typer.echo(f"export AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW={gateway.url}")
            sys.stdout.flush()
            sys.stderr.write(f"the gateway knows {' / '.join(_ACCOUNT.values())}; Ctrl-C stops it\n")
            threading.Event().wait()
    before = dict(os.environ)
    here = Path.cwd()
    with (
        TemporaryDirectory(prefix="avnz-int-demo-") as folder,
        PayflowGateway({login: _ACCOUNT["password"]}) as gateway,
    ):
        typer.echo(f"A Payflow gateway of our own was started at {gateway.url}; no other host is asked.\n")
        try:
            _prepare(Path(folder), gateway.url)
            code = _walk()
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)
    typer.echo("The gateway was stopped, and the database, keyring and files of this demo were removed.\n")
    if code:
        raise typer.Exit(code)
    typer.echo(_REAL, nl=False)


def _prepare(folder: Path, gateway: str) -> None:
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith("AVNZ_INT_")]:
        del os.environ[name]
    os.environ |= {
        "AVNZ_INT_DATABASE_URL": f"sqlite:///{folder / 'avnz-int.db'}",
        "AVNZ_INT_KEYRING": f"file://{folder / 'keyring.json'}",
        "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": gateway,
        "AVNZ_INT_NO_INPUT": "1",
    }
    for name, text in (("payflow.json", json.dumps(_ACCOUNT)), ("password.txt", _ACCOUNT["password"] + "\n")):
        with os.fdopen(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(text)


def _walk() -> int:
    import shlex

    from avnz_int.cli.main import run  # main finds this module

    for step in _STEPS:
        typer.echo(f"$ avnz-int {step}")
        sys.stdout.flush()
        code = run(shlex.split(step))
        sys.stderr.flush()
        if code:
            return code
        typer.echo()
    return 0


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(demo)
