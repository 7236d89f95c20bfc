"""The Services API's calls about orders, certificates, requests and mailbox validation."""

import datetime
import time
import zoneinfo

from cryptography import x509

from . import dcv, forms, issue, orders, products, views
from .api import own, routes
from .state import stamp
from .web import ApiError, Reply, filters_of, page_of, wanted

LONGEST_MINUTES = 10080
ORDER = "/order/certificate"


@routes.add("POST", ORDER + "/{product}", unlocked=True)
def place(call, product):
    ca, body = call.ca, call.body
    if product not in products.PRODUCTS or product not in call.account.get("products", products.PRODUCTS):
        raise ApiError(404, "not_found|product", "There is no such product.")
    try:
        for email in products.check_emails(body.get("certificate") or {}):
            ca.contacts(dcv.domain_part(email))     # asked here, without the lock
    except products.Wrong as error:
        raise ApiError(400, error.code, error.message) from error
    with ca.state.lock:
        return place_locked(call, product, body)


def place_locked(call, product, body):
    ca, account = call.ca, call.account
    organization = None
    if products.PRODUCTS[product][1] != "mailbox" and (body.get("organization") or {}).get("id") is not None:
        organization = own(call, "organizations", body["organization"]["id"], "organization")
        if not organization["is_active"]:
            raise ApiError(400, "invalid_organization", "The organization is not active.")
    try:
        plan = products.plan_of(product, body, organization)
    except products.Wrong as error:
        raise ApiError(400, error.code, error.message) from error
    given = [f.get("metadata_id") for f in body.get("custom_fields") or []]
    for field in ca.state.data["metadata"]:
        if field["account"] == account["name"] and field["is_required"] and field["id"] not in given:
            raise ApiError(400, "missing_custom_field", f"Custom field {field['label']} is required.")
    renewed = body.get("renewal_of_order_id")
    if renewed:
        own(call, "orders", renewed, "order")
    if (body.get("payment_method", "balance") == "balance"
            and account["balance"] < orders.price_of(product, plan["days"])):
        raise ApiError(400, "insufficient_funds", "The balance of the account is too low.")
    order = orders.place(ca, account, product, plan, body, organization["id"] if organization else None)
    answer = {"id": order["id"], "requests": [{"id": r, "status": ca.state.data["requests"][r]["status"]}
                                              for r in order["request_ids"]]}
    record = ca.state.data["certificates"].get(order["certificate_id"])
    if record:
        cert = x509.load_pem_x509_certificate(record["pem"].encode())
        answer.update(certificate_id=record["id"], certificate_chain=[
            {"subject_common_name": common_name(c), "pem": forms.pem(c, crlf=True)}
            for c in (cert, ca.keys.sub, ca.keys.root)])
    return 201, answer


def common_name(cert):
    names = cert.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return names[0].value if names else ""


def order_of(call, text):
    """An order by id, thumbprint or serial number."""
    orders_table, certificates = call.ca.state.data["orders"], call.ca.state.data["certificates"]
    if text.isdigit() and int(text) in orders_table:
        return own(call, "orders", text, "order")
    for record in certificates.values():
        if record["account"] == call.account["name"] and text.upper().lstrip("0") == record["serial"].lstrip("0"):
            return orders_table[record["order_id"]]
    if len(text) == 40:
        for record in certificates.values():
            cert = x509.load_pem_x509_certificate(record["pem"].encode())
            if (record["account"] == call.account["name"]
                    and cert.fingerprint(issue.hashes.SHA1()).hex() == text.lower()):
                return orders_table[record["order_id"]]
    raise ApiError(404, "not_found|order", "There is no such order.")


