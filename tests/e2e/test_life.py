"""The life of an order after it was placed: cancelled, revoked, reissued, renewed, changed in the CA's portal."""
import json
import os
import subprocess
import time

import pytest

from agentsocket import Refused
from catools import csr_of

WAITING = dict(issue_delay=600)


@pytest.fixture
def domain(site):
    name = f"d{next(site.fresh)}.test"
    site.ca.post("validate", domain=name)
    yield name
    site.ca.call("DELETE", "faults")
    site.ca.settings(issue_delay=0, send_mails=True, issued_form="zip")


def orders(site):
    """Orders at the CA: {id: order}."""
    return site.ca.get("state/orders")["orders"]


def of_box(site, box):
    return [o for o in orders(site).values() if o["emails"] == [box] and o["account"] == "ours"]


def at_ca(site, number):
    """The CA's row of our order NUMBER."""
    return orders(site)[show(site, number)["ca_order"]]


def show(site, number):
    return site.ask("show", what=f"order:{number}")["order"]


def certificates(site, box):
    """Our certificates, newest row first."""
    return sorted(site.ask("show", what=box)["certificates"], key=lambda c: -c["id"])


def cli(site, *args, ok=(0,)):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=120)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout


def waiting(site, box):
    """An order that the CA works on for long."""
    site.ca.settings(**WAITING)
    number = site.order(box)
    site.wait(lambda: show(site, number)["state"] == "waiting", 20, "waiting")
    return number


def restart(site):
    site.agent.kill()
    site.start_agent()


def acts(site, what):
    return [e for e in site.events("act.") if e["data"]["act"] == what]


# --- cancel ---------------------------------------------------------------------------------------------

def test_cancel(site, domain):
    number = waiting(site, f"a@{domain}")
    site.ca.post("status", order_id=int(show(site, number)["ca_order"]), status="pending")
    with pytest.raises(Refused):
        site.ask("cancel", order=f"order:{number}", reason=" ")
    cli(site, "cancel", f"order:{number}", ok=(2,))
    before = orders(site)
    out = cli(site, "cancel", f"order:{number}", "--reason", "no longer here", "--dry-run")
    assert "CANCELED" in out and "no longer here" in out and orders(site) == before
    cli(site, "cancel", f"order:{number}", "--reason", "no longer here")
    assert at_ca(site, number)["status"] == "canceled"
    o = site.ask("show", what=f"order:{number}")
    assert o["order"]["state"] == "cancelled" and "no longer here" in o["order"]["reason"]
    assert [t["what"] for t in o["timeline"]][:2] == ["placed", "requesting"]
    assert o["timeline"][-1]["what"] == "done" and o["next"]["text"] == "nothing: it is over"
    cli(site, "cancel", f"order:{number}", "--reason", "again", ok=(1,))


def test_what_is_issued_cannot_be_cancelled(site, domain):
    number = waiting(site, f"a@{domain}")        # "processing" can't be cancelled there
    cli(site, "cancel", f"order:{number}", "--reason", "x", ok=(1,))
    assert show(site, number)["state"] == "waiting" and at_ca(site, number)["status"] == "processing"


# --- revoke ---------------------------------------------------------------------------------------------

def revoked_at_ca(site):
    # whole bytes, as our ledger writes them
    all_there = site.ca.get("state/certificates")["certificates"].values()
    return {c["serial"].zfill(len(c["serial"]) + len(c["serial"]) % 2) for c in all_there if c["revoked"]}


def test_revoke_takes_one_certificate_only(site, domain):
    box = f"a@{domain}"
    first = site.stored(site.order(box))
    cli(site, "reissue", box, "--reason", "new phone")
    site.wait(lambda: len(certificates(site, box)) == 2, 30, "the second certificate")
    new, old = certificates(site, box)
    assert (new["state"], old["state"]) == ("current", "superseded") and old["id"] == first["id"]
    number = first["order"]
    cli(site, "revoke", f"order:{number}", "--reason", "which?", ok=(1,))        # it has two
    dry = cli(site, "revoke", f"certificate:{old['id']}", "--reason", "lost", "--dry-run")
    assert f"certificate/{old['serial']}/revoke" in dry and old["serial"] not in revoked_at_ca(site)
    cli(site, "revoke", f"certificate:{old['id']}", "--reason", "lost")
    assert old["serial"] in revoked_at_ca(site) and new["serial"] not in revoked_at_ca(site)
    assert [c["state"] for c in certificates(site, box)] == ["current", "revoked"]
    assert at_ca(site, number)["status"] == "issued"
    cli(site, "revoke", f"certificate:{old['id']}", "--reason", "lost", ok=(1,))
    cli(site, "revoke", f"order:{number}", "--whole-order", "--reason", "left the company")
    assert {old["serial"], new["serial"]} <= revoked_at_ca(site) and at_ca(site, number)["status"] == "revoked"
    assert [c["state"] for c in certificates(site, box)] == ["revoked", "revoked"]
    assert "left the company" in show(site, number)["reason"]


