"""Restore on an empty machine, and the fence: the CA is further than the backup.

The CA is the rehearsal CA, which counts what it is asked; the empty machine is a site whose ledger and keys are gone.
"""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

import agentsocket
import privatesite
from daemons import own
from test_backup import command, members, sheet_of

DOMAINS = {"example.test": {"mode": "confirm", "renew": "2d"}, "later.test": {"mode": "confirm"}}


def changes(site):
    """How often something was sent to the CA or its pages that isn't a look."""
    return sum(n for what, n in site.ca.counters()["requests"].items() if not what.startswith("GET"))


def orders(site):
    return site.ca.api("GET", "/order/certificate")["orders"]


def restore(site, *args, **more):
    return command(site, "restore", *args, "--keeper-state", site.path("keys"), **more)


def empty(site):
    """Everything of the daemons that a new machine wouldn't have."""
    site.agent.stop()
    site.keeper.stop()
    kept = site.path("lost")
    shutil.rmtree(kept, ignore_errors=True)
    os.makedirs(kept)
    for name in os.listdir(site.path("state")):
        os.rename(site.path("state", name), os.path.join(kept, name))
    shutil.rmtree(site.path("keys"))
    os.unlink(site.path("etc/credentials/kek"))


def start(site):
    own(site.path("etc/credentials/kek"), "certkeeper", mode=0o600)
    site.keeper.start()
    site.start_agent()


@pytest.fixture
def world(tmp_path):
    """A site, its backup and sheet, and a CA that went on afterwards."""
    s = privatesite.Site(poll="1s", domains=DOMAINS, timing={"certificate_mail": "3s"})
    try:
        s.start()
        s.validate("example.test")
        s.first = s.stored(s.order("anna@example.test"))
        # not sent yet at the time of the backup: the CA can't be reached for it
        s.ca.fault("POST .*/order/certificate/secure", "status:503", times=None)
        s.pending = s.order("carl@example.test")
        s.wait(lambda: s.order_state(s.pending) in ("unclear", "preparing", "requesting"), 20, "order under way")
        s.file, s.sheet = str(tmp_path / "b.tar"), sheet_of(s, str(tmp_path / "sheet"))
        command(s, "backup", s.file, check=0)
        s.ca.call("DELETE", "faults")
        s.stored(s.pending)
        s.later = s.stored(s.order("bob@example.test"))
        s.validate("later.test")
        s.there = len(orders(s))
        with open(s.path("etc/credentials/kek")) as f:
            s.kek = f.read()
        yield s
    finally:
        s.remove()


def test_the_whole_way(world):
    s = world
    empty(s)
    p = restore(s, s.file, f"--sheet={s.sheet}", check=0)
    assert "fenced" in p.stdout
    # owners and modes as the daemons need them
    assert os.stat(s.path("state/ledger.db")).st_mode & 0o777 == 0o600
    assert len(os.listdir(s.path("keys/keys"))) == len([n for n in members(s.file) if "/keys/" in n])
    posted, sent = s.ca.posts(), changes(s)
    start(s)
    status = s.ask("status")
    assert status["fence"]["since"] and any("fenced" in t for t in status["attention"])
    for cmd, fields in (("order", {"mailbox": "dora@example.test"}), ("domain.add", {"domain": "example.test"}),
                        ("renew", {"mailbox": "anna@example.test"}),
                        ("revoke", {"what": s.first["thumbprint"], "reason": "x"}),
                        ("held.approve", {"id": 1, "reason": "x"})):
        with pytest.raises(agentsocket.Refused) as e:
            s.ask(cmd, **fields)
        assert "restore.fenced" in str(e.value)

    def report():
        r = s.ask("restore.report")
        return r if all(a["read"] for a in r["accounts"]) else None
    r = s.wait(report, 30, "read")
    # bob was ordered after the backup: known now, its key is said to be lost; carl's order is found again
    assert [f["mailbox"] for f in r["found"]] == ["bob@example.test"] and "key" in r["found"][0]["text"]
    assert "carl@example.test" in [c["mailbox"] for c in r["changed"]]
    out = command(s, "restore", "--report", check=0).stdout
    assert "bob@example.test" in out and "carl@example.test" in out
    assert s.state_of("later.test") == "valid", "validated after the backup: known by reading"
    time.sleep(3)
    assert len(orders(s)) == s.there and s.ca.posts() == posted and changes(s) == sent
    # the fence outlives a kill
    s.agent.kill()
    s.start_agent()
    assert s.ask("status")["fence"]
    s.wait(report, 30, "read again")
    command(s, "restore", "--finish", check=0)
    assert "fence" not in s.ask("status")
    got = s.stored(s.pending, 60)
    assert got["state"] == "current"
    s.wait(lambda: s.ask("show", what="bob@example.test")["certificates"], 60, "bob's certificate fetched")
    bob = s.ask("show", what="bob@example.test")["certificates"][0]
    assert bob["thumbprint"] == s.later["thumbprint"] and not bob.get("key_id") and not bob.get("key")
    time.sleep(3)
    assert len(orders(s)) == s.there, "nothing is ordered twice"
    assert s.ca.posts() == posted, "no token is used again"
    # anna's key works: it can be exported
    p12 = s.path("anna.p12")
    command(s, "export", "anna@example.test", "--p12", p12, "--passphrase-out", s.path("pass"), check=0)
    assert subprocess.run(["openssl", "pkcs12", "-in", p12, "-passin", "file:" + s.path("pass"), "-nodes", "-nocerts"],
                          capture_output=True).returncode == 0
    with pytest.raises(agentsocket.Refused):
        s.ask("restore.finish")
    # whose keys came out of the backup is told, once
    told = s.wait(lambda: [m for m in s.delivered("anna@example.test") if b"were restored from" in m], 30, "owner told")
    assert len(told) == 1 and not [m for m in s.delivered("bob@example.test") if b"were restored from" in m]


