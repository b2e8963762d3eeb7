"""Machines with an organization and a loopback gateway, for commands that run on a terminal or in a pipe.

A test module takes the fixtures `template`, `sharing_template`, `gateway`, `machine` and `sharing` by
assigning them to names of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from avnz_int.demo.gateway import PayflowGateway
from avnz_int.model.views.integrations import ClientView
from support.scenes import ADMIN, PRICE
from support.services import ACCOUNTS, add_platform_untested, make_services, prepared
from support.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with an organization, the clients acme and globex, and a gateway.

    Attributes:
        environ: what its commands run with.
        gateway: what the connection tests ask.
    """

    folder: Path
    gateway: PayflowGateway

    @property
    def url(self) -> str:
        """Of the database."""
        return f"sqlite:///{self.folder / 'avnz.db'}"

    @property
    def environ(self) -> dict[str, str]:
        """What its commands run with."""
        return {
            "HOME": str(self.folder),
            "AVNZ_INT_DATABASE_URL": self.url,
            "AVNZ_INT_KEYRING": f"file://{self.folder / 'keyring.json'}",
            "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": self.gateway.url,
        }

    def screen(self, *words: str, stdout: Path | None = None, **environ: str) -> Terminal:
        """A command of it on a terminal."""
        return Terminal(*words, environ=self.environ | environ, stdout=stdout)

    def piped(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of it in a pipe, which would have answers for questions."""
        return subprocess.run(
            [sys.executable, "-m", "avnz_int", *words],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.environ},
            input="\n" * 20,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def clients(self) -> list[ClientView]:
        """All client integrations."""
        services = make_services(self.url, self.folder / "keyring.json")
        try:
            return services.clients.listing(ADMIN)
        finally:
            services.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared database and keyring, made once."""
    folder = tmp_path_factory.mktemp("machine")
    with prepared(f"sqlite:///{folder / 'avnz.db'}", folder / "keyring.json"):
        pass
    return folder


@pytest.fixture(scope="session")
def sharing_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with a shared Payflow platform integration."""
    folder = tmp_path_factory.mktemp("sharing") / "machine"
    shutil.copytree(template, folder)
    with PayflowGateway(ACCOUNTS) as gateway:
        services = make_services(f"sqlite:///{folder / 'avnz.db'}", folder / "keyring.json", gateway.url)
        try:
            add_platform_untested(services)
            services.checks.test(ADMIN, "platform/paypal_payflow")
            services.platform.enable(ADMIN, "paypal_payflow")
            services.sharing.share(ADMIN, "paypal_payflow", PRICE)
        finally:
            services.close()
    return folder


@pytest.fixture
def gateway() -> Iterator[PayflowGateway]:
    """A gateway that knows the accounts of the tests."""
    with PayflowGateway(ACCOUNTS) as running:
        yield running


@pytest.fixture
def machine(template: Path, tmp_path: Path, gateway: PayflowGateway) -> Machine:
    """A machine where nothing is configured yet."""
    shutil.copytree(template, tmp_path / "machine")
    return Machine(tmp_path / "machine", gateway)


@pytest.fixture
def sharing(sharing_template: Path, tmp_path: Path, gateway: PayflowGateway) -> Machine:
    """A machine whose organization shares Payflow."""
    shutil.copytree(sharing_template, tmp_path / "machine")
    return Machine(tmp_path / "machine", gateway)
