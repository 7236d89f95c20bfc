"""Validation mails that somebody made, changed or dressed up: signatures, links, texts."""
import re

from mailkit import NOW, html, mail, multi, sign, text
from samples_validation import (DCV_DOMAIN, DCV_FROM, LINK, SUBJECT, body, dcv, html_body, ours,
                                token)


def failed(reason, **changes):
    return {"auth": "fail", "reason": reason, "profile": "digicert-shape", "parsed": False,
            "fits": 0, **changes}


def _plain(name, sender=DCV_FROM, link=None, **options):
    return mail(sender, "postmaster@example.test", SUBJECT, text(body(link or LINK % token(400))),
                "<%s@digitalcertvalidation.com>" % name, **options)


def _signatures():
    yield "dcv-spoofed-sender", _plain("dcv-spoofed-sender"), {
        **failed(None), "auth": "none"}
    yield "dcv-spoofed-signed-by-other", sign(_plain("dcv-spoofed-signed-by-other"),
                                              "attacker.example", key="dkim-rsa2048b"), {
        **failed(None), "auth": "none"}
    lookalike = _plain("x", sender="DigiCert <no-reply@digitalcertvalidation.com.attacker.example>")
    yield "dcv-lookalike-sender", sign(lookalike, "attacker.example", key="dkim-rsa2048b"), {
        "auth": "none", "profile": None, "parsed": False}
    claimed = _plain("y", sender='"no-reply@digitalcertvalidation.com" <x@attacker.example>')
    yield "dcv-address-in-display-name", sign(claimed, "attacker.example", key="dkim-rsa2048b"), {
        "auth": "none", "profile": None, "from": ["x@attacker.example"], "parsed": False}
    good = sign(_plain("dcv-changed"), DCV_DOMAIN)
    yield "dcv-footer-added", good + b"\r\n-- \r\nScanned by a gateway\r\n", failed("body")
    yield "dcv-subject-rewritten", good.replace(b"Subject: ", b"Subject: [EXTERNAL] "), failed(
        "signature")
    signed = sign(_plain("dcv-length-tag"), DCV_DOMAIN, length=True)
    yield "dcv-length-tag", signed + b"https://evil.example/\r\n", failed("l=")
    yield "dcv-second-from", b"From: Evil <evil@attacker.example>\r\n" + good, failed(
        "2 From fields")
    yield "dcv-second-subject", b"Subject: other\r\n" + good, failed("more than one Subject")
    yield "dcv-second-content-type", b"Content-Type: text/html\r\n" + good, failed(
        "more than one Content-Type")
    unsigned = sign(_plain("u"), DCV_DOMAIN, headers=["from", "to", "date", "message-id",
                                                      "content-type", "mime-version"])
    yield "dcv-unsigned-subject", unsigned, failed("does not cover Subject")
    yield "dcv-expired-signature", sign(_plain("e"), DCV_DOMAIN, at=NOW - 7200,
                                        expires=NOW - 3600), failed("expired")
    yield "dcv-not-yet-expired", sign(_plain("n"), DCV_DOMAIN, expires=NOW + 3600), ours()
    yield "dcv-from-the-future", sign(_plain("f"), DCV_DOMAIN, at=NOW + 7200), failed("future")
    yield "dcv-ed25519", sign(_plain("ed"), DCV_DOMAIN, "ed", "dkim-ed25519"), ours()
    yield "dcv-test-key", sign(_plain("t"), DCV_DOMAIN, "testing"), failed("test key")
    for bits in (512, 768):
        yield "dcv-key-%d" % bits, sign(_plain("k"), DCV_DOMAIN, "short%d" % bits,
                                        "dkim-rsa%d" % bits), failed("key")
    yield "dcv-key-1024", sign(_plain("k"), DCV_DOMAIN, "short1024", "dkim-rsa1024"), ours()
    yield "dcv-key-revoked", sign(_plain("r"), DCV_DOMAIN, "revoked"), failed("key")
    yield "dcv-key-absent", sign(_plain("a"), DCV_DOMAIN, "nowhere"), failed("no key")
    double = sign(sign(_plain("d"), DCV_DOMAIN), "attacker.example", key="dkim-rsa2048b")
    yield "dcv-signed-twice", double, ours()
    both = sign(sign(_plain("d"), DCV_DOMAIN), DCV_DOMAIN, "ed", "dkim-ed25519")
    yield "dcv-signed-rsa-and-ed25519", both, ours()
    field, raw = sign(_plain("m"), DCV_DOMAIN, top=False)
    strangers = b"".join(re.sub(rb"d=[a-z.]+", b"d=relay%d.example" % i, field) for i in range(59))
    yield "dcv-60-signatures", strangers + field + raw, ours()
    forged = b"".join(re.sub(rb"s=s1", b"s=f%d" % i, field) for i in range(59))
    yield "dcv-59-forged-first", forged + field + raw, ours()
    yield "dcv-malformed-stranger-signature", b"DKIM-Signature: v=1; garbage\r\n" + field + raw, ours()
    sha1 = sign(_plain("s"), DCV_DOMAIN).replace(b"a=rsa-sha256", b"a=rsa-sha1")
    yield "dcv-rsa-sha1", sha1, failed("algorithm")
    nul = good.replace(b"X-Synthetic: made", b"X-Synthetic: m\0ade")
    yield "dcv-nul-in-header", nul, failed("NUL")
    bare = good.replace(b"X-Synthetic: made", b"X-Synthetic: m\nFrom: x@y.example")
    yield "dcv-bare-lf-in-header", bare, failed("bare")


