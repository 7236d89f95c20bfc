"""certmilter against an agent that is none: what it asks, what it shows, how it ends."""
import base64
import json
import os
import pwd
import re
import stat
import time

import pytest

from conftest import MAILS, ROOT

NOW = 1795356000
ALL = [("status",), ("domain", "list"), ("domain", "add", "example.test"),
       ("domain", "check", "example.test"), ("domain", "resend", "example.test"), ("domain", "plan"),
       ("domain", "persist", "example.test"), ("order", "a@example.test"),
       ("expect", "domain", "example.test"), ("consent", "list"), ("consent", "withdraw", "1"),
       ("consent", "add", "a@example.test", "--what", "custody", "--who", "A", "--how", "h", "--text", "t"),
       ("list",), ("list", "--expiring", "30d"), ("show", "a@example.test"), ("held", "list"),
       ("held", "show", "1"), ("held", "approve", "1", "--reason", "r"),
       ("held", "deny", "1", "--reason", "r"), ("events",), ("reload",),
       ("ingest", str(MAILS / "dcv-dv-en.eml"), "--rcpt", "a@example.test"),
       ("profile", "record", "--list"), ("profile", "record", "--withdraw", "digicert", "other")]


# ---- what holds for all of them ------------------------------------------------------------

@pytest.mark.parametrize("args", ALL, ids=" ".join)
def test_agent_down(site, args):
    r = site.run(*args)
    assert r.status == 3
    assert "certagentd can't be reached" in r.err and r.err.count("\n") == 1
    assert r.out == ""
    answer, status = site.ask(*args)
    assert status == 3
    assert (answer["ok"], answer["class"], answer["code"]) == (False, "temporary", "agent.down")


@pytest.mark.parametrize("args", ALL, ids=" ".join)
def test_refused(site, args):
    site.serve()
    r = site.run(*args)
    assert r.status == 1 and "unknown command" in r.err and r.out == ""
    answer, status = site.ask(*args)
    assert status == 1 and answer["ok"] is False and answer["code"] == "control.command"


@pytest.mark.parametrize("cls,status", [("temporary", 3), ("permanent", 1), ("ours", 1)])
def test_classes(site, cls, status):
    site.serve(status={"ok": False, "class": cls, "code": "x.y", "text": "it is so"})
    assert site.run("status").status == status
    answer, got = site.ask("status")
    assert got == status and answer == {"ok": False, "class": cls, "code": "x.y", "text": "it is so"}


@pytest.mark.parametrize("args", ALL, ids=" ".join)
def test_empty_answer_and_json(site, args):
    """An answer without any member harms nothing; JSON is one document."""
    site.serve(**{c.replace(".", "_"): {} for c in
                  "status domain.list domain.add domain.check domain.resend domain.plan domain.persist order expect "
                  "consent.list consent.withdraw "
                  "consent.add list show held.list held.show held.approve held.deny events reload "
                  "ingest record.list record.withdraw".split()}, mail_wait={"mails": [
                      {"id": 1, "state": "final"}]})
    assert site.run(*args).status == 0
    answer, status = site.ask(*args)
    assert status == 0 and answer["ok"] is True


def test_attention_is_four(site):
    site.serve(status={"attention": ["2 mails are held"]})
    r = site.run("status")
    assert r.status == 4 and r.out.endswith("! 2 mails are held\n")
    answer, status = site.ask("status")
    assert status == 4 and answer["attention"] == ["2 mails are held"]


def test_who_asks(site):
    agent = site.serve(status={})
    site.run("status", env={"SUDO_USER": "joe\x1b"})
    assert agent.requests[0]["v"] == 1
    if os.geteuid() == 0:
        assert agent.requests[0]["by"] == "joe?"
    else:  # whoever isn't root can't say who he is
        assert agent.requests[0]["by"] == pwd.getpwuid(os.getuid()).pw_name


def test_agent_that_hangs_up(site):
    def vanish(_):
        raise OSError
    site.serve(status=vanish)
    assert site.run("status").status == 3


def test_configuration_with_errors(site):
    site.config.write_text('colour = "red"\ndomain "not a name" { mode = sometimes }\n')
    r = site.run("status")
    assert r.status == 1
    assert "certmilter.conf:1" in r.err and "certmilter.conf:2" in r.err
    answer, status = site.ask("status")
    assert status == 1 and answer["code"] == "config.errors" and len(answer["errors"]) >= 2


