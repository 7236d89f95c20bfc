"""A milter protocol client: the MTA's side, and every way in which an MTA never behaves.

Speaks version 6 as Sendmail's libmilter and Postfix do: packets of a 32-bit
big-endian length, a command byte and its data. Nothing is checked or repaired on
the way out, so that NUL bytes, wrong lengths and half packets can be sent.
"""
import os
import socket
import struct

# actions and protocol bits (mfapi.h)
ADDHDRS, CHGHDRS, SETSYMLIST = 0x01, 0x10, 0x100
ALL_ACTIONS = 0x1FF
NR = {"C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "U": 0x20000,
      "N": 0x40000, "L": 0x80, "B": 0x80000}
LEADSPC = 0x100000
SKIP = 0x400
ALL_STEPS = 0x1FFFFF

ACCEPT, CONTINUE, TEMPFAIL, REJECT = b"a", b"c", b"t", b"r"


class Closed(Exception):
    """The milter closed the connection."""


class Mod:
    """A change that the milter asked for before its final answer."""

    def __init__(self, kind, index, name, value):
        self.kind, self.index, self.name, self.value = kind, index, name, value

    def __repr__(self):
        return f"{self.kind} {self.index} {self.name!r} {self.value!r}"


def connect(address, timeout=60):
    """ADDRESS as Postfix writes it: unix:PATH or inet:HOST:PORT."""
    kind, rest = address.split(":", 1)
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.connect(rest)
    else:
        host, port = rest.rsplit(":", 1)
        s = socket.create_connection((host, int(port)), timeout)
    return s


class Client:
    def __init__(self, address, timeout=60, negotiate=True, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.sock = connect(address, timeout)
        self.buf = b""
        self.pflags = 0
        self.symbols = {}
        self.mods = []
        if negotiate:
            self.negotiate(actions, steps)

    # --- packets ---------------------------------------------------------------
    def raw(self, data):
        self.sock.sendall(data)

    def send(self, cmd, data=b""):
        self.raw(struct.pack("!I", len(data) + 1) + cmd.encode() + data)

    def recv_packet(self):
        def need(n):
            while len(self.buf) < n:
                try:
                    more = self.sock.recv(65536)
                except ConnectionResetError:
                    more = b""
                if not more:
                    raise Closed()
                self.buf += more
        need(4)
        n = struct.unpack("!I", self.buf[:4])[0]
        need(4 + n)
        packet, self.buf = self.buf[4:4 + n], self.buf[4 + n:]
        return packet[:1], packet[1:]

    # --- negotiation --------------------------------------------------------------
    def negotiate(self, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.send("O", struct.pack("!III", 6, actions, steps))
        cmd, data = self.recv_packet()
        assert cmd == b"O", cmd
        self.version, self.actions, self.pflags = struct.unpack("!III", data[:12])
        rest = data[12:]
        while len(rest) >= 5:
            place = struct.unpack("!I", rest[:4])[0]
            text, rest = rest[4:].split(b"\0", 1)
            self.symbols[place] = text.decode()

    def expects_reply(self, cmd):
        return not self.pflags & NR.get(cmd, 0)

    def step(self, cmd, data=b"", macros=None):
        """Sends one command; returns the answer, or None where none was agreed."""
        if macros:
            self.send("D", cmd.encode() + b"".join(
                k.encode() + b"\0" + v.encode() + b"\0" for k, v in macros.items()))
        self.send(cmd, data)
        if not self.expects_reply(cmd):
            return None
        return self.answer()

    def answer(self):
        while True:
            cmd, data = self.recv_packet()
            if cmd == b"h":
                name, value = data.split(b"\0")[:2]
                self.mods.append(Mod("add", 0, name, value))
            elif cmd == b"m":
                name, value = data[4:].split(b"\0")[:2]
                self.mods.append(Mod("change", struct.unpack("!I", data[:4])[0], name, value))
            elif cmd == b"p":
                continue
            else:
                return cmd

    # --- commands ------------------------------------------------------------------
    def connect_info(self, host="client.test", addr="192.0.2.1", port=4242, family=None):
        if family is None:
            family = "6" if ":" in addr else "4"
        data = host.encode() + b"\0" + family.encode()
        if family != "U":
            data += struct.pack("!H", port) + addr.encode() + b"\0"
        return self.step("C", data)

    def mail(self, sender):
        return self.step("M", sender.encode("utf-8", "surrogateescape") + b"\0")

    def rcpt(self, recipient):
        return self.step("R", recipient.encode("utf-8", "surrogateescape") + b"\0")

    def data(self):
        return self.step("T")

    def header(self, name, value):
        """VALUE with its leading white space, as the wire had it."""
        if isinstance(name, str):
            name = name.encode()
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        if not self.pflags & LEADSPC and value[:1] == b" ":
            value = value[1:]
        return self.step("L", name + b"\0" + value + b"\0")

    def eoh(self, queue_id="4TESTQ"):
        return self.step("N", macros={"i": queue_id} if queue_id else None)

    def body(self, data):
        answer = None
        for i in range(0, len(data), 65535):
            answer = self.step("B", data[i:i + 65535])
        return answer

    def eom(self):
        self.mods = []
        return self.step("E")

    def abort(self):
        self.send("A")

    def quit(self):
        self.send("Q")
        self.sock.close()

    def close(self):
        self.sock.close()

    # --- a whole message -------------------------------------------------------------
    def message(self, raw, sender, recipients, queue_id="4TESTQ"):
        """Sends RAW (bytes, CRLF) as an MTA does. Returns (answer, stage)."""
        self.mail(sender)
        for r in recipients:
            self.rcpt(r)
        a = self.data()
        if a != CONTINUE:
            return a, "data"
        head, _, body = raw.partition(b"\r\n\r\n")
        for name, value in split_fields(head):
            self.header(name, value)
        a = self.eoh(queue_id)
        if a != CONTINUE:
            return a, "eoh"
        self.body(body)
        return self.eom(), "eom"


def split_fields(head):
    """Header fields as (name, value with leading white space), folds as LF."""
    out = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and out:
            out[-1][1] += b"\n" + line
        else:
            name, _, value = line.partition(b":")
            out.append([name, value])
    return out


def spool_files(spool, sub="new"):
    """The spool's files, oldest first: (envelope dict, raw bytes)."""
    import json
    out = []
    d = os.path.join(spool, sub)
    for name in sorted(os.listdir(d)):
        with open(os.path.join(d, name), "rb") as f:
            line, raw = f.read().split(b"\n", 1)
        env = json.loads(line)
        assert name.startswith(env["id"] + ".")
        assert env["size"] == len(raw)
        out.append((env, raw))
    return out
