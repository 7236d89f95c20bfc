/* cert/inner.h - what the files of this room share; nobody else includes it. */
#ifndef CERT_INNER_H
#define CERT_INNER_H
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fail.h"
#include "fields.h"

/* One certificate, strictly DER, nothing behind it, RSA within the cap. The
 * caller frees *X. Failures as cert_fields_parse(). */
enum base_fail_class cert_x509_read(const void *der, size_t n, X509 **x, struct base_fail *f);
/* Fills OUT; a key of a kind that OpenSSL doesn't know is CERT_KEY_OTHER. */
enum base_fail_class cert_key_describe(struct base_arena *a, const X509_PUBKEY *pub,
                                       struct cert_key *out, struct base_fail *f);
/* SHA-256 of the SubjectPublicKeyInfo; false if it can't be written as DER. */
bool cert_spki_hex(const X509_PUBKEY *pub, char out[BASE_SHA256_HEX]);
/* RFC 4514 text, printable, at most CERT_TEXT_MAX. */
char *cert_name_text(struct base_arena *a, const X509_NAME *name);
/* First attribute NID as text, NULL if absent. */
const char *cert_name_attribute(struct base_arena *a, const X509_NAME *name, int nid);
/* A mailbox of a certificate or request: no control characters, no blanks, ASCII
 * for rfc822Name, UTF-8 otherwise. NULL if it isn't. */
const char *cert_mailbox_text(struct base_arena *a, enum cert_mailbox_kind kind,
                              const ASN1_STRING *s);
/* Adds every emailAddress of NAME. */
enum base_fail_class cert_name_emails(struct base_arena *a, const X509_NAME *name,
                                      struct cert_strings *out, struct base_fail *f);
/* The mailbox in one SAN entry: *address NULL if it is none. */
enum base_fail_class cert_san_mailbox(struct base_arena *a, const GENERAL_NAME *g,
                                      struct cert_mailbox *out, struct base_fail *f);
/* Appends S unless it is there; false past MAX members. */
bool cert_strings_add(struct base_arena *a, struct cert_strings *l, const char *s, size_t max);
/* Dotted text of an object identifier. */
const char *cert_oid_text(struct base_arena *a, const ASN1_OBJECT *o);
/* All extensions of X into OUT (cert/extensions.c). */
enum base_fail_class cert_extensions_read(struct base_arena *a, X509 *x, struct cert_fields *out,
                                          struct base_fail *f);
/* Empties OpenSSL's error queue, so that no stale error is reported later. */
void cert_errors_clear(void);

#endif
