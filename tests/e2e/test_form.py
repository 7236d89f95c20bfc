"""The order form, field by field: what is asked here arrives at the CA and stands in the certificate."""
import datetime
import email.policy
import itertools
import json
import os
import sqlite3
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agentsocket import Refused
from catools import csr_of

PERSON = dict(first_name="Ada", last_name="Lovelace")
SPONSOR = dict(product="secure_email_sponsor", **PERSON)


@pytest.fixture(scope="module")
def site(sites):
    """Like everybody's, with more domains: there are many fields."""
    site = sites(domains={f"d{n}.test": {"mode": "confirm"} for n in range(120)}, poll="1s",
                 account_options={"orders_day": "200"}, timing={"resend_after": "5s"}, settle="2s").start()
    site.ca.settings(rate_limits=False)
    site.fresh = itertools.count()
    return site


@pytest.fixture
def domain(site):
    name = f"d{next(site.fresh)}.test"
    site.ca.post("validate", domain=name)
    yield name
    site.ca.call("DELETE", "faults")
    site.ca.settings(issue_delay=0, send_mails=True, issued_form="zip", certificate_fault=None, mail_delay=0,
                     mailbox_validation="unless-domain-validated")


def show(site, number):
    return site.ask("show", what=f"order:{number}")


def reason_of(site, number):
    return show(site, number)["order"].get("reason") or ""


def at_ca(site, number):
    """The CA's row of our order."""
    number = site.wait(lambda: show(site, number)["order"].get("ca_order"), 20, "the CA's number")
    return site.ca.get("state/orders")["orders"][number]


def of_box(site, box):
    return [o for o in site.ca.get("state/orders")["orders"].values() if box in o["emails"]]


def issued(site, number):
    """The order's certificate as we stored it: (our row, the parsed certificate)."""
    row = site.stored(number)
    pem = site.ca.get(f"certificate/{at_ca(site, number)['certificate_ids'][-1]}")["pem"]
    cert = x509.load_pem_x509_certificate(pem.encode())
    assert f"{cert.serial_number:x}" == row["serial"].lower().lstrip("0")
    return row, cert


def subject(cert, oid):
    return [a.value for a in cert.subject.get_attributes_for_oid(oid)]


def san(cert):
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.RFC822Name)


def days_of(cert):
    return round((cert.not_valid_after - cert.not_valid_before).total_seconds() / 86400)


def refused(site, box, code, **fields):
    """The order is refused before anything leaves or is written; its sentence."""
    before = site.ca.counters()["orders"]
    site.consent(box)
    with pytest.raises(Refused) as e:
        site.ask("order", mailbox=box, **{"key_type": "p256", **fields})
    assert e.value.answer["code"] == code, e.value
    assert site.ca.counters()["orders"] == before and site.ask("show", what=box)["orders"] == []
    return e.value.answer["text"]


def cli(site, *args, ok=(0,), **more):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True, timeout=120,
                       **{"stdin": subprocess.DEVNULL, **more})
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout


# --- product, names ------------------------------------------------------------------------------------------

NAMES = [
    (dict(product="secure_email_mailbox"), "email_address", lambda box: box),
    (dict(SPONSOR), "given_name_surname", lambda box: "Ada Lovelace"),
    (dict(SPONSOR, common_name="email"), "email_address", lambda box: box),
    (dict(product="secure_email_sponsor", pseudonym="Countess"), "pseudonym", lambda box: "Countess"),
    (dict(SPONSOR, pseudonym="Countess", common_name="pseudonym"), "pseudonym", lambda box: "Countess"),
    (dict(product="secure_email_organization"), "email_address", lambda box: box),
    (dict(product="secure_email_organization", common_name="organization"), "organization_name", None),
]


