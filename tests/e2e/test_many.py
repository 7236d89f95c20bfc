"""Five thousand mailboxes, three certificates each: memory that does not grow with them, and work that goes along
indices. How fast all that is, tests/bench/mailboxes.py tells."""
import glob
import os
import sqlite3
import time

import pytest

import manymailboxes
from daemons import own
from manymailboxes import rss
from privatesite import Site

MANY, ENDED, BATCH = 5000, 100, 1000
GROWTH = 60  # MiB: the ledger's page cache, once, and what the allocator keeps; the rows alone would be 250 MiB
OPTIONS = """
watching {{
    metrics = "{dir}/metrics/certmilter.prom"
}}
publisher "files" {{
    kind = files
    dir  = "{dir}/published"
}}
"""


@pytest.fixture(scope="module")
def site():
    s = Site(domains={"example.test": {"mode": "confirm", "renew": "30d", "publish": '{ "files" }'}})
    s.extra = OPTIONS.format(dir=s.dir)
    for name in ("metrics", "published"):
        os.makedirs(s.path(name))
        own(s.path(name), "certagent")
    s.start()
    s.empty = rss(s.agent.proc.pid)
    s.agent.stop()
    manymailboxes.fill_apart(s.path("state/ledger.db"), MANY, ENDED)
    yield s.start_agent()
    s.remove()


def one(site, sql):
    db = sqlite3.connect(f"file:{site.path('state/ledger.db')}?mode=ro", uri=True, timeout=30)
    try:
        return db.execute(sql).fetchone()[0]
    finally:
        db.close()


def all_of(site, cmd, key, **fields):
    out, after = [], None
    while True:
        answer = site.ask(cmd, **fields, **({"after": after} if after else {}))
        assert len(answer[key]) <= fields["limit"]
        out, after = out + answer[key], answer.get("next")
        if not after:
            return out


def test_all_is_done_and_memory_stays(site):
    now = int(time.time())
    site.wait(lambda: one(site, "select count(*) from certificate where state = 'expired'") == ENDED, 120, "expiry")
    site.wait(lambda: os.path.exists(site.path("metrics/certmilter.prom")), 120, "metrics")
    site.wait(lambda: one(site, "select count(*) from publication where state = 'published'") >= BATCH, 240,
              "publishing")
    expiring = all_of(site, "list", "certificates", expiring_before=now + 30 * 86400, limit=100)
    assert len(expiring) == len({c["id"] for c in expiring}) == one(
        site, f"select count(*) from certificate where state = 'current' and not_after < {now + 30 * 86400}")
    assert site.ask("status")["certificates"]["expiring"] == len(expiring)
    assert len(all_of(site, "list", "mailboxes", limit=500)) == MANY
    assert len(site.ask("show", what="user0004321@example.test")["certificates"]) == 3
    assert len(glob.glob(site.path("published", "*", "current", "cert.pem"))) >= BATCH
    assert rss(site.agent.proc.pid, "VmHWM") < site.empty + GROWTH


def steps(db, sql, *values):
    """Hundreds of the engine's instructions: what a statement costs, whatever the machine does beside it."""
    count = [0]

    def tick():
        count[0] += 1
    db.set_progress_handler(tick, 100)
    db.execute(sql, values)
    db.set_progress_handler(None, 0)
    return count[0]


def test_a_change_costs_the_same_with_many(site):
    """A state that changes runs triggers: they must not walk the certificates of all mailboxes."""
    site.agent.stop()
    db = sqlite3.connect(site.path("state/ledger.db"))
    try:
        row = db.execute("select id from certificate where state = 'current' limit 1").fetchone()[0]
        assert steps(db, "update certificate set revocation = 'unknown' where id = ?", row) < 20
        assert steps(db, "update certificate set state = 'superseded' where id = ?", row) < 20
        assert steps(db, "select count(*) from certificate_mailbox where not_before = 1") > 100  # a walk is seen
    finally:
        db.rollback()
        db.close()
