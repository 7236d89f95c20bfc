"""certmilterd over the milter protocol: what it decides, and that no peer can hurt it."""
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

import watchfile
from certmilterd import SANITIZED, WATCH, Milter, listening_socket
from milterclient import ACCEPT, CONTINUE, LEADSPC, NR, TEMPFAIL, Client, Closed
from ports import free_port

CA_MAIL = (b"Received: from a.ca.test by mx\r\n\tfor <admin@example.test>\r\n"
           b"From: The CA <no-reply@ca.test>\r\nTo: admin@example.test\r\nSubject:  odd\r\n"
           b"  folds\r\n\there\r\nX-Empty:\r\n\r\nbody\r\n")
OTHER_MAIL = b"From: Bob <bob@other.test>\r\nSubject: lunch\r\n\r\nToday?\r\n"


@pytest.fixture
def milter():
    m = Milter()
    m.start()
    yield m
    alive = m.proc.poll()
    m.cleanup()
    assert alive is None, f"certmilterd died ({alive}):\n{m.log_text()}"


@pytest.fixture
def open_dir():
    """A directory that other users can reach; pytest's own is closed to them."""
    d = tempfile.mkdtemp(prefix="certmilter-test-")
    os.chmod(d, 0o755)
    yield d
    shutil.rmtree(d)


def taken(m, raw=CA_MAIL, sender="x@y.test", rcpts=("<admin@example.test>",), **kw):
    c = m.session(**kw)
    a = c.message(raw, sender, rcpts)
    c.quit()
    return a


def fds(m):
    return len(os.listdir(f"/proc/{m.proc.pid}/fd"))


