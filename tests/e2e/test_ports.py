"""Ports that tests give out: never one to two, whoever asks, and none that is in use."""
import os
import socket
import subprocess
import sys

import pytest

import ports

ASK = "import sys; sys.path.insert(0, {here!r}); import ports; print(ports.free_port(), flush=True); sys.stdin.read()"


def only(monkeypatch, port):
    """From now on there is this one port to choose from."""
    monkeypatch.setattr(ports, "FIRST", port)
    monkeypatch.setattr(ports, "_below_ephemeral", lambda: port + 1)


def test_two_processes_never_get_the_same(monkeypatch):
    here = os.path.dirname(os.path.abspath(__file__))
    with subprocess.Popen([sys.executable, "-c", ASK.format(here=here)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as other:
        theirs = int(other.stdout.readline())
        assert ports.is_free(theirs), "nobody listens there"
        only(monkeypatch, theirs)
        with pytest.raises(RuntimeError):
            ports.free_port()
        other.stdin.close()
        other.wait(60)
    assert ports.free_port() == theirs, "it is free when they ended"
    with pytest.raises(RuntimeError):
        ports.free_port()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_what_is_in_use_is_not_given_out(monkeypatch, kind):
    port = ports.free_port()
    ports._held.pop().close()
    only(monkeypatch, port)
    with socket.socket(type=kind) as s:
        s.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        with pytest.raises(RuntimeError):
            ports.free_port()
    assert ports.free_port() == port


def test_the_kernel_does_not_take_them():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low, high = map(int, f.read().split())
    assert not low <= ports.free_port() <= high or low < ports.FIRST + 2000
