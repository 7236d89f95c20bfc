"""CA profiles of the tests, as the JSON that certinspect gets. In the shape of
what is publicly known; the domain-validation link of DigiCert is not, so the
samples use a host that cannot exist."""
import languages

DCV_LINK = "https://dcv.synthetic.example/approve?token={token:40:a-z0-9}"
REJECT_LINK = "https://dcv.synthetic.example/reject?{any}"


def _places():
    out = ["text:Support ID: {support}"]
    for words in languages.WORDS.values():
        out += ["text:%s: {domain}" % words[0], "text:%s: {order}" % words[1]]
    return sorted(set(out))


def _subjects():
    return sorted({w[2] % "{any}" for w in languages.WORDS.values()})


DIGICERT = {
    "id": "digicert-shape",
    "title": "Mails in the shape of DigiCert's (synthetic)",
    "driver": "certcentral",
    "senders": ["digitalcertvalidation.com", "digicert.com"],
    "from_domains": ["digitalcertvalidation.com", "digicert.com"],
    "dkim": ["s1._domainkey.digitalcertvalidation.com", "s1._domainkey.digicert.com"],
    "caa": ["digicert.com"],
    "min_key_bits": 1024,
    "kinds": [
        {"kind": "domain-validation", "from": ["no-reply@digitalcertvalidation.com"],
         "signers": ["digitalcertvalidation.com"], "subjects": _subjects(),
         "links": [DCV_LINK], "deny": [REJECT_LINK], "places": _places(),
         "page_places": ["page:Domain: {domain}", "page:Order number: {order}"],
         "action": "form", "button": "action=approve", "choices": ["scope=order"],
         "page_pending": ["Approve this domain"], "page_success": ["Thank you, the domain is approved"],
         "page_done": ["was approved before"], "page_expired": ["This link has expired"],
         "lifetime": 2592000, "settle": 300},
        {"kind": "mailbox-validation", "from": ["admin@digicert.com"], "signers": ["digicert.com"],
         "subjects": ["Email Validation for DigiCert {any}"],
         "links": ["https://www.digicert.com/secure/public/validation/{token:32:a-z0-9}"
                   "?email={mailbox}"],
         "action": "get", "page_success": ["validated"], "lifetime": 86400, "settle": 300},
        {"kind": "certificate-issued", "from": ["admin@digicert.com"], "signers": ["digicert.com"],
         "subjects": ["Your DigiCert certificate {any}"], "places": ["text:Order number: {order}"],
         "action": "collect"},
        {"kind": "csr-invitation", "from": ["admin@digicert.com"], "signers": ["digicert.com"],
         "subjects": ["Create Your DigiCert {any}"], "action": "human"},
        {"kind": "renewal-notice", "from": ["admin@digicert.com"], "signers": ["digicert.com"],
         "subjects": ["{any} will expire in {any}"], "action": "human"},
        {"kind": "organization-consent", "from": ["admin@digicert.com"], "signers": ["digicert.com"],
         "subjects": ["Confirm your organization {any}"], "action": "human"},
        {"kind": "order-approval", "from": ["admin@digicert.com"], "signers": ["digicert.com"],
         "subjects": ["[Action Required] Private key protection requirements for {any}"],
         "links": ["https://www.digicert.com/link/hsm-approval.php?token={token:28:a-z0-9}"],
         "places": ["subject:[Action Required] Private key protection requirements for DigiCert "
                    "Order # {order}"],
         "action": "human"},
    ],
}

SECTIGO = {
    "id": "sectigo-shape", "title": "Mails in the shape of Sectigo's (synthetic)",
    "senders": ["trust-provider.com"], "from_domains": ["trust-provider.com"], "min_key_bits": 1024,
    "kinds": [
        {"kind": "domain-validation", "from": ["noreply@trust-provider.com"],
         "signers": ["trust-provider.com"], "subjects": ["Verify Domains (reference #{order})"],
         "links": ["https://secure.trust-provider.com/products/EnterDCVCode?orderNumber={order}"],
         "deny": ["https://secure.trust-provider.com/products/RejectDCVCode{any}"],
         "places": ["text:{code:32:A-Za-z0-9}", "text:Domain: {domain}",
                    "subject:Verify Domains (reference #{order})"],
         "action": "code", "lifetime": 2592000, "settle": 300}],
}

AWS = {
    "id": "aws-shape", "title": "Mails in the shape of AWS ACM's (synthetic)",
    "senders": ["certificates.amazon.com"], "from_domains": ["certificates.amazon.com"],
    "min_key_bits": 1024,
    "kinds": [
        {"kind": "domain-validation", "from": ["no-reply@certificates.amazon.com"],
         "signers": ["certificates.amazon.com"],
         "subjects": ["Certificate request for {domain}", "Certificate approval for {domain}"],
         "links": ["https://eu-central-1.acm-certificates.amazon.com/approvals?code="
                   "{token:36:a-f0-9-}&context={support}"],
         "places": ["text:Domain: {domain}", "text:AWS account ID: {account}",
                    "text:Certificate Identifier: {certificate}",
                    "subject:Certificate request for {domain}"],
         "page_places": ["page:Domain: {domain}"], "page_pending": ["I Approve"],
         "page_success": ["approved"],
         "action": "form", "lifetime": 259200, "settle": 300}],
}

HARICA = {
    "id": "harica-shape", "title": "Mails in the shape of HARICA's (synthetic)",
    "senders": ["harica.gr"], "from_domains": ["harica.gr"], "min_key_bits": 1024,
    "kinds": [
        {"kind": "domain-validation", "from": ["noreply@harica.gr"], "signers": ["harica.gr"],
         "subjects": ["HARICA - DNS Change Validation{any}"],
         "places": ['text:{domain} IN TXT "HARICA-{code:16-40:A-Za-z0-9}"'],
         "action": "dns", "lifetime": 2592000, "settle": 300}],
}

ACME = {
    "id": "acme-shape", "title": "RFC 8823 challenges (synthetic)",
    "senders": ["acme.synthetic.example"], "from_domains": ["acme.synthetic.example"],
    "min_key_bits": 1024,
    "kinds": [
        {"kind": "mailbox-validation", "from": ["acme@acme.synthetic.example"],
         "signers": ["acme.synthetic.example"], "subjects": ["ACME: {code:22-64:A-Za-z0-9_-}"],
         "places": ["subject:ACME: {code:22-64:A-Za-z0-9_-}"],
         "action": "reply", "lifetime": 86400, "settle": 300}],
}

PROFILES = {"digicert-shape": DIGICERT, "sectigo-shape": SECTIGO, "aws-shape": AWS,
            "harica-shape": HARICA, "acme-shape": ACME}
