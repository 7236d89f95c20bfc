"""A real systemd, started as process 1 of namespaces of its own, on a copy-on-write view of this machine.

The view is an overlay: below lies this machine's / as it is, above what `make install DESTDIR=` laid down and what
the tests put there; nothing is written into the machine itself. Mounts, processes, host name and control groups are
the machine's own, the network is ours, so that a site's CA, DNS server and Postfix run outside as ever. Needs root and
a kernel with overlayfs; neither a systemd nor control groups version 2 need to be in use outside.

In there a shared directory of ours is /srv/site."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

INSIDE = "/srv/site"
# $1: scratch directory, $2: shared directory. First the control group, then the rest with it as the root of its own.
OUTER = """
set -e
mount --make-rprivate / 2>/dev/null || true  # in a chroot / may be no mount point
mount --bind "$1" "$1"
mount --make-rprivate "$1"
mkdir "$1/cgroup"
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$3"
echo 0 >"$1/cgroup/$3/cgroup.procs"
exec unshare --pid --fork --kill-child --mount --propagation unchanged --uts --ipc --cgroup sh -c "$INNER" sh "$@"
"""
INNER = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1/rw"
mkdir "$1/rw/work" "$1/rw/upper"
cp -a "$1/installed/." "$1/rw/upper"
mkdir -p "$1/rw/upper/srv/site" "$1/rw/upper/etc/systemd"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/rw/upper,workdir=$1/rw/work" "$1/root"
cd "$1/root"
# what is enabled on the machine itself is not ours to start
mount -t tmpfs -o mode=755 tmpfs etc/systemd
mkdir etc/systemd/system
ln -s /dev/null etc/systemd/system/systemd-journald-audit.socket  # the kernel's audit is not ours to switch
printf '[Journal]\\nAudit=\\nReadKMsg=no\\n' >etc/systemd/journald.conf
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys  # the kernel's settings are not ours to change
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for d in run var/log; do mount -t tmpfs -o mode=755 tmpfs $d; done
for d in tmp var/tmp; do mount -t tmpfs -o mode=1777 tmpfs $d; done
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm dev/mqueue
ln -s pts/ptmx dev/ptmx
for n in null zero full random urandom tty; do : >dev/$n; mount --bind /dev/$n dev/$n; done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
: >etc/fstab
mount --bind "$2" srv/site
exec "$PYTHON" -c "$PIVOT"
"""
# A process in a chroot may make no user namespace (PrivateUsers=), and a test may run in one: out of it, and the view
# becomes the root of the mount namespace. Shared, as credentials come by a mount that a child of process 1 makes.
PIVOT = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    if libc[name](*args):
        raise OSError(ctypes.get_errno(), name)
view, own = os.open(".", os.O_RDONLY), os.open("/proc/self/ns/mnt", os.O_RDONLY)
call("setns", own, 0x20000)  # CLONE_NEWNS
os.fchdir(view)
call("pivot_root", b".", b".")
call("umount2", b".", 2)  # MNT_DETACH
os.chroot(".")
os.chdir("/")
call("mount", None, b"/", None, 0x104000, None)  # MS_REC | MS_SHARED
os.execve("/lib/systemd/systemd", ["systemd", "--system", "--unit=basic.target", "--log-target=journal",
                                   "--log-level=warning", "--show-status=no"],
          {"container": "certmilter-tests", "PATH": "/usr/sbin:/usr/bin"})
"""


def processes():
    """All of this machine: number and /proc/N/status."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/status") as f:
                yield int(name), f.read()


class Machine:
    """INSTALLED: a directory whose files lie above the machine's; SHARED: what is /srv/site in there."""

    def __init__(self, installed, shared):
        self.installed, self.shared, self.process, self.pid = installed, shared, None, None
        self.dir = tempfile.mkdtemp(prefix="cm-boot-", dir="/tmp")
        self.group = os.path.basename(self.dir)

    def start(self):
        for name in ("rw", "root", "installed"):
            os.mkdir(os.path.join(self.dir, name))
        subprocess.run(["cp", "-a", f"{self.installed}/.", os.path.join(self.dir, "installed")], check=True)
        with open(os.path.join(self.dir, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", OUTER, "sh", self.dir, self.shared,
                 self.group], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={
                    **os.environ, "INNER": INNER, "PIVOT": PIVOT, "PYTHON": sys.executable})
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            self.pid = self._first_process()
            if self.pid and self.run("systemctl", "is-system-running", ok=None).strip() in ("running", "degraded"):
                return self
            time.sleep(0.1)
        raise RuntimeError("no systemd: " + self.log())

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()

    def _first_process(self):
        """Process 1 in there, by our number, once it is systemd."""
        return next((n for n, text in processes() if f"\nPPid:\t{self.process.pid}\n" in text
                     and text.startswith("Name:\tsystemd\n")), None)

    def host_pid(self, inner):
        """A process in there by our number."""
        space = os.stat(f"/proc/{self.pid}/ns/pid").st_ino
        for n, text in processes():
            with contextlib.suppress(OSError):
                if re.search(rf"(?m)^NSpid:.*\t{inner}$", text) and os.stat(f"/proc/{n}/ns/pid").st_ino == space:
                    return n
        raise LookupError(f"no process {inner}")

    def path(self, name):
        """Where a file in there is found from outside, by root."""
        return f"/proc/{self.pid}/root{name}"

    def run(self, *args, ok=(0,), stdin=None):
        """Runs a command in there as root; what it said."""
        r = subprocess.run(["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--pid", "--cgroup",
                            "--root", "--wd", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                            "LANG=C.UTF-8", *args], input=stdin or "", text=True, capture_output=True, timeout=180)
        assert ok is None or r.returncode in ok, (args, r.returncode, r.stdout, r.stderr, self.journal())
        return r.stdout + r.stderr

    def journal(self, *units):
        """What the units said; all of them if none is named."""
        args = [f"--unit={u}" for u in units]
        r = subprocess.run(["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "journalctl", "-q",
                            "--no-pager", "-o", "cat", *args], text=True, capture_output=True)
        return r.stdout[-8000:] if not units else r.stdout

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def drop_in(self, unit, *lines):
        """As "systemctl edit" would."""
        self.write(f"/etc/systemd/system/{unit}.d/override.conf", "[Service]\n" + "".join(f"{x}\n" for x in lines))
        self.run("systemctl", "daemon-reload")

    def property(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def stop(self):
        """Ends all of it. Process 1 takes every other with it."""
        if self.process:
            if self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self._remove_group()
        subprocess.run(["rm", "-rf", "--one-file-system", self.dir], check=False)

    def _remove_group(self):
        """The control groups that systemd made; seen through a mount of our own, as outside there may be none."""
        script = ('mkdir -p "$1/cgroup" && mount -t cgroup2 cgroup2 "$1/cgroup" && '
                  'for n in 1 2 3 4 5 6 7 8 9 10; do find "$1/cgroup/$2" -depth -type d -exec rmdir {} + 2>/dev/null; '
                  '[ -d "$1/cgroup/$2" ] || exit 0; sleep 0.2; done')
        subprocess.run(["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", script, "sh", self.dir,
                        self.group], stderr=subprocess.DEVNULL, check=False)
