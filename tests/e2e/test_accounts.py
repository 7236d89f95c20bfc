"""What the account is and may do: organizations, products, payment, rights of the key, what is predicted from it."""
import email
import email.policy
import itertools
import json
import os
import subprocess
import time

import pytest

import agentsocket
from agentsocket import Refused

RECEPTION, BOSS = "reception@example.test", "boss@example.test"
FORM = {"name": "Example Two Ltd", "address": "2 Sample Street", "city": "Sampletown", "zip": "12345", "country": "de",
        "telephone": "+49 30 5550102", "organization_contact": {
            "first_name": "Berta", "last_name": "Boss", "job_title": "CEO", "email": BOSS,
            "telephone": "+49 30 5550103"}}
ORG = "secure_email_organization"


@pytest.fixture(scope="module")
def site(sites):
    names = ["example.test", "gmail.com", "caa.test", "deep.caa.test", "named.test", "nobody.test", "lame.test"]
    names += [f"d{n}.test" for n in range(40)]
    site = sites(domains={n: {"mode": "confirm"} for n in names}, poll="1s", settle="2s", timing={"resend_after": "5s"},
                 account_options={"payment": "auto", "reception": f'"{RECEPTION}"',
                                  "prices": '{ "secure_email_sponsor 31.00 EUR" }'})
    site.start_around()
    site.dns.change("caa", (
        'caa.test. IN CAA 0 issuemail "other-ca.example; account=7"\ncaa.test. IN CAA 0 issue "rehearsal-ca.test"\n'
        'named.test. IN CAA 0 issuemail "other-ca.example"\nnamed.test. IN CAA 0 issuemail " rehearsal-ca.test; x=y"\n'
        'nobody.test. IN CAA 0 issuemail ";"\n'))
    site.dns.zones["lame.test"] = "lame.test. IN A no-address\n"     # not loaded: SERVFAIL
    site.dns.change("lame.test", "")
    site.start_milter()
    site.keeper.start()
    site.start_agent()
    site.ca.settings(rate_limits=False, issue_delay=0)
    site.fresh = itertools.count()
    site.wait(lambda: site.ask("status")["accounts"][0].get("balance"), 20, "the first catalog")
    return site


@pytest.fixture
def domain(site):
    name = f"d{next(site.fresh)}.test"
    site.ca.post("validate", domain=name)
    yield name
    site.ca.call("DELETE", "faults")
    site.ca.settings(foreign_403=False, tell_prices=False, list_validations=True)
    site.ca.post("organization", account="ours", validations=["ov", "smime"], is_active=True)
    site.ca.post("balance", balance=1000000)
    site.ca.post("rights", role="administrator", restricted=0, payment_methods=None, products=None)
    look(site)


def cli(site, *args, ok=(0,)):
    env = {"PATH": os.environ["PATH"], "CERTMILTER_CONFIG": site.config, "LANG": "C.UTF-8", "TZ": "UTC"}
    r = subprocess.run([site.program("certmilter"), *args], env=env, text=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=120)
    assert r.returncode in ok, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def look(site):
    """The agent asks the CA for the account's catalog now."""
    return site.ask("organization.list")["organizations"]


def show(site, number):
    return site.ask("show", what=f"order:{number}")["order"]


def mine(site):
    number = site.ca.account["organization_id"]
    return next(o for o in look(site) if o["id"] == number)


def refusal(site, box, **more):
    with pytest.raises(Refused) as e:
        site.ask("order", mailbox=box, key_type="p256", **more)
    return e.value.answer


def at_ca(site, box, account="ours"):
    return [o for o in site.ca.get("state/orders")["orders"].values() if box in o["emails"] and o["account"] == account]


def posts(site, part):
    return sum(n for k, n in site.ca.counters()["requests"].items() if k.startswith("POST") and part in k)


def organizations(site, name):
    return [o for o in site.ca.get("state/organizations")["organizations"].values()
            if o["account"] == "ours" and o["name"] == name]


# --- products -----------------------------------------------------------------------------------------------

def test_products_with_the_names_that_people_know(site, domain):
    out = cli(site, "product", "list")
    for word in ("secure_email_mailbox", "Secure Email for Individual", "Secure Email for Business",
                 "Secure Email for Organization", "sha384", "client_premium", "2025-07-10"):
        assert word in out
    one = json.loads(cli(site, "--json", "product", "show", "client_premium"))["products"][0]
    assert one["ended"] == "2025-07-10" and one["years"] == [1, 2] and one["csr_required"] is False
    assert "ended this product" in cli(site, "product", "show", "client_premium")
    cli(site, "product", "show", "no_such_product", ok=(1,))


