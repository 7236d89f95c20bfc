"""Validation mails in the shape of DigiCert's: languages, encodings, structures."""
import languages
from mailkit import Part, attach, html, mail, multi, sign, text, word

DCV_FROM = "DigiCert Validation <no-reply@digitalcertvalidation.com>"
DCV_DOMAIN = "digitalcertvalidation.com"
LINK = "https://dcv.synthetic.example/approve?token=%s"
SUBJECT = "[Action Required] Approve Certificate Request for example.test"


def token(n):
    """Forty characters, different for each N."""
    return ("%08xabcdefghijklmnopqrstuvwxyz012345" % (n * 2654435761 % 2 ** 32))[:40]


def body(link, domain="example.test", order="70000001", lang="en"):
    w = languages.WORDS[lang]
    return "%s\n\n%s: %s\n%s: %s\n\n%s\n\n%s\n\nDigiCert (synthetic)\n" % (
        w[3], w[0], domain, w[1], order, w[4], link)


def html_body(link, domain="example.test", order="70000001", extra=""):
    return ("<html><head><title>Approve</title><style>p { color: red }</style></head><body>\n"
            "<p>A certificate was requested that names your domain.</p>\n"
            "<table><tr><td>Domain:</td><td><b>%s</b></td></tr>\n"
            "<tr><td><p>Order number:</p></td><td><p>%s</p></td></tr></table>\n%s"
            '<p><a href="%s">Approve this domain</a></p>\n'
            '<img src="https://cdn.synthetic.example/logo.png" alt="logo">\n'
            "</body></html>\n" % (domain, order, extra, link.replace("&", "&amp;")))


def dcv(name, part, subject=SUBJECT, to="postmaster@example.test", sender=DCV_FROM, signed=True,
        extra=(), **sign_options):
    raw = mail(sender, to, subject, part, "<%s@digitalcertvalidation.com>" % name, extra=extra)
    return sign(raw, DCV_DOMAIN, **sign_options) if signed else raw


OURS = {"auth": "pass", "profile": "digicert-shape", "kind": "domain-validation",
        "from": ["no-reply@digitalcertvalidation.com"], "domain": "example.test",
        "order": "70000001", "fits": 1, "denied": 0, "certificates": 0, "kind_conflict": False,
        "domain_conflict": False, "id_conflict": False, "problems": []}


def ours(**changes):
    return {**OURS, **changes}


def _languages():
    for n, (name, lang, charset, cte, how, torn) in enumerate(languages.SAMPLES):
        link = LINK % token(100 + n)
        subject = languages.WORDS[lang][2] % "example.test"
        encoded = word(subject, charset, how, torn) if how else subject
        part = text(body(link, lang=lang), charset, cte)
        yield name, dcv(name, part, encoded), ours(subject=subject, token=token(100 + n))


def _recipients():
    for n, local in enumerate(["admin", "administrator", "webmaster", "hostmaster", "postmaster"]):
        name = "dcv-dup-%d-%s" % (n + 1, local)
        link = LINK % token(200 + n)
        yield name, dcv(name, multi("alternative", "b1", text(body(link)), html(html_body(link))),
                        to="%s@example.test" % local), ours(token=token(200 + n), fits=2)


