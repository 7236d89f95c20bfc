"""The publishers ldap and mail alone: against a real slapd, a mail server that misbehaves, the real keeper."""
import base64
import email
import email.policy
import os
import socket
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

import ipc
from directory import BASE, PASSWORD, WRITER, Directory
from nettools import ROOT, Tool
from test_keeper import Ca, Keeper, openssl, with_certificate

ALICE = "alice@example.test"


@pytest.fixture(scope="module")
def tool():
    subprocess.run(["make", "-s", "build/helpers/delivertool"], cwd=ROOT, check=True)
    t = Tool("delivertool")
    yield t
    t.close()


def certificate(mailbox=ALICE):
    """An item for a fresh certificate, and the chain as certificates."""
    ca = Ca()
    leaf = ca.sign(ec.generate_private_key(ec.SECP256R1()).public_key(),
                   x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, mailbox)]))
    return item(leaf, ca.cert, mailbox), [leaf, ca.cert]


def item(leaf, root, mailbox, **more):
    pem = serialization.Encoding.PEM
    return {"mailbox": mailbox, "der": base64.b64encode(der(leaf)).decode(),
            "chain": (leaf.public_bytes(pem) + root.public_bytes(pem)).decode(),
            "thumbprint": leaf.fingerprint(hashes.SHA256()).hex(), **more}


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


# --- ldap ---------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def ldap(tmp_path_factory):
    d = Directory(tmp_path_factory.mktemp("slapd") / "d").start().fill(ALICE, "bob@example.test", "carol@example.test")
    yield d
    d.stop()


def target(d, **more):
    return {"uri": d.uri, "starttls": True, "base": BASE, "bind_dn": WRITER, "secret": "ldap",
            "tls_bundle": d.bundle, **more}


def publish(tool, d, item, **more):
    fields = {"publisher": {**target(d), **more}, "item": item, "secrets": {"ldap": PASSWORD}}
    return tool("ldap", **fields)


def values(d, mailbox=ALICE):
    found = d.search(f"(mail={mailbox})", "userCertificate;binary", "userSMIMECertificate;binary",
                     "userSMIMECertificate")
    return (found.get("userCertificate;binary", []),
            found.get("userSMIMECertificate;binary", []) + found.get("userSMIMECertificate", []))


def state_of(d, mailbox=ALICE):
    return d.search(f"(mail={mailbox})", "entryCSN")["entryCSN"]


@pytest.mark.parametrize("how", ["starttls", "ldaps"])
def test_there_and_away_again(tool, ldap, how):
    more = {"uri": ldap.tls_uri, "starttls": False} if how == "ldaps" else {}
    box = f"{how}@example.test"
    ldap.add(box)
    one, (leaf, root) = certificate(box)
    two, (leaf2, _) = certificate(box)
    _, (foreign, foreign_root) = certificate()
    other = pkcs7.serialize_certificates([foreign, foreign_root], serialization.Encoding.DER)
    ldap.ldif("ldapmodify", f"dn: cn={how},{BASE}\nchangetype: modify\nadd: userCertificate;binary\n"
              f"userCertificate;binary:: {base64.b64encode(der(foreign)).decode()}\n-\nadd: userSMIMECertificate\n"
              f"userSMIMECertificate:: {base64.b64encode(other).decode()}\n")
    before = values(ldap, box)
    r = publish(tool, ldap, one, **more)
    assert r["class"] == "ok" and r["where"] == f"cn={how},{BASE}", r
    certs, smime = values(ldap, box)
    assert der(leaf) in certs and len(certs) == len(before[0]) + 1 and len(smime) == len(before[1]) + 1
    ours = [pkcs7.load_der_pkcs7_certificates(v) for v in smime if v not in before[1]][0]
    assert sorted(map(der, ours)) == sorted([der(leaf), der(root)])
    csn = state_of(ldap, box)
    assert publish(tool, ldap, one, **more)["class"] == "ok"
    assert state_of(ldap, box) == csn  # nothing was written
    assert publish(tool, ldap, two, **more)["class"] == "ok"
    assert publish(tool, ldap, {**one, "withdraw": True}, **more)["class"] == "ok"
    certs, smime = values(ldap, box)
    assert der(leaf) not in certs and der(leaf2) in certs and set(before[0]) <= set(certs)
    assert set(before[1]) <= set(smime) and len(smime) == len(before[1]) + 1
    csn = state_of(ldap, box)
    assert publish(tool, ldap, {**one, "withdraw": True}, **more)["class"] == "ok"
    assert state_of(ldap, box) == csn
    assert publish(tool, ldap, {**two, "withdraw": True}, **more)["class"] == "ok"
    assert [sorted(v) for v in values(ldap, box)] == [sorted(v) for v in before]


def test_one_attribute_only(tool, ldap):
    one, (leaf, _) = certificate("bob@example.test")
    assert publish(tool, ldap, one, user_smime=False)["class"] == "ok"
    assert values(ldap, "bob@example.test") == ([der(leaf)], [])
    assert publish(tool, ldap, {**one, "withdraw": True}, user_smime=False)["class"] == "ok"
    assert values(ldap, "bob@example.test") == ([], [])


