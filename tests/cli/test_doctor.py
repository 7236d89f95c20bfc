"""certmilter doctor: every check against a world that is made right, and then wrong."""
import os
import pathlib
import shutil
import socket
import struct
import sys
import threading

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "protocol"))
import watchfile  # noqa: E402


class FakeMilter:
    """Answers the option negotiation, or not."""

    def __init__(self, path, answer=True):
        self.answer, self.got = answer, b""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        self.sock.listen(8)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                self.got = conn.recv(17)
                if self.answer is True:
                    conn.sendall(struct.pack(">Ic3I", 13, b"O", 6, 0, 0))
                elif self.answer:
                    conn.sendall(self.answer)
                conn.recv(5)

    def close(self):
        self.sock.close()


class FakeDns:
    """Says of every name that it doesn't exist."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            end = 12
            while query[end]:
                end += query[end] + 1
            self.sock.sendto(query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:end + 5], peer)

    def close(self):
        self.sock.close()


@pytest.fixture
def good(site):
    """A site as it should be, as far as it can be without being installed."""
    for name, mode in (("spool", 0o750), ("spool/tmp", 0o2770), ("spool/new", 0o2770), ("spool/cur", 0o700),
                       ("spool/dead", 0o700), ("state", 0o711), ("credentials", 0o700)):
        (site.path / name).mkdir()
        (site.path / name).chmod(mode)
    dns = FakeDns()
    site.more = 'domain "example.test" { }\nnetwork { resolvers = { "127.0.0.1@%d" } }\n' % dns.port
    site.write(site.more)
    site.milter = FakeMilter(site.path / "milter.sock")
    site.serve(doctor={"checks": [{"name": "ledger", "result": "ok", "text": "fine"}]})
    (site.path / "state" / "watch").write_bytes(
        watchfile.build(senders=["digicert.com"], froms=["digicert.com"], domains=["example.test"]))
    yield site
    site.milter.close()
    dns.close()


def doctor(site, *args):
    answer, status = site.ask("doctor", *args)
    assert status == (0 if answer["worst"] == "ok" else 4)
    assert all(set(c) == {"name", "result", "text"} for c in answer["checks"])
    return answer["checks"]


def result(checks, name):
    """The worst under that name, with its texts."""
    found = [c for c in checks if c["name"] == name]
    worst = max((("ok", "warn", "fail").index(c["result"]) for c in found), default=-1)
    return (None if worst < 0 else ("ok", "warn", "fail")[worst]), " ".join(c["text"] for c in found)


def test_shows_a_table(good):
    r = good.run("doctor")
    assert r.err == ""
    rows = [line.split(None, 2) for line in r.out.splitlines()]
    assert all(row[0] in ("ok", "warn", "fail") and len(row) == 3 for row in rows)
    assert r.status == (0 if all(row[0] == "ok" for row in rows) else 4)


def test_dns(good):
    checks = doctor(good)
    assert result(checks, "dns")[0] == "ok"
    good.write('domain "example.test" { }\nnetwork { resolvers = { "127.0.0.1@1" } }\n')
    assert result(doctor(good), "dns")[0] == "fail"


def test_daemons(good):
    checks = doctor(good)
    assert result(checks, "milter")[0] == "ok" and good.milter.got[4:5] == b"O"
    assert result(checks, "agent")[0] == "ok"
    assert result(checks, "ledger") == ("ok", "fine")
    assert result(checks, "keeper")[0] == "ok"  # no account, none needed


def test_milter_silent_or_strange(good):
    for answer, says in ((None, "certmilterd"), (b"HTTP/1.1 400 Bad\r\n\r\n", "milter protocol")):
        good.milter.close()
        os.unlink(good.path / "milter.sock")
        good.milter = FakeMilter(good.path / "milter.sock", answer)
        if answer is None:
            good.milter.close()
        got, text = result(doctor(good), "milter")
        assert got == "fail" and says in text


def test_nobody_runs(site):
    checks = doctor(site)
    for name in ("milter", "agent", "spool", "watch file"):
        assert result(checks, name)[0] == "fail", name
    assert result(checks, "configuration")[0] == "warn"  # no domain is named


def test_broken_configuration(good):
    good.config.write_text('colour = red\ndomain "x" {\n')
    checks = doctor(good)
    got, text = result(checks, "configuration")
    assert got == "fail" and "certmilter.conf:1" in text
    assert len([c for c in checks if c["name"] == "configuration"]) > 1
    assert result(checks, "spool")[0] is not None  # and goes on


def test_keeper_with_account(good):
    good.write(good.more + 'account "main" { profile = "digicert" base_url = "https://api.test" api_key = "k" }\n')
    checks = doctor(good)
    assert result(checks, "keeper")[0] == "fail"
    assert result(checks, "credentials")[0] == "warn"  # no kek
    got, text = result(checks, "profile")
    assert got == "warn" and "domain-validation" in text and "profile record" in text


def test_agents_word_counts_where_it_is_worse(good):
    good.agent.answers["doctor"] = {"checks": [{"name": "spool", "result": "fail", "text": "strange files"},
                                               {"name": "milter", "result": "ok", "text": "as said"}]}
    checks = doctor(good)
    assert "strange files" in result(checks, "spool")[1]
    assert "as said" not in result(checks, "milter")[1]


def test_spool(good):
    got, text = result(doctor(good), "spool")
    assert got in ("ok", "warn") and "0 mails wait" in text  # warn where the disk is nearly full
    (good.path / "spool" / "cur").chmod(0o750)
    got, text = result(doctor(good), "spool")
    assert got == "fail" and "0750" in text
    shutil.rmtree(good.path / "spool" / "new")
    assert result(doctor(good), "spool")[0] == "fail"


def test_credentials(good):
    secret = good.path / "credentials" / "kek"
    secret.write_bytes(os.urandom(32))
    secret.chmod(0o600)
    assert result(doctor(good), "credentials")[0] == "ok"
    secret.chmod(0o644)
    got, text = result(doctor(good), "credentials")
    assert got == "fail" and "0644" in text
    secret.chmod(0o600)
    secret.write_bytes(b"")
    assert result(doctor(good), "credentials")[0] == "fail"
    secret.unlink()
    (good.path / "credentials").chmod(0o777)
    assert result(doctor(good), "credentials")[0] == "fail"


def bundle(good, text):
    path = good.path / "roots.pem"
    path.write_text(text)
    good.write(good.more)
    good.config.write_text(good.config.read_text().replace("paths {", 'paths {\n    trust_bundle = "%s"' % path))
    return result(doctor(good), "trust bundle")


def certificate(days):
    import datetime
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "Root")])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(7).not_valid_before(now - datetime.timedelta(days=400))
            .not_valid_after(now + datetime.timedelta(days=days)).sign(key, hashes.SHA256()))
    return cert.public_bytes(serialization.Encoding.PEM).decode()


def test_bundle(good):
    fresh, old = certificate(300), certificate(-1)
    got, text = bundle(good, "# roots\n" + fresh * 2 + fresh)
    assert got == "ok" and "3 certificates are valid" in text
    assert bundle(good, fresh * 3 + old)[0] == "ok"  # others of the bundle do
    assert bundle(good, fresh + old)[0] == "warn"
    assert bundle(good, old)[0] in ("warn", "fail")
    assert bundle(good, "nothing")[0] in ("warn", "fail")
    assert bundle(good, fresh + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")[0] == "warn"


def test_watch_file(good):
    path = good.path / "state" / "watch"
    path.write_bytes(b"garbage")
    assert result(doctor(good), "watch file")[0] == "fail"
    path.unlink()
    assert result(doctor(good), "watch file")[0] == "fail"


# ---- Postfix ---------------------------------------------------------------------------------

pytest_postfix = pytest.mark.skipif(not os.path.exists("/usr/sbin/postconf"), reason="no Postfix here")


@pytest.fixture
def postfix(good):
    """A configuration directory of an instance that doesn't run."""
    folder = good.path / "postfix"
    queue = good.path / "queue"
    (queue / "certmilter").mkdir(parents=True)
    folder.mkdir()
    good.milter.close()
    os.unlink(good.path / "milter.sock")
    good.milter = FakeMilter(queue / "certmilter" / "milter.sock")
    os.chmod(queue / "certmilter" / "milter.sock", 0o666)
    os.symlink(queue / "certmilter" / "milter.sock", good.path / "milter.sock")

    def write(milters="{ unix:certmilter/milter.sock, default_action=accept }", chroot="y", main="", options=""):
        (folder / "main.cf").write_text("compatibility_level = 3.6\nqueue_directory = %s\nsmtpd_milters = %s\n%s\n" %
                                        (queue, milters, main))
        (folder / "master.cf").write_text("smtp inet n - %s - - smtpd\n%s\npickup unix n - y 60 1 pickup\n" %
                                          (chroot, options))
        return doctor(good, "--postfix", folder)
    return write


