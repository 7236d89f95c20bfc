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
from cryptography.hazmat.primitives.serialization import pkcs7

import ipc
from directory import BASE, PASSWORD, WRITER, Directory
from nettools import Tool
from test_net import Mta
from test_keeper import Ca, Keeper, openssl, with_certificate

ALICE = "alice@example.test"


@pytest.fixture(scope="module")
def tool():
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


# --- mail ---------------------------------------------------------------------------------------------------

@pytest.fixture
def keeper(tmp_path):
    (tmp_path / "k").mkdir()
    k = Keeper(tmp_path / "k").start()
    yield k
    k.close()


def issued(keeper, **order):
    """An item for a fresh key in the keeper and its certificate."""
    key, leaf, chain = with_certificate(keeper, **order)
    root = x509.load_pem_x509_certificate(b"-----BEGIN" + chain.encode().split(b"-----BEGIN")[2])
    return item(leaf, root, order.get("mailbox", ALICE), key_id=key["key_id"], serial=f"{leaf.serial_number:X}")


def mail(tool, keeper, item, mta=None, port=1, **publisher):
    return tool("mail", publisher=publisher, item=item, keeper=keeper.sock,
                config={"smtp": f"127.0.0.1:{mta.port if mta else port}", "contact": "it@example.test"})


def parts(mta):
    m = email.message_from_bytes(mta.data, policy=email.policy.default)
    assert m.get_content_type() == "multipart/mixed" and not m.defects
    attached = [p for p in m.iter_attachments() if p.is_attachment()]
    assert len(attached) == 1
    return m, m.get_body(("plain",)).get_content(), m.get_body(("html",)).get_content(), attached[0]


def waiting(keeper):
    return keeper.admin("handouts")["waiting"]


def passphrase(keeper, export):
    return keeper.admin("handout", export=export, who="root", reason="test")["passphrase"]


def opens(tmp_path, p12, word, keys=1):
    """In OpenSSL, NSS and GnuTLS; the private keys as PEM."""
    path, db = tmp_path / "a.p12", tmp_path / "nss"
    path.write_bytes(p12)
    out = openssl("pkcs12", "-in", str(path), "-passin", "pass:" + word, "-nodes")
    assert out.count(b"BEGIN PRIVATE KEY") == keys
    info = subprocess.run(["openssl", "pkcs12", "-in", str(path), "-passin", "pass:" + word, "-info", "-noout"],
                          capture_output=True, check=True).stderr.decode()
    assert "MAC: sha256" in info and "PBES2, PBKDF2, AES-256-CBC" in info and "RC2" not in info and "3DES" not in info
    subprocess.run(["rm", "-rf", db], check=True)
    db.mkdir()
    nss = ["-d", f"sql:{db}"]
    subprocess.run(["certutil", "-N", "--empty-password", *nss], check=True)
    subprocess.run(["pk12util", "-i", path, "-W", word, *nss], check=True, capture_output=True)
    listed = subprocess.run(["certutil", "-K", *nss], check=True, capture_output=True, text=True).stdout
    assert listed.count("< 0>") + listed.count("< 1>") + listed.count("< 2>") == keys, listed
    gnutls = subprocess.run(["certtool", "--p12-info", "--inder", "--infile", path, "--password", word],
                            capture_output=True, text=True)
    assert gnutls.returncode == 0, gnutls.stderr
    assert gnutls.stdout.count("BEGIN PRIVATE KEY") + gnutls.stdout.count("BEGIN ENCRYPTED PRIVATE KEY") >= keys
    return out


