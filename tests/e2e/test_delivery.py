"""From the order to the owner: the PKCS#12 in an IMAP mailbox, the passphrase another way, the certificate in LDAP.

A real Postfix, Dovecot and slapd beside the rehearsal CA; keys are used with the openssl command."""
import os
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from directory import BASE, PASSWORD, WRITER, Directory
from mailstore import MailStore
from test_life import cli

PUBLISHERS = """
publisher "owner" {{
    kind       = mail
    passphrase = file
    history    = yes
}}
publisher "owner-hook" {{
    kind       = mail
    language   = de
    passphrase = hook
}}
publisher "owner-preset" {{
    kind       = mail
    passphrase = preset
}}
publisher "directory" {{
    kind       = ldap
    uri        = "{ldap}"
    starttls   = yes
    base       = "{base}"
    bind_dn    = "{writer}"
    secret     = "directory"
    tls_bundle = "{bundle}"
    timeout    = 5s
}}
"""
BOXES = ("alice@example.test", "k@example.test", "w@forget.test", "f@forget.test", "h@hook.test", "p@preset.test")
LETTER = b"Dear owner,\r\n\r\nthis is for you alone.\r\n"


@pytest.fixture(scope="module")
def site(sites):
    one = {"mode": "confirm"}
    site = sites(domains={
        "example.test": {**one, "publish": '{ "owner", "directory" }'},
        "hook.test": {**one, "publish": '{ "owner-hook" }'},
        "preset.test": {**one, "publish": '{ "owner-preset" }'}, "ldap.test": {**one, "publish": '{ "directory" }'},
        "forget.test": {**one, "publish": '{ "owner" }', "custody_sign": "forget", "custody_encrypt": "forget"},
    }, poll="1s", timing={"resend_after": "5s", "revocation_check": "1m"}, settle="2s", boxes=BOXES)
    site.ldap = site.beside["slapd"] = Directory(site.path("slapd"))
    site.extra = PUBLISHERS.format(ldap=site.ldap.uri, base=BASE, writer=WRITER, bundle=site.ldap.bundle)
    site.credential("directory", PASSWORD, "certagent")
    site.ldap.start().fill("alice@example.test", "carol@example.test", "a@ldap.test", "b@ldap.test")
    site.start()
    site.store = site.beside["dovecot"] = MailStore(site.path("dovecot"), site.postfix.mail).start()
    site.ca.settings(rate_limits=False)
    for name in site.domains:
        site.ca.post("validate", domain=name)
    os.makedirs(site.path("desk"), mode=0o700)
    return site


def openssl(*args, data=None, ok=(0,)):
    r = subprocess.run(["openssl", *args], input=data, capture_output=True)
    assert r.returncode in ok, r.stderr
    return r


def states(site, box):
    return {p["publisher"]: p for p in reversed(site.ask("show", what=box)["publications"])}


def published(site, box, publisher, state="published", timeout=40):
    def look():
        p = states(site, box).get(publisher)
        return p and p["state"] == state and p
    return site.wait(look, timeout, f"{box} {state} at {publisher}")


def bundles(site, box):
    """The PKCS#12 mails in the mailbox, by IMAP, oldest first: (mail, name, bytes)."""
    out = []
    for m in site.store.read(box):
        for p in m.iter_attachments():
            if p.get_filename() and p.get_filename().endswith(".p12"):
                out.append((m, p.get_filename(), p.get_content()))
    return out


def desk(site, box):
    """What the help desk has for BOX: passphrases by export."""
    out = {}
    for name in os.listdir(site.path("desk")):
        if name.startswith(box + "."):
            assert os.stat(site.path("desk", name)).st_mode & 0o777 == 0o600
            with open(site.path("desk", name)) as f:
                lines = dict(line.split(None, 1) for line in f.read().splitlines())
            out[lines["export"]] = lines["passphrase"]
    return out


def keys(p12, word, path):
    """Private keys of a PKCS#12 as PEM texts."""
    path.write_bytes(p12)
    out = openssl("pkcs12", "-in", str(path), "-passin", "pass:" + word, "-nocerts", "-nodes").stdout
    return [b"-----BEGIN" + k for k in out.split(b"-----BEGIN")[1:]]


def decrypts(secret, key, path):
    path.write_bytes(key)
    r = openssl("cms", "-decrypt", "-binary", "-inkey", str(path), data=secret, ok=(0, 4))
    return r.returncode == 0 and r.stdout == LETTER


def in_ldap(site, box):
    return site.ldap.search(f"(mail={box})", "userCertificate;binary").get("userCertificate;binary", [])