def test_a_product_that_the_account_has_not_is_refused_with_what_it_has(site, domain):
    site.ca.post("rights", products=["secure_email_mailbox", "client_premium"])
    look(site)
    a = refusal(site, f"a@{domain}", product=ORG)
    assert a["code"] == "order.product" and "secure_email_mailbox (Secure Email for Individual)" in a["text"]
    assert "Premium, ended" in a["text"] and not at_ca(site, f"a@{domain}")
    site.stored(site.order(f"a@{domain}", product="secure_email_mailbox"))


def test_required_custom_fields_are_named(site, domain):
    field = site.ca.api("POST", "/account/metadata", {"label": "Cost center", "is_required": True})["id"]
    look(site)
    a = refusal(site, f"a@{domain}", product="secure_email_mailbox")
    assert a["code"] == "order.custom-field" and "Cost center" in a["text"] and not at_ca(site, f"a@{domain}")
    assert "Cost center" in cli(site, "product", "show", "secure_email_mailbox")
    site.consent(f"a@{domain}")

    def sends(**fields):
        try:
            return site.ask("order", mailbox=f"a@{domain}", product="secure_email_mailbox", key_type="p256",
                            dry_run=True,
                            **fields)["sends"]
        except Refused:
            return None         # the next look brings the field, or that it is required no more
    given = site.wait(lambda: sends(custom_fields={str(field): "x"}), 20, "the field is known")
    assert given["body"]["custom_fields"]
    site.ca.post("metadata", id=field, is_required=False)
    look(site)
    site.wait(sends, 20, "required no more")


def test_custom_fields_are_known_after_a_restart(site, domain):
    field = site.ca.api("POST", "/account/metadata", {"label": "Floor", "is_required": True})["id"]
    look(site)
    site.agent.stop()
    site.ca.fault("GET .*/account/metadata", "status:500", times=1000)
    site.start_agent()
    try:
        a = refusal(site, f"a@{domain}", product="secure_email_mailbox")
        assert a["code"] == "order.custom-field" and "Floor" in a["text"]
        site.consent(f"a@{domain}")
        sends = site.ask("order", mailbox=f"a@{domain}", product="secure_email_mailbox", key_type="p256", dry_run=True,
                         custom_fields={"floor": "3"})["sends"]
        assert sends["body"]["custom_fields"] == [{"metadata_id": field, "value": "3"}]
    finally:
        site.ca.call("DELETE", "faults")
        site.ca.post("metadata", id=field, is_required=False)
        site.wait(lambda: known_as_optional(site, domain), 20, "required no more")


def known_as_optional(site, domain):
    try:
        return site.ask("order", mailbox=f"a@{domain}", product="secure_email_mailbox", key_type="p256", dry_run=True)
    except Refused:
        return None


# --- organizations --------------------------------------------------------------------------------------------

def test_validated_organizations_come_first(site, domain):
    site.ca.api("POST", "/organization", {**FORM, "name": "A New One"})
    for told in (True, False):          # with its validations in the list, or only one by one
        site.ca.settings(list_validations=told)
        first, *others = look(site)
        assert first["id"] == mine(site)["id"]
        assert first["smime"] == "valid" and first["days_left"] in (824, 825) and first["orders"] is True
        assert [o["smime"] for o in others if o["name"] == "A New One"] == ["none"]
    out = cli(site, "organization", "list").splitlines()
    assert " d left" in out[1] and "go with it" in out[1]


def test_the_list_of_the_last_look_while_the_ca_is_away(site, domain):
    look(site)
    site.ca.fault("GET .*/user/me", "status:500", times=None)
    answer = site.ask("organization.list")
    assert answer["organizations"] and "can't be asked now" in answer["attention"][0]


def add_args(name):
    return ["organization", "add", name, "--address", "2 Sample Street", "--zip", "12345", "--city", "Sampletown",
            "--country", "de", "--phone", "+49 30 5550102", "--contact-first-name", "Berta",
            "--contact-last-name", "Boss",
            "--contact-email", BOSS, "--contact-phone", "+49 30 5550103"]


