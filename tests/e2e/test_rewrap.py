"""Another key-encryption key while the keeper works, and what a kill between leaves.

The state directory is looked at from outside; keys are asked for over the sockets, exports opened with openssl.
"""
import base64
import hashlib
import json
import os
import resource
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import ipc
import manykeys
import privatesite
import test_keeper

BUILD = privatesite.BUILD
KEYS = 40


def tool(name):
    return os.path.join(BUILD, {"certmilter": "bin"}.get(name, "sbin"), name)


class Keeper:
    """A keeper alone, run as root, with a configuration for the command."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="cm-rw-", dir="/tmp")
        self.state, self.sock, self.admin = (os.path.join(self.dir, n) for n in ("state", "agent.sock", "admin.sock"))
        self.config = os.path.join(self.dir, "certmilter.conf")
        with open(self.config, "w") as f:
            f.write(f'paths {{\n keeper_socket = "{self.sock}"\n keeper_admin_socket = "{self.admin}"\n'
                    f' credentials_dir = "{self.dir}"\n state_dir = "{self.dir}/agent"\n'
                    f' agent_socket = "{self.dir}/none.sock"\n}}\n')
        self.put_kek(secrets.token_hex(32))
        self.process = None

    def put_kek(self, text, name="kek"):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)
        return path

    def start(self, limit=None, fail=False):
        def before():
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for s in (self.sock, self.admin):
            if os.path.exists(s):
                os.unlink(s)
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            [tool("certkeeperd"), "--state", self.state, "--socket", self.sock, "--admin-socket", self.admin,
             "--agent-user", "root", "--kek", "kek", "--credentials", self.dir], stderr=self.log, preexec_fn=before)
        until = time.monotonic() + 90
        while not os.path.exists(self.admin) and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        if fail:
            assert self.process.wait(90) == 1
        else:
            assert self.process.poll() is None, open(os.path.join(self.dir, "log")).read()[-2000:]
        return self

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(90)

    def ask(self, op, admin=False, **more):
        try:
            return ipc.ask(self.admin if admin else self.sock, {"v": 1, "op": op, **more})
        except ipc.Refused as e:
            return e.answer

    def make(self, name, **more):
        r = self.ask("make_key", request=name, mailbox=f"{name}@example.test", tenant="main", type="p256",
                     custody="keep", **more)
        assert r["ok"], r
        return r["key_id"]

    def csr(self, key):
        return self.ask("csr", key_id=key, emails=["a@example.test"])

    def command(self, *args, **more):
        return subprocess.run([tool("certmilter"), "--config", self.config, *args], capture_output=True, text=True,
                              timeout=300, **more)

    def kek_ids(self):
        out = []
        for name in sorted(os.listdir(self.state + "/keys")):
            with open(f"{self.state}/keys/{name}") as f:
                out.append(json.load(f).get("kek_id"))
        return out

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def keeper():
    k = Keeper().start()
    yield k
    k.remove()


@pytest.fixture
def full(keeper):
    keeper.ids = [keeper.make(f"k{i}") for i in range(KEYS)]
    keeper.spkis = [keeper.ask("key_info", key_id=i)["key"]["spki_sha256"] for i in keeper.ids]
    keeper.old = keeper.ask("ping")["kek_id"]
    keeper.new = keeper.put_kek(secrets.token_hex(32), "new")
    return keeper


def all_open(k):
    for i in k.ids:
        r = k.csr(i)
        assert r["ok"], r


def test_everything_moves_and_opens_at_every_moment(full):
    k = full
    p = k.command("--json", "keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 0, p.stderr
    done = json.loads(p.stdout)
    assert done["keys"] == KEYS and done["kek_id"] != k.old
    assert set(k.kek_ids()) == {done["kek_id"]}
    all_open(k)
    assert [k.ask("key_info", key_id=i)["key"]["spki_sha256"] for i in k.ids] == k.spkis
    # again: nothing is left to do
    p = k.command("--json", "keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 0 and json.loads(p.stdout)["keys"] == 0
    # a restart before the credential was replaced, then with the new one; then the old one is of no use
    k.stop()
    k.start()
    all_open(k)
    assert k.command("keeper", "status").returncode == 4
    k.stop()
    old = open(k.dir + "/kek").read()
    shutil.copy(k.new, k.dir + "/kek")
    k.start()
    all_open(k)
    assert k.make("k3") == k.ids[3], "the same request is the same key under every key-encryption key"
    assert k.command("keeper", "status").returncode == 0
    assert not os.path.exists(k.state + "/kek-both.json")
    k.stop()
    k.put_kek(old)
    k.start(fail=True)


def test_the_last_look_goes_in_pieces(full):
    """However many keys there are, no request takes long: the keeper knows how far it has looked."""
    k = full
    new = open(k.new).read()
    assert k.ask("rewrap_begin", admin=True, kek=new)["ok"]
    page = k.ask("rewrap_page", admin=True, what="keys")
    assert page["ok"] and page["changed"] == KEYS and page["left"] == 0
    seen = []
    for _ in range(KEYS):
        r = k.ask("rewrap_finish", admin=True, files=9)
        assert r["ok"], r
        seen.append(r["seen"])
        if not r["more"]:
            break
        assert json.load(open(k.state + "/kek-check.json"))["kek_id"] == k.old, "not before all was looked at"
    assert seen == [9, 18, 27, 36, 40]
    assert json.load(open(k.state + "/kek-check.json"))["kek_id"] == r["kek_id"] != k.old
    all_open(k)


def test_what_one_piece_saw_is_not_forgotten_by_the_next(full):
    k = full
    assert k.ask("rewrap_begin", admin=True, kek=open(k.new).read())["ok"]
    for _ in range(4):
        assert k.ask("rewrap_finish", admin=True, files=9)["more"]
    r = k.ask("rewrap_finish", admin=True, files=9)
    assert not r["ok"] and f"{KEYS} files are still under the old key" in r["text"]
    p = k.command("--json", "keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 0 and json.loads(p.stdout)["keys"] == KEYS


def test_new_keys_are_under_the_new_one_from_the_start(full):
    k = full
    new = open(k.new).read()
    r = k.ask("rewrap_begin", admin=True, kek=new)
    assert r["ok"] and r["old_kek_id"] == k.old
    fresh = k.make("fresh")
    with open(f"{k.state}/keys/{fresh}.json") as f:
        assert json.load(f)["kek_id"] == r["kek_id"]
    all_open(k)
    p = k.command("--json", "keeper", "status")
    assert p.returncode == 4 and json.loads(p.stdout)["left"] == KEYS
    # not at its end: the directory stays the old key's, and a third key is refused
    assert not k.ask("rewrap_finish", admin=True)["ok"]
    assert k.ask("rewrap_begin", admin=True, kek="11" * 32)["code"] == "keeper.rewrap"
    assert json.load(open(k.state + "/kek-check.json"))["kek_id"] == k.old


def test_killed_at_any_moment_it_goes_on(full):
    k = full
    for i in range(30):
        p = subprocess.Popen([tool("certmilter"), "--config", k.config, "keeper", "rewrap", "--new-kek", k.new],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.004 * i)
        k.stop(signal.SIGKILL)
        p.wait(60)
        if i % 3 == 2:  # the other key is in the credential's place at this start
            shutil.copy(k.dir + "/kek", k.dir + "/kept")
            if os.path.exists(k.state + "/kek-both.json"):
                shutil.copy(k.new, k.dir + "/kek")
        k.start()
        all_open(k)
        if i % 3 == 2:
            if os.path.exists(k.state + "/kek-both.json"):
                shutil.copy(k.dir + "/kept", k.dir + "/kek")
        if json.load(open(k.state + "/kek-check.json"))["kek_id"] != k.old:
            break
    assert k.command("keeper", "rewrap", "--new-kek", k.new).returncode == 0
    assert k.old not in k.kek_ids()
    all_open(k)


def test_killed_between_files_it_goes_on(full):
    """Page by page, and a kill after each: some keys are under the one key, some under the other."""
    k = full
    k.stop()
    with open(k.dir + "/kek") as f:
        manykeys.write_keys(k.state, bytes.fromhex(f.read()), 250)
    k.start()
    new, stages, after = open(k.new).read(), [], {}
    while True:
        assert k.ask("rewrap_begin", admin=True, kek=new)["ok"]
        page = k.ask("rewrap_page", admin=True, what="keys", **after)
        assert page["ok"], page
        k.stop(signal.SIGKILL)
        k.start()
        all_open(k)
        stages.append(sum(x != k.old for x in k.kek_ids()))
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert stages == [100, 200, KEYS + 250]
    assert k.command("keeper", "rewrap", "--new-kek", k.new).returncode == 0
    assert k.old not in k.kek_ids()
    all_open(k)


def test_full_disk_leaves_every_file_whole(full):
    k = full
    k.stop()
    size = max(os.path.getsize(f"{k.state}/keys/{n}") for n in os.listdir(k.state + "/keys"))
    for limit in (100, 300, size - 1):
        k.start(limit=limit)
        p = k.command("keeper", "rewrap", "--new-kek", k.new)
        assert p.returncode != 0, limit
        all_open(k)
        k.stop()
    k.start()
    assert k.command("keeper", "rewrap", "--new-kek", k.new).returncode == 0
    all_open(k)
    assert k.old not in k.kek_ids()


def put_export(k, name, key, created):
    """A passphrase sealed as an older keeper wrote it: sealed by a present one, its kek_id taken out."""
    path = f"{k.state}/exports/{name}.json"
    with open(path) as f:
        o = json.load(f)
    o.pop("kek_id", None)
    o["created"] = created
    with open(path, "w") as f:
        json.dump(o, f)


def test_sealed_passphrases_move_too_and_old_ones_go(full):
    k = full
    ca, sealed = test_keeper.Ca(), []
    for i in range(3):
        csr = k.csr(k.ids[i])["pem"]
        assert k.ask("attach", key_id=k.ids[i], chain=ca.issue(csr)[1])["ok"]
        r = k.ask("seal_p12", key_id=k.ids[i], who="agent", reason="test")
        assert r["ok"], r
        sealed.append(r["export"])
    before = [k.ask("passphrase", admin=True, export=e, who="me", reason="r")["passphrase"] for e in sealed]
    put_export(k, sealed[0], k.ids[0], int(time.time()))
    put_export(k, sealed[1], k.ids[1], int(time.time()) - 401 * 86400)
    assert k.ask("destroy", key_id=k.ids[2], reason="gone")["ok"]
    p = k.command("--json", "keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout)["passphrases"] == 1 and json.loads(p.stdout)["purged"] == 2
    k.stop()
    shutil.copy(k.new, k.dir + "/kek")
    k.start()
    assert k.ask("passphrase", admin=True, export=sealed[0], who="me", reason="r")["passphrase"] == before[0]
    assert k.ask("passphrase", admin=True, export=sealed[1], who="me", reason="r")["code"] == "keeper.absent"


def test_other_sealed_files_hold_the_old_key(full):
    """A file that this program doesn't know how to rewrap must not lose its key."""
    k = full
    with open(k.state + "/other.json", "w") as f:
        json.dump({"sealed": "AAAA", "kek_id": k.old}, f)
    assert k.command("keeper", "rewrap", "--new-kek", k.new).returncode == 1
    assert json.load(open(k.state + "/kek-check.json"))["kek_id"] == k.old
    os.unlink(k.state + "/other.json")
    assert k.command("keeper", "rewrap", "--new-kek", k.new).returncode == 0


