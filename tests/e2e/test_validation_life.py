"""The life of a validation: whom the CA writes to, resends, a new one in time, MX that leaves, the persistent record.

A day of the calendar (domain_check) is four seconds here."""
import json
import os
import subprocess
import time

import pytest

import webserver
from agentsocket import Refused
from ports import free_port

DAY = 86400
NAMES = ("contact", "resend", "again", "refused", "left", "broken", "never", "persist", "first", "second", "sponsor",
         "two")
URI = "https://ca.example/acct/4711"
HTTP = """
http "web" {{
    zone = "web.test"
    webroots = {{ "{root}" }}
}}
http "person" {{
    zone = "person.test"
}}
dns "zone" {{
    zone = "first.test"
    manual = yes
}}
"""


def mx(name, host="mx.example.test"):
    return f"{name}. 1 IN A 127.0.0.1\n{name}. 1 IN MX 10 {host}.\n"


@pytest.fixture(scope="module")
def site(sites):
    domains = {f"{n}.test": {"mode": "confirm"} for n in NAMES}
    domains.update({f"{n}.test": {"mode": "confirm", "method": "http"} for n in ("web", "person")})
    site = sites(domains=domains, poll="1s", timing={"resend_after": "60s", "domain_check": "4s"}, settle="5s")
    web = site.web = webserver.Webserver(site.path("web"), free_port(), free_port())
    root = web.root("root")
    web.blocks.append(f"    server {{ listen 127.0.0.1:{web.http}; server_name web.test person.test; root {root}; }}\n")
    site.extra = HTTP.format(root=root)
    site.rehearsal = f"    http_port = {web.http}\n    https_port = {web.https}\n"
    site.account_more = f'    persist_issuer = "digicert.com"\n    persist_account_uri = "{URI}"\n'
    site.ca.command += ["--http-port", str(web.http)]
    site.start(agent=False)
    for name in domains:  # what is looked up again is not a cache's
        site.dns.records[name] = mx(name)
    site.dns.records["never.test"] = mx("never.test", "elsewhere.test")
    site.dns.records["contact"] = ('_validation-contactemail.contact.test. 1 IN TXT "dcv@contact.test"\n'
                                   'contact.test. 1 IN CAA 0 contactemail "caa@contact.test"\n'
                                   'contact.test. 1 IN CAA 0 issuemail "rehearsal-ca.test"\n'
                                   'contact.test. 1 IN CAA 0 contactemail "no address"\n')
    for n in range(14):
        site.dns.records["contact"] += f'contact.test. 1 IN CAA 0 contactemail "c{n}@contact.test"\n'
    redo(site)
    web.start()
    site.start_agent()
    site.ca.settings(rate_limits=False)
    yield site
    web.stop()


@pytest.fixture(autouse=True)
def clean(site):
    yield
    site.ca.call("DELETE", "faults")
    site.ca.settings(domain_valid_days=199, id_in_mail=True, id_in_page=True, send_mails=True)


def redo(site):
    site.dns.stop()
    site.dns.start()


def about(site, name):
    return site.ask("show", what=f"domain:{name}.test")["domain"]


def cli(site, *args, ok=0):
    run = subprocess.run([site.program("certmilter"), "--config", site.config, *args], capture_output=True, text=True,
                         timeout=60)
    assert run.returncode == ok, (args, run.returncode, run.stdout, run.stderr)
    return run.stdout


def notices(site, *words):
    """Subjects of the notices sent so far that hold all of WORDS."""
    return [s for s in (e["data"]["subject"] for e in site.events("notice.sent")) if all(w in s for w in words)]


def attention(site, *words):
    return [t for t in site.ask("status")["attention"] if all(w in t for w in words)]


# --- whom the CA writes to -----------------------------------------------------------------------------------

