"""Domains validated by the DNS: a real BIND with TSIG, the rehearsal CA that really looks, the daemons.

Each domain is a zone of its own with its own update-policy, and its NS are addresses of loopback on port 53, so that
what the agent asks are the zone's own servers and no cache."""
import base64
import os
import secrets
import subprocess
import time

import dns.message
import dns.query
import pytest

import nameserver
from agentsocket import Refused
from nameserver import Nameserver

PLAIN = ("txt", "cname", "sha512", "crash", "lost", "busy", "email", "moved", "changed")
SECRET = {n: base64.b64encode(secrets.token_bytes(32)).decode() for n in ("k256", "k512", "other")}
SECTION = """
dns "{id}" {{
{options}}}
"""


def section(name, **options):
    return SECTION.format(id=name, options="".join(f"    {k} = {v}\n" for k, v in options.items()))


def server(site, key="k256", **more):
    return dict(server=f'"127.0.0.1@{site.ports["dns"]}"', key=f'"{key}."', secret=f'"{key}"', **more)


HOOK = """#!/bin/sh
echo "$CERTMILTER_DNS_ACTION $CERTMILTER_DNS_NAME $CERTMILTER_DNS_TYPE $CERTMILTER_DNS_TTL" >> {dir}/hook.log
[ -e {dir}/hook.later ] && {{ echo "not now" >&2; exit 75; }}
verb="delete $CERTMILTER_DNS_NAME."
[ "$CERTMILTER_DNS_ACTION" = add ] && verb="add $CERTMILTER_DNS_NAME. $CERTMILTER_DNS_TTL"
printf 'server 127.0.0.1 {port}\\nzone hook.test.\\nupdate %s %s "%s"\\nsend\\n' \\
  "$verb" "$CERTMILTER_DNS_TYPE" "$CERTMILTER_DNS_VALUE" | nsupdate -y hmac-sha256:k256:{secret}
"""


def prepare(site):
    """Zones, keys, sections and the hook, before anything starts."""
    port, ns = site.ports["dns"], site.dns
    one, two = (f"127.{64 + (port >> 8) % 64}.{port & 255}.{n}" for n in (1, 2))
    site.relay, site.second = nameserver.Relay(one, port), two
    ns.keys = {"k256": ("hmac-sha256", SECRET["k256"]), "k512": ("hmac-sha512", SECRET["k512"])}
    base = "{z}. IN NS ns1.{z}.\nns1.{z}. IN A " + one + "\n{z}. IN A 127.0.0.1\n{z}. IN MX 10 mx.example.test.\n"
    grant = "grant k256 name _dnsauth.{z}. TXT CNAME;"
    for name in (*PLAIN, "hook", "wrong", "hold", "observe", "lag", "validation"):
        z = f"{name}.test"
        ns.zones[z], ns.policy[z] = base.format(z=z), grant.format(z=z)
    ns.policy["sha512.test"] = "grant k512 name _dnsauth.sha512.test. TXT;"
    ns.policy["validation.test"] = "grant k256 wildcard *.validation.test. TXT;"
    ns.zones["refused.test"], ns.policy["refused.test"] = base.format(z="refused.test"), "grant k512 zonesub ANY;"
    for z in ("manual.test", "deleg.test"):
        ns.zones[z] = base.format(z=z)
    ns.zones["lag.test"] += f"lag.test. IN NS ns2.lag.test.\nns2.lag.test. IN A {two}\n"
    extra = ""
    for name in (*PLAIN, "wrong", "refused", "hold", "observe", "lag"):
        key = {"sha512": "k512", "wrong": "other"}.get(name, "k256")
        more = server(site, key, zone=f'"{name}.test"')
        if name == "sha512":
            more.update(algorithm="hmac-sha512", remove="no")
        if name == "wrong":
            more.update(key='"k256"')
        extra += section(name, **more)
    extra += section("hook", hook=f'"{site.path("hook")}"', zone='"hook.test"', ttl="30", timeout="60s")
    extra += section("manual", manual="yes", zone='"manual.test"')
    extra += section("delegated", **server(site), validation_zone='"validation.test"')
    site.extra = extra
    with open(site.path("hook"), "w") as f:
        f.write(HOOK.format(dir=site.path("state"), port=port, secret=SECRET["k256"]))
    os.chmod(site.path("hook"), 0o755)
    for name, secret in SECRET.items():
        site.credential(name, secret + "\n", "certagent")


