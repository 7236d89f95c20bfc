"""certmilter export against the real keeper, without an agent."""
import os
import resource
import signal
import stat
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from test_keeper import Ca, Keeper, open_p12  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the keeper's admin socket is root's")


@pytest.fixture
def keeper(site):
    (site.path / "k").mkdir()
    k = Keeper(site.path / "k")
    k.admin_sock = str(site.path / "admin.sock")
    k.start()
    yield k
    k.close()


def certified(keeper, **more):
    """A key with a certificate; its id and the chain."""
    made = keeper.make(**more)
    key = made["key_id"]
    csr = keeper.agent("csr", key_id=key, emails=[more.get("mailbox", "alice@example.test")])
    leaf, chain = Ca().issue(csr["pem"])
    assert keeper.agent("attach", key_id=key, chain=chain)["ok"]
    return key, chain


def test_p12(site, keeper, tmp_path):
    key, _ = certified(keeper)
    out, secret = site.path / "alice.p12", site.path / "alice.pass"
    agent = site.serve(exported={})
    r = site.run("export", "alice@example.test", "--p12", out, "--passphrase-out", secret, "--reason", "new laptop")
    assert r.status == 0, r.err
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE(secret.stat().st_mode) == 0o600
    passphrase = secret.read_text().rstrip("\n")
    assert len(passphrase) >= 16 and passphrase not in r.out + r.err
    assert open_p12(tmp_path, out.read_bytes(), passphrase)[1] == 2
    assert len(agent.asked("exported")) == 1
    entry = keeper.admin("exports_since", after=0, limit=10)["entries"][0]
    assert entry["reason"] == "new laptop" and entry["kind"] == "export"
    # a second time: refused before the keeper is asked
    r = site.run("export", key, "--p12", out, "--passphrase-out", site.path / "other")
    assert r.status == 1 and "--force" in r.err
    assert len(keeper.admin("exports_since", after=0, limit=10)["entries"]) == 1
    assert not (site.path / "other").exists()
    answer, status = site.ask("export", key, "--p12", out, "--passphrase-out", secret, "--force")
    assert status == 0 and answer["mailbox"] == "alice@example.test" and answer["key"] == key
    assert "passphrase" not in answer
    assert open_p12(tmp_path, out.read_bytes(), secret.read_text().strip())[1] == 2


def test_terminal_shows_it_once(site, keeper, tmp_path):
    certified(keeper)
    out = site.path / "a.p12"
    r = site.run("export", "alice@example.test", "--p12", out, tty=True)
    assert r.status == 0
    lines = [line for line in r.out.splitlines() if line.startswith("passphrase (shown this once): ")]
    assert len(lines) == 1
    assert open_p12(tmp_path, out.read_bytes(), lines[0].split(": ")[1])[1] == 2


def test_own_passphrase(site, keeper, tmp_path):
    certified(keeper)
    out = site.path / "a.p12"
    r = site.run("export", "alice@example.test", "--p12", out, "--passphrase-file", "-",
                 stdin="correct horse battery\nsecond line\n")
    assert r.status == 0 and "correct horse" not in r.out + r.err
    assert open_p12(tmp_path, out.read_bytes(), "correct horse battery")[1] == 2


def test_custody_forget_ends_with_delivery(site, keeper):
    key, _ = certified(keeper, custody="forget")
    # a directory that can't be written: the key stays
    r = site.run("export", key, "--p12", site.path / "none" / "a.p12", "--passphrase-out", site.path / "p")
    assert r.status == 1
    assert not keeper.admin("key_info", key_id=key)["key"]["destroyed"]
    r = site.run("export", key, "--p12", site.path / "a.p12", "--passphrase-out", site.path / "p")
    assert r.status == 0
    assert keeper.admin("key_info", key_id=key)["key"]["destroyed"]
    r = site.run("export", key, "--p12", site.path / "b.p12", "--passphrase-out", site.path / "p2")
    assert r.status == 1 and not (site.path / "b.p12").exists() and not (site.path / "p2").exists()


def test_what_is_not_on_disk_is_not_delivered(site, keeper):
    """The name could be reserved, the content not written: the key must stay."""
    key, _ = certified(keeper, custody="forget")

    def no_space():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    secret = site.path / "given"
    secret.write_text("correct horse battery\n")
    r = site.run("export", key, "--p12", site.path / "a.p12", "--passphrase-file", secret, before=no_space)
    assert r.status == 1 and r.err.count("\n") == 1
    assert not (site.path / "a.p12").exists()
    assert not keeper.admin("key_info", key_id=key)["key"]["destroyed"]


def test_pem_without_an_agent(site, keeper):
    key, chain = certified(keeper)
    for what in (key, "alice@example.test", "alice@EXAMPLE.test"):
        r = site.run("export", what, "--pem")
        assert (r.status, r.out) == (0, chain), r.err
    answer, status = site.ask("export", key, "--pem")
    assert status == 0 and answer["source"] == "keeper" and answer["pem"] == chain
    r = site.run("export", "bob@example.test", "--pem")
    assert r.status == 1 and "bob@example.test" in r.err


def test_unknown_key(site, keeper):
    r = site.run("export", "nobody@example.test", "--p12", site.path / "x", "--passphrase-out", site.path / "p")
    assert r.status == 1 and r.err.count("\n") == 1
    assert not (site.path / "x").exists()