def test_contacts_of_the_dns_are_watched(site):
    found = site.wait(lambda: about(site, "contact").get("contacts"), 20, "contacts")
    assert "dcv@contact.test" in found and not any(" " in c for c in found)
    assert len(found) == 11  # of the CAA records ten are taken, always the same
    time.sleep(9)
    assert about(site, "contact")["contacts"] == found and len(site.events("domain.contacts")) == 1
    site.wait_watch()
    out = cli(site, "domain", "add", "contact.test")
    assert "dcv@contact.test" in out and "postmaster@contact.test" in out
    # the mail to the contact came past the milter and is ours
    site.wait(lambda: site.ca.is_valid("contact.test"), 30, "confirmed")
    site.wait(lambda: "dcv@contact.test" in {
        m["to"] if isinstance(m["to"], str) else m["to"][0]
        for m in site.ca.get("mails", kind="dcv", to="dcv@contact.test")["mails"]}, 10, "its mail")
    taken = site.wait(lambda: site.agent.log_text().count("dcv@contact.test"), 10, "the agent met it")
    assert taken


def test_resend_and_the_newest_wins(site):
    """Mails without any id are held; a person has them sent again, and answered resends bind."""
    with pytest.raises(Refused):
        site.ask("domain.resend", domain="resend.test")
    site.ca.settings(id_in_mail=False, id_in_page=False)
    cli(site, "domain", "add", "resend.test")
    site.wait(lambda: "hold/unbound" in site.verdicts("resend.test"), 30, "held")
    d = about(site, "resend")
    assert d["intent_state"] == "open" and 29 * DAY < d["expires"] - time.time() <= 30 * DAY
    site.ca.fault("(POST|PUT) /services/v2/domain/", "slow:5")  # what is asked for stays on its way
    answer = site.ask("domain.resend", domain="resend.test")
    assert len(answer["recipients"]) == 5 and answer["at"] >= time.time() - 1 and answer["expires"] == d["expires"]
    with pytest.raises(Refused):
        site.ask("domain.resend", domain="resend.test")  # about to be asked already
    site.wait(lambda: site.ca.is_valid("resend.test"), 60, "bound by answered resends")
    tokens = sorted(site.ca.tokens(domain="resend.test")["tokens"], key=lambda t: t["created"])
    used = [i for i, t in enumerate(tokens) if t["used"]]
    # one of the newest five; a resend whose mails are late does not count, and there is one more
    assert len(tokens) in (15, 20) and len(used) == 1 and used[0] >= len(tokens) - 5
    assert "intent.resend" in [e["type"] for e in site.events("intent.resend")]


# --- in time ------------------------------------------------------------------------------------------------------

def short_lived(site, name):
    """Validated for ten days only: it is due again at once. Then the CA gives its usual time."""
    site.ca.settings(domain_valid_days=10)
    site.ask("domain.add", domain=f"{name}.test")
    site.wait(lambda: about(site, name)["state"] == "valid", 40, f"{name} valid")
    site.ca.settings(domain_valid_days=199)


def renewed(site, name, timeout=60):
    site.wait(lambda: (about(site, name).get("valid_until") or 0) > time.time() + 100 * DAY, timeout, f"{name} anew")
    d = about(site, name)
    assert d["state"] == "valid" and not d.get("trouble") and d["days_left"] >= 198
    assert "anew" in d["next"]["text"] and 168 * DAY < d["next"]["at"] - time.time() < 170 * DAY


@pytest.mark.parametrize("name", ["again", "web"])
def test_validated_anew_by_itself(site, name):
    """By mail and by HTTP, while the validation before still holds all the time."""
    short_lived(site, name)
    started = [e for e in site.events("intent.requested") if e["data"]["domain"] == f"{name}.test"]
    renewed(site, name)
    all_of = [e for e in site.events("intent.requested") if e["data"]["domain"] == f"{name}.test"]
    assert len(all_of) == 2 and len(started) <= 2 and "re-validation" in all_of[1]["actor"]
    time.sleep(5)  # a day later: nothing is begun any more
    assert len([e for e in site.events("intent.requested") if e["data"]["domain"] == f"{name}.test"]) == 2


