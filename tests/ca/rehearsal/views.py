"""How orders, domains, organizations and requests look in API answers. Reads the state, changes nothing."""

import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from . import dcv, products
from .state import day, stamp

CONTAINER = {"id": 5, "name": "Rehearsal"}


def container(order):
    """The division of the account that the order was placed in."""
    return CONTAINER if order.get("container_id") in (None, CONTAINER["id"]) else {
        "id": order["container_id"], "name": f"Division {order['container_id']}"}


def user(account):
    return {"id": account["user_id"], "first_name": "Robin", "last_name": "Rehearsal",
            "email": f"api@{account['name']}.test"}


def organization_brief(ca, number):
    organization = ca.state.data["organizations"].get(number)
    if not organization:
        return None
    keep = ("id", "name", "assumed_name", "display_name", "is_active", "city", "state", "country")
    return {k: organization[k] for k in keep}


def organization(entry):
    hidden = ("account", "identifier")
    return {**{k: v for k, v in entry.items() if k not in hidden}, "container": CONTAINER}


def product(name):
    full = products.describe(name, None)
    return {k: full[k] for k in ("name_id", "name", "type", "validation_type")}


def certificate_part(ca, order, full):
    """The certificate object of an order: much fuller once it is issued."""
    plan = order["plan"]
    part = {"common_name": plan["common_name"], "emails": order["emails"], "signature_hash": plan["signature_hash"]}
    record = ca.state.data["certificates"].get(order["certificate_id"])
    part["id"] = order["certificate_id"]
    if full and ca.state.setting("tell_marks"):
        part["csr"] = plan["csr"] or ""
    if full:
        part["date_created"] = stamp(order["created"])
        part["profile_type"] = plan["profile"]
        part["usage_designation"] = {"primary_usage": plan["use"], "additional_usages": plan["additional"]}
    if record:
        cert = x509.load_pem_x509_certificate(record["pem"].encode())
        end = cert.not_valid_after.timestamp() - time.timezone
        part.update(valid_from=cert.not_valid_before.date().isoformat(),
                    valid_till=cert.not_valid_after.date().isoformat(),
                    days_remaining=max(0, int((end - time.time()) // 86400)), serial_number=record["serial"])
        if full:
            part.update(thumbprint=cert.fingerprint(hashes.SHA1()).hex().upper(), date_issued=stamp(record["issued"]),
                        key_size=cert.public_key().key_size, cert_validity={"days": plan["days"]},
                        ca_cert={"id": "REHEARSALCA000001", "name": "Rehearsal S/MIME Issuing CA (synthetic)"})
    return part


def order_brief(ca, order):
    """One line of the order list."""
    brief = {"id": order["id"], "certificate": certificate_part(ca, order, False), "status": order["status"],
             "is_renewed": bool(order["renewed_by"]), "is_renewal": bool(order["renewal_of"]),
             "date_created": stamp(order["created"]), "container": CONTAINER, "product": product(order["product"]),
             "has_duplicates": False, "price": order["price"], "product_name_id": order["product"]}
    if order["organization_id"]:
        entry = ca.state.data["organizations"][order["organization_id"]]
        brief["organization"] = {"id": entry["id"], "name": entry["name"]}
    return brief


def order_full(ca, order):
    """The answer of order info."""
    account = ca.state.data["accounts"][order["account"]]
    full = {"id": order["id"], "certificate": certificate_part(ca, order, True), "status": order["status"],
            "is_renewal": bool(order["renewal_of"]), "is_renewed": bool(order["renewed_by"]),
            "renewed_order_id": order["renewed_by"], "date_created": stamp(order["created"]),
            "disable_renewal_notifications": order["quiet"], "auto_renew": order["auto_renew"],
            "container": container(order), "product": product(order["product"]), "user": user(account),
            "requests": [request_brief(ca.state.data["requests"][r]) for r in order["request_ids"]],
            "dcv_method": "email", "payment_method": order["payment_method"], "price": order["price"],
            "additional_emails": order["additional_emails"], "custom_fields": order["custom_fields"],
            "order_valid_till": day(order["created"] + order["plan"]["days"] * 86400),
            "cs_provisioning_method": "none", "allow_duplicates": False, "is_out_of_contract": False}
    full.update({f"send_minus_{n}": not order["quiet"] for n in (90, 60, 30, 7, 3)}, send_plus_7=not order["quiet"])
    if not ca.state.setting("tell_marks"):
        del full["requests"]
    if order["organization_id"]:
        full["organization"] = organization_brief(ca, order["organization_id"])
    return full


def request_brief(request):
    return {k: request[k] for k in ("id", "date", "type", "status", "comments")}


def request_full(ca, request):
    order = ca.state.data["orders"][request["order_id"]]
    return {**request_brief(request), "requester": user(ca.state.data["accounts"][request["account"]]),
            "order": order_brief(ca, order), **{k: request[k] for k in ("date_processed", "processor_comment")
                                                if k in request}}


def domain(ca, entry, with_dcv=False, with_validation=False):
    """A domain of the list or of domain info."""
    seen = {"id": entry["id"], "is_active": entry["is_active"], "name": entry["name"],
            "date_created": stamp(entry["created"]), "container": CONTAINER,
            "organization": organization_brief(ca, entry["organization_id"]), "dcv_method": entry["method"],
            "dcv_name_scope": entry["name"]}
    if with_validation:
        seen["validations"] = dcv.validations_of(entry)
    if with_dcv:
        if entry["valid_until"]:
            seen["dcv_expiration_datetime"] = stamp(entry["valid_until"])
            seen["dcv_expiration"] = {"ov": day(entry["valid_until"])}
        if entry["token"] and entry["method"] != "email":
            seen["dcv_token"] = entry["token"]
        if entry["method"] == "email":
            seen["dcv"] = {"method": "email", "name_scope": entry["name"], "dcv_invitations": [
                {"invitation_id": i + 1, "email": address, "source": "base", "date_sent": stamp(sent),
                 "name_scope": entry["name"]} for i, (address, sent) in enumerate(entry["sent"])]}
    return seen
