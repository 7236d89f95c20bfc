"""Somebody else's orders for our domains: genuine mails of the CA that nobody of us caused."""
import base64
import email
import email.policy
import re

import pytest

from privatesite import CONTACT, ROLES


def touched(site, tokens):
    """How often pages of these tokens were opened or answered."""
    seen = site.ca.counters()["tokens"]
    return {t: seen[t] for t in tokens if t in seen}


def alarms(site, domain):
    """Alarm mails to the contact that name DOMAIN."""
    out = []
    for raw in site.delivered(CONTACT):
        m = email.message_from_bytes(raw, policy=email.policy.default)
        if "ALARM" in m["Subject"] and domain in m["Subject"]:
            out.append(m)
    return out


def settled(site, domain, n, timeout=40):
    site.wait(lambda: len(site.verdicts(domain)) >= n, timeout, f"{n} decisions")
    return site.verdicts(domain)


def kept_mails(site, **query):
    return site.ca.get("mails", kind="dcv", **query)["mails"]


def deliver(site, mail, rcpt=None):
    site.send(base64.b64decode(mail["raw_base64"]), rcpt or mail["to"], mail["from"])


def test_alone(site, domain):
    made = site.ca.post("mallory", domain=domain)
    assert settled(site, domain, 5) == 5 * ["alarm/unexpected"]
    assert not touched(site, made["tokens"])
    found = site.wait(lambda: alarms(site, domain), 10, "the alarm mail")
    assert len(found) == 1, "five copies of one request are one alarm"
    text = found[0].get_content()
    assert str(made["orders"][0]) in text and "Message-ID" in text and "queue id" in text
    assert "https://" not in text and not any(t in text for t in made["tokens"])


def test_first(site, domain):
    hers = site.ca.post("mallory", domain=domain)
    settled(site, domain, 5)
    site.validate(domain)
    verdicts = settled(site, domain, 10)
    assert verdicts.count("alarm/unexpected") == 5 and verdicts.count("confirm/confirmed") == 1
    assert not touched(site, hers["tokens"])


def test_between(site, domain):
    """Her copies arrive just before each of ours."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)

    def all_five():
        kept = [kept_mails(site, account="ours", to=f"{r}@{domain}") for r in ROLES]
        return all(kept) and [k[0] for k in kept]
    ours = site.wait(all_five, 10, "our mails")
    hers = site.ca.post("mallory", domain=domain)
    site.ca.idle()
    theirs = [kept_mails(site, account="mallory", to=f"{r}@{domain}")[0] for r in ROLES]
    for a, b in zip(theirs, ours):
        deliver(site, a)
        deliver(site, b)
    verdicts = settled(site, domain, 10)
    assert sorted(verdicts) == 5 * ["alarm/unexpected"] + ["confirm/confirmed"] + 4 * ["observe/already-done"]
    assert not touched(site, hers["tokens"])
    assert len(touched(site, [m["token"] for m in ours])) == 1
    assert site.ca.is_valid(domain) and not site.ca.is_valid(domain, "mallory")


def test_after(site, domain):
    site.validate(domain)
    settled(site, domain, 5)
    hers = site.ca.post("mallory", domain=domain)
    assert settled(site, domain, 10)[5:] == 5 * ["alarm/unexpected"]
    assert not touched(site, hers["tokens"])


def test_instead_of_ours(site, domain):
    """Our own mails never come; only hers do, while our request is open."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    site.wait(lambda: kept_mails(site, account="ours", to=f"postmaster@{domain}"), 10, "our mails")
    hers = site.ca.post("mallory", domain=domain)
    site.ca.idle()
    for role in ROLES:
        deliver(site, kept_mails(site, account="mallory", to=f"{role}@{domain}")[0])
    assert settled(site, domain, 5) == 5 * ["alarm/unexpected"]
    assert not touched(site, hers["tokens"]) and not site.ca.is_valid(domain, "mallory")


@pytest.mark.slow
def test_flooding(site, domain):
    """Twenty orders of hers around one of ours: ours is confirmed, hers aren't opened, one alarm for each order."""
    hers = site.ca.post("mallory", domain=domain, times=10)["tokens"]
    site.ask("domain.add", domain=domain)
    hers += site.ca.post("mallory", domain=domain, times=10)["tokens"]
    verdicts = settled(site, domain, 105, 120)
    assert verdicts.count("confirm/confirmed") == 1 and verdicts.count("alarm/unexpected") == 100
    assert not touched(site, hers)
    assert site.ca.is_valid(domain) and not site.ca.is_valid(domain, "mallory")
    site.wait(lambda: len(alarms(site, domain)) == 20, 30, "one alarm for each order")