def test_revocation_that_waits_for_a_person(site, domain):
    """The CA's answer 201: the request is pending, a person approves it over us."""
    box = f"a@{domain}"
    c = site.stored(site.order(box))
    serial = c["serial"]
    # somebody asks without the right to skip the approval
    site.ca.api("PUT", f"/certificate/{serial}/revoke", {"comments": "portal"})
    listed = json.loads(cli(site, "--json", "request", "list"))["requests"]
    mine = [r for r in listed if r["mailbox"] == box]
    assert len(mine) == 1 and mine[0]["type"] == "revoke"
    cli(site, "request", "approve", mine[0]["id"], ok=(2,))
    cli(site, "request", "approve", mine[0]["id"], "--reason", "agreed")
    assert serial in revoked_at_ca(site)
    cli(site, "request", "reject", mine[0]["id"], "--reason", "late", ok=(1,))
    # the order is revoked at the CA: our certificate follows by its responder
    site.wait(lambda: certificates(site, box)[0]["state"] == "revoked", 30, "revoked")


def test_request_rejected(site, domain):
    c = site.stored(site.order(f"a@{domain}"))
    site.ca.api("PUT", f"/certificate/{c['serial']}/revoke", {"comments": "portal"})
    mine = [r for r in site.ask("request.list")["requests"] if r["mailbox"] == f"a@{domain}"]
    cli(site, "request", "reject", mine[0]["id"], "--reason", "nobody of ours")
    assert c["serial"] not in revoked_at_ca(site)
    assert site.ca.get("state/requests")["requests"][mine[0]["id"]]["processor_comment"] == "nobody of ours"


# --- reissue --------------------------------------------------------------------------------------------

def test_reissue_keeps_the_old_key(site, domain, tmp_path):
    box = f"a@{domain}"
    first = site.stored(site.order(box))
    before = len(orders(site))
    out = cli(site, "reissue", f"order:{first['order']}", "--reason", "new phone", "--dry-run")
    assert "/reissue" in out
    cli(site, "reissue", f"order:{first['order']}", "--reason", "new phone")
    site.wait(lambda: show(site, first["order"])["state"] == "stored" and len(certificates(site, box)) == 2, 30, "new")
    new, old = certificates(site, box)
    assert len(orders(site)) == before
    assert new["key_id"] != old["key_id"] and new["order"] == old["order"]
    assert (new["state"], old["state"]) == ("current", "superseded")
    exported(site, old["key_id"], tmp_path / "old.p12")
    exported(site, new["key_id"], tmp_path / "new.p12")


def test_the_mail_is_faster_than_the_answer(site, domain):
    """The order is stored when the answer to its reissue comes; what it leaves out is learned, not forgotten."""
    box = f"a@{domain}"
    first = site.stored(site.order(box))
    known = site.wait(lambda: show(site, first["order"]).get("ca_certificate"), 30, "the CA's number of it")
    site.ca.fault("POST .*/reissue", "late:4", times=1)
    cli(site, "reissue", box, "--reason", "new phone")
    site.wait(lambda: len(certificates(site, box)) == 2, 30, "the reissue by mail")
    number = str(at_ca(site, first["order"])["certificate_id"])
    assert number != known
    site.wait(lambda: show(site, first["order"]).get("ca_certificate") == number, 30, "the new number")
    assert show(site, first["order"])["state"] == "stored"