def test_what_fails_is_told_and_tried_again(site):
    site.ca.fault("POST .*/domain/[0-9]+/validation", "status:400", times=100)
    short_lived(site, "refused")
    site.wait(lambda: about(site, "refused").get("trouble"), 40, "trouble")
    site.wait(lambda: notices(site, "refused.test", "needs you"), 20, "a notice")
    assert attention(site, "refused.test", "needs a person")
    cli(site, "status", ok=4)
    site.ca.call("DELETE", "faults")
    renewed(site, "refused")
    assert len(notices(site, "refused.test", "needs you")) == 1  # once a day


def test_a_person_is_asked_in_time(site):
    """By hand: begun by itself, and the contact is told what is needed."""
    site.ca.settings(domain_valid_days=10)
    site.ask("domain.add", domain="person.test")

    def put():
        rec = site.wait(lambda: (about(site, "person").get("dcv") or {}).get("record"), 30, "what to put there")
        place = os.path.join(site.web.dir, "root", ".well-known", "pki-validation")
        os.makedirs(place, exist_ok=True)
        path = os.path.join(place, rec["name"])
        with open(path, "w") as f:
            f.write(rec["value"])
        os.chmod(path, 0o644)
        return path
    path = put()
    site.wait(lambda: about(site, "person")["state"] == "valid", 40, "valid")
    os.unlink(path)
    site.ca.settings(domain_valid_days=199)
    site.wait(lambda: notices(site, "person.test", "needs you"), 40, "a notice")
    os.unlink(put()) if os.path.exists(path) else put()
    renewed(site, "person")


def test_domain_list_is_the_calendar(site):
    out = cli(site, "domain", "list")
    head = out.split("\n")[0]
    assert all(word in head for word in ("METHOD", "STATE", "VALID UNTIL", "NEXT ON", "NEXT"))
    line = next(l for l in out.split("\n") if l.startswith("again.test"))
    assert "in 198 d" in line and "validated anew by email" in line
    line = next(l for l in out.split("\n") if l.startswith("second.test"))
    assert "domain add second.test" in line


# --- MX that leaves -------------------------------------------------------------------------------------------------

def test_mx_that_leaves_and_comes_back(site):
    site.wait(lambda: about(site, "left").get("mx") == "mx.example.test", 20, "looked at")
    site.dns.records["left.test"] = mx("left.test", "mx.elsewhere.test")
    redo(site)
    d = site.wait(lambda: about(site, "left")["dropped"] and about(site, "left"), 30, "dropped")
    assert d["effective_mode"] == "observe" and d["mode"] == "confirm" and d["mx"] == "mx.elsewhere.test"
    assert attention(site, "left.test", "mx.elsewhere.test")
    site.wait(lambda: notices(site, "left.test", "MX"), 20, "a notice")
    assert "observe (confirm)" in cli(site, "domain", "list")
    cli(site, "domain", "add", "left.test")
    site.wait(lambda: "observe/would-confirm" in site.verdicts("left.test"), 30, "only observed")
    assert not site.ca.is_valid("left.test")
    site.dns.records["left.test"] = mx("left.test")
    redo(site)
    site.wait(lambda: not about(site, "left")["dropped"], 30, "back")
    assert about(site, "left")["effective_mode"] == "confirm" and not attention(site, "left.test")
    cli(site, "domain", "resend", "left.test")
    site.wait(lambda: site.ca.is_valid("left.test"), 60, "confirmed again")


def test_only_definite_answers_drop(site):
    """SERVFAIL for longer than two looks; and a domain that never named us is not judged by a default."""
    site.wait(lambda: about(site, "broken").get("mx") == "mx.example.test", 20, "looked at")
    del site.dns.records["broken.test"]
    site.dns.zones["broken.test"] = "this is no zone\n"
    redo(site)
    time.sleep(10)
    d = about(site, "broken")
    assert not d["dropped"] and d["effective_mode"] == "confirm" and d["mx"] == "mx.example.test"
    del site.dns.zones["broken.test"]
    site.dns.records["broken.test"] = mx("broken.test")
    redo(site)
    never = about(site, "never")
    assert never["mx"] == "elsewhere.test" and not never["dropped"]


