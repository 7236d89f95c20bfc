"""kill -9 of the agent again and again, after so and so many of its steps, and a full disk under its ledger: while
it reissues in bulk for a CA that loses answers, publishes, and takes revoked certificates away.

Harmless means: one new certificate for each affected one, and one request at the CA; what is published is exactly
that certificate, everywhere and whole; a mail may come twice, then as the same mail; a program may be called again
with the same words; owners are told of each export once recorded; what is revoked is gone everywhere."""
import collections
import itertools
import json
import os
import re
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import bulkkit
import steps
from agentsocket import Refused
from bulkkit import batch, cli, newest, write_csv
from daemons import own
from directory import BASE, PASSWORD, WRITER, Directory

DAY = [f"p{i}@day.test" for i in range(6)]
MAIL = [f"m{i}@mail.test" for i in range(1)]
PUBLISHERS = """
publisher "files" {{
    kind     = files
    dir      = "{dir}/published"
    consumer = "signing"
}}
publisher "program" {{
    kind    = hook
    program = "{dir}/program"
}}
publisher "directory" {{
    kind       = ldap
    uri        = "{ldap}"
    starttls   = yes
    base       = "{base}"
    bind_dn    = "{writer}"
    secret     = "directory"
    tls_bundle = "{bundle}"
}}
publisher "owner" {{
    kind       = mail
    passphrase = file
}}
"""
PROGRAM = """\
#!/bin/sh
cat > /dev/null
echo "$CERTMILTER_ACTION $CERTMILTER_MAILBOX $CERTMILTER_THUMBPRINT" >> {dir}/calls/calls
"""


@pytest.fixture(scope="module")
def site(sites):
    site = sites(domains={"day.test": {"mode": "confirm"}, "mail.test": {"mode": "confirm"}}, poll="1s", settle="2s",
                 timing={"resend_after": "5s", "certificate_mail": "3s", "revocation_check": "1m"})
    site.ldap = site.beside["slapd"] = Directory(site.path("slapd")).start().fill(*DAY)
    site.extra = PUBLISHERS.format(dir=site.dir, ldap=site.ldap.uri, base=BASE, writer=WRITER,
                                   bundle=site.ldap.bundle)
    site.credential("directory", PASSWORD, "certagent")
    for name, user, group, mode in (("published", "certagent", None, 0o755), ("calls", "certagent", None, 0o755),
                                    ("clear", "certkeeper", "certmilter", 0o2750)):
        os.makedirs(site.path(name))
        own(site.path(name), user, group, mode)
    with open(site.path("program"), "w") as f:
        f.write(PROGRAM.format(dir=site.dir))
    os.chmod(site.path("program"), 0o755)
    site.keeper.command += ["--consumer", f"signing:{site.path('clear')}:certmilter"]
    bulkkit.raise_limits(site, requests_5s=100000, requests_3min=1000000)
    site.start()
    site.ca.settings(rate_limits=False, issue_delay=0)
    for name in site.domains:
        site.ca.post("validate", domain=name)
    cli(site, "order", "--csv", write_csv(site, "day.csv", DAY + MAIL, "key-type", "p256"))
    return site


def ended_again_and_again(site, strides, done, timeout=180, full=()):
    """The agent ends after STRIDES steps of its own, one number after another, then twice as many, and so on (a start
    alone takes some), until DONE(); with numbers in FULL its ledger's disk is full from that step on, for a while, in
    between. Which steps it ended at."""
    def growing():
        for k in itertools.count():
            yield from (n << k for n in strides)
    ends, until = collections.Counter(), time.monotonic() + timeout

    def is_done():
        try:
            return done()
        except (OSError, ValueError, Refused, KeyError):
            return False
    for n, room in itertools.zip_longest(growing(), full):
        assert time.monotonic() < until, site.agent.log_text()[-6000:]
        if room is not None:
            hold_full(site, room, ends)
        with steps.Held("kill", n, site.agent.proc.pid) as held:
            while not held.ended() and not is_done() and time.monotonic() < until:
                time.sleep(0.2)
        if not held.ran.killed:
            return ends
        site.agent.proc.wait(20)
        call, _, what = held.ran.last.partition(" ")
        ends[call + " " + re.sub(r"[0-9]+", "", os.path.basename(what))] += 1
        site.agent.start()
    return ends


def hold_full(site, n, ends):
    with steps.Held("full", n, site.agent.proc.pid, under=[site.path("state")]) as held:
        at = time.monotonic()
        while not held.ended() and time.monotonic() < at + 0.7:
            time.sleep(0.05)
    ends["full"] += any("ENOSPC" in s for s in held.ran.steps)
    if held.ended() and held.ran.status is not None:  # it may give up at a full disk, as systemd starts it again
        site.agent.proc.wait(20)
        site.agent.start()


def certificates(site, box):
    return sorted(site.ask("show", what=box)["certificates"], key=lambda c: -c["id"])


def reissues(site):
    """Reissues at the CA, by mailbox."""
    orders = site.ca.get("state/orders")["orders"]
    return collections.Counter(e for r in site.ca.get("state/requests")["requests"].values() if r["type"] == "reissue"
                               for e in orders[str(r["order_id"])]["emails"])


