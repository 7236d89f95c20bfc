"""Tests of the rehearsal CA through its doors only: API, mails, pages, control. Certificates have their own file."""

import base64
import http.client
import io
import re
import time
import urllib.parse
import zipfile

import dkim
import pytest
from cryptography import x509

from rehearsal_client import (ORDER, Form, Rehearsal, csr_of, link_of, message, order_body, organization, path_of,
                              spki, sponsor, submit, text_of)

ROLES = ["admin", "administrator", "webmaster", "hostmaster", "postmaster"]


def test_sponsor_order_by_mail_to_issued(ca, sink):
    key, csr = csr_of(tag="NEW CERTIFICATE REQUEST")
    order = sponsor(ca, csr, "alice@example.test")
    assert ca.api("GET", f"{ORDER}/{order}").json["status"] == "pending"
    ca.idle()
    assert sorted(m[1][0] for m in sink.mails) == sorted(f"{r}@example.test" for r in ROLES)
    assert all("<bounce@rehearsal-ca.test>" in m[0] for m in sink.mails)
    assert len({link_of(m[2]) for m in sink.mails}) == 5
    raw = sink.mails[0][2]
    assert dkim.verify(raw, dnsfunc=ca.keys_of_zone())
    assert f"Domain: example.test\nOrder: {order}\nSupport ID: S-" in text_of(raw).replace("\r", "")
    assert message(raw)["Subject"] == f"Please validate ownership of your domain example.test ({order})"
    assert message(raw)["From"] == "Rehearsal CA Validation <no-reply@rehearsal-ca.test>"
    page = ca.request("GET", path_of(link_of(raw)))
    form = Form(page.text)
    assert form.ids["domain"] == "example.test" and form.ids["order"] == str(order)
    assert form.choices == ["this", "all"] and not form.checked
    assert form.buttons == [("decision", "approve"), ("decision", "contact")] and form.action == "/dcv/submit"
    assert ca.api("GET", f"{ORDER}/{order}").json["status"] == "pending"
    done = submit(ca, link_of(raw))
    assert done.status == 200 and 'id="notice-done"' in done.text
    info = ca.wait(order)
    assert info["certificate"]["emails"] == ["alice@example.test"]
    again = ca.request("GET", path_of(link_of(sink.mails[1][2])))
    assert 'id="notice-already"' in again.text
    ca.idle()
    issued = sink.mails[-1]
    assert issued[1] == ["alice@example.test"] and dkim.verify(issued[2], dnsfunc=ca.keys_of_zone())
    attachment = next(message(issued[2]).iter_attachments())
    archive = zipfile.ZipFile(io.BytesIO(attachment.get_content()))
    assert archive.namelist() == ["certificate.crt", "intermediate.crt"]
    cert = x509.load_pem_x509_certificate(archive.read("certificate.crt"))
    assert spki(cert.public_key()) == spki(key.public_key())
    assert f"{cert.serial_number:X}" == info["certificate"]["serial_number"]


def test_mailbox_order_by_page_and_api(ca, sink):
    for kind in ("button", "get", "api"):
        ca.control("/settings", {"mailbox_page": "get" if kind == "get" else "button"})
        address = f"carol+{kind}@example.test"
        order = ca.api("POST", ORDER + "/secure_email_mailbox", order_body(csr_of()[1], address)).json["id"]
        ca.idle()
        raw = sink.mails[-1][2]
        assert f"Mailbox: {address}" in text_of(raw) and "Order:" not in text_of(raw)
        listed = ca.api("GET", f"{ORDER}/{order}/email-validation").json["emails"]
        assert [(e["email"], e["status"]) for e in listed] == [(address, "unvalidated")]
        link = link_of(raw)
        if kind == "get":
            assert 'id="notice-done"' in ca.request("GET", path_of(link)).text
        elif kind == "button":
            assert 'id="notice-done"' in submit(ca, link, scope=None).text
        else:
            token = re.search(r"/mailbox/([a-z0-9]{32})\?", link).group(1)
            query = "?email=" + urllib.parse.quote(address)
            assert ca.api("PUT", f"/email-validation/{token}{query}", account="mallory").status == 404
            assert ca.api("PUT", f"/email-validation/{token}{query}").status == 204
        assert ca.wait(order)["status"] == "issued"
        assert ca.api("GET", f"{ORDER}/{order}/email-validation").json["emails"][0]["status"] == "validated"


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "ja", "ko", "ru", "zh-CN", "zh-TW"])
def test_every_language_is_signed_and_keeps_its_labels(ca, sink, language):
    ca.control("/send", {"kind": "dcv", "domain": "example.test", "language": language,
                         "recipients": ["postmaster@example.test"], "order_id": None})
    ca.control("/send", {"kind": "organization-consent", "domain": "example.test", "language": language})
    ca.idle()
    raw = sink.mails[0][2]
    assert all(dkim.verify(m[2], dnsfunc=ca.keys_of_zone()) for m in sink.mails)
    assert re.search(r"^Domain: example\.test\r?\nDomain ID: \d+\r?\nSupport ID: S-[A-Z0-9]{8}\r?$", text_of(raw), re.M)
    html = message(raw).get_body(("html",)).get_content()
    assert f'<a href="{link_of(raw)}">' in html and "Domain: example.test<br>" in html
    assert "synthetic" in text_of(raw).lower()
    page = ca.request("GET", path_of(link_of(raw)))
    assert f'<html lang="{language}">' in page.text and Form(page.text).ids["domain"] == "example.test"


