/* When two spellings of an address are one mailbox here; see the header. */
#include "exact.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mailbox.h"

enum base_fail_class keeper_exact_add(struct keeper_exact *list, const char *name,
                                      struct base_fail *f)
{
    size_t n = strlen(name);
    if (n == 0 || n > 253 || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                               "0123456789.-")] || list->n == KEEPER_EXACT_MAX)
        return base_failf(f, BASE_PERMANENT, "keeper.option",
                          "--exact-local: expected a domain (as A-label), at most %d times, found \"%.80s\"",
                          KEEPER_EXACT_MAX, name);
    const char **v = base_xmalloc((list->n + 1) * sizeof *v);
    if (list->n)
        memcpy(v, list->v, list->n * sizeof *v);
    free(list->v);
    list->v = v;
    char *low = base_xstrdup(name);
    base_ascii_lower(low);
    list->v[list->n++] = low;
    return BASE_OK;
}

void keeper_exact_free(struct keeper_exact *list)
{
    for (size_t i = 0; i < list->n; i++)
        free((char *)(uintptr_t)list->v[i]);
    free(list->v);
    *list = (struct keeper_exact){0};
}

bool keeper_exact_folds(const struct keeper_ctx *ctx, const json_t *request, const char *mailbox)
{
    const char *at = strrchr(mailbox, '@');
    if (base_json_bool(request, "exact", false))
        return false;
    for (size_t i = 0; at && ctx->exact && i < ctx->exact->n; i++)
        if (base_ascii_caseeq(at + 1, ctx->exact->v[i]))
            return false;
    return true;
}

bool keeper_exact_same(const struct keeper_ctx *ctx, const json_t *request, const char *x,
                       const char *y)
{
    return base_mailbox_same(x, y, keeper_exact_folds(ctx, request, x));
}
