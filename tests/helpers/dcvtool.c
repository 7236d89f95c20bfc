/* tests/helpers/dcvtool.c - dcv/ from a script. For tests/e2e/test_dcv.py. */
#include "dcv/dcv.h"

#include "tool.h"

static struct base_arena *setup_arena;
static struct net_resolver *resolver;
static struct net_scope scope;
static struct policy_profile *profile;

/* resolver and scope as tool.h says, and "profile" as policy_profile_to_json() writes it */
static json_t *run_setup(struct base_arena *a, const json_t *in)
{
    struct base_fail f = {0};

    (void)a;
    net_resolver_free(resolver);
    base_arena_free(setup_arena);
    setup_arena = base_arena_new();
    resolver = tool_resolver(setup_arena, in);
    scope = tool_scope(setup_arena, in, resolver);
    return tool_result(
        policy_profile_from_json(setup_arena, base_json_obj(in, "profile"), &profile, &f), &f);
}

static json_t *page_json(const struct dcv_page *p)
{
    static const char *const sent[] = {"not-sent", "lost", "answered"};
    json_t *o = json_object();

    base_json_setn(o, "status", p->status);
    base_json_set(o, "url", p->url);
    base_json_set(o, "type", p->content_type);
    base_json_set(o, "body", (const char *)p->body.p);
    base_json_set(o, "cookies", p->cookies);
    base_json_setn(o, "hops", p->hops);
    base_json_set(o, "sent", sent[p->sent]);
    return o;
}

static const struct policy_kind_rules *rules_of(const json_t *in)
{
    enum policy_kind kind = POLICY_KIND_DOMAIN_VALIDATION;

    (void)policy_kind_parse(base_json_strd(in, "kind", "domain-validation"), &kind);
    return policy_profile_kind(profile, kind);
}

static json_t *run_open(struct base_arena *a, const json_t *in)
{
    struct dcv_context c = {.scope = scope, .total_ms = (int)base_json_int(in, "total_ms", 0)};
    struct base_fail f = {0};
    struct dcv_page p;
    json_t *o =
        tool_result(dcv_link_open(&c, rules_of(in), base_json_strd(in, "url", ""), a, &p, &f), &f);

    json_object_set_new(o, "page", page_json(&p));
    return o;
}

/* {"page": as policy_page_to_json() writes it, "url", "cookies", "code"} */
static json_t *run_submit(struct base_arena *a, const json_t *in)
{
    struct dcv_context c = {.scope = scope, .total_ms = (int)base_json_int(in, "total_ms", 0)};
    struct dcv_page opened = {.url = base_json_strd(in, "url", ""),
                              .cookies = base_json_strd(in, "cookies", "")};
    const char *code = base_json_str(in, "code");
    struct policy_page *page = NULL;
    struct dcv_post post = {0};
    struct base_fail f = {0};
    struct dcv_page p = {.cookies = ""};
    enum base_fail_class cls = policy_page_from_json(a, base_json_obj(in, "page"), &page, &f);

    if (cls == BASE_OK && base_json_bool(in, "dry", false)) {
        cls = dcv_form_build(a, rules_of(in), page, opened.url, code, &post, &f);
    } else if (cls == BASE_OK) {
        cls = dcv_link_submit(&c, rules_of(in), page, &opened, code, a, &p, &f);
    }
    json_t *o = tool_result(cls, &f);
    base_json_set(o, "post_url", post.url);
    base_json_set(o, "post_body", post.body);
    json_object_set_new(o, "page", page_json(&p));
    return o;
}

int main(void)
{
    static const struct tool_entry entries[] = {
        {"setup", run_setup}, {"open", run_open}, {"submit", run_submit}, {NULL, NULL}};
    int rc;

    if (net_init(NULL) != BASE_OK) {
        return 1;
    }
    rc = tool_main(entries);
    net_resolver_free(resolver);
    base_arena_free(setup_arena);
    return rc;
}