def test_configuration_by_environment(site):
    agent = site.serve(status={"version": "9.9"})
    r = site.run("status", config=False, env={"CERTMILTER_CONFIG": str(site.config)})
    assert r.status == 0 and "9.9" in r.out and len(agent.requests) == 1


def test_named_configuration_must_exist(site):
    r = site.run("--config", str(site.path / "none.conf"), "status", config=False)
    assert r.status == 1 and "none.conf" in r.err


# ---- each of them -----------------------------------------------------------------------------

def test_status(site):
    site.serve(status={
        "version": "0.1.0", "started": NOW, "config": "/etc/x.conf", "guard": False,
        "domains": {"total": 3, "confirm": 1, "hold": 0, "observe": 2},
        "spool": {"new": 4, "cur": 1, "dead": 0, "bytes": 2048, "oldest": NOW},
        "accounts": [{"id": "main", "ca": "digicert", "state": "ready", "asked": NOW}],
        "jobs": {"waiting": 2, "failing": 1}, "held": 5, "alarms": 6, "intents_open": 7,
        "mails": [{"kind": "domain-validation", "verdict": "confirm", "n": 8}],
        "certificates": {"expiring": 9}, "keeper": {"ok": True}, "watch": {"domains": 3, "written": NOW}})
    out = site.run("status").out
    for text in ("3 (confirm 1, hold 0, observe 2)", "4 waiting, 1 at work, 0 dead, 2.0 KiB",
                 "main (digicert) ready", "2 waiting, 1 failing", "8 domain-validation: confirm",
                 "7 intents", "9 end within 30 d", "2026-11-22 14:00"):
        assert text in out
    names = [line[:15].strip() for line in out.splitlines()]
    assert names[:3] == ["agent", "configuration", "domains"]
    assert "orders" not in out  # not told, not shown as none


def test_domain_list_pages(site):
    def page(req):
        start = int(req.get("after", 0))
        return {"domains": [{"domain": "d%d.test" % i, "mode": "hold", "tenant": "t"}
                            for i in range(start, start + 2)],
                **({"next": start + 2} if start < 4 else {})}
    agent = site.serve(domain_list=page)
    r = site.run("domain", "list")
    lines = r.out.splitlines()
    assert lines[0].split() == ["DOMAIN", "TENANT", "MODE"]
    assert [line.split()[0] for line in lines[1:]] == ["d%d.test" % i for i in range(6)]
    assert [q.get("after") for q in agent.requests] == [None, 2, 4]
    answer, status = site.ask("domain", "list")
    assert status == 0 and answer["ok"] is True
    assert [d["domain"] for d in answer["domains"]] == ["d%d.test" % i for i in range(6)]


def test_a_page_that_fails_is_still_one_document(site):
    def page(req):
        if req.get("after"):
            return {"ok": False, "class": "temporary", "code": "ledger.io", "text": "not now"}
        return {"domains": [{"domain": "d.test"}], "next": 1}
    site.serve(domain_list=page)
    r = site.run("domain", "list")
    assert r.status == 3 and "d.test" in r.out and "not now" in r.err
    answer, status = site.ask("domain", "list")
    assert status == 3 and answer["ok"] is False and len(answer["domains"]) == 1
    assert answer["code"] == "ledger.io"


def test_empty_pages_with_a_next_one(site):
    """Events are filtered behind the paging."""
    site.serve(events=lambda q: {"events": [], "next": 5} if q["after"] == 0 else
               {"events": [{"id": 9, "at": NOW, "type": "mail.taken", "data": {"rcpt": "a@b.test"}}]})
    r = site.run("events", "--after", "0", "--prefix", "mail.")
    assert r.status == 0 and "mail.taken" in r.out and "rcpt=a@b.test" in r.out


def test_big_answer(site):
    site.serve(domain_list={"domains": [{"domain": "domain-number-%d.test" % i} for i in range(5000)]})
    answer, status = site.ask("domain", "list")
    assert status == 0 and len(answer["domains"]) == 5000


def test_domain_add(site):
    agent = site.serve(domain_add={"intent": 7, "state": "requesting", "domain": "example.test",
                                   "recipients": ["admin@example.test"], "text": "the CA is asked"})
    r = site.run("domain", "add", "example.test")
    assert r.status == 0 and "admin@example.test" in r.out and r.out.endswith("the CA is asked\n")
    assert agent.requests[0]["domain"] == "example.test"


