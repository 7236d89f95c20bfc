"""The control calls under /rehearsal/: how a test looks into the CA and makes it misbehave. Loopback only."""

import base64
import time

from . import dcv, faults, forms, issue, mails, orders, pages, products, signing, words
from .state import DEFAULTS, TABLES, stamp, validation
from .web import ApiError, Reply, Routes, as_json, error_reply, wanted

PREFIX = "/rehearsal"
STATUSES = ("pending", "processing", "needs_approval", "needs_csr", "waiting_pickup", "reissue_pending", "issued",
            "approved", "rejected", "denied", "revoked", "canceled", "expired")
routes = Routes()


def handle(call):
    if not (call.peer.startswith("127.") or call.peer == "::1"):
        return error_reply(403, "loopback_only", "The control calls are for loopback only.")
    found = routes.find(call.method, call.path[len(PREFIX):])
    if found in (None, "method"):
        return error_reply(404, "not_found|route", "There is no such control call.")
    _, function, arguments, unlocked = found
    try:
        if unlocked:
            answer = function(call, *arguments)
        else:
            with call.ca.state.lock:
                answer = function(call, *arguments)
                call.ca.state.touch()
    except ApiError as error:
        return error_reply(error.status, error.code, error.message)
    except products.Wrong as error:
        return error_reply(400, error.code, error.message)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return error_reply(400, "bad_request", f"{type(error).__name__}: {error}")
    return answer if isinstance(answer, Reply) else as_json(200, answer)


def check_choice(name, value, choices):
    if value is not None and value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")


def check_settings(body):
    unknown = set(body) - set(DEFAULTS) - {"organization_names"}
    if unknown:
        raise ValueError(f"unknown setting {', '.join(sorted(unknown))}; known: {', '.join(DEFAULTS)}")
    check_choice("language", body.get("language"), words.LANGUAGES)
    check_choice("page_fault", body.get("page_fault"), pages.FAULTS)
    check_choice("certificate_fault", body.get("certificate_fault"), issue.FAULTS)
    check_choice("mailbox_page", body.get("mailbox_page"), ("get", "button"))
    check_choice("mailbox_validation", body.get("mailbox_validation"), ("unless-domain-validated", "always"))
    check_choice("issued_form", body.get("issued_form"), ("zip", "pem_text", "p7b", "crt", "link", "none",
                                                          "wrong_type"))
    for fault in body.get("mail_faults") or []:
        check_choice("mail_faults", fault, signing.FAULTS + mails.FAULTS)


@routes.add("GET", "/settings")
def settings(call):
    return call.ca.state.data["settings"]


@routes.add("POST", "/settings")
def merge_settings(call):
    body, state = call.body, call.ca.state
    check_settings(body)
    for name, company in (body.pop("organization_names", None) or {}).items():
        number = state.data["accounts"][name]["organization_id"]
        state.data["organizations"][number].update(name=company, display_name=company)
    state.data["settings"].update(body)
    return state.data["settings"]


@routes.add("GET", "/faults")
def fault_list(call):
    return {"faults": call.ca.state.data["faults"]}


@routes.add("POST", "/faults")
def set_faults(call):
    """{"faults": [...]} replaces the list; one fault alone is added to it."""
    body, data = call.body, call.ca.state.data
    if "faults" in body:
        data["faults"] = [faults.check(f) for f in body["faults"]]
    else:
        data["faults"].append(faults.check(body))
    return {"faults": data["faults"]}


@routes.add("DELETE", "/faults")
def clear_faults(call):
    call.ca.state.data["faults"] = []
    return {"faults": []}


@routes.add("POST", "/duplicate_pem")
def duplicate_pem(call):
    """For one order: give certificate_id's PEM (any certificate) in its place; without order_id for all orders."""
    body, state = call.body, call.ca.state
    if "order_id" not in body:
        state.data["settings"]["duplicate_pem"] = bool(body.get("on", True))
        return {"duplicate_pem": state.data["settings"]["duplicate_pem"]}
    order = state.data["orders"][body["order_id"]]
    order["hand_out"] = body.get("certificate_id", order["certificate_ids"][0]) if body.get("on", True) else None
    return {"order_id": order["id"], "hand_out": order["hand_out"]}


@routes.add("GET", "/counters")
def counters(call):
    data, postman = call.ca.state.data, call.ca.postman
    return {**data["counters"], "mails": {**postman.count, "waiting": postman.waiting()},
            "order_ids": {name: [o["id"] for o in data["orders"].values() if o["account"] == name]
                          for name in data["accounts"]},
            "tokens": {t["token"]: {"gets": t["gets"], "posts": t["posts"]} for t in data["tokens"].values()
                       if t["gets"] or t["posts"]}}


