"""A restore on an empty machine from a backup that is a week old, while the CA went on all week.

The clocks of the CA and the daemons go on by whole days (tests/helpers/clockshift.c): the backup is taken seven days
ago, the machine is lost and restored now, at the machine's own time. In between: an order, a revocation, a reissue, a
renewal by the agent's own timer, a validation that ended and was renewed, a validation mail that a person released,
a mailbox that was forgotten."""
import collections
import email
import email.policy
import os
import shutil
import time

import pytest

import agentsocket
import privatesite
from test_backup import command, sheet_of
from test_restore import changes, empty, orders, restore, start

DAY = 86400
KEPT = ("anna", "bert", "cora", "fred")


class Calendar:
    """The wall clock of the CA and the daemons, in days from now."""

    def __init__(self, site):
        self.site, self.path = site, site.path("etc", "clock")
        env = {"LD_PRELOAD": site.path("prefix", "clockshift.so"), "CLOCKSHIFT": self.path}
        shutil.copy(os.path.join(privatesite.BUILD, "helpers", "clockshift.so"), env["LD_PRELOAD"])
        os.chmod(env["LD_PRELOAD"], 0o755)
        for process in (site.ca, site.agent, site.keeper):
            process.env = env
        site.copy_keys = False  # those of another site begin today

    def turn(self, days):
        with open(self.path + ".new", "w") as f:
            f.write(str(int(days * DAY)))
        os.chmod(f.name, 0o644)
        os.rename(f.name, self.path)

    def restart(self):
        """As a week has its restarts: timers that wait for a moment of the wall clock look at it anew."""
        self.site.agent.kill()
        self.site.start_agent()


def certificates(site, box):
    return sorted(site.ask("show", what=box)["certificates"], key=lambda c: c["id"])


def order_of(site, box):
    return certificates(site, box)[0]["order"]


