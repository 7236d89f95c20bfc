"""Mails that bring certificates, in every form that CAs use."""
import base64

import certkit
from certkit import archive, der, p7b, pem
from mailkit import Part, attach, html, mail, multi, sign, text

SENDER, DOMAIN = "DigiCert <admin@digicert.com>", "digicert.com"
SUBJECT = "Your DigiCert certificate for alice@example.test"
BODY = "Your certificate was issued.\n\nOrder number: 70000002\n\n"


def expect(certs, *names, **changes):
    return {"auth": "pass", "profile": "digicert-shape", "kind": "certificate-issued",
            "from": ["admin@digicert.com"], "order": "70000002", "fits": 0,
            "certificates": len(names), "spki": [certkit.spki_sha256(certs[n]) for n in names],
            "kind_conflict": False, "problems": [], **changes}


def one(name, part, subject=SUBJECT, to="alice@example.test"):
    return sign(mail(SENDER, to, subject, part, "<%s@digicert.com>" % name), DOMAIN)


def _attachments(c):
    chain = ("alice", "intermediate", "root")
    three = [("alice_example_test.crt", pem(c["alice"])), ("DigiCertCA.crt", pem(c["intermediate"])),
             ("TrustedRoot.crt", pem(c["root"]))]
    forms = [
        ("issued-zip", archive(three), "application/zip", "alice_example_test.zip", chain),
        ("issued-zip-x-compressed", archive(three), "application/x-zip-compressed", "a.zip", chain),
        ("issued-zip-as-octets", archive(three), "application/octet-stream", "cert.bin", chain),
        ("issued-zip-as-text", archive(three), "text/plain", "readme.txt", chain),
        ("issued-zip-with-p7b", archive([("alice.p7b", p7b([c["alice"], c["intermediate"]]))]),
         "application/zip", "a.zip", ("alice", "intermediate")),
        ("issued-p7b", p7b([c["alice"], c["intermediate"]]), "application/x-pkcs7-certificates",
         "alice.p7b", ("alice", "intermediate")),
        ("issued-p7c-mime", p7b([c["alice"], c["intermediate"]]),
         "application/pkcs7-mime; smime-type=certs-only", "smime.p7c", ("alice", "intermediate")),
        ("issued-p7b-pem", p7b([c["alice"], c["intermediate"]], True), "application/octet-stream",
         "alice.p7b", ("alice", "intermediate")),
        ("issued-p7b-bare-base64", base64.encodebytes(p7b([c["alice"], c["intermediate"]])),
         "application/x-pkcs7-certificates", "alice.p7b", ("alice", "intermediate")),
        ("issued-der-cer", der(c["alice"]), "application/pkix-cert", "alice.cer", ("alice",)),
        ("issued-der-as-octets", der(c["bob"]), "application/octet-stream", "b.dat", ("bob",)),
        ("issued-pem-crt", pem(c["alice"]) + pem(c["intermediate"]), "application/x-x509-user-cert",
         "alice.crt", ("alice", "intermediate")),
        ("issued-pem-as-image", pem(c["alice"]), "image/png", "logo.png", ("alice",)),
    ]
    for name, data, ctype, file_name, names in forms:
        part = multi("mixed", "mx", text(BODY), attach(data, ctype, file_name))
        yield name, one(name, part), expect(c, *names)


def _inline(c):
    block = pem(c["alice"]).decode()
    yield "issued-pem-inline", one("issued-pem-inline", text(BODY + block + "\nRegards\n")), expect(
        c, "alice")
    quoted = text(BODY + block, "utf-8", "quoted-printable")
    yield "issued-pem-inline-qp", one("issued-pem-inline-qp", quoted), expect(c, "alice")
    shown = "<html><body><p>Your certificate was issued.</p><p>Order number: 70000002</p><pre>\n" \
            "%s</pre></body></html>" % block
    yield "issued-pem-in-html", one("issued-pem-in-html", html(shown)), expect(c, "alice")
    both = multi("mixed", "mx", multi("alternative", "al", text(BODY + block), html(shown)),
                 attach(archive([("alice.crt", pem(c["alice"]))]), "application/zip", "a.zip"))
    yield "issued-three-copies", one("issued-three-copies", both), expect(c, "alice")
    yield "issued-wrong-key", one("issued-wrong-key", multi(
        "mixed", "mx", text(BODY), attach(der(c["other"]), "application/pkix-cert",
                                          "alice.cer"))), expect(c, "other")
    yield "issued-two-mailboxes", one("issued-two-mailboxes", multi(
        "mixed", "mx", text(BODY), attach(der(c["bob"]), "application/pkix-cert", "bob.cer")),
        to="requester@example.test"), expect(c, "bob")
    link = text(BODY + "Download: https://www.digicert.com/link/download?id=70000002\n")
    yield "issued-download-link", one("issued-download-link", link), expect(
        c, kind_by="subject")
    signed = multi("signed", "sg", text(BODY), attach(
        p7b([c["other"], c["intermediate"]]), "application/pkcs7-signature", "smime.p7s"),
        params='; protocol="application/pkcs7-signature"; micalg=sha-256')
    yield "issued-smime-signer-not-taken", one("issued-smime-signer-not-taken", signed), expect(
        c, kind_by="subject")


def _odd(c):
    def zipped(name, data, *names, problem=None, subject=SUBJECT):
        part = multi("mixed", "mx", text(BODY), attach(data, "application/zip", "a.zip"))
        return name, one(name, part, subject), expect(c, *names, problems=[problem] if problem else [])

    good = ("alice.crt", pem(c["alice"]))
    yield zipped("issued-zip-traversal", archive([("../../etc/passwd", b"x"), good]), "alice",
                 problem="unusual name")
    yield zipped("issued-zip-in-folder", archive([("certs/", b""), ("certs/bob.crt", pem(c["bob"])),
                                                  good]), "alice", problem="unusual name")
    yield zipped("issued-zip-in-zip", archive([("inner.zip", archive([good]))]),
                 problem="an archive inside")
    yield zipped("issued-zip-ratio", archive([("zeros.crt", b"\0" * 900000), good]), "alice",
                 problem="unpacks to too much")
    yield zipped("issued-zip-many", archive([("f%d.crt" % i, b"x") for i in range(65)]),
                 problem="more than 64 files")
    yield zipped("issued-zip-cut", archive([good])[:-30], problem="no proper ZIP")
    encrypted = bytearray(archive([good]))
    for mark in (b"PK\3\4", b"PK\1\2"):
        at = encrypted.find(mark) + (6 if mark == b"PK\3\4" else 8)
        encrypted[at] |= 1
    yield zipped("issued-zip-encrypted", bytes(encrypted), problem="encrypted")
    broken = pem(c["alice"]).replace(b"-----END", b"!!!!\n-----END")
    part = Part("text/plain", BODY.encode().replace(b"\n", b"\r\n") + broken.replace(
        b"\n", b"\r\n"))
    yield "issued-pem-broken", one("issued-pem-broken", part), expect(c, kind_by="subject")


def samples(certs):
    yield from _attachments(certs)
    yield from _inline(certs)
    yield from _odd(certs)
