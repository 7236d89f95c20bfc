"""certmilter explain over the sample mails: without a daemon, DNS from a file."""
import json
import re

import pytest

import shapes
from conftest import AT, MAILS, ZONE

NAMES = sorted(p.stem for p in MAILS.glob("*.eml"))
KEYS = ["profile", "kind", "authenticated", "domain", "mailbox", "order", "links", "certificates", "decision",
        "checks"]
KINDS = {"domain-validation", "mailbox-validation", "certificate-issued", "csr-invitation", "renewal-notice",
         "organization-consent", "order-approval", "other"}
DECISIONS = {"confirm", "collect", "observe", "hold", "later", "pass", "alarm"}
DOMAIN = """
account "main" {
    profile = "digicert-shape" driver = certcentral base_url = "https://api.synthetic.example" api_key = "k"
}
domain "example.test" { account = "main" mode = %s unexpected = alarm %s }
"""


@pytest.fixture
def shaped(site):
    """Our configuration with the profiles that the samples were made for."""
    folder = shapes.write_all(site.path / "profiles")
    site.shape = lambda mode="confirm", more="": site.write(DOMAIN % (mode, more), folder)
    site.shape()
    return site


def explain(site, name, *more, rcpt="postmaster@example.test", config=True, status=0):
    r = site.run("--json", "explain", MAILS / (name + ".eml"), "--rcpt", rcpt, "--dns-data", ZONE, "--at", AT,
                 *more, config=config)
    assert r.status == status, r.err
    return r.json


def check(answer, rule):
    return next((c["result"] for c in answer["checks"] if c["rule"] == rule), None)


@pytest.mark.parametrize("name", NAMES)
def test_samples(shaped, name):
    sample = json.loads((MAILS / (name + ".json")).read_text())
    expect = sample["expect"]
    if expect.get("profile") and not (shaped.path / "profiles" / (expect["profile"] + ".conf")).exists():
        pytest.skip("its profile can't be a file")
    a = explain(shaped, name)
    assert list(a)[:len(KEYS)] == KEYS
    assert a["kind"] in KINDS and a["decision"] in DECISIONS
    assert a["authenticated"] is (expect["auth"] == "pass")
    assert a["authentication"]["result"] == expect["auth"]
    assert a["decision"] != "confirm"  # nothing was asked for
    for c in a["checks"]:
        assert set(c) == {"rule", "result", "detail"} and c["result"] in ("pass", "fail", "unknown", "later")
    text = json.dumps(a)
    for link in sample["facts"].get("links", []):
        assert not link.get("token") or link["token"] not in text
    if expect["auth"] != "pass":
        return  # what was read by force may be more than is expected of the agent
    for key in ("profile", "kind", "domain", "mailbox", "order", "certificates"):
        if key in expect:
            assert a[key] == expect[key], key
    if "fits" in expect:
        assert sum(link["fits"] for link in a["links"]) == expect["fits"]
    if "denied" in expect:
        assert sum(link["denied"] for link in a["links"]) == expect["denied"]


def test_confirmed_only_with_our_request(shaped):
    order = json.loads((MAILS / "dcv-dv-en.json").read_text())["expect"]["order"]
    assert explain(shaped, "dcv-dv-en")["decision"] == "alarm"
    bound = explain(shaped, "dcv-dv-en", "--intent", "domain:example.test:" + order)
    assert check(bound, "binding") == "pass" and check(bound, "intent") == "pass"
    # nobody has seen such a mail on a real account
    assert bound["decision"] == "hold" and check(bound, "verified") == "unknown"
    other = explain(shaped, "dcv-dv-en", "--intent", "domain:example.test:999")
    assert other["decision"] == "alarm" and check(other, "binding") == "fail"
    assert explain(shaped, "dcv-dv-en", "--intent", "domain:other.test:" + order)["decision"] == "alarm"