def rss_anon(m):
    with open(f"/proc/{m.proc.pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))


def settle(check, timeout=60):
    until = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < until, "didn't settle"
        time.sleep(0.02)


# --- negotiation ----------------------------------------------------------------------

def test_negotiation_is_minimal_and_the_same_for_all(milter):
    for _ in range(3):
        c = milter.client()
        assert c.actions == 0x111  # add, change headers, own macro list
        replied = {k for k in "CMRTNLB" if not c.pflags & NR[k]}
        assert replied == {"T", "N"}
        assert c.pflags & LEADSPC
        assert c.pflags & 0x02 and c.pflags & 0x100  # no HELO, no unknown commands
        assert not c.pflags & 0x200  # DATA is asked for
        assert {k: v for k, v in c.symbols.items() if v} == {6: "i"}
        c.quit()


def test_mta_without_the_newer_features(milter):
    """No NR_*, no LEADSPC, no macro lists: libmilter answers, the mail is still whole."""
    c = milter.client(steps=0x7F | 0x100 | 0x200, actions=0x3F)
    assert c.connect_info() == CONTINUE
    assert not c.pflags & LEADSPC
    raw = CA_MAIL.replace(b"X-Empty:", b"X-Empty: x")
    assert c.message(raw, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "eom")
    # one space is all that the MTA lets us know of; the rest is as it was
    assert milter.files()[0][1] == raw
    assert c.mods[-1].value.startswith(b"v=1; taken; id=")
    c.quit()


def test_mta_without_data_step(milter):
    c = milter.client(steps=0x7F)
    c.connect_info()
    for rcpt, want in (("<admin@example.test>", 1), ("<bob@example.test>", 1)):
        c.mail("x@y.test")
        c.rcpt(rcpt)
        c.header("From", " x@ca.test")
        a = c.eoh()
        if a == CONTINUE:
            c.body(b"hi\r\n")
            a = c.eom()
        assert a == ACCEPT
        assert len(milter.files()) == want
    c.quit()


# --- interest ---------------------------------------------------------------------------

@pytest.mark.parametrize("sender,rcpt", [
    ("<x@y.test>", "<admin@example.test>"),
    ("<x@y.test>", "<POSTMASTER@Example.Test.>"),
    ("<x@y.test>", "<postmaster>"),
    ("<x@y.test>", "<hostmaster+ca@example.test>"),
    ("<x@y.test>", "<alice+tag@EXAMPLE.test>"),
    ("<x@y.test>", '<"alice"@example.test>'),
    ("<>", "<webmaster@example.test>"),
    ("<b@bounces.ca.test>", "<anybody@nowhere.test>"),
    ("<b@eu.bounces.CA.test>", "<anybody@nowhere.test>"),
])
def test_interest(milter, sender, rcpt):
    assert taken(milter, sender=sender, rcpts=[rcpt]) == (ACCEPT, "eom")
    env, raw = milter.files()[0]
    assert raw == CA_MAIL
    assert env["sender"] == sender.strip("<>")
    assert env["recipients"] == [rcpt.strip("<>")]
    assert env["in_profile"] == ("bounces" in sender)


@pytest.mark.parametrize("sender,rcpt", [
    ("<x@y.test>", "<bob@example.test>"),
    ("<x@ca.test>", "<admin@other.test>"),
    ("<>", "<admin@sub.example.test>"),
    ("<x@y.test>", "<>"),
    ("", ""),
])
def test_no_interest_ends_at_data(milter, sender, rcpt):
    assert taken(milter, sender=sender, rcpts=[rcpt]) == (ACCEPT, "data")
    assert milter.files() == []


def test_interest_by_any_of_many_recipients(milter):
    rcpts = [f"<u{i}@nowhere.test>" for i in range(200)] + ["<admin@example.test>"]
    assert taken(milter, rcpts=rcpts) == (ACCEPT, "eom")
    assert milter.files()[0][0]["recipients"] == [r.strip("<>") for r in rcpts]


def test_recognition_ends_at_eoh(milter):
    assert taken(milter, OTHER_MAIL) == (ACCEPT, "eoh")
    assert milter.files() == []
    second = OTHER_MAIL.replace(b"Subject:", b"From : x@Eu.CA.test\r\nSubject:")
    assert taken(milter, second) == (ACCEPT, "eom")
    assert milter.files()[0][1] == second


def test_no_mail_of_the_session_before_leaks_into_the_next(milter):
    c = milter.session()
    assert c.message(CA_MAIL, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "eom")
    assert c.message(OTHER_MAIL, "x@y.test", ["<bob@example.test>"]) == (ACCEPT, "data")
    assert c.message(OTHER_MAIL, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "eoh")
    c.mail("x@y.test")
    c.rcpt("<admin@example.test>")
    c.abort()
    assert c.message(CA_MAIL, "x@y.test", ["<bob@example.test>"]) == (ACCEPT, "data")
    c.quit()
    assert len(milter.files()) == 1


# --- the copy ------------------------------------------------------------------------------

def test_bytes_are_kept(milter):
    raw = (b"From:no-space@ca.test\r\nSubject:\t tab\r\n \r\n\tonly\tblank line above\r\n"
           b"X-Trailing: blanks  \r\nX-8bit: \xff\xfe\r\n\r\n"
           + bytes(range(256)) * 600 + b"\r\n.\r\nno newline at the end")
    assert taken(milter, raw) == (ACCEPT, "eom")
    assert milter.files()[0][1] == raw


def test_empty_body(milter):
    assert taken(milter, b"From: a@ca.test\r\n\r\n") == (ACCEPT, "eom")
    assert milter.files()[0][1] == b"From: a@ca.test\r\n\r\n"


def test_envelope(milter):
    c = milter.session(addr="2001:db8::7")
    c.message(CA_MAIL, "<x@y.test>", ["<admin@example.test>", "<bob@example.test>"], "4QUEUEID")
    c.quit()
    env = milter.files()[0][0]
    assert env["client"] == "2001:db8::7"
    assert env["queue_id"] == "4QUEUEID"
    assert abs(env["time"] - time.time()) < 120
    assert env["recipients"] == ["admin@example.test", "bob@example.test"]
    text = milter.log_text()
    assert f"mail.taken id={env['id']}" in text and "client=2001:db8::7" in text


def test_unknown_client(milter):
    c = milter.client()
    c.connect_info(family="U")
    c.message(CA_MAIL, "x@y.test", ["<admin@example.test>"])
    c.quit()
    assert milter.files()[0][0]["client"] == "local"


def test_marked_once_and_forged_marks_removed(milter):
    forged = b"X-CERTmilter: v=1; taken; id=x\r\n" * 3 + CA_MAIL + b"X-Certmilter: body\r\n"
    c = milter.session()
    assert c.message(forged, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "eom")
    env = milter.files()[0][0]
    assert [(m.kind, m.index, m.name, m.value) for m in c.mods] == [
        ("change", 3, b"X-Certmilter", b""),
        ("change", 2, b"X-Certmilter", b""),
        ("change", 1, b"X-Certmilter", b""),
        ("add", 0, b"X-Certmilter", b" v=1; taken; id=" + env["id"].encode())]
    assert milter.files()[0][1] == forged
    c.quit()


def test_too_large_is_accepted_without_a_copy():
    m = Milter(watch=dict(WATCH, max_mail=200000))
    m.start()
    try:
        head = b"From: a@ca.test\r\nX-Certmilter: forged\r\n\r\n"
        assert taken(m, head + b"x" * (200000 - len(head))) == (ACCEPT, "eom")
        assert len(m.files()) == 1
        c = m.session()
        assert c.message(head + b"x" * (200001 - len(head)), "x@y.test",
                         ["<admin@example.test>"]) == (ACCEPT, "eom")
        assert [x.kind for x in c.mods] == ["change"]  # the forged field went, none was added
        big_head = b"From: a@ca.test\r\n" + b"X-Long: " + b"y" * 60000 + b"\r\n"
        assert c.message(big_head * 4 + b"\r\nbody", "x@y.test",
                         ["<admin@example.test>"]) == (ACCEPT, "eom")
        c.quit()
        assert len(m.files()) == 1
        assert m.files("tmp") == []
        assert m.log_text().count("mail.too_large") == 2
    finally:
        m.cleanup()


# --- when the spool can't take it -------------------------------------------------------------

def test_full_spool_refuses_ca_mail_alone():
    m = Milter(options=["--spool-cap", "1M"])
    m.start()
    try:
        big = CA_MAIL + b"x" * 200000
        answers = [taken(m, big) for _ in range(5)]
        assert answers[:3] == [(ACCEPT, "eom")] * 3
        assert answers[4][0] == TEMPFAIL
        assert taken(m, OTHER_MAIL) == (ACCEPT, "eoh")
        assert taken(m, CA_MAIL, rcpts=["<bob@example.test>"]) == (ACCEPT, "data")
        # the reserve: small, and the envelope sender is of the CA
        for i in range(8):
            a = taken(m, CA_MAIL + b"y" * 60000, sender="<b@bounces.ca.test>")
            if i < 2:
                assert a == (ACCEPT, "eom")
        assert a[0] == TEMPFAIL
        assert "mail.refused" in m.log_text() and "code=spool.full" in m.log_text()
        assert m.files("tmp") == []
        # the agent takes everything away: the rescan notices
        for sub in ("new",):
            for name in os.listdir(os.path.join(m.spool, sub)):
                os.unlink(os.path.join(m.spool, sub, name))
        settle(lambda: taken(m, big)[0] == ACCEPT, 6)
    finally:
        m.cleanup()


def test_files_per_client_are_limited():
    m = Milter(options=["--spool-per-client", "2"])
    m.start()
    try:
        assert [taken(m, addr="192.0.2.9")[0] for _ in range(3)] == [ACCEPT, ACCEPT, TEMPFAIL]
        assert taken(m, addr="192.0.2.10") == (ACCEPT, "eom")
        assert taken(m, OTHER_MAIL, addr="192.0.2.9") == (ACCEPT, "eoh")
    finally:
        m.cleanup()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_spool_not_writable(milter):
    os.chmod(os.path.join(milter.spool, "tmp"), 0o500)
    os.chown(os.path.join(milter.spool, "tmp"), 0, 0)
    assert taken(milter) == (TEMPFAIL, "eoh")
    assert taken(milter, OTHER_MAIL) == (ACCEPT, "eoh")


# --- the watch file ---------------------------------------------------------------------------

def test_without_a_watch_file_everything_is_accepted():
    m = Milter(watch=None)
    m.start()
    try:
        assert "watch.unusable" in m.log_text() and "code=watch.absent" in m.log_text()
        assert taken(m) == (ACCEPT, "data")
        watchfile.write(m.watch, **WATCH)
        settle(lambda: taken(m) == (ACCEPT, "eom"))  # by the timer
    finally:
        m.cleanup()


def test_damaged_watch_file_keeps_the_last_good_one(milter):
    with open(milter.watch, "r+b") as f:
        f.seek(70)
        f.write(b"\x01\x02\x03")
    milter.signal(signal.SIGUSR1)
    milter.wait_for_log("watch.damaged")
    assert taken(milter) == (ACCEPT, "eom")
    os.unlink(milter.watch)
    milter.signal(signal.SIGUSR1)
    milter.wait_for_log("watch.absent")
    assert taken(milter) == (ACCEPT, "eom")
    time.sleep(4.5)
    assert milter.log_text().count("watch.absent") == 1  # said once, not every two seconds


@pytest.mark.parametrize("sig", [signal.SIGUSR1, signal.SIGHUP])
def test_reload_at_a_signal(milter, sig):
    c = milter.session(steps=0x37F | LEADSPC)  # answers at every step: MAIL has been seen
    c.mail("x@y.test")
    c.rcpt("<admin@new.test>")
    watchfile.write(milter.watch, **dict(WATCH, domains=["new.test"]))
    milter.signal(sig)
    milter.wait_for_log("watch.loaded", count=2)
    assert c.data() == ACCEPT  # this message began before
    assert c.message(CA_MAIL, "x@y.test", ["<admin@new.test>"]) == (ACCEPT, "eom")
    assert c.message(CA_MAIL, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "data")
    c.quit()


def test_many_reloads_leak_nothing(milter):
    taken(milter)
    before = fds(milter)
    sizes = []
    for i in range(300):
        watchfile.write(milter.watch, **dict(WATCH, domains=[f"d{i}.test", "example.test"]))
        milter.signal(signal.SIGUSR1)
        if i % 50 == 49:
            assert taken(milter) == (ACCEPT, "eom")
            sizes.append(rss_anon(milter))
    settle(lambda: fds(milter) <= before)
    assert SANITIZED or sizes[-1] - sizes[0] < 200, sizes  # KiB


# --- peers that misbehave -----------------------------------------------------------------------

def still_works(m):
    assert taken(m) == (ACCEPT, "eom")


def test_connect_and_close_a_thousand_times(milter):
    still_works(milter)
    before = fds(milter)
    for i in range(1000):
        c = milter.client(negotiate=False)
        if i % 3 == 1:
            c.raw(b"\0\0\0")
        if i % 3 == 2:
            c.negotiate()
        c.close()
    settle(lambda: fds(milter) <= before)
    still_works(milter)


@pytest.mark.parametrize("data", [
    b"\xff\xff\xff\xffO", b"\0\0\0\0", b"\0\0\0\x01", b"\0\0\0\x0dO\0\0", b"GET / HTTP/1.0\r\n\r\n",
    struct.pack("!I", 13) + b"O" + struct.pack("!III", 0, 0, 0),
    struct.pack("!I", 13) + b"O" + struct.pack("!III", 6, 0, 0),
    struct.pack("!I", 5) + b"O" + b"\0\0\0\6",
    struct.pack("!I", 0x7FFFFFFF) + b"B" + b"x" * 1000,
], ids=range(9))
def test_garbage_instead_of_negotiation(milter, data):
    c = milter.client(negotiate=False)
    c.raw(data)
    c.sock.shutdown(socket.SHUT_WR)
    try:
        while True:
            c.recv_packet()
    except (Closed, OSError):
        pass
    c.close()
    still_works(milter)


@pytest.mark.parametrize("cmd,data", [
    ("C", b""), ("C", b"host"), ("C", b"host\0"), ("C", b"host\x004"), ("C", b"host\x004\0\x19"),
    ("C", b"host\x004\0\x19nonsense\0"), ("C", b"host\x006\0\x19192.0.2.1\0"),
    ("C", b"host\0Z\0\x19x\0"), ("C", b"host\0L\0\0" + b"/" * 500 + b"\0"),
    ("M", b""), ("M", b"no-nul"), ("M", b"\0"), ("M", b"\0\0\0"), ("R", b""), ("R", b"\0"),
    ("R", b"x" * 60000 + b"\0"), ("M", b"<" + b"y" * 5000 + b"@ca.test>\0"),
    ("L", b""), ("L", b"From"), ("L", b"From\0"), ("L", b"From\0x@ca.test"), ("L", b"\0\0"),
    ("L", b"From\0a\0b\0c\0"), ("B", b""), ("D", b""), ("D", b"Nx"), ("D", b"Zi\0x\0"), ("E", b""),
    ("N", b""), ("T", b"junk"), ("K", b""), ("U", b"VRFY\0"), ("H", b"helo\0"), ("\x01", b"x"),
])
def test_malformed_commands_at_every_stage(milter, cmd, data):
    stages = [
        lambda c: None,
        lambda c: c.mail("<x@y.test>"),
        lambda c: c.rcpt("<admin@example.test>"),
        lambda c: c.data(),
        lambda c: c.header("From", " x@ca.test"),
        lambda c: c.eoh(),
        lambda c: c.body(b"text"),
    ]
    for depth in range(len(stages)):
        c = milter.session()
        for s in stages[:depth + 1]:
            s(c)
        try:
            c.send(cmd, data)
            c.close()
        except OSError:
            pass
    still_works(milter)
    assert all(raw in (CA_MAIL, b"From: x@ca.test\r\n\r\ntext", b"From: x@ca.test\r\n\r\n")
               for _, raw in milter.files())
    settle(lambda: milter.files("tmp") == [])


def test_nul_bytes(milter):
    c = milter.session()
    c.step("M", b"<x@y.test>\0SIZE=1\0\0BODY=8BITMIME\0")
    c.step("R", b"<admin@example.test>\0NOTIFY=NEVER\0")
    assert c.data() == CONTINUE
    c.header("From", b" x@ca.test\0 hidden")
    assert c.eoh() == CONTINUE
    c.body(b"a\0b\0")
    assert c.eom() == ACCEPT
    c.quit()
    assert milter.files()[0][1] == b"From: x@ca.test\r\n\r\na\0b\0"


def test_abrupt_close_at_every_step(milter):
    still_works(milter)
    before = fds(milter)
    done = len(milter.files())
    for depth in range(1, 8):
        for _ in range(20):
            c = milter.session()
            for f in (lambda: c.mail("<x@y.test>"), lambda: c.rcpt("<admin@example.test>"), c.data,
                      lambda: c.header("From", " x@ca.test"), c.eoh,
                      lambda: c.body(b"x" * 100000), lambda: c.raw(b"\0\0\0\x05Bhalf"))[:depth]:
                f()
            c.close()
    settle(lambda: fds(milter) <= before)
    settle(lambda: milter.files("tmp") == [])
    assert len(milter.files()) == done


def test_fuzz_sequences(milter):
    """Any order of well-formed commands: never a crash, never a wrong copy."""
    rnd = random.Random(7)
    for _ in range(300):
        c = milter.session()
        try:
            for _ in range(rnd.randrange(1, 15)):
                cmd, data = rnd.choice([
                    ("M", b"<x@y.test>\0"), ("R", b"<admin@example.test>\0"), ("T", b""),
                    ("L", b"From\0 x@ca.test\0"), ("L", b"Subject\0 y\0"), ("N", b""),
                    ("B", b"body"), ("E", b""), ("A", b""), ("K", b""), ("C", b"h\0U"),
                    ("D", b"Ni\0Q\0")])
                c.send(cmd, data)
        except OSError:
            pass
        c.close()
    still_works(milter)
    for _, raw in milter.files():
        assert raw.count(b"\r\n\r\n") == 1 or raw == CA_MAIL
    settle(lambda: milter.files("tmp") == [])


# --- many of them --------------------------------------------------------------------------------

def test_idle_connections_cost_little(milter):
    still_works(milter)
    first = rss_anon(milter)
    held = [milter.session() for _ in range(1000)]
    c = milter.session()
    assert c.message(OTHER_MAIL, "x@y.test", ["<bob@example.test>"]) == (ACCEPT, "data")
    per = (rss_anon(milter) - first) * 1024 / 1000
    for h in held:
        h.close()
    print(f"{per:.0f} bytes per idle connection")
    if not SANITIZED:
        assert per <= 2048


def test_burst(milter):
    """200 sessions at once, a third of them CA mail."""
    results, lock = [], threading.Lock()

    def one(i):
        raw, rcpt = (CA_MAIL, "<admin@example.test>") if i % 3 == 0 else (OTHER_MAIL, "<bob@x.test>")
        a = taken(milter, raw, rcpts=[rcpt], addr=f"192.0.2.{i % 250}")
        with lock:
            results.append(a)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == sorted([(ACCEPT, "eom")] * 67 + [(ACCEPT, "data")] * 133)
    assert len(milter.files()) == 67
    assert len({e["id"] for e, _ in milter.files()}) == 67


def test_more_connections_than_descriptors():
    """The soft limit is raised to the hard one at the start."""
    import resource
    m = Milter(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 4096)))
    m.start()
    try:
        held = [m.session() for _ in range(300)]
        assert taken(m) == (ACCEPT, "eom")
        for h in held:
            h.close()
    finally:
        m.cleanup()