def encrypted_mail(site, box, der, tmp_path):
    """A correspondent writes to BOX with the certificate of the directory; the mail as it lies in the mailbox."""
    (tmp_path / "peer.pem").write_bytes(x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM))
    subject = f"secret {time.time()}"
    secret = openssl("cms", "-encrypt", "-aes256", "-binary", "-from", "peer@elsewhere.test", "-to", box, "-subject",
                     subject, str(tmp_path / "peer.pem"), data=LETTER).stdout
    site.send(secret, box)
    found = site.wait(lambda: site.store.read(box, "SUBJECT", f'"{subject}"'), 20, "the encrypted mail")
    return found[0].as_bytes()


def test_order_to_decrypted_mail_and_the_old_one_after_renewal(site, tmp_path):
    box = "alice@example.test"
    first = site.stored(site.order(box))
    published(site, box, "owner")
    published(site, box, "directory")
    # the mail, read by IMAP
    [(m, name, p12)] = site.wait(lambda: bundles(site, box), 20, "the mail with the PKCS#12")
    assert m["Subject"] == f"Your certificate for {box}" and name == f"{box}.p12"
    assert m["Message-ID"] == states(site, box)["owner"]["where"]
    # the passphrase, another way
    assert desk(site, box) == {}
    out = cli(site, "passphrase", "list")
    assert box in out and "file" in out
    assert box in cli(site, "passphrase", "deliver", "--dir", site.path("desk"))
    [word] = desk(site, box).values()
    for raw in site.postfix.delivered():
        assert word.encode() not in raw
    assert word not in site.agent.log_text() + site.keeper.log_text()
    assert cli(site, "passphrase", "list") == "no passphrase waits\n"
    assert cli(site, "passphrase", "deliver", "--dir", site.path("desk")) == ""
    # the certificate, by LDAP
    [der] = in_ldap(site, box)
    assert f"{x509.load_der_x509_certificate(der).serial_number:X}" == first["serial"].lstrip("0")
    old_mail = encrypted_mail(site, box, der, tmp_path)
    [key] = keys(p12, word, tmp_path / "p12")
    assert decrypts(old_mail, key, tmp_path / "key")
    # renewed: a new key
    cli(site, "renew", box)
    site.wait(lambda: len(bundles(site, box)) == 2, 60, "the second mail")
    site.wait(lambda: in_ldap(site, box) not in ([der], []) and len(in_ldap(site, box)) == 1, 30, "the new one in LDAP")
    cli(site, "passphrase", "deliver", "--dir", site.path("desk"))
    [word2] = [w for w in desk(site, box).values() if w != word]
    both = keys(bundles(site, box)[1][2], word2, tmp_path / "p12")
    assert len(both) == 2
    new_mail = encrypted_mail(site, box, in_ldap(site, box)[0], tmp_path)
    assert [decrypts(new_mail, k, tmp_path / "key") for k in both] == [True, False]
    assert [decrypts(old_mail, k, tmp_path / "key") for k in both] == [False, True]
    # for a new phone, on request: both keys again, another passphrase
    assert "on its way" in cli(site, "publish", "history", box)
    site.wait(lambda: len(bundles(site, box)) == 3, 30, "the third mail")
    cli(site, "passphrase", "deliver", "--dir", site.path("desk"))
    [word3] = [w for w in desk(site, box).values() if w not in (word, word2)]
    assert len(keys(bundles(site, box)[2][2], word3, tmp_path / "p12")) == 2
    # revoked: no correspondent finds it any more
    second = [c for c in site.ask("show", what=box)["certificates"] if c["id"] != first["id"]][0]
    cli(site, "revoke", f"certificate:{second['id']}", "--reason", "lost")
    site.wait(lambda: in_ldap(site, box) == [], 40, "gone from LDAP")


def test_wrong_passphrase(site, tmp_path):
    box = "w@forget.test"
    site.stored(site.order(box))
    published(site, box, "owner")
    [(_, _, p12)] = site.wait(lambda: bundles(site, box), 20, "the mail")
    (tmp_path / "p12").write_bytes(p12)
    r = openssl("pkcs12", "-in", str(tmp_path / "p12"), "-passin", "pass:wrong-wrong-wrong", "-nokeys", ok=(1,))
    assert b"invalid password" in r.stderr


def test_forgotten_when_both_arrived(site, tmp_path):
    box = "f@forget.test"
    c = site.stored(site.order(box))
    published(site, box, "owner")
    key = site.ask("show", what=f"certificate:{c['id']}")["certificate"].get("key_id") or c.get("key_id")
    path = site.path("keys", "keys", key + ".json")
    assert '"sealed"' in open(path).read()
    cli(site, "passphrase", "deliver", "--dir", site.path("desk"))
    assert '"sealed"' not in open(path).read() and "custody forget" in open(path).read()
    [word] = desk(site, box).values()
    [(_, _, p12)] = bundles(site, box)
    assert len(keys(p12, word, tmp_path / "p12")) == 1


