/* inspect/inputs.h - the five inputs of certinspect, each from header to answer. */
#ifndef INSPECT_INPUTS_H
#define INSPECT_INPUTS_H
#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "header.h"
#include "notes.h"
#include "policy/facts.h"
#include "policy/rules.h"

/* The request as its header says it; profiles in A. */
struct inspect_request {
    const json_t *header;
    int64_t now;
    bool force;
    struct policy_profile **profiles;
    size_t nprofiles;
};

/* Each writes its answer with inspect_io_write(), or refuses the input. */
void inspect_answer_mail(struct base_arena *a, const struct inspect_request *q,
                         struct base_bytes raw);
void inspect_answer_page(struct base_arena *a, const struct inspect_request *q,
                         struct base_bytes raw);
void inspect_answer_certificates(struct base_arena *a, const struct inspect_request *q,
                                 struct base_bytes raw);
void inspect_answer_ocsp(struct base_arena *a, const struct inspect_request *q,
                         struct base_bytes raw);
void inspect_answer_crl(struct base_arena *a, const struct inspect_request *q, struct base_bytes raw);

/* Everything about a mail that needs its body: structure, texts, links,
 * certificates, and what PROFILE makes of them (mail_body.c). */
void inspect_mail_body(struct base_arena *a, const struct inspect_header *h,
                       const struct policy_profile *profile, struct policy_facts *f,
                       struct inspect_notes *notes);

#endif
