"""Certificates as the S/MIME Baseline Requirements want them, the CRL and OCSP answers.

Owns no state: it gets keys and an order, gives back a certificate. The faults at the end make certificates that
a careful verifier has to refuse.
"""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from .keys import key_usage, now

ORGANIZATION_IDENTIFIER = ObjectIdentifier("2.5.4.97")
SMTP_UTF8_MAILBOX = ObjectIdentifier("1.3.6.1.5.5.7.8.9")
POLICY = "2.23.140.1.5.{kind}.{profile}"
KINDS = {"mailbox": 1, "organization": 2, "sponsor": 3, "individual": 4}
PROFILES = {"multipurpose": 2, "strict": 3}
HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
FAULTS = ("wrong_key", "wrong_mailbox", "extra_mailbox", "no_san", "server_auth", "any_eku", "no_eku", "no_key_usage",
          "ca_true", "too_long", "not_yet", "expired", "legacy_policy", "no_policy", "two_policies", "other_issuer")


class BadCSR(Exception):
    """The CSR can't be used; the text says why."""


def csr_key(text):
    """The public key of a CSR in PEM with either tag. Nothing else of the CSR counts."""
    pem = text.strip().replace("NEW CERTIFICATE REQUEST", "CERTIFICATE REQUEST")
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        key = csr.public_key()
        valid = csr.is_signature_valid
    except Exception as error:
        raise BadCSR("the CSR can't be parsed") from error
    if not valid:
        raise BadCSR("the CSR is not signed by its own key")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in (2048, 3072, 4096):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1"):
        return key
    raise BadCSR("key must be RSA 2048, 3072, 4096 or EC P-256, P-384")


def san_of(mailboxes):
    """rfc822Name for ASCII addresses, SmtpUTF8Mailbox for the rest; the domain always as A-label."""
    names = []
    for mailbox in mailboxes:
        local, _, domain = mailbox.rpartition("@")
        domain = domain.encode("idna").decode() if not domain.isascii() else domain
        if local.isascii():
            names.append(x509.RFC822Name(f"{local}@{domain}"))
        else:
            raw = f"{local}@{domain}".encode()
            names.append(x509.OtherName(SMTP_UTF8_MAILBOX, b"\x0c" + bytes([len(raw)]) + raw))
    return x509.SubjectAlternativeName(names)


def usage_of(key, use, additional):
    sign, encrypt = use in ("signing", "dual_use"), use in ("key_management", "dual_use")
    elliptic = isinstance(key, ec.EllipticCurvePublicKey)
    return key_usage(digital_signature=sign, content_commitment="non_repudiation" in additional,
                     key_encipherment=encrypt and not elliptic, key_agreement=encrypt and elliptic)


