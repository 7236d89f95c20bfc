"""A rehearsal CA and a tool that talks to it, for the tests of ca and dcv."""

import pathlib
import sys

from nettools import ROOT, Tool

sys.path.insert(0, str(ROOT / "tests" / "ca"))
from rehearsal_client import Rehearsal, Sink, csr_of     # noqa: E402  (the path comes first)

__all__ = ["Rehearsal", "Sink", "csr_of", "Tool", "setup_fields", "api_url"]


def api_url(ca):
    return f"https://api.rehearsal-ca.test:{ca.port}/services/v2"


def setup_fields(ca, *accounts, **more):
    """Fields of the tools' setup command for this CA."""
    directory = pathlib.Path(ca.dir)
    return {"zone": str(directory / "zone.txt"), "bundle": str(directory / "tls-root.pem"), "private": ["127.0.0.0/8"],
            "accounts": [{"id": name, "url": api_url(ca), "key": ca.accounts[name]["key"],
                          "organization": ca.accounts[name]["organization_id"], "skip_approval": True}
                         for name in accounts], **more}
