"""What the CA remembers: accounts, organizations, domains, orders, certificates, tokens, counters, settings.

Plain dicts under one lock, so that the snapshot is one JSON file. Owns state.json and accounts.json. A crash
loses at most the last half second.
"""

import json
import pathlib
import random
import string
import threading
import time

from .keys import write_file

ALNUM = string.ascii_lowercase + string.digits
TABLES = ("organizations", "domains", "orders", "certificates", "requests")   # keyed by number
DEFAULTS = {
    "language": "en",                 # of mails and pages without a locale
    "id_in_mail": True,               # False: no Order, Domain ID and number in the subject ("unbound")
    "id_kind": "order",               # certificate: the number in order mails is the certificate's
    "id_in_page": True,
    "id_in_mailbox_mail": False,
    "one_token_per_address": True,    # False: all copies of one request carry one token
    "raw_names": False,               # True: what an applicant typed goes into mail and page as it is
    "mailbox_validation": "unless-domain-validated",   # or "always"
    "mailbox_page": "button",         # or "get": opening the link confirms
    "mailbox_reuse": True,            # a mailbox stays valid for 30 days
    "license_agreement": "Synthetic agreement of a rehearsal CA.",   # beside each product; "" tells none
    "page_fault": None,               # see pages.FAULTS
    "duplicate_pem": False,           # downloads give the first certificate of the order
    "certificate_fault": None,        # see issue.FAULTS
    "issued_form": "zip",             # zip | pem_text | p7b | crt | link | none | wrong_type
    "issued_to": "mailbox",           # or a list of addresses
    "issue_delay": 0.2,
    "immediate_issue": False,         # order answers carry the certificate where nothing is left to do
    "mail_faults": [],                # see signing.FAULTS; for every mail
    "mail_delay": 0,
    "send_mails": True,
    "rate_limits": True,
    "rate_short": [100, 5],
    "rate_long": [1000, 180],
    "require_user_agent": True,
    "dcv_poll": 0,                    # seconds between the CA's own looks at DNS tokens; 0: never
    "dcv_days": 30, "mailbox_hours": 24, "domain_valid_days": 199,
    "tell_marks": True,               # False: order info has neither the CSR nor the requests' comments
    "tell_prices": False,             # GET /product/{id} has "pricing"
    "list_validations": True,         # False: organizations of the list come without their validations
    "foreign_403": False,             # what is another account's answers 403, not 404
    "contact_txt": True,              # also write to the address in _validation-contactemail
    "http_file": None,                # path of http_token_url instead of the right one
}