@pytest.mark.parametrize("fault,good", [
    ("no_dkim", False), ("broken_body", False), ("broken_signature", False), ("wrong_d", True), ("l_tag", True),
    ("unsigned_subject", True), ("second_from", False), ("expired", False), ("testing_key", True), ("no_key", False)])
def test_signature_faults(ca, sink, fault, good):
    ca.control("/send", {"kind": "dcv", "domain": "example.test", "recipients": ["admin@example.test"],
                         "faults": [fault]})
    ca.idle()
    raw = sink.mails[0][2]
    try:
        result = dkim.verify(raw, dnsfunc=ca.keys_of_zone())
    except dkim.DKIMException:
        result = False
    assert result is good
    field = re.split(rb"\r\n(?=\S)", raw.partition(b"DKIM-Signature:")[2])[0]
    assert (b"d=elsewhere.test" in field) == (fault == "wrong_d")
    assert (b" l=" in field) == (fault == "l_tag")
    assert (raw.lower().count(b"\nfrom:") + raw.lower().startswith(b"from:") == 2) == (fault == "second_from")


def test_form_needs_cookie_choice_and_only_once(ca):
    token = ca.control("/send", {"kind": "dcv", "domain": "example.test", "recipients": ["admin@example.test"]})
    link = f"https://x/dcv/{token['tokens'][0]}"
    form = Form(ca.request("GET", path_of(link)).text)
    without = ca.request("POST", "/dcv/submit", urllib.parse.urlencode({**form.fields, "decision": "approve",
                                                                        "scope": "this"}))
    assert without.status == 403
    assert submit(ca, link, scope=None).status == 400
    assert 'id="notice-contacted"' in submit(ca, link, decision="contact").text
    assert 'id="notice-done"' in submit(ca, link, scope="all").text
    assert ca.control("/tokens")["tokens"][0]["scope"] == "all"
    assert ca.control("/counters")["tokens"][token["tokens"][0]]["posts"] == 4


def test_page_faults(ca):
    token = ca.control("/send", {"kind": "dcv", "domain": "example.test", "recipients": ["admin@example.test"]})
    path = f"/dcv/{token['tokens'][0]}"
    pages = {}
    for fault in ("wrong_domain", "expired", "login", "captcha", "forbidden", "no_narrow", "further_applicants"):
        ca.control("/page", {"domain": "example.test", "fault": fault})
        pages[fault] = ca.request("GET", path)
    assert Form(pages["wrong_domain"].text).ids["domain"] == "wrong-domain.test"
    assert pages["expired"].status == 410 and pages["forbidden"].status == 403
    assert 'type="password"' in pages["login"].text and "captcha" in pages["captcha"].text
    assert Form(pages["no_narrow"].text).choices == ["all"]
    assert "Another Applicant" in pages["further_applicants"].text
    ca.control("/page", {"domain": "example.test", "fault": None})
    ca.control("/expire", {"token": token["tokens"][0]})
    assert ca.request("GET", path).status == 410


def test_mallory_is_genuine_but_not_ours(ca, sink):
    answer = ca.control("/mallory", {"domain": "example.test", "times": 2})
    ca.idle()
    assert len(sink.mails) == 10 and all(dkim.verify(m[2], dnsfunc=ca.keys_of_zone()) for m in sink.mails)
    assert len(answer["orders"]) == 2 and len(answer["tokens"]) == 10
    assert ca.api("GET", f"{ORDER}/{answer['orders'][0]}").json["errors"][0]["code"] == "not_found|order"
    assert ca.api("GET", f"{ORDER}/{answer['orders'][0]}", account="mallory").json["status"] == "pending"
    assert ca.api("GET", "/domain?filters[name]=example.test").json["domains"] == []
    assert ca.control("/counters")["orders"] == {"mallory": 2}