def test_add_an_organization(site, domain):
    cli(site, "organization", "add", "Example Dry", ok=(1,))
    out = cli(site, *add_args("Example Dry"), "--dry-run")
    assert "organization contact" in out and BOSS in out and not organizations(site, "Example Dry")
    cli(site, *add_args("Example Two"))
    row = site.wait(lambda: organizations(site, "Example Two"), 20, "the organization")[0]
    site.wait(lambda: organizations(site, "Example Two")[0]["validations"], 20, "submitted")
    assert row["organization_contact"]["email"] == BOSS and row["zip"] == "12345"
    assert [v["type"] for v in organizations(site, "Example Two")[0]["validations"]] == ["smime"]
    site.wait(lambda: any(e["data"].get("state") == "done" for e in site.events("organization.")), 20, "done")
    assert "pending" in cli(site, "organization", "show", "Example Two")
    cli(site, *add_args("Example Two"))         # it is there: nothing is added
    time.sleep(1)
    assert len(organizations(site, "Example Two")) == 1


@pytest.mark.parametrize("fault", ["drop", "late_status:502"])
def test_a_lost_answer_adds_no_second_organization(site, domain, fault):
    name = f"Lost {fault[:4]}"
    site.ca.fault("POST .*/organization$", fault)
    site.ask("organization.add", form={**FORM, "name": name})
    site.wait(lambda: organizations(site, name), 20, "the organization")
    site.agent.kill()
    site.start_agent()
    site.wait(lambda: [e for e in site.events("organization.") if e["data"].get("name") == name
                       and e["data"].get("state") == "done"], 40, "done")
    assert len(organizations(site, name)) == 1


def test_an_order_waits_for_the_organization(site, domain):
    site.ca.post("organization", account="ours", expire=True)
    ours = mine(site)
    assert ours["smime"] == "expired" and "days_left" not in ours
    numbers = [site.order(f"{n}@{domain}", product=ORG) for n in ("a", "b")]
    for n in numbers:
        site.wait(lambda: "organization validation" in (show(site, n).get("reason") or ""), 20, "waits")
    reason = show(site, numbers[0])["reason"]
    assert "calls, usually until" in reason and ours["name"] in reason
    site.wait(lambda: site.delivered(RECEPTION), 20, "the reception's mail")
    [mail] = site.delivered(RECEPTION)
    text = email.message_from_bytes(mail, policy=email.policy.default).get_content()
    assert "verification code" in text and "24 hours" in text and ours["name"] in text
    one = site.ask("organization.list", what=str(ours["id"]))["organizations"][0]
    assert 23 * 3600 < one["call_until"] - time.time() <= 86400
    assert "the CA calls" in cli(site, "organization", "show", str(ours["id"]))
    cli(site, "organization", "submit", str(ours["id"]))
    site.wait(lambda: mine(site)["smime"] == "pending", 20, "submitted")
    site.ca.post("organization", account="ours", validations=["smime"])
    for n in numbers:
        site.stored(n)
    assert len(site.delivered(RECEPTION)) == 1
    assert not site.ask("organization.list", what=str(ours["id"]))["organizations"][0].get("call_until")


# --- money ----------------------------------------------------------------------------------------------------

def test_price_before_and_after(site, domain):
    box, quote = f"a@{domain}", lambda **more: site.ask("quote", mailbox=f"a@{domain}", validity_days=300, **more)
    q = quote(product="class1_smime", n=3)
    assert "each" not in q and q["notes"] and q["payment"] == "balance" and float(q["balance"]) > 0
    q = quote(product="secure_email_sponsor", n=3)
    assert (q["each"], q["total"], q["currency"], q["source"]) == ("31.00", "93.00", "EUR", "the configuration")
    n = site.order(box, product="secure_email_mailbox", validity_days=300)
    site.stored(n)
    assert show(site, n)["price"] == "10.00"
    assert "10.00" in cli(site, "show", f"order:{n}")
    q = quote(product="secure_email_mailbox", n=2)
    assert (q["each"], q["total"], q["source"]) == ("10.00", "20.00", "the last such order")
    site.ca.settings(tell_prices=True)
    q = quote(product=ORG)
    assert (q["each"], q["currency"], q["source"]) == ("25.00", "USD", "the CA")
    assert q["room"]["day"] > 0
    out = cli(site, "order", f"b@{domain}", "--product", "secure_email_mailbox", "--dry-run", ok=(1,))
    assert "consent" in out and "10.00" not in out     # refused: nothing to pay for
    site.consent(f"b@{domain}")
    out = cli(site, "order", f"b@{domain}", "--product", "secure_email_mailbox", "--dry-run")
    assert "10.00 USD each (as told by the CA)" in out and "balance" in out