def hook(site, body):
    path = site.path("desk", "hook")
    with open(path, "w") as f:
        f.write(f"#!/bin/sh\n{body}\n")
    os.chmod(path, 0o755)
    return path


def test_hook_takes_the_passphrase(site, tmp_path):
    box = "h@hook.test"
    site.stored(site.order(box))
    published(site, box, "owner-hook")
    [(m, _, p12)] = site.wait(lambda: bundles(site, box), 20, "the mail")
    assert m["Subject"] == f"Ihr Zertifikat für {box}"
    took = site.path("desk", "took")
    # not for this way, later, failing, hanging: nothing is lost
    assert box not in cli(site, "passphrase", "deliver", "--dir", site.path("desk"))
    cli(site, "passphrase", "deliver", "--hook", hook(site, "exit 75"), ok=(3,))
    cli(site, "passphrase", "deliver", "--hook", hook(site, "exit 1"), ok=(4,))
    begun = time.monotonic()
    cli(site, "passphrase", "deliver", "--hook", hook(site, "sleep 600"), "--timeout", "1s", ok=(3,))
    assert time.monotonic() - begun < 60
    assert box in cli(site, "passphrase", "list")
    cli(site, "passphrase", "deliver", "--hook",
        hook(site, f"read word; echo \"$CERTMILTER_MAILBOX $CERTMILTER_AGAIN $word\" >> {took}"))
    mailbox, again, word = open(took).read().split()
    assert (mailbox, again) == (box, "yes")
    assert len(keys(p12, word, tmp_path / "p12")) == 1
    cli(site, "passphrase", "deliver", "--hook", hook(site, f"echo twice >> {took}"))
    assert "twice" not in open(took).read()
    told = [m for m in site.store.read(box) if "passphrase was given out" in (m.get_body() or m).as_string()]
    assert len(told) <= 1  # however often the hook failed


def test_preset_by_the_owner(site, tmp_path):
    box = "p@preset.test"
    site.stored(site.order(box))
    p = published(site, box, "owner-preset", "failed")
    assert "waiting for the owner's passphrase" in p["error"] and bundles(site, box) == []
    (tmp_path / "word").write_text("correct horse battery\n")
    cli(site, "passphrase", "set", box, "--passphrase-file", str(tmp_path / "word"))
    cli(site, "publish", "retry", box)
    published(site, box, "owner-preset")
    [(_, _, p12)] = site.wait(lambda: bundles(site, box), 20, "the mail")
    assert len(keys(p12, "correct horse battery", tmp_path / "p12")) == 1
    assert box not in cli(site, "passphrase", "list")


def test_directory_down_then_up(site):
    box = "a@ldap.test"
    site.ldap.stop()
    try:
        site.stored(site.order(box))
        p = published(site, box, "directory", "failed")
        assert "Can't contact LDAP server" in p["error"] and p["next_try"] > 0
    finally:
        site.ldap.start()
    published(site, box, "directory")
    assert len(in_ldap(site, box)) == 1


def test_entry_missing_then_there(site):
    box = "late@ldap.test"
    site.stored(site.order(box))
    p = published(site, box, "directory", "given-up")
    assert "no entry for late@ldap.test" in p["error"]
    site.ldap.add(box)
    cli(site, "publish", "retry", box)
    assert published(site, box, "directory")["where"] == f"cn=late,{BASE}"
    assert len(in_ldap(site, box)) == 1


def test_no_right_to_write(site):
    box = "b@ldap.test"
    site.credential("directory", "not the password", "certagent")
    try:
        site.stored(site.order(box))
        p = published(site, box, "directory", "given-up")
        assert "Invalid credentials" in p["error"] and "not the password" not in p["error"]
    finally:
        site.credential("directory", PASSWORD, "certagent")
    cli(site, "publish", "retry", box)
    published(site, box, "directory")


def test_agent_killed_at_the_mail(site, tmp_path):
    """kill -9 while the mail is on its way: it arrives, and every copy opens with the one passphrase."""
    box = "k@example.test"
    site.postfix.stop()
    try:
        site.order(box)
        site.wait(lambda: states(site, box).get("owner"), 60, "a publication")
        time.sleep(0.3)
        site.agent.kill()
    finally:
        site.postfix.start()
    site.start_agent()
    cli(site, "publish", "retry", box)
    published(site, box, "owner")
    site.wait(lambda: bundles(site, box), 20, "the mail")
    cli(site, "passphrase", "deliver", "--dir", site.path("desk"))
    [word] = desk(site, box).values()
    copies = bundles(site, box)
    assert len(copies) <= 2 and len({m["Message-ID"] for m, _, _ in copies}) == 1
    for _, _, p12 in copies:
        assert len(keys(p12, word, tmp_path / "p12")) == 1
