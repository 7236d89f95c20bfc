#!/usr/bin/python3
"""Backup, verify, rewrap and restore of many mailboxes: time, the most memory that each process had, and the longest
time for which a person at a terminal saw nothing move.

    backup.py [MAILBOXES]        default 100,000, with one key and three certificates each

Prints numbers and asserts nothing; needs root, about 60 kB of disk a mailbox below /tmp. SHEET=0 leaves out the verify
that opens every key.
"""
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import manymailboxes  # noqa: E402
import privatesite  # noqa: E402
import terminal  # noqa: E402
from manymailboxes import rss  # noqa: E402


def apart(what, *args):
    """In a process of its own: what this one used before counts as the memory of its children."""
    subprocess.run([sys.executable, os.path.join(os.path.dirname(HERE), "e2e", what), *map(str, args)], check=True)


def measured(name, argv, *daemons):
    """Runs ARGV at a terminal; prints seconds, the most memory in MiB and the progress."""
    status, seconds, peak, steps, still, said = terminal.run(argv)
    print(f"{name:16}  {seconds:7.1f} s   {peak:6.1f} MiB   {steps:4} steps shown, still for {still:.1f} s at most",
          *(f"  {what} {rss(d.proc.pid, 'VmHWM'):.1f} MiB" for what, d in daemons), f"  exit {status}", flush=True)
    if status:
        print(said[-500:])


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    site = privatesite.Site(account=True)
    try:
        site.start()
        site.agent.stop()
        site.keeper.stop()
        user = pwd.getpwnam("certkeeper")
        apart("manykeys.py", site.path("keys"), site.path("etc/credentials/kek"), n, user.pw_uid, user.pw_gid,
              site.path("ids"))
        manymailboxes.fill_apart(site.path("state/ledger.db"), n, 0, site.path("ids"))
        site.keeper.start()
        site.start_agent()
        command = [site.program("certmilter"), "--config", site.config]
        tar, sheet, new = site.path("b.tar"), site.path("sheet"), site.path("new-kek")
        subprocess.run(command + ["keeper", "recovery-sheet", "--out", sheet], check=True)
        with open(new, "w") as f:
            f.write(secrets.token_hex(32))
        keeper, agent = ("keeper", site.keeper), ("agent", site.agent)
        print(f"{n} mailboxes, ledger {os.path.getsize(site.path('state/ledger.db')) >> 20} MiB", flush=True)
        measured("backup", command + ["backup", tar], agent, keeper)
        print(f"  the file: {os.path.getsize(tar) >> 20} MiB")
        measured("verify", command + ["backup", "verify", tar])
        if os.environ.get("SHEET", "1") != "0":
            measured("verify --sheet", command + ["backup", "verify", tar, f"--sheet={sheet}"])
        measured("rewrap", command + ["keeper", "rewrap", "--new-kek", new], keeper)
        site.agent.stop()
        site.keeper.stop()
        shutil.rmtree(site.path("keys"))
        for name in os.listdir(site.path("state")):
            os.unlink(site.path("state", name))
        measured("restore", command + ["restore", tar, "--keeper-state", site.path("keys")])
        began = time.monotonic()
        site.keeper.start()
        site.start_agent()
        print(f"start: {time.monotonic() - began:.1f} s", flush=True)
        keeper, agent = ("keeper", site.keeper), ("agent", site.agent)
        site.wait(lambda: all(a["read"] for a in site.ask("restore.report")["accounts"]), 120, "read")
        measured("restore --report", command + ["restore", "--report"], agent)
        measured("restore --finish", command + ["restore", "--finish"], agent)
        began, longest = time.monotonic(), 0
        while time.monotonic() - began < 30:
            asked = time.monotonic()
            site.ask("status")
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.05)
        print(f"while the owners are told: longest wait for status {longest * 1e3:.0f} ms, agent "
              f"{rss(site.agent.proc.pid, 'VmHWM'):.1f} MiB, keeper {rss(site.keeper.proc.pid, 'VmHWM'):.1f} MiB")
        if os.environ.get("LOG"):
            print(site.agent.log_text()[-3000:])
    finally:
        site.remove()


if __name__ == "__main__":
    main()