@pytest_postfix
def test_postfix_well(postfix):
    checks = postfix(main="smtpd_forbid_bare_newline = normalize")
    for name in ("postfix", "postfix order", "postfix default action"):
        assert result(checks, name)[0] == "ok", (name, checks)
    # Debian's first versions of this parameter know yes and no only
    assert result(checks, "postfix newline")[0] == "ok"


@pytest_postfix
def test_postfix_newline(postfix):
    assert result(postfix(main="smtpd_forbid_bare_newline = no"), "postfix newline")[0] == "warn"


@pytest_postfix
def test_postfix_without_us(postfix):
    got, text = result(postfix(milters="inet:localhost:8891"), "postfix")
    assert got == "warn" and "smtp/inet doesn't use certmilter" in text
    assert result(postfix(milters=""), "postfix")[0] == "warn"
    assert result(postfix(options="  -o smtpd_milters="), "postfix")[0] == "warn"


@pytest_postfix
def test_postfix_chroot(postfix):
    """The absolute path means another file inside the chroot."""
    checks = postfix(milters="unix:/certmilter/milter.sock")
    assert result(checks, "postfix")[0] == "ok"
    got, text = result(postfix(milters="unix:/run/certmilter/milter.sock"), "postfix")
    assert got == "fail" and "chroot" in text and "queue/run/certmilter" in text
    # without a chroot an absolute path is what it says
    assert result(postfix(milters="unix:/run/certmilter/milter.sock", chroot="n"), "postfix")[0] == "fail"
    assert result(postfix(milters="unix:certmilter/milter.sock", chroot="n"), "postfix")[0] == "ok"


