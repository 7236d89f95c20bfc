"""kill -9 and a full disk at each step of what the keeper does alone: a key in clear for a consumer, another
key-encryption key.

Harmless means: a consumer's file is the old or the new one, whole, and none else holds the key; what left is in the
journal before; every key and every sealed passphrase opens at every moment, with the key-encryption key that is in
the credential's place; and the same again comes to the same end."""
import grp
import json
import os
import secrets
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import ipc
import steps
from test_keeper import Keeper, with_certificate
from test_rewrap import tool

BOX = "alice@example.test"
GROUP = grp.getgrgid(0).gr_name


class Consumer(Keeper):
    """A keeper that may write keys in clear into one folder; two keys with certificates."""

    def __init__(self, directory):
        super().__init__(directory)
        self.clear, self.kept = os.path.join(self.dir, "clear"), os.path.join(self.dir, "kept")
        os.mkdir(self.clear)
        os.chmod(self.clear, 0o2750)
        self.file = os.path.join(self.clear, BOX + ".pem")

    def command(self):
        return [tool("certkeeperd"), "--state", self.state, "--socket", self.sock, "--admin-socket", self.admin_sock,
                "--agent-user", "root", "--kek", "kek", "--credentials", self.dir, "--foreground", "--consumer",
                f"signing:{self.clear}:{GROUP}"]

    def spawn(self, env=None):
        self.process = subprocess.Popen(self.command(), stderr=open(self.log, "ab"))
        return self

    def consumer(self, action, n=0):
        key, leaf, _ = self.keys[n]
        return {"v": 1, "op": "consumer", "action": action, "consumer": "signing", "key_id": key["key_id"],
                "cert_sha256": leaf.fingerprint(hashes.SHA256()).hex(), "mailbox": BOX, "who": "x", "reason": "y"}

    def do(self, action, n=0):
        try:
            ipc.ask(self.sock, self.consumer(action, n), 60)
            return "ok"
        except ipc.Refused as e:
            return e.code
        except (ConnectionError, OSError):
            return "died"

    def there(self):
        """Which of the two keys the consumer finds; None: none. Its file is whole, or this fails."""
        if not os.path.exists(self.file):
            return None
        with open(self.file) as f:
            text = f.read()
        assert os.stat(self.file).st_mode & 0o7777 == 0o640
        assert text.startswith("-----BEGIN PRIVATE KEY-----") and text.endswith("-----END CERTIFICATE-----\n")
        cert = x509.load_pem_x509_certificate(("-----BEGIN CERT" + text.split("-----BEGIN CERT")[1]).encode())
        [n] = [i for i, k in enumerate(self.keys) if k[1] == cert]
        return n

    def told(self):
        with open(os.path.join(self.state, "exports.log")) as f:
            return [e for e in map(json.loads, f) if e["kind"] == "consumer"]

    def begin(self, before):
        """The same beginning for each round: BEFORE is what the consumer has."""
        for d in (self.state, self.clear):
            for name in os.listdir(d):
                path = os.path.join(d, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        shutil.copytree(self.kept, self.state, dirs_exist_ok=True)
        self.start()
        if before is not None:
            assert self.do("write", before) == "ok"


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    k = Consumer(tmp_path_factory.mktemp("consumer")).start()
    k.keys = [with_certificate(k, request=f"r{i}") for i in range(2)]
    k.kill()
    shutil.copytree(k.state, k.kept)
    yield k
    k.close()


WORK = {"first": (None, "write", 0, 0), "next": (0, "write", 1, 1), "removed": (0, "remove", 0, None)}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("how", ["kill", "full"])
def test_key_in_clear(consumer, work, how):
    k = consumer
    before, action, n, after = WORK[work]

    def once(at):
        k.begin(before)
        with steps.Held(how, at, k.process.pid, under=[k.dir] if how == "full" else ()) as held:
            said = k.do(action, n)
        full = any("ENOSPC" in s for s in held.ran.steps)
        assert k.there() in (before, after), held.ran.last
        if held.ran.killed:
            k.process.wait(20)
            assert said == "died"
            k.start()
        elif action == "write":
            assert said == ("file.space" if full else "ok") and k.there() == (before if full else after), held.ran.last
        assert steps.hidden(k.clear) == [], held.ran.last
        assert k.there() is None or len(k.told()) >= 1, "told before it is there"
        assert k.do(action, n) == "ok" and k.there() == after
        k.kill()
        return not (held.ran.killed or full)
    steps.sweep(once, least=1 if (how, action) == ("full", "remove") else 3)


def test_what_a_killed_keeper_left_goes_with_the_next_order(consumer):
    """Also without a new start: a keeper that was stopped in the middle and a folder that a person put back."""
    k = consumer
    k.begin(0)
    for action in ("write", "remove"):
        with open(os.path.join(k.clear, ".new"), "w") as f:
            f.write("-----BEGIN PRIVATE KEY-----\n")
        assert k.do(action, 0) == "ok" and steps.hidden(k.clear) == []
    k.kill()


# --- another key-encryption key ------------------------------------------------------------------------------------

class Rewrap(Consumer):
    """Three keys, a sealed passphrase, a key for evidence; and the way to the next key-encryption key."""

    def fill(self):
        self.keys = [with_certificate(self, request=f"r{i}", mailbox=f"m{i}@example.test") for i in range(2)]
        self.keys.append((self.make("r2", "m2@example.test"), None, None))
        self.export = self.agent("seal_p12", key_id=self.keys[0][0]["key_id"], who="a", reason="b")["export"]
        self.word = self.passphrase()
        self.signer = self.agent("evidence_certificate")["pem"]
        self.config = os.path.join(self.dir, "certmilter.conf")
        with open(self.config, "w") as f:
            f.write(f'paths {{\n keeper_socket = "{self.sock}"\n keeper_admin_socket = "{self.admin_sock}"\n'
                    f' credentials_dir = "{self.dir}"\n}}\n')
        self.old = self.agent("ping")["kek_id"]
        self.secrets = {"old": secrets.token_hex(32), "new": secrets.token_hex(32)}
        with open(self.kek, "rb") as f:
            self.secrets["old"] = f.read().hex()
        self.new = os.path.join(self.dir, "new")
        with open(os.open(self.new, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(self.secrets["new"])
        self.kill()
        shutil.copytree(self.state, self.kept)

    def passphrase(self):
        return self.admin("passphrase", export=self.export, who="me", reason="r")["passphrase"]

    def rewrap(self):
        return [tool("certmilter"), "--config", self.config, "keeper", "rewrap", "--new-kek", self.new]

    def all_open(self):
        for key, leaf, _ in self.keys:
            self.agent("csr", key_id=key["key_id"], emails=["a@example.test"])
        assert self.passphrase() == self.word
        assert self.agent("evidence_certificate")["pem"] == self.signer
        self.agent("evidence_sign", sha256="00" * 32, about="order 1")

    def check(self, ran, other):
        """All opens with the KEK in its place; the same command goes on to the end; then with the new one alone."""
        self.write_kek(bytes.fromhex(self.secrets["new" if other else "old"]))
        if other and not os.path.exists(os.path.join(self.state, "kek-both.json")):
            self.write_kek(bytes.fromhex(self.secrets["old"]))  # the new one isn't known yet: nobody may put it there
        self.start()
        self.all_open()
        r = subprocess.run(self.rewrap(), capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, (ran.last, r.stderr)
        self.kill()
        self.write_kek(bytes.fromhex(self.secrets["new"]))
        self.start()
        self.all_open()
        assert steps.hidden(self.state) == [], ran.last
        text = "".join(open(os.path.join(b, n)).read() for b, _, names in os.walk(self.state) for n in names)
        assert self.old not in text, "nothing is under the old one"
        self.kill()

    def again(self):
        self.write_kek(bytes.fromhex(self.secrets["old"]))
        self.begin(None)


@pytest.fixture(scope="module")
def rewrap(tmp_path_factory):
    k = Rewrap(tmp_path_factory.mktemp("rewrap")).start()
    k.fill()
    yield k
    k.close()


@pytest.mark.parametrize("how", ["kill", "full"])
def test_rewrap_keeper(rewrap, how):
    k = rewrap

    def once(n):
        k.again()
        with steps.Held(how, n, k.process.pid, under=[k.state]) as held:
            r = subprocess.run(k.rewrap(), capture_output=True, text=True, timeout=60)
        full = any("ENOSPC" in s for s in held.ran.steps)
        assert (r.returncode == 0) == (held.ran.through and not full), (held.ran.last, r.stderr)
        if not held.ran.killed:
            k.all_open()
            k.kill()
        else:
            k.process.wait(20)
        k.check(held.ran, other=n % 2 == 1)
        return not (held.ran.killed or full)
    steps.sweep(once, least=15)


def test_rewrap_command_killed(rewrap):
    k = rewrap

    def once(n):
        k.again()
        ran = steps.run("kill", n, k.rewrap())
        k.all_open()
        k.kill()
        k.check(ran, other=n % 2 == 1)
        return not ran.killed
    steps.sweep(once, least=5)


def test_rewrap_new_key_in_its_place_at_the_end(rewrap):
    """The start that ends the old key, killed at each of its steps."""
    k = rewrap
    k.again()
    assert subprocess.run(k.rewrap(), capture_output=True, timeout=60).returncode == 0
    k.kill()
    done = os.path.join(k.dir, "done")
    shutil.copytree(k.state, done)
    k.write_kek(bytes.fromhex(k.secrets["new"]))

    def once(n):
        shutil.rmtree(k.state)
        shutil.copytree(done, k.state)
        for path in (k.sock, k.admin_sock):
            if os.path.exists(path):
                os.unlink(path)
        came = steps.start(n, k.command(), lambda: os.path.exists(k.admin_sock), under=[k.state])
        k.start()
        k.all_open()
        assert not os.path.exists(os.path.join(k.state, "kek-both.json")) and steps.hidden(k.state) == []
        k.kill()
        return came
    steps.sweep(once, least=3)