@pytest.mark.parametrize("fields,indicator,name", NAMES)
def test_common_name(site, domain, fields, indicator, name):
    box = f"a@{domain}"
    number = site.order(box, **fields)
    _, cert = issued(site, number)
    order = at_ca(site, number)
    assert order["product"] == fields["product"]
    assert order["sent"]["certificate"]["common_name_indicator"] == indicator
    if name:
        assert subject(cert, NameOID.COMMON_NAME) == [name(box)]
    else:
        assert subject(cert, NameOID.COMMON_NAME) == subject(cert, NameOID.ORGANIZATION_NAME)
    if indicator == "pseudonym":
        assert subject(cert, NameOID.PSEUDONYM) == ["Countess"]
    elif "first_name" in fields:
        assert subject(cert, NameOID.GIVEN_NAME) == ["Ada"] and subject(cert, NameOID.SURNAME) == ["Lovelace"]
    has_organization = fields["product"] != "secure_email_mailbox"
    assert ("organization" in order["sent"]) == has_organization


@pytest.mark.parametrize("fields,code,says", [
    (dict(product="secure_email_sponsor"), "order.names", "first and last name"),
    (dict(product="secure_email_sponsor", first_name="Ada"), "order.names", "first and last"),
    (dict(product="secure_email_sponsor", pseudonym="C", common_name="name"), "order.names", "missing"),
    (dict(SPONSOR, common_name="pseudonym"), "order.names", "pseudonym"),
    (dict(SPONSOR, common_name="organization"), "order.common-name", "can't have"),
    (dict(product="secure_email_mailbox", common_name="name"), "order.common-name", "takes email"),
    (dict(product="secure_email_mailbox", **PERSON), "order.names", "secure_email_sponsor"),
    (dict(product="secure_email_organization", pseudonym="C"), "order.names", "no person"),
    (dict(product="ssl_plus"), "order.product", "expected secure_email_mailbox"),
    (dict(common_name="nickname"), "order.common-name", "expected email"),
    (dict(signature_hash="sha1"), "order.hash", "sha384"),
    (dict(usage="all"), "order.usage", "dual_use"),
    (dict(additional_usages=["server_auth"]), "order.usage", "non_repudiation"),
    (dict(additional_usages=["client_auth"], profile_type="strict"), "order.usage", "multipurpose"),
    (dict(additional_usages=["non_repudiation"], usage="key_management"), "order.usage", "signing"),
    (dict(profile_type="legacy"), "order.profile", "strict"),
    (dict(validity_years=3), "order.validity", "6.3.2"),
    (dict(validity_days=826), "order.validity", "6.3.2"),
    (dict(validity_days=825), "order.validity", "824 days"),
    (dict(validity_days=0), "order.validity", "at least one"),
    (dict(validity_years=4), "order.validity", "1, 2 or 3"),
    (dict(validity_years=1, validity_days=10), "order.validity", "once"),
    (dict(validity_until="2027-02-30"), "order.validity", "expected a date"),
    (dict(validity_until="2020-01-01"), "order.validity", "future"),
    (dict(auto_renew=21), "order.renewal", "0 (none) to 20"),
    (dict(renew_by="ca"), "order.renewal", "--auto-renew"),
    (dict(auto_renew=1, renew_by="ca", key="new"), "order.renewal", "renewals by us"),
    (dict(key="old"), "order.renewal", "new or reuse"),
    (dict(emails=["nobody"]), "order.emails", "no mail address"),
    (dict(comments="two\nlines"), "order.comments", "one line"),
    (dict(payment="cash"), "order.payment", "profile (contract)"),
    (dict(locale="klingon-1"), "order.locale", "such as en"),
    (dict(container=0), "order.form", "container"),
    (dict(organization=17), "order.organization", "secure_email_sponsor"),
    (dict(addresses=["b@elsewhere.test"]), "domain.unknown", "no controlled domain"),
    (dict(later=True, csr="x"), "order.csr", "exclude"),
    (dict(later=True, auto_renew=1), "order.renewal", "--renew-by ca"),
    (dict(csr="x"), "csr.syntax", ""),
])
def test_refused_before_anything_leaves(site, domain, fields, code, says):
    assert says in refused(site, f"a@{domain}", code, **fields)


