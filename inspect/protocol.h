/* inspect/protocol.h - the sizes of certinspect's protocol; its text is doc/inspect.md. *
 * "input":"ocsp"  header: "leaf" and "issuer" (base64 DER). Without input bytes
 *   -> {"request": base64 of the OCSP request to send}, with the response as input
 *   -> {"ocsp":{"status":"good|revoked|unknown","this_update","next_update",
 *               "revoked_at","reason"}} */
#ifndef INSPECT_PROTOCOL_H
#define INSPECT_PROTOCOL_H

#define INSPECT_VERSION 1
#define INSPECT_HEADER_MAX (8 * 1024 * 1024) /* bytes of the header line (PEM bundles) */
#define INSPECT_INPUT_MAX (10 * 1024 * 1024) /* bytes of a mail or certificate file */
#define INSPECT_PAGE_MAX (256 * 1024)        /* bytes of a page */
#define INSPECT_OCSP_MAX (64 * 1024)         /* bytes of an OCSP response */
#define INSPECT_ANSWER_MAX (64 * 1024)       /* bytes of the line of DNS answers */
#define INSPECT_DKIM_PAIRS 4                 /* (d=, s=) pairs that are asked for */

#endif