@pytest.fixture(scope="module")
def site(sites):
    names = (*PLAIN, "hook", "wrong", "refused", "hold", "observe", "lag", "manual", "deleg")
    domains = {f"{n}.test": {"mode": "confirm", "method": "dns-txt"} for n in names}
    domains["cname.test"]["method"] = "dns-cname"
    for n in ("email", "moved"):
        del domains[f"{n}.test"]["method"]
    domains["hold.test"]["mode"], domains["observe.test"]["mode"] = "hold", "observe"
    site = sites(domains=domains, poll="1s", timing={"resend_after": "60s"})
    prepare(site)
    site.start()
    site.ca.settings(rate_limits=False)
    yield site
    site.relay.close()


@pytest.fixture(autouse=True)
def clean(site):
    yield
    site.ca.call("DELETE", "faults")


def answers(site, name, kind="TXT", port=None, at="127.0.0.1"):
    """What the server shows now."""
    query = dns.message.make_query(name, kind)
    reply = dns.query.udp(query, at, timeout=30, port=port or site.ports["dns"])
    return [r.to_text().strip('"') for rrset in reply.answer for r in rrset]


def about(site, domain):
    return site.ask("show", what=f"domain:{domain}")["domain"]


def dcv(site, domain):
    return about(site, domain).get("dcv") or {}


def types(site, intent, prefix="dns."):
    return [e["type"] for e in site.events(prefix) if e["object"] == f"intent:{intent}"]


def done(site, domain):
    """The CA holds it, the ledger too, and the job is over."""
    return site.ca.is_valid(domain) and about(site, domain)["state"] == "valid" and not dcv(site, domain)


def add(site, domain, timeout=40, **more):
    intent = site.ask("domain.add", domain=domain, **more)["intent"]
    site.wait(lambda: done(site, domain), timeout, f"{domain} done")
    assert site.ask("show", what=f"intent:{intent}")["intent"]["state"] == "confirmed"
    return intent


def tokens_given(site, domain):
    return [d for d in site.ca.get("state/domains")["domains"].values() if d["name"] == domain]


def test_txt(site):
    intent = add(site, "txt.test")
    assert types(site, intent) == ["dns.asked", "dns.written", "dns.shown", "dns.removed"]
    assert answers(site, "_dnsauth.txt.test") == []  # taken away again
    d = about(site, "txt.test")
    assert d["method"] == "dns-txt-token" and d["intent_state"] == "confirmed" and d["valid_until"] > time.time()
    # the token is nowhere in clear any more, and no mail was asked for
    token = tokens_given(site, "txt.test")[0]["token"]["token"]
    with open(site.agent.log) as f:
        assert token not in f.read()
    assert token not in str(site.events()) and site.ca.tokens(domain="txt.test")["tokens"] == []
    for name in ("ledger.db", "ledger.db-wal"):
        if os.path.exists(site.path("state", name)):
            text = subprocess.run(["sqlite3", site.path("state/ledger.db"), ".dump"], capture_output=True, text=True)
            assert text.returncode or token not in text.stdout
    assert SECRET["k256"] not in open(site.agent.log).read()


def test_cname(site):
    intent = add(site, "cname.test")
    assert about(site, "cname.test")["method"] == "dns-cname-token"
    assert "dns.removed" in types(site, intent) and answers(site, "_dnsauth.cname.test", "CNAME") == []


def test_sha512_and_a_record_that_stays(site):
    intent = add(site, "sha512.test")
    token = tokens_given(site, "sha512.test")[0]["token"]["token"]
    assert answers(site, "_dnsauth.sha512.test") == [token] and "dns.removed" not in types(site, intent)


def test_method_of_one_request(site):
    """The domain says email; this once it goes by the DNS."""
    assert about(site, "email.test")["asks"] == "email"
    add(site, "email.test", method="dns-txt")
    with pytest.raises(Refused):
        site.ask("domain.add", domain="email.test", method="carrier-pigeon")


def test_from_mail_to_dns(site):
    """An open request by mail ends when DNS is wanted; its mails are nobody's any more."""
    site.ca.settings(send_mails=False)
    first = site.ask("domain.add", domain="moved.test")["intent"]
    site.wait(lambda: about(site, "moved.test").get("intent_state") == "open", 20, "open")
    second = add(site, "moved.test", method="dns-txt")
    site.ca.settings(send_mails=True)
    assert second != first and site.ask("show", what=f"intent:{first}")["intent"]["state"] == "cancelled"
    assert len(tokens_given(site, "moved.test")) == 1


