"""What all HTTP parts share: the call, the reply, the error, a table of routes. Owns no state."""

import json
import re
import urllib.parse


class ApiError(Exception):
    """An API answer with one error: {"errors":[{"code","message"}]}."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Reply:
    """Status, headers and body of an answer."""

    def __init__(self, status, body=b"", content_type="application/json", headers=()):
        self.status, self.body, self.content_type, self.headers = status, body, content_type, list(headers)


def as_json(status, value):
    return Reply(status, json.dumps(value).encode() + b"\n")


def error_reply(status, code, message):
    return as_json(status, {"errors": [{"code": code, "message": message}]})


class Call:
    """One request, already read: method, path, query, headers, body bytes, peer address."""

    def __init__(self, ca, method, target, headers, body, peer):
        self.ca, self.method, self.headers, self.raw, self.peer = ca, method, headers, body, peer
        self.target = target
        parts = urllib.parse.urlsplit(target)
        self.path = urllib.parse.unquote(parts.path)
        self.query = {k: v[-1] for k, v in urllib.parse.parse_qs(parts.query, keep_blank_values=True).items()}
        self.account = None

    @property
    def body(self):
        """The JSON body as a dict; an empty body is an empty dict."""
        if not self.raw.strip():
            return {}
        try:
            value = json.loads(self.raw)
        except ValueError as error:
            raise ApiError(400, "bad_request_format", "The request body is not valid JSON.") from error
        if not isinstance(value, dict):
            raise ApiError(400, "bad_request_format", "The request body must be an object.")
        return value

    def number(self, field, default, low, high):
        """An integer of the query."""
        try:
            value = int(self.query.get(field, default))
        except ValueError as error:
            raise ApiError(400, "invalid_" + field, f"{field} must be a number.") from error
        return min(max(value, low), high)

    def form(self):
        """The fields of a posted form."""
        return {k: v[-1] for k, v in urllib.parse.parse_qs(self.raw.decode("utf-8", "replace")).items()}

    def cookie(self, name):
        for part in (self.headers.get("Cookie") or "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None


class Routes:
    """Handlers by method and path pattern. {x} in a pattern is one path segment, given as an argument."""

    def __init__(self):
        self.table = []

    def add(self, method, pattern, unlocked=False):
        expression = re.compile(re.sub(r"\{\w+\}", r"([^/]+)", pattern))

        def remember(function):
            self.table.append((method, expression, pattern, function, unlocked))
            return function
        return remember

    def find(self, method, path):
        """(pattern, function, arguments, unlocked), or the word "method" or None."""
        wrong = None
        for known, expression, pattern, function, unlocked in self.table:
            match = expression.fullmatch(path)
            if match and known == method:
                return pattern, function, match.groups(), unlocked
            wrong = "method" if match else wrong
        return wrong


def wanted(text, value):
    """One filter of a list: equal, %substring, a...b, <x, >x. Everything is compared as text or number."""
    if value is None:
        return False
    if isinstance(value, (list, tuple, set)):
        return any(wanted(text, v) for v in value)
    if isinstance(value, bool):
        return text.lower() in (("true", "1") if value else ("false", "0"))
    value = str(value)
    if text.startswith("%"):
        return text[1:].rstrip("%").lower() in value.lower()
    if "..." in text:
        low, _, high = text.partition("...")
        return (not low or low <= value) and (not high or value <= high or value.startswith(high))
    if text[:1] in "<>" and text:
        return value < text[1:] if text[0] == "<" else value > text[1:]
    return value.lower() == text.lower()


def page_of(call, items):
    """(slice, page object) of a list by limit and offset."""
    limit = call.number("limit", 1000, 1, 1000)
    offset = call.number("offset", 0, 0, 10 ** 9)
    return items[offset:offset + limit], {"total": len(items), "limit": limit, "offset": offset}


def filters_of(call):
    """filters[name]=value of the query."""
    return {k[8:-1]: v for k, v in call.query.items() if k.startswith("filters[") and k.endswith("]")}
