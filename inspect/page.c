/* inspect/page.c - one page of a validation: its forms, its text, its state. */
#include <string.h>

#include "base/json.h"
#include "html.h"
#include "inputs.h"
#include "io.h"
#include "policy/recognise.h"

void inspect_answer_page(struct base_arena *a, const struct inspect_request *q,
                         struct base_bytes raw)
{
    const char *name = base_json_strd(q->header, "kind", "");
    const struct policy_kind_rules *rules = NULL;
    struct inspect_html html;
    enum policy_kind kind;

    if (q->nprofiles > 0 && policy_kind_parse(name, &kind)) {
        rules = policy_profile_kind(q->profiles[0], kind);
    }
    if (rules == NULL) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "no profile has this kind");
    }
    const char *why = inspect_html_read(a, NULL, raw.p, raw.n, NULL, true, &html);

    if (why != NULL) {
        inspect_io_refuse(INSPECT_EXIT_REFUSED, "input.kind", why);
    }
    struct policy_page page = {
        .title = html.title,
        .text = html.text,
        .forms = html.forms,
        .nforms = html.nforms,
        .password_field = html.password_field,
        .captcha = html.captcha,
    };

    policy_recognise_page(a, rules, &page);
    json_t *line = json_object();

    json_object_set_new(line, "page", policy_page_to_json(&page));
    inspect_io_write(line);
}