def test_too_little_balance_orders_nothing(site, domain):
    site.ca.settings(tell_prices=True)
    site.ca.post("balance", balance=3.5)
    site.consent(f"a@{domain}")
    out = cli(site, "order", f"a@{domain}", "--product", "secure_email_mailbox", "--days", "300", ok=(1,))
    assert "6.50 USD is missing" in out and not at_ca(site, f"a@{domain}")
    assert not site.ask("show", what=f"a@{domain}")["orders"]


def test_the_order_goes_on_when_prices_cannot_be_asked(site, domain):
    site.ca.fault("GET .*/(product|finance)/", "slow:20", times=None)
    site.consent(f"a@{domain}")
    out = cli(site, "order", f"a@{domain}", "--product", "secure_email_mailbox", "--key-type", "p256")
    assert "can't be told now" in out and "is on its way" in out


@pytest.mark.parametrize("methods,balance,expected", [
    (["profile", "balance"], 1000, "profile"), (["balance", "card"], 1000, "balance"),
    (["balance", "card"], 0, "card")])
def test_payment_auto(site, domain, methods, balance, expected):
    site.ca.post("rights", payment_methods=methods)
    site.ca.post("balance", balance=balance)
    look(site)
    q = site.ask("quote", mailbox=f"a@{domain}")
    assert q["payment"] == expected and ("card is authorized" in " ".join(q["notes"])) == (expected == "card")
    site.agent.kill()           # known after a restart too, before the CA is asked
    site.start_agent()
    site.stored(site.order(f"a@{domain}", product="secure_email_mailbox"))
    assert at_ca(site, f"a@{domain}")[0]["payment_method"] == expected


# --- the key's rights ---------------------------------------------------------------------------------------------

def test_a_view_only_key_is_named_before_it_is_needed(site, domain):
    with open(site.ca.path("accounts.json")) as f:
        keys = json.load(f)["ours"]
    site.credential("rehearsal", keys["view_key"], "certagent")
    try:
        site.ask("reload")
        look(site)
        site.ca.call("POST", "counters", {})
        a = refusal(site, f"a@{domain}", product="secure_email_mailbox")
        assert a["code"] == "order.rights" and a["class"] == "permanent" and "view-only" in a["text"]
        for cmd, fields, code in (("domain.add", {"domain": domain}, "domain.rights"),
                                  ("organization.add", {"form": FORM}, "organization.rights")):
            with pytest.raises(Refused) as e:
                site.ask(cmd, **fields)
            assert e.value.answer["code"] == code
        assert posts(site, "") == 0
        assert "may not order" in site.ask("status")["accounts"][0]["lacks"]
        assert "may not order" in cli(site, "status", ok=(0, 4))
        [check] = [c for c in site.ask("doctor")["checks"] if c["name"] == "account rehearsal"]
        assert check["result"] == "warn" and "view-only" in check["text"]
    finally:
        site.credential("rehearsal", keys["key"], "certagent")
        site.ask("reload")
        look(site)
    assert "lacks" not in site.ask("status")["accounts"][0]


def test_a_key_for_orders_only(site, domain):
    site.ca.post("rights", restricted=100)
    look(site)
    with pytest.raises(Refused) as e:
        site.ask("domain.add", domain=domain)
    assert e.value.answer["code"] == "domain.rights"
    site.stored(site.order(f"a@{domain}", product="secure_email_mailbox"))


@pytest.mark.parametrize("role,restricted,result,word", [
    ("administrator", 0, "warn", "belongs to an administrator"), ("manager", 0, "warn", "skip_approval is on"),
    ("administrator", 101, "warn", "skip_approval is on"), ("finance manager", 0, "warn", "may not order")])
def test_doctor_about_the_key(site, domain, role, restricted, result, word):
    site.ca.post("rights", role=role, restricted=restricted)
    [check] = [c for c in site.ask("doctor")["checks"] if c["name"] == "account rehearsal"]
    assert check["result"] == result and word in check["text"]


def test_403_about_a_strangers_order_is_not_about_our_key(site, domain):
    site.ca.settings(foreign_403=True)
    site.ca.post("mallory", domain=domain)
    site.wait(lambda: site.verdicts(domain), 30, "a verdict")
    assert all(v.startswith("alarm/") for v in site.verdicts(domain))
    assert not [e for e in site.events("alarm.") if "key" in e["type"]]
    assert not [m for m in site.delivered("it@example.test") if b"refuses our API key" in m]


# --- what is predicted ------------------------------------------------------------------------------------------------

