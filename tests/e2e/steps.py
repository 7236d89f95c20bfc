"""kill -9 and a full disk at each step of a program: tests/helpers/steptool.c from Python.

A step is a system call with an effect. A sweep does the same work again and again, ended at its first step, its
second, ..., until it comes through; so it meets every moment at which a crash leaves something else behind, and
none by chance."""
import os
import signal
import subprocess
import time

from nettools import BUILD

TOOL = str(BUILD / "helpers" / "steptool")
STEPS_MAX = 400


def options(under, files):
    return [x for u in under for x in ("--under", str(u))] + (["--files"] if files else [])


class Ran:
    """What became of a run: `through` (it came to its end), `status` (its exit status), `steps`."""

    def __init__(self, tool_says, out="", err=""):
        lines = [line for line in tool_says.splitlines() if line]
        assert lines, err
        last = lines[-1].split()
        self.steps = [line.split(" ", 2)[2] for line in lines if line.startswith("step ")]
        self.killed, self.through = last[0] == "killed", last[0] in ("ended", "left")
        self.status = int(last[1]) if last[0] == "ended" else None
        self.out, self.err = out, err

    @property
    def last(self):
        return self.steps[-1] if self.steps else "nothing"


def run(how, at, command, under=(), files=False, stdin=None, env=None):
    """COMMAND from its start, killed before its step AT ("kill"), or with a full disk from there ("full")."""
    r = subprocess.run([TOOL, how, str(at), *options(under, files), "--", *map(str, command)], input=stdin, text=True,
                       capture_output=True, timeout=120, env=env)
    assert r.returncode == 0, r.stderr
    says = [line for line in r.stdout.splitlines() if line.split(" ")[0] in ("step", "killed", "ended")]
    out = "\n".join(line for line in r.stdout.splitlines() if line not in says)
    return Ran("\n".join(says), out, r.stderr)


def start(at, command, up, under=()):
    """A daemon from its start, killed before its step AT or, if UP() comes true, after that. Did it come up?"""
    p = subprocess.Popen([TOOL, "kill", str(at), *options(under, True), "--", *map(str, command)],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    until = time.monotonic() + 60
    while p.poll() is None and not up():
        assert time.monotonic() < until
        time.sleep(0.005)
    came = p.poll() is None
    p.kill()  # and what it holds ends with it
    out = p.communicate()[0]
    assert came or out.endswith("killed\n"), out
    return came


class Held:
    """A running daemon, held from now on. As a context it is let go at the end, if it lives."""

    def __init__(self, how, at, pid, under=(), files=False):
        self.process = subprocess.Popen([TOOL, how, str(at), *options(under, files), "--pid", str(pid)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()
        self.ran = None

    def ended(self):
        """The daemon is dead."""
        return self.process.poll() is not None

    def leave(self):
        """Lets it go: space is back. What became of it."""
        if self.ran is None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            out, err = self.process.communicate(timeout=60)
            self.ran = Ran(out, err=err)
        return self.ran

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()


def sweep(once, first=1, least=5):
    """ONCE(n) for n = first, ..., until it says that the work came through (True). How many steps were met."""
    for n in range(first, STEPS_MAX):
        if once(n):
            assert n - first >= least, f"only {n - first} steps: the work was not the one that was meant"
            return n - first
    raise AssertionError(f"more than {STEPS_MAX} steps")


def moments(ran, beside=None):
    """The steps of a run that are worth an end of their own, and the one behind the last: of many alike one after
    another the first, the second and the last; of connects none, as nobody has heard anything yet. BESIDE: part of
    the names of what is still on its way to its place: of those the first step of each row in one file."""
    s = [None, None, *ran.steps, None, None]

    def path(step):
        return step.partition(" ")[2] if step else None

    def worth(n):
        i = n + 1
        if not s[i]:
            return True
        if beside and beside in s[i]:
            return path(s[i]) != path(s[i - 1])
        return not s[i].startswith("connect") and not s[i - 2] == s[i - 1] == s[i] == s[i + 1]
    return [n for n in range(1, len(ran.steps) + 2) if worth(n)]


def hidden(*folders):
    """Files that begin with a dot, below FOLDERS: what a killed writer leaves."""
    return [os.path.join(base, n) for f in folders for base, _, names in os.walk(f) for n in names if n[0] == "."]
