"""What the agent watches by itself: revocation by OCSP and CRL, replacement, expiry, reports, counters."""
import email
import email.policy
import os
import pathlib
import re
import subprocess
import time

import pytest

from privatesite import CONTACT


@pytest.fixture(scope="module")
def site(sites):
    domains = {f"w{n}.test": {"mode": "confirm"} for n in range(6)}
    domains["held.test"] = {"mode": "confirm"}
    domains["renews.test"] = {"mode": "confirm", "renew": "30d"}
    site = sites(domains=domains, poll="1s", extra="""
watching {
    metrics = "%s"
    report  = daily
}
""")
    site.extra %= site.path("state", "certmilter.prom")
    site.timing = {"revocation_check": "1m"}
    site.start()
    site.ca.settings(rate_limits=False)
    for name in set(domains) - {"held.test"}:
        site.ca.post("validate", domain=name)
    return site


def cli(site, *args, ok=(0,)):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout


def certificate(site, number):
    return site.ask("show", what=f"certificate:{number}")["certificate"]


def checked(site, number, want, timeout=30):
    return site.wait(lambda: (c := certificate(site, number)).get("revocation") == want and c, timeout,
                     f"certificate {number} {want}")


def look_again(site, number):
    """Has the certificate looked at now: the ledger's job is made due while the agent is down."""
    site.agent.kill()
    subprocess.run(["/usr/bin/sqlite3", site.path("state", "ledger.db"),
                    f"UPDATE job SET run_at=1, lease_until=0 WHERE key='revocation:{number}'"], check=True)
    site.start_agent()


def revoke_at_ca(site, order):
    ca_order = site.ask("show", what=f"order:{order}")["order"]["ca_order"]
    site.ca.post("revoke", order_id=int(ca_order))


def notices(site, words):
    """Texts (subject and body) of mails to the contact that hold WORDS."""
    mails = [email.message_from_bytes(m, policy=email.policy.default) for m in site.delivered(CONTACT)]
    return [t for t in (m["Subject"] + "\n\n" + m.get_content() for m in mails) if words in t]


def test_without_a_responder_the_list_tells(site):
    site.ca.post("faults", match=".*/ocsp", do="status:500")
    number = site.order("a@w0.test")
    cert = site.stored(number)
    c = checked(site, cert["id"], "good")
    assert c["state"] == "current"
    copies = os.listdir(site.path("state", "crl"))
    assert len(copies) == 1 and re.fullmatch("[0-9a-f]{64}", copies[0])
    os.unlink(site.path("state", "crl", copies[0]))      # else it serves for an hour
    revoke_at_ca(site, number)
    look_again(site, cert["id"])
    checked(site, cert["id"], "revoked")
    alarm = site.events("alarm.revoked")[-1]
    assert alarm["data"]["told_by"] == "crl" and alarm["data"]["mailbox"] == "a@w0.test"
    text = site.wait(lambda: notices(site, "the certificate of a@w0.test was revoked"), 20, "notice")[0]
    assert "certmilter order a@w0.test" in text, "w0 has no renewal: a person orders"
    assert certificate(site, cert["id"])["state"] == "revoked"
    site.ca.call("DELETE", "faults")


def test_a_copy_of_the_list_serves_many_certificates(site):
    site.ca.post("faults", match=".*/ocsp", do="status:500")
    site.ca.post("counters")
    for name in ("b", "c", "d"):
        checked(site, site.stored(site.order(f"{name}@w1.test"))["id"], "good")
    fetched = [v for k, v in site.ca.get("counters")["requests"].items() if "smime.crl" in k]
    assert sum(fetched) <= 1, fetched
    site.ca.call("DELETE", "faults")


def test_neither_responder_nor_list(site):
    """No answer is no news: the state stays, and says that nobody vouched."""
    site.ca.post("faults", match=".*(ocsp|crl)", do="status:500")
    for copy in os.listdir(site.path("state", "crl")):
        os.unlink(site.path("state", "crl", copy))
    c = checked(site, site.stored(site.order("e@w1.test"))["id"], "unknown")
    assert c["state"] == "current"
    site.ca.call("DELETE", "faults")


def test_a_revoked_one_is_replaced(site):
    first = site.order("a@renews.test")
    cert = site.stored(first)
    checked(site, cert["id"], "good")
    revoke_at_ca(site, first)
    look_again(site, cert["id"])
    checked(site, cert["id"], "revoked")
    new = site.wait(lambda: [c for c in site.ask("show", what="a@renews.test")["certificates"]
                             if c["state"] == "current"], 30, "replacement")[0]
    assert new["order"] != first and new["key_id"] != cert["key_id"], "another order, another key"
    body = site.ca.get("state/orders")["orders"][
        site.ask("show", what=f"order:{new['order']}")["order"]["ca_order"]]
    assert not body.get("renewal_of_order_id"), "what was revoked is not renewed"
    text = site.wait(lambda: notices(site, "the certificate of a@renews.test was revoked"), 20, "notice")[0]
    assert f"A new one is ordered: order {new['order']}." in text
    look_again(site, new["id"])
    time.sleep(1)
    assert len(site.ask("show", what="a@renews.test")["orders"]) == 2, "replaced once"