# --- the persistent record ------------------------------------------------------------------------

def test_persistent_record(site):
    out = cli(site, "domain", "persist", "persist.test", "--until", "2031-01-01", ok=4)
    record = f'_validation-persist.persist.test. IN TXT "digicert.com; accounturi={URI}; persistUntil=1924992000"'
    assert record in out and "there is no record" in out
    cli(site, "domain", "persist", "persist.test", "--until", "yesterday", ok=2)
    cli(site, "domain", "persist", "elsewhere.test", ok=1)
    site.dns.records["persist"] = record.replace(" IN TXT", " 1 IN TXT") + "\n"
    redo(site)

    def seen():
        run = subprocess.run([site.program("certmilter"), "--config", site.config, "--json", "domain", "persist",
                              "persist.test"], capture_output=True, text=True, timeout=60)
        return run.returncode == 0 and json.loads(run.stdout)
    answer = site.wait(seen, 20, "the record")
    assert (answer["state"], answer["dnssec"], answer["persist_until"]) == ("ok", "insecure", 1924992000)
    soon = int(time.time()) + 5 * DAY
    site.dns.records["persist"] = record.replace(" IN TXT", " 1 IN TXT").replace("1924992000", str(soon)) + "\n"
    redo(site)
    site.wait(lambda: about(site, "persist")["persist_until"] == soon, 20, "the daily look")
    site.wait(lambda: notices(site, "persist.test", "persistent"), 20, "a warning")
    assert attention(site, "persist.test", "persistent")
    cli(site, "domain", "persist", "persist.test", ok=4)


# --- away from mail -------------------------------------------------------------------------------

def test_plan(site):
    plan = site.ask("domain.plan")
    steps = {p["domain"]: p for p in plan["plan"]}
    assert plan["ends"] == "2028-03-15" and set(steps) == {f"{n}.test" for n in NAMES}
    assert steps["first.test"]["covered"] == 'dns "zone"' and "dns-txt" in steps["first.test"]["step"]
    assert not steps["second.test"].get("covered") and "dns section" in steps["second.test"]["step"]
    out = cli(site, "domain", "plan")
    assert "web.test" not in out and "certmilter domain add second.test" in " ".join(out.split())
    pages = site.ask("domain.plan", limit=3)
    assert len(pages["plan"]) == 3 and pages["next"]


# --- with an order --------------------------------------------------------------------------------

def sponsor(site, box):
    return site.order(box, product="secure_email_sponsor", first_name="Jane", last_name="Doe")


def test_an_order_validates_its_domain(site):
    """No domain.add: the CA's mails come with the order, are answered, and the order goes on."""
    number = sponsor(site, "jane@sponsor.test")
    site.stored(number, 90)
    assert site.ca.is_valid("sponsor.test")
    kinds = [i["kind"] for i in site.ask("show", what=f"order:{number}")["intents"]]
    assert "domain" in kinds


def test_two_orders_share_one_validation(site):
    """Without mails first, so that both wait; the domain's mails then serve both."""
    site.ca.settings(send_mails=False)
    first, second = sponsor(site, "a@two.test"), sponsor(site, "b@two.test")
    site.wait(lambda: all(site.order_state(n) == "waiting" for n in (first, second)), 40, "both wait")
    intents = [i for i in site.ask("show", what="domain:two.test")["intents"] if i["kind"] == "domain"]
    assert len(intents) == 1
    site.ca.settings(send_mails=True)
    site.ca.post("send", kind="dcv", order_id=int(site.ask("show", what=f"order:{first}")["order"]["ca_order"]))
    site.stored(first, 90)
    site.stored(second, 90)
    intents = [i for i in site.ask("show", what="domain:two.test")["intents"] if i["kind"] == "domain"]
    assert len(intents) == 1 and intents[0]["state"] == "confirmed"