@routes.add("POST", "/counters")
def reset_counters(call):
    call.ca.state.data["counters"] = {"requests": {}, "orders": {}}
    call.ca.postman.count = dict.fromkeys(call.ca.postman.count, 0)
    return counters(call)


def chosen_tokens(call, query):
    """Tokens that fit all of token, domain, account, address, kind, order_id, domain_id; open=1: only live ones."""
    fields = ("token", "domain", "account", "kind", "order_id", "domain_id", "support_id", "mailbox")
    for token in call.ca.state.data["tokens"].values():
        if any(f in query and str(token.get(f)) != str(query[f]) for f in fields):
            continue
        if "address" in query and query["address"] not in token["addresses"]:
            continue
        if query.get("open") in ("1", True) and dcv.token_state(call.ca, token) != "open":
            continue
        yield token


@routes.add("GET", "/tokens")
def tokens(call):
    path = {"dcv": "/dcv/{token}", "mailbox": "/mailbox/{token}?email={mailbox}"}
    return {"tokens": [{**t, "state": dcv.token_state(call.ca, t),
                        "url": call.ca.page_url(path[t["kind"]].format(**{"mailbox": "", **t}))}
                       for t in chosen_tokens(call, call.query)]}


@routes.add("GET", "/mails", unlocked=True)
def sent_mails(call):
    """Mails that left, oldest first. raw=0 leaves out the message, after=N gives only later ones."""
    query, limit = call.query, call.number("limit", 1000, 1, 5000)
    with call.ca.state.lock:
        chosen = [m for m in call.ca.postman.sent if m["number"] > int(query.get("after", 0))
                  and all(wanted(query[f], m[f]) for f in ("kind", "to", "account", "token", "order_id", "number")
                          if f in query)][:limit]
    return {"waiting": call.ca.postman.waiting(), "mails": [
        {**{k: v for k, v in m.items() if k != "raw"},
         **({} if query.get("raw") == "0" else {"raw_base64": base64.b64encode(m["raw"]).decode()})}
        for m in chosen]}


@routes.add("GET", "/idle", unlocked=True)
def idle(call):
    """Wait until no mail waits and no order is being issued; {"idle": false} after timeout seconds."""
    end = time.monotonic() + float(call.query.get("timeout", 10))
    while True:
        with call.ca.state.lock:
            data = call.ca.state.data
            issuing = [o for o in (data["orders"][n] for n in call.ca.state.open_orders)
                       if o["status"] == "processing" and not o.get("held")]
            busy = data["outbox"] or issuing
        if not busy or time.monotonic() > end:
            return {"idle": not busy}
        time.sleep(0.005)


def account_of(call, name):
    """An account by name; one that does not exist yet is made."""
    state = call.ca.state
    if name not in state.data["accounts"]:
        state.add_account(name, f"{name.title()} Synthetic Ltd")
        state.write_accounts()
    return state.data["accounts"][name]


@routes.add("POST", "/account")
def add_account(call):
    account = account_of(call, call.body["name"])
    return {k: account[k] for k in ("name", "key", "view_key", "account_id", "organization_id")}


@routes.add("POST", "/send")
def send(call):
    """Send any kind of mail now; see the README for the fields."""
    ca, body = call.ca, call.body
    kind, account = body["kind"], account_of(call, body.get("account", "ours"))
    check_choice("kind", kind, mails.KINDS)
    for fault in body.get("faults") or []:
        check_choice("faults", fault, signing.FAULTS + mails.FAULTS)
    before = ca.state.data.get("mail_number", 0)
    order = ca.state.data["orders"].get(body.get("order_id"))
    extra = {k: body[k] for k in ("show_ids", "subject", "raw_names", "organization", "delay", "text") if k in body}
    if "language" in body:
        extra["language"] = words.language_of(body["language"])
    made = []
    if kind == "dcv":
        made = send_dcv(ca, account, body, order, extra)
    elif kind == "mailbox":
        about = order or {"id": None, "account": account["name"], "locale": None,
                          "organization_id": account["organization_id"]}
        made = [dcv.ask_mailbox(ca, about, body.get("mailbox") or order["emails"][0], body.get("faults") or (),
                                **extra)]
    elif kind == "issued":
        record = ca.state.data["certificates"][body.get("certificate_id") or order["certificate_id"]]
        orders.mail_issued(ca, ca.state.data["orders"][record["order_id"]], record, body.get("form"),
                           body.get("recipients"), faults=body.get("faults"), **extra)
    else:
        send_other(ca, account, body, order, extra)
    for token in made:
        token["page_fault"] = body.get("page_fault")
    return {"mails": list(range(before + 1, ca.state.data["mail_number"] + 1)),
            "tokens": [t["token"] for t in made]}


