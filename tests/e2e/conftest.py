"""What the end-to-end tests share: a whole private site per module, a fresh domain per test."""
import itertools
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import privatesite  # noqa: E402

sys.dont_write_bytecode = True
DOMAINS = 40


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


def pytest_runtest_setup():
    """What is told once a day is counted by days of UTC: no test runs over midnight."""
    left = 86400 - time.time() % 86400
    if left < 180:
        time.sleep(left + 1)


@pytest.fixture(scope="module")
def sites():
    """Makes sites and removes them at the end of the module."""
    made = []

    def make(**options):
        site = privatesite.Site(**options)
        made.append(site)
        return site
    yield make
    for site in made:
        site.remove()


@pytest.fixture(scope="module")
def site(sites):
    """A running site with an account and many controlled domains, each in mode confirm."""
    domains = {"example.test": {"mode": "confirm"}}
    domains.update({f"d{n}.test": {"mode": "confirm"} for n in range(DOMAINS)})
    site = sites(domains=domains, poll="1s", timing={"resend_after": "5s"}, settle="2s").start()
    site.ca.settings(rate_limits=False)
    site.fresh = itertools.count()
    return site


@pytest.fixture
def domain(site):
    """A controlled domain that no test had before; the CA misbehaves no longer when the test ends."""
    yield f"d{next(site.fresh)}.test"
    site.ca.call("DELETE", "faults")
    site.ca.settings(**CLEAN)


CLEAN = dict(id_in_mail=True, id_in_page=True, page_fault=None, send_mails=True, mail_faults=[], mail_delay=0,
             issued_form="zip", language="en", mailbox_page="button", certificate_fault=None)