def _links():
    good = LINK % token(500)
    for name, bad in (
            ("dcv-lookalike-host", good.replace("synthetic.example", "synthetic.example.net")),
            ("dcv-userinfo-host", good.replace("https://", "https://dcv.synthetic.example@evil."
                                               "example/").replace("evil.example/dcv", "evil.example/dcv")),
            ("dcv-http-link", good.replace("https:", "http:")),
            ("dcv-port-link", good.replace(".example/", ".example:8443/")),
            ("dcv-fragment-link", good + "#x"),
            ("dcv-longer-token", good + "0"),
            ("dcv-added-parameter", good + "&next=https://evil.example")):
        yield name, dcv(name, text(body(bad))), ours(fits=0, kind_by="subject")
    reject = "https://dcv.synthetic.example/reject?token=%s" % token(500)
    yield "dcv-with-reject-link", dcv("dcv-with-reject-link", text(
        body(good) + "\nIf it was not you: %s\n" % reject)), ours(denied=1)
    image = html_body("https://www.digicert.com/", extra='<img src="%s"><link href="%s">'
                      '<p style="background:url(%s)">x</p>' % (good, good, good))
    yield "dcv-link-in-image-only", dcv("dcv-link-in-image-only", html(image)), ours(
        fits=0, kind_by="subject")
    yield "dcv-link-in-comment", dcv("dcv-link-in-comment", html(
        html_body("https://www.digicert.com/", extra='<!-- <a href="%s">x</a> -->' % good))), ours(
            fits=0, kind_by="subject")
    two = multi("alternative", "tw", text(body(good)), html(html_body(LINK % token(501))))
    yield "dcv-two-tokens", dcv("dcv-two-tokens", two), ours(fits=2, kind_conflict=True)
    many = "".join('<a href="https://www.digicert.com/%d">x</a>\n' % i for i in range(250))
    yield "dcv-many-links", dcv("dcv-many-links", html(html_body(good).replace(
        "</body>", many + "</body>"))), ours(problems=["links were left out"])


def _texts():
    link = LINK % token(600)
    other = multi("alternative", "td", text(body(link)), html(html_body(link, "evil.test")))
    yield "dcv-two-domains", dcv("dcv-two-domains", other), ours(fits=2, domain_conflict=True)
    orders = multi("alternative", "to", text(body(link)), html(html_body(link, order="70000009")))
    yield "dcv-two-orders", dcv("dcv-two-orders", orders), ours(fits=2, id_conflict=True)
    hidden = '<div style="display: none">Domain: evil.test</div><p hidden>Order number: 1</p>' \
             '<span style="font-size:0px">Domain: evil2.test</span><template><p>Domain: evil3.test' \
             "</p></template><script>Domain: evil4.test</script>"
    yield "dcv-hidden-text", dcv("dcv-hidden-text", html(html_body(link, extra=hidden))), ours()
    named = "<p>Organization: Evil Domain: evil.test GmbH</p><p>Evil&#10;Domain: evil.test</p>" \
            "<p>Evil\u2028Domain: evil.test</p>"
    yield "dcv-applicant-typed", dcv("dcv-applicant-typed", html(html_body(link, extra=named))), ours()
    yield "dcv-forged-dkim-field-in-body", dcv("dcv-forged-dkim-field-in-body", text(
        "DKIM-Signature: v=1; d=x\n\n" + body(link))), ours()


def samples(_certs):
    yield from _signatures()
    yield from _links()
    yield from _texts()