def test_reissue_day(site):
    """Exactly one new certificate for each, though answers get lost and the agent is killed all the time."""
    old = {b: certificates(site, b)[0] for b in DAY + MAIL}
    site.ca.fault("POST .*/reissue", "drop", times=5, probability=0.7)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", "--reason", "the CA revokes on Friday", "--no-wait")
    number = newest(site)
    ends = ended_again_and_again(site, (61, 97, 41, 137, 79), lambda: batch(site, number)["state"] == "done")
    assert sum(ends.values()) >= 6, ends
    hits = sum(f["hits"] for f in site.ca.get("faults")["faults"])
    assert hits >= 3, "too few answers were lost for the test to say anything"
    state = batch(site, number)
    assert state["issued"] == len(old) and state["failed"] == 0, state
    assert reissues(site) == {b: 1 for b in old}
    for box, before in old.items():
        new, was = certificates(site, box)
        assert was["id"] == before["id"] and (new["state"], was["state"]) == ("current", "superseded")
        assert new["order"] == was["order"] and new["key_id"] != was["key_id"]
        for c in (new, was):
            assert os.path.exists(site.path("keys", "keys", c["key_id"] + ".json")), "old keys are kept"


def publishing(site, box):
    return {p["publisher"]: p for p in reversed(site.ask("show", what=box)["publications"])}


def calls(site, box):
    with open(site.path("calls", "calls")) as f:
        lines = [line.split() for line in f]
    return [(action, thumb) for action, to, thumb in lines if to == box]


def in_ldap(site, box):
    return [x509.load_der_x509_certificate(v).fingerprint(hashes.SHA256()).hex()
            for v in site.ldap.search(f"(mail={box})", "userCertificate;binary").get("userCertificate;binary", [])]


def pem(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def told(site, box):
    """(entries of the keeper's journal, events of the agent) for exports of BOX."""
    with open(site.path("keys", "exports.log")) as f:
        journal = [e for e in map(json.loads, f) if e["mailbox"] == box]
    return len(journal), len([e for e in site.events("key.exported") if e["data"].get("mailbox") == box])


def test_publishing(site):
    for name, options in (("day.test", {"publish": '{ "files", "program", "directory" }', "clear_key": '"signing"'}),
                          ("mail.test", {"publish": '{ "owner" }'})):
        site.domains[name] = {**site.domains[name], **options}
    site.write_config()
    cli(site, "reload")

    def done():
        return all(set(p["state"] for p in publishing(site, b).values()) == {"published"} and
                   len(publishing(site, b)) == (3 if b in DAY else 1) for b in DAY + MAIL)
    ends = ended_again_and_again(site, (61, 97, 43, 151, 79), done)
    assert sum(ends.values()) >= 6 and len(ends) >= 3, ends
    for box in DAY:
        thumb = certificates(site, box)[0]["thumbprint"]
        here = site.path("published", box)
        cert = pem(here, "current/cert.pem")
        assert x509.load_pem_x509_certificate(cert).fingerprint(hashes.SHA256()).hex() == thumb
        assert pem(here, "current/fullchain.pem") == cert + pem(here, "current/chain.pem")
        text = pem(site.path("clear"), box + ".pem")
        key = serialization.load_pem_private_key(text, None).public_key()
        assert key.public_numbers() == x509.load_pem_x509_certificate(cert).public_key().public_numbers()
        assert in_ldap(site, box) == [thumb]
        assert set(calls(site, box)) == {("publish", thumb)}
    assert steps.hidden(site.path("published"), site.path("clear")) == []
    waiting = cli(site, "--json", "passphrase", "list").stdout
    for box in MAIL:
        mails = site.wait(lambda b=box: [m for m in site.delivered(b) if b".p12" in m], 30, "the mail")
        ids = {re.search(rb"(?mi)^Message-ID: (\S+)", m).group(1) for m in mails}
        assert ids == {publishing(site, box)["owner"]["where"].encode()}
        assert [w["mailbox"] for w in json.loads(waiting)["waiting"]].count(box) == 1
    for box in DAY + MAIL:
        site.wait(lambda b=box: told(site, b)[0] == told(site, b)[1], 30, f"{box}: {told(site, box)}")
        assert told(site, box)[0] >= 1


def test_withdrawing(site):
    """Revoked: nobody finds it any more, and no program has its key."""
    thumbs = {b: certificates(site, b)[0] for b in DAY}
    for c in thumbs.values():
        cli(site, "revoke", f"certificate:{c['id']}", "--reason", "left")

    def done():
        return all(set(p["state"] for p in publishing(site, b).values()) == {"withdrawn"} for b in DAY)
    ends = ended_again_and_again(site, (37, 59, 83, 113), done, full=(2, 9, 30))
    assert sum(ends.values()) >= 4, ends
    for box, c in thumbs.items():
        assert not os.path.lexists(site.path("published", box, "current"))
        assert in_ldap(site, box) == [] and calls(site, box)[-1] == ("withdraw", c["thumbprint"])
        assert ("publish", c["thumbprint"]) not in calls(site, box)[calls(site, box).index(
            ("withdraw", c["thumbprint"])):], "never published again"
    assert os.listdir(site.path("clear")) == [] and site.ask("status")["publications"]["clear_keys"] == 0
    assert all(publishing(site, b)["owner"]["state"] == "published" for b in MAIL)
