"""Who vouches for an order, the CA's terms, the spending brake, and the evidence of it all."""
import json
import os
import subprocess

import pytest

from agentsocket import Refused
from test_life import cli, show

PEOPLE = "Personnel department, Jane Doe"


def configure(site, **options):
    """The account's section with these options; without any: as it was."""
    site.write_config()
    text = open(site.config).read()
    more = "".join(f"    {k} = {v}\n" for k, v in options.items())
    with open(site.config, "w") as f:
        f.write(text.replace("    driver ", more + "    driver ", 1))
    site.ask("reload")


@pytest.fixture
def domain(site):
    name = f"d{next(site.fresh)}.test"
    site.ca.post("validate", domain=name)
    yield name
    configure(site)
    site.ca.settings(issue_delay=0)


def refused(site, cmd, **fields):
    """The answer of a request that must be refused."""
    with pytest.raises(Refused) as e:
        site.ask(cmd, **fields)
    return e.value.answer


def placed(site):
    return site.ca.counters()["orders"].get("ours", 0)


def evidence(site, number):
    return site.ask("evidence", order=f"order:{number}")["evidence"]


def content(site, number, tmp_path):
    """The document, as openssl reads it out of the signed file."""
    signer = tmp_path / "signer.pem"
    signer.write_text(cli(site, "evidence", "--signer"))
    signed = tmp_path / f"{number}.pem"
    signed.write_text(evidence(site, number))
    r = subprocess.run(["openssl", "cms", "-verify", "-inform", "PEM", "-in", signed, "-CAfile", signer,
                        "-binary"], capture_output=True, check=True)
    return json.loads(r.stdout), r.stdout


# --- attestation ------------------------------------------------------------------------------------------

def test_no_order_without_an_attestation(site, domain):
    saved = site.domains[domain]
    site.domains[domain] = {**saved, "attestation": None}
    configure(site)
    try:
        box = f"a@{domain}"
        site.consent(box)
        answer = refused(site, "order", mailbox=box, key_type="p256")
        assert answer["code"] == "order.attestation" and "--attested-by" in answer["text"]
        for wrong in ({}, {"by": " "}, {"dn": "uid=a,dc=test"}, {"dn": "nonsense", "values": {"mail": box}},
                      {"values": {"mail": box}}, {"dn": "uid=a", "values": {"mail": 5}}, {"by": "x" * 301}):
            assert refused(site, "order", mailbox=box, attestation=wrong)["code"] == "order.attestation", wrong
        assert not site.ask("show", what=box)["orders"]
        number = site.ask("order", mailbox=box, key_type="p256",
                          attestation={"dn": "uid=a,ou=people,dc=test", "values": {"mail": box, "sn": "A"}})["order"]
        c = site.stored(number)
        doc = json.loads(_plain(evidence(site, number)))
        a = doc["attestations"][0]
        assert (a["source"], a["dn"], a["values"]) == ("directory", "uid=a,ou=people,dc=test", {"mail": box, "sn": "A"})
        shown = site.ask("show", what=f"order:{number}")["attestation"]
        assert shown["dn"] == a["dn"] and "uid=a,ou=people" in cli(site, "show", f"order:{number}")
        assert a["asserted_by"].startswith("tester") and a["text"].startswith("For the mailbox")
        # a renewal refers to it, and a reissue does
        answer = site.ask("renew", mailbox=box)
        doc = json.loads(_plain(evidence(site, answer["order"])))
        assert doc["attestations"][0]["earlier_attestation"] == a["id"]
        assert doc["attestations"][0]["asserted_at"] == a["asserted_at"]
        assert c["order"] == number
    finally:
        site.domains[domain] = saved


def _plain(pem):
    """The content of the signed file, without looking at its signature."""
    r = subprocess.run(["openssl", "cms", "-verify", "-inform", "PEM", "-noverify", "-binary"], input=pem.encode(),
                       capture_output=True, check=True)
    return r.stdout


