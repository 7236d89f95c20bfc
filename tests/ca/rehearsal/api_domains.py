"""The Services API's calls about domains and their validation."""

import re

from . import dcv, looking, orders, views, words
from .api import own, routes
from .web import ApiError, filters_of, page_of, wanted

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"(?:{LABEL}\.)+{LABEL}")
TYPES = ("ov", "ev", "cs", "ds", "smime")


def method_of(body, default=None):
    method = body.get("dcv_method", default)
    if method not in dcv.METHODS:
        raise ApiError(400, "invalid_dcv_method", "The DCV method is not known.")
    return method


def types_of(body):
    kinds = [v["type"] for v in body.get("validations") or []]
    if any(kind not in TYPES for kind in kinds):
        raise ApiError(400, "invalid_validation_type", "Unknown validation type.")
    return kinds


def recipients_of(ca, name, chosen):
    """The addresses to write to; a chosen one must be a role address or a contact in DNS."""
    possible = dcv.role_addresses(name) + ca.contacts(name)
    for address in chosen or []:
        if address.lower() not in [p.lower() for p in possible]:
            raise ApiError(400, "invalid_dcv_email", f"{address} is no contact of the domain.")
    return list(chosen or possible)


def emails_of(ca, name):
    return {"name_scope": name, "base_emails": dcv.role_addresses(name), "whois_emails": [],
            "dns_txt_emails": ca.contacts(name)}


def send(ca, entry, recipients, locale=None):
    dcv.ask_domain(ca, entry["account"], entry["name"], entry["organization_id"], recipients, domain=entry,
                   locale=locale or entry["locale"])


def found(call, name_or_number):
    """A domain of the account, by id or by name."""
    if name_or_number.isdigit():
        return own(call, "domains", name_or_number, "domain")
    entry = dcv.find_domain(call.ca, call.account["name"], name_or_number.lower())
    if entry is None:
        raise ApiError(404, "not_found|domain", "There is no such domain.")
    return entry


@routes.add("POST", "/domain", unlocked=True)
def add(call):
    ca, body = call.ca, call.body
    name = str(body.get("name") or "").strip().lower().rstrip(".")
    name = name.encode("idna").decode() if not name.isascii() else name
    if not NAME.fullmatch(name) or len(name) > 253:
        raise ApiError(400, "invalid_name", "The domain name is not valid.")
    method, kinds = method_of(body, "email"), types_of(body)
    if name.startswith("www.") and not body.get("keep_www") and not method.startswith("http"):
        name = name[4:]
    recipients = recipients_of(ca, name, body.get("email_array"))
    with ca.state.lock:
        organization = own(call, "organizations", (body.get("organization") or {}).get("id"), "organization")
        if dcv.find_domain(ca, call.account["name"], name):
            raise ApiError(400, "domain_already_exists", "The domain exists in the account already.")
        entry = dcv.add_domain(ca, call.account["name"], name, organization["id"], method)
        entry["submitted"], entry["email_array"] = kinds, recipients
        entry["locale"] = words.language_of(body["locale"]) if body.get("locale") else None
        if method != "email":
            return 201, {"id": entry["id"], "dcv_token": dcv.new_token(ca, entry)}
        if kinds:
            send(ca, entry, recipients)
        return 201, {"id": entry["id"], "validation_emails": emails_of(ca, name)}


@routes.add("GET", "/domain")
def domains(call):
    chosen = filters_of(call)
    mine = [d for d in call.ca.state.data["domains"].values() if d["account"] == call.account["name"]]
    for field, text in chosen.items():
        mine = [d for d in mine if wanted(text, d.get(field))] if field in ("name", "organization_id", "id") else mine
    order = call.query.get("sort", "")
    if order.lstrip("-+") in ("name", "id"):
        mine.sort(key=lambda d: d[order.lstrip("-+")], reverse=order.startswith("-"))
    part, page = page_of(call, mine)
    return 200, {"domains": [seen(call, d) for d in part], "page": page}


