"""The CA's own look at the world: DNS records and files that prove control of a domain. Owns nothing."""

import http.client
import urllib.parse

import dns.exception
import dns.resolver

FILE = "/.well-known/pki-validation/fileauth.txt"
REDIRECTS, MOST, CHAIN = 5, 5000, 8


def resolver_of(ca, seconds):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [ca.dns[0]], ca.dns[1]
    resolver.timeout = resolver.lifetime = seconds
    return resolver


def records(ca, name, kind, seconds=3):
    """All TXT strings, or the CNAME target in lower case; nothing where the name does not exist or DNS fails."""
    if ca.dns is None:
        return []
    resolver = resolver_of(ca, seconds)
    try:
        answer = resolver.resolve(name + ".", kind, raise_on_no_answer=False)
        for _ in range(CHAIN):  # a server without recursion leaves a CNAME out of its zone to us
            if kind == "CNAME" or answer.rrset is not None or not answer.response.answer:
                break
            answer = resolver.resolve(answer.canonical_name, kind, raise_on_no_answer=False)
    except dns.exception.DNSException:
        return []
    if kind == "TXT":
        return [b"".join(r.strings).decode("utf-8", "replace") for r in answer]
    return [r.target.to_text(omit_final_dot=True).lower() for r in answer]


def contact_addresses(ca, domain):
    """Addresses in the TXT record _validation-contactemail of the domain."""
    if ca.dns is None or not ca.setting("contact_txt"):
        return []
    return [t.strip() for t in records(ca, f"_validation-contactemail.{domain}", "TXT", 1) if "@" in t]


def fetch_file(ca, domain, path=FILE):
    """The file's text or None. Every host is looked for at the one address given at the start."""
    for _ in range(REDIRECTS + 1):
        connection = http.client.HTTPConnection(*ca.dcv_http, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": domain, "User-Agent": "rehearsal-ca"})
            answer = connection.getresponse()
            if answer.status in (301, 302, 307, 308):
                target = urllib.parse.urlsplit(answer.getheader("Location") or "")
                domain, path = target.hostname or domain, target.path or "/"
                continue
            body = answer.read(MOST + 1)
            return body.decode("ascii", "replace").strip() if answer.status == 200 and len(body) <= MOST else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
    return None


def proves(ca, domain, method, token):
    """None when the token is where the method wants it, else the API's (error code, message)."""
    places = (domain, f"_dnsauth.{domain}")
    if method == "dns-txt-token":
        if any(token in records(ca, name, "TXT") for name in places):
            return None
        return "invalid_dns_txt", "The random value was not found in a TXT record."
    if method == "dns-cname-token":
        target = f"dcv.{ca.domain}"
        if (f"{token}.{target}" in records(ca, places[1], "CNAME")
                or target in records(ca, f"{token}.{domain}", "CNAME")):
            return None
        return "invalid_dns_cname", "The random value was not found in a CNAME record."
    path = FILE if method == "http-token" else f"/.well-known/pki-validation/{token[:16]}.txt"
    if fetch_file(ca, domain, path) == token:
        return None
    return "file_random_value_not_found", "The file does not hold the random value."
