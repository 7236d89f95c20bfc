"""The main job, with real SMTP, real DKIM, real DNS and real TLS."""
import base64
import json
import os
import re
import subprocess

import pytest

from privatesite import CONTACT, ROLES


def used_tokens(site, domain):
    """Tokens of our mails for DOMAIN -> how often their form was sent."""
    posts = site.ca.posts()
    mine = site.ca.tokens(domain=domain, account="ours")["tokens"]
    return {t["token"]: posts.get(t["token"], 0) for t in mine}


def test_a_domain_is_confirmed_once(site, domain):
    site.validate(domain)
    site.wait(lambda: len(site.verdicts(domain)) == 5, 20, "five decisions")
    tokens = used_tokens(site, domain)
    assert len(tokens) == 5 and sorted(tokens.values()) == [0, 0, 0, 0, 1]
    assert sorted(site.verdicts(domain)) == ["confirm/confirmed"] + 4 * ["observe/already-done"]
    assert site.ca.is_valid(domain)
    # every copy arrived in its mailbox too
    assert all(len(site.delivered(f"{role}@{domain}")) == 1 for role in ROLES)


def test_asking_twice_is_one_request(site, domain):
    site.ca.settings(send_mails=False)
    first = site.ask("domain.add", domain=domain)["intent"]
    site.wait(lambda: site.ca.tokens(domain=domain)["tokens"], 10, "tokens")
    again = site.ask("domain.add", domain=domain)
    assert again["intent"] == first
    assert len(site.ca.tokens(domain=domain)["tokens"]) == 5


def test_what_is_not_controlled_is_not_asked_for(site):
    from agentsocket import Refused
    with pytest.raises(Refused):
        site.ask("domain.add", domain="elsewhere.test")


@pytest.mark.parametrize("key_type", ["rsa2048", "rsa3072", "p256", "p384"])
def test_a_certificate_is_ordered_and_stored(site, domain, key_type):
    site.validate(domain)
    box = f"alice@{domain}"
    before = site.ca.counters()["orders"].get("ours", 0)
    c = site.stored(site.order(box, key_type=key_type), 90)
    assert c["state"] == "current" and c["mailboxes"] == [box] and c["source"].startswith("mail:")
    assert site.ca.counters()["orders"]["ours"] == before + 1
    pem = site.ask("certificate.pem", what=box)["pem"]
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, text=True, capture_output=True).stdout
    assert {"rsa2048": "2048 bit", "rsa3072": "3072 bit", "p256": "P-256", "p384": "P-384"}[key_type] in text


@pytest.mark.parametrize("form", ["zip", "pem_text", "p7b", "crt", "wrong_type"])
def test_every_form_of_an_issued_mail(site, domain, form):
    site.ca.settings(issued_form=form)
    site.validate(domain)
    assert site.stored(site.order(f"bob@{domain}"))["source"].startswith("mail:")


@pytest.mark.slow
def test_a_mail_without_certificate_or_none_at_all(site, domain):
    site.validate(domain)
    site.ca.settings(issued_form="none")
    without = site.order(f"carol@{domain}")
    site.wait(lambda: site.delivered(f"carol@{domain}"), 30, "the mail")
    site.ca.settings(send_mails=False)
    never = site.order(f"dave@{domain}")
    assert not site.stored(without, 90)["source"].startswith("mail:")
    assert not site.stored(never, 90)["source"].startswith("mail:")


def test_keeping_a_key_needs_its_owners_consent(site, domain):
    from agentsocket import Refused
    site.validate(domain)
    with pytest.raises(Refused):
        site.ask("order", mailbox=f"erin@{domain}", key_type="p256")


def test_export_and_use(site, domain, tmp_path):
    """PKCS#12 from the keeper signs and decrypts; the owner is told."""
    site.validate(domain)
    box = f"frank@{domain}"
    site.stored(site.order(box))
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config}
    p12, word = tmp_path / "key.p12", tmp_path / "word"

    def run(*args, **more):
        r = subprocess.run(args, env=env, capture_output=True, stdin=subprocess.DEVNULL, **more)
        assert r.returncode == 0, (args, r.stdout, r.stderr)
        return r.stdout
    run(site.program("certmilter"), "export", box, "--p12", str(p12), "--passphrase-out", str(word), "--reason", "test")
    assert p12.stat().st_mode & 0o777 == 0o600 and word.stat().st_mode & 0o777 == 0o600
    for what, name in (("-nocerts", "key"), ("-clcerts", "crt"), ("-cacerts", "chain")):
        run("openssl", "pkcs12", "-in", str(p12), "-passin", f"file:{word}", "-nodes", what,
            *(["-nokeys"] if name != "key" else []), "-out", str(tmp_path / name))
    at = {n: str(tmp_path / n) for n in ("key", "crt", "chain", "letter", "signed", "secret")}
    (tmp_path / "letter").write_bytes(b"hello\r\n")
    run("openssl", "cms", "-sign", "-binary", "-in", at["letter"], "-signer", at["crt"], "-inkey", at["key"],
        "-certfile", at["chain"], "-out", at["signed"])
    assert run("openssl", "cms", "-verify", "-binary", "-in", at["signed"], "-CAfile",
               site.ca.path("smime-root.pem")) == b"hello\r\n"
    run("openssl", "cms", "-encrypt", "-aes256", "-binary", "-in", at["letter"], "-out", at["secret"], at["crt"])
    assert run("openssl", "cms", "-decrypt", "-binary", "-in", at["secret"], "-recip", at["crt"], "-inkey",
               at["key"]) == b"hello\r\n"
    site.wait(lambda: any(b"private key" in m for m in site.delivered(box)), 20, "the owner is told")