def evidence(k):
    """Has the keeper sign; verified with openssl. The signer's certificate."""
    content, cms, cert = (os.path.join(k.dir, n) for n in ("content", "cms", "signer.pem"))
    text = secrets.token_bytes(100)
    answer = k.ask("evidence_sign", sha256=hashlib.sha256(text).hexdigest(), about="order 1")
    assert answer["ok"], answer
    pem = k.ask("evidence_certificate")["pem"]
    for path, data in ((content, text), (cms, base64.b64decode(answer["cms"])), (cert, pem.encode())):
        with open(path, "wb") as f:
            f.write(data)
    verify(k)
    return pem


def verify(k):
    subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", k.dir + "/cms", "-binary", "-content",
                    k.dir + "/content", "-CAfile", k.dir + "/signer.pem", "-partial_chain", "-purpose", "any", "-out",
                    "/dev/null"], check=True, capture_output=True, timeout=60)


def test_the_evidence_key_moves_too_and_stays_the_same(full):
    k = full
    path = k.state + "/evidence.json"
    signer = evidence(k)
    before = json.load(open(path))
    assert before["kek_id"] == k.old
    # a damaged one keeps the old key alive, and is not replaced by another
    with open(path, "w") as f:
        json.dump({**before, "sealed": "A" * len(before["sealed"])}, f)
    p = k.command("keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 1 and "evidence.json" in p.stderr, p.stderr
    assert json.load(open(k.state + "/kek-check.json"))["kek_id"] == k.old
    with open(path, "w") as f:
        json.dump(before, f)
    verify(k)
    assert evidence(k) == signer, "opens while both keys are there"
    p = k.command("--json", "keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 0, p.stderr
    after = json.load(open(path))
    assert after["kek_id"] == json.loads(p.stdout)["kek_id"] != k.old
    assert after["sealed"] != before["sealed"]
    assert (after["certificate"], after["created"]) == (before["certificate"], before["created"])
    k.stop()
    shutil.copy(k.new, k.dir + "/kek")
    k.start()
    assert not os.path.exists(k.state + "/kek-both.json"), "only the new key is left"
    with open(k.dir + "/signer.pem", "w") as f:
        f.write(signer)
    verify(k)  # what was signed before
    assert evidence(k) == signer


def test_a_preset_passphrase_without_a_key_stays(full):
    k = full
    for name, o in (("p" * 26, {"kind": "preset", "created": 1}), ("h" * 26, {"key_id": k.ids[0], "handed": 1})):
        with open(f"{k.state}/exports/{name}.json", "w") as f:
            json.dump({"export": name, "format": 1, "created": int(time.time()), **o}, f)
    p = k.command("--json", "keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout)["purged"] == 0 and len(os.listdir(k.state + "/exports")) == 2


def test_only_root_and_never_for_the_agent(full):
    k = full
    assert k.ask("rewrap_begin", kek="11" * 32)["code"] == "keeper.denied"
    assert k.ask("backup_begin")["code"] == "keeper.denied"


def test_a_damaged_key_keeps_the_old_key_alive(full):
    k = full
    path = f"{k.state}/keys/{k.ids[5]}.json"
    o = json.load(open(path))
    kept = dict(o)
    o["wrapped"] = "A" * len(o["wrapped"])
    json.dump(o, open(path, "w"))
    p = k.command("keeper", "rewrap", "--new-kek", k.new)
    assert p.returncode == 1 and "1 files" in p.stderr
    json.dump(kept, open(path, "w"))
    assert k.command("keeper", "rewrap", "--new-kek", k.new).returncode == 0
    all_open(k)
