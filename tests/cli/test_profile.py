"""certmilter profile: check, test, record."""
import json

import pytest

import shapes
from conftest import AT, MAILS, ROOT, ZONE

PAGE = """<html><head><title>Approve</title></head><body><p>Domain: example.test</p>
<form method="post" action="/approve/submit">
<input type="hidden" name="csrf" value="x">
<input type="radio" name="scope" value="order" checked> only this
<input type="radio" name="scope" value="all"> all
<button name="action" value="approve">Approve</button>
<button name="action" value="reject">Reject</button>
</form></body></html>"""
MAIL = MAILS / "dcv-dv-en.eml"
COMMON = ("--kind", "domain-validation", "--rcpt", "postmaster@example.test", "--dns-data", ZONE, "--at", AT)
TEMPLATE = "https://dcv.synthetic.example/approve?token={token:40:a-z0-9}"


def test_check(site):
    for name in ("digicert", "rehearsal"):
        path = ROOT / "etc" / "profiles" / (name + ".conf")
        r = site.run("profile", "check", path, config=False)
        assert r.status == 0 and r.out.startswith(name + ": ") and "domain-validation" in r.out
        r = site.run("--json", "profile", "check", path, config=False)
        assert r.json["profile"]["id"] == name


def test_check_tells_all_errors(site):
    bad = site.path / "bad.conf"
    bad.write_text('id = bad\ncolour = red\nkind "nonsense" {\n}\n'
                   'kind "domain-validation" {\n  links = { "http://x/{y}" }\n}\n')
    r = site.run("profile", "check", bad, config=False)
    assert r.status == 1 and r.out == ""
    for line in (2, 3, 6):
        assert "bad.conf:%d: " % line in r.err
    answer, status = site.ask("profile", "check", bad)
    assert status == 1 and len(answer["errors"]) >= 3 and answer["code"] == "profile.errors"
    assert site.run("profile", "check", site.path / "none", config=False).status == 1


def test_test(site):
    profile = shapes.write_all(site.path / "p") / "digicert-shape.conf"
    mails = [MAIL, MAILS / "dcv-footer-added.eml", MAILS / "ordinary-mail.eml"]
    r = site.run("--json", "profile", "test", profile, *mails, "--dns-data", ZONE, "--at", AT, config=False)
    assert r.status == 0
    got = {m["file"].rsplit("/", 1)[1]: m for m in r.json["mails"]}
    assert got["dcv-dv-en.eml"]["kind"] == "domain-validation" and got["dcv-dv-en.eml"]["fits"] == 1
    assert got["dcv-dv-en.eml"]["authentication"] == "pass" and got["dcv-dv-en.eml"]["order"] == "70000001"
    assert got["dcv-footer-added.eml"]["authentication"] == "fail"
    assert "profile" not in got["ordinary-mail.eml"]
    r = site.run("profile", "test", profile, *mails, "--dns-data", ZONE, "--at", AT, config=False)
    assert r.status == 0 and len(r.out.splitlines()) == 4 and "not of this profile" in r.out
    r = site.run("profile", "test", profile, "/dev/null", MAIL, "--dns-data", ZONE, "--at", AT, config=False)
    assert r.status == 1 and "no mail" in r.out and "domain-validation" in r.out
    assert site.run("profile", "test", profile).status == 2


def test_record_shows(site):
    """The shipped profile knows no link of this kind; the mail teaches it."""
    page = site.path / "page.html"
    page.write_text(PAGE)
    answer, status = site.ask("profile", "record", MAIL, *COMMON, "--page", page)
    assert status == 0
    assert answer["profile"] == "digicert" and answer["authentication"] == "pass"
    assert answer["host"] == "dcv.synthetic.example" and answer["template"] == TEMPLATE
    assert "wrong" not in answer and answer["action"] == "/approve/submit"
    assert [b["value"] for b in answer["page"]["forms"][0]["buttons"]] == ["approve", "reject"]
    facts = json.loads((MAILS / "dcv-dv-en.json").read_text())["facts"]
    token = next(link["token"] for link in facts["links"] if "token" in link)
    assert token not in json.dumps(answer)
    r = site.run("profile", "record", MAIL, *COMMON, "--page", page)
    assert r.status == 0 and token not in r.out
    for text in ("--approve dcv.synthetic.example --template '%s'" % TEMPLATE, "post /approve/submit",
                 "scope=order (radio), preset", 'action=approve  "Approve"'):
        assert text in r.out
    assert not site.agent  # nobody was asked


