"""dkimpy signs, certinspect verifies: bodies and headers of every odd form, in all
canonicalizations, and what a bare pass would hide."""
import re

import dkim
import pytest

import inspector
from mailkit import NOW, SIGNED, sign

DOMAIN = "digitalcertvalidation.com"
CANONS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]
HEAD = (b"From: DigiCert <no-reply@digitalcertvalidation.com>\r\nTo: postmaster@example.test\r\n"
        b"Subject: Approve example.test\r\nDate: Sun, 22 Nov 2026 14:00:00 +0000\r\n"
        b"Message-ID: <a@digitalcertvalidation.com>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n")

BODIES = {
    "plain": b"hello\r\nworld\r\n",
    "empty": b"",
    "only-newline": b"\r\n",
    "only-newlines": b"\r\n\r\n\r\n",
    "trailing-newlines": b"hello\r\n\r\n\r\n",
    "no-final-newline": b"hello\r\nworld",
    "trailing-blanks": b"hello  \t \r\n  world\t\r\n \r\n",
    "inner-blanks": b"a  b \t c\r\n\tx\r\n",
    "8bit": "Grüße aus Köln, 承認\r\n".encode(),
    "dots": b".\r\n..\r\n.hidden\r\n...\r\n",
    "long-line": b"x" * 5000 + b"\r\n",
    "big": b"0123456789abcdef " * 40000 + b"\r\n",
    "nul": b"a\0b\r\n",
    "only-blanks": b"   \r\n",
}
HEADERS = {
    "folded-subject": HEAD.replace(b"Subject: Approve ", b"Subject: Approve\r\n\t the domain\r\n "),
    "folded-at-colon": HEAD.replace(b"Subject: ", b"Subject:\r\n "),
    "no-blank": HEAD.replace(b"Subject: ", b"Subject:"),
    "many-blanks": HEAD.replace(b"Subject: Approve", b"Subject:   Approve  \t ").replace(
        b"example.test\r\nDate", b"example.test   \r\nDate"),
    "odd-case": HEAD.replace(b"Subject:", b"SUBJECT:").replace(b"From:", b"fRoM:"),
    "8bit": HEAD.replace(b"Approve", "Bestätigen".encode()),
    "empty-value": HEAD + b"X-Empty:\r\n",
    "colon-in-value": HEAD.replace(b"Approve", b"a: b: c"),
    "long": HEAD.replace(b"Approve", b"Approve " + b"word " * 700),
    "tab-fold": HEAD.replace(b"To: ", b"To:\r\n\t"),
    "received-between": b"Received: from a by b; x\r\n" + HEAD.replace(
        b"MIME-Version", b"Received: from c by d; y\r\nMIME-Version"),
}


def oracle(raw):
    records = inspector.zone()

    def txt(name, timeout=5):
        return records.get(name.decode().rstrip("."), "").encode()
    return dkim.verify(raw, dnsfunc=txt)


def judged(raw, **options):
    return inspector.mail(raw, **options)["auth"]


def expect_pass(raw):
    assert oracle(raw), "dkimpy doesn't verify its own signature"
    auth = judged(raw)
    assert auth["result"] == "pass", auth
    assert auth["domain"] == DOMAIN
    wanted = re.search(rb"\bb=([^;]*?)\r\n(?![ \t])", raw, re.S).group(1)
    assert auth["signature"] == re.sub(rb"\s", b"", wanted).decode()


@pytest.mark.parametrize("canon", CANONS)
@pytest.mark.parametrize("name", BODIES)
def test_bodies(name, canon):
    expect_pass(sign(HEAD + b"\r\n" + BODIES[name], DOMAIN, canon=canon))


def test_bare_cr_in_the_body_passes_as_it_is_or_fails():
    """No honest mail has one; libopendkim and dkimpy read it differently when relaxed."""
    expect_pass(sign(HEAD + b"\r\na\rb\r\n", DOMAIN, canon="simple/simple"))
    raw = sign(HEAD + b"\r\na\rb\r\n", DOMAIN, canon="simple/relaxed")
    assert judged(raw)["result"] == "fail"


@pytest.mark.parametrize("canon", CANONS)
@pytest.mark.parametrize("name", HEADERS)
def test_headers(name, canon):
    expect_pass(sign(HEADERS[name] + b"\r\nhello\r\n", DOMAIN, canon=canon))


@pytest.mark.parametrize("canon", CANONS)
def test_ed25519(canon):
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, "ed", "dkim-ed25519", canon=canon)
    auth = judged(raw)
    assert auth["result"] == "pass" and auth["algorithm"] == "ed25519-sha256", auth