@pytest.mark.parametrize("type", ["p256", "rsa2048"])
def test_mail_with_the_key(tool, keeper, tmp_path, type):
    one = issued(keeper, type=type)
    mta = Mta()
    r = mail(tool, keeper, one, mta)
    assert r["class"] == "ok", r
    assert f"RCPT TO:<{ALICE}>" in mta.lines and "MAIL FROM:<certmilter@mx.example.test>" in mta.lines
    assert max(map(len, mta.data.split(b"\r\n"))) <= 78 and all(c < 128 for c in mta.data)
    m, text, html, attached = parts(mta)
    assert m["To"] == ALICE and m["Subject"] == f"Your certificate for {ALICE}"
    assert m["Message-ID"] == r["where"] and m["Auto-Submitted"] == "auto-generated"
    assert attached.get_content_type() == "application/x-pkcs12" and attached.get_filename() == f"{ALICE}.p12"
    for words in ("Outlook", "Thunderbird", "Apple Mail", "iPhone", "Android", "help desk", "it@example.test"):
        assert words in text and words in html, words
    assert "{{" not in text + html and "older key" not in text
    assert "CN=Test <CA> & Co" in text and "CN=Test &lt;CA&gt; &amp; Co" in html and "<CA>" not in html
    [w] = waiting(keeper)
    assert w["mailbox"] == ALICE and w["way"] == "file"
    word = passphrase(keeper, w["export"])
    assert word not in text + html and word.encode() not in mta.data
    opens(tmp_path, attached.get_content(), word)
    with pytest.raises(subprocess.CalledProcessError):
        opens(tmp_path, attached.get_content(), word + "x")
    # again: the keeper knows that it arrived; nothing is sent
    assert mail(tool, keeper, one)["class"] == "ok"
    keeper.admin("handed", export=w["export"])
    assert waiting(keeper) == [] and mail(tool, keeper, one)["class"] == "ok"
    with pytest.raises(ipc.Refused) as e:
        passphrase(keeper, w["export"])
    assert e.value.code == "keeper.handed"
    kinds = [e["kind"] for e in keeper.admin("exports_since", after=0, limit=50)["entries"]]
    assert kinds == ["seal", "passphrase"]


@pytest.mark.parametrize("answers, result", [
    ({"RCPT": "550 unknown"}, ("permanent", "deliver.refused")),
    ({"RCPT": "451 later"}, ("temporary", "deliver.unreachable")),
    ({"END": "452 full"}, ("temporary", "deliver.unreachable")),
    ({"END": "drop"}, ("temporary", "deliver.unreachable")),
    (None, ("temporary", "deliver.unreachable"))])
def test_what_was_not_taken_has_no_passphrase(tool, keeper, tmp_path, answers, result):
    one = issued(keeper, custody="forget")
    first = Mta(**answers) if answers is not None else None
    r = mail(tool, keeper, one, first)
    assert (r["class"], r["code"]) == result, r
    assert waiting(keeper) == [] and not keeper.admin("key_info", key_id=one["key_id"])["key"]["destroyed"]
    second = Mta()
    assert mail(tool, keeper, one, second)["class"] == "ok"
    [w] = waiting(keeper)
    word = passphrase(keeper, w["export"])
    m, _, _, attached = parts(second)
    opens(tmp_path, attached.get_content(), word)
    if answers and "END" in answers:  # what was perhaps taken: the same mail, the same passphrase
        m1, _, _, attached1 = parts(first)
        assert m1["Message-ID"] == m["Message-ID"]
        opens(tmp_path, attached1.get_content(), word)
    assert len([e for e in keeper.admin("exports_since", after=0, limit=50)["entries"] if e["kind"] == "seal"]) == 1


def test_keeper_killed_behind_the_mail_server(tool, keeper, tmp_path):
    """The mail was taken, and the keeper never heard of it: the same mail once more, not a second passphrase."""
    one = issued(keeper)

    class Killer(Mta):
        def serve(self):
            self.answers = Answers(self.answers)
            super().serve()

    class Answers(dict):
        def get(self, verb, default):
            if verb == "END":
                keeper.kill()
            return super().get(verb, default)
    first, second = Killer(), Mta()
    r = mail(tool, keeper, one, first)
    assert (r["class"], r["code"]) == ("temporary", "deliver.keeper"), r
    keeper.start()
    assert waiting(keeper) == []
    assert mail(tool, keeper, one, second)["class"] == "ok"
    [w] = waiting(keeper)
    word = passphrase(keeper, w["export"])
    for mta in (first, second):
        opens(tmp_path, parts(mta)[3].get_content(), word)
    assert parts(first)[0]["Message-ID"] == parts(second)[0]["Message-ID"]


def test_forget_ends_when_both_arrived(tool, keeper, tmp_path):
    one = issued(keeper, custody="forget")
    mta = Mta()
    assert mail(tool, keeper, one, mta)["class"] == "ok"
    [w] = waiting(keeper)
    assert not keeper.admin("key_info", key_id=one["key_id"])["key"]["destroyed"]
    word = passphrase(keeper, w["export"])
    keeper.kill()  # the program has it, nobody said so: it is given once more
    keeper.start()
    assert waiting(keeper)[0]["given"] and passphrase(keeper, w["export"]) == word
    assert len(keeper.admin("exports_since", after=0, limit=50)["entries"]) == 2
    keeper.admin("handed", export=w["export"])
    assert keeper.admin("key_info", key_id=one["key_id"])["key"]["destroyed"]
    opens(tmp_path, parts(mta)[3].get_content(), word)
    assert mail(tool, keeper, one)["class"] == "ok"  # it was delivered: nothing is left to do
    r = mail(tool, keeper, {**one, "reason": "retry"})
    assert (r["class"], r["code"]) == ("permanent", "deliver.key") and "destroyed" in r["text"]
    with open(os.path.join(keeper.state, "exports", w["export"] + ".json")) as f:
        assert '"sealed"' not in f.read()


