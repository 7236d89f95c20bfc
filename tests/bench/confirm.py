#!/usr/bin/python3
"""How long from "250 OK" for a CA's mail until its domain is confirmed at the (local) rehearsal CA.

    /usr/bin/python3 tests/bench/confirm.py [N]          (root; default 30 domains)

For each domain a bound validation mail is handed to Postfix by SMTP; the clock runs from its acceptance until the CA
has answered the form and shows the domain as valid. Prints the median beside what one bare page look-up over TLS takes
in the same run. It asserts nothing.
"""
import base64
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import privatesite  # noqa: E402


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    site = privatesite.Site(domains={f"b{i}.test": {"mode": "confirm"} for i in range(n)})
    took, steps = [], []
    try:
        site.start()
        site.ca.settings(rate_limits=False, send_mails=False)
        for i in range(n):
            name = f"b{i}.test"
            intent = site.ask("domain.add", domain=name)["intent"]
            site.wait(lambda: site.ask("show", what=f"intent:{intent}")["intent"]["state"] == "open", 30, "request")
            mail = [m for m in site.ca.get("mails", to=f"admin@{name}", raw=1)["mails"]][-1]
            site.send(base64.b64decode(mail["raw_base64"]), f"admin@{name}", "bounce@rehearsal-ca.test")
            t = time.monotonic()
            while site.ask("show", what=f"intent:{intent}")["intent"]["state"] != "confirmed":
                if time.monotonic() > t + 30:
                    raise SystemExit(f"{name} isn't confirmed")
                time.sleep(0.003)
            took.append(1000 * (time.monotonic() - t))
            t = time.monotonic()
            site.ca.get("tokens", domain=name)
            steps.append(1000 * (time.monotonic() - t))
        print(f"accepted by SMTP -> confirmed: median {statistics.median(took):.0f} ms, fastest {min(took):.0f}, "
              f"slowest {max(took):.0f} ({n} domains)")
        print(f"one control call of the CA: median {statistics.median(steps):.1f} ms")
    finally:
        site.remove()


if __name__ == "__main__":
    main()