def seen(call, entry):
    flags = [call.query.get(f, "").lower() in ("true", "1") for f in ("include_dcv", "include_validation")]
    return views.domain(call.ca, entry, *flags)


@routes.add("GET", "/domain/dcv/method")
def methods(_call):
    return 200, {"methods": [{"name_id": m, "name": m.replace("-", " ")} for m in dcv.METHODS]}


@routes.add("GET", "/domain/{id}")
def domain(call, number):
    return 200, seen(call, found(call, number))


@routes.add("GET", "/domain/{id}/validation")
def validations(call, number):
    return 200, {"validations": dcv.validations_of(found(call, number))}


@routes.add("POST", "/domain/{id}/validation")
def submit(call, number):
    """Submit again, for instance before the validation ends."""
    entry, body = found(call, number), call.body
    kinds = types_of(body)
    if not kinds:
        raise ApiError(400, "missing_validations", "validations is required.")
    entry["method"] = method_of(body, entry["method"])
    entry["submitted"] = list(dict.fromkeys(entry["submitted"] + kinds))
    call.ca.state.touch()
    if entry["method"] != "email":
        return 200, {"id": entry["id"], "dcv_token": dcv.new_token(call.ca, entry)}
    send(call.ca, entry, entry["email_array"])
    return 204, None


@routes.add("PUT", "/domain/{id}/dcv/method")
def change_method(call, number):
    entry, body = found(call, number), call.body
    method, before = method_of(body), entry["method"]
    entry["method"] = method
    call.ca.state.touch()
    if method != "email":
        return 200, {"dcv_token": dcv.new_token(call.ca, entry)}
    if before != "email" and body.get("send_dcv_email_flag", True):
        send(call.ca, entry, entry["email_array"])
    return 200, {}


@routes.add("POST", "/domain/{id}/dcv/token")
def token(call, number):
    entry = found(call, number)
    if entry["method"] == "email":
        raise ApiError(400, "invalid_dcv_method", "The domain is validated by email.")
    return 201, dcv.new_token(call.ca, entry)


@routes.add("GET", "/domain/{id}/dcv/emails", unlocked=True)
def emails(call, name):
    if name.isdigit():
        name = found(call, name)["name"]
    elif not NAME.fullmatch(name.lower()):
        raise ApiError(400, "invalid_name", "The domain name is not valid.")
    return 200, emails_of(call.ca, name.lower())


@routes.add("PUT", "/domain/{id}/dcv/emails", unlocked=True)
def resend(call, number):
    """Send the validation mails again, with new tokens; older ones stay good until they expire."""
    ca, body = call.ca, call.body
    entry = found(call, number)
    recipients = recipients_of(ca, entry["name"], body.get("email_array") or entry["email_array"])
    with ca.state.lock:
        if entry["method"] != "email":
            raise ApiError(400, "invalid_dcv_method", "The domain is not validated by email.")
        send(ca, entry, recipients, body.get("locale"))
    return 204, None


@routes.add("PUT", "/domain/{id}/dcv/validate-token", unlocked=True)
def validate(call, number):
    """Look now whether the random value is where it should be. DNS and HTTP happen without the lock."""
    ca = call.ca
    entry = found(call, number)
    with ca.state.lock:
        method, value, name = entry["method"], entry["token"] and entry["token"]["token"], entry["name"]
    if method == "email" or not value:
        raise ApiError(400, "invalid_dcv_method", "The domain has no random value to look for.")
    fault = looking.proves(ca, name, method, value)
    if fault:
        raise ApiError(400, *fault)
    with ca.state.lock:
        dcv.make_valid(ca, entry, "this", orders.advancer(ca))
        return 200, {"token": value, "status": "active"}


@routes.add("PUT", "/domain/{id}/activate")
def activate(call, number):
    found(call, number)["is_active"] = True
    call.ca.state.touch()
    return 204, None


@routes.add("PUT", "/domain/{id}/deactivate")
def deactivate(call, number):
    found(call, number)["is_active"] = False
    call.ca.state.touch()
    return 204, None
