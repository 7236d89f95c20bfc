/* cert/evidence.h - a signed file of evidence: CMS SignedData (RFC 5652) as PEM, its content
 * within. Any tool that reads CMS verifies it: openssl cms -verify -inform PEM. */
#ifndef CERT_EVIDENCE_H
#define CERT_EVIDENCE_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

#define CERT_EVIDENCE_MAX (48 * 1024 * 1024) /* bytes of content, and of a file */

/* Puts CONTENT into the detached message DER; PEM in A. Ours "evidence.build"; permanent
 * "evidence.size". */
enum base_fail_class cert_evidence_attach(struct base_arena *a, struct base_bytes der,
                                          struct base_bytes content, const char **pem,
                                          struct base_fail *f);
/* Is it whole and signed by the holder of CERTIFICATE (PEM), by nobody else? *CONTENT in A.
 * Permanent "evidence.read" (no such file or certificate), "evidence.signature". */
enum base_fail_class cert_evidence_verify(struct base_arena *a, const char *pem, size_t n,
                                          const char *certificate, struct base_bytes *content,
                                          struct base_fail *f);
#endif