def filter_value(order, brief, field):
    """The value of an order that a list filter compares."""
    certificate = brief["certificate"]
    values = {"status": order["status"], "product_name_id": order["product"], "email": order["emails"],
              "common_name": certificate["common_name"], "organization_id": order["organization_id"],
              "container_id": views.CONTAINER["id"], "valid_till": certificate.get("valid_till"),
              "date_created": brief["date_created"], "certificate_id": order["certificate_id"],
              "serial_number": certificate.get("serial_number"), "is_renewed": brief["is_renewed"],
              "metadata_id": [f.get("metadata_id") for f in order["custom_fields"]],
              "id": order["id"], "order_id": order["id"]}
    if field not in values:
        raise ApiError(400, "invalid_filter", f"Unknown filter {field}.")
    return values[field]


@routes.add("GET", ORDER)
def order_list(call):
    state, chosen = call.ca.state, filters_of(call)
    search = chosen.pop("search", None)
    email = chosen.get("email", "")
    if email and not email.startswith("%"):
        mine = [state.data["orders"][n] for n in state.by_email.get(email.lower(), [])]
    else:
        mine = list(state.data["orders"].values())
    mine = [o for o in mine if o["account"] == call.account["name"]]
    if "status" in chosen:
        mine = [o for o in mine if wanted(chosen["status"], o["status"])]
    # newest first, as the portal shows them, unless sort says otherwise
    field = call.query.get("sort", "-id")
    cheap = not chosen.keys() - {"status", "email"} and not search and field.lstrip("-+") in ("id", "order_id")
    if cheap:
        mine.sort(key=lambda o: o["id"], reverse=field.startswith("-"))
        part, page = page_of(call, [o for o in mine if not email or wanted(email, o["emails"])])
        return 200, {"orders": [views.order_brief(call.ca, o) for o in part], "page": page}
    rows = [(o, views.order_brief(call.ca, o)) for o in mine]
    for name, text in chosen.items():
        rows = [(o, b) for o, b in rows if wanted(text, filter_value(o, b, name))]
    if search:
        rows = [(o, b) for o, b in rows if any(wanted("%" + search, v) for v in (
            o["emails"], b["certificate"]["common_name"], o["id"], b["certificate"].get("serial_number")))]
    rows.sort(key=lambda row: str(filter_value(*row, field.lstrip("-+"))), reverse=field.startswith("-"))
    part, page = page_of(call, [b for _, b in rows])
    return 200, {"orders": part, "page": page}


@routes.add("GET", ORDER + "/status-changes")
def status_changes(call):
    chosen = filters_of(call).get("status_last_updated")
    low, high = 0, time.time() + 1
    if chosen:
        zone = zoneinfo.ZoneInfo("America/Denver")
        try:
            ends = [datetime.datetime.fromisoformat(t.strip()).replace(tzinfo=zone).timestamp() if t.strip() else None
                    for t in chosen.partition("...")[::2]]
        except ValueError as error:
            raise ApiError(400, "invalid_date", "Dates are YYYY-MM-DD HH:MM:SS.") from error
        low, high = ends[0] or low, ends[1] or high
        seconds = high - low
    elif "seconds" in call.query:
        seconds = call.number("seconds", 0, 0, 10 ** 9)
        low = time.time() - seconds
    elif "minutes" in call.query:
        seconds = call.number("minutes", 0, 0, 10 ** 7) * 60
        low = time.time() - seconds
    else:
        raise ApiError(400, "missing_time_frame", "minutes, seconds or a filter is required.")
    if seconds > LONGEST_MINUTES * 60:
        raise ApiError(400, "time_frame_too_long", f"At most {LONGEST_MINUTES} minutes are possible.")
    latest = {}
    for when, account, number, certificate, status in reversed(call.ca.state.data["changes"]):
        if when < low:
            break
        if account == call.account["name"] and when <= high and number not in latest:
            latest[number] = {"order_id": number, "certificate_id": certificate, "status": status}
    return 200, {"orders": list(latest.values())}


@routes.add("GET", ORDER + "/{id}")
def order_info(call, number):
    return 200, views.order_full(call.ca, order_of(call, number))


