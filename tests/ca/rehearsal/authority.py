"""The CA as one object: state, keys, postman, addresses and a clock for what happens later. Owns the threads."""

import heapq
import itertools
import sys
import threading
import time
import traceback

from . import looking
from .postman import Postman

CONTACTS_KEPT = 10


class Clock(threading.Thread):
    """Runs functions at their time, one after the other."""

    def __init__(self):
        super().__init__(name="clock", daemon=True)
        self.wake = threading.Condition()
        self.heap, self.order, self.stopping = [], itertools.count(), False

    def at(self, delay, function, *args):
        with self.wake:
            heapq.heappush(self.heap, (time.monotonic() + delay, next(self.order), function, args))
            self.wake.notify()

    def stop(self):
        with self.wake:
            self.stopping = True
            self.wake.notify()
        self.join(5)

    def run(self):
        while True:
            with self.wake:
                while not self.stopping and (not self.heap or self.heap[0][0] > time.monotonic()):
                    self.wake.wait(self.heap[0][0] - time.monotonic() if self.heap else None)
                if self.stopping:
                    return
                _, _, function, args = heapq.heappop(self.heap)
            try:
                function(*args)
            except Exception:  # the clock has to go on for the others
                traceback.print_exc(file=sys.stderr)


class Authority:
    """What every part of the CA gets handed."""

    def __init__(self, state, keys, https_port, http_port, smtp=None, dns=None, dcv_http=("127.0.0.1", 80)):
        self.state, self.keys, self.domain = state, keys, keys.domain
        self.https_port, self.http_port = https_port, http_port
        self.dns, self.dcv_http = dns, dcv_http
        self.postman = Postman(state, keys, smtp)
        self.clock = Clock()
        self.by_serial = {}
        self._contacts = {}

    def page_url(self, path):
        port = "" if self.https_port == 443 else f":{self.https_port}"
        return f"https://validation.{self.domain}{port}{path}"

    def http_base(self, host):
        port = "" if self.http_port == 80 else f":{self.http_port}"
        return f"http://{host}.{self.domain}{port}"

    def setting(self, name):
        return self.state.setting(name)

    def contacts(self, domain):
        """Contact addresses in the domain's DNS. Asked without the lock first, then taken from here."""
        found = self._contacts.get(domain)
        if not found or found[0] < time.monotonic():
            found = time.monotonic() + CONTACTS_KEPT, looking.contact_addresses(self, domain)
            self._contacts[domain] = found
        return found[1]

    def start(self):
        self.clock.start()
        self.postman.start()
        self._save_often()

    def stop(self):
        self.clock.stop()
        self.postman.stop()
        self.state.touch()      # counters alone don't ask for a snapshot
        self.state.save()

    def _save_often(self):
        begin = time.monotonic()
        self.state.save()
        # a big state takes long to write: then write it less often
        self.clock.at(max(0.5, 20 * (time.monotonic() - begin)), self._save_often)

    def mail(self, kind, to, **job):
        """Queue a mail. Settings that shape it are taken now, not when it is sent."""
        settings = self.state.data["settings"]
        job = {"kind": kind, "to": to, "show_ids": settings["id_in_mail"], "raw_names": settings["raw_names"],
               "deliver": settings["send_mails"], "delay": settings["mail_delay"], **job}
        job["faults"] = list(job.get("faults") or []) + list(settings["mail_faults"])
        return self.postman.put(job)