def exported(site, key, p12):
    cli(site, "export", key, "--p12", str(p12), "--passphrase-out", str(p12) + ".pass", "--reason", "test")
    r = subprocess.run(["openssl", "pkcs12", "-in", str(p12), "-passin", f"file:{p12}.pass", "-nodes", "-nocerts"],
                       capture_output=True)
    assert r.returncode == 0 and b"PRIVATE KEY" in r.stdout


def test_a_reissue_withdrawn_in_the_portal_leaves_what_was(site, domain):
    box = f"a@{domain}"
    first = site.stored(site.order(box))
    key = show(site, first["order"])["key_id"]
    site.ca.settings(**WAITING)
    cli(site, "reissue", box, "--reason", "new phone")
    site.wait(lambda: show(site, first["order"])["state"] == "waiting", 20, "waiting")
    assert show(site, first["order"])["key_id"] != key
    site.ca.post("status", order_id=int(show(site, first["order"])["ca_order"]), status="reissue_pending")
    cli(site, "cancel", f"order:{first['order']}", "--reason", "changed our mind")
    o = show(site, first["order"])
    assert o["state"] == "stored" and o["key_id"] == key and at_ca(site, first["order"])["status"] == "issued"
    assert [c["state"] for c in certificates(site, box)] == ["current"]


# --- renew ----------------------------------------------------------------------------------------------

def test_renew(site, domain, tmp_path):
    box = f"a@{domain}"
    first = site.stored(site.order(box, usage="signing"))
    before = len(orders(site))
    out = cli(site, "renew", box, "--dry-run")
    assert "renewal of order id" in out and str(show(site, first["order"])["ca_order"]) in out
    assert len(orders(site)) == before and not [e for e in site.events("order.placed")
                                                if e["data"].get("renewal_of") and e["data"]["mailbox"] == box]
    site.ca.settings(**WAITING)
    cli(site, "renew", box)
    with pytest.raises(Refused):                     # one is under way
        site.ask("renew", mailbox=box)
    site.wait(lambda: len(of_box(site, box)) == 2, 20, "the order")
    new = max(of_box(site, box), key=lambda o: o["id"])
    assert str(new["renewal_of"]) == show(site, first["order"])["ca_order"]
    assert new["plan"]["use"] == "signing"
    site.ca.post("status", order_id=new["id"], status="processing", finish=True)
    site.wait(lambda: len(certificates(site, box)) == 2, 60, "the new certificate")
    c, old = certificates(site, box)
    assert (c["state"], old["state"]) == ("current", "superseded") and c["key_id"] != old["key_id"]
    exported(site, old["key_id"], tmp_path / "old.p12")


def test_renew_days_and_the_brake(site, domain):
    boxes = [f"{n}@{domain}" for n in "abc"]
    for box in boxes:
        site.stored(site.order(box, validity_days=20))
    site.stored(site.order(f"long@{domain}", validity_days=300))
    day = site.ask("renew", days=30, dry_run=True)
    mine = [r for r in day["renewals"] if r["mailbox"] in boxes]
    assert {r["state"] for r in mine} == {"dry-run"} and len(mine) == 3
    assert all(r["sends"]["body"]["renewal_of_order_id"] for r in mine)
    assert f"long@{domain}" not in [r["mailbox"] for r in day["renewals"]]
    limited(site, 'orders_run   = 2\n    poll         = "1s"')
    try:
        answer = site.ask("renew", days=30)
        assert answer["ordered"] == 2 and answer["over_limit"] >= 1 and answer["attention"]
    finally:
        limited(site, None)
    site.wait(lambda: sum(len(of_box(site, b)) == 2 for b in boxes) == 2, 20, "two renewals")
    placed = site.ca.counters()["orders"]["ours"]
    limited(site, 'orders_day   = 1')
    try:
        left = [r for r in site.ask("renew", days=30)["renewals"] if r["mailbox"] in boxes]
        assert left and all(r["state"] == "refused" and "limit 1" in r["text"] for r in left
                            if "under way" not in r.get("text", ""))
    finally:
        limited(site, None)
    assert site.ca.counters()["orders"]["ours"] == placed


def limited(site, option):
    """The account's section with one more option; None: as it was."""
    site.write_config()
    if option:
        text = open(site.config).read()
        text = text.replace("    poll         = 1s\n", "") if "poll" in option else text
        with open(site.config, "w") as f:
            f.write(text.replace("    driver ", f"    {option}\n    driver ", 1))
    site.ask("reload")


