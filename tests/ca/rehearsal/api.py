"""The door of the Services API: key, rate limits, routes, and the calls about user, products, organizations, money.

Orders are in api_orders, domains in api_domains; both add their routes to the table here.
"""

import collections
import sys
import time
import traceback

from . import orders, products, views
from .state import validation
from .web import ApiError, Reply, Routes, as_json, error_reply, page_of

PREFIX = "/services/v2"
routes = Routes()


class Rates:
    """Rolling windows of requests by key."""

    def __init__(self):
        self.seen = {}

    def too_many(self, key, windows):
        """True when one of the windows [count, seconds] is full; a refused request does not count."""
        now = time.monotonic()
        times = self.seen.setdefault(key, collections.deque())
        longest = max(seconds for _, seconds in windows)
        while times and times[0] < now - longest:
            times.popleft()
        for count, seconds in windows:
            if len(times) >= count and times[-count] > now - seconds:
                return True
        times.append(now)
        return False


rates = Rates()


class Peaks:
    """The most requests of an account that any window ever held, for counters; refused ones count too."""

    WINDOWS = {"short": 5, "long": 180}

    def __init__(self):
        self.seen = {}

    def note(self, counters, key, name):
        now = time.monotonic()
        mine = counters.setdefault("peaks", {}).setdefault(name, dict.fromkeys(self.WINDOWS, 0))
        for window, seconds in self.WINDOWS.items():
            times = self.seen.setdefault((key, window), collections.deque())
            times.append(now)
            while times[0] <= now - seconds:
                times.popleft()
            mine[window] = max(mine[window], len(times))


peaks = Peaks()


def handle(call):
    """Answer one API request."""
    ca = call.ca
    try:
        with ca.state.lock:
            account, writes = ca.state.account_of_key(call.headers.get("X-DC-DEVKEY") or "")
            if account is None:
                raise ApiError(401, "access_denied|invalid_api_key", "The API key is missing or not known.")
            peaks.note(ca.state.data["counters"], (id(ca), account["name"]), account["name"])
            settings = ca.state.data["settings"]
            if settings["rate_limits"] and rates.too_many(
                    (id(ca), account["name"], writes), (settings["rate_short"], settings["rate_long"])):
                raise ApiError(429, "request_limit_exceeded", "Service unavailable, please limit request volume")
        if settings["require_user_agent"] and not call.headers.get("User-Agent"):
            raise ApiError(400, "bad_request_header", "A User-Agent header is required.")
        if call.raw and "json" not in (call.headers.get("Content-Type") or ""):
            raise ApiError(406, "invalid_content_type", "Content-Type must be application/json.")
        call.account = account
        call.restricted = account.get("restricted", 0) if writes else 102
        if call.method != "GET" and not may(call):
            raise ApiError(403, "access_denied|missing_permission", "This key may not do this.")
        found = routes.find(call.method, call.path[len(PREFIX):])
        if found is None:
            raise ApiError(404, "not_found|route", "There is no such route.")
        if found == "method":
            raise ApiError(405, "method_not_allowed", "This route has no such method.")
        _, function, arguments, unlocked = found
        if unlocked:
            answer = function(call, *arguments)
        else:
            with ca.state.lock:
                answer = function(call, *arguments)
    except ApiError as error:
        return error_reply(error.status, error.code, error.message)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        # a body of the wrong shape; said aloud, since it may also be a fault of the rehearsal CA
        frame = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"rehearsal-ca: {call.method} {call.path}: {error!r} at {frame.filename}:{frame.lineno}\n")
        return error_reply(400, "bad_request_format", f"The request has an unexpected shape ({error}).")
    if isinstance(answer, Reply):
        return answer
    status, value = answer
    return Reply(204) if status == 204 else as_json(status, value)


def may(call):
    """May the key change something here? By the number of its restriction (0: none)."""
    path = call.path[len(PREFIX):]
    if call.restricted == 100:
        return path.startswith(("/order", "/request", "/certificate", "/email-validation"))
    return call.restricted not in (102, 103)


def own(call, table, number, what):
    """An entry of the caller's account by number, or 404."""
    entry = call.ca.state.data[table].get(int(number)) if str(number).isdigit() else None
    if entry is not None and entry["account"] != call.account["name"] and call.ca.setting("foreign_403"):
        raise ApiError(403, "access_denied|missing_permission", "You do not have access to this.")
    if entry is None or entry["account"] != call.account["name"]:
        raise ApiError(404, f"not_found|{what}", f"There is no such {what}.")
    return entry