class State:
    """All tables, and the lock that every reader and writer holds."""

    def __init__(self, directory, seed=None):
        self.lock = threading.RLock()
        self.dir = pathlib.Path(directory)
        self.dirty = False
        data = self._load()
        self.data = data
        data["starts"] = data.get("starts", 0) + 1
        self.random = random.SystemRandom() if seed is None else random.Random(f"{seed}/{data['starts']}")
        for table in TABLES:
            data[table] = {int(k): v for k, v in data.get(table, {}).items()}
        for table in ("accounts", "tokens", "mailboxes", "supports"):
            data.setdefault(table, {})
        for table in ("changes", "faults", "outbox", "metadata"):
            data.setdefault(table, [])
        data["settings"] = {**DEFAULTS, **data.get("settings", {})}
        counters = data.setdefault("counters", {})
        counters.setdefault("requests", {})
        counters.setdefault("orders", {})
        next_ids = {"organizations": 310000, "domains": 520000, "orders": 160000000, "certificates": 240000000,
                    "requests": 40000, "accounts": 910000, "users": 7000}
        start = data.setdefault("next", {})
        for table, low in next_ids.items():
            start.setdefault(table, low + self.random.randrange(low // 10))
        self.by_email = {}
        self.by_domain = {(d["account"], d["name"]): d["id"] for d in data["domains"].values()}
        self.open_orders = set()
        for order in data["orders"].values():
            self.index_order(order)

    def _load(self):
        try:
            return json.loads((self.dir / "state.json").read_text())
        except FileNotFoundError:
            return {}

    # numbers and random values

    def number(self, table):
        """A new id; the step is random, as at a CA that serves others too."""
        self.data["next"][table] += self.random.randrange(1, 9)
        return self.data["next"][table]

    def token(self, length=32):
        return "".join(self.random.choice(ALNUM) for _ in range(length))

    def support_id(self):
        return "S-" + self.token(8).upper()

    def setting(self, name):
        return self.data["settings"][name]

    # accounts

    def add_account(self, name, company):
        """An account with its keys and one validated organization; an existing one stays as it is."""
        if name in self.data["accounts"]:
            return
        account = {"name": name, "key": self.token(64).upper(), "view_key": self.token(64).upper(),
                   "account_id": self.number("accounts"), "user_id": self.number("users"), "role": "administrator",
                   "balance": 1000000.0}
        self.data["accounts"][name] = account
        organization = self.add_organization(name, {"name": company})
        organization["validations"] = [validation("ov", "active", 397), validation("smime", "active", 825)]
        account["organization_id"] = organization["id"]
        self.touch()

    def add_organization(self, account, body):
        number = self.number("organizations")
        organization = {
            "id": number, "account": account, "status": "active", "is_active": True, "name": body["name"],
            "assumed_name": body.get("assumed_name", ""), "display_name": body["name"],
            "address": body.get("address", "1 Rehearsal Street"), "city": body.get("city", "Sampletown"),
            "state": body.get("state", "Samplestate"), "zip": body.get("zip", "12345"),
            "country": body.get("country", "de").lower(), "telephone": body.get("telephone", "+49 30 5550100"),
            **{k: body[k] for k in ("organization_contact", "technical_contact") if k in body},
            "identifier": f"NTR{body.get('country', 'de').upper()}-REHEARSAL-{number}", "validations": []}
        self.data["organizations"][number] = organization
        self.touch()
        return organization

    def write_accounts(self):
        fields = ("key", "view_key", "account_id", "organization_id")
        accounts = {a["name"]: {f: a[f] for f in fields} for a in self.data["accounts"].values()}
        write_file(self.dir / "accounts.json", json.dumps(accounts, indent=1) + "\n", 0o600)

    def account_of_key(self, key):
        """(account, may write) of an API key, or (None, False)."""
        for account in self.data["accounts"].values():
            if key == account["key"]:
                return account, True
            if key == account["view_key"]:
                return account, False
        return None, False

    # orders

    def index_order(self, order):
        for email in order["emails"]:
            ids = self.by_email.setdefault(email.lower(), [])
            if order["id"] not in ids:
                ids.append(order["id"])
        if order["status"] in ("pending", "needs_approval", "processing", "reissue_pending"):
            self.open_orders.add(order["id"])
        else:
            self.open_orders.discard(order["id"])

    def set_status(self, order, status):
        """The only way an order changes its status: status-changes are written here."""
        if order["status"] != status:
            order["status"] = status
            order["status_last_updated"] = time.time()
            self.data["changes"].append([time.time(), order["account"], order["id"], order["certificate_id"], status])
            del self.data["changes"][:-20000]
        self.index_order(order)
        self.touch()

    def count(self, pattern):
        requests = self.data["counters"]["requests"]
        requests[pattern] = requests.get(pattern, 0) + 1

    # snapshot

    def touch(self):
        self.dirty = True

    def save(self):
        """Write state.json if anything changed; takes the lock only to serialize."""
        with self.lock:
            if not self.dirty:
                return
            self.dirty = False
            text = json.dumps(self.data)
        write_file(self.dir / "state.json", text, 0o600)


def validation(kind, status, days=None):
    """One entry of a validations list."""
    names = {"ov": ("OV", "Normal Organization Validation"), "ev": ("EV", "Extended Organization Validation (EV)"),
             "smime": ("SMIME", "S/MIME Organization Validation"), "cs": ("CS", "Code Signing Validation"),
             "ds": ("DS", "Document Signing Validation")}
    label, description = names.get(kind, (kind.upper(), kind))
    entry = {"type": kind, "name": label, "description": description, "status": status}
    if days:
        entry["date_created"] = stamp(time.time())
        entry["validated_until"] = stamp(time.time() + days * 86400)
    return entry


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def day(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