def _shapes():
    link = LINK % token(1)
    alternative = multi("alternative", "=_alt", text(body(link)), html(html_body(link)))
    yield "dcv-ov-en", dcv("dcv-ov-en", alternative,
                           "Please validate ownership of your domain example.test"), ours(fits=2)
    yield "dcv-dv-en", dcv("dcv-dv-en", text(body(link)), SUBJECT + " 70000001"), ours()
    yield "dcv-text-only", dcv("dcv-text-only", text(body(link))), ours()
    yield "dcv-html-only-qp", dcv("dcv-html-only-qp", html(html_body(link))), ours()
    yield "dcv-html-base64", dcv("dcv-html-base64", html(html_body(link), cte="base64")), ours()
    yield "dcv-html-utf16-less", dcv("dcv-html-utf16-less", html(
        html_body(link), charset="iso-8859-1", cte="8bit")), ours()
    soft = body(link).replace(link, link[:20] + "=\n" + link[20:50] + "=\n" + link[50:])
    soft = soft.replace("?token=", "?token=3D")
    part = Part("text/plain", soft, "8bit", "utf-8")
    part.headers[1] = ("Content-Transfer-Encoding", "quoted-printable")
    yield "dcv-soft-breaks-text", dcv("dcv-soft-breaks-text", part), ours()
    soft = html_body(link).replace("=", "=3D").replace(link.replace("=", "=3D"), "%s=\n%s" % (
        link[:41].replace("=", "=3D"), link[41:].replace("=", "=3D")))
    part = Part("text/html", soft, "8bit", "utf-8")
    part.headers[1] = ("Content-Transfer-Encoding", "quoted-printable")
    yield "dcv-soft-breaks-html", dcv("dcv-soft-breaks-html", part), ours()
    entities = html_body(link).replace("?token=", "&#63;token&#x3d;").replace("https:", "https&colon;")
    yield "dcv-entities", dcv("dcv-entities", html(entities)), ours()
    flowed = body(link).replace("that names ", "that \nnames ")
    yield "dcv-flowed", dcv("dcv-flowed", text(flowed, params="; format=flowed")), ours()
    delsp = body(link).replace(link, link[:30] + " \n" + link[30:])
    yield "dcv-flowed-delsp", dcv("dcv-flowed-delsp", text(
        delsp, params="; format=flowed; delsp=yes")), ours()
    wrapped = body("<%s>." % link)
    yield "dcv-brackets-and-dot", dcv("dcv-brackets-and-dot", text(wrapped)), ours()
    upper = link.replace("https://dcv.synthetic.example", "HTTPS://DCV.Synthetic.Example")
    yield "dcv-uppercase-host", dcv("dcv-uppercase-host", text(body(upper))), ours()
    nested = multi("mixed", "m1", multi("related", "r1", multi("alternative", "a1", text(body(link)),
                                                           html(html_body(link))),
                                        attach(b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "image/png",
                                               "logo.png")),
                   text("-- \nsent by DigiCert (synthetic)\n"))
    yield "dcv-nested-multiparts", dcv("dcv-nested-multiparts", nested), ours(fits=2)
    area = '<map name="m"><area href="%s" coords="0,0,1,1"></map>' % link
    yield "dcv-area-map", dcv("dcv-area-map", html(html_body(link, extra=area))), ours(fits=1)
    form = '<form action="%s" method="post"><button>Approve</button></form>' % link
    only_form = html_body("https://www.digicert.com/help", extra=form)
    yield "dcv-form-in-mail", dcv("dcv-form-in-mail", html(only_form)), ours(fits=1)
    meta = html_body(link).replace("<title>", '<meta charset="windows-1252"><title>é')
    part = Part("text/html", meta.replace("\n", "\r\n").encode("windows-1252"), "8bit")
    yield "dcv-meta-charset", dcv("dcv-meta-charset", part), ours()
    part = text(body(link), "x-unknown" if False else "us-ascii")
    part.headers[0] = ("Content-Type", 'text/plain; charset="x-unknown"')
    part.body = part.body.replace(b"your domain", b"y\xf6ur domain")
    yield "dcv-unknown-charset", dcv("dcv-unknown-charset", part), ours()
    part = text(body(link))
    part.headers = []
    yield "dcv-no-content-type", dcv("dcv-no-content-type", part), ours()
    part = Part("text/plain", body(link))
    part.headers = [("Content-Type", "text/plain; charset"), ("Content-Transfer-Encoding", "strange")]
    yield "dcv-broken-content-type", dcv("dcv-broken-content-type", part), ours()
    idn = body(link, domain="bücher.example").replace("names", "nämes")
    yield "dcv-idn", dcv("dcv-idn", multi("alternative", "b", text(idn, "utf-8", "8bit"), html(
        html_body(link, domain="xn--bcher-kva.example")))), ours(domain="xn--bcher-kva.example", fits=2)
    lf = dcv("dcv-lf-file", text(body(link))).replace(b"\r\n", b"\n")
    yield "dcv-lf-file", lf, ours()
    yield "dcv-mbox-line", b"From no-reply@digitalcertvalidation.com Sun Nov 22 14:00:00 2026\n" + \
        dcv("dcv-mbox-line", text(body(link))).replace(b"\r\n", b"\n"), ours()
    yield "dcv-no-final-newline", dcv("dcv-no-final-newline", text(body(link).rstrip("\n"))), ours()
    custom = body(link).replace("A certificate was requested", "Hallo Team!! Cert wurde bestellt")
    yield "customized-template", dcv("customized-template", text(custom),
                                     "Achtung: bitte klicken (IT)"), ours()


def _mailbox():
    sender, domain = "DigiCert <admin@digicert.com>", "digicert.com"
    base = ours(kind="mailbox-validation", domain=None, order=None, mailbox="alice@example.test",
                **{"from": ["admin@digicert.com"]})
    link = "https://www.digicert.com/secure/public/validation/%s?email=alice@example.test" % (
        "0123456789abcdefghijklmnopqrstuv")
    coded = link.replace("@", "%40")
    subject = "Email Validation for DigiCert Premium Certificate"

    def one(name, part, subj=subject, date=None, at=None, to="alice@example.test"):
        options = {"date": date} if date else {}
        raw = mail(sender, to, subj, part, "<%s@digicert.com>" % name, **options)
        return sign(raw, domain, **({"at": at} if at else {}))

    shown = '<html><body><h1>Example Ltd</h1><p>Dear Alice Doe,</p><p>Please <a href="%s">confirm' \
            "</a>.</p></body></html>"
    yield "mailbox-premium-2022", one("mailbox-premium-2022", multi(
        "alternative", "mp", text("Dear Alice Doe,\n\nopen %s\n" % link), html(shown % link))), {
            **base, "fits": 2}
    yield "mailbox-percent-coded", one("mailbox-percent-coded", html(shown % coded)), base
    yield "mailbox-text-only", one("mailbox-text-only", text("Open <%s>.\n" % coded)), base
    yield "mailbox-expired-24h", one("mailbox-expired-24h", html(shown % link),
                                     date="Fri, 20 Nov 2026 13:00:00 +0000",
                                     at=1795179600), {**base, "date": 1795179600}
    yield "mailbox-other-recipient", one("mailbox-other-recipient", html(shown % link),
                                         to="bob@example.test"), base
    product = subject.replace("Premium Certificate", '"Client Certificate"')
    yield "mailbox-client-certificate", one("mailbox-client-certificate", html(shown % link),
                                            product), base


def samples(_certs):
    yield from _languages()
    yield from _recipients()
    yield from _shapes()
    yield from _mailbox()