# --- drain -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("sig", [signal.SIGUSR2, signal.SIGTERM, signal.SIGINT])
def test_drain_loses_nothing(sig, open_dir):
    """A transaction goes on to its end; a new session waits for the next process."""
    path = os.path.join(open_dir, "sock")
    with listening_socket(path) as listen:
        old, new = Milter(listen=listen), Milter(listen=listen)
        old.address = new.address = f"unix:{path}"
        try:
            old.start()
            c = Client(old.address)
            c.connect_info()
            c.mail("x@y.test")
            c.rcpt("<admin@example.test>")
            assert c.data() == CONTINUE
            c.header("From", " x@ca.test")
            old.signal(sig)
            old.wait_for_log("milter.drain")
            time.sleep(1)
            assert old.proc.poll() is None
            waiting = Client(old.address, negotiate=False, timeout=60)  # in the kernel's backlog
            assert c.eoh() == CONTINUE
            time.sleep(6)  # longer than libmilter's own way of stopping takes
            c.body(b"late\r\n")
            assert c.eom() == ACCEPT
            assert c.message(CA_MAIL, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "eom")
            new.start()
            waiting.negotiate()
            waiting.connect_info()
            assert waiting.message(CA_MAIL, "x@y.test", ["<admin@example.test>"]) == (ACCEPT, "eom")
            waiting.quit()
            t = time.monotonic()
            c.quit()
            assert old.proc.wait(60) == 0
            assert time.monotonic() - t < 4.5  # not by the deadline, nor as slowly as libmilter would
            assert [r for _, r in old.files()] == [b"From: x@ca.test\r\n\r\nlate\r\n", CA_MAIL]
            assert len(new.files()) == 1
            assert "sessions_cut=0" in old.log_text()
        finally:
            old.cleanup()
            new.cleanup()


