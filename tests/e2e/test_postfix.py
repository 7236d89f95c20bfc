"""certmilterd behind a real Postfix: mail passes, copies are exact, failures stay small."""
import base64
import email
import os
import pwd
import random
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "protocol"))

from certmilterd import WATCH, Milter, listening_socket  # noqa: E402
from postfixenv import Postfix, milter_setting  # noqa: E402

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="Postfix needs root")

CA = "<no-reply@ca.test>"
ROLE = "admin@example.test"


def mail(n=0, from_=CA, body=b"Please confirm.\r\n", extra=b""):
    return (b"From: " + from_.encode() + b"\r\nTo: you@example.test\r\n"
            b"Subject: test " + str(n).encode() + b"\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
            b"Message-ID: <" + str(n).encode() + b"@test>\r\n" + extra + b"\r\n" + body)


def without_trace(delivered):
    """What was delivered, without the fields that delivery itself adds, as CRLF."""
    text = delivered.replace(b"\r\n", b"\n")
    for field in (b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received"):
        text = re.sub(b"^" + field + b": .*\n(?:[ \t].*\n)*", b"", text, count=1)
    return text.replace(b"\n", b"\r\n")


class Site:
    def __init__(self, milter=None, **kw):
        self.dir = tempfile.mkdtemp(prefix="certmilter-e2e-")
        self.milter = milter or Milter()
        self.milter.start()
        self.postfix = Postfix(self.dir, milters=[self.milter.address], **kw).start()

    def close(self):
        self.postfix.stop()
        log = self.postfix.log_text()
        self.milter.cleanup()
        shutil.rmtree(self.dir, ignore_errors=True)
        return log

    def marks(self):
        return [m["X-Certmilter"] for m in map(email.message_from_bytes, self.postfix.delivered())]


@pytest.fixture
def site():
    s = Site()
    yield s
    log = s.close()
    assert "fatal" not in log and "panic" not in log, log


ODD_MAILS = {
    "plain": mail(),
    "folded": mail(extra=b"X-Folded: a\r\n b\r\n\tc  \r\nX-Empty:\r\nX-Tab:\tx\r\nNo-Space:x\r\n"),
    "blank fold": mail(extra=b"X-Blank: a\r\n \r\n b\r\n"),
    "8-bit": mail(extra="X-Text: grün\r\n".encode("latin-1"), body=bytes(range(128, 256)) + b"\r\n"),
    "dots": mail(body=b".\r\n..\r\n.x\r\n\r\n.\r\n"),
    "empty body": mail(body=b""),
    "blank lines": mail(body=b"\r\n\r\n\r\nx\r\n\r\n\r\n"),
    "long lines": mail(body=b"x" * 900 + b"\r\n" + b"y" * 998 + b"\r\n"),
    "many fields": mail(extra=b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(300))),
    "long field": mail(extra=b"X-Long:" + b" 0123456789" * 80 + b"\r\n" +
                       (b" " + b"abc " * 200 + b"\r\n") * 30),
    "multipart": mail(extra=b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
                      body=b"--b\r\n\r\npart\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
                           b"AAAA\r\n--b--\r\n"),
    "1 MB": mail(body=b"".join(b"%076d\r\n" % i for i in range(13000))),
}


def test_copies_are_exact_and_mail_passes(site):
    """Each odd mail twice: of interest and not. Both are delivered unchanged."""
    for name, raw in ODD_MAILS.items():
        site.postfix.send("b@y.test", [ROLE], raw)
        assert site.milter.files()[-1][1] == raw, name
        site.postfix.send("b@y.test", ["bob@example.test"], raw)
    site.postfix.wait_empty()
    got = site.postfix.delivered()
    assert len(got) == 2 * len(ODD_MAILS)
    marked = [g for g in got if b"X-Certmilter" in g]
    plain = [g for g in got if b"X-Certmilter" not in g]
    assert len(marked) == len(plain) == len(ODD_MAILS)
    assert len(site.milter.files()) == len(ODD_MAILS)
    originals = set(ODD_MAILS.values())
    assert {without_trace(g) for g in plain} == originals
    ids = {e["id"] for e, _ in site.milter.files()}
    for g in marked:
        field = re.findall(rb"^X-Certmilter: v=1; taken; id=(\S+)\n", g, re.M)
        assert len(field) == 1
        ids.remove(field[0].decode())
        rest = re.sub(rb"^X-Certmilter: .*\n", b"", g, flags=re.M)
        assert without_trace(rest) in originals
    assert not ids


def test_envelope_as_postfix_gives_it(site):
    site.postfix.send("Bounce+x@bounces.ca.test", [ROLE, "bob@example.test"], mail())
    env = site.milter.files()[0][0]
    assert env["sender"] == "Bounce+x@bounces.ca.test" and env["in_profile"]
    assert env["recipients"] == [ROLE, "bob@example.test"]
    assert env["client"] == "127.0.0.1"
    assert f"{env['queue_id']}: " in site.postfix.log_text()


