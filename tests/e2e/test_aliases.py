"""Aliases by Postfix's own tables: what comes by an alias is its mailbox's too."""
import os
import subprocess

import pytest

TABLE = """\
sales@a1.test      alice@a1.test
a.smith@a1.test    sales@a1.test
team@a1.test       alice@a1.test, bob@a1.test
loop@a1.test       pool@a1.test
pool@a1.test       loop@a1.test
stranger@a1.test   alice@a2.test
"""


@pytest.fixture(scope="module")
def site(sites):
    site = sites(domains={"a1.test": {"mode": "confirm"}}, poll="1s",
                 extra='\naliases {\n    maps = { "hash:%s" }\n}\n')
    site.extra %= site.path("etc", "virtual")
    with open(site.path("etc", "virtual"), "w") as f:
        f.write(TABLE)
    subprocess.run(["postmap", site.path("etc", "virtual")], check=True)
    os.chmod(site.path("etc", "virtual.db"), 0o644)
    site.start()
    site.ca.post("validate", domain="a1.test")
    site.ca.settings(rate_limits=False)
    return site


def resolve(site, address):
    return site.ask("alias", address=address).get("mailbox")


def cli(site, *args, ok=(0,)):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def test_what_is_an_alias(site):
    assert resolve(site, "sales@a1.test") == "alice@a1.test"
    assert resolve(site, "A.Smith@a1.test") == "alice@a1.test", "over two steps, in any case"
    assert resolve(site, "alice@a1.test") is None
    assert resolve(site, "team@a1.test") is None, "a list is nobody's"
    with pytest.raises(Exception, match="circle"):
        resolve(site, "loop@a1.test")
    with pytest.raises(Exception, match="no mail address"):
        resolve(site, "-q")


def test_what_comes_by_an_alias(site):
    cert = site.stored(site.order("sales@a1.test"))
    found = site.wait(lambda: [c for c in site.ask("show", what="alice@a1.test")["certificates"]
                               if c["id"] == cert["id"]], 20, "shared")
    assert found[0]["mailboxes"] == ["sales@a1.test"], "the certificate itself names the alias"
    out = cli(site, "show", "a.smith@a1.test")
    assert "a.smith@a1.test is an alias of alice@a1.test" in out and cert["serial"] in out
    stranger = site.stored(site.order("stranger@a1.test"))
    site.wait(lambda: not [j for j in [site.ask("status")["jobs"]] if j["failing"]], 20, "quiet")
    out = cli(site, "show", "stranger@a1.test")
    assert stranger["serial"] in out
    with pytest.raises(Exception):
        site.ask("show", what="alice@a2.test")      # in no controlled domain: not shared


def test_a_table_that_cannot_be_read(site):
    os.chmod(site.path("etc", "virtual.db"), 0o600)
    with pytest.raises(Exception) as e:
        resolve(site, "sales@a1.test")
    assert "hash:" in str(e.value)
    cert = site.stored(site.order("a.smith@a1.test"))
    site.wait(lambda: site.ask("status")["jobs"]["failing"], 20, "tried again")
    os.chmod(site.path("etc", "virtual.db"), 0o644)
    site.wait(lambda: [c for c in site.ask("show", what="alice@a1.test")["certificates"]
                       if c["id"] == cert["id"]], 40, "shared in the end")
