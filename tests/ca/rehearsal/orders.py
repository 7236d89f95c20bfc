"""The life of an order: placed, approved, validated, issued, reissued, revoked. Callers hold the lock.

Owns the tables orders, certificates and requests. advance() is the only place that decides what comes next.
"""

import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import dcv, forms, issue, words
from .products import PRODUCTS
from .state import stamp

DAY = 86400
CANCELABLE = ("pending", "waiting_pickup", "reissue_pending")


def add_request(ca, order, kind, approved, comments=""):
    request = {"id": ca.state.number("requests"), "order_id": order["id"], "account": order["account"],
               "date": stamp(time.time()), "type": kind, "status": "approved" if approved else "pending",
               "comments": comments}
    ca.state.data["requests"][request["id"]] = request
    order["request_ids"].append(request["id"])
    return request


def place(ca, account, product, plan, body, organization_id):
    """A new order from a checked plan. Its mails go out and it advances as far as it can."""
    emails = body["certificate"]["emails"]
    order = {"id": ca.state.number("orders"), "account": account["name"], "product": product, "status": "new",
             "emails": emails, "plan": plan, "organization_id": organization_id, "created": time.time(),
             "certificate_id": ca.state.number("certificates"), "certificate_ids": [], "request_ids": [],
             "locale": body.get("locale"), "additional_emails": list(body.get("additional_emails") or []),
             "custom_fields": body.get("custom_fields") or [], "comments": body.get("comments", ""),
             "renewal_of": body.get("renewal_of_order_id") or 0, "renewed_by": 0,
             "auto_renew": body.get("auto_renew", 0), "quiet": bool(body.get("disable_renewal_notifications")),
             "payment_method": body.get("payment_method", "balance"), "price": price_of(product, plan["days"]),
             "mailboxes": [{"email": e, "status": "unvalidated", "date_emailed": None} for e in emails],
             "sent": sent(body), "container_id": (body.get("container") or {}).get("id"),
             "asked": [], "invited": False, "revoked": None, "status_last_updated": time.time()}
    ca.state.data["orders"][order["id"]] = order
    if order["payment_method"] == "balance":
        account["balance"] -= order["price"]
    renewed = ca.state.data["orders"].get(order["renewal_of"])
    if renewed and renewed["account"] == account["name"]:
        renewed["renewed_by"] = order["id"]
    counters = ca.state.data["counters"]["orders"]
    counters[account["name"]] = counters.get(account["name"], 0) + 1
    add_request(ca, order, "new_request", bool(body.get("skip_approval")) and account["role"] == "administrator",
                order["comments"])
    advance(ca, order)
    return order


def sent(body):
    """What the order's form said, for tests to read: all but the CSR."""
    certificate = {k: v for k, v in body["certificate"].items() if k != "csr"}
    return {**body, "certificate": {**certificate, "with_csr": bool(body["certificate"].get("csr"))}}


