"""Validation of domains and mailboxes: who is asked, which token went out, what an answer makes valid.

Owns the tables domains, tokens, supports (requests of one moment) and mailboxes. Callers hold the lock.
"""

import time
import urllib.parse

from . import words
from .state import stamp, validation

ROLES = ("admin", "administrator", "webmaster", "hostmaster", "postmaster")
METHODS = ("email", "dns-txt-token", "dns-cname-token", "http-token", "http-token-dynamic")
DAY = 86400


def role_addresses(domain):
    return [f"{role}@{domain}" for role in ROLES]


def domain_part(mailbox):
    domain = mailbox.rpartition("@")[2].lower()
    return domain if domain.isascii() else domain.encode("idna").decode()


# domains

def find_domain(ca, account, name):
    return ca.state.data["domains"].get(ca.state.by_domain.get((account, name)))


def add_domain(ca, account, name, organization_id, method="email"):
    domain = {"id": ca.state.number("domains"), "account": account, "name": name, "is_active": True,
              "organization_id": organization_id, "created": time.time(), "submitted": [], "method": method,
              "token": None, "valid_since": None, "valid_until": None, "scope": None, "email_array": [],
              "locale": None, "sent": []}
    ca.state.data["domains"][domain["id"]] = domain
    ca.state.by_domain[account, name] = domain["id"]
    ca.state.touch()
    return domain


def is_valid(domain):
    return bool(domain["valid_until"] and domain["valid_until"] > time.time() and domain["is_active"])


def covering(ca, account, name):
    """A valid domain of the account that covers the name: itself or a parent."""
    while "." in name:
        domain = find_domain(ca, account, name)
        if domain and is_valid(domain):
            return domain
        name = name.partition(".")[2]
    return None


def make_valid(ca, domain, scope, advance):
    """The domain is proven. advance(account) lets waiting orders go on."""
    domain["valid_since"] = time.time()
    domain["valid_until"] = time.time() + ca.setting("domain_valid_days") * DAY
    domain["scope"] = scope
    if domain["token"]:
        domain["token"]["status"] = "active"
    if not domain["submitted"]:
        domain["submitted"] = ["ov"]
    ca.state.touch()
    advance(domain["account"])


def new_token(ca, domain):
    """A random value for DNS or HTTP; the domain's older one dies."""
    value = ca.state.token()
    verification = f"dcv.{ca.domain}" if domain["method"] == "dns-cname-token" else value
    token = {"token": value, "status": "pending", "expiration_date": stamp(time.time() + 30 * DAY),
             "verification_value": verification}
    if domain["method"].startswith("http"):
        name = "fileauth" if domain["method"] == "http-token" else value[:16]
        path = ca.setting("http_file") or f"/.well-known/pki-validation/{name}.txt"  # the setting: misbehaving
        token["http_token_url"] = f"http://{domain['name']}{path}"
    domain["token"] = token
    ca.state.touch()
    return token


def validations_of(domain):
    entries = []
    for kind in domain["submitted"]:
        entry = validation(kind, "active" if is_valid(domain) else "pending")
        entry["dcv_status"] = "complete" if is_valid(domain) else "pending"
        if is_valid(domain):
            entry["date_created"] = stamp(domain["valid_since"])
            entry["validated_until"] = stamp(domain["valid_until"])
        entries.append(entry)
    return entries


# tokens in mails

def add_token(ca, kind, support, address, hours, value=None, **fields):
    value = value or ca.state.token()
    token = {"token": value, "kind": kind, "support_id": support, "addresses": [address], "created": time.time(),
             "expires": time.time() + hours * 3600, "used": None, "scope": None, "gets": 0, "posts": 0,
             "page_fault": None, **fields}
    ca.state.data["tokens"][value] = token
    ca.state.data["supports"].setdefault(support, {"tokens": [], "done": None})["tokens"].append(value)
    ca.state.touch()
    return token


def ask_domain(ca, account, name, organization_id, recipients=None, order=None, domain=None, locale=None,
               faults=(), **mail):
    """Send validation mails for a domain: one for each address, one token for each. Gives the tokens."""
    language = mail.pop("language", None) or words.language_of(locale or ca.setting("language"))
    organization = ca.state.data["organizations"].get(organization_id, {}).get("name", "")
    support, made, shared = ca.state.support_id(), [], None
    fields = {"account": account, "domain": name, "organization_id": organization_id, "language": language,
              "order_id": order["id"] if order else None, "domain_id": domain["id"] if domain else None,
              "certificate_id": order["certificate_id"] if order else None}
    number = fields["certificate_id"] if order and ca.setting("id_kind") == "certificate" else fields["order_id"]
    for address in recipients or role_addresses(name):
        if shared:
            token = shared
            token["addresses"].append(address)
        else:
            token = add_token(ca, "dcv", support, address, ca.setting("dcv_days") * 24, **fields)
            made.append(token)
            if not ca.setting("one_token_per_address"):
                shared = token
        ca.mail("dcv", address, **{
            "language": language, "domain": name, "account": account, "organization": organization,
            "token": token["token"], "link": ca.page_url(f"/dcv/{token['token']}"), "support_id": support,
            "order_id": number, "domain_id": None if order else fields["domain_id"], "faults": faults, **mail})
    if domain:
        domain["sent"] += [[address, time.time()] for address in recipients or role_addresses(name)]
        del domain["sent"][:-50]
    return made


def ask_mailbox(ca, order, address, faults=(), **mail):
    """Send one mailbox validation mail with a token of its own."""
    language = mail.pop("language", None) or words.language_of(order.get("locale") or ca.setting("language"))
    token = add_token(ca, "mailbox", ca.state.support_id(), address, ca.setting("mailbox_hours"),
                      account=order["account"], mailbox=address, order_id=order["id"], language=language,
                      domain=domain_part(address), domain_id=None, organization_id=order["organization_id"])
    link = ca.page_url(f"/mailbox/{token['token']}?email={urllib.parse.quote(address, safe='@')}")
    ca.mail("mailbox", address, **{
        "language": language, "mailbox": address, "account": order["account"], "token": token["token"], "link": link,
        "order_id": order["id"], "show_order": ca.setting("id_in_mailbox_mail"), "faults": faults, **mail})
    return token


def token_state(ca, token):
    """open, expired or already: what a page of this token has to show."""
    if token["used"] or ca.state.data["supports"][token["support_id"]]["done"]:
        return "already"
    return "expired" if token["expires"] < time.time() else "open"


def use_token(ca, token, scope, advance):
    """The holder confirmed. Callers have checked that the token is open."""
    token["used"] = ca.state.data["supports"][token["support_id"]]["done"] = time.time()
    token["scope"] = scope
    ca.state.touch()
    if token["kind"] == "mailbox":
        key = f"{token['account']} {token['mailbox'].lower()}"
        ca.state.data["mailboxes"][key] = {"since": time.time(), "until": time.time() + 30 * DAY}
        order = ca.state.data["orders"].get(token["order_id"])
        if order:
            for entry in order["mailboxes"]:
                if entry["email"].lower() == token["mailbox"].lower():
                    entry["status"] = "validated"
        advance(token["account"])
        return
    domain = find_domain(ca, token["account"], token["domain"])
    if domain is None:
        domain = add_domain(ca, token["account"], token["domain"], token["organization_id"])
    make_valid(ca, domain, scope, advance)


def mailbox_is_valid(ca, account, address):
    if not ca.setting("mailbox_reuse"):
        return False
    entry = ca.state.data["mailboxes"].get(f"{account} {address.lower()}")
    return bool(entry and entry["until"] > time.time())
