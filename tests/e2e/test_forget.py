"""A mailbox is forgotten: two persons, keys destroyed, data erased when they may go, a tombstone."""
import os
import subprocess
import time

import pytest

import bulkkit
from agentsocket import Refused


@pytest.fixture(scope="module")
def site(sites):
    site = sites(domains={f"f{n}.test": {"mode": "confirm"} for n in range(4)}, poll="1s").start()
    for n in range(4):
        site.ca.post("validate", domain=f"f{n}.test")
    site.ca.settings(rate_limits=False)
    return site


def cli(site, *args, ok=(0,), who="root"):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8", "SUDO_USER": who}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def shown(site, box):
    return site.ask("show", what=box)


def ledger_text(site):
    with open(site.path("state", "ledger.db"), "rb") as f:
        raw = f.read()
    wal = site.path("state", "ledger.db-wal")
    return raw + (open(wal, "rb").read() if os.path.exists(wal) else b"")


def test_two_persons(site):
    box = "alice@f0.test"
    cert = site.stored(site.order(box))
    with pytest.raises(Refused):
        site.ask("forget", mailbox=box, confirm=True, by="bob")          # nobody asked
    with pytest.raises(Refused):
        site.ask("forget", mailbox=box, reason=" ", by="bob")
    with pytest.raises(Refused):
        site.ask("forget", mailbox="x@elsewhere.test", reason="r", by="bob")
    assert "another person" in cli(site, "forget", box, "--reason", "left us", who="ann")
    with pytest.raises(Refused) as e:
        site.ask("forget", mailbox=box, confirm=True, by="ann")
    assert "another person" in str(e.value)
    with pytest.raises(Refused):
        site.ask("forget", mailbox=box, reason="again", by="bob")
    site.ask("forget", mailbox=box, confirm=True, by="bob")
    site.wait(lambda: shown(site, box)["forgotten"]["state"] == "done", 20, "done")
    f = shown(site, box)["forgotten"]
    assert f["keys"] == 1 and f["reason"] == "left us" and f["asked_by"].startswith("ann") \
        and f["confirmed_by"].startswith("bob")
    assert f["erase_at"] == cert["not_after"] + 2 * 365 * 86400, "what proves the order stays so long"
    out = cli(site, "export", box, "--p12", site.path("x.p12"), "--passphrase-out", site.path("x.pass"), ok=(1,))
    assert "destroyed" in out or "no key" in out
    assert all(c["withdrawn"] for c in site.ask("consent.list", mailbox=box)["consents"])
    assert [c["id"] for c in shown(site, box)["certificates"]] == [cert["id"]], "history stays until then"


def test_one_user_with_two_names_is_one_person(site):
    """Of whoever is not root the uid counts, and the name that belongs to it: not what is claimed."""
    box = "dora@f3.test"
    site.stored(site.order(box))
    asked = site.ask_as("nobody", "forget", mailbox=box, reason="left us", by="ann")
    assert asked["ok"] and shown(site, box)["forgotten"]["asked_by"] == "nobody (uid 65534)"
    for claimed in ("bob", "bob (uid 0)", "", "root (uid 0) (uid 5)"):
        answer = site.ask_as("nobody", "forget", mailbox=box, confirm=True, by=claimed)
        assert (answer["ok"], answer.get("code")) == (False, "forget.same"), claimed
    with pytest.raises(Refused):
        site.ask("forget", mailbox=box, confirm=True, by="nobody")   # the same one, by sudo
    answer = site.ask_as("daemon", "forget", mailbox=box, confirm=True, by="nobody")
    assert answer["ok"], answer
    site.wait(lambda: shown(site, box)["forgotten"]["state"] == "done", 20, "done")
    assert shown(site, box)["forgotten"]["confirmed_by"] == "daemon (uid 1)"


def test_a_name_cannot_look_like_a_uid(site):
    site.ask("forget", mailbox="emil@f3.test", reason="r", by="ann (uid 7)\n")
    assert shown(site, "emil@f3.test")["forgotten"]["asked_by"] == "ann [uid 7]? (uid 0)"
    site.ask("forget", mailbox="frida@f3.test", reason="r", by="\u00e9" * 50)
    assert shown(site, "frida@f3.test")["forgotten"]["asked_by"] == "\u00e9" * 32 + " (uid 0)"
    site.ask("forget", mailbox="gerd@f3.test", reason="r", by="a" + "\u00e9" * 50)
    assert shown(site, "gerd@f3.test")["forgotten"]["asked_by"] == "a" + "\u00e9" * 31 + " (uid 0)"


def make_due(site, key):
    site.agent.kill()
    subprocess.run(["/usr/bin/sqlite3", site.path("state", "ledger.db"),
                    f"UPDATE job SET run_at=1, lease_until=0 WHERE key LIKE '{key}'"], check=True)
    site.start_agent()


def test_erased_when_it_may_go(site):
    box, other, alike = "Carol.Smith@f1.test", "dave@f1.test", "x-carol.smith@f1.test"
    path = bulkkit.write_csv(site, "staff.csv", [box])      # a file, so that its lines are forgotten too
    bulkkit.cli(site, "order", "--csv", path, "--no-wait")
    site.wait(lambda: shown(site, box)["certificates"], 30, "stored")
    kept = site.stored(site.order(other))
    site.stored(site.order(alike))
    site.ask("forget", mailbox=box, reason="wish of the person", by="ann")
    site.ask("forget", mailbox=box, confirm=True, by="bob")
    site.wait(lambda: shown(site, box)["forgotten"]["state"] == "done", 20, "done")
    make_due(site, "erase:%")
    f = site.wait(lambda: (f := shown(site, box)["forgotten"])["state"] == "erased" and f, 20, "erased")
    assert f["certificates"] == 1 and f["erased_at"]
    s = shown(site, box)
    assert not s["certificates"] and not s["orders"], "nothing but the tombstone"
    site.agent.stop()       # the log is written back into the file at a clean end
    text = ledger_text(site).lower()
    assert not [text[i - 80:i + 80] for i in range(len(text)) if text.startswith(b"carol.smith", i)
                and text[i - 2:i] != b"x-"]
    assert b"x-forgotten" not in text, "whose address only looks alike keeps it"
    assert b"dave@f1.test" in text
    site.start_agent()
    assert shown(site, other)["certificates"][0]["id"] == kept["id"]
    again = site.stored(site.order(box))
    assert shown(site, box)["certificates"][0]["id"] == again["id"], "the address can be used anew"


def test_an_order_under_way_stands_in_the_way(site):
    site.ca.settings(issue_delay=600)
    site.order("e@f2.test")
    with pytest.raises(Refused) as e:
        site.ask("forget", mailbox="e@f2.test", reason="r", by="ann")
    assert "under way" in str(e.value)
    site.ca.settings(issue_delay=0)


def test_kill_in_the_middle(site):
    """Confirmed is confirmed: it goes on, and the keys are gone in the end."""
    box = "g@f3.test"
    site.stored(site.order(box))
    site.ask("forget", mailbox=box, reason="r", by="ann")
    site.keeper.kill()
    site.ask("forget", mailbox=box, confirm=True, by="bob")
    time.sleep(0.3)
    site.agent.kill()
    site.keeper.start()
    site.start_agent()
    site.wait(lambda: shown(site, box)["forgotten"]["state"] == "done", 40, "done")
    assert shown(site, box)["forgotten"]["keys"] == 1
