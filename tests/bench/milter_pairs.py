#!/usr/bin/python3
"""What certmilterd costs Postfix, next to no milter and to a trivial one.

One private Postfix, one smtpd listener per variant, same queue manager, transport
discard. Rounds go A B C A B C ... so that a machine whose speed drifts does no
harm: every number is a ratio within its own round, and the median of these is
printed. CPU is what Postfix's processes, the sender and the milter used until the
queue was empty; other load on the machine isn't counted. Asserts nothing.

Variants: none (no milter), null (ACCEPT at DATA), certmilterd for ordinary mail;
null -e (ACCEPT after the headers), certmilterd for a watched address without a CA
in From; certmilterd for CA mail (copied into the spool).
"""
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TESTS, "protocol"), os.path.join(TESTS, "e2e")]

from certmilterd import Milter, run_as  # noqa: E402
from postfixenv import Postfix, free_port, milter_setting  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MESSAGES = int(os.environ.get("MESSAGES", "1500"))
PARALLEL = int(os.environ.get("PARALLEL", "20"))


def stat_of(pid):
    """(parent, own ticks, ticks of reaped children) of a process; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            v = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return int(v[1]), int(v[11]) + int(v[12]), int(v[13]) + int(v[14])


def own_ticks(pid):
    return stat_of(pid)[1]


def tree_ticks(master):
    """Everything below Postfix's master, the living and the dead."""
    total = sum(stat_of(master)[1:])
    for name in os.listdir("/proc"):
        st = stat_of(name) if name.isdigit() else None
        if st and st[0] == master:
            total += st[1]
    return total


def message(path, from_):
    """19 header fields and 11 kB, as much mail is."""
    with open(path, "w") as f:
        f.write(f"From: Somebody <{from_}>\nTo: you@example.test\nSubject: bench\n")
        for i in range(16):
            f.write(f"X-Field-{i}: {'value ' * 12}\n")
        f.write("\n" + ("x" * 72 + "\n") * 150)
    os.chmod(path, 0o644)
    return path


class Bench:
    def __init__(self, build, directory):
        self.milter = Milter(options=["--spool-per-client", "1000000"])
        self.milter.start()
        self.nulls = []
        plain = message(os.path.join(directory, "plain.eml"), "bob@other.test")
        ca = message(os.path.join(directory, "ca.eml"), "no-reply@ca.test")
        null = self.start_null(build, directory)
        null_eoh = self.start_null(build, directory, "-e")
        ours = self.milter.address, self.milter.proc.pid
        # name -> (milter address, its pid, recipient, file)
        self.variants = {
            "none": (None, None, "bob@bench.test", plain),
            "null": (*null, "bob@bench.test", plain),
            "certmilterd": (*ours, "bob@bench.test", plain),
            "null -e": (*null_eoh, "bob@bench.test", plain),
            "certmilterd, watched": (*ours, "admin@example.test", plain),
            "certmilterd, CA mail": (*ours, "admin@example.test", ca),
        }
        self.ports = {name: free_port() for name in self.variants}
        listeners = {self.ports[name]: {"smtpd_milters": milter_setting(v[0]) if v[0] else ""}
                     for name, v in self.variants.items()}
        self.postfix = Postfix(directory, listeners=listeners, discard=True).start()
        with open(os.path.join(self.postfix.queue, "pid", "master.pid")) as f:
            self.master = int(f.read())

    def start_null(self, build, directory, *args):
        path = os.path.join(self.milter.run, "null" + "".join(args))
        p = subprocess.Popen([os.path.join(build, "bench", "null_milter"), *args, f"unix:{path}"],
                             **run_as("certmilter"))
        self.nulls.append(p)
        until = time.monotonic() + 10
        while not os.path.exists(path):
            if time.monotonic() > until:
                raise RuntimeError("null_milter doesn't start")
            time.sleep(0.02)
        return f"unix:{path}", p.pid

    def run(self, name, messages, keep):
        _, pid, rcpt, file = self.variants[name]
        args = ["smtp-source", "-m", str(messages), "-s", str(PARALLEL), "-f", "x@y.test", "-t",
                rcpt, "-F", file] + (["-d"] if keep else [])
        ticks, mine = tree_ticks(self.master), own_ticks(pid) if pid else 0
        t0 = time.monotonic()
        sender = subprocess.Popen([*args, f"127.0.0.1:{self.ports[name]}"])
        _, status, used = os.wait4(sender.pid, 0)
        sender.returncode = status
        if status:
            raise RuntimeError("smtp-source failed")
        took = time.monotonic() - t0
        self.postfix.wait_empty()
        ms = 1000 / os.sysconf("SC_CLK_TCK") / messages
        own = (own_ticks(pid) - mine) * ms if pid else 0
        cpu = ((tree_ticks(self.master) - ticks) * ms + own
               + (used.ru_utime + used.ru_stime) * 1000 / messages)
        if "CA mail" in name:
            new = os.path.join(self.milter.spool, "new")
            assert len(os.listdir(new)) == messages
            for f in os.listdir(new):
                os.unlink(os.path.join(new, f))
        return messages / took, cpu, own

    def shape(self, title, keep):
        rows = {name: [] for name in self.variants}
        for name in self.variants:
            self.run(name, max(50, MESSAGES // 10), keep)  # warm
        for _ in range(ROUNDS):
            for name in self.variants:
                rows[name].append(self.run(name, MESSAGES, keep))
            time.sleep(2.2)  # the milter's count of its spool
        report(title, rows)

    def close(self):
        self.postfix.stop()
        for p in self.nulls:
            p.kill()
            p.wait()
        self.milter.cleanup()


def report(title, rows):
    base = rows["none"]
    med = statistics.median
    print(f"\n{title}: {ROUNDS} rounds of {MESSAGES} messages, {PARALLEL} sessions")
    print(f"  without a milter: {med(r[0] for r in base):.0f} messages/s, "
          f"{med(r[1] for r in base):.2f} ms CPU each")
    print(f"  {'variant':<24}{'rate':>7}{'CPU':>7}{'+CPU ms':>9}{'in milter':>11}")
    added = {}
    for name, r in rows.items():
        if name == "none":
            continue
        rate = med(a[0] / b[0] for a, b in zip(r, base))
        cpu = med(a[1] / b[1] for a, b in zip(r, base))
        added[name] = [a[1] - b[1] for a, b in zip(r, base)]
        print(f"  {name:<24}{rate:>7.2f}{cpu:>7.2f}{med(added[name]):>9.3f}"
              f"{med(a[2] for a in r):>11.3f}")
    for ours, trivial in (("certmilterd", "null"), ("certmilterd, watched", "null -e")):
        own = med(a[2] / b[2] for a, b in zip(rows[ours], rows[trivial]) if b[2])
        print(f"  {ours} / {trivial}: CPU in the milter {own:.2f}, added CPU in all "
              f"{sum(added[ours]) / (sum(added[trivial]) or 1):.2f}")


def main():
    build = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("milter_pairs.py: ended"))  # cleans up
    if os.getuid() != 0:
        sys.exit("milter_pairs.py: needs root for Postfix")
    with tempfile.TemporaryDirectory(prefix="certmilter-bench-") as d:
        os.chmod(d, 0o755)
        b = Bench(build, d)
        try:
            b.shape("one message per connection", keep=False)
            b.shape("kept connections", keep=True)
        finally:
            b.close()


if __name__ == "__main__":
    main()