def test_domain_add_by_mail_tells_whom_the_ca_wrote_to(site):
    """The CA is asked after the answer: the command waits until it has told."""
    shown = iter(["requesting", "requesting", "open"])
    intent = lambda state: {"id": 7, "state": state, "expires": NOW, "recipients": ["dcv@example.test"]}
    site.serve(domain_add={"intent": 7, "state": "requesting", "domain": "example.test", "method": "email",
                           "recipients": []},
               show=lambda q: {"type": "domain", "intents": [{"id": 3, "state": "confirmed"}, intent(next(shown))]})
    r = site.run("domain", "add", "example.test")
    assert r.status == 0 and "dcv@example.test" in r.out and "open" in r.out and next(shown, None) is None


def test_domain_list_is_a_calendar(site):
    site.serve(domain_list={"domains": [
        {"domain": "d.test", "mode": "confirm", "effective_mode": "observe", "state": "valid", "method": "email",
         "until": int(time.time()) + 40 * 86400 + 60,
         "next": {"text": "validated anew", "at": int(time.time()) + 10 * 86400 + 60}},
        {"domain": "e.test", "mode": "hold", "effective_mode": "hold", "state": "unknown", "asks": "http",
         "next": {"text": "nothing", "at": 0}}]})
    head, one, two = site.run("domain", "list").out.splitlines()
    assert head.split() == ["DOMAIN", "MODE", "STATE", "METHOD", "VALID", "UNTIL", "NEXT", "ON", "NEXT"]
    assert "observe (confirm)" in one and "in 40 d" in one and "in 10 d" in one and one.endswith("validated anew")
    assert two.split() == ["e.test", "hold", "unknown", "http", "nothing"]


def test_domain_resend_persist_and_plan(site):
    agent = site.serve(
        domain_resend={"intent": 7, "domain": "d.test", "recipients": ["admin@d.test"], "text": "asked again"},
        domain_persist={"record": '_validation-persist.d.test. IN TXT "x"', "text": "not there", "dnssec": "insecure",
                        "attention": ["not there"]},
        domain_plan={"plan": [{"domain": "d.test", "method": "email", "covered": 'dns "own"', "step": "do this"},
                              {"domain": "e.test", "method": "email", "step": "do that"}]})
    assert "admin@d.test" in site.run("domain", "resend", "d.test").out
    r = site.run("domain", "persist", "d.test", "--until", "2031-01-01", "--policy", "wildcard")
    assert r.status == 4 and r.out.startswith('_validation-persist.d.test. IN TXT "x"\n') and "insecure" in r.out
    assert (agent.requests[-1]["until"], agent.requests[-1]["policy"]) == (1924992000, "wildcard")
    assert site.run("domain", "persist", "d.test", "--until", "soon").status == 2
    out = site.run("domain", "plan").out
    assert 'dns "own"' in out and "do this" in out and "nothing yet" in out and "do that" in out


def test_domain_check(site):
    checks = [{"name": "mx", "result": "ok", "text": "mail comes here"},
              {"name": "caa", "result": "fail", "text": "CAA forbids it"}]
    site.serve(domain_check=lambda q: {"checks": checks if q["domain"] == "bad.test" else checks[:1]})
    r = site.run("domain", "check", "bad.test")
    assert r.status == 4
    assert r.out == "ok    mx   mail comes here\nfail  caa  CAA forbids it\n"
    assert site.run("domain", "check", "good.test").status == 0


def test_order(site):
    agent = site.serve(order={"order": 3, "text": "order 3 is on its way", "state": "preparing"})
    r = site.run("order", "a@example.test", "--key-type", "p256", "--product", "secure_email_mailbox",
                 "--usage", "signing", "--profile-type", "strict", "--days", "90",
                 "--first-name", "A", "--last-name", "B", "--dry-run")
    assert r.status == 0 and r.out == "order 3 is on its way\n"
    asked, quote, q = agent.requests
    assert asked == q
    assert (quote["cmd"], quote["mailbox"], quote["product"], quote["n"]) == (
        "quote", "a@example.test", "secure_email_mailbox", 1)
    for key in ("v", "cmd", "by"):
        del q[key]
    assert q == {"mailbox": "a@example.test", "key_type": "p256", "product": "secure_email_mailbox",
                 "usage": "signing", "profile_type": "strict", "validity_days": 90, "first_name": "A",
                 "last_name": "B", "dry_run": True}
    assert site.run("order", "a@example.test", "--days", "many").status == 2


