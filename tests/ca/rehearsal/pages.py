"""The pages behind the links of the mails: domain approval with a form, mailbox confirmation, and odd ones.

Owns nothing but the secret that ties a form to its cookie. A GET of a domain page never approves anything.
"""

import hashlib
import hmac
import html
import secrets

from . import dcv, orders, words
from .web import Reply, Routes

FAULTS = ("wrong_domain", "expired", "login", "captcha", "forbidden", "no_narrow", "preselected_wide",
          "further_applicants", "no_ids", "foreign_order", "foreign_action", "two_forms", "already", "server_error")
COOKIE = "rehearsal_session"
SECRET = secrets.token_bytes(32)
routes = Routes()


def handle(call):
    found = routes.find(call.method, call.path)
    if found is None:
        return Reply(404, b"not found\n", "text/plain")
    if found == "method":
        return Reply(405, b"method not allowed\n", "text/plain")
    _, function, arguments, _ = found
    with call.ca.state.lock:
        return function(call, *arguments)


def document(status, language, title, body, headers=()):
    text = (f'<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>{html.escape(title)}'
            f"</title></head>\n<body>\n<h1>{html.escape(title)}</h1>\n{body}\n"
            "<footer>Rehearsal CA. This page is synthetic.</footer>\n</body>\n</html>\n")
    return Reply(status, text.encode(), "text/html; charset=utf-8",
                 [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"), *headers])


def csrf(session, value):
    return hmac.new(SECRET, f"{session} {value}".encode(), hashlib.sha256).hexdigest()


def language_of(call, token):
    return words.language_of(call.query.get("lang"), token["language"] if token else "en")


def notice(call, token, key, status=200, kind="notice"):
    """A page with one sentence; its id says which, in every language."""
    language = language_of(call, token)
    title = words.page("title" if token is None or token["kind"] == "dcv" else "mailbox_title", language)
    about = references(call, token, token.get("page_fault")) if token and key in ("done", "already") else ""
    return document(status, language, title, f'<p id="{kind}-{key}">{words.page(key, language)}</p>\n{about}')


def fault_of(call, token):
    return token["page_fault"] or call.ca.setting("page_fault")


def odd_page(fault):
    """Pages that are no approval page at all, or None."""
    if fault == "login":
        return document(200, "en", "Sign in", '<form method="post" action="/login"><input name="user">'
                        '<input type="password" name="password"><button>Sign in</button></form>')
    if fault == "captcha":
        return document(200, "en", "One moment", '<form method="post" action="/challenge"><div class="captcha">'
                        '<img src="/captcha.png" alt=""></div><input name="captcha"><button>Go on</button></form>')
    if fault == "forbidden":
        return document(403, "en", "Access denied", "<p>Automated access was refused.</p>")
    if fault == "server_error":
        return document(500, "en", "Error", "<p>Something went wrong.</p>")
    return None


def references(call, token, fault):
    """The reference block of a page: labels in English, as in the mails."""
    ca = call.ca
    name = "wrong-domain.test" if fault == "wrong_domain" else token["domain"]
    organization = ca.state.data["organizations"].get(token["organization_id"], {}).get("name", "")
    if not ca.setting("raw_names"):
        organization = html.escape(" ".join(organization.split()))
    lines = [("domain", "Domain", html.escape(name))] if token["kind"] == "dcv" else [
        ("mailbox", "Mailbox", html.escape(token["mailbox"]))]
    lines.append(("organization", "Organization", organization))
    if ca.setting("id_in_page") and fault != "no_ids":
        number = "999999999" if fault == "foreign_order" else str(token["order_id"] or "")
        if number:
            lines.append(("order", "Order", number))
        elif token["domain_id"]:
            lines.append(("domain-id", "Domain ID", str(token["domain_id"])))
    lines.append(("support", "Support ID", token["support_id"]))
    out = "".join(f'<p>{label}: <span id="{key}">{value}</span></p>\n' for key, label, value in lines)
    if fault == "further_applicants":
        out += ('<p>Organization: <span class="applicant">Another Applicant Ltd</span></p>\n'
                '<p>Order: <span class="applicant-order">999999998</span></p>\n')
    return out


def approval_form(call, token, session, fault):
    language = language_of(call, token)
    action = "https://elsewhere.test/dcv/submit" if fault == "foreign_action" else "/dcv/submit"
    choices = [] if fault == "no_narrow" else [("this", "")]
    choices.append(("all", " checked" if fault == "preselected_wide" else ""))
    radios = "".join(
        f'<p><label><input type="radio" name="scope" value="{scope}"{checked}> '
        f"{html.escape(words.page(scope, language))}</label></p>\n" for scope, checked in choices)
    form = (f'<form id="approval" method="post" action="{action}">\n'
            f'<input type="hidden" name="csrf" value="{csrf(session, token["token"])}">\n'
            f'<input type="hidden" name="token" value="{token["token"]}">\n'
            f'<input type="hidden" name="lang" value="{language}">\n{radios}'
            f'<button type="submit" name="decision" value="approve">'
            f'{html.escape(words.page("approve", language))}</button>\n'
            f'<button type="submit" name="decision" value="contact">'
            f'{html.escape(words.page("contact", language))}</button>\n</form>\n')
    return form + (form.replace('id="approval"', 'id="second"') if fault == "two_forms" else "")


@routes.add("GET", "/dcv/{token}")
def approval_page(call, value):
    token = call.ca.state.data["tokens"].get(value)
    if token is None or token["kind"] != "dcv":
        return notice(call, None, "expired", 404)
    token["gets"] += 1
    fault = fault_of(call, token)
    odd = odd_page(fault)
    if odd:
        return odd
    state = fault if fault in ("expired", "already") else dcv.token_state(call.ca, token)
    if state != "open":
        return notice(call, token, state, 410 if state == "expired" else 200)
    language = language_of(call, token)
    session = call.cookie(COOKIE) or secrets.token_hex(16)
    links = " ".join(f'<a href="?lang={other}">{other}</a>' for other in words.LANGUAGES)
    body = (references(call, token, fault) + approval_form(call, token, session, fault)
            + f'<nav id="languages">{links}</nav>')
    return document(200, language, words.page("title", language), body,
                    [("Set-Cookie", f"{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Lax")])


@routes.add("POST", "/dcv/submit")
def approval_answer(call):
    fields, session = call.form(), call.cookie(COOKIE)
    token = call.ca.state.data["tokens"].get(fields.get("token", ""))
    if token is None or token["kind"] != "dcv":
        return notice(call, None, "expired", 404)
    token["posts"] += 1
    call.query.setdefault("lang", fields.get("lang", ""))
    odd = odd_page(fault_of(call, token))
    if odd:
        return odd
    if not session or not hmac.compare_digest(fields.get("csrf", "").encode(),
                                              csrf(session, token["token"]).encode()):
        return document(403, "en", "Error", "<p>The form does not belong to this session.</p>")
    state = dcv.token_state(call.ca, token)
    if state != "open":
        return notice(call, token, state, 410 if state == "expired" else 200)
    if fields.get("decision") == "contact":
        token["contacted"] = True
        return notice(call, token, "contacted")
    if fields.get("decision") != "approve" or fields.get("scope") not in ("this", "all"):
        return notice(call, token, "choose", 400)
    dcv.use_token(call.ca, token, fields["scope"], orders.advancer(call.ca))
    return notice(call, token, "done")


def mailbox_token(call, value):
    """The token of a mailbox link whose address fits."""
    token = call.ca.state.data["tokens"].get(value)
    address = call.query.get("email") or call.form().get("email", "")
    if token is None or token["kind"] != "mailbox" or address.lower() != token["mailbox"].lower():
        return None
    return token


@routes.add("GET", "/mailbox/{token}")
def mailbox_page(call, value):
    token = mailbox_token(call, value)
    if token is None:
        return notice(call, None, "expired", 404)
    token["gets"] += 1
    fault = fault_of(call, token)
    odd = odd_page(fault)
    if odd:
        return odd
    state = fault if fault in ("expired", "already") else dcv.token_state(call.ca, token)
    if state != "open":
        return notice(call, token, state, 410 if state == "expired" else 200)
    if call.ca.setting("mailbox_page") == "get":
        dcv.use_token(call.ca, token, "get", orders.advancer(call.ca))
        return notice(call, token, "done")
    language = language_of(call, token)
    session = call.cookie(COOKIE) or secrets.token_hex(16)
    form = (f'<form id="approval" method="post" action="/mailbox/{value}">\n'
            f'<input type="hidden" name="csrf" value="{csrf(session, value)}">\n'
            f'<input type="hidden" name="email" value="{html.escape(token["mailbox"])}">\n'
            f'<button type="submit" name="decision" value="approve">'
            f'{html.escape(words.page("approve", language))}</button>\n</form>')
    return document(200, language, words.page("mailbox_title", language), references(call, token, fault) + form,
                    [("Set-Cookie", f"{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Lax")])


@routes.add("POST", "/mailbox/{token}")
def mailbox_answer(call, value):
    token, session, fields = mailbox_token(call, value), call.cookie(COOKIE), call.form()
    if token is None:
        return notice(call, None, "expired", 404)
    token["posts"] += 1
    if not session or not hmac.compare_digest(fields.get("csrf", "").encode(), csrf(session, value).encode()):
        return document(403, "en", "Error", "<p>The form does not belong to this session.</p>")
    state = dcv.token_state(call.ca, token)
    if state != "open":
        return notice(call, token, state, 410 if state == "expired" else 200)
    if fields.get("decision") != "approve":
        return notice(call, token, "choose", 400)
    dcv.use_token(call.ca, token, "button", orders.advancer(call.ca))
    return notice(call, token, "done")


@routes.add("GET", "/collect/{token}")
@routes.add("GET", "/create/{token}")
def portal(_call, _value):
    """Links of other mails lead to a log-in that nothing automatic can pass."""
    return odd_page("login")
