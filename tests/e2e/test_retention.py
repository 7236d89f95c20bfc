"""What the ledger lets go after its time, and that an order's evidence is whole all the same.

Time is made by moving rows into the past while the agent is down; the triggers that keep rows from being changed are
taken out for that and put back as they were."""
import json
import os
import sqlite3
import time

import pytest

from privatesite import Site
from test_backup import command

DAY = 86400
OLD = 500 * DAY
MANY = 900  # more than four slices


def ledger(site, **more):
    return sqlite3.connect(site.path("state/ledger.db"), **more)


def one(site, sql, *values):
    db = sqlite3.connect(f"file:{site.path('state/ledger.db')}?mode=ro", uri=True, timeout=30)
    try:
        return db.execute(sql, values).fetchone()[0]
    finally:
        db.close()


def make_old(site):
    """All that happened so far happened OLD seconds earlier; what an administrator can't do, a test may."""
    db = ledger(site)
    triggers = db.execute("select name, sql from sqlite_schema where type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"drop trigger {name}")
    db.execute("update event set at = at - ?", (OLD,))
    db.execute("update mail set received = received - ?1, taken = taken - ?1", (OLD,))
    db.execute("update notice set at = at - ?", (OLD,))
    for _, sql in triggers:
        db.execute(sql)
    db.commit()
    db.close()


def add_daily_work(site):
    """What a year of floods and notices leaves."""
    db, then = ledger(site), int(time.time()) - OLD
    for i in range(MANY):
        m = db.execute("insert into mail (identity, rcpt, kind, domain, received, taken, state, verdict, reason)"
                       " values (?, 'postmaster@example.test', 'domain-validation', 'example.test', ?, ?, 'final',"
                       " 'alarm', 'unexpected')", (f"flood-{i}", then, then)).lastrowid
        db.execute("insert into token (hash, state, mail) values (?, 'closed', ?)", (f"{i:064x}", m))
        db.execute("insert into event (at, type, object, data) values (?, 'alarm.mail', ?, '{}')", (then, f"mail:{m}"))
        db.execute("insert into event (at, type, object, data) values (?, 'notice.sent', 'notice', '{}')", (then,))
        db.execute("insert into notice (key, at) values (?, ?)", (f"mail:alarm:{i}", then))
    db.execute("insert into mail (identity, rcpt, kind, domain, received, taken, state, verdict, reason) values"
               " ('held', 'postmaster@example.test', 'domain-validation', 'example.test', ?, ?, 'held', 'hold',"
               " 'unbound')", (then, then))
    db.commit()
    db.close()


@pytest.fixture
def site():
    s = Site(extra='watching { metrics = "%s" }\nretention { events = 400d mails = 400d }\n')
    s.extra %= s.path("state", "certmilter.prom")
    try:
        s.start()
        yield s
    finally:
        s.remove()


def metric(site, name):
    try:
        with open(site.path("state", "certmilter.prom")) as f:
            return next((int(line.split()[1]) for line in f if line.startswith(f"certmilter_{name} ")), None)
    except OSError:
        return None


def story(site):
    """Events of orders, requests and certificates, and the mails that belong to a request."""
    db = sqlite3.connect(f"file:{site.path('state/ledger.db')}?mode=ro", uri=True, timeout=30)
    try:
        return (set(db.execute("select id from event where object glob 'order:*' or object glob 'intent:*' or"
                               " object glob 'certificate:*' or actor <> 'agent'")),
                set(db.execute("select id from mail where intent is not null or identity = 'held'")))
    finally:
        db.close()


def test_daily_work_goes_and_proof_stays(site):
    site.validate("example.test")
    stored = site.stored(site.order("anna@example.test"))
    site.agent.stop()
    add_daily_work(site)
    make_old(site)
    before = story(site)
    assert len(before[0]) > 5 and len(before[1]) > 1
    site.start_agent()
    site.wait(lambda: [e for e in site.events() if e["type"] == "ledger.pruned"], 120, "a pass")
    told = [e for e in site.events() if e["type"] == "ledger.pruned"][0]["data"]
    assert told["mails"] >= MANY and told["events"] >= 2 * MANY and told["marks"] >= MANY
    assert one(site, "select count(*) from mail where identity glob 'flood-*'") == 0
    assert one(site, "select count(*) from event where type = 'alarm.mail'") == 0
    assert one(site, "select count(*) from token where mail is null and state = 'closed'") >= MANY, "never forgotten"
    after = story(site)
    assert before[0] <= after[0] and before[1] <= after[1]
    # alarms ever raised are still so many
    site.wait(lambda: metric(site, "alarms_total") == MANY, 90, "the counter")
    path = site.path("order.pem")
    command(site, "evidence", f"order:{stored['order']}", "--out", path, check=0)
    p = command(site, "--json", "evidence", path, "--verify", check=0)
    told = json.loads(p.stdout)
    types = [e["type"] for e in (told.get("document") or told.get("evidence") or told)["events"]]
    assert {"order.placed", "order.sent", "certificate.stored", "intent.opened"} <= set(types)
    # and a backup of it is whole
    command(site, "backup", site.path("b.tar"), check=0)
    command(site, "backup", "verify", site.path("b.tar"), check=0)


def test_forever_is_forever(site):
    site.agent.stop()
    add_daily_work(site)
    site.extra = site.extra.replace("400d mails = 400d", "forever mails = 400d")
    site.write_config()
    site.start_agent()
    site.wait(lambda: one(site, "select count(*) from mail where identity glob 'flood-*'") == 0, 120, "mails")
    site.wait(lambda: [e for e in site.events("ledger.") if e["type"] == "ledger.pruned"], 120, "the end of the pass")
    assert one(site, "select count(*) from event where type = 'notice.sent'") >= MANY
    assert one(site, "select count(*) from notice where key glob 'mail:alarm:*'") == MANY
