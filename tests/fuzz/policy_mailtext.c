/* An organization's own words for a mail: text, or text and HTML, up to the first NUL. Whatever stands there,
 * the subject stays one line, and a value never becomes markup. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/mailtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/tmp/fuzz_policy_mailtext_XXXXXX", texts[80], html[80];

static void sweep(void)
{
    (void)remove(texts);
    (void)remove(html);
    (void)remove(root);
}

static void make_place(void)
{
    if (!mkdtemp(root))
        abort();
    (void)snprintf(texts, sizeof texts, "%s/certificate.txt", root);
    (void)snprintf(html, sizeof html, "%s/certificate.html", root);
    (void)atexit(sweep);
}

static void put(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct policy_mailtext_value values[] = {
        {"mailbox", "<fz-\"'&>\r\nX: y\x01\xff@example.test"}, {"sign", "yes"}, {"serial", "{{mailbox}}"}};
    struct base_arena *a = base_arena_new();
    struct policy_mailtext m;
    struct base_fail f = {0};
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    size_t n = nul ? (size_t)(nul - data) : size;

    if (!texts[0])
        make_place();
    put(texts, data, n);
    put(html, nul ? nul + 1 : data, nul ? size - n - 1 : 0);
    if (policy_mailtext_render(a, root, "en", "certificate", values, 3, &m, &f) == BASE_OK) {
        bool own = size > 0 && memmem(data, size, "<fz-", 4) != NULL;
        if (strpbrk(m.subject, "\r\n\x01") || (!own && strstr(m.html, "<fz-")))
            abort();
    } else if (strcmp(f.code, "mailtext") != 0)
        abort();
    base_arena_free(a);
    return 0;
}