def test_domain_calls(ca, sink):
    body = {"name": "www.Example.test", "organization": {"id": organization(ca)}, "validations": [{"type": "ov"}],
            "dcv_method": "email", "locale": "de"}
    made = ca.api("POST", "/domain", body).json
    assert made["validation_emails"]["base_emails"][0] == "admin@example.test"
    assert ca.api("POST", "/domain", body).status == 400
    ca.idle()
    assert len(sink.mails) == 5 and f"Domain ID: {made['id']}" in text_of(sink.mails[0][2])
    assert ca.api("PUT", f"/domain/{made['id']}/dcv/emails", {"email_array": ["evil@example.test"]}).status == 400
    assert ca.api("PUT", f"/domain/{made['id']}/dcv/emails", {"email_array": ["admin@example.test"]}).status == 204
    ca.idle()
    assert len(sink.mails) == 6
    token = ca.api("PUT", f"/domain/{made['id']}/dcv/method", {"dcv_method": "dns-txt-token"}).json["dcv_token"]
    assert len(token["token"]) == 32 and token["status"] == "pending"
    newer = ca.api("POST", f"/domain/{made['id']}/dcv/token").json
    assert newer["token"] != token["token"]
    check = ca.api("PUT", f"/domain/{made['id']}/dcv/validate-token", {})
    assert check.status == 400 and check.json["errors"][0]["code"] == "invalid_dns_txt"
    assert ca.api("PUT", f"/domain/{made['id']}/dcv/method", {"dcv_method": "email"}).json == {}
    ca.idle()
    assert len(sink.mails) == 11
    submit(ca, link_of(sink.mails[-1][2]))
    seen = ca.api("GET", f"/domain/{made['id']}?include_dcv=true&include_validation=true").json
    assert seen["validations"][0]["status"] == "active" and seen["dcv_expiration_datetime"]
    assert [m["name_id"] for m in ca.api("GET", "/domain/dcv/method").json["methods"]][0] == "email"


def test_a_set_status_stays(ca):
    ca.control("/validate", {"domain": "example.test"})
    ca.control("/settings", {"issue_delay": 0.3})
    order = sponsor(ca, csr_of()[1], "kurt@example.test")
    ca.control("/status", {"order_id": order, "status": "processing"})
    time.sleep(0.4)
    assert ca.api("GET", f"{ORDER}/{order}").json["status"] == "processing"
    ca.control("/status", {"order_id": order, "status": "processing", "finish": True})
    assert ca.api("GET", f"{ORDER}/{order}").json["status"] == "issued"


@pytest.mark.parametrize("change,code", [
    ({"certificate": {"emails": []}}, "missing_emails"), ({"certificate": {"csr": "nonsense"}}, "invalid_csr"),
    ({"certificate": {"profile_type": "legacy"}}, "invalid_profile_type"),
    ({"certificate": {"usage_designation": {}}}, "missing_primary_usage"),
    ({"certificate": {"common_name_indicator": None}}, "missing_common_name_indicator"),
    ({"certificate": {"individual": {}}}, "missing_individual"),
    ({"order_validity": {"days": 1095}}, "invalid_order_validity"),
    ({"order_validity": None}, "missing_order_validity"), ({"dcv_method": "dns-txt-token"}, "invalid_dcv_method")])
def test_wrong_orders_are_refused(ca, change, code):
    body = order_body(csr_of()[1], "alice@example.test", organization=organization(ca), **change)
    answer = ca.api("POST", ORDER + "/secure_email_sponsor", body)
    assert answer.status == 400 and answer.json["errors"][0]["code"] == code
    assert ca.control("/counters")["orders"] == {}


def test_keys_limits_and_errors(ca):
    assert ca.request("GET", "/services/v2/user/me", headers={"X-DC-DEVKEY": "wrong"}).status == 401
    assert ca.api("GET", "/user/me", key="view_key").json["account_id"] == ca.accounts["ours"]["account_id"]
    assert ca.api("POST", "/domain", {}, key="view_key").json["errors"][0]["code"] == "access_denied|missing_permission"
    assert ca.api("GET", "/nothing").json["errors"][0]["code"] == "not_found|route"
    assert ca.api("GET", "/finance/balance").json["currency"] == "USD"
    assert {p["name_id"] for p in ca.api("GET", "/product").json["products"]} >= {"secure_email_mailbox"}
    assert ca.api("GET", "/user/me", account="third").status == 200
    ca.control("/settings", {"rate_limits": True, "rate_short": [3, 5]})
    before = ca.control("/counters")["peaks"]["third"]
    statuses = [ca.api("GET", "/product", account="third").status for _ in range(5)]
    assert statuses[-1] == 429 and 200 in statuses
    after = ca.control("/counters")["peaks"]["third"]
    assert after["short"] >= 5 and after["long"] == before["long"] + 5


