"""Keys and certificates from elsewhere: PKCS#12 of other programs, public certificates; into keeper and ledger."""
import email
import email.policy
import os
import subprocess
import time

import pytest

PASS = "correct horse battery"


@pytest.fixture(scope="module")
def site(sites):
    return sites(domains={n: {"mode": "confirm"} for n in ("i1.test", "i2.test", "i3.test")}, poll="1s").start()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("import")


def openssl(*args):
    return subprocess.run(["openssl", *args], check=True, capture_output=True).stdout


def make(folder, name, box, key="RSA:2048", days=300, legacy=False, password=PASS):
    """Key, self-signed certificate and PKCS#12 for BOX."""
    base = str(folder / name)
    new = ["-newkey", "rsa:2048"] if key == "RSA:2048" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + key]
    openssl("req", "-x509", *new, "-nodes", "-keyout", base + ".key", "-out", base + ".pem", "-subj", "/CN=" + name,
            "-days", str(days), "-addext", "subjectAltName=email:" + box,
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "keyUsage=critical,digitalSignature,keyEncipherment")
    openssl("pkcs12", "-export", *(["-legacy"] if legacy else []), "-in", base + ".pem", "-inkey", base + ".key",
            "-out", base + ".p12", "-passout", "pass:" + password)
    with open(base + ".pass", "w") as f:
        f.write(password + "\n")
    return base


def cli(site, *args, ok=(0,), given=None):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       input=given or "", timeout=60)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def certificates(site, box):
    return site.ask("show", what=box)["certificates"]


@pytest.mark.parametrize("name,key,legacy", [("modern", "RSA:2048", False), ("old", "RSA:2048", True),
                                             ("curve", "P-256", False)])
def test_pkcs12(site, folder, name, key, legacy):
    box = f"{name}@i1.test"
    base = make(folder, name, box, key, legacy=legacy)
    out = cli(site, "import", base + ".p12", "--passphrase-file", base + ".pass", "--reason", "moved here")
    assert "current" in out and "with its key" in out
    cert = certificates(site, box)[0]
    assert cert["state"] == "current" and cert["source"] == "import" and cert["key_id"]
    assert "already" in cli(site, "import", base + ".p12", "--passphrase-file", base + ".pass")
    assert len(certificates(site, box)) == 1, "twice is once"
    # what comes out again is the same key
    back = str(folder / (name + ".back"))
    cli(site, "export", box, "--p12", back, "--passphrase-out", back + ".pass", "--reason", "test")
    secret = open(back + ".pass").read().strip()
    key_out = openssl("pkcs12", "-in", back, "-passin", "pass:" + secret, "-nodes", "-nocerts")
    with open(back + ".key", "wb") as f:
        f.write(key_out)
    assert openssl("pkey", "-in", back + ".key", "-pubout") == openssl("pkey", "-in", base + ".key", "-pubout")
    told = site.wait(lambda: [m for m in site.delivered(box) if b"is kept from now on" in m], 20, "owner told")
    text = email.message_from_bytes(told[0], policy=email.policy.default).get_content()
    assert "moved here" in text and box in text


def test_with_standard_input(site, folder):
    base = make(folder, "stdin", "stdin@i1.test")
    cli(site, "import", base + ".p12", "--passphrase-file", "-", given=PASS + "\n")
    assert certificates(site, "stdin@i1.test")


def keys_kept(site):
    return len(os.listdir(site.path("keys", "keys")))


