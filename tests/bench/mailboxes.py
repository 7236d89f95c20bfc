#!/usr/bin/python3
"""A site with many mailboxes, three certificates each: how long commands take, how long the agent answers nobody
while it works, and the memory of the daemons.

    mailboxes.py [MAILBOXES]        default 100,000

Prints numbers and asserts nothing; needs root and about 30 kB of disk a mailbox below /tmp. Times are given beside
`status` at an empty ledger on the same machine.
"""
import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import agentsocket  # noqa: E402
import manymailboxes  # noqa: E402
import privatesite  # noqa: E402
from daemons import own  # noqa: E402
from manymailboxes import rss  # noqa: E402

OPTIONS = """
watching {{
    metrics = "{dir}/metrics/certmilter.prom"
}}
publisher "files" {{
    kind = files
    dir  = "{dir}/published"
}}
"""


class Watch:
    """Asks for nearly nothing, over and over: the longest wait for an answer is the loop's longest absence."""

    def __init__(self, site):
        self.site, self.over = site, False
        self.longest, self.most, self.waits = 0.0, 0.0, []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over:
            began = time.monotonic()
            try:
                self.site.ask("consent.list", limit=1)
            except (OSError, agentsocket.Refused):
                time.sleep(0.05)
                continue
            wait = time.monotonic() - began
            self.longest = max(self.longest, wait)
            self.waits.append(wait)
            self.most = max(self.most, rss(self.site.agent.proc.pid))
            time.sleep(0.002)

    def end(self, name):
        self.over = True
        self.thread.join()
        self.waits.sort()
        print(f"  {name}: longest wait for an answer {self.longest * 1e3:.0f} ms, 99 % "
              f"{self.waits[len(self.waits) * 99 // 100] * 1e3 if self.waits else 0:.1f} ms; "
              f"agent {self.most:.1f} MiB at most", flush=True)


def median(what, n):
    times = []
    for i in range(n):
        began = time.monotonic()
        what(i)
        times.append((time.monotonic() - began) * 1e3)
    times.sort()
    return statistics.median(times), times[-1]


def pages(site, cmd, key, **fields):
    """All of a list; the number, the pages, the slowest page in ms."""
    n, count, slowest, after = 0, 0, 0.0, None
    while True:
        began = time.monotonic()
        answer = site.ask(cmd, **fields, **({"after": after} if after else {}))
        slowest = max(slowest, (time.monotonic() - began) * 1e3)
        n, count, after = n + len(answer[key]), count + 1, answer.get("next")
        if not after:
            return n, count, slowest


def one(path, sql):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        return db.execute(sql).fetchone()[0]
    finally:
        db.close()


def until(what, timeout):
    end = time.monotonic() + timeout
    while not what() and time.monotonic() < end:
        time.sleep(0.2)


def measured(site, name, argv):
    watch, began = Watch(site), time.monotonic()
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    print(f"{name}: {time.monotonic() - began:.1f} s, command {usage.ru_maxrss / 1024:.1f} MiB, "
          f"exit {os.waitstatus_to_exitcode(status)}")
    watch.end(name)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    site = privatesite.Site(domains={"example.test": {"mode": "confirm", "renew": "30d",
                                                      "publish": '{ "files" }'}})
    try:
        ledger = site.path("state/ledger.db")
        site.extra = OPTIONS.format(dir=site.dir)
        for name in ("metrics", "published"):
            os.makedirs(site.path(name))
            own(site.path(name), "certagent")
        site.start()
        empty, _ = median(lambda i: site.ask("status"), 50)
        print(f"empty ledger: status {empty:.2f} ms; agent {rss(site.agent.proc.pid):.1f} MiB", flush=True)
        site.agent.stop()
        began = time.monotonic()
        manymailboxes.fill_apart(ledger, n, n // 50)
        print(f"{n} mailboxes in {time.monotonic() - began:.0f} s, ledger {os.path.getsize(ledger) >> 20} MiB", flush=True)
        began = time.monotonic()
        site.start_agent()
        print(f"start: {time.monotonic() - began:.1f} s")
        watch = Watch(site)
        until(lambda: one(ledger, "select count(*) from certificate where state = 'current' and not_after < unixepoch()")
              == 0, 300)
        watch.end("what ended, the first renewals, report, metrics, publishing")
        watch, began = Watch(site), time.monotonic()
        before = one(ledger, "select count(*) from publication where state = 'published'")
        until(lambda: one(ledger, "select count(*) from publication_due") == 0, int(os.environ.get("PUBLISH", "60")))
        done = one(ledger, "select count(*) from publication where state = 'published'") - before
        print(f"publishing: {done} in {time.monotonic() - began:.0f} s")
        watch.end("publishing")
        for name, what, count in (
                ("status", lambda i: site.ask("status"), 50),
                ("show", lambda i: site.ask("show", what=f"user{i * 7919 % n:07d}@example.test"), 300),
                ("list, a page", lambda i: site.ask("list", limit=100), 50)):
            m, worst = median(what, count)
            print(f"{name}: median {m:.2f} ms ({m / empty:.1f} x status of an empty ledger), worst {worst:.1f} ms")
        watch = Watch(site)
        number, count, slowest = pages(site, "list", "certificates", expiring_before=int(time.time()) + 30 * 86400,
                                       limit=500)
        print(f"list --expiring 30d: {number} in {count} pages, slowest {slowest:.1f} ms")
        watch.end("list --expiring 30d")
        measured(site, "backup", [site.program("certmilter"), "--config", site.config, "backup", site.path("b.tar")])
        print(f"at most: agent {rss(site.agent.proc.pid, 'VmHWM'):.1f} MiB, "
              f"keeper {rss(site.keeper.proc.pid, 'VmHWM'):.1f} MiB")
        if os.environ.get("LOG"):
            print(site.agent.log_text()[-3000:])
    finally:
        site.remove()


if __name__ == "__main__":
    main()