def test_the_attestation_grows_old(site, domain):
    saved = site.domains[domain]
    box = f"a@{domain}"
    c = site.stored(site.order(box, attestation={"by": "John Roe, head of personnel"}))
    reissued = site.ask("reissue", what=f"order:{c['order']}", reason="a new computer")
    assert reissued["order"] == c["order"]
    site.wait(lambda: len(site.ask("show", what=box)["certificates"]) == 2, 40, "the reissue")
    listed = json.loads(_plain(evidence(site, c["order"])))["attestations"]
    assert [a.get("earlier_attestation") for a in listed] == [None, listed[0]["id"]]
    # 825 days later: time can't be turned, so the rows are written as of then, by another hand
    site.domains[domain] = {**saved, "attestation": None}
    configure(site)
    try:
        site.agent.stop()
        old = listed[0]["asserted_at"] - 826 * 86400
        sql(site, "DROP TRIGGER attestation_update; "
                  f"UPDATE attestation SET at = {old} WHERE order_row = {c['order']}; "
                  "CREATE TRIGGER attestation_update BEFORE UPDATE ON attestation"
                  "  BEGIN SELECT RAISE(ABORT, 'attestations are never changed'); END;")
        site.start_agent()
        answer = refused(site, "renew", mailbox=box)
        assert answer["code"] == "order.attestation" and "825 days" in answer["text"]
        assert refused(site, "reissue", what=f"order:{c['order']}", reason="x")["code"] == "order.attestation"
        # said anew it goes on
        cli(site, "renew", box, "--attested-by", "John Roe, head of personnel")
        # and nobody changes what was said
        site.agent.stop()
        with pytest.raises(subprocess.CalledProcessError):
            sql(site, "UPDATE attestation SET asserted_by = 'me'")
        with pytest.raises(subprocess.CalledProcessError):
            sql(site, "DELETE FROM attestation")
    finally:
        site.domains[domain] = saved
        if not site.agent.running():
            site.start_agent()


def sql(site, text):
    code = "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); d.commit()"
    subprocess.run(["runuser", "-u", "certagent", "--", "/usr/bin/python3", "-c", code, site.path("state", "ledger.db"),
                    text], check=True, capture_output=True)


def test_the_timer_tells_when_nobody_vouches(site, domain):
    saved = site.domains[domain]
    box = f"a@{domain}"
    c = site.stored(site.order(box, validity_days=10))
    try:
        site.agent.stop()
        sql(site, "DROP TRIGGER attestation_update; "
                  f"UPDATE attestation SET at = 1 WHERE order_row = {c['order']}; "
                  "CREATE TRIGGER attestation_update BEFORE UPDATE ON attestation"
                  "  BEGIN SELECT RAISE(ABORT, 'attestations are never changed'); END;")
        site.domains[domain] = {**saved, "attestation": None, "renew": "180d"}
        site.write_config()
        site.start_agent()
        e = site.wait(lambda: [e for e in site.events("renew.refused") if e["data"]["mailbox"] == box], 20, "refusal")
        assert "attested-by" in e[0]["data"]["reason"]
        site.wait(lambda: any(b"is not renewed" in m and box.encode() in m for m in site.delivered("it@example.test")),
                  30, "the notice")
        assert len(site.ask("show", what=box)["orders"]) == 1
    finally:
        site.domains[domain] = saved


# --- agreements -----------------------------------------------------------------------------------------------

def test_a_new_version_stops_orders(site, domain):
    box = f"a@{domain}"
    site.consent(box)
    configure(site, agreements='{ "smime-terms=2027-05" }')
    answer = refused(site, "order", mailbox=box, key_type="p256")
    assert answer["code"] == "order.agreement" and "smime-terms" in answer["text"] and "2027-05" in answer["text"]
    assert "smime-terms" in cli(site, "status", ok=(4,))
    warned = [c["text"] for c in site.ask("doctor")["checks"] if (c["name"], c["result"]) == ("orders", "warn")]
    assert len(warned) == 1 and "smime-terms" in warned[0]
    row = next(g for g in site.ask("agreement.list")["agreements"] if g["what"] == "smime-terms")
    assert row["ok"] is False and row["required"] == "2027-05"
    assert refused(site, "agreement.accept", account="rehearsal", what="smime-terms", version="2027-05",
                   name=" ")["code"] == "agreement.fields"
    none = refused(site, "agreement.accept", account="none", what="all", version="1", name="A")
    assert none["code"] == "account.unknown"
    assert refused(site, "agreement.accept", account="rehearsal", what="x", version="1", name="A")["code"] == \
        "agreement.what"
    cli(site, "agreement", "accept", "rehearsal", "--what", "smime-terms", "--version", "2027-05", "--name",
        "Ann Chief, director")
    assert "Ann Chief, director" in cli(site, "agreement", "list")
    site.stored(site.ask("order", mailbox=box, key_type="p256")["order"])