def orders(agent):
    """What was ordered; before, the agent is asked whether it would, and for the price."""
    return [q for q in agent.requests if q["cmd"] == "order" and not q.get("dry_run")]


def test_order_form(site):
    """Every field of the form as the agent's request has it."""
    agent = site.serve(order={"order": 3, "text": "on its way", "attention": ["it ended"]})
    r = site.run("order", "a@example.test, b@example.test", "--addresses", "c@example.test", "--product", "Business",
                 "--common-name", "pseudonym", "--pseudonym", "P", "--organization", "5", "--later", "--hash", "sha384",
                 "--additional-usage", "non_repudiation,client_auth", "--until", "2027-12-31", "--auto-renew", "2",
                 "--renew-by", "ca", "--key", "reuse", "--notify", "x@y.test", "--notify", "z@y.test,w@y.test",
                 "--comments", "room 7", "--custom", "Cost center=4711; Desk = 3", "--custom", '{"Odd;one": "a=b"}',
                 "--container", "9", "--payment", "card", "--language", "de")
    assert r.status == 4 and "! it ended" in r.out
    q, = orders(agent)
    for key in ("v", "cmd", "by"):
        del q[key]
    assert q == {"mailbox": "a@example.test", "addresses": ["a@example.test", "b@example.test", "c@example.test"],
                 "product": "secure_email_sponsor", "common_name": "pseudonym", "pseudonym": "P", "organization": 5,
                 "later": True, "signature_hash": "sha384", "additional_usages": ["non_repudiation", "client_auth"],
                 "validity_until": "2027-12-31", "auto_renew": 2, "renew_by": "ca", "key": "reuse",
                 "emails": ["x@y.test", "z@y.test", "w@y.test"], "comments": "room 7", "container": 9,
                 "custom_fields": {"Cost center": "4711", "Desk": "3", "Odd;one": "a=b"}, "payment": "card",
                 "locale": "de"}
    for bad in (("--custom", "nothing"), ("--container", "x"), ("--years", "0"), ("--auto-renew", "-1")):
        assert site.run("order", "a@example.test", *bad).status == 2, bad


def test_order_for_several(site):
    answers = {"a@x.test": {"order": 3, "text": "order 3 is on its way"},
               "b@x.test": {"ok": False, "class": "permanent", "code": "order.consent", "text": "not agreed"},
               "c@x.test": {"order": 4, "text": "order 4 is on its way", "attention": ["look"]}}
    agent = site.serve(order=lambda q: answers[q["mailbox"]])
    r = site.run("order", *answers)
    assert r.status == 1 and r.out == ("a@x.test: order 3 is on its way\nb@x.test: refused: not agreed\n"
                                       "c@x.test: order 4 is on its way\n! look\n")
    assert [q["mailbox"] for q in orders(agent)] == list(answers)
    list_, status = site.ask("order", "a@x.test", "c@x.test")
    assert status == 4 and [o["order"] for o in list_] == [3, 4]
    r = site.run("order", "a@x.test", "c@x.test", "--first-name", "A")
    assert r.status == 2 and "--csv" in r.err and len(orders(agent)) == 5


QUOTE = {"account": "main", "product": "secure_email_mailbox", "days": 365, "orders": 1, "payment": "balance",
         "each": "25.00", "currency": "USD", "source": "the CA", "total": "25.00", "balance": "30.00",
         "room": {"day": 9, "month": 49}, "notes": ["the order will wait"]}


def test_the_price_comes_first(site):
    agent = site.serve(quote=QUOTE, order={"order": 3, "text": "order 3 is on its way", "state": "preparing"})
    r = site.run("order", "a@example.test")
    assert r.status == 0 and r.out == "order 3 is on its way\n" and r.err == (
        "1 order of secure_email_mailbox over account main: 25.00 USD each (as told by the CA); paid by the account's "
        "balance; balance 30.00 USD; the limits have room for 9 today, 49 in this month\n! the order will wait\n")
    answer, status = site.ask("order", "a@example.test")
    assert status == 0 and answer["order"] == 3         # one document, without the price
    agent.answers["quote"] = {**QUOTE, "payment": "card", "balance": None}
    assert "paid by card (authorized until issuance); balance not told" in site.run("order", "a@example.test").err
    before = len(agent.requests)
    agent.answers["quote"] = {**QUOTE, "balance": "3.00", "missing": "22.00"}
    r = site.run("order", "a@example.test")
    assert r.status == 1 and "22.00 USD is missing" in r.err
    assert [(q["cmd"], q.get("dry_run")) for q in agent.requests[before:]] == [("order", True), ("quote", None)]
    assert site.run("--json", "order", "a@example.test").status == 1