@pytest.mark.parametrize("canon", CANONS)
@pytest.mark.parametrize("change", [
    (b"hello", b"hallo"), (b"hello\r\n", b"hello\r\nmore\r\n"), (b"hello", b"hel\r\nlo"),
    (b"Approve example", b"Approve Example"), (b"no-reply@", b"noreply@"),
    (b"14:00:00", b"14:00:01"), (b"text/plain", b"text/html"), (b"<a@", b"<b@"),
    (b"postmaster@example", b"postmaster@other"), (b"bh=", b"bh=A"),
])
def test_changes(change, canon):
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, canon=canon)
    changed = raw.replace(change[0], change[1], 1)
    assert changed != raw
    auth = judged(changed)
    assert auth["result"] == "fail" and auth["reason"], auth


@pytest.mark.parametrize("name", [n for n in SIGNED if n != "from"])
def test_uncovered_field(name):
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, headers=[h for h in SIGNED if h != name])
    auth = judged(raw)
    assert auth["result"] == "fail" and "does not cover" in auth["reason"], auth


@pytest.mark.parametrize("field", [
    b"From: a@b.example", b"from : a@b.example", b"To: x@y.example", b"Subject: other",
    b"SUBJECT: other", b"Date: Mon, 23 Nov 2026 14:00:00 +0000", b"Message-ID: <b@c>",
    b"Content-Type: text/html", b"MIME-Version: 1.0", ])
@pytest.mark.parametrize("where", ["top", "bottom"])
def test_second_field(field, where):
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN)
    if where == "top":
        raw = field + b"\r\n" + raw
    else:
        raw = raw.replace(b"\r\n\r\nhello", b"\r\n" + field + b"\r\n\r\nhello")
    auth = judged(raw)
    assert auth["result"] == "fail", auth


def test_second_field_that_is_signed_too_is_still_refused():
    raw = sign(b"Subject: other\r\n" + HEAD + b"\r\nhello\r\n", DOMAIN, headers=SIGNED + ["subject"])
    assert judged(raw)["result"] == "fail"


def test_no_from_at_all():
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN)
    raw = raw.replace(b"From: DigiCert <no-reply@digitalcertvalidation.com>\r\n", b"")
    assert judged(raw)["result"] == "none"


def test_length_tag_is_refused_even_if_it_covers_all():
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, length=True)
    auth = judged(raw)
    assert auth["result"] == "fail" and "l=" in auth["reason"]


@pytest.mark.parametrize("at,expires,now,result", [
    (NOW, None, NOW, "pass"), (NOW, None, NOW - 299, "pass"), (NOW, None, NOW - 301, "fail"),
    (NOW, NOW + 100, NOW + 100, "pass"), (NOW, NOW + 100, NOW + 101, "fail"),
    (1, None, NOW, "pass"), (NOW, NOW - 1, NOW, "fail"), (NOW, 2 ** 61, NOW, "pass"),
    (0, None, NOW, "pass"),
])
def test_times(at, expires, now, result):
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, at=at, expires=expires)
    auth = judged(raw, now=now)
    assert auth["result"] == result, auth


@pytest.mark.parametrize("selector,key,floor,result", [
    ("s1", "dkim-rsa2048", 2048, "pass"), ("s1", "dkim-rsa2048", 3072, "fail"),
    ("short1024", "dkim-rsa1024", 1024, "pass"), ("short1024", "dkim-rsa1024", 2048, "fail"),
    ("short1024", "dkim-rsa1024", 0, "pass"), ("short768", "dkim-rsa768", 0, "fail"),
    ("short512", "dkim-rsa512", 0, "fail"), ("ed", "dkim-ed25519", 4096, "pass"),
])
def test_key_sizes(selector, key, floor, result):
    profiles = [dict(p, min_key_bits=floor) for p in inspector.profiles()]
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, selector, key)
    assert judged(raw, profile_list=profiles)["result"] == result


@pytest.mark.parametrize("change,result", [
    (lambda t: t, "pass"),
    (lambda t: t.replace("v=DKIM1; ", ""), "pass"),
    (lambda t: t.replace("k=rsa; ", ""), "pass"),
    (lambda t: t + "; n=a note", "pass"),
    (lambda t: t.replace("k=rsa", "h=sha256; k=rsa"), "pass"),
    (lambda t: t.replace("k=rsa", "s=email; k=rsa"), "pass"),
    (lambda t: t.replace("k=rsa", "t=s; k=rsa"), "pass"),
    (lambda t: t.replace("k=rsa", "t=y; k=rsa"), "fail"),
    (lambda t: t.replace("k=rsa", "t=s:y; k=rsa"), "fail"),
    (lambda t: t.replace("k=rsa", "t=y:s; k=rsa"), "fail"),
    (lambda t: t.replace("k=rsa", "t= Y ; k=rsa"), "fail"),
    (lambda t: t.replace("k=rsa", "h=sha1; k=rsa"), "fail"),
    (lambda t: t.replace("k=rsa", "s=tlsrpt; k=rsa"), "fail"),
    (lambda t: t.replace("k=rsa", "k=ed25519"), "fail"),
    (lambda t: t.replace("DKIM1", "DKIM2"), "fail"),
    (lambda t: t[:-20], "fail"),
    (lambda t: re.sub("p=.*", "p=", t), "fail"),
    (lambda t: "v=spf1 -all", "fail"),
    (lambda t: "", "fail"),
    (lambda t: t + "A" * 2000, "fail"),
])
def test_key_records(change, result):
    txt = change(inspector.zone()["s1._domainkey." + DOMAIN])
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN)
    auth = judged(raw, answer=lambda d, s: {"status": "record", "txt": txt})
    assert auth["result"] == result, auth


