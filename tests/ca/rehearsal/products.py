"""The products and what an order of each must say. Pure checks: an order body in, a plan or a list of errors out."""

import datetime
import re

from . import issue

LONGEST = 824
ADDRESS = re.compile(r"[^@\s\"<>,;:\\]{1,64}@[A-Za-z0-9.\-\u0080-\U0010ffff]{1,253}\.[A-Za-z0-9\-\u0080-\U0010ffff]+")
INDICATORS = ("email_address", "given_name_surname", "pseudonym", "organization_name")

# name: (title, kind of certificate, proof, usage of older products)
PRODUCTS = {
    "secure_email_mailbox": ("Secure Email for Individual (Mailbox)", "mailbox", "mailbox", None),
    "secure_email_sponsor": ("Secure Email for Business (Sponsor)", "sponsor", "domain", None),
    "secure_email_organization": ("Secure Email for Organization", "organization", "domain", None),
    "client_premium": ("Premium", "sponsor", "mailbox", ("dual_use", ["non_repudiation", "client_auth"])),
    "client_email_security_plus": ("Email Security Plus", "sponsor", "mailbox", ("dual_use", [])),
    "client_digital_signature_plus": ("Digital Signature Plus", "sponsor", "mailbox",
                                      ("signing", ["non_repudiation", "client_auth"])),
    "class1_smime": ("Class 1 S/MIME", "mailbox", "mailbox", ("dual_use", [])),
}


def describe(name, agreement):
    """One product as GET /product/{name_id} shows it."""
    title, kind, _, _ = PRODUCTS[name]
    return {"group_name": "client_certificate", "name_id": name, "name": f"Rehearsal {title}",
            "type": "client_certificate", "validation_type": "ov" if kind != "mailbox" else "class1",
            "allowed_validity_years": [1, 2], "allowed_ca_certs": [], "duplicates_allowed": False,
            "signature_hash_types": {"allowed_hash_types": [{"id": h, "name": h.upper().replace("SHA", "SHA-")}
                                                            for h in issue.HASHES], "default_hash_type_id": "sha256"},
            "additional_dns_names_allowed": False, "increased_compatibility_allowed": False,
            "custom_expiration_date_allowed": True, "csr_required": False, "allow_auto_renew": True,
            **({"license_agreement": agreement} if agreement else {})}