def test_nothing_is_ordered_before_the_terms_are_accepted(sites):
    site = sites(domains={"example.test": {"mode": "confirm"}}, poll="1s", agreements=False).start()
    site.ca.post("validate", domain="example.test")
    site.consent("a@example.test")
    answer = refused(site, "order", mailbox="a@example.test", key_type="p256")
    assert answer["code"] == "order.agreement" and "certificate-services" in answer["text"]
    assert any("certificate-services" in a for a in site.ask("status")["attention"])
    for what in ("certificate-services", "master-services"):
        site.ask("agreement.accept", account="rehearsal", what=what, version="1", name="Ann Chief")
        assert refused(site, "order", mailbox="a@example.test", key_type="p256")["code"] == "order.agreement"
    site.ask("agreement.accept", account="rehearsal", what="smime-terms", version="1", name="Ann Chief")
    site.stored(site.order("a@example.test"))


def test_the_ca_changes_its_text(site, domain):
    box = f"a@{domain}"
    site.consent(box)
    site.ca.settings(license_agreement="We changed our mind.")
    site.agent.stop()
    site.agreements = False
    try:
        site.start_agent()
        site.wait(lambda: site.events("agreement.changed"), 30, "the change")
        answer = refused(site, "order", mailbox=box, key_type="p256")
        assert answer["code"] == "order.agreement" and "changed its text" in answer["text"]
    finally:
        site.agreements = True
    site.accept_agreements()
    number = site.ask("order", mailbox=box, key_type="p256")["order"]
    doc = json.loads(_plain(evidence(site, number)))
    assert "We changed our mind." in [g.get("text") for g in doc["agreements"]]


# --- the brake ----------------------------------------------------------------------------------------------------

def test_the_limit_of_a_run(site, domain):
    boxes = [f"{c}@{domain}" for c in "abcde"]
    for box in boxes:
        site.consent(box)
    configure(site, orders_run="2", orders_day="100000", orders_month="100000")
    batch = 4711
    for box in boxes[:2]:
        site.ask("order", mailbox=box, key_type="p256", batch=batch)
    answer = refused(site, "order", mailbox=boxes[2], key_type="p256", batch=batch)
    assert answer["code"] == "order.limit" and "limit 2 of one run" in answer["text"]
    assert f"--batch {batch}" in answer["text"] and "run 2 of 2" in answer["text"]
    # a run of another number, and single orders, have room
    site.ask("order", mailbox=boxes[2], key_type="p256", batch=batch + 1)
    # a crash forgets nothing
    site.agent.kill()
    site.start_agent()
    assert refused(site, "order", mailbox=boxes[3], key_type="p256", batch=batch)["code"] == "order.limit"
    cli(site, "release", "rehearsal", "--orders", "1", "--reason", "the new class", "--batch", str(batch))
    number = site.ask("order", mailbox=boxes[3], key_type="p256", batch=batch)["order"]
    assert refused(site, "order", mailbox=boxes[4], key_type="p256", batch=batch)["code"] == "order.limit"
    row = next(r for r in site.ask("release.list")["releases"] if r.get("batch") == batch)
    assert (row["orders"], row["used"], row["reason"]) == (1, 1, "the new class")
    assert "the new class" in cli(site, "release", "list")
    doc = json.loads(_plain(evidence(site, number)))
    assert doc["release"]["id"] == row["id"] and doc["order"]["batch"] == batch