def test_ordinary_mail_is_untouched(site):
    raw = (b"From: Carol <carol@elsewhere.test>\nTo: postmaster@example.test\nSubject:  odd  spacing\t!\n"
           b"Date: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <ordinary@elsewhere.test>\n"
           b"X-Folded: one\n\ttwo\n   three\nX-Empty:\n\n8 bits: \xc3\xa4\xff\n.\n..two dots\n\nend without newline")
    seen = site.ask("status")["mails"]
    site.send(raw.replace(b"\n", b"\r\n"), "postmaster@example.test")
    site.postfix.wait_empty()
    arrived = [m for m in site.delivered("postmaster@example.test") if b"ordinary@elsewhere.test" in m]
    assert len(arrived) == 1 and arrived[0].endswith(raw + b"\n") and b"X-Certmilter" not in arrived[0]
    assert site.ask("status")["mails"] == seen


def test_the_mail_of_the_ca_is_delivered_as_it_came(site, domain):
    """We add one field in front, and DKIM still passes for whoever looks later."""
    import dkim
    site.validate(domain)
    mail = site.ca.get("mails", kind="dcv", account="ours", to=f"admin@{domain}")["mails"][0]
    raw = base64.b64decode(mail["raw_base64"]).replace(b"\r\n", b"\n")
    arrived = site.delivered(f"admin@{domain}")[0]
    ours = re.search(rb"(?m)^X-Certmilter: v=1; taken; id=\S+\n", arrived)
    assert ours and arrived.replace(ours[0], b"").endswith(raw)
    with open(site.ca.path("zone.txt")) as f:
        keys = {line.split(" 300 IN TXT ")[0]: "".join(line.split(" 300 IN TXT ")[1].strip().strip('"').split('" "'))
                for line in f if " 300 IN TXT " in line}
    assert dkim.verify(arrived.replace(b"\n", b"\r\n"),
                       dnsfunc=lambda name, timeout=5: keys.get(name.decode(), "").encode())


def test_a_forged_field_of_ours_is_removed(site, domain):
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    mail = site.wait(lambda: site.ca.get("mails", kind="dcv", to=f"admin@{domain}")["mails"], 10, "a mail")[0]
    forged = b"X-Certmilter: v=1; taken; id=forged\r\n" + base64.b64decode(mail["raw_base64"])
    site.send(forged, f"admin@{domain}", mail["from"])
    site.wait(lambda: site.delivered(f"admin@{domain}"), 10, "delivery")
    head = site.delivered(f"admin@{domain}")[0].split(b"\n\n")[0]
    assert head.count(b"X-Certmilter:") == 1 and b"forged" not in head


def test_no_token_is_logged_or_kept_in_events(site, domain):
    site.validate(domain)
    site.wait(lambda: len(site.verdicts(domain)) == 5, 20, "five decisions")
    told = site.agent.log_text() + site.milter.log_text() + site.keeper.log_text() + json.dumps(site.events())
    for t in site.ca.tokens(domain=domain)["tokens"]:
        assert t["token"] not in told
    assert site.ca.account["key"] not in told


def test_the_api_key_is_nobody_elses(site):
    """Not in argv, environment, configuration; of the daemons only the agent can read it."""
    key = site.ca.account["key"].encode()
    for daemon in (site.milter, site.agent, site.keeper):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{daemon.proc.pid}/{name}", "rb") as f:
                assert key not in f.read()
    with open(site.config, "rb") as f:
        assert key not in f.read()
    for user, may in (("certmilter", False), ("certkeeper", False), ("certagent", True)):
        r = subprocess.run(["runuser", "-u", user, "--", "cat", site.path("etc/credentials/rehearsal")],
                           capture_output=True)
        assert (r.returncode == 0) == may, user


def test_status_tells_a_person(site):
    r = subprocess.run([site.program("certmilter"), "status"], env={"CERTMILTER_CONFIG": site.config}, text=True,
                       capture_output=True)
    assert r.returncode in (0, 4) and "rehearsal" in r.stdout
    assert CONTACT  # alarms have somewhere to go