def pick_up(ca, order):
    """The recipient opens the invitation and makes the key in the browser; the CA gets its request."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made in a browser")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    order["plan"]["csr"] = request.public_bytes(serialization.Encoding.PEM).decode()
    ca.state.set_status(order, "pending")
    advance(ca, order)


def invite(ca, order):
    """The mail with the link to the page where the key is made; an older link is void then."""
    order["invited"] = True
    order["invitation"] = ca.state.token()
    ca.mail("csr-invitation", order["emails"][0], language=language(ca, order), account=order["account"],
            mailbox=order["emails"][0], order_id=order["id"], token=order["invitation"],
            link=ca.page_url(f"/create/{order['invitation']}"))


def price_of(product, days):
    return float((10 if PRODUCTS[product][1] == "mailbox" else 25) * (1 if days <= 366 else 2))


def advance_account(ca, account):
    """Something became valid in the account: let its waiting orders go on."""
    for number in sorted(ca.state.open_orders):
        order = ca.state.data["orders"][number]
        if order["account"] == account:
            advance(ca, order)


def advancer(ca):
    return lambda account: advance_account(ca, account)


def advance(ca, order):
    """Move an open order to what comes next: approval, validation, CSR, issuing."""
    if order["status"] not in ("new", "pending", "needs_approval", "reissue_pending"):
        return
    requests = [ca.state.data["requests"][r] for r in order["request_ids"]]
    if any(r["status"] == "pending" for r in requests):
        ca.state.set_status(order, "needs_approval" if order["status"] != "reissue_pending" else "reissue_pending")
        return
    if not validated(ca, order):
        ca.state.set_status(order, "pending")
        return
    if not order["plan"]["csr"]:
        if not order["invited"]:
            invite(ca, order)
        ca.state.set_status(order, "waiting_pickup")
        return
    ca.state.set_status(order, "processing")
    delay = ca.setting("issue_delay")
    if ca.setting("immediate_issue") or delay < 0:
        finish(ca, order["id"])
    else:
        ca.clock.at(delay, finish, ca, order["id"])


def language(ca, order):
    return words.language_of(order["locale"] or ca.setting("language"))


def validated(ca, order):
    """True when nothing is left to prove; asks by mail for what is missing, once."""
    missing = not organization_valid(ca, order)
    for entry in order["mailboxes"]:
        name = dcv.domain_part(entry["email"])
        covered = dcv.covering(ca, order["account"], name)
        if PRODUCTS[order["product"]][2] == "domain":
            if covered:
                entry["status"] = "validated"
                continue
            missing = True
            if name not in order["asked"]:
                order["asked"].append(name)
                ask_for_domain(ca, order, name)
            continue
        if covered and ca.setting("mailbox_validation") == "unless-domain-validated":
            entry["status"] = "validated"
        if dcv.mailbox_is_valid(ca, order["account"], entry["email"]):
            entry["status"] = "validated"
        if entry["status"] == "validated":
            continue
        missing = True
        if entry["email"] not in order["asked"]:
            order["asked"].append(entry["email"])
            entry["date_emailed"] = stamp(time.time())[:10]
            dcv.ask_mailbox(ca, order, entry["email"])
    return not missing


def organization_valid(ca, order):
    """An order for an organization that is new or expired waits until somebody has phoned."""
    entry = ca.state.data["organizations"].get(order["organization_id"])
    if entry is None or PRODUCTS[order["product"]][1] == "mailbox":
        return True
    now = stamp(time.time())
    return any(v["type"] in ("smime", "ov") and v["status"] == "active" and v.get("validated_until", now) >= now
               for v in entry["validations"])


def ask_for_domain(ca, order, name):
    """Validation mails of an order; the domain becomes a pending one of the account."""
    domain = dcv.find_domain(ca, order["account"], name)
    if domain is None:
        domain = dcv.add_domain(ca, order["account"], name, order["organization_id"])
    if not domain["submitted"]:
        domain["submitted"] = ["ov"]
    recipients = dcv.role_addresses(name) + ca.contacts(name)
    dcv.ask_domain(ca, order["account"], name, order["organization_id"], recipients, order=order, domain=domain,
                   locale=order["locale"])


def finish(ca, number):
    """Issue the certificate of an order that is ready. Runs from the clock, or at once."""
    with ca.state.lock:
        order = ca.state.data["orders"].get(number)
        if order is None or order["status"] != "processing" or order.get("held"):
            return
        plan = dict(order["plan"], key=issue.csr_key(order["plan"]["csr"]), mailboxes=order["emails"],
                    organization=ca.state.data["organizations"].get(order["organization_id"]))
        cert = issue.certificate(ca.keys, plan, ca.http_base, ca.setting("certificate_fault"))
        record = {"id": order["certificate_id"], "order_id": order["id"], "account": order["account"],
                  "serial": f"{cert.serial_number:X}", "pem": forms.pem(cert), "issued": time.time(),
                  "csr": order["plan"]["csr"], "revoked": None}
        ca.state.data["certificates"][record["id"]] = record
        order["certificate_ids"].append(record["id"])
        ca.by_serial[cert.serial_number] = record["id"]
        ca.state.set_status(order, "issued")
        mail_issued(ca, order, record)


def mail_issued(ca, order, record, form=None, recipients=None, **extra):
    """The mail that brings the certificate, one for each recipient."""
    target = ca.setting("issued_to")
    if recipients is None:
        recipients = (order["emails"][:1] if target == "mailbox" else list(target)) + order["additional_emails"]
    form = form or ca.setting("issued_form")
    cert = x509.load_pem_x509_certificate(record["pem"].encode())
    job = {"language": language(ca, order), "mailbox": order["emails"][0], "order_id": order["id"],
           "certificate_id": record["id"], "account": order["account"], "form": form,
           "chain": [record["pem"], forms.pem(ca.keys.sub)]}
    if form == "p7b":
        job["p7b"] = forms.p7([cert, ca.keys.sub]).decode()
    if form in ("link", "none"):
        job["link"] = ca.page_url(f"/collect/{ca.state.token()}") if form == "link" else None
        job["chain"] = None
    return [ca.mail("issued", to, **{**job, **extra}) for to in recipients]


def reissue(ca, order, csr, emails, approved, comments):
    """Ask for another certificate of the same order, with a new key."""
    order["plan"]["csr"] = csr
    if emails:
        for email in emails:
            if email.lower() not in [e["email"].lower() for e in order["mailboxes"]]:
                order["mailboxes"].append({"email": email, "status": "unvalidated", "date_emailed": None})
        order["mailboxes"] = [e for e in order["mailboxes"] if e["email"] in emails]
        order["emails"] = emails
    order["certificate_id"] = ca.state.number("certificates")
    request = add_request(ca, order, "reissue", approved, comments)
    ca.state.set_status(order, "reissue_pending")
    advance(ca, order)
    return request


def cancel(ca, order):
    """Withdraw an order; of a reissue only the reissue is withdrawn."""
    if order["status"] == "reissue_pending" and order["certificate_ids"]:
        order["certificate_id"] = order["certificate_ids"][-1]
        for number in order["request_ids"]:
            if ca.state.data["requests"][number]["status"] == "pending":
                ca.state.data["requests"][number]["status"] = "rejected"
        ca.state.set_status(order, "issued")
        return
    ca.state.set_status(order, "canceled")


def revoke_certificates(ca, order, records):
    """Revoke; an order without any good certificate is revoked too."""
    for record in records:
        record["revoked"] = record["revoked"] or time.time()
    if all(ca.state.data["certificates"][c]["revoked"] for c in order["certificate_ids"]):
        ca.state.set_status(order, "revoked")
    ca.state.touch()


def resume(ca):
    """After a restart: orders that waited for the clock wait again."""
    for order in ca.state.data["orders"].values():
        if order["status"] == "processing":
            ca.clock.at(ca.setting("issue_delay"), finish, ca, order["id"])
    for record in ca.state.data["certificates"].values():
        ca.by_serial[int(record["serial"], 16)] = record["id"]