def test_what_is_refused_has_no_price(site):
    no = {"ok": False, "class": "permanent", "code": "order.consent", "text": "not agreed"}
    agent = site.serve(quote=lambda q: {**QUOTE, "orders": q["n"], "total": "50.00"},
                       order=lambda q: no if q["mailbox"].startswith("no") else {"order": 3, "text": "on its way"})
    r = site.run("order", "no@x.test")
    assert (r.status, r.out, r.err) == (1, "", "certmilter: not agreed\n")
    answer, status = site.ask("order", "no@x.test")
    assert status == 1 and answer["code"] == "order.consent"
    assert [q["cmd"] for q in agent.requests] == ["order", "order"]
    r = site.run("order", "no@x.test", "a@x.test", "no2@x.test", "b@x.test")
    assert r.status == 1 and r.out.count("refused: not agreed") == 2
    assert r.err.startswith("2 orders of secure_email_mailbox") and "50.00 USD in all" in r.err
    assert [q["mailbox"] for q in agent.requests if q["cmd"] == "quote"] == ["a@x.test"]
    r = site.run("order", "no@x.test", "no2@x.test")
    assert r.status == 1 and r.err == ""


def test_organizations(site):
    rows = [{"id": 4711, "name": "Sample Ltd", "smime": "valid", "until": 2000000000, "days_left": 800, "orders": True,
             "account": "main"}, {"id": 4712, "name": "New Ltd", "smime": "pending", "call_until": 1900000000}]
    agent = site.serve(organization_list={"organizations": rows}, organization_submit={"text": "asked"},
                       organization_add=lambda q: {"text": "asked"})
    out = site.run("organization", "list").out
    assert "valid, 800 d left" in out and "go with it" in out and "pending" in out
    assert "the CA calls, usually until" in site.run("organization", "show", "4712").out
    assert site.run("organization", "submit", "4712").out == "asked\n"
    r = site.run("organization", "add", "New Ltd", "--country", "de", "--contact-email", "a@b.test",
                 "--technical-phone", "5", "--phone", "4")
    assert r.status == 0
    assert agent.requests[-1]["form"] == {"name": "New Ltd", "country": "de", "telephone": "4",
                                          "organization_contact": {"email": "a@b.test"},
                                          "technical_contact": {"telephone": "5"}}


def test_products(site):
    rows = [{"id": "secure_email_mailbox", "known_as": "Secure Email for Individual", "years": [1, 2],
             "hashes": ["sha256"],
             "csr_required": False}, {"id": "client_premium", "ended": "2025-07-10"}]
    site.serve(product_list={"products": rows, "fields": [{"id": 7, "label": "Cost\x1b center", "required": True}]})
    out = site.run("product", "list").out
    assert "Secure Email for Individual" in out and "1 2" in out and "2025-07-10" in out
    out = site.run("product", "show", "client_premium").out
    assert "every order must give it" in out and "\x1b" not in out


def test_order_with_csr(site):
    agent = site.serve(order={})
    pem = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"
    assert site.run("order", "a@example.test", "--csr", "-", stdin=pem).status == 0
    assert agent.requests[-1]["csr"] == pem
    assert site.run("order", "a@example.test", "--csr", site.path / "none").status == 1


@pytest.mark.parametrize("end,status", [("stored", 0), ("failed", 1), ("cancelled", 1)])
def test_order_wait(site, end, status):
    states = ["preparing", "ordered", end]
    site.serve(order={"order": 3, "text": "on its way"},
               show=lambda q: {"type": "order", "order": {
                   "id": 3, "state": states.pop(0) if len(states) > 1 else states[0], "reason": "why"}})
    r = site.run("order", "a@example.test", "--wait")
    assert r.status == status and end in r.out
    answer, got = site.ask("order", "a@example.test", "--wait")
    assert got == status and answer["order"]["state"] == end


def test_order_wait_has_an_end(site):
    site.serve(order={"order": 3}, show={"type": "order", "order": {"id": 3, "state": "ordered"}})
    r = site.run("order", "a@example.test", "--wait", "--timeout", "1s")
    assert r.status == 3 and "isn't finished yet" in r.err