def test_drain_has_a_deadline():
    m = Milter(options=["--drain-seconds", "2"])
    m.start()
    try:
        c = m.session()
        c.mail("x@y.test")
        t = time.monotonic()
        m.signal(signal.SIGUSR2)
        assert m.proc.wait(120) == 0
        assert 1.8 < time.monotonic() - t < 30
        assert "sessions_cut=1" in m.log_text()
        assert not os.path.exists(m.path)  # our own socket went
    finally:
        m.cleanup()


def test_asked_twice_it_goes_at_once():
    m = Milter()
    m.start()
    try:
        m.session()
        m.signal(signal.SIGUSR2)
        m.wait_for_log("milter.drain")
        m.signal(signal.SIGTERM)
        assert m.proc.wait(20) == 0
    finally:
        m.cleanup()


def test_restart_under_load_loses_no_session(open_dir):
    """Sessions without end, the process replaced five times: no error, ever."""
    path = os.path.join(open_dir, "sock")
    stop, errors, done = threading.Event(), [], [0]
    with listening_socket(path) as listen:
        now = Milter(listen=listen)
        now.start()
        all_of_them = [now]

        def load(i):
            while not stop.is_set():
                try:
                    c = Client(f"unix:{path}", timeout=60)
                    c.connect_info()
                    a = c.message(OTHER_MAIL, "x@y.test", ["<admin@example.test>"])
                    assert a == (ACCEPT, "eoh"), a
                    c.quit()
                    done[0] += 1
                except Exception as e:  # noqa: BLE001 - any failure fails the test
                    errors.append(repr(e))
                    return
        threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        try:
            for n in range(5):
                settle(lambda n=n: errors or done[0] > 25 * (n + 1))
                new = Milter(listen=listen)
                all_of_them.append(new)
                now.signal(signal.SIGUSR2)
                new.start()
                assert now.proc.wait(90) == 0
                now = new
            settle(lambda: errors or done[0] > 150)
        finally:
            stop.set()
            for t in threads:
                t.join()
            for m in all_of_them:
                m.cleanup()
    assert errors == []


