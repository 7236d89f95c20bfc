"""The CA's own regular look at random values in DNS and HTTP, when the setting dcv_poll asks for it.

Owns its thread. CertCentral looks by itself for about a week; here the pause is the setting, in seconds.
"""

import threading
import time

from . import dcv, looking, orders


def waiting(ca):
    """Domains with a random value that nobody has found yet: (domain, method, token)."""
    with ca.state.lock:
        return [(d, d["method"], d["token"]["token"]) for d in ca.state.data["domains"].values()
                if d["method"] != "email" and d["token"] and d["token"]["status"] == "pending"]


def look(ca):
    """One round over all waiting domains; DNS and HTTP are asked without the lock."""
    for domain, method, token in waiting(ca):
        if looking.proves(ca, domain["name"], method, token) is None:
            with ca.state.lock:
                if domain["token"]["token"] == token and domain["method"] == method:
                    dcv.make_valid(ca, domain, "this", orders.advancer(ca))


def start(ca):
    def run():
        last = time.monotonic()
        while True:
            time.sleep(0.1)
            pause = ca.setting("dcv_poll")
            if pause and time.monotonic() - last >= pause:
                look(ca)
                last = time.monotonic()
    threading.Thread(target=run, name="polling", daemon=True).start()