def test_dns_tempfail_and_none():
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN)
    auth = judged(raw, answer=lambda d, s: {"status": "tempfail"})
    assert auth["result"] == "tempfail", auth
    facts = inspector.mail(raw, answer=lambda d, s: {"status": "tempfail"})["facts"]
    assert not facts.get("parsed") and facts["auth"] == auth
    assert judged(raw, answer=lambda d, s: {"status": "none"})["result"] == "fail"


def test_tempfail_of_one_key_does_not_hide_the_pass_of_another():
    raw = sign(sign(HEAD + b"\r\nhello\r\n", DOMAIN), DOMAIN, "ed", "dkim-ed25519")
    records = inspector.from_zone(inspector.zone())

    def answer(domain, selector):
        return {"status": "tempfail"} if selector == "ed" else records(domain, selector)
    assert judged(raw, answer=answer)["result"] == "pass"
    broken = raw.replace(b"hello", b"hallo")
    assert judged(broken, answer=answer)["result"] == "tempfail"


def test_other_domain_is_not_asked_for():
    raw = sign(HEAD + b"\r\nhello\r\n", "attacker.example", key="dkim-rsa2048b")
    lines = inspector.mail(raw).lines
    assert "dns" not in lines[0] and lines[0]["auth"] == {"result": "none"}


@pytest.mark.parametrize("domain", ["sub.digitalcertvalidation.com", "com",
                                    "xdigitalcertvalidation.com", "digitalcertvalidation.com.evil.example"])
def test_domain_is_pinned_exactly(domain):
    raw = sign(HEAD + b"\r\nhello\r\n", domain)
    assert judged(raw)["result"] == "none"


def test_domain_in_upper_case_is_the_same():
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN.upper())
    assert judged(raw)["result"] == "pass"


def test_many_signatures_ask_for_four_pairs_at_most():
    field, raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, top=False)
    forged = b"".join(field.replace(b"s=s1", b"s=f%d" % i) for i in range(60))
    result = inspector.mail(forged + raw)
    assert len(result["dns"]) == 4
    assert result["auth"]["result"] == "fail"


def test_copied_signature_of_the_wrong_mail():
    field, _ = sign(HEAD + b"\r\nother\r\n", DOMAIN, top=False)
    good, raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, top=False)
    assert judged(field + raw)["result"] == "fail"
    assert judged(field + good + raw)["result"] == "pass"
    assert judged(good + field + raw)["result"] == "pass"


@pytest.mark.parametrize("broken", [
    b"DKIM-Signature: \r\n", b"DKIM-Signature:\r\n", b"DKIM-Signature: ;;;\r\n",
    b"DKIM-Signature: v=1; v=1\r\n", b"DKIM-Signature: v=1; d=digitalcertvalidation.com\r\n",
    b"DKIM-Signature: v=1; d=digitalcertvalidation.com; s=s1; b=; bh=; h=from; a=rsa-sha256\r\n",
    b"DKIM-Signature: v=1; d=digitalcertvalidation.com; s=../../x; b=a; bh=b; h=from; a=rsa-sha256\r\n",
    b"DKIM-Signature: v=2; d=digitalcertvalidation.com; s=s1; b=a; bh=b; h=from; a=rsa-sha256\r\n",
    b"DKIM-Signature: \xff\xfe\r\n", b"DKIM-Signature: v=1; a\r\n",
])
def test_broken_signature_beside_a_good_one(broken):
    good, raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN, top=False)
    assert judged(broken + raw)["result"] in ("none", "fail")
    assert judged(broken + good + raw)["result"] == "pass"


def test_identity_outside_the_domain():
    raw = sign(HEAD + b"\r\nhello\r\n", DOMAIN)
    changed = re.sub(rb"i=@[^;]*;", b"i=@evil.example;", raw, 1)
    assert changed != raw and judged(changed)["result"] == "fail"
