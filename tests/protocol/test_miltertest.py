"""The Lua scenarios through OpenDKIM's miltertest, an MTA's side that isn't ours."""
import os
import shutil
import subprocess

import pytest

from certmilterd import HERE, Milter

pytestmark = pytest.mark.skipif(not shutil.which("miltertest"), reason="miltertest isn't installed")

# script -> raw copies that it must leave in the spool
SCENARIOS = {
    "negotiation": [],
    "ca_mail": [b"From: The CA <no-reply@ca.test>\r\nX-Certmilter: v=1; taken; id=forged\r\n"
                b"Subject: lua\r\n\r\nbody\r\n"],
    "no_interest": [],
    "no_ca": [],
    "session": [b"From: x@ca.test\r\n\r\ntext\r\n"],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    m = Milter()
    m.start()
    try:
        r = subprocess.run(["miltertest", "-D", f"socket={m.address}", "-s",
                            os.path.join(HERE, name + ".lua")],
                           capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stdout + r.stderr + m.log_text()
        assert [raw for _, raw in m.files()] == SCENARIOS[name]
        assert m.files("tmp") == []
        assert m.proc.poll() is None
    finally:
        m.cleanup()


def test_every_script_is_run():
    assert {f[:-4] for f in os.listdir(HERE) if f.endswith(".lua")} == set(SCENARIOS)