def test_preset(tool, keeper, tmp_path):
    one = issued(keeper, custody="forget")
    r = mail(tool, keeper, one, passphrase="preset")
    assert (r["class"], r["code"]) == ("temporary", "deliver.waiting")
    assert f"certmilter passphrase set {ALICE}" in r["text"]
    for weak in ("short", "aaaaaaaaaaaaaaaaaaaa", "x" * 300):
        with pytest.raises(ipc.Refused) as e:
            keeper.admin("preset", mailbox=ALICE, passphrase=weak)
        assert e.value.code == "keeper.weak"
    with pytest.raises(ipc.Refused, match="not for this socket"):
        keeper.agent("preset", mailbox=ALICE, passphrase="correct horse battery")
    keeper.admin("preset", mailbox=ALICE.upper(), passphrase="correct horse battery")
    keeper.kill()
    keeper.start()
    mta = Mta()
    assert mail(tool, keeper, one, mta, passphrase="preset")["class"] == "ok"
    _, text, html, attached = parts(mta)
    assert "that you have set" in text and "that you have set" in html and "help desk" not in text
    opens(tmp_path, attached.get_content(), "correct horse battery")
    assert waiting(keeper) == []
    assert keeper.admin("key_info", key_id=one["key_id"])["key"]["destroyed"]  # the owner has both
    assert mail(tool, keeper, one, passphrase="preset")["class"] == "ok"
    for base, _, files in os.walk(keeper.state):
        for name in files:
            with open(os.path.join(base, name), "rb") as f:
                assert b"correct horse" not in f.read()
    keeper.agent("preset", mailbox=ALICE)  # forgetting a mailbox may take it away
    with pytest.raises(ipc.Refused) as e:
        keeper.admin("preset", mailbox=ALICE)
    assert e.value.code == "keeper.absent"


def test_destroyed_otherwise_nothing_is_handed_out(tool, keeper):
    one = issued(keeper)
    assert mail(tool, keeper, one, Mta())["class"] == "ok"
    [w] = waiting(keeper)
    keeper.agent("destroy", key_id=one["key_id"], reason="forgotten")
    assert waiting(keeper) == []
    with open(os.path.join(keeper.state, "exports", w["export"] + ".json")) as f:
        assert '"sealed"' not in f.read()
    with pytest.raises(ipc.Refused):
        passphrase(keeper, w["export"])


def test_history_reads_the_old_mail(tool, keeper, tmp_path):
    old, letter = issued(keeper, request="r-1", type="rsa2048"), b"Dear Alice,\r\nlong ago.\r\n"
    issued(keeper, request="r-b", mailbox="bob@example.test")
    for n, one in enumerate((old, issued(keeper, request="r-2", type="p256"))):
        (tmp_path / "crt").write_text(one["chain"])
        (tmp_path / f"secret{n}").write_bytes(openssl("cms", "-encrypt", "-aes256", "-binary", str(tmp_path / "crt"),
                                                      data=letter))
    mta = Mta()
    assert mail(tool, keeper, one, mta)["class"] == "ok"
    opens(tmp_path, parts(mta)[3].get_content(), passphrase(keeper, waiting(keeper)[0]["export"]), 1)
    mta = Mta()
    r = mail(tool, keeper, {**one, "reason": "history"}, mta)
    assert r["class"] == "ok" and "1 older" in r["note"]
    _, text, _, attached = parts(mta)
    assert "1 older key" in text
    [new] = [w for w in waiting(keeper) if not w["given"]]
    keys = opens(tmp_path, attached.get_content(), passphrase(keeper, new["export"]), 2).split(b"Bag Attributes")
    keys = [k for k in keys if b"BEGIN PRIVATE KEY" in k]
    for n in range(2):
        read = 0
        for k in keys:
            (tmp_path / "key").write_bytes(k)
            got = subprocess.run(["openssl", "cms", "-decrypt", "-binary", "-inkey", tmp_path / "key", "-in",
                                  tmp_path / f"secret{n}"], capture_output=True)
            read += got.returncode == 0 and got.stdout == letter
        assert read == 1
    friendly = openssl("pkcs12", "-in", str(tmp_path / "a.p12"), "-nokeys", "-passin",
                       "pass:" + passphrase(keeper, new["export"])).decode()
    assert f"friendlyName: {ALICE}\n" in friendly and f"friendlyName: {ALICE} (to 20" in friendly
    assert "bob@" not in friendly