def test_record_approves(site):
    page = site.path / "page.html"
    page.write_text(PAGE)
    agent = site.serve(record_approve={})
    approve = ("--approve", "dcv.synthetic.example", "--template", TEMPLATE)
    r = site.run("profile", "record", MAIL, *COMMON, "--page", page, *approve, "--button", "action=approve",
                 "--choice", "scope=order")
    assert r.status == 0, r.err
    q = agent.requests[0]
    assert {k: q[k] for k in ("profile", "kind", "host", "template", "form")} == {
        "profile": "digicert", "kind": "domain-validation", "host": "dcv.synthetic.example",
        "template": TEMPLATE,
        "form": {"action": "/approve/submit", "button": "action=approve", "choice": "scope=order"}}


@pytest.mark.parametrize("args,says", [
    (("--approve", "dcv.synthetic.example", "--template", "https://dcv.synthetic.example/other/{token:9:a-z}"),
     "fits no link"),
    (("--approve", "x", "--template", "https://dcv.synthetic.example/{nonsense}"), "nonsense"),
    (("--profile", "nobody"), "no profile"),
    (("--link", "99"), "links"),
])
def test_record_refuses(site, args, says):
    agent = site.serve(record_approve={})
    r = site.run("profile", "record", MAIL, *COMMON, *args)
    assert r.status == 1 and says in r.err
    assert not agent.requests


def test_record_learns_nothing_from_a_broken_signature(site):
    agent = site.serve(record_approve={})
    mail = MAILS / "dcv-footer-added.eml"
    shown, status = site.ask("profile", "record", mail, *COMMON)
    assert status == 0 and shown["authentication"] == "fail"
    r = site.run("profile", "record", mail, *COMMON, "--approve", shown["host"], "--template", shown["template"])
    assert r.status == 1 and "signature" in r.err and not agent.requests


@pytest.mark.parametrize("args", [(), (MAIL,), (MAIL, "--kind", "nonsense", "--rcpt", "a@b.test"),
                                  (MAIL, "--kind", "domain-validation"),
                                  (MAIL, *COMMON, "--approve", "h")])
def test_record_usage(site, args):
    assert site.run("profile", "record", *args).status == 2


@pytest.mark.parametrize("name", ["dcv-dv-en", "dcv-html-base64", "dcv-html-only-qp", "dcv-soft-breaks-html",
                                  "dcv-soft-breaks-text",
                                  "sectigo-code-plus-reject", "mailbox-premium-2022"])
def test_masked_sample(site, name):
    """The sample has no token of its links any more, and is otherwise the same mail."""
    path = MAILS / (name + ".eml")
    if not path.exists():
        pytest.skip("no such sample")
    profiles = shapes.write_all(site.path / "p")
    site.write("", profiles)
    expect = json.loads((MAILS / (name + ".json")).read_text())
    out = site.path / "sample.eml"
    r = site.run("profile", "record", path, "--kind", expect["expect"]["kind"], *COMMON[2:], "--masked-out", out)
    assert r.status == 0, r.err
    old, new = path.read_bytes(), out.read_bytes()
    assert len(old) == len(new) and (new != old or name == "sectigo-code-plus-reject")
    again = site.run("--json", "explain", out, "--rcpt", "postmaster@example.test", "--dns-data", ZONE, "--at",
                     AT, "--show-links").json
    for link in expect["facts"].get("links", []):
        if link.get("token"):
            assert link["token"] not in json.dumps(again)
    assert again["kind"] == expect["expect"]["kind"]
    r = site.run("profile", "record", path, "--kind", expect["expect"]["kind"], *COMMON[2:], "--masked-out", out)
    assert r.status == 1 and "--force" in r.err