def test_automatic_renewal(site, domain):
    box = f"a@{domain}"
    site.domains[domain] = {"mode": "confirm", "validity": "10d"}
    limited(site, None)
    old = site.stored(site.order(box))
    assert "not renewed by itself" in site.ask("show", what=f"order:{old['order']}")["next"]["text"]
    site.domains[domain] = {"mode": "confirm", "validity": "90d", "renew": "20d"}
    limited(site, None)
    try:
        site.wait(lambda: len(certificates(site, box)) == 2, 60, "renewed by itself")
        new = certificates(site, box)[0]
        assert new["state"] == "current" and new["not_after"] > old["not_after"] + 70 * 86400
        o = site.ask("show", what=f"order:{new['order']}")
        assert o["order"]["by"] == "agent (renewal)" and o["next"]["text"] == "it is renewed by a new order"
        assert o["next"]["at"] == new["not_after"] - 20 * 86400
        time.sleep(6)                                 # the timer looks again, and finds nothing to do
        restart(site)
        time.sleep(6)
        assert len(of_box(site, box)) == 2
    finally:
        site.domains[domain] = {"mode": "confirm"}
        limited(site, None)


# --- lost answers, and a killed agent: never one too many -----------------------------------------------------

@pytest.mark.parametrize("fault", ["drop", "late_status:502", "half_json"])
def test_lost_answers(site, domain, fault):
    box = f"a@{domain}"
    first = site.stored(site.order(box))
    site.ca.settings(send_mails=False)                # no mail brings what the look must find
    site.ca.fault("POST .*/reissue", fault)
    cli(site, "reissue", box, "--reason", "lost answer")
    site.wait(lambda: len(certificates(site, box)) == 2, 60, "reissued")
    requests = site.ca.get("state/requests")["requests"].values()
    number = int(show(site, first["order"])["ca_order"])
    assert len([r for r in requests if r["order_id"] == number and r["type"] == "reissue"]) == 1
    site.ca.settings(send_mails=True)
    site.ca.fault("POST .*/order/certificate/secure", fault)
    cli(site, "renew", box)
    site.wait(lambda: len(certificates(site, box)) == 3, 60, "renewed")
    assert len(of_box(site, box)) == 2
    c, mid, old = certificates(site, box)
    site.ca.fault("PUT .*/certificate/[0-9A-F]+/revoke", fault)
    cli(site, "revoke", f"certificate:{mid['id']}", "--reason", "lost answer", ok=(0, 4))
    site.wait(lambda: {x["id"]: x["state"] for x in certificates(site, box)}[mid["id"]] == "revoked", 60, "revoked")
    assert mid["serial"] in revoked_at_ca(site) and c["serial"] not in revoked_at_ca(site)
    assert old["serial"] not in revoked_at_ca(site)
    assert not [e for e in site.events("alarm.revoked") if e["data"]["mailbox"] == box]
    other = waiting(site, f"b@{domain}")
    site.ca.post("status", order_id=int(show(site, other)["ca_order"]), status="pending")
    site.ca.fault("PUT .*/order/certificate/[0-9]+/status", fault)
    cli(site, "cancel", f"order:{other}", "--reason", "lost answer")
    assert show(site, other)["state"] == "cancelled" and at_ca(site, other)["status"] == "canceled"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["reissue", "renew", "revoke", "cancel"])
def test_killed_while_it_asks(site, domain, what):
    """kill -9 after the request left and before its answer: the agent looks first."""
    box = f"a@{domain}"
    first = site.stored(site.order(box))
    hits = {"reissue": "POST .*/reissue", "renew": "POST .*/order/certificate/secure",
            "revoke": "PUT .*/revoke", "cancel": "PUT .*/status"}
    number = first["order"]
    if what == "cancel":
        number = waiting(site, f"b@{domain}")
        site.ca.post("status", order_id=int(show(site, number)["ca_order"]), status="pending")
    site.ca.fault(hits[what], ["slow:1"])
    fields = {"reissue": dict(what=box, reason="x"), "renew": dict(mailbox=box),
              "revoke": dict(what=f"certificate:{first['id']}", reason="x"),
              "cancel": dict(order=f"order:{number}", reason="x")}
    site.ask(what, **fields[what])
    site.wait(lambda: [f for f in site.ca.get("faults")["faults"] if f["hits"]], 20, "the request")
    site.agent.kill()
    time.sleep(1.5)                                    # the CA does it meanwhile
    site.start_agent()
    if what == "cancel":
        site.wait(lambda: show(site, number)["state"] == "cancelled", 60, "cancelled")
    elif what == "revoke":
        site.wait(lambda: certificates(site, box)[0]["state"] == "revoked", 60, "revoked")
    else:
        site.wait(lambda: len(certificates(site, box)) == 2, 90, "the second certificate")
    assert len(of_box(site, box)) == (2 if what == "renew" else 1)
    reissues = [r for r in site.ca.get("state/requests")["requests"].values()
                if r["type"] == "reissue" and r["order_id"] == of_box(site, box)[0]["id"]]
    assert len(reissues) == (what == "reissue")


