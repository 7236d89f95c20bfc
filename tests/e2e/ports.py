"""Ports of loopback for daemons of tests, each given out once among all processes of tests on this machine.

They lie below the range that the kernel takes for outgoing connections: a daemon that is stopped and started again
finds its port free, whatever is connected meanwhile. An abstract socket named after the port, held until this process
ends, keeps other processes away from it, also before the daemon listens and while it is down."""
import random
import socket

FIRST = 10000
_held = []


def _below_ephemeral():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low = int(f.read().split()[0])
    return low if low >= FIRST + 2000 else 65536


def is_free(port):
    """Can a daemon listen there now, over TCP and UDP?"""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as s:
            if kind == socket.SOCK_STREAM:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as daemons do: old connections don't count
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port():
    """A port that is this process's own until it ends."""
    end = _below_ephemeral()
    for _ in range(10000):
        port = random.SystemRandom().randrange(FIRST, end)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            mark.bind(f"\0certmilter-test-port-{port}")
        except OSError:
            mark.close()
            continue
        if is_free(port):
            _held.append(mark)
            return port
        mark.close()
    raise RuntimeError("no port is free")