@pytest.mark.parametrize("ids_shown", [True, False])
@pytest.mark.parametrize("name", ["Acme Domain ID: {id}", "Acme\r\nDomain ID: {id}\r\n",
                                  "Acme\r\n\r\nDomain ID: {id}\r\n\r\n",
                                  "A\r\n\r\nReference data\r\nDomain: {domain}\r\nDomain ID: {id}\r\n\r\n"])
def test_her_name_is_our_id(site, domain, name, ids_shown):
    """A name that an applicant typed binds nothing, even from a CA that prints it as it is."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    site.wait(lambda: site.ca.tokens(domain=domain, account="ours")["tokens"], 10, "our tokens")
    ours = next(d["id"] for d in site.ca.get("state/domains")["domains"].values() if d["name"] == domain)
    site.ca.settings(send_mails=True, raw_names=True, id_in_mail=ids_shown, id_in_page=False,
                     organization_names={"mallory": name.format(id=ours, domain=domain)})
    try:
        hers = site.ca.post("mallory", domain=domain)
        verdicts = settled(site, domain, 5)
    finally:
        site.ca.settings(raw_names=False, organization_names={"mallory": "Mallory Synthetic Ltd"})
    assert not any(v.startswith("confirm") for v in verdicts), verdicts
    assert not any(c["posts"] for c in touched(site, hers["tokens"]).values())
    assert not site.ca.is_valid(domain, "mallory")


def test_one_mail_taken_twice_is_one_mail(site, domain):
    """Two MX hosts, or a sender that repeats: the second copy changes nothing."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    mail = site.wait(lambda: kept_mails(site, account="ours", to=f"admin@{domain}"), 10, "our mail")[0]
    for _ in range(3):
        deliver(site, mail)
    site.wait(lambda: site.state_of(domain) == "valid", 20, "valid")
    site.wait(lambda: site.ask("status")["spool"]["new"] == 0 and site.ask("status")["spool"]["cur"] == 0, 10, "spool")
    assert site.verdicts(domain) == ["confirm/confirmed"]
    assert touched(site, [mail["token"]]) == {mail["token"]: {"gets": 1, "posts": 1}}
    hers = site.ca.post("mallory", domain=domain)
    site.ca.idle()
    alarm = kept_mails(site, account="mallory", to=f"admin@{domain}")[0]
    for _ in range(3):
        deliver(site, alarm)
    settled(site, domain, 2)
    site.postfix.wait_empty()
    site.wait(lambda: alarms(site, domain), 10, "the alarm")
    assert site.verdicts(domain)[1:] == ["alarm/unexpected"] and len(alarms(site, domain)) == 1
    assert not touched(site, hers["tokens"])


