"""A stored row, opened by Node: by its own WebCrypto, and by the library `jose` where that is installed.

`AVNZ_INT_TEST_NODE` names a folder in which `npm install jose` was run; the variable is read before a test's
environment is emptied.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.canary import CANARY
from support.services import columns_of, payflow_credentials

SCRIPT = Path(__file__).with_name("open_row.mjs")
FOLDER = os.environ.get("AVNZ_INT_TEST_NODE", str(Path(__file__).parents[1]))
NODE = shutil.which("node")
HOOK = {"url": "https://hooks.example.com/in?a=1&b='x'", "timeoutSeconds": 7}
SIGNING = {"signingSecret": "whsec_" + "A" * 43 + "="}

# A Node process for each row.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(NODE is None, reason="there is no Node")]


def node(**asked: Any) -> subprocess.CompletedProcess[str]:
    """What the script says of a row."""
    return subprocess.run(
        [str(NODE), str(SCRIPT)],
        input=json.dumps(asked, default=str),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(params=["webcrypto", "jose"])
def library(request: pytest.FixtureRequest) -> str:
    """What opens the row."""
    if request.param == "jose" and not (Path(FOLDER) / "node_modules" / "jose").is_dir():
        pytest.skip("jose is not installed: npm install jose, and name the folder in AVNZ_INT_TEST_NODE")
    return str(request.param)


def test_read(services: Services, prepared_url: str, keyring: Path, library: str) -> None:
    """From keyring file to data key to credentials, on both levels, after rotations of both kinds of keys."""
    actor = services.actor
    hook = NewClient("acme", "webhook", name="hook", credentials=Secret(SIGNING), settings=HOOK)
    services.clients.add(actor, hook, test=False)
    services.platform.add(actor, NewPlatform("paypal_payflow", payflow_credentials(CANARY)), test=False)
    services.keys.rotate(actor)
    services.keys.rotate_master(actor)
    asked = {
        "library": library,
        "folder": FOLDER,
        "keyring": json.loads(keyring.read_text()),
        "dataKeys": columns_of(prepared_url, "DataKey"),
    }
    for table, destination, expected in (
        ("ClientIntegration", {"url": HOOK["url"]}, SIGNING),
        ("PlatformIntegration", {}, payflow_credentials(CANARY).reveal()),
    ):
        (row,) = columns_of(prepared_url, table)
        done = node(**asked, table=table, row=row, destination=destination)
        assert "" == done.stderr
        assert expected == json.loads(done.stdout)

        elsewhere = node(**asked, table=table, row=row | {"environment": "sandbox"}, destination=destination)
        assert "made for another place" in elsewhere.stderr
        moved = json.loads(row["credentials"]) if isinstance(row["credentials"], str) else row["credentials"]
        forged = moved | {"tag": moved["tag"][::-1]}
        altered = node(**asked, table=table, row=row | {"credentials": forged}, destination=destination)
        assert (1, "") == (altered.returncode, altered.stdout)
