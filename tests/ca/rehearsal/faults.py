"""Misbehaviour on demand: which fault meets a request, and what it does to the answer.

Owns the list "faults" of the state. A fault is {match, do, times?, probability?}; match is a regular expression on
"METHOD path?query"; do is one word or a list: slow:S, late:S (after doing it), status:N, late_status:N, drop, refuse,
half_json, cut, html, redirect:URL, huge:BYTES.
"""

import re
import time

from .web import Reply, error_reply

WORDS = ("slow", "late", "status", "late_status", "drop", "refuse", "half_json", "cut", "html", "redirect", "huge")
MESSAGES = {401: ("access_denied|invalid_api_key", "The API key is missing or not known."),
            403: ("access_denied|missing_permission", "Forbidden."), 404: ("not_found|route", "Not found."),
            429: ("request_limit_exceeded", "Service unavailable, please limit request volume")}


class Close(Exception):
    """The connection has to end without an answer."""


def check(fault):
    """A fault as it is stored, or ValueError."""
    re.compile(fault["match"])
    todo = fault["do"] if isinstance(fault["do"], list) else [fault["do"]]
    for word in todo:
        name, _, value = str(word).partition(":")
        if name not in WORDS:
            raise ValueError(f"unknown fault {name}; known: {', '.join(WORDS)}")
        if name in ("slow", "late", "status", "late_status", "huge"):
            float(value)
    return {"match": fault["match"], "do": todo, "times": fault.get("times"), "hits": 0,
            "probability": float(fault.get("probability", 1))}


def chosen(call):
    """The words of the first fault that meets the call."""
    state, subject = call.ca.state, f"{call.method} {call.target}"
    with state.lock:
        for fault in state.data["faults"]:
            if fault["times"] == 0 or not re.search(fault["match"], subject):
                continue
            if fault["probability"] < 1 and state.random.random() >= fault["probability"]:
                continue
            if fault["times"] is not None:
                fault["times"] -= 1
            fault["hits"] += 1
            return fault["do"]
    return []


def meet(call, handler):
    """Answer the call by handler, spoilt as the faults say. Gives (reply, True when the body has to be cut)."""
    after, cut = [], False
    for word in chosen(call) if call.ca.state.data["faults"] else ():
        name, _, value = word.partition(":")
        if name == "slow":
            time.sleep(float(value))
        elif name == "refuse":
            raise Close
        elif name == "status":
            return status_reply(int(value)), False
        elif name == "html":
            return Reply(200, b"<!DOCTYPE html><title>Maintenance</title><p>Back soon.</p>\n", "text/html"), False
        elif name == "redirect":
            return Reply(302, b"", "text/plain", [("Location", value)]), False
        elif name == "huge":
            return Reply(200, b'{"filler":"' + b"x" * int(value) + b'"}'), False
        else:
            after.append((name, value))
    reply = handler(call)
    for name, value in after:
        if name == "late":
            time.sleep(float(value))
        elif name == "drop":
            raise Close
        elif name == "late_status":
            reply = status_reply(int(value))
        elif name == "half_json":
            reply.body = reply.body[:len(reply.body) // 2]
        elif name == "cut":
            cut = True
    return reply, cut


def status_reply(status):
    code, message = MESSAGES.get(status, ("server_error", "The service is not available."))
    return error_reply(status, code, message)
