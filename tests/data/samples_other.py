"""Mails of other CAs, mails for persons only, mails that are none of ours."""
from mailkit import attach, html, mail, multi, sign, text, word
from samples_validation import DCV_DOMAIN, DCV_FROM, LINK, body, dcv, html_body, ours, token

PERSON = {"auth": "pass", "profile": "digicert-shape", "from": ["admin@digicert.com"],
          "certificates": 0, "problems": []}


def digicert(name, subject, part):
    raw = mail("DigiCert <admin@digicert.com>", "pki@example.test", subject, part,
               "<%s@digicert.com>" % name)
    return sign(raw, "digicert.com")


def _persons():
    yield "keygen-en", digicert("keygen-en", "Create Your DigiCert Premium Certificate", html(
        '<p>Generate your certificate: <a href="https://www.digicert.com/link/keygen.php?token='
        'abcdefghijklmnopqrstuvwxyz01">open</a></p>')), {
            **PERSON, "kind": "csr-invitation", "fits": 0}
    yield "order-approval-hsm", digicert(
        "order-approval-hsm",
        "[Action Required] Private key protection requirements for DigiCert Order # 70000003",
        text("Please agree:\nhttps://www.digicert.com/link/hsm-approval.php?token="
             "abcdefghijklmnopqrstuvwxyz01\n")), {
                 **PERSON, "kind": "order-approval", "fits": 1, "order": "70000003"}
    yield "organization-consent", digicert(
        "organization-consent", "Confirm your organization Example Ltd",
        text("We will call you.\n")), {**PERSON, "kind": "organization-consent", "fits": 0}
    yield "renewal-notice", digicert(
        "renewal-notice", "alice@example.test will expire in 30 days",
        text("Renew: https://www.digicert.com/account/\n")), {
            **PERSON, "kind": "renewal-notice", "fits": 0}
    yield "template-drift", digicert(
        "template-drift", "Something new from your CA",
        text("Open https://www.digicert.com/new/thing?x=1\n")), {
            **PERSON, "kind": "other", "fits": 0}
    yield "mailing-newsletter", digicert(
        "mailing-newsletter", word("Sommer-Angebote für Sie", "utf-8", "q"),
        html('<p>Buy now <a href="https://www.digicert.com/buy">here</a></p>')), {
            **PERSON, "kind": "other", "fits": 0, "subject": "Sommer-Angebote für Sie"}


SECTIGO_TEXT = """Dear Domain Owner,

Domain: example.test

On the verification page, please enter the following key:

ABCDEFGHIJKLMNOPQRSTUVWXYZ012345

https://secure.trust-provider.com/products/EnterDCVCode?orderNumber=70000004

If you did not ask for it:
https://secure.trust-provider.com/products/RejectDCVCode?orderNumber=70000004&x=1
"""


def _sectigo():
    base = {"auth": "pass", "profile": "sectigo-shape", "kind": "domain-validation",
            "domain": "example.test", "order": "70000004", "certificates": 0, "problems": [],
            "code": "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", "fits": 1, "denied": 1}

    def one(name, part):
        raw = mail("Reseller <noreply@trust-provider.com>", "admin@example.test",
                   "Verify Domains (reference #70000004)", part, "<%s@trust-provider.com>" % name)
        return sign(raw, "trust-provider.com")

    yield "sectigo-code-plus-reject", one("sectigo-code-plus-reject", text(SECTIGO_TEXT)), base
    shown = "<html><body><p>Domain: example.test</p><p>Key:</p><p>" \
            "<b>ABCDEFGHIJKLMNOPQRSTUVWXYZ012345</b></p><p><a href=\"https://secure.trust-provider" \
            '.com/products/EnterDCVCode?orderNumber=70000004">enter</a> <a href="https://secure.' \
            'trust-provider.com/products/RejectDCVCode?orderNumber=70000004&amp;x=1">reject</a>' \
            "</p></body></html>"
    yield "sectigo-both-forms", one("sectigo-both-forms", multi(
        "alternative", "sa", text(SECTIGO_TEXT), html(shown))), {**base, "fits": 2, "denied": 2}
    other = SECTIGO_TEXT.replace("012345\n", "543210\n")
    yield "sectigo-two-codes", one("sectigo-two-codes", multi(
        "alternative", "sa", text(other), html(shown))), {
            **base, "fits": 2, "denied": 2, "kind_conflict": True,
            "code": "ABCDEFGHIJKLMNOPQRSTUVWXYZ543210"}