# --- start -----------------------------------------------------------------------------------------

def test_inet_socket():
    m = Milter(inet_port=free_port())
    m.start()
    try:
        assert taken(m) == (ACCEPT, "eom")
    finally:
        m.cleanup()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_never_as_root():
    m = Milter()
    from certmilterd import PROGRAM
    r = subprocess.run([PROGRAM, "--socket", f"unix:{m.path}", "--spool", m.spool, "--watch", m.watch],
                       capture_output=True, text=True, timeout=60)
    m.cleanup()
    assert r.returncode == 1 and "doesn't run as root" in r.stderr


def test_socket_in_use_or_stale(milter):
    m = Milter()
    m.path = milter.path
    m.start(wait=False)
    assert m.proc.wait(60) == 1
    assert "socket.listen" in m.log_text()
    m.cleanup()
    # a socket that a killed process left is taken over
    milter.proc.kill()
    milter.proc.wait()
    assert os.path.exists(milter.path)
    milter.start(wait=False)
    milter.wait_for_log("milter.ready", count=2)
    still_works(milter)


def test_bad_command_lines():
    from certmilterd import PROGRAM, run_as

    def run(*args):
        r = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=60,
                           **run_as("certmilter"))
        return r.returncode, r.stderr
    code, err = run("--socket", "x", "--nonsense", "--spool-cap", "much", "extra")
    assert code == 2
    for text in ("--nonsense", "--spool-cap", '"extra"', "--spool is missing", "--watch is missing"):
        assert text in err
    for bad in ("x", "unix:relative", "inet:99999@127.0.0.1", "inet:25@host.example", "fd:7", "fd:x"):
        code, err = run("--socket", bad, "--spool", "/tmp", "--watch", "/nonexistent")
        assert code == 1 and ("socket." in err or "spool.dir" in err), (bad, err)
    code, err = run("--socket", "fd:3", "--spool", "/nonexistent", "--watch", "/nonexistent")
    assert code == 1 and "spool.dir" in err
    assert run("--version")[0] == 0


def test_notifies_systemd(open_dir):
    path = os.path.join(open_dir, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        os.chmod(path, 0o777)
        s.settimeout(60)
        m = Milter(env={"NOTIFY_SOCKET": path})
        m.start()
        try:
            assert s.recv(1000) == b"READY=1"
            m.session().quit()
            m.signal(signal.SIGUSR2)
            assert s.recv(1000) == b"STOPPING=1"
        finally:
            m.cleanup()