OLD = {"client_premium": ("dual_use", True), "client_email_security_plus": ("dual_use", True),
       "client_digital_signature_plus": ("signing", True), "class1_smime": ("dual_use", False)}


@pytest.mark.parametrize("product", OLD)
def test_older_products(site, domain, product):
    usage, person = OLD[product]
    box = f"a@{domain}"
    site.consent(box)
    answer = site.ask("order", mailbox=box, key_type="p256", product=product, **(PERSON if person else {}))
    assert "2025-07-10" in answer["attention"][0]
    number = answer["order"]
    _, cert = issued(site, number)
    sent = at_ca(site, number)["sent"]["certificate"]
    assert not {"profile_type", "usage_designation"} & set(sent)
    if person:
        assert sent["common_name"] == "Ada Lovelace" and sent["common_name_indicator"] == "given_name_surname"
        assert sent["individual"] == PERSON and subject(cert, NameOID.COMMON_NAME) == ["Ada Lovelace"]
    else:
        assert not {"common_name", "common_name_indicator", "individual"} & set(sent)
    form = show(site, number)["form"]
    assert form["usage"] == usage and form["profile_type"] == "multipurpose"
    assert cert.extensions.get_extension_for_class(x509.KeyUsage).value.key_agreement == (usage == "dual_use")


def test_older_products_say_what_they_need(site, domain):
    refused(site, f"a@{domain}", "order.names", product="client_premium")
    refused(site, f"a@{domain}", "order.common-name", product="client_premium", common_name="email", **PERSON)
    refused(site, f"a@{domain}", "order.usage", product="client_digital_signature_plus", usage="dual_use", **PERSON)
    refused(site, f"a@{domain}", "order.profile", product="client_premium", profile_type="strict", **PERSON)
    refused(site, f"a@{domain}", "order.names", product="class1_smime", **PERSON)


def test_names_that_people_know(site, domain):
    for word, product in (("individual", "secure_email_mailbox"), ("organization", "secure_email_organization"),
                          ("Secure Email for Organization", "secure_email_organization")):
        out = json.loads(cli(site, "--json", "order", f"a@{domain}", "--product", word, "--dry-run", ok=(1,)))
        assert out.get("code") == "order.consent"       # the words are through, the owner wasn't asked yet
        site.consent(f"b@{domain}")
        out = cli(site, "order", f"b@{domain}", "--product", word, "--dry-run")
        assert f"POST order/certificate/{product}\n" in out


# --- signature, usage, validity ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_signature_hash(site, domain, name):
    _, cert = issued(site, site.order(f"a@{domain}", signature_hash=name))
    assert cert.signature_hash_algorithm.name == name


@pytest.mark.parametrize("usage,more,profile", [
    ("dual_use", ["non_repudiation"], "strict"), ("signing", ["client_auth", "non_repudiation"], "multipurpose"),
    ("key_management", [], "strict")])
def test_usage(site, domain, usage, more, profile):
    number = site.order(f"a@{domain}", usage=usage, additional_usages=more, profile_type=profile)
    _, cert = issued(site, number)
    bits = cert.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (bits.digital_signature, bits.key_agreement) == (usage != "key_management", usage != "signing")
    assert bits.content_commitment == ("non_repudiation" in more)
    eku = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert (ExtendedKeyUsageOID.CLIENT_AUTH in eku) == ("client_auth" in more)
    designation = at_ca(site, number)["sent"]["certificate"]["usage_designation"]
    assert designation["primary_usage"] == usage
    assert set(designation.get("additional_usages", [])) == set(more)
    assert at_ca(site, number)["sent"]["certificate"]["profile_type"] == profile


