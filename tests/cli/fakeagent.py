"""An agent that answers what a test tells it: doc/control.md's socket without what lies behind.

Speaks base/ipc.h on its own: one JSON object a packet, larger ones as a sealed memfd.
"""
import array
import fcntl
import json
import os
import socket
import threading

MAX = 65536
SEALS = (fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
         if hasattr(fcntl, "F_SEAL_SEAL") else 0x0F)
F_ADD_SEALS = getattr(fcntl, "F_ADD_SEALS", 1033)


def receive(conn):
    data, anc, _, _ = conn.recvmsg(MAX + 1, socket.CMSG_SPACE(4))
    if not data:
        return None
    msg = json.loads(data)
    for level, kind, raw in anc:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fd = array.array("i", raw)[0]
            with os.fdopen(fd, "rb") as f:
                f.seek(0)
                text = f.read()
            assert len(text) == msg["memfd"]
            return json.loads(text)
    return msg


def send(conn, msg):
    text = json.dumps(msg).encode()
    if len(text) <= MAX:
        conn.send(text)
        return
    fd = os.memfd_create("answer", os.MFD_ALLOW_SEALING)
    os.write(fd, text)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    conn.sendmsg([json.dumps({"memfd": len(text)}).encode()],
                 [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os.close(fd)


class FakeAgent:
    """ANSWERS: command -> answer, or a function of the request that gives one. Everything asked
    is kept in `requests`. A command that isn't there is refused."""

    def __init__(self, path, answers=None):
        self.path, self.answers, self.requests = path, dict(answers or {}), []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(path)
        self.sock.listen(8)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                try:
                    while (msg := receive(conn)) is not None:
                        self.requests.append(msg)
                        answer = self.answers.get(msg.get("cmd"))
                        if callable(answer):
                            answer = answer(msg)
                        if answer is None:
                            answer = {"ok": False, "class": "permanent", "code": "control.command",
                                      "text": "unknown command \"%s\"" % msg.get("cmd")}
                        send(conn, {"ok": True, **answer})
                except OSError:
                    pass

    def asked(self, cmd):
        return [r for r in self.requests if r["cmd"] == cmd]

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(5)
        os.unlink(self.path)