def test_smtputf8_and_odd_addresses(site):
    with site.postfix.smtp() as s:
        s.ehlo()
        for rcpt in ('"admin"@example.test', "ADMIN@EXAMPLE.TEST", "postmaster", "admin+x@example.test"):
            s.mail("")
            assert s.rcpt(rcpt)[0] == 250
            assert s.data(mail())[0] == 250
    assert len(site.milter.files()) == 4
    assert {e["sender"] for e, _ in site.milter.files()} == {""}


def test_many_messages_in_one_session(site):
    with site.postfix.smtp() as s:
        for i in range(20):
            s.sendmail("x@y.test", [ROLE if i % 2 else "bob@example.test"],
                       mail(i, CA if i % 4 < 2 else "x@other.test"))
        s.rset()
        s.mail("x@y.test")
        s.rcpt(ROLE)
        s.rset()
        s.sendmail("x@y.test", ["bob@example.test"], mail(99))
    assert [re.search(rb"test (\d+)", r).group(1) for _, r in site.milter.files()] == [
        b"1", b"5", b"9", b"13", b"17"]


def test_forged_marks_are_removed(site):
    forged = mail(extra=b"X-Certmilter: v=1; taken; id=forged\r\n" * 4)
    site.postfix.send("x@y.test", [ROLE], forged)
    site.postfix.wait_empty()
    delivered = email.message_from_bytes(site.postfix.delivered()[0])
    assert len(delivered.get_all("X-Certmilter")) == 1
    assert "forged" not in str(delivered)
    assert site.milter.files()[0][1] == forged


def test_dkim_verifies_from_the_copy(site):
    """dkimpy signs, Postfix transports, the spool's bytes verify; and so do the delivered ones."""
    dkim = pytest.importorskip("dkim")
    key, record = rsa_key()

    def dns(name, timeout=5):
        return record
    signed = {}
    for i, (name, raw) in enumerate(sorted(ODD_MAILS.items())):
        if name == "blank fold":  # RFC 5322 forbids it and dkimpy refuses it
            continue
        canon = [(b"simple", b"simple"), (b"relaxed", b"relaxed"), (b"relaxed", b"simple")][i % 3]
        sig = dkim.sign(raw, b"sel", b"ca.test", key, canonicalize=canon,
                        include_headers=[b"from", b"to", b"subject", b"date", b"message-id"])
        signed[name] = sig + raw
        site.postfix.send("b@bounces.ca.test", [ROLE], signed[name])
        copy = site.milter.files()[-1][1]
        assert copy == signed[name], name
        assert dkim.verify(copy, dnsfunc=dns), name
    site.postfix.wait_empty()
    for d in site.postfix.delivered():
        assert dkim.verify(without_trace(d), dnsfunc=dns)
    broken = bytearray(signed["plain"])
    broken[-5] ^= 1
    assert not dkim.verify(bytes(broken), dnsfunc=dns)


def rsa_key():
    """A fresh 2048-bit key: (PEM for dkimpy, its DNS record)."""
    pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], capture_output=True,
                         check=True).stdout
    der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem,
                         capture_output=True, check=True).stdout
    return pem, b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def test_agent_stopped_a_thousand_mails_are_accepted(site):
    """Nobody takes anything out of the spool; all of it is durable and exact."""
    n, errors = 1000, []

    def some(k):
        try:
            with site.postfix.smtp() as s:
                for i in range(k, n, 8):
                    s.sendmail("b@bounces.ca.test", [ROLE], mail(i))
        except Exception as e:  # noqa: BLE001
            errors.append(e)
    threads = [threading.Thread(target=some, args=(k,)) for k in range(8)]
    t0 = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(f"{n / (time.monotonic() - t0):.0f} CA mails/s into the spool")
    assert not errors
    files = site.milter.files()
    assert sorted(r for _, r in files) == sorted(mail(i) for i in range(n))
    assert len({e["id"] for e, _ in files}) == n
    agent = pwd.getpwnam("certagent").pw_uid
    spool_new = os.path.join(site.milter.spool, "new")
    st = os.stat(os.path.join(spool_new, os.listdir(spool_new)[0]))
    assert st.st_uid == pwd.getpwnam("certmilter").pw_uid != agent
    assert st.st_gid == os.stat(spool_new).st_gid and st.st_mode & 0o777 == 0o640


