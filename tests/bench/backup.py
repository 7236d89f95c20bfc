#!/usr/bin/python3
"""Backup, verify, rewrap and restore of many mailboxes: time, and the most memory that each process had.

    backup.py [MAILBOXES]        default 100,000, with one key and three certificates each

Prints numbers and asserts nothing; needs root, about 3 kB of disk a mailbox and file, four times, below $TMPDIR.
"""
import os
import pwd
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import manykeys  # noqa: E402
import privatesite  # noqa: E402


def fill_ledger(path, keys):
    """A mailbox with three certificates for each key, the newest with it."""
    db = sqlite3.connect(path)
    db.execute("pragma synchronous = off")
    now, body = int(time.time()), b"x" * 900
    for i, key in enumerate(keys):
        mailbox = db.execute("insert into mailbox (name, key, tenant) values (?1, ?1, 'main')",
                             (f"user{i}@example.test",)).lastrowid
        for n in range(3):
            c = db.execute(
                "insert into certificate (thumbprint, serial, tenant, account, mailboxes, key_id, not_before, not_after,"
                " stored_at, usage, state, revocation_at, revocation_next)"
                " values (?, ?, 'main', 'rehearsal', ?, ?, ?, ?, ?, 'both', ?, 0, 0)",
                (f"{i:032x}{n:032x}", f"{i:x}{n}", f'["user{i}@example.test"]', key, now - (3 - n) * 8640000,
                 now + (n + 1) * 8640000, now, "current" if n == 2 else "superseded")).lastrowid
            db.execute("insert into certificate_body (id, fields, checks, chain_pem, der) values (?, '{}', '[]', ?, ?)",
                       (c, "p" * 2500, body))
            db.execute("insert into certificate_mailbox values (?, ?, ?)", (mailbox, now - (3 - n) * 8640000, c))
    db.commit()
    db.close()


def measured(name, argv):
    """Runs ARGV; prints seconds and the most memory in MiB."""
    began = time.monotonic()
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    print(f"{name:10}  {time.monotonic() - began:8.1f} s   {usage.ru_maxrss / 1024:7.1f} MiB   "
          f"exit {os.waitstatus_to_exitcode(status)}", flush=True)


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    site = privatesite.Site(account=True)
    try:
        site.start()
        site.agent.stop()
        user = pwd.getpwnam("certkeeper")
        kek = bytes.fromhex(open(site.path("etc/credentials/kek")).read().strip())
        keys = manykeys.write_keys(site.path("keys"), kek, n, uid=user.pw_uid, gid=user.pw_gid)
        fill_ledger(site.path("state/ledger.db"), keys)
        site.start_agent()
        command = [site.program("certmilter"), "--config", site.config]
        tar, sheet, new = site.path("b.tar"), site.path("sheet"), site.path("new-kek")
        subprocess.run(command + ["keeper", "recovery-sheet", "--out", sheet], check=True)
        with open(new, "w") as f:
            f.write(secrets.token_hex(32))
        print(f"{n} mailboxes, ledger {os.path.getsize(site.path('state/ledger.db')) >> 20} MiB")
        measured("backup", command + ["backup", tar])
        print(f"  the file: {os.path.getsize(tar) >> 20} MiB; agent {memory(site.agent.proc.pid):.1f} MiB, "
              f"keeper {memory(site.keeper.proc.pid):.1f} MiB at most")
        measured("verify", command + ["backup", "verify", tar])
        measured("  --sheet", command + ["backup", "verify", tar, f"--sheet={sheet}"])
        measured("rewrap", command + ["keeper", "rewrap", "--new-kek", new])
        site.agent.stop()
        site.keeper.stop()
        shutil.rmtree(site.path("keys"))
        for name in os.listdir(site.path("state")):
            os.unlink(site.path("state", name))
        measured("restore", command + ["restore", tar, f"--sheet={sheet}", "--keeper-state", site.path("keys")])
    finally:
        site.remove()


if __name__ == "__main__":
    main()