@pytest_postfix
def test_postfix_default_action(postfix):
    got, text = result(postfix(milters="unix:certmilter/milter.sock"), "postfix default action")
    assert got == "warn" and "tempfail" in text
    assert result(postfix(milters="unix:certmilter/milter.sock", main="milter_default_action = accept"),
                  "postfix default action")[0] == "ok"


@pytest_postfix
def test_postfix_order(postfix):
    got, text = result(postfix(milters="inet:localhost:8891, { unix:certmilter/milter.sock, default_action=accept }"),
                       "postfix order")
    assert got == "warn" and "inet:localhost:8891" in text


@pytest_postfix
def test_postfix_no_milters(postfix):
    got, text = result(postfix(main="receive_override_options = no_milters"), "postfix")
    assert got == "fail" and "no_milters" in text


@pytest_postfix
def test_postfix_own_socket_mode(postfix, good):
    import pwd
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        pytest.skip("no user postfix")
    sock = pathlib.Path(good.path / "queue" / "certmilter" / "milter.sock")
    assert result(postfix(), "postfix access")[0] == "ok"
    os.chmod(sock, 0o600)
    got, text = result(postfix(), "postfix access")
    assert got == "fail" and str(sock) in text
    os.chmod(sock, 0o666)
    os.chmod(sock.parent, 0o700)
    assert result(postfix(), "postfix access")[0] == "fail"


@pytest_postfix
def test_postfix_parameters_are_expanded(postfix):
    checks = postfix(milters="$ours", main="ours = { unix:certmilter/milter.sock, default_action=accept }")
    assert result(checks, "postfix")[0] == "ok"


@pytest_postfix
def test_postfix_that_says_nothing(good):
    got, text = result(doctor(good, "--postfix", good.path / "none"), "postfix")
    assert got == "fail" and "none/main.cf" in text