@routes.add("PUT", ORDER + "/{id}/status")
def change_status(call, number):
    order = own(call, "orders", number, "order")
    if str(call.body.get("status", "")).upper() != "CANCELED":
        raise ApiError(400, "invalid_status", "Only CANCELED is possible.")
    if order["status"] not in orders.CANCELABLE:
        raise ApiError(400, "invalid_order_status", f"An order that is {order['status']} can't be canceled.")
    orders.cancel(call.ca, order)
    return 204, None


@routes.add("PUT", ORDER + "/{id}/additional-emails")
def additional_emails(call, number):
    order, emails = own(call, "orders", number, "order"), call.body.get("additional_emails")
    if not isinstance(emails, list) or not all(isinstance(e, str) and "@" in e for e in emails):
        raise ApiError(400, "invalid_additional_emails", "additional_emails must be a list of addresses.")
    order["additional_emails"] = emails
    call.ca.state.touch()
    return 204, None


@routes.add("GET", ORDER + "/{id}/email-validation")
def email_validation(call, number):
    order = own(call, "orders", number, "order")
    return 200, {"delivery_options": ["api", "browser"], "emails": order["mailboxes"]}


@routes.add("PUT", "/email-validation/{token}")
def confirm_mailbox(call, value):
    token = call.ca.state.data["tokens"].get(value)
    email = call.query.get("email", call.body.get("email", ""))
    if (token is None or token["kind"] != "mailbox" or token["account"] != call.account["name"]
            or email.lower() != token["mailbox"].lower()):
        raise ApiError(404, "not_found|token", "There is no such token for this address.")
    state = dcv.token_state(call.ca, token)
    if state != "open":
        raise ApiError(400, "invalid_token", "The token was used." if state == "already" else "The token has expired.")
    dcv.use_token(call.ca, token, "api", orders.advancer(call.ca))
    return 204, None


@routes.add("POST", ORDER + "/{id}/reissue")
def reissue(call, number):
    order, body = own(call, "orders", number, "order"), call.body
    if order["status"] != "issued":
        raise ApiError(400, "invalid_order_status", f"An order that is {order['status']} can't be reissued.")
    certificate = body.get("certificate") or {}
    try:
        issue.csr_key(certificate.get("csr") or "")
        emails = products.check_emails(certificate) if certificate.get("emails") else None
    except issue.BadCSR as error:
        raise ApiError(400, "invalid_csr", str(error)) from error
    except products.Wrong as error:
        raise ApiError(400, error.code, error.message) from error
    request = orders.reissue(call.ca, order, certificate["csr"], emails, bool(body.get("skip_approval")),
                             body.get("comments", ""))
    return 201, {"id": order["id"], "requests": [{"id": request["id"], "status": request["status"]}]}


# requests

@routes.add("GET", "/request")
def requests(call):
    chosen = filters_of(call)
    mine = [r for r in call.ca.state.data["requests"].values() if r["account"] == call.account["name"]
            and all(wanted(text, r.get(name)) for name, text in chosen.items())]
    part, page = page_of(call, mine)
    return 200, {"requests": [views.request_full(call.ca, r) for r in part], "page": page}


@routes.add("GET", "/request/{id}")
def request_info(call, number):
    return 200, views.request_full(call.ca, own(call, "requests", number, "request"))


@routes.add("PUT", "/request/{id}/status")
def decide(call, number):
    request, body, ca = own(call, "requests", number, "request"), call.body, call.ca
    if body.get("status") not in ("approved", "rejected"):
        raise ApiError(400, "invalid_status", "Status must be approved or rejected.")
    if request["status"] != "pending":
        raise ApiError(400, "invalid_request_status", "The request is not pending.")
    request.update(status=body["status"], processor_comment=body.get("processor_comment", ""),
                   date_processed=stamp(time.time()))
    order = ca.state.data["orders"][request["order_id"]]
    if request["type"] == "revoke":
        if body["status"] == "approved":
            records = [ca.state.data["certificates"][c] for c in request["certificate_ids"]]
            orders.revoke_certificates(ca, order, records)
    elif body["status"] == "approved":
        orders.advance(ca, order)
    elif request["type"] == "reissue":
        orders.cancel(ca, order)
    else:
        ca.state.set_status(order, "rejected")
    ca.state.touch()
    return 204, None