def subject_of(plan):
    """Subject by type: a mailbox has only its address, the others an organization with its identifier."""
    pairs, org, person = [], plan.get("organization"), plan.get("individual") or {}
    if plan["kind"] != "mailbox":
        pairs += [(NameOID.COUNTRY_NAME, org["country"].upper()), (NameOID.ORGANIZATION_NAME, org["name"][:64]),
                  (ORGANIZATION_IDENTIFIER, org["identifier"])]
    if plan["kind"] == "sponsor":
        if person.get("pseudonym") and plan.get("include_pseudonym"):
            pairs.append((NameOID.PSEUDONYM, person["pseudonym"][:64]))
        else:
            pairs += [(oid, person[f][:64]) for oid, f in ((NameOID.GIVEN_NAME, "first_name"),
                                                          (NameOID.SURNAME, "last_name")) if person.get(f)]
    if len(plan["common_name"]) <= 64 or "@" not in plan["common_name"]:
        pairs.append((NameOID.COMMON_NAME, plan["common_name"][:64]))
    if plan.get("include_email") and plan["mailboxes"][0].isascii():
        pairs.append((NameOID.EMAIL_ADDRESS, plan["mailboxes"][0]))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def certificate(keys, plan, http_base, fault=None):
    """Make the certificate of a plan: key, kind, profile, mailboxes, use, additional, days, signature_hash, subject."""
    key = plan["key"]
    if fault == "wrong_key":
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
    mailboxes = {"wrong_mailbox": ["somebody.else@wrong.test"],
                 "extra_mailbox": plan["mailboxes"] + ["somebody.else@wrong.test"]}.get(fault, plan["mailboxes"])
    start = now().replace(microsecond=0) - datetime.timedelta(minutes=5)
    days = plan["days"]
    if fault == "too_long":
        days = 1185
    elif fault == "not_yet":
        start += datetime.timedelta(days=30)
    elif fault == "expired":
        start -= datetime.timedelta(days=days + 1)
    issuer, signer = keys.sub, keys.sub_key
    if fault == "other_issuer":
        signer = rsa.generate_private_key(65537, 2048)
    uri = x509.UniformResourceIdentifier
    builder = (x509.CertificateBuilder().subject_name(subject_of(plan)).issuer_name(issuer.subject).public_key(key)
               .serial_number(x509.random_serial_number()).not_valid_before(start)
               .not_valid_after(start + datetime.timedelta(days=days) - datetime.timedelta(seconds=1))
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
               .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
                   [uri(f"{http_base('crl')}/smime.crl")], None, None, None)]), False)
               .add_extension(x509.AuthorityInformationAccess([
                   x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri(f"{http_base('ocsp')}/ocsp")),
                   x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS,
                                          uri(f"{http_base('crl')}/smime-intermediate.crt"))]), False))
    if fault != "no_san":
        builder = builder.add_extension(san_of(mailboxes), False)
    if fault != "no_key_usage":
        builder = builder.add_extension(usage_of(key, plan["use"], plan["additional"]), True)
    if fault != "no_eku":
        uses = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        if "client_auth" in plan["additional"] and plan["profile"] == "multipurpose":
            uses.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        if fault == "server_auth":
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        if fault == "any_eku":
            uses.append(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), False)
    policies = [POLICY.format(kind=KINDS[plan["kind"]], profile=PROFILES[plan["profile"]])]
    if fault == "legacy_policy":
        policies = [POLICY.format(kind=KINDS[plan["kind"]], profile=1)]
    elif fault == "two_policies":
        policies.append(POLICY.format(kind=KINDS["individual"], profile=2))
    if fault != "no_policy":
        builder = builder.add_extension(x509.CertificatePolicies(
            [x509.PolicyInformation(ObjectIdentifier(p), None) for p in policies]), False)
    if fault == "ca_true":
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    return builder.sign(signer, HASHES[plan["signature_hash"]]())


def revocation_list(cert, key, revoked):
    """A CRL in DER; revoked is a list of (serial, time of revocation)."""
    builder = (x509.CertificateRevocationListBuilder().issuer_name(cert.subject)
               .last_update(now() - datetime.timedelta(minutes=5)).next_update(now() + datetime.timedelta(days=7))
               .add_extension(x509.CRLNumber(int(now().timestamp())), False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False))
    for serial, when in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ocsp_answer(keys, raw, look):
    """Answer an OCSP request in DER; look(serial) gives (certificate, revocation time or None), or None."""
    der = serialization.Encoding.DER
    try:
        request = ocsp.load_der_ocsp_request(raw)
        digest = type(request.hash_algorithm)()
    except Exception:  # whatever the library finds wrong with it, the answer is the same
        return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST).public_bytes(der)
    found = look(request.serial_number)
    if found is None:
        return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(der)
    cert, revoked = found
    status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
    builder = (ocsp.OCSPResponseBuilder().add_response(
        cert=cert, issuer=keys.sub, algorithm=digest, cert_status=status,
        this_update=now() - datetime.timedelta(minutes=5), next_update=now() + datetime.timedelta(days=1),
        revocation_time=revoked, revocation_reason=None)
        .responder_id(ocsp.OCSPResponderEncoding.HASH, keys.sub))
    for extension in request.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            builder = builder.add_extension(extension.value, False)
    return builder.sign(keys.sub_key, hashes.SHA256()).public_bytes(der)
