/* Fuzz target: the parsers of base/ that read what others wrote. The first byte
 * chooses the parser; each result is checked against what it promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void json(const uint8_t *p, size_t n)
{
    struct base_fail f = {0};
    json_t *v = base_json_parse(p, n, 65536, &f), *again;

    if (v == NULL) {
        must(f.cls == BASE_PERMANENT && f.text[0] != '\0');
        return;
    }
    char *text = base_json_text(v);
    again = base_json_parse(text, strlen(text), SIZE_MAX, &f);
    must(again != NULL && json_equal(v, again));
    (void)base_json_int(v, "a", 0);
    (void)base_json_str(v, "a");
    json_decref(v);
    json_decref(again);
    free(text);
}

static void base64(struct base_arena *a, const uint8_t *p, size_t n)
{
    size_t len = 0, len2 = 0;
    unsigned char *bytes = base_unbase64(a, (const char *)p, n, &len);

    if (bytes != NULL) {
        char *text = base_base64(a, bytes, len);
        unsigned char *again = base_unbase64(a, text, strlen(text), &len2);
        must(strlen(text) <= n && again != NULL && len == len2 && memcmp(bytes, again, len) == 0);
    }
}

static void times(const char *s)
{
    char text[BASE_TIME_LEN];
    int64_t t, again;

    if (base_time_parse(s, &t)) {
        base_time_rfc5322(t, text);
        base_time_span(t, text);
        base_time_rfc3339(t, text);
        /* an offset can lead a day out of the years that are written */
        if (t >= INT64_C(-62135596800) && t <= INT64_C(253402300799)) {
            must(base_time_parse(text, &again) && again == t);
        }
    }
}

static void numbers(const char *s)
{
    unsigned char bytes[16];
    int64_t v = 5;

    must(!base_parse_int(s, -1000, 1000, &v) || (v >= -1000 && v <= 1000));
    must(!base_parse_size(s, 0, 1 << 20, &v) || (v >= 0 && v <= 1 << 20));
    must(!base_parse_duration(s, 1, 86400, &v) || (v >= 1 && v <= 86400));
    must(!base_parse_duration(s, INT64_MIN, INT64_MAX, &v) || strlen(s) > 0);
    (void)base_unhex(s, bytes, sizeof bytes);
}

static void printable(struct base_arena *a, const uint8_t *p, size_t n)
{
    size_t max = n > 0 ? p[0] : 0;
    const char *s = base_printable(a, p, n, max);

    must(strlen(s) <= max);
    for (const char *c = s; *c != '\0'; c++) {
        must((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    json_t *v = json_string(s); /* NULL if it isn't UTF-8 */
    must(v != NULL);
    json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n == 0) {
        return 0;
    }
    struct base_arena *a = base_arena_new();
    const uint8_t *rest = p + 1;
    char *s = base_arena_alloc(a, n);

    memcpy(s, rest, n - 1);
    switch (p[0]) {
    case 'j':
        json(rest, n - 1);
        break;
    case 'b':
        base64(a, rest, n - 1);
        break;
    case 't':
        times(s);
        break;
    case 'n':
        numbers(s);
        break;
    default:
        printable(a, rest, n - 1);
    }
    base_arena_free(a);
    return 0;
}