def test_expect(site):
    agent = site.serve(expect={"intent": 1, "text": "expected"})
    assert site.run("expect", "mailbox", "a@example.test", "--order", "77", "--account", "m").status == 0
    q = agent.requests[0]
    assert (q["kind"], q["name"], q["order"], q["account"]) == ("mailbox", "a@example.test", "77", "m")
    assert site.run("expect", "order", "x").status == 2


def test_consents(site):
    agent = site.serve(consent_add={"consent": 5}, consent_withdraw={}, consent_list={"consents": [
        {"id": 5, "mailbox": "a@example.test", "what": "custody", "given": NOW, "who": "A", "how": "mail",
         "entered_by": "joe (uid 0)", "withdrawn": 0, "text": "yes"}]})
    letter = site.path / "letter.txt"
    letter.write_text("I agree.\n")
    r = site.run("consent", "add", "a@example.test", "--what", "custody", "--who", "A", "--how", "mail",
                 "--text", "@%s" % letter)
    assert r.status == 0 and r.out == "consent 5 recorded\n"
    q = agent.requests[0]
    assert (q["mailbox"], q["what"], q["who"], q["how"], q["text"]) == (
        "a@example.test", "custody", "A", "mail", "I agree.\n")
    r = site.run("consent", "add", "a@example.test", "--what", "custody")
    assert r.status == 2 and "--who is missing" in r.err
    r = site.run("consent", "list", "--mailbox", "a@example.test")
    assert "a@example.test" in r.out and "WITHDRAWN" not in r.out
    assert agent.asked("consent.list")[0]["mailbox"] == "a@example.test"
    r = site.run("consent", "withdraw", "5")
    assert r.status == 0 and r.out == ""  # quiet when fine
    assert agent.asked("consent.withdraw")[0]["id"] == 5
    assert site.run("consent", "withdraw", "five").status == 2


def test_list_expiring(site):
    agent = site.serve(list={"certificates": [
        {"id": 1, "thumbprint": "ab", "serial": "0F", "mailboxes": ["a@b.test", "c@b.test"],
         "not_after": NOW, "state": "current"}], "attention": ["certificates are about to end"]})
    r = site.run("list", "--expiring", "30d")
    assert r.status == 4 and "a@b.test, c@b.test" in r.out and "! certificates" in r.out
    assert abs(agent.requests[0]["expiring_before"] - (time.time() + 30 * 86400)) < 60


def test_show(site):
    agent = site.serve(show={
        "type": "mailbox", "mailbox": {"mailbox": "a@b.test", "tenant": "t"},
        "certificates": [{"id": 4, "serial": "0F", "not_after": NOW, "mailboxes": ["a@b.test"]}],
        "orders": [{"id": 3, "state": "stored", "product": "p"}],
        "events": [{"id": 1, "at": NOW, "type": "order.placed", "actor": "joe", "data": {"reason": "why"}}]})
    r = site.run("show", "a@b.test")
    assert agent.requests[0]["what"] == "a@b.test"
    blocks = r.out.split("\n\n")
    assert [b.split("\n")[0] for b in blocks] == ["mailbox  a@b.test", "certificates", "orders", "events"]
    assert "order.placed  joe  why" in blocks[3]


def test_show_mail_with_checks(site):
    site.serve(show={"type": "mail", "mail": {"id": 1, "subject": "evil\u009b31m\u202etext"},
                     "checks": [{"rule": "dkim", "result": "pass", "detail": "signed"}]})
    r = site.run("show", "mail:1")
    assert "checks\npass  dkim  signed" in r.out
    assert "evil?31m?text" in r.out and "\x9b" not in r.out and "\u202e" not in r.out