def test_addresses_of_public_providers(site, domain):
    a = refusal(site, "somebody@gmail.com", product=ORG)
    assert a["code"] == "order.provider" and "secure_email_mailbox" in a["text"]
    a = refusal(site, "somebody@gmx.net")
    assert a["code"] == "order.provider" and "no controlled domain" in a["text"]
    site.ca.post("validate", domain="gmail.com")
    site.wait(lambda: site.state_of("gmail.com") == "valid", 20, "seen by a look")
    site.stored(site.order("somebody@gmail.com", product=ORG))


@pytest.mark.parametrize("name,word", [("caa.test", 'issuemail "other-ca.example"'), ("deep.caa.test", "at caa.test"),
                                       ("nobody.test", 'issuemail ";"')])
def test_caa_that_excludes_the_ca(site, domain, name, word):
    site.ca.post("validate", domain=name)
    n = site.order(f"a@{name}", product="secure_email_mailbox")
    site.wait(lambda: show(site, n)["state"] == "failed", 20, "refused")
    reason = show(site, n)["reason"]
    assert word in reason and 'CAA 0 issuemail "rehearsal-ca.test"' in reason
    assert not at_ca(site, f"a@{name}") and not show(site, n).get("key_id")     # before the key is made
    [check] = [c for c in site.ask("domain.check", domain=name)["checks"] if c["name"] == "caa"]
    assert check["result"] == "fail" and word in check["text"]


def test_caa_that_names_the_ca_or_cannot_be_asked(site, domain):
    for name in ("named.test", "lame.test"):
        site.ca.post("validate", domain=name)
        site.stored(site.order(f"a@{name}", product="secure_email_mailbox"))
    notes = [e["data"]["text"] for e in site.events("order.caa")]
    assert len(notes) == 1 and "lame.test can't be looked up now" in notes[0]


def test_an_organization_must_be_known_and_active(site, domain):
    site.ca.post("organization", account="ours", is_active=False)
    look(site)
    a = refusal(site, f"a@{domain}", product=ORG)
    assert a["code"] == "order.organization" and "not active" in a["text"] and not at_ca(site, f"a@{domain}")
    site.stored(site.order(f"b@{domain}", product="secure_email_mailbox"))


@pytest.fixture(scope="module")
def customers(sites):
    """Three tenants with an account and a domain each; the first and the third share the number of an organization."""
    site = sites(domains={"a.test": {"tenant": '"a"'}}, account_options={"tenant": '"a"'}, poll="1s", settle="2s",
                 extra="".join(f'tenant "{t}" {{ contact = "it@{t}.test" }}\n' for t in "abc"))
    site.start_around()
    site.ca.settings(rate_limits=False, issue_delay=0)
    site.organization = {"a": site.ca.account["organization_id"]}
    with open(site.config, "a") as f:
        for t in "bc":
            made = site.ca.post("account", name=t)
            site.credential(t, made["key"], "certagent")
            site.organization[t] = made["organization_id"] if t == "b" else site.organization["a"]
            f.write(f'account "{t}" {{\n tenant = "{t}"\n profile = "rehearsal"\n driver = certcentral\n'
                    f' base_url = "https://api.rehearsal-ca.test:{site.ports["https"]}/services/v2"\n'
                    f' api_key = "{t}"\n tls_bundle = "{site.dir}/etc/tls-ca.pem"\n skip_approval = yes\n'
                    f' payment = balance\n organization = {site.organization[t]}\n}}\n'
                    f'domain "{t}.test" {{\n tenant = "{t}"\n account = "{t}"\n attestation = "Personnel of {t}"\n}}\n')
    site.start_milter()
    site.keeper.start()
    site.start_agent()
    for t, account in (("a", "ours"), ("b", "b"), ("c", "c")):
        site.ca.post("validate", domain=f"{t}.test", account=account)
    return site


def test_an_organization_goes_with_its_tenants_domains_only(customers):
    site, org = customers, customers.organization
    for box, number, owner in (("x@a.test", org["b"], "b"), ("x@b.test", org["a"], "")):
        site.consent(box)
        a = refusal(site, box, product=ORG, organization=number)
        assert a["code"] == "order.tenant" and f"organization {number} is tenant \"{owner}" in a["text"], a
        out = cli(site, "order", box, "--product", ORG, "--organization", str(number), ok=(1,))
        assert "of its own tenant only" in out
        path = site.path("customers.csv")
        with open(path, "w") as f:
            f.write(f"mailbox,product,organization\n{box},{ORG},{number}\n")
        out = cli(site, "order", "--csv", path, ok=(4,))
        assert "of its own tenant only" in out + open(path + ".result.csv").read()
    assert not at_ca(site, "x@a.test") and not at_ca(site, "x@b.test", "b")
    # its own, also where another tenant's account names the same number
    for box, number, account in (("y@a.test", org["a"], "ours"), ("y@b.test", org["b"], "b")):
        site.stored(site.order(box, product=ORG, organization=number))
        assert [o["organization_id"] for o in at_ca(site, box, account)] == [number]