def test_a_key_of_another_mailbox(tool, keeper):
    one = issued(keeper, mailbox="bob@example.test")
    r = mail(tool, keeper, {**one, "mailbox": ALICE})
    assert (r["class"], r["code"]) == ("permanent", "deliver.keeper") and "isn't one of" in r["text"]


def test_certificate_without_a_key(tool, keeper):
    one, (leaf, root) = certificate()
    mta = Mta()
    assert mail(tool, keeper, one, mta)["class"] == "ok"
    _, text, html, attached = parts(mta)
    assert "private key is not in this mail" in text and "private key is not in this mail" in html
    found = pkcs7.load_der_pkcs7_certificates(attached.get_content())
    assert sorted(map(der, found)) == sorted(map(der, (leaf, root)))
    assert attached.get_filename() == f"{ALICE}.p7b" and waiting(keeper) == []
    assert mail(tool, keeper, {**one, "withdraw": True})["class"] == "ok"


def test_own_words_and_languages(tool, keeper, tmp_path):
    one, _ = certificate()
    mta = Mta()
    assert mail(tool, keeper, one, mta, language="de")["class"] == "ok"
    m, text, _, _ = parts(mta)
    assert m["Subject"] == f"Ihr Zertifikat für {ALICE}" and "Der private Schlüssel" in text
    assert m["Content-Language"] == "de"
    own = tmp_path / "own"
    own.mkdir()
    (own / "certificate.txt").write_text("Subject: Grüße {{mailbox}} " + "lang " * 20 + "Ende\n\n"
                                         "{{if sign}}\nsigns\n{{end}}\n{{if not encrypt}}\nno\n{{end}}\n"
                                         "bis {{valid_to}}\n")
    mta = Mta()
    assert mail(tool, keeper, {**one, "usage": "both"}, mta, language="de", templates=str(own))["class"] == "ok"
    m, text, html, _ = parts(mta)
    assert m["Subject"] == f"Grüße {ALICE} " + "lang " * 20 + "Ende"
    assert text.replace("\r", "") == "signs\nbis 2027-01-15\n" and "Guten Tag" in html
    assert tool("texts", dir=str(own), language="de")["errors"] == []
    (own / "certificate.txt").write_text("Subject: {{passphrase}}\n\n{{if no}}\n{{end}}\n{{end}}\n"
                                         "{{if sign}}\n{{mailbox\n")
    errors = tool("texts", dir=str(own))["errors"]
    path = str(own / "certificate.txt")
    for line, words in ((1, "{{passphrase}}"), (3, "{{if no}}"), (5, "{{end}} without"), (6, "without {{end}}"),
                        (7, "without \"}}\"")):
        assert any(e.startswith(f"{path}:{line}: ") and words in e for e in errors), (line, errors)
    r = mail(tool, keeper, one, templates=str(own))
    assert (r["class"], r["code"]) == ("permanent", "deliver.template") and "certificate.txt:1" in r["text"]
    (own / "certificate.txt").write_bytes(b"no subject\n")
    (own / "key.txt").write_bytes(b"Subject: x\n\n\xff\x07\n")
    errors = tool("texts", dir=str(own))["errors"]
    assert any("Subject" in e for e in errors) and any("UTF-8" in e for e in errors)


def test_odd_mailboxes(tool, keeper):
    for mailbox, name in (("o'neil+x@example.test", "o'neil+x@example.test.p7b"),
                          ("jürgen@example.test", "jürgen@example.test.p7b"),
                          ('"a b"@example.test', None)):
        one, _ = certificate(mailbox)
        mta = Mta()
        r = mail(tool, keeper, one, mta)
        if name is None:
            assert r["class"] == "permanent" and r["code"] == "deliver.refused"
        else:
            assert r["class"] == "ok", r
            assert parts(mta)[3].get_filename() == name