def test_held(site):
    agent = site.serve(
        held_list={"held": [{"id": 17, "received": NOW, "kind": "domain-validation", "domain": "b.test",
                             "rcpt": "admin@b.test", "text": "unbound", "approvable": True}],
                   "attention": ["held mails wait for a person"]},
        held_show={"mail": {"id": 17, "subject": "evil\x1b[31m"}, "domain": {"name": "b.test", "controlled": False},
                   "shown": {"signer": "ca.test", "ids": [{"name": "order", "value": "4711"}]},
                   "intents": [], "unexplained": 3,
                   "checks": [{"rule": "binding", "result": "unknown", "detail": "no id"}],
                   "would": "approving asks the CA", "dns": "or by DNS", "approvable": True},
        held_approve={"state": "working", "text": "approved"}, held_deny={"state": "final", "text": "denied"})
    r = site.run("held", "list")
    assert r.status == 4 and "17" in r.out and "unbound" in r.out
    out = site.run("held", "show", "17").out
    assert "binding" in out and "approving asks the CA\nor by DNS\n" in out and "\x1b" not in out
    for words in ("not one of the controlled domains", "ca.test", "order 4711", "Nobody of us asked for it",
                  "3 validation mails", "certmilter held approve 17 --reason TEXT"):
        assert words in out, words
    r = site.run("held", "approve", "mail:17", "--reason", "I asked the applicant")
    assert (r.status, r.out) == (0, "approved\n")
    q = agent.asked("held.approve")[0]
    assert (q["id"], q["reason"]) == (17, "I asked the applicant")
    assert site.run("held", "deny", "17", "--reason", "no").out == "denied\n"
    for args in (("approve", "17"), ("deny", "17", "--reason", " "), ("approve", "x", "--reason", "r")):
        assert site.run("held", *args).status == 2
    assert len(agent.asked("held.approve")) == 1


def test_ingest(site):
    raw = (MAILS / "dcv-dv-en.eml").read_bytes()
    agent = site.serve(ingest={"spool": "abc"}, mail_wait={"mails": [
        {"id": 9, "rcpt": "a@example.test", "kind": "domain-validation", "state": "held",
         "verdict": "hold", "text": "unbound"}]})
    r = site.run("ingest", "--rcpt", "a@example.test", "--sender", "s@ca.test", MAILS / "dcv-dv-en.eml")
    assert r.status == 0 and "hold" in r.out and "unbound" in r.out
    q = agent.asked("ingest")[0]
    assert base64.b64decode(q["raw"]) == raw
    assert (q["rcpt"], q["sender"]) == ("a@example.test", "s@ca.test")
    w = agent.asked("mail.wait")[0]
    assert (w["spool"], w["timeout"]) == ("abc", 30)
    r = site.run("ingest", "--rcpt", "a@example.test", "-", stdin=raw)
    assert r.status == 0
    assert base64.b64decode(agent.asked("ingest")[1]["raw"]) == raw
    assert site.run("ingest", "-", stdin=b"x").status == 2
    assert site.run("ingest", "--rcpt", "a@example.test", "-", stdin=b"").status == 1


def test_ingest_big(site):
    """More than a packet holds travels as a memfd."""
    raw = b"Subject: x\r\n\r\n" + b"y" * 3000000
    agent = site.serve(ingest={"spool": "abc"})
    r = site.run("ingest", "--rcpt", "a@example.test", "--wait", "0", "-", stdin=raw)
    assert r.status == 0
    assert base64.b64decode(agent.asked("ingest")[0]["raw"]) == raw


def test_ingest_unfinished(site):
    site.serve(ingest={"spool": "abc"}, mail_wait={"mails": [{"id": 9, "state": "working"}]})
    r = site.run("ingest", "--rcpt", "a@example.test", MAILS / "dcv-dv-en.eml")
    assert r.status == 3 and "goes on" in r.err


def test_events(site):
    agent = site.serve(events={"events": [{"id": 1, "at": NOW, "type": "alarm.unexpected", "tenant": "t",
                                           "object": "mail:7", "actor": "agent", "data": {"n": 2}}]})
    r = site.run("events")
    assert r.status == 0 and "alarm.unexpected" in r.out and "mail:7" in r.out and "n=2" in r.out
    assert "after" not in agent.requests[0]
    site.run("events", "--limit", "5", "--prefix", "alarm.")
    assert (agent.requests[1]["limit"], agent.requests[1]["prefix"]) == (5, "alarm.")
    assert site.run("events", "--limit", "501").status == 2
    assert site.run("events", "--after", "x").status == 2


def test_reload_errors(site):
    site.serve(reload={"ok": False, "class": "permanent", "code": "config.errors", "text": "2 errors",
                       "errors": [{"where": "x.conf:3", "text": "expected a name"}]})
    r = site.run("reload")
    assert r.status == 1 and "x.conf:3: expected a name" in r.err
    answer, status = site.ask("reload")
    assert status == 1 and answer["errors"][0]["where"] == "x.conf:3"


