#!/usr/bin/python3
"""Orders in bulk from a CSV: memory, truth of the progress, limits, exactly one order for each line.

    bulk.py [LINES]      default 10000; needs root; takes about LINES / 15 seconds

Prints one line of JSON and exits 1 if a bound is broken. The rehearsal CA counts the requests; its limits and ours
are raised together, so that the run shows the work and not the wait, and are kept all the same.
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import bulkkit  # noqa: E402
import privatesite  # noqa: E402

SHORT, LONG = 1000, 20000     # requests in 5 s and in 3 min that the CA allows
AGENT_GROWTH = 1.25           # memory at the end, over that at a tenth ...
LEDGER_CACHE = 32 << 20       # ... and what the ledger's page cache fills once
CLI_MAX = 64 << 20


def rss(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            return next((int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS")), 0)
    except OSError:
        return 0


def run(lines, short=SHORT, long=LONG, seconds=3600):
    """One run; what was seen, and what of it is wrong."""
    domains = {"bulk.test": {"mode": "confirm", "custody_sign": "forget"}}
    site = privatesite.Site(domains=domains, poll="5s")
    bulkkit.raise_limits(site, requests_5s=short, requests_3min=long)
    wrong = []
    try:
        site.start()
        site.ca.settings(rate_limits=True, rate_short=[short, 5], rate_long=[long, 180], issue_delay=0)
        site.ca.post("validate", domain="bulk.test")
        path = site.path("people.csv")
        with open(path, "w") as f:
            f.write("mailbox,key-type,usage\n" + "".join(f"p{i}@bulk.test,p256,signing\n" for i in range(lines)))
        began = time.monotonic()
        command = subprocess.Popen([site.program("certmilter"), "--config", site.config, "order", "--csv", path,
                                    "--timeout", str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        early = half = late = client = 0
        while command.poll() is None:
            time.sleep(1)
            client = max(client, rss(command.pid))
            listed = site.ask("batch.list", limit=1)["batches"]
            if not listed or listed[0]["lines"] < lines:
                continue
            b = listed[0]
            over = b["issued"] + b["failed"] + b["refused"] + b["duplicate"]
            if b["waiting"] + b["placed"] + over != lines:
                wrong.append(f"progress doesn't add up: {b}")
            if over >= lines // 10 and not early:
                early = rss(site.agent.proc.pid)
            if over >= lines // 2 and not half:
                half = rss(site.agent.proc.pid)
            late = rss(site.agent.proc.pid)
        out, err = command.communicate()
        took = time.monotonic() - began
        counters = site.ca.counters()
        peaks, orders = counters["peaks"]["ours"], bulkkit.ca_orders(site)
        rows = bulkkit.read_result(path + ".result.csv")
        checks = {
            "command": command.returncode == 0,
            "issued": sum(r["outcome"] == "issued" for r in rows) == lines == len(rows),
            "one order each": len(orders) == lines and set(orders.values()) == {1},
            "short window": peaks["short"] <= short, "long window": peaks["long"] <= long,
            "agent's memory": early > 0 and late <= early * AGENT_GROWTH + LEDGER_CACHE,
            "command's memory": 0 < client <= CLI_MAX,
        }
        wrong += [name for name, ok in checks.items() if not ok]
        return {"lines": lines, "seconds": round(took, 1), "per_second": round(lines / took, 1), "peaks": peaks,
                "agent_mib": [round(n / 2**20, 1) for n in (early, half, late)],
                "command_mib": round(client / 2**20, 1),
                "requests": sum(n for k, n in counters["requests"].items() if "/services/" in k),
                "wrong": wrong, "said": (out + err)[-600:] if wrong else ""}
    finally:
        site.remove()


def main():
    seen = run(int(sys.argv[1]) if len(sys.argv) > 1 else 10000)
    print(json.dumps(seen))
    sys.exit(1 if seen["wrong"] else 0)


if __name__ == "__main__":
    main()
