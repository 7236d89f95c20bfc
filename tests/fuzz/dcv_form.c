/* dcv_form_build() on any page: what it builds stays on the host and holds the narrow
 * choice exactly once. The same bytes as cookies. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dcv/cookies.h"
#include "dcv/dcv.h"

static void cookies(struct base_arena *a, const char *text)
{
    const char *jar = dcv_cookies_take(a, text, "ca.test", &text, 1);
    const char *field = dcv_cookies_for(a, jar, "ca.test");

    if (field != NULL && strpbrk(field, "\r\n") != NULL) {
        abort();
    }
}

/* How often "scope=" begins a pair of BODY. */
static int scopes(const char *body)
{
    int n = strncmp(body, "scope=", 6) == 0;

    for (const char *p = body; (p = strstr(p, "&scope=")) != NULL; p++) {
        n++;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *links[] = {"https://ca.test/v/{token:4:a-z}"};
    const char *deny[] = {"https://ca.test/reject{any}"};
    const char *choices[] = {"scope=this"};
    struct policy_kind_rules rules = {
        .links = {links, 1}, .deny = {deny, 1}, .choices = {choices, 1}};
    struct base_arena *a = base_arena_new();
    json_t *j = base_json_parse(data, size, 65536, NULL);
    struct policy_page *page = NULL;
    struct dcv_post post;

    cookies(a, base_arena_strndup(a, (const char *)data, size));
    if (j != NULL && policy_page_from_json(a, j, &page, NULL) == BASE_OK &&
        dcv_form_build(a, &rules, page, "https://ca.test/v/abcd", NULL, &post, NULL) == BASE_OK &&
        (strncmp(post.url, "https://ca.test/", 16) != 0 || scopes(post.body) != 1 ||
         strstr(post.body, "scope=this") == NULL)) {
        abort();
    }
    json_decref(j);
    base_arena_free(a);
    return 0;
}