def send_dcv(ca, account, body, order, extra):
    name = body.get("domain") or dcv.domain_part(order["emails"][0])
    domain = dcv.find_domain(ca, account["name"], name)
    if domain is None:
        domain = dcv.add_domain(ca, account["name"], name, account["organization_id"])
        domain["submitted"] = ["ov"]
    return dcv.ask_domain(ca, account["name"], name, domain["organization_id"], body.get("recipients"), order=order,
                          domain=domain, faults=body.get("faults") or (), **extra)


def send_other(ca, account, body, order, extra):
    mailbox = body.get("mailbox") or (order["emails"][0] if order else "")
    recipients = body.get("recipients") or ([mailbox] if mailbox else dcv.role_addresses(body["domain"]))
    for address in recipients:
        ca.mail(body["kind"], address, **{
            "language": words.language_of(ca.setting("language")), "account": account["name"], "mailbox": mailbox,
            "domain": body.get("domain", ""), "order_id": order["id"] if order else None,
            "faults": body.get("faults"), "link": ca.page_url(f"/create/{ca.state.token()}"), **extra})


@routes.add("POST", "/mallory")
def mallory(call):
    """Somebody else orders for a domain: genuine, signed mails go to the domain's role addresses."""
    ca, body, made = call.ca, call.body, []
    account = account_of(call, body.get("account", "mallory"))
    product = body.get("product", "secure_email_sponsor")
    for n in range(int(body.get("times", 1))):
        order_body = {"certificate": {
            "emails": [body.get("mailbox") or f"mallory{n}@{body['domain']}"], "csr": body.get("csr"),
            "profile_type": "multipurpose", "usage_designation": {"primary_usage": "dual_use"},
            "common_name": "Mallory",
            "common_name_indicator": "given_name_surname", "individual": {"first_name": "Mal", "last_name": "Lory"}},
            "organization": {"id": account["organization_id"]}, "order_validity": {"years": 1}, "skip_approval": True,
            "locale": body.get("locale")}
        organization = ca.state.data["organizations"][account["organization_id"]]
        plan = products.plan_of(product, order_body, organization)
        made.append(orders.place(ca, account, product, plan, order_body, account["organization_id"]))
    numbers = [o["id"] for o in made]
    return {"orders": numbers, "tokens": [t["token"] for t in ca.state.data["tokens"].values()
                                          if t["order_id"] in numbers]}


@routes.add("POST", "/page")
def page_fault(call):
    """{"fault": ..., and token, domain, account or address}: the pages of these tokens misbehave."""
    body = call.body
    check_choice("fault", body.get("fault"), pages.FAULTS)
    chosen = list(chosen_tokens(call, body))
    for token in chosen:
        token["page_fault"] = body.get("fault")
    return {"tokens": [t["token"] for t in chosen]}


@routes.add("POST", "/expire")
def expire(call):
    """Let tokens (by token, address, support_id, or domain with tokens=true), an order, or a domain expire."""
    body, state, done = call.body, call.ca.state, []
    if "order_id" in body and not body.get("tokens"):
        state.set_status(state.data["orders"][body["order_id"]], "expired")
        done.append(f"order {body['order_id']}")
    elif "domain" in body and not body.get("tokens"):
        domain = dcv.find_domain(call.ca, body.get("account", "ours"), body["domain"])
        if domain is None:
            raise ValueError("the account has no such domain")
        domain["valid_until"] = time.time() - 1
        done.append(f"domain {domain['id']}")
    else:
        for token in chosen_tokens(call, body):
            token["expires"] = time.time() - 1
            done.append(f"token {token['token']}")
    return {"expired": done}


@routes.add("POST", "/validate")
def validate(call):
    """Make a domain valid in an account without any proof; it is added where needed."""
    body, account = call.body, account_of(call, call.body.get("account", "ours"))
    domain = dcv.find_domain(call.ca, account["name"], body["domain"])
    if domain is None:
        domain = dcv.add_domain(call.ca, account["name"], body["domain"], account["organization_id"])
    dcv.make_valid(call.ca, domain, body.get("scope", "this"), orders.advancer(call.ca))
    return {"domain_id": domain["id"]}