def test_delegated(site):
    """The alias is missing, then wrong, then right; only then the CA is asked for a value."""
    intent = site.ask("domain.add", domain="deleg.test")["intent"]
    text = site.wait(lambda: "CNAME" in dcv(site, "deleg.test").get("next", "") and dcv(site, "deleg.test")["next"],
                     20, "what to do")
    assert tokens_given(site, "deleg.test") == []
    target = text.split("CNAME ")[1].split(". ")[0]
    assert target.endswith(".validation.test") and "_dnsauth.deleg.test. CNAME" in text
    site.dns.zones["deleg.test"] += f"_dnsauth.deleg.test. IN CNAME {target}.\n"
    site.dns.stop()
    site.dns.start()
    site.wait(lambda: done(site, "deleg.test"), 60, "delegated")
    assert types(site, intent)[-1] == "dns.removed" and answers(site, target) == []


def test_hook(site):
    later = site.path("state", "hook.later")
    open(later, "w").close()
    os.chmod(later, 0o644)
    intent = site.ask("domain.add", domain="hook.test")["intent"]
    site.wait(lambda: "not now" in dcv(site, "hook.test").get("next", ""), 20, "later")
    os.unlink(later)
    site.wait(lambda: done(site, "hook.test"), 40, "by hook")
    with open(site.path("state", "hook.log")) as f:
        calls = f.read().split("\n")[:-1]
    assert set(calls[:-1]) == {"add _dnsauth.hook.test TXT 30"} and len(calls) >= 3
    assert calls[-1] == "remove _dnsauth.hook.test TXT 30"
    assert types(site, intent)[-1] == "dns.removed" and answers(site, "_dnsauth.hook.test") == []