# --- what others do at the CA ---------------------------------------------------------------------------------

def elsewhere(site, box, **more):
    """Somebody orders in the portal; the CA's number."""
    body = {"certificate": {"emails": [box], "csr": csr_of()[1], "profile_type": "strict",
                            "usage_designation": {"primary_usage": "dual_use"}},
            "order_validity": {"days": 90}, "payment_method": "balance", "skip_approval": True, **more}
    return site.ca.api("POST", "/order/certificate/secure_email_mailbox", body)["id"]


def ours_of(site, number):
    try:
        return site.ask("show", what=str(number))["order"]
    except (Refused, KeyError):
        return None


def test_orders_of_the_portal_appear(site, domain):
    box = f"a@{domain}"
    number = elsewhere(site, box)
    foreign = elsewhere(site, "x@not-ours.test")
    site.wait(lambda: [o for o in site.ask("show", what=box)["orders"] if o["ca_order"] == str(number)], 40,
              "it appears")
    o = [o for o in site.ask("show", what=box)["orders"] if o["ca_order"] == str(number)][0]
    assert o["by"] == "the CA's portal" and o["reference"].startswith("portal-")
    c = site.stored(o["id"])
    assert c["mailboxes"] == [box] and not c.get("key_id")
    with pytest.raises(Refused):
        site.ask("renew", mailbox=box)                # its key isn't here
    site.ca.post("revoke", order_id=number)
    site.ca.post("status", order_id=number, status="revoked")
    site.wait(lambda: certificates(site, box)[0]["state"] == "revoked", 40, "revoked in the portal")
    assert not [e for e in site.events("order.elsewhere") if e["data"]["ca_order"] == str(foreign)]
    assert len(of_box(site, box)) == 1


STATUSES = {"pending": "waiting", "processing": "waiting", "reissue_pending": "waiting", "needs_csr": "person",
            "needs_approval": "person", "waiting_pickup": "person", "rejected": "failed", "denied": "failed",
            "revoked": "failed", "canceled": "cancelled", "on_the_moon": "waiting"}


@pytest.mark.slow
def test_every_status(site, domain):
    """Whatever the CA says of an order of ours: its state here; unknown words wait and are logged."""
    ours = {}
    for word in STATUSES:
        ours[word] = waiting(site, f"{word.replace('_', '-')}@{domain}")
    for word, number in ours.items():
        site.ca.post("status", order_id=int(show(site, number)["ca_order"]), status=word, unknown=True)
    for word, state in STATUSES.items():
        site.wait(lambda w=word, s=state: (o := show(site, ours[w])).get("ca_status") == w and o["state"] == s, 60,
                  word)
    assert "on_the_moon" in site.agent.log_text() and "does not know" in show(site, ours["on_the_moon"])["reason"]
    shown = site.ask("show", what=f"order:{ours['needs_approval']}")
    assert "person" in shown["next"]["text"] and shown["next"]["at"]
    for word in ("issued", "approved"):
        site.ca.settings(issue_delay=0)
        number = site.order(f"{word}@{domain}")
        assert site.stored(number)["state"] == "current"


def test_additional_addresses(site, domain):
    number = site.stored(site.order(f"a@{domain}"))["order"]
    cli(site, "emails", f"order:{number}", f"b@{domain}", "it@example.test")
    assert at_ca(site, number)["additional_emails"] == [f"b@{domain}", "it@example.test"]
    cli(site, "emails", f"order:{number}", "nonsense", ok=(1,))
