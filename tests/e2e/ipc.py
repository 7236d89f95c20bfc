"""Talking to the daemons' sockets: one JSON object per SOCK_SEQPACKET packet.

A larger object comes as {"memfd": size} with a sealed memfd (base/ipc.h).
"""
import array
import json
import os
import socket

PACKET_MAX = 65536


class Refused(Exception):
    """An answer that says no; `answer` is the whole of it."""

    def __init__(self, answer):
        super().__init__(f"{answer.get('code')}: {answer.get('text')}")
        self.answer = answer
        self.code = answer.get("code")


class Conversation:
    def __init__(self, path, timeout=60):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(timeout)
        self.sock.connect(path)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, message):
        self.sock.send(json.dumps(message).encode())

    def recv(self):
        """The next object, None when the peer has closed."""
        fds = array.array("i")
        data, control, _, _ = self.sock.recvmsg(PACKET_MAX, socket.CMSG_SPACE(fds.itemsize))
        for level, kind, payload in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[:fds.itemsize])
        if not data:
            return None
        message = json.loads(data)
        if fds:
            with os.fdopen(fds[0], "rb") as f:
                f.seek(0)
                message = json.loads(f.read(message["memfd"]))
        return message

    def ask(self, message):
        """Sends, waits, raises Refused when the answer's "ok" is false."""
        self.send(message)
        answer = self.recv()
        if answer is None:
            raise ConnectionError("closed without an answer")
        if not answer.get("ok", True):
            raise Refused(answer)
        return answer


def ask(path, message, timeout=60):
    with Conversation(path, timeout) as c:
        return c.ask(message)