def test_a_forged_mail_is_never_answered(site, domain):
    """No signature, a broken one, another signer: neither opened nor confirmed."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    site.wait(lambda: site.ca.tokens(domain=domain)["tokens"], 10, "tokens")
    site.ca.settings(send_mails=True)
    faults = ["no_dkim", "broken_body", "broken_signature", "wrong_d", "unsigned_subject", "l_tag", "second_from",
              "testing_key", "expired", "http_link", "lookalike_link", "userinfo_link"]
    tokens = []
    for fault in faults:
        tokens += site.ca.post("send", kind="dcv", domain=domain, faults=[fault],
                               recipients=[f"admin@{domain}"])["tokens"]
    site.ca.idle()
    site.postfix.wait_empty()
    site.wait(lambda: site.ask("status")["spool"]["new"] + site.ask("status")["spool"]["cur"] == 0, 20, "spool")
    site.wait(lambda: site.ask("status")["jobs"]["waiting"] == 0 or len(site.verdicts(domain)) >= 4, 20, "decisions")
    assert not touched(site, tokens)
    assert not any(v.startswith("confirm") for v in site.verdicts(domain))
    assert not site.ca.is_valid(domain)


def test_unbound_is_held_and_a_person_releases(site, domain):
    site.ca.settings(id_in_mail=False, id_in_page=False, send_mails=False)
    site.ask("domain.add", domain=domain)
    mail = site.wait(lambda: kept_mails(site, account="ours", to=f"admin@{domain}"), 10, "our mail")[0]
    deliver(site, mail)
    held = site.wait(lambda: [h for h in site.ask("held.list")["held"] if h.get("domain") == domain], 20, "held")
    assert held[0]["reason"] == "unbound" and held[0]["approvable"]
    assert not any(c["posts"] for c in touched(site, [mail["token"]]).values())
    site.ask("held.approve", id=held[0]["id"], reason="called the CA, it is ours")
    site.wait(lambda: site.state_of(domain) == "valid", 20, "valid")
    assert touched(site, [mail["token"]])[mail["token"]]["posts"] == 1
    told = [e for e in site.events("held.") if e["object"] == f"mail:{held[0]['id']}"]
    assert told and "called the CA" in str(told[0]["data"]) and told[0]["actor"].startswith("tester")


def test_unbound_of_a_stranger_is_denied(site, domain):
    """Even while our request is open, her unbound mail waits for a person."""
    site.ca.settings(id_in_mail=False, id_in_page=False, send_mails=False)
    site.ask("domain.add", domain=domain)
    site.wait(lambda: site.ca.tokens(domain=domain, account="ours")["tokens"], 10, "our tokens")
    hers = site.ca.post("mallory", domain=domain)
    mail = site.wait(lambda: kept_mails(site, account="mallory", to=f"admin@{domain}"), 10, "her mail")[0]
    deliver(site, mail)
    held = site.wait(lambda: [h for h in site.ask("held.list")["held"] if h.get("domain") == domain], 20, "held")
    site.ask("held.deny", id=held[0]["id"], reason="not ours")
    assert not [h for h in site.ask("held.list")["held"] if h.get("domain") == domain]
    assert not any(c["posts"] for c in touched(site, hers["tokens"]).values())
    assert not site.ca.is_valid(domain, "mallory")


def test_guard_needs_no_account(sites):
    """No CA account, no key, no keeper: the alarm comes, and nothing is opened or asked."""
    guard = sites(account=False).start()
    made = guard.ca.post("mallory", domain="example.test")
    guard.wait(lambda: len(guard.verdicts("example.test")) == 5, 30, "five decisions")
    assert guard.verdicts("example.test") == 5 * ["alarm/unexpected"]
    guard.wait(lambda: alarms(guard, "example.test"), 10, "the alarm mail")
    assert len(alarms(guard, "example.test")) == 1
    counters = guard.ca.counters()
    assert not counters["tokens"] and not counters["requests"], counters
    assert made["tokens"] and guard.ask("status")["guard"]
    assert len(guard.delivered("admin@example.test")) == 1


ACCOUNTS, DEAD, FLOOD = 24, 8, 12


@pytest.mark.slow
def test_a_flood_with_many_accounts(sites):
    """Whose order it is, every account of ours may be asked; but once for each order, not those that are dead, and not
    in the way of what is ours."""
    site = sites(domains={"example.test": {"mode": "confirm"}, "own.test": {"mode": "confirm"}}, settle="2s")
    site.start_around()
    site.ca.settings(rate_limits=False)
    with open(site.config, "a") as f:
        for n in range(ACCOUNTS):
            made = site.ca.post("account", name=f"c{n}") if n >= DEAD else {"key": f"NOKEY{n}", "organization_id": 1}
            site.credential(f"c{n}", made["key"], "certagent")
            f.write(f'account "c{n}" {{\n profile = "rehearsal"\n driver = certcentral\n'
                    f' base_url = "https://api.rehearsal-ca.test:{site.ports["https"]}/services/v2"\n'
                    f' api_key = "c{n}"\n tls_bundle = "{site.dir}/etc/tls-ca.pem"\n poll = 1h\n}}\n')
    site.start_milter()
    site.keeper.start()
    site.start_agent()

    def looks():
        return sum(n for k, n in site.ca.counters()["requests"].items()
                   if k.startswith("GET") and re.search(r"/(order|certificate)/\{", k))
    before = looks()
    hers = site.ca.post("mallory", domain="example.test", times=FLOOD)
    site.ask("domain.add", domain="own.test")
    site.wait(lambda: site.state_of("own.test") == "valid", 60, "ours goes on meanwhile")
    assert settled(site, "example.test", 5 * FLOOD, 120) == 5 * FLOOD * ["alarm/unexpected"]
    assert not touched(site, hers["tokens"])
    # each mail at its domain's account; each order at the others, as order and certificate, by the two mails at once
    most = 1.1 * (5 * FLOOD * 2 + FLOOD * (ACCOUNTS - DEAD) * 2 * 2)
    assert 0 < looks() - before <= most, (looks() - before, most)
