/* inspect/protocol.h - how others talk to certinspect: one process for one input.
 *
 * certinspect is executed without arguments, with an empty environment and the
 * descriptors 0 to 2. It reads one line of JSON and then exactly `size` bytes
 * of input on descriptor 0, writes lines of JSON on descriptor 1, and ends.
 * Exit: 0 the answer is complete, 1 the input was refused (its last line is
 * {"error":{"code":..,"text":..}}), 2 the caller broke this protocol. Any
 * other end (a signal) means that the input broke a limit of the sandbox.
 *
 * Header, all inputs: "v":1, "input", "size", "now" (seconds).
 *
 * "input":"mail"   header: "profiles" (policy_profile_to_json() each), "force".
 *   -> {"dns":[{"d":..,"s":..},...]}  only if a signature of a profile's signer
 *      is worth a look-up; at most INSPECT_DKIM_PAIRS
 *   <- {"answers":[{"status":"record","txt":..}|{"status":"none"}|{"status":"tempfail"}]}
 *      in the same order; it may end behind a tempfail
 *   -> {"auth":{...}}   the "auth" member of facts, before any body is parsed
 *   -> {"facts":{...}}  policy_facts_to_json(); "parsed" is true if the signature
 *      passed, or "force" was given and the header is within its limits
 * "input":"page"   header: "profiles" (one), "kind", "url".
 *   -> {"page":{...}}   policy_page_to_json()
 * "input":"certificates"  header: "roots" and "intermediates" (PEM texts, may be
 *   absent or empty), "spki_sha256" (hex; names the leaf, else the first that is no CA).
 *   -> {"certificates":[cert_fields_to_json()...],
 *       "chain":{"ok":..,"reason":..,"leaf":index or -1,"der":[base64, leaf first],
 *                "issuer":{"type","bits","curve","exponent_ok"} if ok},
 *       "problems":[...]}  problems: what was left out and why
 *
 * Error codes: input.size, input.kind, input.header (exit 2), input.none. */
#ifndef INSPECT_PROTOCOL_H
#define INSPECT_PROTOCOL_H

#define INSPECT_VERSION 1
#define INSPECT_HEADER_MAX (8 * 1024 * 1024)  /* bytes of the header line (PEM bundles) */
#define INSPECT_INPUT_MAX (10 * 1024 * 1024)  /* bytes of a mail or certificate file */
#define INSPECT_PAGE_MAX (256 * 1024)         /* bytes of a page */
#define INSPECT_ANSWER_MAX (64 * 1024)        /* bytes of the line of DNS answers */
#define INSPECT_DKIM_PAIRS 4                  /* (d=, s=) pairs that are asked for */

#endif
