"""The three daemons, each under its own user, as systemd would start them.

Users come from systemd/certmilter.sysusers; nothing else of the host changes. The milter gets its listening socket
as descriptor 3 (as from certmilterd.socket) unless it is told to open it itself.
"""
import grp
import os
import pwd
import re
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
USERS = ("certmilter", "certagent", "certkeeper")


def ensure_users():
    try:
        for name in USERS:
            pwd.getpwnam(name)
        members = grp.getgrnam("certspool").gr_mem
        if "certmilter" in members and "certagent" in members:
            return
    except KeyError:
        pass
    subprocess.run(["systemd-sysusers", os.path.join(ROOT, "systemd", "certmilter.sysusers")], check=True)


def own(path, user, group=None, mode=None):
    os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid if group else pwd.getpwnam(user).pw_gid)
    if mode is not None:
        os.chmod(path, mode)


def make_spool(path):
    """As systemd/certmilter.tmpfiles does."""
    for sub, user, mode in (("", "root", 0o750), ("tmp", "certmilter", 0o2770), ("new", "certmilter", 0o2770),
                            ("cur", "certagent", 0o700), ("dead", "certagent", 0o700)):
        d = os.path.join(path, sub)
        os.makedirs(d, exist_ok=True)
        own(d, user, "certspool", mode)


class Daemon:
    """One process that restarts can be asked for; its log is a file."""

    def __init__(self, name, user, command, log, ready, groups=(), listen=None):
        self.name, self.user, self.command, self.log, self.ready = name, user, command, log, ready
        self.groups = [grp.getgrnam(g).gr_gid for g in groups]
        self.listen, self.proc, self.env = listen, None, {}

    def start(self, wait=True, extra=()):
        def third():
            if self.listen.fileno() != 3:
                os.dup2(self.listen.fileno(), 3)
            os.set_inheritable(3, True)
        more = dict(preexec_fn=third, close_fds=False) if self.listen else {}
        seen = self.log_text().count(self.ready)
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                                       "TSAN_OPTIONS")} | self.env
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(
                [*self.command, *extra], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=env,
                start_new_session=True, user=self.user, group=pwd.getpwnam(self.user).pw_gid,
                extra_groups=self.groups, umask=0o077, **more)
        until = time.monotonic() + 90
        while wait and self.log_text().count(self.ready) <= seen:
            if self.proc.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} doesn't start:\n{self.log_text()[-4000:]}")
            time.sleep(0.01)
        return self

    def log_text(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def complaint(self):
        """What a sanitizer wrote into the log, None if nothing; see CERTMILTER_BUILD."""
        log = self.log_text()
        said = re.search(r"(Address|Leak|Thread)Sanitizer|: runtime error: ", log)
        return f"{self.name}:\n{log[max(0, said.start() - 200):said.start() + 6000]}" if said else None

    def wait_log(self, text, timeout=90, after=0):
        """Until TEXT stands in the log behind position AFTER."""
        until = time.monotonic() + timeout
        while text not in self.log_text()[after:]:
            if time.monotonic() > until:
                raise AssertionError(f"no {text!r} in the log of {self.name}:\n{self.log_text()[-4000:]}")
            time.sleep(0.02)

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout=90):
        if self.running():
            self.proc.send_signal(sig)
            try:
                self.proc.wait(timeout)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
                raise AssertionError(f"{self.name} doesn't stop:\n{self.log_text()[-4000:]}") from None
        status = self.proc.returncode if self.proc else None
        self.proc = None
        return status

    def kill(self):
        if self.running():
            self.proc.kill()
            self.proc.wait()
        self.proc = None


def milter_socket(path):
    """A listening socket that Postfix may use, as certmilterd.socket makes it."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(path):
        os.unlink(path)
    s.bind(path)
    own(path, "certmilter", "postfix", 0o660)
    s.listen(1024)
    return s
