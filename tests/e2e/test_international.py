"""Mailboxes whose domain or local part is not ASCII."""
import os
import subprocess

import pytest

IDN = "xn--bcher-kva.test"      # bücher.test


@pytest.fixture(scope="module")
def site(sites):
    site = sites(domains={IDN: {"mode": "confirm"}, "u1.test": {"mode": "confirm"}}, poll="1s").start()
    site.ca.post("validate", domain=IDN)
    site.ca.post("validate", domain="u1.test")
    site.ca.settings(rate_limits=False)
    return site


def cli(site, *args, ok=(0,)):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout


def text_of(site, cert):
    pem = site.ask("certificate.pem", what=f"certificate:{cert['id']}")["pem"]
    return subprocess.run(["openssl", "x509", "-noout", "-text", "-nameopt", "utf8"], input=pem.encode(), check=True,
                          capture_output=True).stdout.decode()


def test_international_domain(site):
    cert = site.stored(site.order("anna@bücher.test"))
    assert cert["mailboxes"] == [f"anna@{IDN}"], "kept with its A-label"
    assert f"email:anna@{IDN}" in text_of(site, cert)
    assert cert["serial"] in cli(site, "show", "anna@bücher.test")


def test_international_local_part(site):
    """SmtpUTF8Mailbox (RFC 8398): an otherName, since rfc822Name is ASCII."""
    box = "jürgen@u1.test"
    cert = site.stored(site.order(box), 90)
    assert cert["mailboxes"] == [box]
    assert "othername" in text_of(site, cert).lower()
    assert cert["serial"] in cli(site, "show", box)
    out = site.path("j.p12")
    cli(site, "export", box, "--p12", out, "--passphrase-out", out + ".pass", "--reason", "test")
    assert os.path.getsize(out) > 500
    assert box in cli(site, "list")
    site.wait(lambda: [m for m in site.delivered(box) if b"was issued for your mailbox" in m], 20, "the owner is told")