@routes.add("POST", "/organization")
def organization(call):
    """Change an organization: {account or id, name?, validations? (types that become active), is_active?}."""
    body, state = call.body, call.ca.state
    number = body.get("id") or state.data["accounts"][body.get("account", "ours")]["organization_id"]
    entry = state.data["organizations"][number]
    if "name" in body:
        entry.update(name=body["name"], display_name=body["name"])
    if "is_active" in body:
        entry["is_active"] = bool(body["is_active"])
    if "validations" in body:
        entry["validations"] = [validation(t, "active", 825 if t == "smime" else 397) for t in body["validations"]]
        orders.advance_account(call.ca, entry["account"])
    if body.get("expire"):
        for item in entry["validations"]:
            item.update(status="expired", validated_until=stamp(time.time() - 86400))
    return entry


@routes.add("POST", "/rights")
def rights(call):
    """What an account is: {account, role?, restricted? (its key's restriction), payment_methods?, products?}."""
    entry = call.ca.state.data["accounts"][call.body.get("account", "ours")]
    for name in ("role", "restricted", "payment_methods", "products"):
        if name in call.body:
            entry[name] = call.body[name]
        if call.body.get(name, 0) is None:
            del entry[name]
    return {k: v for k, v in entry.items() if "key" not in k}


@routes.add("POST", "/balance")
def balance(call):
    call.ca.state.data["accounts"][call.body.get("account", "ours")]["balance"] = float(call.body["balance"])
    return {"balance": float(call.body["balance"])}


@routes.add("POST", "/revoke")
def revoke(call):
    """Revoke at the CA's own will: {order_id} or {certificate_id}."""
    body, data = call.body, call.ca.state.data
    numbers = [body["certificate_id"]] if "certificate_id" in body else data["orders"][body["order_id"]][
        "certificate_ids"]
    records = [data["certificates"][n] for n in numbers]
    orders.revoke_certificates(call.ca, data["orders"][records[0]["order_id"]], records)
    return {"revoked": numbers}


@routes.add("POST", "/status")
def status(call):
    """Set any status of an order, whether it makes sense or not. It stays; "finish": issue what is processing."""
    order, new = call.ca.state.data["orders"][call.body["order_id"]], call.body["status"]
    if not call.body.get("unknown"):
        check_choice("status", new, STATUSES)
    call.ca.state.set_status(order, new)
    order["held"] = not call.body.get("finish")
    if not order["held"]:
        orders.finish(call.ca, order["id"])
    return {"order_id": order["id"], "status": order["status"]}


@routes.add("POST", "/pickup")
def pickup(call):
    """The recipient of an order without CSR makes the key; with "resend" the invitation comes once more instead."""
    order = call.ca.state.data["orders"][call.body["order_id"]]
    if order["status"] != "waiting_pickup":
        raise ValueError("the order doesn't wait for pick-up")
    if call.body.get("resend"):
        orders.invite(call.ca, order)
    else:
        orders.pick_up(call.ca, order)
    return {"order_id": order["id"], "status": order["status"]}


@routes.add("POST", "/shrink")
def shrink(call):
    """A mistake: the certificate of this order will name its first address alone."""
    order = call.ca.state.data["orders"][call.body["order_id"]]
    order["emails"] = order["emails"][:1]
    return {"order_id": order["id"]}


@routes.add("POST", "/metadata")
def change_metadata(call):
    """Changes a custom field, as the portal does."""
    for field in call.ca.state.data["metadata"]:
        if field["id"] == call.body["id"]:
            field["is_required"] = bool(call.body.get("is_required"))
    return {"id": call.body["id"]}


@routes.add("GET", "/state/{table}")
def table(call, name):
    """A whole table, as it is stored: orders, domains, certificates, organizations, requests, tokens, changes."""
    if name not in TABLES + ("tokens", "changes", "mailboxes", "supports"):
        raise ValueError("unknown table")
    return {name: call.ca.state.data[name]}


@routes.add("GET", "/certificate/{id}")
def certificate(call, number):
    """The PEM of a certificate, whoever's it is."""
    return {"pem": call.ca.state.data["certificates"][int(number)]["pem"], "chain": forms.pem(call.ca.keys.sub)}


@routes.add("POST", "/reset")
def reset(call):
    """Settings, faults and counters as at the start; with {"all": true} also orders, domains, tokens and mails."""
    state = call.ca.state
    state.data.update(settings=dict(DEFAULTS), faults=[], metadata=[])
    if call.body.get("all"):
        for name in ("orders", "certificates", "requests", "domains", "tokens", "supports", "mailboxes"):
            state.data[name].clear()
        state.data["changes"].clear()
        state.data["outbox"].clear()
        state.by_email.clear()
        state.by_domain.clear()
        state.open_orders.clear()
        call.ca.by_serial.clear()
        call.ca.postman.sent.clear()
    reset_counters(call)
    return {"reset": True}