def test_the_limits_of_day_and_month(site, domain):
    boxes = [f"{c}@{domain}" for c in "abcd"]
    for box in boxes:
        site.consent(box)
    before = placed(site)
    ours = len(site.events("order.placed")) - sum(r["used"] for r in site.ask("release.list")["releases"])
    for option, word in (("orders_day", "of one day"), ("orders_month", "of one month")):
        limits = {"orders_day": "100000", "orders_month": "100000", option: str(ours)}
        configure(site, **limits)
        answer = refused(site, "order", mailbox=boxes[0], key_type="p256")
        assert answer["code"] == "order.limit" and word in answer["text"]
    assert placed(site) == before
    assert any("limit of orders is reached" in a for a in site.ask("status")["attention"])
    site.ask("release", account="rehearsal", orders=2, reason="two more")
    for box in boxes[:2]:
        site.ask("order", mailbox=box, key_type="p256")
    assert refused(site, "order", mailbox=boxes[2], key_type="p256")["code"] == "order.limit"
    # what used a release does not count for the limits
    configure(site, orders_day=str(ours + 1), orders_month="100000")
    site.ask("order", mailbox=boxes[2], key_type="p256")
    assert refused(site, "order", mailbox=boxes[3], key_type="p256")["code"] == "order.limit"


def test_who_may_release(site, domain):
    box = f"a@{domain}"
    site.consent(box)
    fields = dict(account="rehearsal", orders=1, reason="r")
    configure(site, orders_day="0", release_by='{ "ann", "bob" }')
    assert refused(site, "release", **fields)["code"] == "release.denied"
    assert refused(site, "release", **{**fields, "orders": 0}, by="ann")["code"] == "release.orders"
    assert refused(site, "release", **{**fields, "reason": " "}, by="ann")["code"] == "held.reason"
    assert refused(site, "release", **fields, valid=5, by="ann")["code"] == "release.valid"
    site.ask("release", **fields, by="ann")
    # nobody uses a release of their own
    assert refused(site, "order", mailbox=box, key_type="p256", by="ann")["code"] == "order.limit"
    assert site.ask("order", mailbox=box, key_type="p256", by="bob", dry_run=True)["state"] == "dry-run"
    number = site.ask("order", mailbox=box, key_type="p256", by="bob", batch=99)["order"]
    assert show(site, number)["by"].startswith("bob ")
    assert refused(site, "release", **fields, batch=99, by="bob")["code"] == "release.self"


def test_nobody_releases_under_another_name(site, domain):
    """release_by names users of the host; one of them is one person under whatever name."""
    box = f"a@{domain}"
    site.consent(box)
    fields = dict(account="rehearsal", orders=1, reason="r")
    configure(site, orders_day="0", release_by='{ "ann", "daemon" }')
    answer = site.ask_as("nobody", "release", **fields, by="ann")
    assert answer["code"] == "release.denied" and "nobody (uid 65534)" in answer["text"]
    assert site.ask_as("daemon", "release", **fields, by="x")["ok"]
    for claimed in ("bob", "bob (uid 0)", "ann"):
        answer = site.ask_as("daemon", "order", mailbox=box, key_type="p256", by=claimed)
        assert answer["code"] == "order.limit", claimed
    assert site.ask_as("nobody", "order", mailbox=box, key_type="p256", by="daemon")["ok"]


def test_renewals_stop_at_the_brake_and_go_on(site, domain):
    boxes = [f"{c}@{domain}" for c in "ab"]
    for box in boxes:
        site.stored(site.order(box, validity_days=20))
    configure(site, orders_day="0")
    answer = site.ask("renew", days=30)
    mine = [r for r in answer["renewals"] if r["mailbox"] in boxes]
    assert {r["state"] for r in mine} == {"refused"} and all("release" in r["text"] for r in mine)
    site.ask("release", account="rehearsal", orders=100, reason="the renewals")
    answer = site.ask("renew", days=30)
    assert [r["state"] for r in answer["renewals"] if r["mailbox"] in boxes] == ["preparing"] * 2


# --- evidence --------------------------------------------------------------------------------------------------------