def test_validity(site, domain):
    until = datetime.date.today() + datetime.timedelta(days=200)
    for i, (fields, sent, days) in enumerate([
            (dict(validity_days=90), {"days": 90}, 90), (dict(validity_years=1), {"years": 1}, 365),
            (dict(validity_years=2), {"years": 2}, 730), (dict(validity_days=824), {"days": 824}, 824),
            (dict(validity_until=until.isoformat()), {"custom_expiration_date": until.isoformat()}, 200)]):
        number = site.order(f"v{i}@{domain}", **fields)
        _, cert = issued(site, number)
        assert at_ca(site, number)["sent"]["order_validity"] == sent
        assert abs(days_of(cert) - days) <= 1


# --- recipients ----------------------------------------------------------------------------------------------------

def test_several_addresses_of_one_person(site, domain):
    other = f"d{next(site.fresh)}.test"
    site.ca.post("validate", domain=other)
    boxes = [f"alice@{domain}", f"a.smith@{domain}", f"alice@{other}"]
    site.consent(boxes[0])
    out = cli(site, "order", f"{boxes[0]},{boxes[1]}", "--addresses", boxes[2], "--key-type", "p256")
    number = int(out.split()[1])
    row, cert = issued(site, number)
    assert at_ca(site, number)["emails"] == boxes and san(cert) == boxes and sorted(row["mailboxes"]) == sorted(boxes)
    csr = x509.load_pem_x509_csr(at_ca(site, number)["plan"]["csr"].replace("NEW CERT", "CERT").encode())
    assert csr.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value.get_values_for_type(x509.RFC822Name) == boxes
    for box in boxes:                              # it is each one's certificate
        assert [c["id"] for c in site.ask("show", what=box)["certificates"]] == [row["id"]]
    site.ask("renew", mailbox=boxes[0])
    site.wait(lambda: len(site.ask("show", what=boxes[2])["certificates"]) == 2, 60, "renewed for all")
    site.ask("reissue", what=boxes[0], reason="new phone")
    site.wait(lambda: len(site.ask("show", what=boxes[2])["certificates"]) == 3, 60, "reissued for all")


def test_a_certificate_without_an_ordered_address_is_refused(site, domain):
    """The CA leaves one out, or puts one in."""
    boxes = [f"alice@{domain}", f"a.smith@{domain}"]
    site.consent(boxes[0])
    site.ca.settings(issue_delay=600)
    number = site.ask("order", mailbox=boxes[0], addresses=boxes, key_type="p256")["order"]
    order = at_ca(site, number)
    site.ca.post("shrink", order_id=order["id"])
    site.ca.post("status", order_id=order["id"], status="processing", finish=True)
    reason = site.wait(lambda: "refused" in reason_of(site, number) and reason_of(site, number), 30, "refused")
    assert boxes[1] in reason and site.ask("show", what=boxes[0])["certificates"] == []


def test_every_address_is_validated(site, domain):
    """A second address in a domain that is not validated yet: the order waits for it, and says so."""
    site.wait(lambda: site.state_of(domain) == "valid", 20, "our look at the account")
    other = f"d{next(site.fresh)}.test"
    site.ca.settings(send_mails=False)
    box = f"alice@{domain}"
    site.consent(box)
    number = site.ask("order", mailbox=box, addresses=[f"alice@{other}"], key_type="p256", **SPONSOR)["order"]
    site.wait(lambda: f"validation of the domain {other}" in reason_of(site, number), 30, "waits")
    kinds = [(i["kind"], i["domain"]) for i in show(site, number)["intents"]]
    assert ("domain", other) in kinds and ("domain", domain) not in kinds
    site.ca.post("validate", domain=other)
    issued(site, number)


