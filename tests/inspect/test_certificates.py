"""Files with certificates: every container, the leaf, its chain."""
import base64
import datetime

import pytest

import certkit
import inspector

CERTS = certkit.make_all()
ROOTS = certkit.pem(CERTS["root"]).decode()
CHAIN = [CERTS["alice"], CERTS["intermediate"]]
ALICE = certkit.spki_sha256(CERTS["alice"])


def read(data, **more):
    result = inspector.certificates(data, **more)
    assert result.status == 0, (result.lines, result.stderr)
    return next(line for line in result.lines if "certificates" in line)


def subjects(answer):
    return [c["subject"] for c in answer["certificates"]]


FORMS = {
    "pem": b"".join(certkit.pem(c) for c in CHAIN),
    "pem-in-text": b"Dear Alice,\r\nhere:\r\n" + b"and\n".join(certkit.pem(c) for c in CHAIN),
    "p7b-der": certkit.p7b(CHAIN),
    "p7b-pem": certkit.p7b(CHAIN, True),
    "p7b-bare": base64.encodebytes(certkit.p7b(CHAIN)),
    "zip": certkit.archive([("a.crt", certkit.pem(CHAIN[0])), ("ca.crt", certkit.pem(CHAIN[1]))]),
    "zip-der": certkit.archive([("a.cer", certkit.der(CHAIN[0])), ("ca.cer", certkit.der(CHAIN[1]))]),
    "bom": b"\xef\xbb\xbf" + b"".join(certkit.pem(c) for c in CHAIN),
    "repeats": b"".join(certkit.pem(c) for c in CHAIN + CHAIN),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(name):
    answer = read(FORMS[name], roots=ROOTS)
    assert subjects(answer)[0] == "CN=alice@example.test" and len(subjects(answer)) == 2
    chain = answer["chain"]
    assert chain["ok"] is True and chain["leaf"] == 0, chain
    assert [base64.b64decode(d) for d in chain["der"]] == [
        certkit.der(CERTS[n]) for n in ("alice", "intermediate", "root")]
    assert chain["issuer"]["type"] == "rsa" and chain["issuer"]["bits"] == 2048
    assert answer["problems"] == []


def test_der_alone_needs_its_intermediate():
    answer = read(certkit.der(CERTS["alice"]), roots=ROOTS)
    assert answer["chain"]["ok"] is False and answer["chain"]["der"] == []
    answer = read(certkit.der(CERTS["alice"]), roots=ROOTS,
                  intermediates=certkit.pem(CERTS["intermediate"]).decode())
    assert answer["chain"]["ok"] is True


def test_the_leaf_is_named_by_its_key():
    data = b"".join(certkit.pem(CERTS[n]) for n in ("bob", "intermediate", "alice"))
    assert read(data, roots=ROOTS, spki_sha256=ALICE)["chain"]["leaf"] == 2
    assert read(data, roots=ROOTS)["chain"]["leaf"] == 0
    answer = read(data, roots=ROOTS, spki_sha256="00" * 32)
    assert answer["chain"]["leaf"] == -1 and answer["chain"]["ok"] is False


def test_time_counts():
    late = int(datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
    data, header = FORMS["pem"], {"v": 1, "input": "certificates", "roots": ROOTS, "now": late}
    result = inspector.converse({**header, "size": len(data)}, data, None)
    assert result["chain"]["ok"] is False and "expired" in result["chain"]["reason"]


def test_without_roots():
    assert "no root" in read(FORMS["pem"])["chain"]["reason"]


def test_unreadable_roots_are_a_reason():
    chain = read(FORMS["pem"], roots="nothing")["chain"]
    assert chain["ok"] is False and chain["reason"]


def test_only_a_ca():
    answer = read(certkit.pem(CERTS["intermediate"]), roots=ROOTS)
    assert answer["chain"]["leaf"] == -1


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x82\x01\x00" + b"\0" * 256, b"PK\3\4xx",
                                  b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                  b"MII" + b"A" * 400, certkit.der(CERTS["alice"])[:-1]])
def test_nothing_to_find(data):
    result = inspector.certificates(data)
    assert result.status == 1 and result["error"]["code"] == "input.none", result.lines


def test_fields():
    c = read(certkit.der(CERTS["bob"]))["certificates"][0]
    assert [m["address"] for m in c["mailboxes"]] == ["bob@example.test", "bob.b@example.test"]
    assert c["spki_sha256"] == certkit.spki_sha256(CERTS["bob"])
    assert base64.b64decode(c["der"]) == certkit.der(CERTS["bob"])