def test_evidence_of_an_order(site, domain, tmp_path):
    box = f"a@{domain}"
    number = site.order(box)
    c = site.stored(number)
    site.ask("revoke", what=f"certificate:{c['id']}", reason="a test")
    site.wait(lambda: any(e["object"] == f"certificate:{c['id']}" for e in site.events("act.done")), 30, "revoked")
    doc, raw = content(site, number, tmp_path)
    assert doc["format"] == "certmilter evidence 1" and doc["order"]["id"] == number
    assert raw.decode() == json.dumps(doc, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert doc["attestations"][0]["source"] == "standing" and doc["attestations"][0]["asserted_by"] == PEOPLE
    assert {g["what"] for g in doc["agreements"]} == {"certificate-services", "master-services", "smime-terms"}
    assert doc["consents"][0]["what"] == "custody"
    sent = next(e for e in doc["events"] if e["type"] == "order.sent")["data"]["sends"]
    assert sent["method"] == "POST" and "BEGIN" in sent["body"]["certificate"]["csr"] and doc["order"]["by"]
    assert "act.done" in [e["type"] for e in doc["events"]]
    cert = doc["certificates"][0]
    assert cert["thumbprint"] == c["thumbprint"] and cert["chain_pem"].count("BEGIN CERTIFICATE") >= 2
    mail = doc["mails"][0]
    assert mail["message_id"] and mail["auth"]["result"] == "pass" and mail["auth"]["domain"] and mail["raw_sha256"]
    assert mail["checks"] is not None
    text = raw.decode()
    assert "PRIVATE KEY" not in text and '"token"' not in text and '"url"' not in text
    key = open(site.path("etc/credentials/rehearsal")).read().strip()
    assert key not in text


def test_evidence_says_what_it_leaves_out(site, domain, tmp_path):
    box = f"a@{domain}"
    number = site.order(box)
    site.stored(number)
    doc, _ = content(site, number, tmp_path)
    assert doc["left_out"] == []
    intent = doc["intents"][0]["id"]
    events = len([e for e in doc["events"] if e["object"] == f"intent:{intent}"])
    site.agent.stop()       # more than a person would make: written by another hand
    sql(site, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
              "INSERT INTO consent (mailbox, mailbox_key, what, who, how, text, entered_by, given, withdrawn) "
              f"SELECT '{box}', '{box}', 'custody', 'owner', 'form', 'agreed', 'x', i, 0 FROM n; "
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
              f"INSERT INTO event (at, type, object, data) SELECT 5, 'test', 'intent:{intent}', '{{}}' FROM n;")
    site.start_agent()
    doc, _ = content(site, number, tmp_path)
    assert doc["left_out"] == [f"of the consents of {box} at most 500 are here: the ledger may have more"]
    assert len(doc["consents"]) == 500
    assert len([e for e in doc["events"] if e["object"] == f"intent:{intent}"]) == events + 300
    assert f"of the consents of {box} at most 500" in cli(site, "evidence", "--verify", str(tmp_path / f"{number}.pem"))


def test_evidence_is_verified(site, domain, tmp_path):
    number = site.order(f"a@{domain}")
    site.stored(number)
    out, signer = tmp_path / "e.pem", tmp_path / "signer.pem"
    assert str(out) in cli(site, "evidence", f"order:{number}", "--out", str(out))
    cli(site, "evidence", f"order:{number}", "--out", str(out), ok=(1,))
    assert os.stat(out).st_mode & 0o777 == 0o600
    assert f"order {number} for a@{domain}" in cli(site, "evidence", "--verify", str(out))
    cli(site, "evidence", "--signer", "--out", str(signer))
    site.agent.stop()
    site.keeper.stop()
    try:
        cli(site, "evidence", "--verify", str(out), "--certificate", str(signer))
        assert json.loads(cli(site, "--json", "evidence", "--verify", str(out), "--certificate", str(signer)))["order"]
    finally:
        site.keeper.start()
        site.start_agent()
    # the same key after a restart, and one byte changed is seen
    assert cli(site, "evidence", "--signer") == signer.read_text()
    lines = out.read_text().splitlines()
    lines[20] = lines[20][:10] + ("A" if lines[20][10] != "A" else "B") + lines[20][11:]
    (tmp_path / "bad.pem").write_text("\n".join(lines) + "\n")
    cli(site, "evidence", "--verify", str(tmp_path / "bad.pem"), ok=(1,))
    # another signer's is refused, though it is whole
    other = tmp_path / "other"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=certmilter evidence",
                    "-keyout", f"{other}.key", "-out", f"{other}.crt", "-days", "9"], check=True, capture_output=True)
    subprocess.run(["openssl", "cms", "-sign", "-nodetach", "-binary", "-in", str(out), "-signer", f"{other}.crt",
                    "-inkey", f"{other}.key", "-outform", "PEM", "-out", f"{other}.pem"], check=True)
    cli(site, "evidence", "--verify", f"{other}.pem", ok=(1,))
    assert refused(site, "evidence", order="order:999999")["code"] == "show.absent"
