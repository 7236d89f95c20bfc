"""kill -9 and a full disk at each step of a mail with a key and of its passphrase's way to the help desk.

Harmless means: the key stays in the keeper; the mail may come twice, then as the same mail (Message-ID) under the
same passphrase; the passphrase waits for its owner only once the mail server has taken the mail; who gets it gets the
same one again, until it has arrived; and no other file holds it."""
import email
import email.policy
import json
import os
import shutil
import socketserver
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

import steps
from nettools import BUILD
from test_keeper import Keeper
from test_publishers import issued, passphrase, waiting

DELIVER = BUILD / "helpers" / "delivertool"


class MailServer:
    """Takes mails on any number of connections; `mails` are those that it has said 250 to."""

    def __init__(self):
        server = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    server.session(self.rfile, self.wfile)
                except OSError:
                    pass
        self.mails = []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def session(self, rfile, wfile):
        def say(text):
            wfile.write(text + b"\r\n")
        say(b"220 hello")
        while line := rfile.readline().strip():
            if line.upper() == b"DATA":
                say(b"354 go")
                data = b""
                while (part := rfile.readline()) != b".\r\n":
                    if not part:
                        return
                    data += part
                self.mails.append(email.message_from_bytes(data, policy=email.policy.default))
            say(b"250 ok")
            if line.upper() == b"QUIT":
                return

    def to(self, box):
        return [m for m in self.mails if m["To"] and box in m["To"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    """A keeper, a mail server, the publisher alone; a fresh key and certificate for each round."""

    def __init__(self, directory):
        self.dir, self.keeper, self.server, self.n = str(directory), Keeper(directory).start(), MailServer(), 0
        self.desk = os.path.join(self.dir, "desk")
        os.mkdir(self.desk, 0o700)
        self.config = os.path.join(self.dir, "certmilter.conf")
        with open(self.config, "w") as f:
            f.write(f'paths {{\n keeper_socket = "{self.keeper.sock}"\n'
                    f' keeper_admin_socket = "{self.keeper.admin_sock}"\n}}\n')

    def fresh(self, **order):
        self.n += 1
        return issued(self.keeper, request=f"r{self.n}", mailbox=f"m{self.n}@example.test", **order)

    def line(self, item, way="file"):
        return json.dumps({"do": "mail", "publisher": {"passphrase": way}, "item": item, "keeper": self.keeper.sock,
                           "config": {"smtp": self.server.address, "contact": "it@example.test"}}) + "\n"

    def deliver(self, item):
        r = subprocess.run([DELIVER], input=self.line(item), text=True, capture_output=True, timeout=60)
        return json.loads(r.stdout) if r.stdout else {"class": "died"}

    def waiting(self, item):
        return [w for w in waiting(self.keeper) if w["mailbox"] == item["mailbox"]]

    def again(self):
        self.keeper.kill()
        self.keeper.start()

    def key(self, item):
        return self.keeper.admin("key_info", key_id=item["key_id"])["key"]

    def desk_command(self, *more):
        return [BUILD / "bin" / "certmilter", "--config", self.config, "passphrase", "deliver", *more]

    def delivered(self, item):
        """It came through at last: once or twice the same mail, one passphrase that waits."""
        mails = self.server.to(item["mailbox"])
        assert 1 <= len(mails) <= 2 and len({m["Message-ID"] for m in mails}) == 1, len(mails)
        assert len(self.waiting(item)) == 1 and not self.key(item)["destroyed"]

    def close(self):
        self.keeper.close()
        self.server.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("steps"))
    yield w
    w.close()


def held_keeper(w, how, n, work):
    """WORK() with the keeper held. Afterwards the keeper works, and there is room."""
    with steps.Held(how, n, w.keeper.process.pid, under=[w.dir] if how == "full" else ()) as held:
        work()
    if held.ran.killed:
        w.keeper.process.wait(20)
        w.keeper.start()
    return held.ran


# --- the mail ----------------------------------------------------------------------------------------------------

def test_mail_sender_killed(world):
    """One mail, tried again and again: each copy is the same mail, and none is sent once the keeper knows."""
    w, item = world, world.fresh()
    copies = []
    plain = steps.run("kill", 9999, [DELIVER], stdin=w.line(w.fresh()))
    for n in steps.moments(plain):
        ran = steps.run("kill", n, [DELIVER], stdin=w.line(item))
        mails = w.server.to(item["mailbox"])
        copies.append(len(mails))
        assert mails or not w.waiting(item), ran.last
        assert len(w.waiting(item)) <= 1 and not w.key(item)["destroyed"]
    assert len(w.waiting(item)) == 1 and len(copies) >= 6
    mails = w.server.to(item["mailbox"])
    assert len({m["Message-ID"] for m in mails}) == 1
    assert max(b - a for a, b in zip([0] + copies, copies)) == 1, "one copy for one try"
    word = passphrase(w.keeper, w.waiting(item)[0]["export"])
    for m in (mails[0], mails[-1]):
        [p12] = [p.get_content() for p in m.iter_attachments()]
        assert pkcs12.load_key_and_certificates(p12, word.encode())[0] is not None
    assert w.deliver(item)["class"] == "ok" and len(w.server.to(item["mailbox"])) == copies[-1]


def check_mail(w, item, ran):
    assert w.server.to(item["mailbox"]) or not w.waiting(item), ran.last
    assert w.deliver(item)["class"] == "ok"
    w.delivered(item)
    assert steps.hidden(w.keeper.state) == [], ran.last
    with open(os.path.join(w.keeper.state, "exports.log")) as f:
        return [e for e in map(json.loads, f) if e["mailbox"] == item["mailbox"]]


def keeper_moments(w, how):
    """What is written under a temporary name is ended in each of its steps below, where nothing has to be sealed."""
    item = w.fresh()
    found = steps.moments(held_keeper(w, how, 9999, lambda: w.deliver(item)), ".tmp")
    assert len(found) >= 5
    return found


def test_mail_keeper_killed(world):
    w = world
    for n in keeper_moments(w, "kill"):
        item = w.fresh()
        ran = held_keeper(w, "kill", n, lambda i=item: w.deliver(i))
        entries = check_mail(w, item, ran)
        assert 1 <= len(entries) <= 2, "the owner is told at least once"
    assert not ran.killed


def test_mail_keeper_full(world):
    """Whatever can't be kept isn't sent; what was sent and can't be noted is sent once more at most."""
    w = world
    for n in keeper_moments(w, "full"):
        item = w.fresh()
        answers = []
        ran = held_keeper(w, "full", n, lambda i=item: answers.append(w.deliver(i)))
        full = any("ENOSPC" in s for s in ran.steps)
        assert answers[0]["class"] == ("temporary" if full else "ok"), (answers, ran.last)
        check_mail(w, item, ran)
    assert not full


# --- the passphrase ----------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Mails that were taken, their passphrases that wait, and the keeper's state of that moment."""
    w = World(tmp_path_factory.mktemp("sent"))
    w.item, w.export = {}, {}
    for way in ("file", "hook"):
        item = w.item[way] = w.fresh(custody="forget")
        r = subprocess.run([DELIVER], input=w.line(item, way), text=True, capture_output=True, timeout=60, check=True)
        assert json.loads(r.stdout)["class"] == "ok"
        w.export[way] = w.waiting(item)[0]["export"]
    w.kept = os.path.join(w.dir, "kept")
    w.keeper.kill()
    shutil.copytree(w.keeper.state, w.kept)
    w.keeper.start()
    w.word = {way: passphrase(w.keeper, e) for way, e in w.export.items()}
    yield w
    w.close()


def rewind(w):
    """Keeper and help desk as they were when the mail had just been taken."""
    w.keeper.kill()
    shutil.rmtree(w.keeper.state)
    shutil.copytree(w.kept, w.keeper.state)
    shutil.rmtree(w.desk)
    os.mkdir(w.desk, 0o700)
    w.keeper.start()


def on_desk(w):
    """Passphrases that the help desk can read, by export: whole files only."""
    out = {}
    for name in os.listdir(w.desk):
        if name.endswith(".txt") and name[0] != ".":
            with open(os.path.join(w.desk, name)) as f:
                lines = dict(line.split(None, 1) for line in f.read().splitlines())
            out[lines["export"]] = lines["passphrase"]
    return out


def check_desk(w, way, got, ran):
    """Whatever happened: it still waits, or it arrived; and the same command again brings it."""
    item, export, word = w.item[way], w.export[way], w.word[way]
    here = got().get(export)
    assert here in (None, word), ran.last
    assert w.waiting(item) or here == word, ran.last
    assert w.key(item)["destroyed"] <= (here == word), ran.last
    again = subprocess.run(w.desk_command(*w.by[way]), capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert got()[export] == word and not w.waiting(item) and w.key(item)["destroyed"]
    assert steps.hidden(w.desk, w.keeper.state) == [], ran.last
    assert word not in subprocess.run(["grep", "-rhs", word, w.keeper.state, w.keeper.log], capture_output=True,
                                      text=True).stdout


def hook_got(w):
    """What the program was given, by export; it refuses an empty line, as it has to."""
    out = {}
    path = os.path.join(w.desk, "got")
    for line in open(path).read().splitlines() if os.path.exists(path) else ():
        export, word = line.split()
        assert out.get(export) in (None, word), "always the same passphrase"
        out[export] = word
    return out


@pytest.fixture(scope="module")
def ways(sent):
    w = sent
    program = os.path.join(w.dir, "program")
    with open(program, "w") as f:
        f.write(f'#!/bin/sh\nread -r word || exit 75\necho "$CERTMILTER_EXPORT $word" >> {w.desk}/got\n')
    os.chmod(program, 0o755)
    w.by = {"file": ["--dir", w.desk], "hook": ["--hook", program]}
    w.got = {"file": lambda: on_desk(w), "hook": lambda: hook_got(w)}
    return w


@pytest.mark.parametrize("way", ["file", "hook"])
def test_passphrase_command_killed(ways, way):
    w = ways

    def once(n):
        rewind(w)
        ran = steps.run("kill", n, w.desk_command(*w.by[way]))
        if way == "hook" and ran.killed:
            wait_children(w)
        check_desk(w, way, w.got[way], ran)
        return not ran.killed
    steps.sweep(once, least=8)


def wait_children(w):
    """The program that the killed command had started comes to its own end."""
    until = time.monotonic() + 20
    while subprocess.run(["pgrep", "-f", f"{w.dir}/program"], capture_output=True).returncode == 0:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("how", ["kill", "full"])
def test_passphrase_keeper(ways, how):
    w = ways

    def once(n):
        rewind(w)
        ran = held_keeper(w, how, n, lambda: subprocess.run(w.desk_command(*w.by["file"]), capture_output=True,
                                                            timeout=60))
        hit = ran.killed or any("ENOSPC" in s for s in ran.steps)
        check_desk(w, "file", w.got["file"], ran)
        return not hit
    steps.sweep(once, least=8)


def test_passphrase_desk_full(ways):
    w = ways

    def once(n):
        rewind(w)
        ran = steps.run("full", n, w.desk_command(*w.by["file"]), under=[w.desk])
        full = any("ENOSPC" in s for s in ran.steps)
        assert ran.status == (3 if full else 0), (ran.status, ran.out, ran.err)
        assert not full or on_desk(w) == {} and steps.hidden(w.desk) == [], ran.last
        check_desk(w, "file", w.got["file"], ran)
        return not full
    steps.sweep(once, least=3)
