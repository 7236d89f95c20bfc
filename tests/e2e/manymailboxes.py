"""A ledger with many mailboxes, written here as its tables say (the triggers run as they do for the agent): three
certificates with an order each, two of before and one that is current, the current ones ending over a year."""
import base64
import os
import sqlite3
import subprocess
import sys
import time

DAY = 86400
CHAIN = "".join("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(b"c" * 900).decode() +
                "-----END CERTIFICATE-----\n" for _ in range(2))
REQUEST = '{"product":"secure_email_mailbox","usage":"both","days":365}'


def _add(db, i, now, ended):
    """ENDED: the newest has ended already, and nobody marked it."""
    name = f"user{i:07d}@example.test"
    box = db.execute("insert into mailbox (name, key, tenant) values (?1, ?1, 'default')", (name,)).lastrowid
    until = now - DAY if ended else now + (1 + i * 7919 % 365) * DAY
    for n in range(3):
        end = until - (2 - n) * 365 * DAY
        reference = f"many-{i:07d}-{n}"
        order = db.execute(
            "insert into orders (reference, tenant, account, mailbox, product, state, ca_order, request, who, created,"
            " changed, next_look, tries, issued_at, mailbox_key) values (?, 'default', 'rehearsal', ?2, 'secure_email_mailbox',"
            " 'stored', ?, ?, 'many', ?, ?, 0, 0, ?, ?2)",
            (reference, name, f"9{i:07d}{n}", REQUEST, end - 365 * DAY, end - 365 * DAY, end - 365 * DAY)).lastrowid
        c = db.execute(
            "insert into certificate (thumbprint, serial, issuer, subject, tenant, account, mailboxes, order_row, key_id,"
            " spki, not_before, not_after, stored_at, usage, state, source, revocation, revocation_at, revocation_next)"
            " values (?, ?, 'CN=Some CA', ?, 'default', 'rehearsal', ?, ?, ?, ?, ?, ?, ?, 'both', ?, 'api', 'good', ?, ?)",
            (f"{i * 2654435761 % 2**32:08x}{i:024x}{n:032x}", f"0{i:x}0{n}", f"CN={name}", f'["{name}"]', order,
             f"{i:026d}", f"{i:064x}", end - 365 * DAY, end, end - 365 * DAY, "current" if n == 2 else "superseded",
             now, now + 365 * DAY)).lastrowid
        db.execute("insert into certificate_body (id, fields, checks, chain_pem, der) values (?, '{}', '[]', ?, ?)",
                   (c, CHAIN, b"x" * 900))
        db.execute("insert into certificate_mailbox values (?, ?, ?)", (box, end - 365 * DAY, c))
    db.execute("insert into job (kind, key, ref, run_at, lease_until, tries, created, first_failed)"
               " values ('revocation', 'revocation:' || ?1, ?1, ?2, 0, 0, ?3, 0)", (c, now + 365 * DAY, now))


def fill(path, n, ended=0):
    """N mailboxes into the ledger PATH that no agent has open; the certificates of the first ENDED have ended."""
    owner = os.stat(path)
    db = sqlite3.connect(path)
    db.execute("pragma synchronous = off")
    db.execute("pragma cache_size = -200000")
    now = int(time.time())
    for i in range(n):
        _add(db, i, now, i < ended)
    db.commit()
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    for name in os.listdir(os.path.dirname(path)):
        if name.startswith(os.path.basename(path)):
            os.chown(os.path.join(os.path.dirname(path), name), owner.st_uid, owner.st_gid)


def fill_apart(*args):
    """fill() in a process of its own: what a process used before counts as the memory of its children."""
    subprocess.run([sys.executable, os.path.abspath(__file__), *map(str, args)], check=True)


def rss(pid, what="VmRSS"):
    """MiB."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what + ":")) / 1024


if __name__ == "__main__":
    fill(sys.argv[1], *map(int, sys.argv[2:]))