def test_every_mailbox_is_validated(site, domain):
    """Where each address is proved by a mail of its own, each of these mails is expected."""
    site.ca.settings(mailbox_validation="always")
    boxes = [f"alice@{domain}", f"a.smith@{domain}"]
    site.consent(boxes[0])
    number = site.ask("order", mailbox=boxes[0], addresses=boxes, key_type="p256")["order"]
    expected = lambda: sorted(i["mailbox"] for i in show(site, number)["intents"] if i["kind"] == "mailbox")
    site.wait(lambda: expected() == sorted(boxes), 30, "both are expected")
    assert "validation of the mailbox" in reason_of(site, number)
    site.ask("cancel", order=f"order:{number}", reason="test")


def test_the_same_key_only_for_the_same_mailbox(site, domain):
    """Whatever key a request names, the keeper's record of it decides."""
    first = site.stored(site.order(f"a@{domain}"))
    site.consent(f"b@{domain}")
    number = site.ask("order", mailbox=f"b@{domain}", reuse_key=first["key_id"])["order"]
    site.wait(lambda: show(site, number)["order"]["state"] == "failed", 20, "failed")
    assert "another mailbox's" in reason_of(site, number) and of_box(site, f"b@{domain}") == []


def test_under_way_counts_for_each_address(site, domain):
    site.ca.settings(issue_delay=600)
    site.order(f"a@{domain}")
    box = f"b@{domain}"
    assert "under way" in refused(site, box, "order.under-way", addresses=[f"a@{domain}"])


def test_several_recipients(site, domain):
    """Each gets an order and a certificate of its own; the exit status is the worst."""
    boxes = [f"{n}@{domain}" for n in "ab"]
    for box in boxes:
        site.consent(box)
    out = json.loads(cli(site, "--json", "order", *boxes, f"{boxes[0]}x@nowhere.test", "--key-type", "p256", "--wait",
                         ok=(1,)))
    assert [o["mailbox"] for o in out] == [*boxes, f"{boxes[0]}x@nowhere.test"]
    assert [o.get("state") for o in out] == ["stored", "stored", None] and out[2]["ok"] is False
    certs = [site.ask("show", what=box)["certificates"] for box in boxes]
    assert [len(c) for c in certs] == [1, 1] and certs[0][0]["id"] != certs[1][0]["id"]
    assert [of_box(site, box)[0]["emails"] for box in boxes] == [[boxes[0]], [boxes[1]]]
    text = cli(site, "order", *boxes, "--dry-run", "--key-type", "p256")
    assert all(f"{box}: would order" in text for box in boxes)
    said = subprocess.run([site.program("certmilter"), "--config", site.config, "order", *boxes, "--first-name", "Ada"],
                          text=True, capture_output=True)
    assert said.returncode == 2 and "--csv" in said.stderr


# --- CSR ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("tag", ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"])
def test_csr_from_a_file(site, domain, tmp_path, tag):
    _, pem = csr_of()
    file = tmp_path / "request.pem"
    file.write_text(pem.replace("NEW CERTIFICATE REQUEST", "CERTIFICATE REQUEST").replace("CERTIFICATE REQUEST", tag))
    out = cli(site, "order", f"a@{domain}", "--csr", str(file))
    assert "only its key counts" in out
    row, _ = issued(site, int(out.split()[1]))
    assert not row.get("key_id")


def test_csr_with_a_key_that_no_ca_takes(site, domain):
    text = refused(site, f"a@{domain}", "csr.key", csr=csr_of(ec.generate_private_key(ec.SECP521R1()))[1])
    assert "P-256" in text or "p256" in text