class Wrong(Exception):
    """The order can't be taken: (code, message)."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def need(condition, field, message=None):
    if not condition:
        raise Wrong("invalid_" + field if message else "missing_" + field, message or f"{field} is required.")


def days_of(body):
    """The validity in days, from any of the documented spellings."""
    validity = body.get("order_validity") or {}
    years = validity.get("years", body.get("validity_years"))
    days = validity.get("days", body.get("validity_days"))
    until = validity.get("custom_expiration_date", body.get("custom_expiration_date"))
    if until:
        try:
            days = (datetime.date.fromisoformat(str(until)[:10]) - datetime.date.today()).days
        except ValueError as error:
            raise Wrong("invalid_custom_expiration_date", "The date must be YYYY-MM-DD.") from error
    elif days is None:
        need(years is not None, "order_validity")
        need(isinstance(years, int) and years in (1, 2), "order_validity", "years must be 1 or 2.")
        days = 365 * years
    need(isinstance(days, int) and 0 < days <= LONGEST, "order_validity", f"At most {LONGEST} days are possible.")
    return days


def check_emails(certificate):
    emails = certificate.get("emails")
    need(isinstance(emails, list) and emails, "emails")
    need(len(emails) <= 100, "emails", "Too many addresses.")
    for email in emails:
        need(isinstance(email, str) and ADDRESS.fullmatch(email) and len(email) <= 254, "emails",
             "An address is not valid.")
    return emails


def check_usage(product, certificate, profile):
    fixed = PRODUCTS[product][3]
    if fixed:
        return fixed
    designation = certificate.get("usage_designation") or {}
    use, additional = designation.get("primary_usage"), designation.get("additional_usages") or []
    need(use is not None, "primary_usage")
    need(use in ("signing", "key_management", "dual_use"), "primary_usage", "Unknown primary usage.")
    need(set(additional) <= {"non_repudiation", "client_auth"}, "additional_usages", "Unknown additional usage.")
    need(not (profile == "strict" and "client_auth" in additional), "additional_usages",
         "The strict profile allows no client authentication.")
    return use, additional


def check_person(kind, certificate, emails, organization, secure_email):
    """(common name, individual) by the indicator."""
    person = certificate.get("individual") or {}
    indicator = certificate.get("common_name_indicator")
    if kind == "mailbox":
        return emails[0], {}
    need(indicator is not None, "common_name_indicator")
    allowed = INDICATORS if secure_email else ("given_name_surname", "pseudonym")
    if kind == "organization":
        allowed = ("email_address", "organization_name")
    need(indicator in allowed, "common_name_indicator", "This indicator is not possible here.")
    full = bool(person.get("first_name") and person.get("last_name"))
    if kind == "sponsor":
        need(full or person.get("pseudonym"), "individual")
    if indicator == "given_name_surname":
        need(full, "individual", "first_name and last_name are required.")
    if indicator == "pseudonym":
        need(person.get("pseudonym"), "individual", "pseudonym is required.")
    names = {"email_address": emails[0], "organization_name": organization["name"] if organization else "",
             "pseudonym": person.get("pseudonym", ""),
             "given_name_surname": f"{person.get('first_name', '')} {person.get('last_name', '')}".strip()}
    return names[indicator], person


def plan_of(product, body, organization):
    """Check an order body against its product. organization is the account's record or None. Raises Wrong."""
    _, kind, _, fixed = PRODUCTS[product]
    certificate = body.get("certificate")
    need(isinstance(certificate, dict), "certificate")
    emails = check_emails(certificate)
    if kind != "mailbox":
        need(organization is not None, "organization", "An organization of the account is required.")
    if fixed and product != "class1_smime":
        need(certificate.get("common_name"), "common_name")
    if product == "class1_smime":
        need("common_name" not in certificate, "common_name", "The common name is the first address; do not send one.")
    profile = certificate.get("profile_type", "strict") if not fixed else "multipurpose"
    need(profile in ("strict", "multipurpose"), "profile_type", "Profile type must be strict or multipurpose.")
    hash_name = certificate.get("signature_hash", "sha256")
    need(hash_name in issue.HASHES, "signature_hash", "Signature hash must be sha256, sha384 or sha512.")
    use, additional = check_usage(product, certificate, profile)
    common_name, person = check_person(kind, certificate, emails, organization, not fixed)
    if fixed and kind == "sponsor":
        common_name = certificate["common_name"]
    need(isinstance(body.get("comments", ""), str) and len(body.get("comments", "")) <= 1000, "comments",
         "Comments are too long.")
    renewals = body.get("auto_renew", 0)
    need(isinstance(renewals, int) and 0 <= renewals <= 20, "auto_renew", "auto_renew is a number of renewals.")
    for address in body.get("additional_emails") or []:
        need(isinstance(address, str) and ADDRESS.fullmatch(address), "additional_emails", "An address is not valid.")
    need(body.get("dcv_method", "email") == "email", "dcv_method", "Only email is possible for this product.")
    need(body.get("payment_method", "balance") in ("balance", "card", "profile", "wire_transfer"), "payment_method",
         "Unknown payment method.")
    csr = certificate.get("csr") or None
    if csr:
        try:
            issue.csr_key(csr)
        except issue.BadCSR as error:
            raise Wrong("invalid_csr", str(error)) from error
    subject = body.get("subject") or {}
    return {"kind": kind, "profile": profile, "use": use, "additional": list(additional), "days": days_of(body),
            "signature_hash": hash_name, "common_name": common_name, "individual": person, "csr": csr,
            "include_email": bool(subject.get("include_email")),
            "include_pseudonym": bool(subject.get("include_pseudonym")
                                      or certificate.get("common_name_indicator") == "pseudonym")}