def test_export_pem(site):
    pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    agent = site.serve(certificate_pem={"thumbprint": "ab", "pem": pem, "mailboxes": ["a@b.test"]})
    for args in (("a@b.test", "--pem"), ("--pem", "a@b.test"), ("a@b.test", "--pem", "-"),
                 ("--pem=-", "a@b.test")):
        r = site.run("export", *args)
        assert (r.status, r.out) == (0, pem), args
    assert {q["what"] for q in agent.requests} == {"a@b.test"}
    out = site.path / "a.pem"
    assert site.run("export", "a@b.test", "--pem", out).status == 0
    assert out.read_text() == pem and stat.S_IMODE(out.stat().st_mode) == 0o600
    r = site.run("export", "a@b.test", "--pem", out)
    assert r.status == 1 and "--force" in r.err
    assert site.run("export", "a@b.test", "--pem", out, "--force").status == 0
    answer, status = site.ask("export", "a@b.test", "--pem")
    assert status == 0 and answer["pem"] == pem and answer["source"] == "agent"
    for args in ((), ("a@b.test",), ("--pem",), ("a@b.test", "--pem", "--p12", "x")):
        assert site.run("export", *args).status == 2, args


def test_export_without_anybody(site):
    r = site.run("export", "a@b.test", "--pem")
    assert r.status == 3
    r = site.run("export", "a@b.test", "--p12", site.path / "x.p12", "--passphrase-out", site.path / "pw")
    assert r.status == 3 and "certkeeperd can't be reached" in r.err
    # nothing is left of what was reserved
    assert not (site.path / "x.p12").exists() and not (site.path / "pw").exists()


def test_export_never_gives_a_passphrase_to_a_pipe(site):
    r = site.run("export", "a@b.test", "--p12", site.path / "x.p12")
    assert r.status == 2 and "terminal only" in r.err
    r = site.run("export", "a@b.test", "--p12", "-", "--passphrase-out", site.path / "pw")
    assert r.status == 2
    (site.path / "empty").write_text("\n")
    r = site.run("export", "a@b.test", "--p12", site.path / "x.p12", "--passphrase-file", site.path / "empty")
    assert r.status == 1 and "empty" in r.err


def test_records(site):
    agent = site.serve(record_list={"records": [
        {"profile": "digicert", "kind": "domain-validation", "host": "h.test",
         "template": "https://h.test/{token:9:a-z}",
         "form": {"action": "/dcv", "button": "ok=1"}, "by": "joe", "at": "2026-11-22T14:00:00Z"}]},
        record_withdraw={})
    out = site.run("profile", "record", "--list").out
    assert "https://h.test/{token:9:a-z}" in out and "/dcv ok=1" in out
    assert site.run("profile", "record", "--withdraw", "digicert", "domain-validation").status == 0
    assert agent.asked("record.withdraw")[0]["kind"] == "domain-validation"
    assert site.run("profile", "record", "--withdraw", "digicert").status == 2


# ---- terminal and pipe ---------------------------------------------------------------------------

def test_terminal(site):
    site.serve(show={"type": "mail", "mail": {"id": 1, "subject": "s\u009bx", "text": "word " * 40}})
    r = site.run("show", "mail:1", tty=True)
    assert r.status == 0 and all(len(line) <= 80 for line in r.out.splitlines())
    assert r.out.count("word") == 40  # wrapped, not cut
    r = site.run("--json", "show", "mail:1", tty=True)
    assert r.out.isascii() and json.loads(r.out)["mail"]["subject"] == "s\u009bx"


def test_help_and_version(site):
    for args in (("help",), ("--help",), ("help", "order"), ("order", "--help"), ("help", "held"),
                 ("version",)):
        r = site.run(*args)
        assert r.status == 0 and r.out and not r.err, args
    assert site.run().status == 2
    assert site.run("help", "nothing-like-it").status == 2
    answer, status = site.ask("version")
    assert status == 0 and answer["version"]


def test_the_manual_names_everything(site):
    manual = (ROOT / "man" / "certmilter.1").read_text()
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+(?![a-z|]))?)", site.run("help").out, re.M)
    assert len(commands) > 20
    for name in commands:
        if name in ("help", "version"):
            continue
        assert re.search(r"^\.It Cm %s\b" % name, manual, re.M), name
        for option in re.findall(r"^  --([a-z0-9-]+)", site.run("help", *name.split()).out, re.M):
            assert re.search(r"Fl -%s\b" % option, manual), (name, option)
