"""A certmilterd of our own in a temporary directory, for tests.

As root it runs as the user certmilter (made if missing), with the spool laid out
as systemd/certmilter.tmpfiles does; otherwise as ourselves.
"""
import atexit
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import milterclient  # noqa: E402
import watchfile  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("CERTMILTER_BUILD", "build"))
SANITIZED = os.path.basename(BUILD) != "build"
if os.path.basename(BUILD) == "build-tsan":
    os.environ.setdefault("TSAN_OPTIONS", "atexit_sleep_ms=0")


def reachable(program):
    """A copy that the daemon's user may execute, wherever the checkout lies."""
    d = tempfile.mkdtemp(prefix="certmilterd-program-", dir="/tmp")
    os.chmod(d, 0o755)
    atexit.register(shutil.rmtree, d, ignore_errors=True)
    copy = os.path.join(d, os.path.basename(program))
    if os.path.exists(program):
        shutil.copy(program, copy)
        os.chmod(copy, 0o755)
    return copy


PROGRAM = reachable(os.path.join(BUILD, "sbin", "certmilterd"))

WATCH = dict(senders=["bounces.ca.test"], froms=["ca.test"], domains=["example.test"],
             addresses=["alice@example.test"])


def ensure_users():
    """Users certmilter and certagent, group certspool. Root only."""
    def have(f, name):
        try:
            return f(name)
        except KeyError:
            return None
    if not have(grp.getgrnam, "certspool"):
        subprocess.run(["groupadd", "--system", "certspool"], check=True)
    for user in ("certmilter", "certagent"):
        if not have(pwd.getpwnam, user):
            subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent",
                            "--shell", "/usr/sbin/nologin", "--groups", "certspool", user],
                           check=True)


def make_spool(path):
    """The directories with the owners that they have in production."""
    if os.getuid() != 0:
        os.makedirs(path, exist_ok=True)
        return
    ensure_users()
    gid = grp.getgrnam("certspool").gr_gid
    for sub, user, mode in (("", "root", 0o750), ("tmp", "certmilter", 0o2770),
                            ("new", "certmilter", 0o2770), ("cur", "certagent", 0o700),
                            ("dead", "certagent", 0o700)):
        d = os.path.join(path, sub)
        os.makedirs(d, exist_ok=True)
        os.chown(d, pwd.getpwnam(user).pw_uid, gid)
        os.chmod(d, mode)


def run_as(user):
    """Arguments for subprocess; nothing when we aren't root."""
    if os.getuid() != 0:
        return {}
    ensure_users()
    return dict(user=user, group=pwd.getpwnam(user).pw_gid,
                extra_groups=[grp.getgrnam("certspool").gr_gid])


class Milter:
    def __init__(self, listen=None, options=(), watch=WATCH, inet_port=None, preexec=None,
                 env=None, wrapper=()):
        self.dir = tempfile.mkdtemp(prefix="certmilterd-test-")
        os.chmod(self.dir, 0o755)
        self.spool = os.path.join(self.dir, "spool")
        self.watch = os.path.join(self.dir, "watch")
        self.run = os.path.join(self.dir, "run")
        os.mkdir(self.run)
        make_spool(self.spool)
        if os.getuid() == 0:
            os.chown(self.run, pwd.getpwnam("certmilter").pw_uid, -1)
        if watch is not None:
            watchfile.write(self.watch, **watch)
        self.options, self.preexec, self.env, self.wrapper = list(options), preexec, env, list(wrapper)
        self.listen = listen      # a listening socket to pass as fd:3
        self.inet_port = inet_port
        self.path = os.path.join(self.run, "milter.sock")
        self.address = f"inet:127.0.0.1:{inet_port}" if inet_port else f"unix:{self.path}"
        self.log = os.path.join(self.dir, "log")
        self.proc = None

    def start(self, wait=True):
        spec = f"unix:{self.path}"
        if self.inet_port:
            spec = f"inet:{self.inet_port}@127.0.0.1"
        kw = {}
        preexec = self.preexec
        if self.listen is not None:
            spec = "fd:3"
            fd, inner = self.listen.fileno(), self.preexec

            def preexec():
                if fd != 3:
                    os.dup2(fd, 3)
                os.set_inheritable(3, True)
                if inner:
                    inner()
            kw["close_fds"] = False  # Python's own are close-on-exec
        ready = self.log_text().count("milter.ready")
        log = open(self.log, "ab")
        self.proc = subprocess.Popen(
            [*self.wrapper, PROGRAM, "--socket", spec, "--spool", self.spool, "--watch",
             self.watch, "--socket-mode", "0666", *self.options],
            stderr=log, stdout=log, stdin=subprocess.DEVNULL, preexec_fn=preexec,
            env={**os.environ, **(self.env or {})}, **kw, **run_as("certmilter"))
        log.close()
        if wait:
            try:
                self.wait_for_log("milter.ready", count=ready + 1)
            except AssertionError:
                self.proc.kill()
                self.proc.wait()
                raise
        return self.proc

    def log_text(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_for_log(self, text, timeout=90, count=None):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            n = self.log_text().count(text)
            if n >= (count or 1):
                return
            if self.proc and self.proc.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"no {text!r} in the log:\n{self.log_text()}")

    def client(self, **kw):
        c = milterclient.Client(self.address, **kw)
        return c

    def session(self, addr="192.0.2.1", **kw):
        c = self.client(**kw)
        c.connect_info(addr=addr)
        return c

    def signal(self, sig):
        self.proc.send_signal(sig)

    def files(self, sub="new"):
        return milterclient.spool_files(self.spool, sub)

    def stop(self):
        """Drains, and doesn't wait for sessions."""
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGUSR2)
            try:
                self.wait_for_log("milter.drain", 5)
                self.proc.send_signal(signal.SIGTERM)
                self.proc.wait(5)
            except (subprocess.TimeoutExpired, AssertionError):
                self.proc.kill()
                self.proc.wait()

    def cleanup(self):
        self.stop()
        log = self.log_text()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert "Sanitizer" not in log and "runtime error" not in log, log


def listening_socket(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    os.chmod(path, 0o666)
    s.listen(1000)
    return s
