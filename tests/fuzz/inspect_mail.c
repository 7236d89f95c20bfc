/* tests/fuzz/inspect_mail.c - everything that happens to a mail whose signature passed. */
#include <stddef.h>
#include <stdint.h>

#include "inspect/charset.h"
#include "inspect/inputs.h"
#include "inspect/mime.h"
#include "policy/rules.h"

static const char *const links[] = {"https://a.example/v?t={token:4-40:a-z0-9}&e={mailbox}"};
static const char *const places[] = {"text:Domain: {domain}", "text:Order: {order}"};

/* GMime 3.2.13 forgets a few bytes in odd parameters; the process lives for one mail. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    inspect_mime_open();
    inspect_charset_open_all();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct inspect_notes notes = {.a = a};
    struct inspect_header h;
    struct policy_kind_rules kind = {.kind = POLICY_KIND_DOMAIN_VALIDATION,
                                     .links = {(const char **)links, 1},
                                     .places = {(const char **)places, 2}};
    struct policy_strings from = {(const char *[]){"a.example"}, 1};
    struct policy_profile profile = {
        .id = "fuzz", .from_domains = from, .kinds = &kind, .nkinds = 1};
    struct policy_facts f = {.from = (const char *[]){"x@a.example"}, .nfrom = 1};

    inspect_header_read(a, (struct base_bytes){data, size}, &h);
    inspect_mail_body(a, &h, &profile, &f, &notes);
    json_decref(policy_facts_to_json(&f));
    json_decref(f.certificates);
    base_arena_free(a);
    return 0;
}