@routes.add("GET", "/user/me")
def me(call):
    account = call.account
    roles = {"administrator": 1, "limited": 2, "finance manager": 3, "manager": 4, "standard": 5}
    limit = {"restricted_to_role_id": call.restricted} if call.restricted else {}
    return 200, {**limit, **views.user(account), "username": f"api@{account['name']}.test",
                 "account_id": account["account_id"],
                 "status": "active", "type": "standard", "container": views.CONTAINER, "job_title": "API",
                 "telephone": "", "has_container_assignments": False, "is_cert_central": True,
                 "access_roles": [{"id": roles[account["role"]], "name": account["role"].title()}]}


def offered(call):
    return [name for name in products.PRODUCTS if name in call.account.get("products", products.PRODUCTS)]


@routes.add("GET", "/account")
def account_info(call):
    return 200, {"id": call.account["account_id"], "payment_methods": call.account.get("payment_methods", ["balance"])}


@routes.add("GET", "/product")
def product_list(call):
    agreement = call.ca.state.data["settings"]["license_agreement"]
    return 200, {"products": [products.describe(name, agreement) for name in offered(call)]}


@routes.add("GET", "/product/{name}")
def product(call, name):
    if name not in offered(call):
        raise ApiError(404, "not_found|product", "There is no such product.")
    full = products.describe(name, call.ca.state.data["settings"]["license_agreement"])
    if call.ca.setting("tell_prices"):
        full["pricing"] = [{"days": days, "price": orders.price_of(name, days), "currency": "USD"}
                           for days in (366, products.LONGEST + 1)]
    return 200, full


@routes.add("GET", "/finance/balance")
def balance(call):
    amount = f"{call.account['balance']:.2f}"
    return 200, {"balance": amount, "currency": "USD", "unpaid_invoice_balance": "0.00",
                 "negative_balance_limit": "0.00", "used_credit_from_other_containers": "0.00",
                 "total_available_funds": amount}


@routes.add("GET", "/account/metadata")
def metadata(call):
    return 200, {"metadata": [{k: v for k, v in m.items() if k != "account"}
                              for m in call.ca.state.data["metadata"] if m["account"] == call.account["name"]]}


@routes.add("POST", "/account/metadata")
def add_metadata(call):
    body, known = call.body, call.ca.state.data["metadata"]
    if not body.get("label"):
        raise ApiError(400, "missing_label", "label is required.")
    known.append({"id": len(known) + 1, "label": body["label"], "is_required": bool(body.get("is_required")),
                  "is_active": True, "data_type": body.get("data_type", "text"), "account": call.account["name"],
                  "description": body.get("description", "")})
    call.ca.state.touch()
    return 201, {"id": known[-1]["id"]}


@routes.add("GET", "/organization")
def organizations(call):
    mine = [views.organization(o) for o in call.ca.state.data["organizations"].values()
            if o["account"] == call.account["name"]]
    if not call.ca.setting("list_validations"):
        mine = [{k: v for k, v in o.items() if k != "validations"} for o in mine]
    part, page = page_of(call, mine)
    return 200, {"organizations": part, "page": page}


@routes.add("POST", "/organization")
def add_organization(call):
    body = call.body
    for field in ("name", "address", "city", "country", "telephone"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise ApiError(400, f"missing_{field}", f"{field} is required.")
    for who in ("organization_contact", "technical_contact"):
        if who in body and not all(body[who].get(f) for f in ("first_name", "last_name", "email", "telephone")):
            raise ApiError(400, f"invalid_{who}", f"{who} is not complete.")
    entry = call.ca.state.add_organization(call.account["name"], body)
    return 201, {"id": entry["id"]}


@routes.add("GET", "/organization/validation-type")
def validation_types(_call):
    keep = ("type", "name", "description")
    return 200, {"validation_types": [{k: validation(t, "active")[k] for k in keep}
                                      for t in ("ov", "ev", "cs", "ds", "smime")]}


@routes.add("GET", "/organization/{id}")
def organization(call, number):
    return 200, views.organization(own(call, "organizations", number, "organization"))


@routes.add("GET", "/organization/{id}/validation")
def organization_validation(call, number):
    return 200, {"validations": own(call, "organizations", number, "organization")["validations"]}


@routes.add("POST", "/organization/{id}/validation")
def validate_organization(call, number):
    """Submit for validation. A rehearsal has nobody who phones: the control call /rehearsal/organization does it."""
    entry = own(call, "organizations", number, "organization")
    wanted = call.body.get("validations")
    if not wanted:
        raise ApiError(400, "missing_validations", "validations is required.")
    for item in wanted:
        if item["type"] not in ("ov", "ev", "cs", "ds", "smime"):
            raise ApiError(400, "invalid_validation_type", "Unknown validation type.")
        old = [v for v in entry["validations"] if v["type"] == item["type"]]
        if not old or old[0]["status"] == "expired":
            entry["validations"] = [v for v in entry["validations"] if v not in old]
            entry["validations"].append(validation(item["type"], "pending"))
    call.ca.state.touch()
    return 204, None