def _others():
    link = "https://eu-central-1.acm-certificates.amazon.com/approvals?code=" \
           "01234567-89ab-cdef-0123-456789abcdef&context=c29tZXRoaW5n"
    lines = "Domain: example.test\nAWS account ID: 123412341234\nAWS Region name: eu-central-1\n" \
            "Certificate Identifier: 89abcdef-0123\n\nTo approve go to\n%s\n" % link
    for name, subject in (("aws-acm", "Certificate request for example.test"),
                          ("aws-acm-before-2020", "Certificate approval for example.test")):
        raw = mail("Amazon Certificates <no-reply@certificates.amazon.com>", "admin@example.test",
                   subject, text(lines), "<%s@amazon.com>" % name)
        yield name, sign(raw, "certificates.amazon.com"), {
            "auth": "pass", "profile": "aws-shape", "kind": "domain-validation", "fits": 1,
            "domain": "example.test", "problems": [],
            "ids": {"account": "123412341234", "certificate": "89abcdef-0123",
                    "support": "c29tZXRoaW5n"}}
    raw = mail("HARICA <noreply@harica.gr>", "pki@example.test", "HARICA - DNS Change Validation",
               html("<p>Please add</p><p>example.test. IN TXT &quot;HARICA-abcDEF0123456789abcd"
                    "&quot;</p>"), "<h1@harica.gr>")
    yield "harica-dns", sign(raw, "harica.gr"), {
        "auth": "pass", "profile": "harica-shape", "kind": "domain-validation", "fits": 0,
        "domain": "example.test", "code": "abcDEF0123456789abcd", "problems": []}
    part = text("This is an automatic message of an ACME server.\n")
    for name, subject, kind, code in (
            ("rfc8823-challenge", "ACME: LgYemJLy3F1LDkiJrdIGbEzyFJyOyf6vBdyZ1TG3sME",
             "mailbox-validation", "LgYemJLy3F1LDkiJrdIGbEzyFJyOyf6vBdyZ1TG3sME"),
            ("rfc8823-reply-is-none", "Re: ACME: LgYemJLy3F1LDkiJrdIGbEzyFJyOyf6vBdyZ1TG3sME",
             "mailbox-validation", None)):
        raw = mail("acme@acme.synthetic.example", "alice@example.test", subject, part,
                   "<%s@acme.synthetic.example>" % name,
                   extra=[("Auto-Submitted", "auto-generated; type=acme")])
        yield name, sign(raw, "acme.synthetic.example"), {
            "auth": "pass", "profile": "acme-shape", "kind": kind, "code": code, "problems": []}


def _not_ours():
    link = LINK % token(300)
    raw = mail("Alice <alice@elsewhere.test>", "bob@example.test", "Lunch?", text("At noon?\n"),
               "<lunch@elsewhere.test>")
    yield "ordinary-mail", raw, {"auth": "none", "profile": None, "kind": "other",
                                 "from": ["alice@elsewhere.test"], "parsed": False}
    inner = attach(dcv("inner", text(body(link))), "message/rfc822", "fwd.eml", cte="7bit")
    raw = mail("Postmaster <postmaster@example.test>", "pki@example.test", "Fwd: please click",
               multi("mixed", "fw", text("see attachment\n"), inner), "<fwd@example.test>")
    yield "forwarded-as-attachment", sign(raw, "example.test", key="dkim-rsa2048b"), {
        "auth": "none", "profile": None, "kind": "other", "parsed": False}
    yield "forwarded-by-the-ca", dcv("forwarded-by-the-ca", multi(
        "mixed", "fw", text("We forward what you sent us.\n"), inner)), ours(
            domain=None, order=None, fits=0, kind_by="subject",
            problems=["an attached message was left out"])
    yield "dcv-link-only-in-attached-html", dcv("dcv-link-only-in-attached-html", multi(
        "mixed", "at", text("see attachment\n"), attach(html_body(link).encode(), "text/html",
                                                        "read.html"))), ours(
            domain=None, order=None, fits=0, kind_by="subject")
    yield "dcv-foreign-domain", dcv("dcv-foreign-domain", text(
        body(link, domain="not-ours.test")), to="postmaster@not-ours.test"), ours(
            domain="not-ours.test")


def samples(_certs):
    yield from _persons()
    yield from _sectigo()
    yield from _others()
    yield from _not_ours()