def test_csr_that_brings_more_than_a_key(site, domain, tmp_path):
    """A second request, a private key beside it, a curve that is spelled out; and another person's key."""
    def openssl(*args):
        return subprocess.run(["openssl", *args], capture_output=True, check=True, text=True).stdout
    _, one = csr_of()
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt",
                  "ec_param_enc:explicit")
    (tmp_path / "key").write_text(key)
    spelled = openssl("req", "-new", "-key", str(tmp_path / "key"), "-subj", "/CN=x")
    for text, code, said in ((one + csr_of()[1], "csr.syntax", "more than one PEM block"),
                             (key + one, "csr.syntax", "give the request alone"), (spelled, "csr.key", "explicit")):
        assert said in refused(site, f"a@{domain}", code, csr=text)
    site.stored(site.ask("order", mailbox=f"a@{domain}", csr=one)["order"])
    assert "two persons never share" in refused(site, f"b@{domain}", "order.key", csr=one)
    site.stored(site.ask("order", mailbox=f"a@{domain}", csr=one)["order"])     # its own once more
    assert of_box(site, f"b@{domain}") == []


def test_later(site, domain):
    """No CSR: the invitation is told and tracked, never opened; afterwards the certificate is here without its key."""
    box = f"a@{domain}"
    site.ca.settings(mail_delay=0.5)                   # the answer is here before the mail that names its order
    out = cli(site, "order", box, "--later", ok=(4,))
    assert "can't be added after the order" in out and box in out
    number = int(out.split()[1])
    order = at_ca(site, number)
    assert order["sent"]["certificate"]["with_csr"] is False
    site.wait(lambda: show(site, number)["order"]["state"] == "person", 30, "waits for pick-up")
    site.wait(lambda: [t for t in show(site, number)["timeline"] if t["what"] == "invited"], 30, "the invitation")
    seen = show(site, number)
    assert "waiting for pick-up" in seen["order"]["reason"] and "old link is void" in seen["order"]["reason"]
    assert "recipient makes the key" in seen["next"]["text"]
    told = site.wait(lambda: [m for m in site.delivered(box) if b"is invited to make" in m], 30, "the notice")[0]
    told = email.message_from_bytes(told, policy=email.policy.default).get_content()
    assert "/create/" not in told and "opened by the owner of this mailbox" in told
    assert "it names the order that we placed" in told
    token = at_ca(site, number)["invitation"]
    assert token not in json.dumps(site.events()) and token not in site.agent.log_text()
    site.ca.post("pickup", order_id=order["id"], resend=True)
    site.wait(lambda: len([t for t in show(site, number)["timeline"] if t["what"] == "invited"]) == 2, 30, "the second")
    assert "void" in [t for t in show(site, number)["timeline"] if t["what"] == "invited"][1]["cause"]
    site.ca.post("pickup", order_id=order["id"])
    row, _ = issued(site, number)
    assert not row.get("key_id") and row["state"] == "current"
    assert "key is held elsewhere" in show(site, number)["order"]["reason"]
    assert not [e for e in site.events("alarm.") if (e.get("data") or {}).get("mailbox") == box]
    page = site.ca.counters()["pages"] if "pages" in site.ca.counters() else {}
    assert not [p for p in page if token in p]


def test_later_lost_answer(site, domain):
    """Without a CSR our mark in the comments finds the order whose answer was lost."""
    box = f"a@{domain}"
    site.ca.fault("POST /services/v2/order/certificate/secure_email_mailbox", "drop")
    number = site.ask("order", mailbox=box, later=True, comments="for the new office")["order"]
    order = site.wait(lambda: show(site, number)["order"].get("ca_order"), 60, "found")
    assert [o["id"] for o in of_box(site, box)] == [int(order)]


# --- the rest of the form -----------------------------------------------------------------------------------------

