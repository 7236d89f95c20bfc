"""The persistent validation record in a signed zone: what the agent says of it when the answers can be proved.

A BIND that signs its root zone; the agent validates from the trust anchor in its configuration."""
import json
import os
import shutil

import pytest

from bulkkit import cli

URI = "https://rehearsal-ca.test/accounts/1"
NAME = "_validation-persist.{}.test."
VALUE = f"digicert.com; accounturi={URI}; persistUntil=1924992000"
NAMES = ("there", "altered", "absent")


def record(name):
    return f'{NAME.format(name)} 1 IN TXT "{VALUE}"\n'


@pytest.fixture(scope="module")
def site(sites):
    site = sites(domains={f"{n}.test": {"mode": "confirm"} for n in NAMES}, poll="1s", timing={"domain_check": "4s"})
    site.account_more = f'    persist_issuer = "digicert.com"\n    persist_account_uri = "{URI}"\n'
    site.dns.signed = True
    site.dns.records["persist"] = record("there") + record("altered").replace("1924992000", "1924992001")
    site.dns.altered = ("persistUntil=1924992001", "persistUntil=1924999999")
    write = site.write_config

    def write_with_anchor():
        write()
        anchor = site.path("etc", "root.ds")
        shutil.copy(site.dns.anchor, anchor)
        os.chmod(anchor, 0o644)
        with open(site.config) as f:
            text = f.read()
        with open(site.config, "w") as f:
            f.write(text.replace("network {\n", f'network {{\n    dnssec_root = "{anchor}"\n', 1))
    site.write_config = write_with_anchor
    return site.start()


def persist(site, name, ok=(0,)):
    answer = json.loads(cli(site, "--json", "domain", "persist", f"{name}.test", ok=ok).stdout)
    return answer["state"], answer["dnssec"], answer["text"]


def test_proved(site):
    state, dnssec, text = persist(site, "there")
    assert (state, dnssec) == ("ok", "secure") and "DNSSEC proves it" in text


def test_absence_is_proved(site):
    state, dnssec, text = persist(site, "absent", ok=(4,))
    assert (state, dnssec) == ("absent", "secure") and "DNSSEC proves it" in text


def test_altered_after_signing(site):
    """The record stands there, but no CA may take it: said, and not taken by the daily look either."""
    state, dnssec, text = persist(site, "altered", ok=(4,))
    assert (state, dnssec) == ("unknown", "bogus") and "bogus" in text
    about = site.wait(lambda: (site.ask("show", what="domain:altered.test")["domain"].get("persist") or "") and
                      site.ask("show", what="domain:altered.test")["domain"], 20, "the daily look")
    assert "bogus" in about["persist"] and not about.get("persist_until")


def test_the_rest_goes_on(site):
    """Signed names of the CA, of its mails' keys and of the domain: a validation by mail as ever."""
    site.ca.settings(rate_limits=False)
    site.validate("there.test", 90)
    assert site.verdicts("there.test").count("confirm/confirmed") == 1