def a_week(s, cal):
    """What happened between the backup and today."""
    cal.turn(-6)
    s.ask("revoke", what=s.certs["bert"]["thumbprint"], reason="left")
    s.wait(lambda: certificates(s, "bert@example.test")[0]["state"] == "revoked", 40, "revoked")
    s.ask("reissue", what=f"order:{order_of(s, 'cora@example.test')}", reason="lost phone")
    s.cora = s.wait(lambda: [c for c in certificates(s, "cora@example.test") if c["id"] != s.certs["cora"]["id"] and
                             c["state"] == "current"], 60, "reissued")[0]
    s.bob = s.stored(s.order("bob@example.test"))
    s.ask("forget", mailbox="fred@example.test", reason="wish of the person", by="ann")
    s.ask("forget", mailbox="fred@example.test", confirm=True, by="bea")
    s.wait(lambda: s.ask("show", what="fred@example.test")["forgotten"]["state"] == "done", 20, "forgotten")
    s.ask("held.approve", id=s.held["id"], reason="by phone")
    s.wait(lambda: s.state_of("hold.test") == "valid", 30, "released by a person")
    cal.turn(-5)
    s.ca.post("expire", domain="dcv.test")
    s.ask("domain.add", domain="dcv.test")
    s.wait(lambda: s.ca.is_valid("dcv.test") and s.state_of("dcv.test") == "valid", 40, "validated again")
    cal.turn(-1)
    cal.restart()
    s.dora = s.wait(lambda: [c for c in certificates(s, "dora@renew.test") if c["id"] != s.certs["dora"]["id"]], 90,
                    "renewed by the agent's own timer")[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("week")
    confirm = {"mode": "confirm"}
    s = privatesite.Site(poll="1s", settle="2s", timing={"certificate_mail": "3s"}, domains={
        "example.test": confirm, "dcv.test": confirm, "hold.test": {"mode": "hold"},
        "renew.test": {**confirm, "renew": "5d", "validity": "10d"}})
    cal = Calendar(s)
    cal.turn(-7)
    try:
        s.start()
        s.ca.settings(rate_limits=False)
        for domain in ("example.test", "renew.test", "dcv.test"):
            s.validate(domain)
        s.ask("domain.add", domain="hold.test")
        s.held = s.wait(lambda: [h for h in s.ask("held.list")["held"] if h.get("domain") == "hold.test"], 40,
                        "held")[0]
        numbers = {n: s.order(f"{n}@example.test") for n in KEPT}
        numbers["dora"] = s.order("dora@renew.test")
        s.certs = {n: s.stored(number) for n, number in numbers.items()}
        s.file, s.sheet = str(out / "b.tar"), sheet_of(s, str(out / "sheet"))
        command(s, "backup", s.file, check=0)
        a_week(s, cal)
        cal.turn(0)
        s.there, s.posted, s.sent = len(orders(s)), s.ca.posts(), None
        empty(s)
        s.sent, s.mails = changes(s), len(s.postfix.delivered())
        restore(s, s.file, f"--sheet={s.sheet}", check=0)
        start(s)
        yield s
    finally:
        s.remove()


def message(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def read(site):
    r = site.ask("restore.report")
    return r if all(a["read"] for a in r["accounts"]) else None


def test_fenced_it_reads_and_marks(world):
    s = world
    r = s.wait(lambda: read(s), 60, "the CA read")
    assert time.time() - r["backup"] > 6.9 * DAY
    found = {f["mailbox"]: f["text"] for f in r["found"]}
    changed = {c["mailbox"]: c["text"] for c in r["changed"]}
    assert set(found) == {"bob@example.test", "dora@renew.test", "cora@example.test"}
    assert all("its key is not in that backup" in t for t in found.values())
    assert "reissued" in found["cora@example.test"]
    assert set(changed) == {"bert@example.test"} and "revoked" in changed["bert@example.test"], changed
    out = command(s, "restore", "--report", check=0).stdout
    for box in ("bob@example.test", "dora@renew.test", "bert@example.test", "cora@example.test"):
        assert box in out, out
    with pytest.raises(agentsocket.Refused):
        s.ask("held.approve", id=s.held["id"], reason="x")
    assert len(orders(s)) == s.there and s.ca.posts() == s.posted and changes(s) == s.sent
    assert len(s.postfix.delivered()) == s.mails, "no notice"


def test_finished_nothing_is_done_twice(world):
    s = world
    s.wait(lambda: read(s), 60, "the CA read")
    command(s, "restore", "--finish", check=0)
    for box, there in (("bob@example.test", s.bob), ("dora@renew.test", s.dora), ("cora@example.test", s.cora)):
        got = s.wait(lambda box=box, there=there: [c for c in certificates(s, box)
                                                   if c["thumbprint"] == there["thumbprint"]], 60, f"{box} fetched")[0]
        assert not got.get("key_id"), (box, "its key was in no backup")
        assert "its key is not in the backup that was restored" in command(s, "show", box).stdout
    s.wait(lambda: certificates(s, "bert@example.test")[0]["state"] == "revoked", 60, "revoked")
    s.wait(lambda: s.state_of("hold.test") == "valid" and s.state_of("dcv.test") == "valid", 60, "valid")
    # the mail that was released in that week waits for a person again: released, its button isn't pressed again
    s.ask("held.approve", id=s.held["id"], reason="by phone")
    s.wait(lambda: "observe/already-done" in s.verdicts("hold.test"), 40, "seen to be done")
    s.agent.kill()
    s.start_agent()
    assert command(s, "renew", "--days", "5", check=0).stdout.startswith("0 ordered, ")
    s.ca.idle()
    assert len(orders(s)) == s.there, "nothing is ordered twice"
    assert s.ca.posts() == s.posted, "no token is used again"


def test_each_owner_is_told_once(world):
    s = world
    told = collections.Counter()
    for m in (message(raw) for raw in s.postfix.delivered()[s.mails:]):
        told[m["To"].strip("<>"), m["Subject"]] += 1
    restored = "The private keys of your mailbox were restored from a backup"
    issued = "An S/MIME certificate was issued for your mailbox"
    boxes = [f"{n}@example.test" for n in KEPT] + ["dora@renew.test"]
    assert [b for b in boxes if told.pop((b, restored), 0) != 1] == []
    fetched = ("bob@example.test", "cora@example.test", "dora@renew.test")
    assert [b for b in fetched if told.pop((b, issued), 0) != 1] == []
    assert {to for to, _ in told} == {privatesite.CONTACT} and max(told.values()) == 1 and len(told) <= 3, told
