import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import fakeagent  # noqa: E402

BUILD = ROOT / os.environ.get("CERTMILTER_BUILD", "build")
PROGRAM = BUILD / "bin" / "certmilter"
MAILS = ROOT / "tests" / "data" / "mails"
ZONE = ROOT / "tests" / "data" / "dns.zone"
AT = "2026-11-22T14:01:00Z"  # one minute after the sample mails


class Result:
    def __init__(self, p):
        self.status, self.out, self.err = p.returncode, p.stdout, p.stderr

    @property
    def json(self):
        return json.loads(self.out)


class Site:
    """A configuration of its own, and perhaps an agent that is none."""

    def __init__(self, path):
        self.path, self.agent = path, None
        self.config = path / "certmilter.conf"
        self.socket = str(path / "agent.sock")
        self.write("")

    def write(self, more, profile_dir=None):
        self.config.write_text("""
paths {
    spool_dir = "%(dir)s/spool"
    state_dir = "%(dir)s/state"
    agent_socket = "%(dir)s/agent.sock"
    keeper_socket = "%(dir)s/keeper.sock"
    keeper_admin_socket = "%(dir)s/admin.sock"
    milter_socket = "unix:%(dir)s/milter.sock"
    credentials_dir = "%(dir)s/credentials"
    %(profiles)s
}
%(more)s
""" % {"dir": self.path, "more": more,
            "profiles": 'profile_dir = "%s"' % profile_dir if profile_dir else ""})

    def serve(self, **answers):
        self.agent = fakeagent.FakeAgent(self.socket, {k.replace("_", "."): v
                                                       for k, v in answers.items()})
        return self.agent

    def run(self, *args, stdin=None, config=True, env=None, tty=False, before=None):
        argv = [str(PROGRAM)] + (["--config", str(self.config)] if config else []) + \
            [str(a) for a in args]
        environ = {"PATH": os.environ["PATH"], "TZ": "UTC", **(env or {})}
        if "ASAN_OPTIONS" in os.environ:
            environ["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        if tty:
            return self.run_tty(argv, environ)
        return Result(subprocess.run(argv, input=stdin, capture_output=True, env=environ,
                                     preexec_fn=before, text=not isinstance(stdin, bytes), timeout=60))

    @staticmethod
    def run_tty(argv, environ):
        """stdout is a terminal of 80 columns."""
        import fcntl
        import pty
        import struct
        import termios
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE,
                             env=environ)
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        err = p.stderr.read()
        p.wait(60)
        os.close(master)
        p.stdout, p.stderr = out.decode().replace("\r\n", "\n"), err.decode()
        return Result(type("P", (), {"returncode": p.returncode, "stdout": p.stdout,
                                     "stderr": p.stderr}))

    def ask(self, *args, **kw):
        """With --json; the answer and the exit status."""
        r = self.run("--json", *args, **kw)
        return r.json, r.status


@pytest.fixture
def site(tmp_path):
    s = Site(tmp_path)
    yield s
    if s.agent:
        s.agent.close()
