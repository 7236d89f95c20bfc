"""kill -9 and a full disk at each step of a certificate's way into a directory, and out of it.

Harmless means: both attributes are as before or as afterwards, never one of them; nobody else's value changes; the
same once more comes to exactly the end that was meant, and writes nothing where that was reached already."""
import base64
import json
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

import steps
from directory import BASE, PASSWORD, Directory
from nettools import BUILD
from test_publishers import certificate, der, state_of, target, values

DELIVER = BUILD / "helpers" / "delivertool"
BOX = "alice@example.test"


class World:
    """A directory with an entry that holds somebody else's values and, as a start, one certificate of ours."""

    def __init__(self, directory):
        self.slapd = Directory(directory).start().fill(BOX)
        self.ours = {n: certificate(BOX) for n in ("old", "new")}
        _, (leaf, root) = certificate("foreign@example.test")
        self.foreign = der(leaf), pkcs7.serialize_certificates([leaf, root], serialization.Encoding.DER)

    def line(self, name, withdraw):
        return json.dumps({"do": "ldap", "publisher": target(self.slapd), "secrets": {"ldap": PASSWORD},
                           "item": {**self.ours[name][0], "withdraw": withdraw}}) + "\n"

    def do(self, name, withdraw=False):
        r = subprocess.run([DELIVER], input=self.line(name, withdraw), text=True, capture_output=True, timeout=60)
        return json.loads(r.stdout)

    def here(self):
        """Which of ours are there, in both attributes; everything else is as it was."""
        certs, smime = values(self.slapd, BOX)
        assert self.foreign[0] in certs and self.foreign[1] in smime
        leaves = sorted(der(c) for v in smime if v != self.foreign[1] for c in pkcs7.load_der_pkcs7_certificates(v)
                        if any(der(c) == der(o[1][0]) for o in self.ours.values()))
        assert leaves == sorted(c for c in certs if c != self.foreign[0]), "one attribute without the other"
        return {n for n, o in self.ours.items() if der(o[1][0]) in certs}

    def begin(self):
        text = f"dn: cn=alice,{BASE}\nchangetype: modify\n"
        for name, value in (("userCertificate;binary", self.foreign[0]), ("userSMIMECertificate", self.foreign[1])):
            text += f"replace: {name}\n{name}:: {base64.b64encode(value).decode()}\n-\n"
        self.slapd.ldif("ldapmodify", text)
        assert self.do("old")["class"] == "ok" and self.here() == {"old"}

    def comes_to(self, after, name, withdraw):
        r = self.do(name, withdraw)
        assert r["class"] == "ok" and self.here() == after, r
        csn = state_of(self.slapd, BOX)
        assert self.do(name, withdraw)["class"] == "ok" and state_of(self.slapd, BOX) == csn


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("slapd") / "d")
    yield w
    w.slapd.stop()


WORK = {"published": ("new", False, {"old", "new"}), "withdrawn": ("old", True, set())}


@pytest.mark.parametrize("work", WORK)
def test_publisher_killed(world, work):
    w = world
    name, withdraw, after = WORK[work]

    def once(n):
        w.begin()
        ran = steps.run("kill", n, [DELIVER], stdin=w.line(name, withdraw))
        assert w.here() in ({"old"}, after), ran.last
        w.comes_to(after, name, withdraw)
        return not ran.killed
    steps.sweep(once, least=8)


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("how", ["kill", "full"])
def test_directory(world, how, work):
    """The directory's own end and its own full disk are "later" for us, never "given up"."""
    w = world
    name, withdraw, after = WORK[work]

    def once(n):
        w.begin()
        with steps.Held(how, n, w.slapd.process.pid, under=[os.path.join(w.slapd.dir, "db")]) as held:
            said = w.do(name, withdraw)
        full = any("ENOSPC" in s for s in held.ran.steps)
        if held.ran.killed or full:  # after a write of its database's head failed slapd ends itself
            if held.ran.killed:
                w.slapd.process.wait(20)
            w.slapd.stop()
            w.slapd.start()
        assert said["class"] == ("temporary" if held.ran.killed or full else "ok"), (said, held.ran.last)
        assert w.here() in ({"old"}, after), held.ran.last
        w.comes_to(after, name, withdraw)
        return not (held.ran.killed or full)
    steps.sweep(once, least=1)