def test_extras(site, domain):
    ours = site.ca.account
    label = f"Cost center {domain}"
    field = site.ca.api("POST", "/account/metadata", {"label": label})["id"]
    site.wait(lambda: knows_field(site, domain, label), 30, "the fields were read")
    box = f"a@{domain}"
    number = site.order(box, emails=[f"pki@{domain}", "desk@elsewhere.test"], comments="Büro 7, ticket 17",
                        custom_fields={label.upper(): "4711"}, container=7, organization=ours["organization_id"],
                        payment="card", locale="de", **SPONSOR)
    issued(site, number)
    order = at_ca(site, number)
    assert order["additional_emails"] == [f"pki@{domain}", "desk@elsewhere.test"]
    assert order["custom_fields"] == [{"metadata_id": field, "value": "4711"}]
    assert order["container_id"] == 7 and order["organization_id"] == ours["organization_id"]
    assert order["payment_method"] == "card" and order["locale"] == "de"
    reference = show(site, number)["order"]["reference"]
    assert order["comments"] == f"{reference} Büro 7, ticket 17"
    text = cli(site, "show", f"order:{number}")
    assert "\nform\n" in text and "Büro 7" in text and "csr" not in text
    form = show(site, number)["form"]
    assert form["comments"] == "Büro 7, ticket 17" and form["custom_fields"] == {str(field): "4711"}
    text = refused(site, f"b@{domain}", "order.custom-field", custom_fields={"Colour": "red"})
    assert label in text


def knows_field(site, domain, label):
    site.consent(f"probe@{domain}")
    try:
        site.ask("order", mailbox=f"probe@{domain}", dry_run=True, custom_fields={label: "x"})
        return True
    except Refused:
        return False


def test_required_custom_field(site, domain):
    label = f"Required {domain}"
    try:
        site.ca.api("POST", "/account/metadata", {"label": label, "is_required": True})
        site.wait(lambda: knows_field(site, domain, label), 30, "the fields were read")
        assert label in refused(site, f"a@{domain}", "order.custom-field")
        site.stored(site.order(f"a@{domain}", custom_fields={label: "yes"}))
    finally:
        for entry in site.ca.api("GET", "/account/metadata")["metadata"]:
            site.ca.post("metadata", id=entry["id"], is_required=False)
        site.wait(lambda: accepts(site, f"probe@{domain}"), 30, "nothing required any more")


def accepts(site, box):
    try:
        return site.ask("order", mailbox=box, dry_run=True)
    except Refused:
        return False


# --- dry run ----------------------------------------------------------------------------------------------------------

