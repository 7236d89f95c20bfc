"""certkeeperd from outside: keys, requests, exports, custody, kill -9, bad peers.

Certificates are signed here with Python's cryptography, PKCS#12 files opened with
the openssl command: neither shares code with the keeper.
"""
import base64
import concurrent.futures
import datetime
import glob
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

import ipc

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
DAEMON = os.path.join(os.environ.get("CERTMILTER_BUILD", os.path.join(TOP, "build")), "sbin", "certkeeperd")
NOBODY = 65534
WAIT = 400  # seconds for an answer; making RSA keys on a busy machine takes long


class Keeper:
    def __init__(self, directory, agent_user="root", admin_group=None):
        self.dir = str(directory)
        self.state = os.path.join(self.dir, "state")
        self.sock = os.path.join(self.dir, "agent.sock")
        self.admin_sock = os.path.join(self.dir, "admin.sock")
        self.kek = os.path.join(self.dir, "kek")
        self.log = os.path.join(self.dir, "log")
        self.agent_user, self.admin_group = agent_user, admin_group
        self.process = None
        if not os.path.exists(self.kek):
            self.write_kek(os.urandom(32))

    def write_kek(self, content):
        with open(os.open(self.kek, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(content)

    def spawn(self, env=None):
        command = [DAEMON, "--state", self.state, "--socket", self.sock, "--admin-socket", self.admin_sock,
                   "--agent-user", self.agent_user, "--kek", "kek", "--credentials", self.dir, "--foreground"]
        if self.admin_group:
            command += ["--admin-group", self.admin_group]
        self.process = subprocess.Popen(command, stderr=open(self.log, "ab"), env={**os.environ, **(env or {})})
        return self

    def start(self):
        self.spawn()
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                self.agent("ping")
                return self
            except (FileNotFoundError, ConnectionRefusedError):
                assert self.process.poll() is None, self.logged()
                time.sleep(0.02)
        raise TimeoutError(self.logged())

    def logged(self):
        with open(self.log, "rb") as f:
            return f.read().decode()

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        return self.process.wait(180)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()

    def agent(self, op, **members):
        return ipc.ask(self.sock, {"v": 1, "op": op, **members}, WAIT)

    def admin(self, op, **members):
        return ipc.ask(self.admin_sock, {"v": 1, "op": op, **members}, WAIT)

    def make(self, request="r-1", mailbox="alice@example.test", type="p256", custody="keep", tenant="main"):
        return self.agent("make_key", request=request, mailbox=mailbox, type=type, custody=custody, tenant=tenant)

    def file_of(self, key_id):
        return os.path.join(self.state, "keys", key_id + ".json")


@pytest.fixture
def keeper(tmp_path):
    k = Keeper(tmp_path).start()
    yield k
    k.close()


class Ca:
    """One root, in a minute's Python."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test root")])
        self.cert = self.sign(self.key.public_key(), self.name, True)

    def sign(self, public, subject, ca=False, extensions=()):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=300))
                   .add_extension(x509.BasicConstraints(ca, None), True))
        for e in extensions:
            builder = builder.add_extension(e, False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, pem):
        """PEM chain, leaf first, for a CSR."""
        csr = x509.load_pem_x509_csr(pem.replace("NEW CERT", "CERT").encode())
        assert csr.is_signature_valid
        leaf = self.sign(csr.public_key(), csr.subject, False, [e.value for e in csr.extensions])
        return leaf, "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in (leaf, self.cert))


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


def open_p12(tmp_path, p12, passphrase):
    """(private key PEM, number of certificates); raises when the passphrase is wrong."""
    path = tmp_path / "out.p12"
    path.write_bytes(p12)
    out = openssl("pkcs12", "-in", str(path), "-passin", "pass:" + passphrase, "-nodes")
    return out, out.count(b"BEGIN CERTIFICATE")


def with_certificate(keeper, **order):
    key = keeper.make(**order)
    mailbox = order.get("mailbox", "alice@example.test")
    pem = keeper.agent("csr", key_id=key["key_id"], cn="Alice", emails=[mailbox])["pem"]
    leaf, chain = Ca().issue(pem)
    keeper.agent("attach", key_id=key["key_id"], chain=chain)
    return key, leaf, chain


@pytest.mark.parametrize("type", ["rsa2048", "rsa3072", "p256", "p384"])
def test_key_request_export(keeper, tmp_path, type):
    key = keeper.make(type=type)
    pem = keeper.agent("csr", key_id=key["key_id"], cn="Alice Exámple",
                       emails=["alice@example.test", "älice@example.test"])["pem"]
    assert pem.startswith("-----BEGIN NEW CERTIFICATE REQUEST-----\n")
    assert b"verify OK" in subprocess.run(["openssl", "req", "-verify", "-noout"], input=pem.encode(),
                                          capture_output=True, check=True).stderr
    csr = x509.load_pem_x509_csr(pem.replace("NEW CERT", "CERT").encode())
    public = csr.public_key()
    if type.startswith("rsa"):
        assert isinstance(public, rsa.RSAPublicKey) and public.key_size == int(type[3:])
    else:
        assert public.curve.name == {"p256": "secp256r1", "p384": "secp384r1"}[type]
    assert csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Alice Exámple"
    san = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.RFC822Name) == ["alice@example.test"]
    other = san.get_values_for_type(x509.OtherName)
    assert other[0].type_id.dotted_string == "1.3.6.1.5.5.7.8.9" and "älice".encode() in other[0].value

    leaf, chain = Ca().issue(pem)
    keeper.agent("attach", key_id=key["key_id"], chain=chain)
    out = keeper.admin("export_p12", key="Alice@Example.test", who="root", reason="new phone")
    p12 = base64.b64decode(out["p12"])
    text, certs = open_p12(tmp_path, p12, out["passphrase"])
    assert certs == 2
    mine = serialization.load_pem_private_key(text[text.index(b"-----BEGIN PRIVATE"):], None)
    spki = dict(encoding=serialization.Encoding.DER, format=serialization.PublicFormat.SubjectPublicKeyInfo)
    assert mine.public_key().public_bytes(**spki) == leaf.public_key().public_bytes(**spki)
    with pytest.raises(subprocess.CalledProcessError):
        open_p12(tmp_path, p12, out["passphrase"] + "x")
    info = subprocess.run(["openssl", "pkcs12", "-in", str(tmp_path / "out.p12"), "-info", "-noout", "-passin",
                           "pass:" + out["passphrase"]], capture_output=True, check=True).stderr.decode()
    assert "MAC: sha256, Iteration 600000" in info
    assert info.count("PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256") == 2


def test_passphrase_of_the_administrator(keeper, tmp_path):
    with_certificate(keeper)
    out = keeper.admin("export_p12", key="alice@example.test", who="root", reason="r", passphrase="correct horse b")
    assert out["passphrase"] == "correct horse b"
    open_p12(tmp_path, base64.b64decode(out["p12"]), "correct horse b")
    with pytest.raises(ipc.Refused, match="passphrase has"):
        keeper.admin("export_p12", key="alice@example.test", who="root", reason="r", passphrase="short")


def test_no_certificate_no_export(keeper):
    key = keeper.make()
    for name in (key["key_id"], "alice@example.test"):
        with pytest.raises(ipc.Refused) as e:
            keeper.admin("export_p12", key=name, who="root", reason="r")
        assert e.value.code == "keeper.nocert"
    with pytest.raises(ipc.Refused) as e:
        keeper.admin("export_p12", key="nobody@example.test", who="root", reason="r")
    assert e.value.code == "keeper.absent"


def test_same_request_same_key_after_kill(keeper):
    first = keeper.make()
    keeper.kill()
    keeper.start()
    again = keeper.make()
    assert again["key_id"] == first["key_id"] and again["spki_sha256"] == first["spki_sha256"]
    assert keeper.make(request="r-2")["key_id"] != first["key_id"]
    with pytest.raises(ipc.Refused) as e:
        keeper.make(mailbox="bob@example.test")
    assert e.value.code == "keeper.conflict"


def test_same_request_at_once_is_one_key(keeper):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: keeper.make(type="rsa2048"), range(8)))
    assert len({a["spki_sha256"] for a in answers}) == 1
    assert len(os.listdir(os.path.join(keeper.state, "keys"))) == 1


def test_kill_at_random_moments_loses_nothing(keeper):
    """What was answered is there afterwards; what was not answered can be asked again."""
    answered = {}
    for round in range(6):
        enough = len(answered) + 1 + 4 * round

        def work(n):
            while True:
                request = f"k-{round}-{n}-{time.monotonic_ns()}"
                try:
                    answered[request] = keeper.make(request=request)["spki_sha256"]
                except (OSError, ConnectionError):
                    return

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(work, n) for n in range(4)]
            while len(answered) < enough and any(not f.done() for f in futures):
                time.sleep(0.002)
            keeper.kill()
            for f in futures:
                f.result()
        keeper.start()
        assert not glob.glob(os.path.join(keeper.state, "keys", ".*"))
    assert len(answered) > 20
    for request, spki in answered.items():
        assert keeper.make(request=request)["spki_sha256"] == spki


def test_forget_after_delivery_only(keeper, tmp_path):
    key, _, _ = with_certificate(keeper, custody="forget")
    ask = {"v": 1, "op": "export_p12", "key": key["key_id"], "who": "root", "reason": "first"}
    with ipc.Conversation(keeper.admin_sock) as c:
        c.ask(ask)  # the receiver goes away without a word
    assert not keeper.agent("key_info", key_id=key["key_id"])["key"]["destroyed"]
    with ipc.Conversation(keeper.admin_sock) as c:
        c.ask(ask)
        c.ask({"v": 1, "op": "export_done", "delivered": False})
    assert not keeper.agent("key_info", key_id=key["key_id"])["key"]["destroyed"]
    with ipc.Conversation(keeper.admin_sock) as c:
        out = c.ask(ask)
        c.ask({"v": 1, "op": "export_done", "delivered": True})
        with pytest.raises(ipc.Refused):
            c.ask({"v": 1, "op": "export_done", "delivered": True})
    open_p12(tmp_path, base64.b64decode(out["p12"]), out["passphrase"])
    info = keeper.agent("key_info", key_id=key["key_id"])["key"]
    assert info["destroyed"] and out["export"] in info["destroyed_reason"] and len(info["certs"]) == 1
    with open(keeper.file_of(key["key_id"])) as f:
        left = json.load(f)
    assert "sealed" not in left and "wrapped" not in left
    for op in ({"op": "csr", "emails": []}, {"op": "seal_p12", "who": "a", "reason": "b"}):
        with pytest.raises(ipc.Refused) as e:
            keeper.agent(**op, key_id=key["key_id"])
        assert e.value.code == "keeper.destroyed"
    with pytest.raises(ipc.Refused) as e:
        keeper.make(custody="forget")
    assert e.value.code == "keeper.destroyed"


def test_keep_survives_delivery(keeper):
    key, _, _ = with_certificate(keeper)
    with ipc.Conversation(keeper.admin_sock) as c:
        c.ask({"v": 1, "op": "export_p12", "key": key["key_id"], "who": "root", "reason": "r"})
        c.ask({"v": 1, "op": "export_done", "delivered": True})
    assert not keeper.agent("key_info", key_id=key["key_id"])["key"]["destroyed"]


def test_sealed_for_the_agent(keeper, tmp_path):
    key, _, _ = with_certificate(keeper)
    out = keeper.agent("seal_p12", key_id=key["key_id"], who="agent", reason="delivery")
    assert "passphrase" not in out
    for name in ("passphrase", "export_p12"):
        with pytest.raises(ipc.Refused) as e:
            keeper.agent(name, export=out["export"], key=key["key_id"], who="agent", reason="curious")
        assert e.value.code == "keeper.denied"
    keeper.kill()
    keeper.start()
    secret = keeper.admin("passphrase", export=out["export"], who="root", reason="phone call")["passphrase"]
    assert len(secret) == 29
    open_p12(tmp_path, base64.b64decode(out["p12"]), secret)
    kinds = [e["kind"] for e in keeper.agent("exports_since", after=0)["entries"]]
    assert kinds == ["seal", "passphrase"]
    path = os.path.join(keeper.state, "exports", out["export"] + ".json")
    with open(path) as f:
        assert secret not in f.read()
    assert secret not in keeper.logged() and secret not in open(os.path.join(keeper.state, "exports.log")).read()


def test_administrator_is_not_the_agent(keeper):
    key = keeper.make()
    for op in ("make_key", "csr", "attach", "destroy", "seal_p12"):
        with pytest.raises(ipc.Refused) as e:
            keeper.admin(op, key_id=key["key_id"], reason="r")
        assert e.value.code == "keeper.denied"
    assert [k["id"] for k in keeper.admin("list")["keys"]] == [key["key_id"]]


def test_journal(keeper):
    key, leaf, _ = with_certificate(keeper)
    for n in range(3):
        keeper.admin("export_p12", key=key["key_id"], who="root (sudo eve)", reason=f"reason {n}")
    keeper.agent("destroy", key_id=key["key_id"], reason="left the company")
    entries = keeper.agent("exports_since", after=1)["entries"]
    assert [e["n"] for e in entries] == [2, 3, 4]
    assert entries[0]["reason"] == "reason 1" and entries[0]["who"] == "root (sudo eve)" and entries[0]["uid"] == 0
    assert entries[0]["cert_sha256"] == leaf.fingerprint(hashes.SHA256()).hex()
    assert entries[2]["kind"] == "destroy" and entries[2]["mailbox"] == "alice@example.test"
    assert [e["n"] for e in keeper.admin("exports_since", after=0, limit=2)["entries"]] == [1, 2]
    keeper.kill()
    with open(os.path.join(keeper.state, "exports.log"), "ab") as f:
        f.write(b'{"n":5,"at":17')  # torn by a crash
    keeper.start()
    keeper.agent("destroy", key_id=key["key_id"], reason="again")  # changes nothing
    key, _, _ = with_certificate(keeper, request="r-2")
    keeper.admin("export_p12", key=key["key_id"], who="root", reason="after")
    assert [e["n"] for e in keeper.agent("exports_since", after=3)["entries"]] == [4, 5]


def test_attach_is_append_only_and_checked(keeper):
    key, leaf, chain = with_certificate(keeper)
    keeper.agent("attach", key_id=key["key_id"], chain=chain)
    assert len(keeper.agent("key_info", key_id=key["key_id"])["key"]["certs"]) == 1
    pem = keeper.agent("csr", key_id=key["key_id"], cn="Alice", emails=["alice@example.test"])["pem"]
    second, chain2 = Ca().issue(pem)
    keeper.agent("attach", key_id=key["key_id"], chain="Dear customer,\n" + chain2)
    info = keeper.agent("key_info", key_id=key["key_id"])["key"]
    assert [c["sha256"] for c in info["certs"]] == [c.fingerprint(hashes.SHA256()).hex() for c in (leaf, second)]
    assert info["certs"][0]["pem"] == chain and info["certs"][1]["pem"] == chain2
    other = keeper.make(request="r-2")
    with pytest.raises(ipc.Refused) as e:
        keeper.agent("attach", key_id=other["key_id"], chain=chain)
    assert e.value.code == "keeper.mismatch"
    for bad, code in (("", "cert.none"), ("x" * 41000, "keeper.request"),
                      (chain.replace("MII", "AII", 1), "cert.none")):
        with pytest.raises(ipc.Refused) as e:
            keeper.agent("attach", key_id=key["key_id"], chain=bad)
        assert e.value.code == code
    with pytest.raises(ipc.Refused) as e:
        keeper.agent("attach", key_id="a" * 26, chain=chain)
    assert e.value.code == "keeper.absent"


def test_list_pages(keeper):
    ids = sorted(keeper.make(request=f"r-{n}", mailbox=f"{n % 5}@Example.test")["key_id"] for n in range(25))
    seen, after = [], None
    while True:
        page = keeper.agent("list", limit=7, **({"after": after} if after else {}))
        seen += [k["id"] for k in page["keys"]]
        after = page.get("next")
        if not after:
            break
    assert seen == ids
    assert len(keeper.agent("list", mailbox="3@example.TEST")["keys"]) == 5
    assert keeper.agent("list", mailbox="9@example.test")["keys"] == []


def test_bad_requests(keeper):
    good = dict(request="r", mailbox="a@example.test", tenant="main", type="p256", custody="keep")
    for member, value in (("request", "a b"), ("request", ""), ("request", "x" * 65), ("request", None),
                          ("mailbox", "nobody"), ("mailbox", "a\n@b"), ("mailbox", "x" * 400 + "@b"),
                          ("tenant", ""), ("tenant", "\x1b[2J"), ("type", "dsa"), ("custody", "sell")):
        with pytest.raises(ipc.Refused) as e:
            keeper.agent("make_key", **{**good, member: value})
        assert e.value.code == "keeper.request"
    for request in ({"op": "ping"}, {"v": 2, "op": "ping"}, {"v": 1}, {"v": 1, "op": "no"}, {"v": 1, "op": ["x"]},
                    {"v": 1, "op": "list", "limit": 0}, {"v": 1, "op": "list", "limit": 101},
                    {"v": 1, "op": "list", "after": "../../x"}, {"v": 1, "op": "key_info", "key_id": "../x"},
                    {"v": 1, "op": "key_info"}, {"v": 1, "op": "exports_since", "after": -1}):
        with pytest.raises(ipc.Refused) as e:
            ipc.ask(keeper.sock, request)
        assert e.value.code == "keeper.request"
    key = keeper.make()["key_id"]
    for cn, emails in (("x" * 65, []), ("", []), ("a\nb", []), ("A", ["no-at"]), ("A", ["a b@example.test"]),
                       ("A", ["a@example.test"] * 21), ("A", [7])):
        with pytest.raises(ipc.Refused) as e:
            keeper.agent("csr", key_id=key, cn=cn, emails=emails)
        assert e.value.code == "keeper.request"


def test_bad_peers_disturb_nobody(keeper):
    """Garbage, oversized packets, half conversations and peers that never read."""
    crowd = []
    for payload in (b"\0" * 100, b"[1]", b"{", b"{\"memfd\":100000}", b"x" * 65536, b"[" * 60000):
        with ipc.Conversation(keeper.sock) as c:
            c.sock.send(payload)
            try:
                assert c.sock.recv(100) == b""
            except ConnectionResetError:
                pass
    big = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    big.connect(keeper.sock)
    big.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    try:
        big.send(b"{" + b" " * 100000 + b"}")
        assert big.recv(100) == b""
    except OSError:
        pass
    for _ in range(60):  # connect and say nothing
        crowd.append(ipc.Conversation(keeper.sock))
    for _ in range(8):  # ask and ask, never read
        c = ipc.Conversation(keeper.sock)
        c.sock.setblocking(False)
        try:
            for _ in range(2000):
                c.send({"v": 1, "op": "ping"})
        except BlockingIOError:
            pass
        crowd.append(c)
    fds = []
    with ipc.Conversation(keeper.sock) as c:  # a request in a memfd is never taken
        fd = os.memfd_create("x")
        fds.append(fd)
        socket.send_fds(c.sock, [b'{"memfd":2}'], [fd])
        assert c.recv() is None
    began = time.monotonic()
    for n in range(20):
        keeper.make(request=f"calm-{n}")
    assert time.monotonic() - began < 20  # less than a stalled peer is given
    for c in crowd:
        c.close()
    for fd in fds:
        os.close(fd)
    keeper.agent("ping")


def test_long_work_leaves_room(keeper):
    """While RSA-4096 keys are being made on all workers, short requests are answered."""
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        makers = [pool.submit(keeper.make, request=f"big-{n}", type="rsa4096") for n in range(12)]
        while not any(m.running() for m in makers):
            time.sleep(0.01)
        for n in range(5):
            keeper.agent("ping")
            keeper.make(request=f"small-{n}")
        left = sum(not m.done() for m in makers)
        assert len({m.result()["key_id"] for m in makers}) == 12
    assert left >= 2  # behind the long ones, the short ones would have come last


def test_stops_cleanly_and_soon(keeper):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        makers = [pool.submit(keeper.make, request=f"big-{n}", type="rsa4096") for n in range(4)]
        time.sleep(0.2)
        began = time.monotonic()
        assert keeper.kill(signal.SIGTERM) == 0
        assert time.monotonic() - began < 80  # systemd kills after 90
        for m in makers:
            try:
                m.result()
            except (ipc.Refused, OSError):
                pass
    assert not os.path.exists(keeper.sock)
    keeper.start()


def test_wrong_kek_is_refused(keeper):
    keeper.make()
    assert keeper.kill(signal.SIGTERM) == 0
    right = open(keeper.kek, "rb").read()
    for wrong, why in ((os.urandom(32), "wrong one"), (b"short", "expected 32 bytes"), (b"z" * 64, "expected 32")):
        keeper.write_kek(wrong)
        assert keeper.spawn().process.wait(90) == 1
        assert why in keeper.logged()
    keeper.write_kek(right.hex().encode() + b"\n")  # the same key, as text
    keeper.start()
    assert keeper.agent("list")["keys"][0]["mailbox"] == "alice@example.test"
    keeper.kill()
    os.unlink(os.path.join(keeper.state, "kek-check.json"))
    keeper.write_kek(right)
    assert keeper.spawn().process.wait(90) == 1
    assert "restore it from the backup" in keeper.logged()


def test_kek_file_must_be_private(tmp_path):
    k = Keeper(tmp_path)
    os.chmod(k.kek, 0o644)
    assert k.spawn().process.wait(90) == 1


def test_one_keeper_per_state(keeper):
    second = subprocess.run([DAEMON, "--state", keeper.state, "--socket", keeper.sock + "2", "--admin-socket",
                             keeper.admin_sock + "2", "--agent-user", "root", "--kek", "kek", "--credentials",
                             keeper.dir], capture_output=True, timeout=90)
    assert second.returncode == 1 and b"another keeper" in second.stderr


def test_usage():
    assert subprocess.run([DAEMON], capture_output=True).returncode == 2
    assert subprocess.run([DAEMON, "--no-such"], capture_output=True).returncode == 2


def test_nothing_readable_by_others(keeper):
    with_certificate(keeper)
    keeper.agent("seal_p12", key_id=keeper.make()["key_id"], who="a", reason="b")
    for root, dirs, files in os.walk(keeper.state):
        for name in dirs + files:
            assert stat.S_IMODE(os.lstat(os.path.join(root, name)).st_mode) & 0o077 == 0
    assert stat.S_IMODE(os.stat(keeper.state).st_mode) == 0o700
    with open(f"/proc/{keeper.process.pid}/limits") as f:
        assert any(line.startswith("Max core file size") and line.split()[4] == "0" for line in f)


def test_sealed_parts_hold_no_key(keeper, tmp_path):
    """The key's bytes are nowhere in the state directory, nor in the log."""
    key, _, _ = with_certificate(keeper)
    out = keeper.admin("export_p12", key=key["key_id"], who="root", reason="r")
    text, _ = open_p12(tmp_path, base64.b64decode(out["p12"]), out["passphrase"])
    private = serialization.load_pem_private_key(text[text.index(b"-----BEGIN PRIVATE"):], None)
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    for needle in (secret, secret.hex().encode(), base64.b64encode(secret)[:40], out["passphrase"].encode()):
        for path in glob.glob(keeper.state + "/**", recursive=True) + [keeper.log]:
            if os.path.isfile(path):
                assert needle not in open(path, "rb").read()


def as_user(uid, groups, path):
    """Does a process of that user get an answer at PATH?"""
    # everything is imported first: that user may not be able to read the checkout
    code = ("import os,sys\nsys.path.insert(0,%r)\nimport ipc\nos.setgroups(%r)\nos.setgid(%d)\nos.setuid(%d)\n"
            "try:\n    print(ipc.ask(%r,{'v':1,'op':'ping'})['ok'])\n"
            "except (OSError,ConnectionError) as e:\n    print(type(e).__name__)\n" % (HERE, groups, uid, uid, path))
    return subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be several users")
def test_peers():
    directory = tempfile.mkdtemp()  # pytest's own is closed to other users
    os.chmod(directory, 0o755)
    k = Keeper(directory, agent_user=str(NOBODY), admin_group="4242").start()
    try:
        assert as_user(NOBODY, [], k.sock) == "True"
        assert as_user(4000, [], k.sock) != "True"
        assert as_user(4000, [4242], k.sock) != "True"
        assert as_user(NOBODY, [], k.admin_sock) != "True"
        assert as_user(4000, [4242], k.admin_sock) == "True"
        assert as_user(4000, [4241], k.admin_sock) != "True"
        assert as_user(4242, [], k.admin_sock) == "True"
        assert k.admin("ping")["ok"] and k.agent("ping")["ok"]
        assert "keeper.stranger" in k.logged()
    finally:
        k.close()
        shutil.rmtree(directory)


def test_notifies_systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(90)
        k = Keeper(tmp_path).spawn({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        try:
            assert s.recv(100) == b"READY=1"
            k.process.terminate()
            assert s.recv(100) == b"STOPPING=1"
        finally:
            k.close()