def test_an_account_goes_with_its_tenants_domains_only(customers):
    text = open(customers.config).read()
    with open(customers.config, "a") as f:
        f.write('domain "z.test" {\n tenant = "a"\n account = "b"\n}\n')
    try:
        with pytest.raises(Refused) as e:
            customers.ask("reload")
        assert "can't use account \"b\" of tenant \"b\"" in json.dumps(e.value.answer["errors"]).replace('\\"', '"')
    finally:
        with open(customers.config, "w") as f:
            f.write(text)


# --- approval -------------------------------------------------------------------------------------

def test_approval_is_skipped_only_where_that_is_switched_on(sites):
    site = sites(account_options={"skip_approval": "no"}).start()
    site.ca.settings(rate_limits=False, issue_delay=0)
    site.ca.post("validate", domain="example.test")
    n = site.order("a@example.test", product="secure_email_mailbox")
    site.wait(lambda: show(site, n)["state"] == "person", 20, "waits for a person")
    [request] = site.ask("request.list")["requests"]
    site.ask("request.decide", id=request["id"], approve=True, reason="asked")
    site.stored(n)


# --- many accounts --------------------------------------------------------------------------------

MANY = 500


@pytest.mark.slow
def test_500_accounts(sites):
    names = [f"c{n}" for n in range(MANY)]
    extra = "".join(f'tenant "{n}" {{ contact = "it@{n}.test" }}\n' for n in ["ours", *names])
    site = sites(domains={"example.test": {"tenant": '"ours"'}}, account_options={"tenant": '"ours"'}, extra=extra,
                 agreements=False)
    site.start_around()
    site.ca.settings(rate_limits=False, issue_delay=0)
    used = ("c0", "c250", "c499")
    keys = {}
    with open(site.config, "a") as f:
        for n in names:
            if n in used:
                keys[n] = site.ca.post("account", name=n)
            f.write(f'account "{n}" {{\n tenant = "{n}"\n profile = "rehearsal"\n driver = certcentral\n'
                    f' base_url = "https://api.rehearsal-ca.test:{site.ports["https"]}/services/v2"\n'
                    f' api_key = "{n}"\n tls_bundle = "{site.dir}/etc/tls-ca.pem"\n skip_approval = yes\n'
                    f' organization = {keys[n]["organization_id"] if n in used else 1}\n poll = 20s\n}}\n'
                    f'domain "{n}.test" {{\n tenant = "{n}"\n account = "{n}"\n mode = confirm\n'
                    f' attestation = "Personnel department of {n}"\n}}\n')
    for n in names:
        site.credential(n, keys[n]["key"] if n in used else f"NOKEY{n}", "certagent")
    started = time.monotonic()
    subprocess.run([site.program("certagentd"), "--check", "--config", site.config], check=True, timeout=60)
    assert time.monotonic() - started < 20
    site.start_milter()
    site.keeper.start()
    site.ca.call("POST", "counters", {})
    began = time.monotonic()
    site.start_agent()
    time.sleep(2)
    first, share = sum(site.ca.counters()["requests"].values()), (time.monotonic() - began) / 20
    status = site.ask("status")
    assert len(status["accounts"]) == MANY + 1 and all(a["state"] == "ready" for a in status["accounts"])
    site.accept_agreements()
    for n in used:
        site.ca.post("validate", domain=f"{n}.test", account=n)
        number = site.order(f"a@{n}.test", product="secure_email_mailbox")
        site.stored(number)
        assert [o["account"] for o in at_ca(site, f"a@{n}.test", n)] == [n]
    site.wait(lambda: all(site.state_of(f"{n}.test") == "valid" for n in used), 180, "every account was looked at")
    assert sum(site.ca.counters()["requests"].values()) > first
    assert first < 200 + 4 * MANY * share        # not all at the start: spread over a poll
    with open(f"/proc/{site.agent.proc.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    assert peak < 200 * 1024, f"{peak} kB"
    assert "c499" in cli(site, "domain", "list")
