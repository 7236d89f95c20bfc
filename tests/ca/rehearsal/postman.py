"""Takes mail jobs, composes and sends them over SMTP in the background, tries again until they are taken.

Owns the outbox (in the snapshot) and the list of what was sent (in memory, the newest few thousand).
"""

import collections
import smtplib
import threading
import time

from .mails import compose

KEEP = 5000
RETRY = (0.2, 0.5, 1, 2, 5, 10, 30)
IDLE = 2.0


class Postman(threading.Thread):
    """One thread, one SMTP connection that is kept while there is work."""

    def __init__(self, state, keys, address):
        super().__init__(name="postman", daemon=True)
        self.state, self.keys, self.address = state, keys, address
        self.sender = f"bounce@{keys.domain}"
        self.wake = threading.Condition(state.lock)
        self.sent = collections.deque(maxlen=KEEP)
        self.count = {"sent": 0, "failed": 0, "retried": 0}
        self.stopping = False
        self.smtp = None

    def put(self, job):
        """Queue a job; the caller may hold the lock. Gives the mail's number."""
        with self.wake:
            job["number"] = self.state.data["mail_number"] = self.state.data.get("mail_number", 0) + 1
            job["message_id"] = self.state.token(24)
            job["not_before"] = time.time() + job.pop("delay", 0)
            job["tries"] = 0
            self.state.data["outbox"].append(job)
            self.state.touch()
            self.wake.notify()
            return job["number"]

    def stop(self):
        with self.wake:
            self.stopping = True
            self.wake.notify()
        self.join(5)

    def waiting(self):
        return len(self.state.data["outbox"])

    def _next(self):
        """The next job that is due, or None after a pause or at the end."""
        with self.wake:
            now = time.time()
            due = [job["not_before"] for job in self.state.data["outbox"][:1]]
            for job in self.state.data["outbox"]:
                if job["not_before"] <= now:
                    return job
                due.append(job["not_before"])
            if not self.stopping:
                self.wake.wait(max(0.01, min([IDLE] + [d - now for d in due])))
            return None

    def run(self):
        last = time.time()
        while not self.stopping:
            job = self._next()
            if job is None:
                if self.smtp and time.time() - last > IDLE:
                    self._close()
                continue
            last = time.time()
            self._one(job)
        self._close()

    def _one(self, job):
        try:
            raw = compose(job, self.keys)
        except Exception as error:  # a job that can't be composed must not stop the others
            self._done(job, b"", f"not composed: {error!r}")
            return
        if self.address is None or not job.get("deliver", True):
            self._done(job, raw, "kept, not sent")
            return
        try:
            self._send(job, raw)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            self._refused(job, raw, code, text)
        except smtplib.SMTPResponseException as error:
            self._refused(job, raw, error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            self._again(job, repr(error))
        else:
            self._done(job, raw, "sent")

    def _send(self, job, raw):
        if self.smtp is None:
            self.smtp = smtplib.SMTP(*self.address, local_hostname=f"mail.{self.keys.domain}", timeout=30)
            self.smtp.ehlo()
        options = []
        if self.smtp.has_extn("8bitmime") and not raw.isascii():
            options.append("BODY=8BITMIME")
        if not job["to"].isascii():
            options.append("SMTPUTF8")
        self.smtp.sendmail(self.sender, [job["to"]], raw, options)

    def _close(self):
        if self.smtp is not None:
            self.smtp.close()
            self.smtp = None

    def _refused(self, job, raw, code, text):
        if code == 421:
            self._close()
        if 400 <= code < 500:
            self._again(job, f"{code} {text!r}")
        else:
            self._done(job, raw, f"refused: {code} {text!r}")

    def _again(self, job, reason):
        with self.wake:
            job["not_before"] = time.time() + RETRY[min(job["tries"], len(RETRY) - 1)]
            job["tries"] += 1
            job["last_error"] = reason
            self.count["retried"] += 1

    def _done(self, job, raw, outcome):
        with self.wake:
            outbox = self.state.data["outbox"]
            for place, other in enumerate(outbox):      # a reset may have emptied it meanwhile
                if other is job:
                    del outbox[place]
                    break
            self.count["sent" if outcome in ("sent", "kept, not sent") else "failed"] += 1
            self.sent.append({"number": job["number"], "kind": job["kind"], "to": job["to"], "from": self.sender,
                              "language": job["language"], "token": job.get("token"), "account": job.get("account"),
                              "order_id": job.get("order_id"), "domain_id": job.get("domain_id"),
                              "outcome": outcome, "time": time.time(), "raw": raw})
            self.state.touch()