def snapshot(site, box):
    """Every row of the ledger that names BOX, but those that time alone changes: orders of other tests go on."""
    with sqlite3.connect(f"file:{site.path('state', 'ledger.db')}?mode=ro", uri=True) as db:
        names = [n for n, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {n: [r for r in db.execute(f"SELECT * FROM {n}") if box in str(r)] for n in names if n in
                ("orders", "event", "intent", "notice", "certificate", "mail", "consent")}


def test_dry_run_is_exact(site, domain):
    box = f"a@{domain}"
    site.consent(box)
    before, counted = snapshot(site, box), site.ca.counters()["orders"]
    assert before["consent"] and before["event"] and not before["orders"] and len(before) == 7
    out = cli(site, "order", box, "--product", "business", "--first-name", "Ada", "--last-name", "Lovelace", "--hash",
              "sha384", "--years", "1", "--notify", "pki@x.test", "--comments", "why", "--key-type", "p256",
              "--dry-run")
    first, _, rest = out.partition("\n")
    request, _, body = rest.partition("\n")
    assert "nothing was written or sent" in first and request == "POST order/certificate/secure_email_sponsor"
    would = json.loads(body)
    assert snapshot(site, box) == before and site.ca.counters()["orders"] == counted
    assert not [k for k in os.listdir(site.path("keys")) if "request" in k]
    number = site.order(box, validity_years=1, signature_hash="sha384", emails=["pki@x.test"], comments="why",
                        **SPONSOR)
    sent = at_ca(site, number)["sent"]
    assert would["certificate"].pop("csr") == "made when ordering" and sent["certificate"].pop("with_csr")
    mark = show(site, number)["order"]["reference"]
    assert sent.pop("comments") == f"{mark} why" and would.pop("comments") == "made-when-ordering why"
    assert sent == would


# --- renewal ----------------------------------------------------------------------------------------------------------

def test_renewal_asks_for_the_same(site, domain):
    box, fields = f"a@{domain}", dict(SPONSOR, signature_hash="sha512", additional_usages=["non_repudiation"],
                                      common_name="email", validity_days=77, emails=["pki@x.test"], comments="c",
                                      container=7, payment="card", locale="de")
    number = site.order(box, **fields)
    first, _ = issued(site, number)
    site.ask("renew", mailbox=box)
    site.wait(lambda: len(site.ask("show", what=box)["certificates"]) == 2, 60, "renewed")
    second = next(c for c in site.ask("show", what=box)["certificates"] if c["id"] != first["id"])
    old, new = at_ca(site, number)["sent"], at_ca(site, second["order"])["sent"]
    assert new.pop("renewal_of_order_id") == at_ca(site, number)["id"]
    assert old.pop("comments") != new.pop("comments")     # another mark
    assert old == new and second["key_id"] != first["key_id"]
    site.ask("reissue", what=f"order:{second['order']}", reason="x")
    site.wait(lambda: len(site.ask("show", what=box)["certificates"]) == 3, 60, "reissued")
    _, cert = issued(site, second["order"])
    assert cert.signature_hash_algorithm.name == "sha512"


def test_renewal_with_the_same_key(site, domain):
    box = f"a@{domain}"
    first = site.stored(site.order(box, key="reuse"))
    site.ask("renew", mailbox=box)
    site.wait(lambda: len(site.ask("show", what=box)["certificates"]) == 2, 60, "renewed")
    newest = max(site.ask("show", what=box)["certificates"], key=lambda c: c["id"])
    assert newest["key_id"] == first["key_id"] and newest["order"] != first["order"]
    assert len({o["plan"]["csr"] for o in of_box(site, box)}) == 2      # each order is found by its own CSR
    cli(site, "renew", box, "--key", "new")
    site.wait(lambda: len(site.ask("show", what=box)["certificates"]) == 3, 60, "renewed again")
    newest = max(site.ask("show", what=box)["certificates"], key=lambda c: c["id"])
    assert newest["key_id"] != first["key_id"]


def configured(site, domain, **options):
    site.domains[domain] = {"mode": "confirm", **options}
    site.write_config()
    site.ask("reload")


def test_automatic_renewals_count_down(site, domain):
    """The order says how often; where the domain says nothing the timer renews 30 days before the end."""
    number = site.order(f"long@{domain}", auto_renew=1, validity_days=300)
    row = site.stored(number)
    assert show(site, number)["next"] == {"text": "it is renewed by a new order", "at": row["not_after"] - 30 * 86400}
    box = f"a@{domain}"
    configured(site, domain, renew="20d")              # of 10 days it is due at once
    try:
        site.stored(site.order(box, auto_renew=2, validity_days=10))
        site.wait(lambda: len(site.ask("show", what=box)["certificates"]) == 2, 60, "renewed by itself")
        newest = max(site.ask("show", what=box)["certificates"], key=lambda c: c["id"])
        seen = show(site, newest["order"])
        assert seen["form"]["auto_renew"] == 1 and "auto_renew" not in at_ca(site, newest["order"])["sent"]
        assert seen["order"]["by"] == "agent (renewal)" and seen["form"]["validity_days"] == 10
    finally:
        configured(site, domain)


def test_renewal_by_the_ca(site, domain):
    number = site.order(f"a@{domain}", auto_renew=3, renew_by="ca")
    issued(site, number)
    assert at_ca(site, number)["auto_renew"] == 3
    assert "the CA renews" in show(site, number)["next"]["text"]


def test_no_automatic_renewal(site, domain):
    """--auto-renew 0 holds where the domain would renew."""
    configured(site, domain, renew="20d")
    try:
        number = site.order(f"a@{domain}", auto_renew=0)
        issued(site, number)
        assert "not renewed" in show(site, number)["next"]["text"]
    finally:
        configured(site, domain)