def test_full_spool_refuses_ca_mail_alone():
    s = Site(Milter(options=["--spool-cap", "1M"]))
    try:
        big = mail(body=b"x" * 70 + b"\r\n" + b"".join(b"%070d\r\n" % i for i in range(3500)))
        refused = None
        for i in range(6):
            try:
                s.postfix.send("x@y.test", [ROLE], big)
            except smtplib.SMTPDataError as e:
                refused = e.smtp_code
                break
        assert refused == 451
        s.postfix.send("x@y.test", [ROLE], mail(1, "x@other.test"))     # no CA in From
        s.postfix.send("x@y.test", ["bob@example.test"], big)           # nobody watched
        s.postfix.send("b@bounces.ca.test", [ROLE], mail(2))            # the reserve
        assert s.milter.files()[-1][1] == mail(2)
    finally:
        s.close()


def test_past_the_size_limit_the_mail_passes_without_a_copy():
    s = Site(Milter(watch=dict(WATCH, max_mail=100000)))
    try:
        big = mail(body=b"".join(b"%070d\r\n" % i for i in range(3500)))
        s.postfix.send("x@y.test", [ROLE], big)
        s.postfix.wait_empty()
        assert without_trace(s.postfix.delivered()[0]) == big
        assert s.milter.files() == []
        assert "mail.too_large" in s.milter.log_text()
    finally:
        s.close()


class Load:
    """Sends mail without pause and keeps every error."""

    def __init__(self, postfix, threads=4):
        self.postfix, self.stop, self.errors, self.sent = postfix, threading.Event(), [], []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]
        for t in self.threads:
            t.start()

    def run(self, k):
        i, rnd = 0, random.Random(k)
        while not self.stop.is_set():
            n = k * 1000000 + i
            try:
                self.postfix.send("x@y.test", [rnd.choice([ROLE, "bob@example.test"])], mail(n))
                self.sent.append(n)
            except Exception as e:  # noqa: BLE001
                self.errors.append(e)
            i += 1

    def more(self, n):
        """Waits until N more are accepted."""
        until, want = time.monotonic() + 90, len(self.sent) + n
        while len(self.sent) < want:
            assert time.monotonic() < until and not self.errors, self.errors or "Postfix stalls"
            time.sleep(0.01)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()


def test_killed_under_load_postfix_goes_on(site):
    load = Load(site.postfix)
    try:
        for _ in range(3):
            load.more(20)
            site.milter.proc.kill()
            site.milter.proc.wait()
            load.more(20)  # Postfix alone
            site.milter.start()
        load.more(20)
    finally:
        load.end()
    assert load.errors == []
    site.postfix.wait_empty()
    assert len(site.postfix.delivered()) == len(load.sent)
    # what is in new/ is whole
    sent = {mail(n) for n in load.sent}
    assert all(r in sent for _, r in site.milter.files())
    site.postfix.send("x@y.test", [ROLE], mail(7777777))
    assert site.milter.files()[-1][1] == mail(7777777)


def test_stopped_and_started_under_load_misses_nothing():
    """Drain and a new process on the same socket: every CA mail has its copy."""
    d = tempfile.mkdtemp(prefix="certmilter-e2e-")
    os.chmod(d, 0o755)
    path = os.path.join(d, "sock")
    with listening_socket(path) as listen:
        first = Milter(listen=listen)
        first.address = f"unix:{path}"
        s = Site(first)
        all_of_them = [first]
        try:
            load = Load(s.postfix)
            for _ in range(4):
                load.more(20)
                new = Milter(listen=listen)
                all_of_them.append(new)
                all_of_them[-2].signal(signal.SIGUSR2)
                new.start()
                assert all_of_them[-2].proc.wait(90) == 0
            load.more(20)
            load.end()
            assert load.errors == []
            s.postfix.wait_empty()
            taken = sum(len(m.files()) for m in all_of_them)
            marked = sum(b"X-Certmilter" in g for g in s.postfix.delivered())
            to_role = sum(b"Delivered-To: " + ROLE.encode() in g for g in s.postfix.delivered())
            assert taken == marked == to_role > 20
            assert "warning: milter" not in s.postfix.log_text()
        finally:
            s.close()
            for m in all_of_them[1:]:
                m.cleanup()
            shutil.rmtree(d)


def test_hung_milter_is_left_behind(site):
    """A stopped process: the snippet's timeouts let mail pass."""
    site.milter.proc.send_signal(signal.SIGSTOP)
    try:
        t = time.monotonic()
        site.postfix.send("x@y.test", ["bob@example.test"], mail(1))
        assert time.monotonic() - t < 29  # Postfix's own command_timeout is 30 s
    finally:
        site.milter.proc.send_signal(signal.SIGCONT)
    site.postfix.send("x@y.test", [ROLE], mail(2))
    assert site.milter.files()[-1][1] == mail(2)


def test_snippet_text():
    assert milter_setting("unix:/run/certmilter/milter.sock") == (
        "{ unix:/run/certmilter/milter.sock, default_action=accept, connect_timeout=5s, "
        "command_timeout=10s, content_timeout=30s }")