def test_modes_of_the_configuration(shaped):
    path = shaped.path / "profiles" / "digicert-shape.conf"
    path.write_text(re.sub(r'(kind "domain-validation" {)', r"\1\n    verified = yes",
                           path.read_text().replace("verified = no", "")))
    order = json.loads((MAILS / "dcv-dv-en.json").read_text())["expect"]["order"]
    intent = ("--intent", "domain:example.test:" + order)
    for mode, decision in (("confirm", "confirm"), ("hold", "hold"), ("observe", "observe")):
        shaped.shape(mode)
        a = explain(shaped, "dcv-dv-en", *intent)
        assert a["decision"] == decision, a["text"]
        assert a["assumed"] is None
    shaped.shape("confirm")
    r = shaped.run("explain", MAILS / "dcv-dv-en.eml", "--rcpt", "postmaster@example.test", "--dns-data", ZONE,
                   "--at", AT, *intent)
    assert re.search(r"^decision +confirm: .*So far: \d+ checks wait", r.out, re.M)
    shaped.shape("confirm")
    a = explain(shaped, "dcv-dv-en", *intent, rcpt="someone@example.test")
    assert a["decision"] == "hold" and check(a, "recipient") == "fail"


def test_uncontrolled(shaped):
    a = explain(shaped, "dcv-foreign-domain", rcpt="postmaster@example.test")
    assert a["decision"] == "pass" and a["domain"] not in (None, "example.test")


def test_unauthenticated_is_shown_but_never_believed(shaped):
    for name in ("dcv-footer-added", "dcv-key-absent", "dcv-key-revoked"):
        a = explain(shaped, name, "--intent", "domain:example.test:70000001")
        assert a["authenticated"] is False and a["unseen"] is True
        assert a["links"], "the body is read for the explanation"
        assert a["decision"] not in ("confirm", "collect")
        assert check(a, "dkim") in ("fail", "unknown")


def test_decided_on_what_the_agent_sees(shaped):
    """Of an unauthentic mail the agent reads no body: what only the body says can't make it harmless."""
    raw = re.sub(rb"(?m)^Subject:.*\r\n", b"Subject: Approve\r\n", (MAILS / "dcv-foreign-domain.eml").read_bytes())
    r = shaped.run("--json", "explain", "-", "--rcpt", "postmaster@example.test", "--dns-data", ZONE, "--at", AT,
                   stdin=raw)
    a = json.loads(r.out)
    assert a["authenticated"] is False and a["domain"] not in (None, "example.test")
    assert a["decision"] == "hold" and a["reason"] == "changed-before-us"


def test_dns_that_does_not_answer(shaped):
    """Neither a file nor a server: the key can't be looked up now."""
    shaped.write((DOMAIN % ("confirm", "")) + 'network { resolvers = { "127.0.0.1@1" } }',
                 shaped.path / "profiles")
    r = shaped.run("--json", "explain", MAILS / "dcv-dv-en.eml", "--rcpt", "postmaster@example.test",
                   "--at", AT)
    assert r.status == 0
    assert r.json["authentication"]["result"] == "tempfail" and r.json["decision"] == "later"


def test_tokens_are_masked(shaped):
    path = MAILS / "dcv-dv-en.json"
    token = next(link["token"] for link in json.loads(path.read_text())["facts"]["links"] if "token" in link)
    for args in (("--json",), ()):
        r = shaped.run(*args, "explain", MAILS / "dcv-dv-en.eml", "--rcpt", "postmaster@example.test",
                       "--dns-data", ZONE, "--at", AT)
        assert token not in r.out and token[:4] + "..." in r.out
        r = shaped.run(*args, "explain", MAILS / "dcv-dv-en.eml", "--rcpt", "postmaster@example.test",
                       "--dns-data", ZONE, "--at", AT, "--show-links")
        assert token in r.out


def test_text(shaped):
    r = shaped.run("explain", MAILS / "dcv-dv-en.eml", "--rcpt", "postmaster@example.test", "--dns-data", ZONE,
                   "--at", AT)
    assert r.status == 0 and r.err == ""
    rows = {line[:14].strip(): line[16:] for line in r.out.split("\n\n")[0].splitlines()}
    assert rows["kind"] == "domain-validation, by its link"
    assert rows["authentication"].startswith("pass; d=digitalcertvalidation.com s=s1 rsa-sha256, 2048 bits")
    assert rows["domain"] == "example.test" and rows["certificates"] == "0"
    assert rows["order"].startswith("70000001  (")
    assert rows["decision"].startswith("alarm: ")
    assert re.search(r"^pass     dkim +signed by", r.out, re.M)