def test_what_we_revoke_is_not_replaced(site):
    number = site.order("b@renews.test")
    cert = site.stored(number)
    cli(site, "revoke", f"certificate:{cert['id']}", "--reason", "left")
    site.wait(lambda: certificate(site, cert["id"])["state"] == "revoked", 20, "revoked")
    look_again(site, cert["id"])
    time.sleep(1)
    assert len(site.ask("show", what="b@renews.test")["orders"]) == 1
    assert not notices(site, "the certificate of b@renews.test was revoked")


def end_now(site, number):
    """As if the certificate's time were over."""
    site.agent.kill()
    now = int(time.time())
    subprocess.run(["/usr/bin/sqlite3", site.path("state", "ledger.db"),
                    "DROP TRIGGER IF EXISTS certificate_fixed;"
                    f"UPDATE certificate SET not_after={now - 60} WHERE id={number};"], check=True)
    site.start_agent()


def test_the_end_is_a_state(site):
    cert = site.stored(site.order("a@w2.test"))
    late = site.stored(site.order("c@renews.test"))
    end_now(site, cert["id"])
    site.wait(lambda: certificate(site, cert["id"])["state"] == "expired", 20, "expired")
    assert certificate(site, cert["id"])["key_id"], "its key stays for the mails of its time"
    assert [e for e in site.events("certificate.expired") if e["data"]["mailbox"] == "a@w2.test"]
    end_now(site, late["id"])
    new = site.wait(lambda: [c for c in site.ask("show", what="c@renews.test")["certificates"]
                             if c["state"] == "current"], 60, "renewed after its end")
    assert len(new) == 1 and certificate(site, late["id"])["state"] == "expired"


def test_report_of_what_ends(site):
    cert = site.stored(site.order("a@w3.test", validity_days=20))
    site.agent.kill()
    subprocess.run(["/usr/bin/sqlite3", site.path("state", "ledger.db"),
                    "DELETE FROM meta WHERE key LIKE 'reported:%'; DELETE FROM notice WHERE key LIKE 'report:%'"],
                   check=True)
    site.start_agent()
    text = site.wait(lambda: notices(site, "end within 30 days"), 30, "report")[0]
    line = next(x for x in text.splitlines() if "a@w3.test" in x)
    assert "nothing happens by itself" in line
    assert certificate(site, cert["id"])["state"] == "current"
    out = cli(site, "list", "--expiring", "30d", ok=(4,))
    assert "a@w3.test" in out
    cli(site, "list", "--expiring", "1d", ok=(0,))
    site.agent.kill()
    site.start_agent()
    time.sleep(2)
    assert len(notices(site, "end within 30 days")) == 1, "once a day"


LINE = re.compile(r'certmilter_[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9]+')


def test_metrics(site):
    path = site.path("state", "certmilter.prom")
    site.agent.kill()
    pathlib.Path(path).unlink(missing_ok=True)
    site.start_agent()
    text = site.wait(lambda: os.path.exists(path) and open(path).read(), 20, "metrics")
    values = [x for x in text.splitlines() if not x.startswith("# ")]
    assert all(LINE.fullmatch(x) for x in values), [x for x in values if not LINE.fullmatch(x)]
    typed = set(re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.M))
    assert {re.match(r"[a-z_]+", x)[0] for x in values} == typed, "every value has its type"
    assert re.search(r'^certmilter_orders\{account="rehearsal",state="stored"\} [1-9]', text, re.M)
    assert re.search(r"^certmilter_certificates_current [1-9]", text, re.M)
    assert re.search(r'^certmilter_certificates_ending\{days="30"\} [1-9]', text, re.M)
    assert re.search(r'^certmilter_api_room\{account="rehearsal"\} [1-9]', text, re.M)
    assert re.search(r"^certmilter_alarms_total [1-9]", text, re.M)
    assert re.search(r"^certmilter_keeper_up 1$", text, re.M)
    assert "@" not in text and os.stat(path).st_mode & 0o777 == 0o644


def test_held_on_one_screen(site):
    site.ca.settings(id_in_mail=False, id_in_page=False)
    site.ask("domain.add", domain="held.test")
    held = site.wait(lambda: [h for h in site.ask("held.list")["held"] if h.get("domain") == "held.test"], 40, "held")
    site.ca.settings(id_in_mail=True, id_in_page=True)
    out = cli(site, "held", "show", str(held[0]["id"]), ok=(0, 4))
    for words in ("held.test", "controlled, tenant default, account rehearsal, mode confirm", "signed by",
                  "rehearsal-ca.test", "Message-ID", "OUR REQUEST", "held approve", "held because"):
        assert words in out, (words, out)
    assert "/dcv/" not in out, "never the link"
