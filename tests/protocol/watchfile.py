"""Writes watch files, from the description in policy/watch_internal.h alone: a
second implementation, so that a change of the format can't go unseen."""
import hashlib
import os
import struct
import time


def key(text):
    return struct.unpack("<Q", hashlib.sha256(text.encode()).digest()[:8])[0]


def build(senders=(), froms=(), domains=(), addresses=(), max_mail=10 * 1024 * 1024):
    lists = [sorted({key(x) for x in part}) for part in (senders, froms, domains, addresses)]
    data = b"CMWATCH\n" + struct.pack("<QQq4Q", 1, max_mail, int(time.time()),
                                      *[len(x) for x in lists])
    for part in lists:
        data += struct.pack(f"<{len(part)}Q", *part)
    return data + hashlib.sha256(data).digest()


def write(path, **lists):
    """Replaces PATH as a whole."""
    tmp = path + ".tmp"
    with open(tmp, "wb") as f:
        f.write(build(**lists))
    os.chmod(tmp, 0o644)
    os.rename(tmp, path)
