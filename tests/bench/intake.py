#!/usr/bin/python3
"""How many CA mails a second go from the spool into the ledger, each inspected in a sandbox of its own.

    /usr/bin/python3 tests/bench/intake.py [N]          (root; default 1000 mails)

Fills the spool through SMTP while the agent is down, starts it, and counts until all are decided. Prints the rate
beside two figures of the same run: starting /bin/true as often, and fsyncs. It asserts nothing.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import privatesite  # noqa: E402


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        v = f.read().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return sum(map(int, v[11:13])) / tick, sum(map(int, v[13:15])) / tick  # its own, its children's


def inspectors_cpu(agent):
    """What certinspect used for the agent: what was waited for, and living spawners with their children."""
    sum_ = cpu(agent)[1]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
            if parent == agent:
                sum_ += sum(cpu(pid))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sum_


def spawn_rate(n):
    t = time.monotonic()
    for _ in range(n):
        subprocess.run(["/bin/true"], check=True)
    return n / (time.monotonic() - t)


def fsync_rate(n, directory):
    with tempfile.TemporaryFile(dir=directory) as f:
        t = time.monotonic()
        for _ in range(n):
            f.write(b"x" * 4096)
            f.flush()
            os.fsync(f.fileno())
        return n / (time.monotonic() - t)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    site = privatesite.Site()
    try:
        site.start(agent=False)
        new = os.path.join(site.dir, "spool", "new")
        # the watch file comes from the agent: one start, then down again
        site.start_agent()
        site.agent.stop()
        site.ca.settings(rate_limits=False)
        for i in range(n):
            site.ca.post("send", kind="dcv", domain="example.test", recipients=["admin@example.test"])
        site.wait(lambda: len(os.listdir(new)) >= n, 300, "mails in the spool")
        spawn, sync = spawn_rate(300), fsync_rate(300, site.dir)
        t = time.monotonic()
        site.agent.start()
        site.wait(lambda: not os.listdir(new) and not os.listdir(os.path.join(site.dir, "spool", "cur")), 300, "intake")
        wall = time.monotonic() - t
        own, children = cpu(site.agent.proc.pid)[0], inspectors_cpu(site.agent.proc.pid)
        total = sum(m["n"] for m in site.ask("status")["mails"])
        print(f"mails from spool to ledger: {n} in {wall:.2f} s = {n / wall:.0f} a second ({total} rows)")
        print(f"CPU a mail: agent {1000 * own / n:.2f} ms, inspectors {1000 * children / n:.2f} ms")
        print(f"for comparison: {spawn:.0f} starts of /bin/true a second, {sync:.0f} fsyncs a second")
    finally:
        site.remove()


if __name__ == "__main__":
    main()
