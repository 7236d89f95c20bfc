"""The agent's control socket from Python; doc/control.md is the contract."""
import array
import json
import os
import socket


class Refused(Exception):
    """The agent's answer wasn't ok; .answer holds it."""

    def __init__(self, answer):
        super().__init__(f"{answer.get('code')}: {answer.get('text')}")
        self.answer = answer


def ask(path, cmd, timeout=60, **fields):
    """One request. Gives the answer; Refused if it isn't ok, OSError if nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(timeout)
        s.connect(path)
        s.send(json.dumps({"v": 1, "cmd": cmd, "by": "tester", **fields}).encode())
        answer = _receive(s)
    if not answer.get("ok"):
        raise Refused(answer)
    return answer


def _receive(s):
    data, ancillary, _, _ = s.recvmsg(65537, socket.CMSG_SPACE(4 * 8))
    if not data:
        raise ConnectionError("the agent closed the connection")
    head = json.loads(data)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[:len(payload) // 4 * 4])
    try:
        if "memfd" not in head:
            return head
        return json.loads(os.pread(fds[0], head["memfd"], 0))
    finally:
        for fd in fds:
            os.close(fd)
