"""Moto's server on loopback, and this machine's AWS configuration pointed at it."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"


@contextmanager
def moto_server() -> Iterator[str]:
    """The URL of a running server."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.lower().endswith("_proxy")}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        demand_permissions(f"http://{host}:{port}", after="inf")
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        os.environ.update(kept)


def demand_permissions(url: str, *, after: str) -> None:
    """Let requests have to be signed by a user who may make them, after so many; `inf`: never.

    Moto keeps this for all servers of a process, so each says what it wants.
    """
    headers = {"Content-Type": "text/plain"}
    switch = urllib.request.Request(f"{url}/moto-api/reset-auth", data=after.encode(), headers=headers)
    with closing(urllib.request.urlopen(switch)):
        pass


def aws_variables(url: str) -> dict[str, str]:
    """The environment of whoever uses that server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Point this process at the server."""
    for name, value in aws_variables(url).items():
        monkeypatch.setenv(name, value)


def client(service: str, url: str) -> Any:
    """A client of botocore's own, to look from outside."""
    return botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