def test_faults(ca):
    ca.control("/faults", {"faults": [{"match": "GET .*/product$", "times": 1, "do": "status:500"},
                                      {"match": "GET .*/user/me", "times": 1, "do": "half_json"},
                                      {"match": "POST .*/secure_email_sponsor", "times": 1, "do": "drop"},
                                      {"match": "GET .*/domain", "times": 1,
                                       "do": "redirect:https://elsewhere.test/"}]})
    assert ca.api("GET", "/product").status == 500 and ca.api("GET", "/product").status == 200
    with pytest.raises(ValueError):
        assert ca.api("GET", "/user/me").json
    body = order_body(csr_of()[1], "fred@example.test", organization=organization(ca))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, OSError)):
        ca.api("POST", ORDER + "/secure_email_sponsor", body)
    assert ca.api("GET", ORDER + "?filters[email]=fred@example.test").json["page"]["total"] == 1
    assert ca.api("GET", "/domain").headers["Location"] == "https://elsewhere.test/"
    assert ca.control("/counters")["requests"]["GET /services/v2/product"] == 2


def test_unbound_shared_token_keygen_and_retry(ca, sink):
    ca.control("/settings", {"id_in_mail": False, "one_token_per_address": False})
    sink.temporary = 1
    order = sponsor(ca, None, "hans@example.test")
    ca.idle()
    text = text_of(sink.mails[0][2])
    assert len(sink.mails) == 5 and len({link_of(m[2]) for m in sink.mails}) == 1
    assert "Order:" not in text and "Domain ID:" not in text and str(order) not in message(sink.mails[0][2])["Subject"]
    submit(ca, link_of(sink.mails[0][2]))
    ca.wait(order, "waiting_pickup")
    ca.idle()
    assert message(sink.mails[-1][2])["Subject"].startswith("Create your certificate")
    assert ca.api("PUT", f"{ORDER}/{order}/status", {"status": "CANCELED", "note": ""}).status == 204
    ca.control("/status", {"order_id": order, "status": "denied"})
    assert ca.api("GET", f"{ORDER}/{order}").json["status"] == "denied"


def test_restart_keeps_state(tmp_path, sink):
    ca = Rehearsal(tmp_path, sink.server_address[1], "--seed", "1")
    ca.control("/validate", {"domain": "kept.test"})
    order = sponsor(ca, csr_of()[1], "ida@kept.test")
    accounts, cert = ca.accounts, ca.wait(order)["certificate"]["serial_number"]
    sent = ca.control("/mails")["mails"]
    assert ca.stop() == 0
    assert not (tmp_path / "ready").exists() and (tmp_path / "accounts.json").stat().st_mode & 0o777 == 0o600
    ca.start()
    assert ca.accounts == accounts and ca.wait(order)["certificate"]["serial_number"] == cert
    assert base64.b64decode(sent[0]["raw_base64"]).startswith(b"DKIM-Signature:") if sent else True
    assert sponsor(ca, csr_of()[1], "ida@kept.test") > order
    assert ca.stop() == 0


def test_what_was_sent_is_kept(ca):
    """All of an order's form but the CSR; the container is the one that was named."""
    ca.control("/validate", {"domain": "example.test"})
    number = sponsor(ca, csr_of()[1], "a@example.test", comments="hello", container={"id": 9}, auto_renew=2)
    sent = ca.control("/state/orders")["orders"][str(number)]["sent"]
    assert (sent["comments"], sent["auto_renew"]) == ("hello", 2)
    assert sent["certificate"]["with_csr"] is True and "csr" not in sent["certificate"]
    assert ca.api("GET", f"{ORDER}/{number}").json["container"]["id"] == 9
    body = order_body(csr_of()[1], "b@example.test", auto_renew=99)
    assert ca.api("POST", f"{ORDER}/secure_email_mailbox", body).json["errors"][0]["code"] == "invalid_auto_renew"


def test_pick_up(ca, sink):
    """An order without CSR: invited, invited again, then the recipient makes the key."""
    ca.control("/validate", {"domain": "example.test"})
    number = sponsor(ca, None, "a@example.test")
    ca.wait(number, "waiting_pickup")
    ca.control("/pickup", {"order_id": number, "resend": True})
    ca.idle()
    assert len({link_of(m[2]) for m in sink.mails}) == 2
    ca.control("/pickup", {"order_id": number})
    assert ca.wait(number)["certificate"]["emails"] == ["a@example.test"]
    with pytest.raises(AssertionError, match="wait for pick-up"):
        ca.control("/pickup", {"order_id": number})
