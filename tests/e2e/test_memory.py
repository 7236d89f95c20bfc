"""Memory stays the same however many mailboxes there are: backup, verify, rewrap, restore, publishing, with 1,200 and
with 6,000. The real size, and the time, tests/bench tells (backup.py, mailboxes.py)."""
import json
import os
import pwd
import secrets
import sqlite3
import subprocess

import pytest

import manykeys
import manymailboxes
import terminal
from daemons import own
from manymailboxes import rss
from privatesite import Site

FEW, MANY = 1200, 6000
MORE = 12      # MiB that five times as many may take more: a page's worth; 4,800 keys alone are 20
LEDGER = 40    # MiB: the ledger's page cache, once; 4,800 more mailboxes are 70
CERT = {"attached": 1, "sha256": "0" * 64, "pem": "x" * 4000}


def add_keys(site, first, n):
    user = pwd.getpwnam("certkeeper")
    with open(site.path("etc/credentials/kek")) as f:
        kek = bytes.fromhex(f.read().strip())
    manykeys.write_keys(site.path("keys"), kek, n, first, user.pw_uid, user.pw_gid, [CERT])


def run(site, *args):
    """MiB that the command had at most, and what it showed at the terminal."""
    status, _, peak, _, _, text = terminal.run([site.program("certmilter"), "--config", site.config, *args])
    assert status == 0, text
    return peak, text


@pytest.fixture
def site():
    s = Site()
    s.start()
    yield s
    s.remove()


def test_backup_rewrap_and_restore(site, tmp_path):
    sheet, before, peaks = str(tmp_path / "sheet"), 0, []
    run(site, "keeper", "recovery-sheet", "--out", sheet)
    for n in (FEW, MANY):
        tar, new = str(tmp_path / f"{n}.tar"), str(tmp_path / f"kek-{n}")
        add_keys(site, before, n - before)
        with open(new, "w") as f:
            f.write(secrets.token_hex(32))
        steps = [run(site, "backup", tar), run(site, "backup", "verify", tar, f"--sheet={sheet}"),
                 run(site, "keeper", "rewrap", "--new-kek", new)]
        for (_, text), last in zip(steps, ("keys", "keys", "checked")):
            assert f"{last}: {n} of {n}" in text, text[-400:]
        daemon = rss(site.keeper.proc.pid, "VmHWM")
        site.agent.stop()
        site.keeper.stop()
        steps.append(run(site, "restore", tar, "--replace", "--keeper-state", site.path("keys")))
        assert f"keys: {n} of {n}" in steps[-1][1] and "MiB of the ledger: " in steps[-1][1]
        assert len(os.listdir(site.path("keys/keys"))) == n
        site.keeper.start()  # the backup is of the key before the rewrap, which is still the credential
        site.start_agent()
        peaks.append([peak for peak, _ in steps] + [daemon])
        assert all(peaks[-1]), "each was seen while it ran"
        before = n
    assert all(more - few < MORE for few, more in zip(*peaks)), peaks
    # what was restored twice opens
    p = subprocess.run([site.program("certmilter"), "--config", site.config, "--json", "backup", "verify", tar,
                        f"--sheet={sheet}"], capture_output=True, text=True)
    assert p.returncode == 0 and json.loads(p.stdout)["opened"] == MANY


@pytest.mark.slow
def test_publishing():
    s = Site(domains={"example.test": {"mode": "confirm", "publish": '{ "files" }'}})
    s.extra = 'publisher "files" {{\n    kind = files\n    dir  = "{dir}/published"\n}}\n'.format(dir=s.dir)
    os.makedirs(s.path("published"))
    own(s.path("published"), "certagent")

    def published():
        db = sqlite3.connect(f"file:{s.path('state/ledger.db')}?mode=ro", uri=True, timeout=30)
        try:
            return db.execute("select count(*) from publication where state = 'published'").fetchone()[0]
        finally:
            db.close()
    try:
        s.start()
        peaks, before = [], 0
        for n in (FEW, MANY):
            s.agent.stop()
            manymailboxes.fill_apart(s.path("state/ledger.db"), n - before, 0, "-", before)
            s.start_agent()
            s.wait(lambda: published() == n, 540, f"{n} published")
            peaks.append(rss(s.agent.proc.pid, "VmHWM"))
            before = n
        assert peaks[1] - peaks[0] < LEDGER, peaks
        assert s.ask("status")["publications"].get("failed", 0) == 0
    finally:
        s.remove()