# ---- without a configuration ---------------------------------------------------------------

@pytest.fixture
def bare(site):
    """No configuration at all; the default one must not exist on this machine either."""
    import os
    if os.path.exists("/usr/local/etc/certmilter.conf") or os.path.exists("/etc/certmilter/certmilter.conf"):
        pytest.skip("this machine has a configuration")
    return site


def test_assumed(bare):
    r = bare.run("--json", "explain", MAILS / "dcv-dv-en.eml", "--rcpt", "Postmaster@Example.TEST",
                 "--dns-data", ZONE, "--at", AT, config=False)
    assert r.status == 0 and r.err.count("\n") == 1
    a = r.json
    assert a["profile"] == "digicert" and a["authenticated"] is True
    assert "example.test" in a["assumed"] and a["assumed"] in r.err
    assert a["decision"] == "alarm"
    a = explain(bare, "dcv-dv-en", "--intent", "domain:example.test:70000001", config=False)
    assert a["decision"] == "hold"  # digicert's kinds are unverified
    a = explain(bare, "dcv-dv-en", "--intent", "domain:elsewhere.test", config=False)
    assert "elsewhere.test" in a["assumed"] and a["decision"] == "pass"


def test_samples_without_configuration(bare):
    for name in NAMES[::8]:
        a = explain(bare, name, config=False)
        assert a["kind"] in KINDS and a["decision"] != "confirm"
        assert a["decision"] != "collect" or a["authenticated"]


# ---- what is no mail, what is no command ------------------------------------------------------

@pytest.mark.parametrize("content", [b"", b"\n\nhello\n", b"just some text\n", b"\x00\xff\x01", b":x\n",
                                     b"root:x:0:0:root:/root:/bin/bash\n"])
def test_no_mail(site, content):
    r = site.run("explain", "-", "--rcpt", "a@example.test", stdin=content)
    assert r.status == 1 and b"no mail" in r.err
    r = site.run("--json", "explain", "-", "--rcpt", "a@example.test", stdin=content)
    assert r.status == 1 and json.loads(r.out)["code"] == "mail.none"


def test_mbox_line_and_stdin(shaped):
    raw = b"From x@y Sun Nov 22 14:00:00 2026\n" + (MAILS / "dcv-dv-en.eml").read_bytes()
    r = shaped.run("--json", "explain", "-", "--rcpt", "postmaster@example.test", "--dns-data", ZONE, "--at",
                   AT, stdin=raw)
    assert r.status == 0 and json.loads(r.out)["authenticated"] is True


def test_bare_newlines(shaped):
    raw = (MAILS / "dcv-dv-en.eml").read_bytes().replace(b"\r\n", b"\n")
    r = shaped.run("--json", "explain", "-", "--rcpt", "postmaster@example.test", "--dns-data", ZONE, "--at",
                   AT, stdin=raw)
    assert r.status == 0 and json.loads(r.out)["authenticated"] is True


@pytest.mark.parametrize("args", [(), ("--rcpt", "nobody"), ("--rcpt", "a@b.test", "--intent", "domain"),
                                  ("--rcpt", "a@b.test", "--intent", "planet:x.test"),
                                  ("--rcpt", "a@b.test", "--intent", "mailbox:x.test"),
                                  ("--rcpt", "a@b.test", "--at", "tomorrow")])
def test_usage(site, args):
    assert site.run("explain", MAILS / "dcv-dv-en.eml", *args).status == 2


def test_files_that_cannot_be_read(site):
    mail = MAILS / "dcv-dv-en.eml"
    assert site.run("explain", site.path / "none", "--rcpt", "a@b.test").status == 1
    assert site.run("explain", mail, "--rcpt", "a@b.test", "--dns-data", site.path / "none").status == 1
    bad = site.path / "zone"
    bad.write_text("this is no zone\n")
    assert site.run("explain", mail, "--rcpt", "a@b.test", "--dns-data", bad).status == 1