def test_refusals(site, folder):
    before = keys_kept(site)
    base = make(folder, "foreign", "mallory@elsewhere.test")
    out = cli(site, "import", base + ".p12", "--passphrase-file", base + ".pass", ok=(1,))
    assert "names no mailbox in a controlled domain" in out
    good = make(folder, "wrong", "w@i1.test")
    with open(good + ".bad", "w") as f:
        f.write("not this one\n")
    assert "passphrase" in cli(site, "import", good + ".p12", "--passphrase-file", good + ".bad", ok=(1,))
    small = make(folder, "small", "s@i1.test", "P-521")
    assert "P-256 or P-384" in cli(site, "import", small + ".p12", "--passphrase-file", small + ".pass", ok=(1,))
    with open(folder / "junk", "wb") as f:
        f.write(b"\x30\x82junk")
    assert "no PKCS#12" in cli(site, "import", str(folder / "junk"), "--passphrase-file", good + ".pass", ok=(1,))
    assert keys_kept(site) == before, "what is refused reaches no keeper"
    assert not site.events("certificate.imported") or all(
        e["data"]["mailbox"].endswith("@i1.test") for e in site.events("certificate.imported"))


def test_history_stays_behind_the_current_one(site, folder):
    box = "h@i2.test"
    first = make(folder, "first", box)
    second = make(folder, "second", box)
    cli(site, "import", first + ".p12", "--passphrase-file", first + ".pass")
    cli(site, "import", second + ".p12", "--passphrase-file", second + ".pass")
    assert sorted(c["state"] for c in certificates(site, box)) == ["current", "superseded"]
    third = make(folder, "third", box)
    cli(site, "import", third + ".p12", "--passphrase-file", third + ".pass", "--current")
    states = {c["subject"]: c["state"] for c in certificates(site, box)}
    assert states == {"CN=first": "superseded", "CN=second": "superseded", "CN=third": "current"}


def test_killed_in_between(site, folder):
    """Agent and keeper die at some moment of an import; the same import again is one certificate with its key."""
    base = make(folder, "killed", "k@i2.test", key="P-256")
    command = [site.program("certmilter"), "--config", site.config, "import", base + ".p12", "--passphrase-file",
               base + ".pass"]
    for daemon, start in ((site.keeper, site.keeper.start), (site.agent, site.start_agent)):
        for wait in (0.005, 0.02, 0.06):
            p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(wait)
            daemon.kill()
            assert p.wait(60) in (0, 3)
            start()
    cli(site, *command[3:])
    certs = certificates(site, "k@i2.test")
    assert len(certs) == 1 and certs[0]["state"] == "current" and certs[0]["key_id"]
    assert all("(uid 0)" in e["actor"] for e in site.events("certificate.imported"))
    back = str(folder / "killed.back")
    site.wait(lambda: not subprocess.run([*command[:3], "export", "k@i2.test", "--p12", back, "--passphrase-out",
                                          back + ".pass", "--reason", "test"], capture_output=True).returncode, 20,
              "key")


def test_public_certificate(site, folder):
    base = make(folder, "public", "p@i3.test")
    out = cli(site, "import", base + ".pem")
    assert "as a public one" in out
    cert = certificates(site, "p@i3.test")[0]
    assert not cert.get("key_id") and cert["state"] == "current"
    # its key comes later
    assert "with its key" in cli(site, "import", base + ".p12", "--passphrase-file", base + ".pass")
    later = certificates(site, "p@i3.test")
    assert len(later) == 1 and later[0]["id"] == cert["id"] and later[0]["key_id"]
    first = later[0]["key_id"]
    cli(site, "import", base + ".p12", "--passphrase-file", base + ".pass")
    assert certificates(site, "p@i3.test")[0]["key_id"] == first


def test_a_key_that_was_destroyed_does_not_come_back(site, folder):
    """And one key serves one mailbox only."""
    base = make(folder, "shared", "one@i3.test")
    cli(site, "import", base + ".p12", "--passphrase-file", base + ".pass")
    openssl("req", "-x509", "-key", base + ".key", "-out", base + "2.pem", "-subj", "/CN=two", "-days", "30",
            "-addext", "subjectAltName=email:two@i3.test", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl("pkcs12", "-export", "-in", base + "2.pem", "-inkey", base + ".key", "-out", base + "2.p12",
            "-passout", "pass:" + PASS)
    assert "kept for one@i3.test already" in cli(site, "import", base + "2.p12", "--passphrase-file", base + ".pass",
                                                 ok=(1,))