def test_finish_waits_for_the_ca(world):
    s = world
    empty(s)
    restore(s, s.file, f"--sheet={s.sheet}", check=0)
    s.ca.fault("GET /services/v2/", "status:503", times=None)
    start(s)
    with pytest.raises(agentsocket.Refused) as e:
        s.ask("restore.finish")
    assert "restore.unread" in str(e.value)
    assert command(s, "restore", "--finish").returncode == 3
    s.ca.call("DELETE", "faults")
    s.wait(lambda: command(s, "restore", "--finish").returncode == 0, 60, "finished")


def test_never_over_what_is_there(world, tmp_path):
    s = world
    p = restore(s, s.file)
    assert p.returncode == 1 and "running" in p.stderr
    s.agent.stop()
    s.keeper.stop()
    ledger = open(s.path("state/ledger.db"), "rb").read()
    p = restore(s, s.file)
    assert p.returncode == 1 and "--replace" in p.stderr
    assert open(s.path("state/ledger.db"), "rb").read() == ledger
    assert not [n for n in os.listdir(s.path("state")) + os.listdir(s.dir) if "restore" in n]
    restore(s, "--replace", s.file, check=0)
    aside = [n for n in os.listdir(s.path("state")) if n.startswith("ledger.db.before-restore")]
    assert aside and [n for n in os.listdir(s.dir) if n.startswith("keys.before-restore")]
    assert open(s.path("state", aside[0]), "rb").read() == ledger
    start(s)
    assert s.ask("status")["fence"]


def test_a_damaged_one_is_put_nowhere(world, tmp_path):
    s = world
    empty(s)
    blob = bytearray(open(s.file, "rb").read())
    blob[len(blob) // 2] ^= 1
    bad = str(tmp_path / "bad.tar")
    with open(bad, "wb") as f:
        f.write(blob)
    p = restore(s, bad)
    assert p.returncode == 1
    assert os.listdir(s.path("state")) == [] and not os.path.exists(s.path("keys"))
    wrong = str(tmp_path / "wrong")
    with open(wrong, "w") as f:
        f.write("cd" * 32)
    assert restore(s, s.file, f"--sheet={wrong}").returncode == 1
    assert os.listdir(s.path("state")) == [] and not os.path.exists(s.path("keys"))


def test_full_disk_and_kill_at_any_moment(world):
    s = world
    empty(s)
    sizes = {n: len(t) for n, t in members(s.file).items()}
    for limit in (0, 100, sizes["ledger.db"] // 2, sizes["ledger.db"] - 1):
        p = restore(s, s.file, limit=limit)
        assert p.returncode == 3, (limit, p.stdout, p.stderr)
        assert os.listdir(s.path("state")) == [] and not os.path.exists(s.path("keys"))
    stages = set()
    for i in range(2000):  # a little later each time, until one gets through
        p = subprocess.Popen([s.program("certmilter"), "--config", s.config, "restore", s.file, "--keeper-state",
                              s.path("keys"), f"--sheet={s.sheet}"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(0.003 * i if i < 60 else 0.18 * 1.03 ** (i - 60))
        p.send_signal(signal.SIGKILL)
        p.wait()
        ledger, keys = os.path.exists(s.path("state/ledger.db")), os.path.exists(s.path("keys/keys"))
        stages.add((ledger, keys, os.path.exists(s.path("keys.restore"))))
        assert ledger or not keys, "the fenced ledger is there before the keys"
        if ledger and keys:
            break
    if not keys:
        restore(s, s.file, f"--sheet={s.sheet}", check=0)
    assert len(stages) > 1
    if not os.path.exists(s.path("etc/credentials/kek")):  # killed just before it was written
        s.credential("kek", s.kek, "certkeeper")
    start(s)
    assert s.ask("status")["fence"]


def test_an_interrupted_one_goes_on(world):
    """Killed between the two renames: the ledger is in its place, the keys are not."""
    s = world
    empty(s)
    restore(s, s.file, f"--sheet={s.sheet}", check=0)
    shutil.rmtree(s.path("keys"))
    restore(s, s.file, f"--sheet={s.sheet}", check=0)
    start(s)
    assert s.ask("status")["fence"]
    assert os.listdir(s.path("keys/keys"))