def test_signing_only_is_not_published(tool, ldap):
    one, _ = certificate("bob@example.test")
    r = publish(tool, ldap, {**one, "usage": "sign"})
    assert r["class"] == "ok" and "signs" in r["note"]
    assert values(ldap, "bob@example.test") == ([], [])


def test_nobody_several_and_hostile_names(tool, ldap):
    one, _ = certificate()
    for mailbox in ("nobody@example.test", "*", "alice@example.test)(mail=*", "a\\2a", "*@example.test"):
        r = publish(tool, ldap, {**one, "mailbox": mailbox})
        assert (r["class"], r["code"]) == ("permanent", "deliver.unknown"), mailbox
        assert "publish retry" in r["text"]
        assert publish(tool, ldap, {**one, "mailbox": mailbox, "withdraw": True})["class"] == "ok"
    ldap.add("odd*(name)@example.test", "odd")
    assert publish(tool, ldap, {**one, "mailbox": "odd*(name)@example.test"})["where"] == f"cn=odd,{BASE}"
    ldap.add("carol@example.test", "carol2")
    r = publish(tool, ldap, {**one, "mailbox": "carol@example.test"})
    assert (r["class"], r["code"]) == ("permanent", "deliver.ambiguous")
    assert f"cn=carol,{BASE}" in r["text"] and f"cn=carol2,{BASE}" in r["text"]
    assert ldap.search("(cn=carol2)", "userCertificate;binary") == {}


def test_wrong_password_no_right_no_password(tool, ldap):
    one, _ = certificate()
    r = tool("ldap", publisher=target(ldap), item=one, secrets={"ldap": "wrong"})
    assert (r["class"], r["code"]) == ("permanent", "deliver.denied") and "bind_dn" in r["text"]
    assert "wrong" not in r["text"]
    r = tool("ldap", publisher=target(ldap), item=one, secrets={})
    assert (r["class"], r["code"]) == ("permanent", "deliver.secret")
    r = tool("ldap", publisher=target(ldap, bind_dn=None, secret=None), item=one)
    assert (r["class"], r["code"]) == ("permanent", "deliver.refused") or r["code"] == "deliver.denied", r
    r = publish(tool, ldap, one, base="dc=other,dc=test")
    assert (r["class"], r["code"]) == ("permanent", "deliver.referral"), r


class Listener:
    """Accepts, keeps what came, never answers."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def heard(self):
        self.socket.settimeout(2)
        c, _ = self.socket.accept()
        c.settimeout(0.5)
        out = b""
        try:
            while data := c.recv(4096):
                out += data
        except socket.timeout:
            pass
        c.close()
        return out


def test_no_password_over_a_plain_line(tool, ldap):
    listener = Listener()
    one, _ = certificate()
    r = tool("ldap", publisher=target(ldap, uri=f"ldap://127.0.0.1:{listener.port}", starttls=False), item=one,
             secrets={"ldap": PASSWORD})
    assert (r["class"], r["code"]) == ("permanent", "deliver.plain")
    listener.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        listener.socket.accept()
    # StartTLS that is never answered: in time, temporary, and without a bind
    r = tool("ldap", publisher=target(ldap, uri=f"ldap://127.0.0.1:{listener.port}", timeout=1), item=one,
             secrets={"ldap": PASSWORD})
    assert (r["class"], r["code"]) == ("temporary", "deliver.unreachable")
    assert PASSWORD.encode() not in listener.heard()


def test_another_server_is_not_believed(tool, ldap, tmp_path):
    one, _ = certificate()
    stranger = Directory(tmp_path / "s", name="directory.example.test").start().fill(ALICE)
    try:
        # its name is another one; its CA is another one
        for d, bundle in ((stranger, stranger.bundle), (ldap, stranger.bundle)):
            for uri, starttls in ((d.uri, True), (d.tls_uri, False)):
                r = tool("ldap", publisher=target(d, uri=uri, starttls=starttls, tls_bundle=bundle), item=one,
                         secrets={"ldap": PASSWORD})
                assert r["class"] == "temporary" and r["code"] == "deliver.unreachable", r
        assert values(stranger) == ([], [])
        r = tool("ldap", publisher=target(ldap, tls_bundle=str(tmp_path / "none.pem")), item=one,
                 secrets={"ldap": PASSWORD})
        assert r["class"] != "ok"
    finally:
        stranger.stop()


def test_down_is_later(tool, tmp_path):
    d = Directory(tmp_path / "d")
    one, _ = certificate()
    r = publish(tool, d, one)
    assert (r["class"], r["code"]) == ("temporary", "deliver.unreachable") and d.uri in r["text"]


def test_with_the_transfer_option(tool, tmp_path):
    """slapd's own schema refuses it for userSMIMECertificate (the tests above); here it is needed."""
    d = Directory(tmp_path / "d", binary=True).start().fill(ALICE)
    try:
        one, (leaf, root) = certificate()
        for _ in range(2):
            assert publish(tool, d, one)["class"] == "ok"
        certs, smime = values(d)
        assert certs == [der(leaf)] and len(smime) == 1
        assert publish(tool, d, {**one, "withdraw": True})["class"] == "ok"
        assert values(d) == ([], [])
    finally:
        d.stop()