# certificates

def certificate_of(call, text):
    """A certificate record by id or serial number."""
    records = call.ca.state.data["certificates"]
    if text.isdigit() and int(text) in records:
        return own(call, "certificates", text, "certificate")
    for record in records.values():
        if record["account"] == call.account["name"] and record["serial"].lstrip("0") == text.upper().lstrip("0"):
            return record
    raise ApiError(404, "not_found|certificate", "There is no such certificate.")


def revoke(call, order, records):
    body = call.body
    if not records or all(r["revoked"] for r in records):
        raise ApiError(400, "invalid_certificate_status", "There is nothing to revoke.")
    if body.get("skip_approval"):
        orders.revoke_certificates(call.ca, order, records)
        return 204, None
    request = orders.add_request(call.ca, order, "revoke", False, body.get("comments", ""))
    request["certificate_ids"] = [r["id"] for r in records]
    return 201, {"id": request["id"], "date": request["date"], "type": "revoke", "status": "pending",
                 "requester": views.user(call.account), "comments": request["comments"]}


@routes.add("PUT", "/certificate/{id}/revoke")
def revoke_certificate(call, number):
    record = certificate_of(call, number)
    return revoke(call, call.ca.state.data["orders"][record["order_id"]], [record])


@routes.add("PUT", ORDER + "/{id}/revoke")
def revoke_order(call, number):
    order = own(call, "orders", number, "order")
    return revoke(call, order, [call.ca.state.data["certificates"][c] for c in order["certificate_ids"]])


def hand_out(call, record, fmt):
    ca = call.ca
    if fmt not in forms.FORMATS:
        raise ApiError(404, "not_found|format", "There is no such format.")
    order = ca.state.data["orders"][record["order_id"]]
    instead = order.get("hand_out") or (order["certificate_ids"][0] if ca.setting("duplicate_pem") else None)
    record = ca.state.data["certificates"].get(instead, record)
    leaf = x509.load_pem_x509_certificate(record["pem"].encode())
    body, kind, filename = forms.download(fmt, leaf, ca.keys.sub, ca.keys.root)
    return Reply(200, body, kind, [("Content-Disposition", f'attachment; filename="{filename}"')])


def active(call, number):
    order = own(call, "orders", number, "order")
    if not order["certificate_ids"]:
        raise ApiError(404, "not_found|certificate", "The order has no certificate yet.")
    return call.ca.state.data["certificates"][order["certificate_ids"][-1]]


@routes.add("GET", "/certificate/download/order/{id}/format/{fmt}")
def download_of_order(call, number, fmt):
    return hand_out(call, active(call, number), fmt)


@routes.add("GET", "/certificate/{id}/download/format/{fmt}")
def download(call, number, fmt):
    return hand_out(call, own(call, "certificates", number, "certificate"), fmt)


@routes.add("GET", "/certificate/download/order/{id}")
@routes.add("GET", "/certificate/download/order/{id}/platform")
def download_default(call, number):
    return hand_out(call, active(call, number), "default")


@routes.add("GET", "/certificate/{id}/download/platform")
def download_platform(call, number):
    return hand_out(call, own(call, "certificates", number, "certificate"), "default")


@routes.add("GET", "/certificate/{id}/download/platform/{platform}")
def download_named_platform(call, number, _platform):
    return hand_out(call, own(call, "certificates", number, "certificate"), "default")


@routes.add("GET", "/certificate/{id}/chain")
def chain(call, number):
    own(call, "certificates", number, "certificate")
    return 200, {"intermediates": [{"subject_common_name": common_name(c), "pem": forms.pem(c, crlf=True)}
                                   for c in (call.ca.keys.sub, call.ca.keys.root)]}
