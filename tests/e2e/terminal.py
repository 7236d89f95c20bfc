"""A command run at a terminal: what it used, and how its progress moved."""
import os
import pty
import select
import time


def run(argv, env=None):
    """(exit status, seconds, most memory in MiB, lines of progress, longest time without output, text).

    The command is a child of a small process, not of the caller: what the caller used before would count as its memory.
    """
    began = last = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env or os.environ)
    still, text, peak, status = 0.0, b"", 0.0, None
    while status is None:
        ready = select.select([fd], [], [], 0.02)[0]
        try:
            more = os.read(fd, 65536) if ready else None
        except OSError:  # its last descriptor was closed
            more = b""
        now = time.monotonic()
        still = max(still, now - last)
        if more:
            last, text = now, text + more
        peak = max(peak, own_memory(pid, argv[0]))
        if more == b"" or not ready:
            done, code = os.waitpid(pid, 0 if more == b"" else os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if done else None
    os.close(fd)
    text = text.decode(errors="replace")
    return status, time.monotonic() - began, peak, text.count("\r") - text.count("\r\n"), still, text


def own_memory(pid, program):
    """The kernel's own count since its exec, as often as one looks; 0 before and after."""
    try:
        if os.readlink(f"/proc/{pid}/exe") != os.path.realpath(program):
            return 0.0
        with open(f"/proc/{pid}/status") as f:
            return next((int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:")), 0.0)
    except OSError:
        return 0.0