def test_manual(site):
    run = subprocess.run([site.program("certmilter"), "--config", site.config, "domain", "add", "manual.test"],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    rec = dcv(site, "manual.test")["record"]
    assert "put this record into the zone" in run.stdout and rec["value"] in run.stdout
    listed = subprocess.run([site.program("certmilter"), "--config", site.config, "domain", "list"],
                            capture_output=True, text=True).stdout
    assert rec["value"] in listed
    site.dns.zones["manual.test"] += f'{rec["name"]}. IN TXT "{rec["value"]}"\n'
    site.dns.stop()
    site.dns.start()
    site.wait(lambda: done(site, "manual.test"), 60, "by hand")
    assert answers(site, rec["name"]) == [rec["value"]]  # what a person wrote stays


def test_wrong_key(site):
    """Told what to compare; the agent goes on by itself when the secret is right."""
    intent = site.ask("domain.add", domain="wrong.test")["intent"]
    text = site.wait(lambda: "TSIG" in dcv(site, "wrong.test").get("next", "") and dcv(site, "wrong.test")["next"],
                     20, "the reason")
    assert all(word in text for word in ("secret", "clock", "k256"))
    check = {c["name"]: c for c in site.ask("domain.check", domain="wrong.test")["checks"]}
    assert check["dns"]["result"] == "fail" and "secret" in check["dns"]["text"]
    assert answers(site, "_dnsauth.wrong.test") == [] and types(site, intent).count("dns.trouble") == 1
    site.credential("other", SECRET["k256"], "certagent")
    site.wait(lambda: done(site, "wrong.test"), 60, "with the right secret")
    assert SECRET["other"] not in open(site.agent.log).read()


def test_refused_by_policy(site):
    site.ask("domain.add", domain="refused.test")
    text = site.wait(lambda: "refuses" in dcv(site, "refused.test").get("next", "") and
                     dcv(site, "refused.test")["next"], 20, "the reason")
    assert "update-policy" in text and "k256" in text and not site.ca.is_valid("refused.test")


def test_check_says_whether_it_can_be_written(site):
    check = {c["name"]: c for c in site.ask("domain.check", domain="txt.test")["checks"]}
    assert check["dns"]["result"] == "ok" and "_dnsauth.txt.test" in check["dns"]["text"]
    check = {c["name"]: c for c in site.ask("domain.check", domain="refused.test")["checks"]}
    assert check["dns"]["result"] == "fail" and "refuses" in check["dns"]["text"]
    check = {c["name"]: c for c in site.ask("domain.check", domain="hook.test")["checks"]}
    assert check["dns"]["result"] == "ok" and site.path("hook") in check["dns"]["text"]


def test_one_of_two_servers_lags(site):
    """The CA isn't asked before all of the zone's servers show the record."""
    other = Nameserver(site.path("dns2"), nameserver.free_port())
    relay = nameserver.Relay(site.second, other.port)
    other.zones["lag.test"] = "lag.test. IN NS ns1.lag.test.\nns1.lag.test. IN A 127.0.0.1\n"
    other.start()
    try:
        site.ask("domain.add", domain="lag.test")
        text = site.wait(lambda: "1 of 2" in dcv(site, "lag.test").get("next", "") and dcv(site, "lag.test")["next"],
                         20, "one shows it")
        assert site.second in text
        time.sleep(2)
        assert not site.ca.is_valid("lag.test") and dcv(site, "lag.test")["step"] in ("wait", "write")
        rec = dcv(site, "lag.test")["record"]
        other.zones["lag.test"] += f'{rec["name"]}. IN TXT "{rec["value"]}"\n'
        other.stop()
        other.start()
        site.wait(lambda: done(site, "lag.test"), 60, "both show it")
    finally:
        other.stop()
        relay.close()


def test_hold_needs_a_person_and_a_reason(site):
    intent = site.ask("domain.add", domain="hold.test")["intent"]
    site.wait(lambda: dcv(site, "hold.test").get("step") == "look" and "held" in dcv(site, "hold.test").get("next", ""),
              20, "held")
    time.sleep(1)
    assert answers(site, "_dnsauth.hold.test") == [] and "held" in dcv(site, "hold.test")["next"]
    with pytest.raises(Refused):
        site.ask("domain.release", domain="hold.test")
    with pytest.raises(Refused):
        site.ask("domain.release", domain="txt.test", reason="no such thing")
    site.ask("domain.release", domain="hold.test", reason="ticket 17")
    site.wait(lambda: done(site, "hold.test"), 40, "released")
    e = next(e for e in site.events("dns.released") if e["object"] == f"intent:{intent}")
    assert e["data"]["reason"] == "ticket 17" and e["actor"].startswith("tester")


def test_observe_writes_nothing(site):
    site.ask("domain.add", domain="observe.test")
    site.wait(lambda: "not written" in dcv(site, "observe.test").get("next", ""), 20, "told")
    with pytest.raises(Refused):
        site.ask("domain.release", domain="observe.test", reason="please")
    time.sleep(3)
    assert answers(site, "_dnsauth.observe.test") == [] and not site.ca.is_valid("observe.test")
    assert "not written" in dcv(site, "observe.test")["next"]


def test_lost_answers_double_nothing(site):
    """Every answer of a change is lost once, after the CA has acted."""
    for match in ("POST .*/domain$", "PUT .*/domain/[0-9]+/dcv/validate-token"):
        site.ca.fault(match, "drop")
    add(site, "lost.test", 60)
    assert len(tokens_given(site, "lost.test")) == 1
    assert answers(site, "_dnsauth.lost.test") == []


def test_the_ca_is_busy(site):
    site.ca.fault("PUT .*/dcv/validate-token", "status:429", times=1)
    site.ca.fault("PUT .*/dcv/validate-token", "status:500", times=1)
    add(site, "busy.test", 90)


def test_the_ca_changes_its_mind(site):
    """A new value at the CA while ours is in the zone: the new one is written, both are taken away."""
    site.ca.fault("PUT .*/dcv/validate-token", "status:500", times=None)  # none is proved before the CA has changed it
    site.ask("domain.add", domain="changed.test")
    first = site.wait(lambda: answers(site, "_dnsauth.changed.test"), 20, "the record")
    number = tokens_given(site, "changed.test")[0]["id"]
    site.ca.api("POST", f"/domain/{number}/dcv/token", {})
    site.ca.call("DELETE", "faults")
    site.wait(lambda: done(site, "changed.test"), 60, "the new value")
    assert tokens_given(site, "changed.test")[0]["token"]["token"] != first[0]
    assert answers(site, "_dnsauth.changed.test") == []


@pytest.mark.slow
def test_killed_between_the_steps(site):
    """kill -9 again and again: it goes on where it was, with one domain, one token, one record."""
    for _ in range(12):
        site.ca.fault("/domain", "slow:0.4", times=1)
    site.ask("domain.add", domain="crash.test")
    values = set()
    for n in range(10):
        time.sleep(0.05 + 0.11 * n)
        values.update(answers(site, "_dnsauth.crash.test"))
        site.agent.kill()
        site.agent.start()
    site.wait(lambda: done(site, "crash.test"), 60, "after the crashes")
    given = tokens_given(site, "crash.test")
    assert len(given) == 1 and values <= {given[0]["token"]["token"]}
    assert answers(site, "_dnsauth.crash.test") == []
    owned = [e for e in site.events("intent.ended") if (e["data"] or {}).get("domain") == "crash.test"]
    assert len(owned) == 1
