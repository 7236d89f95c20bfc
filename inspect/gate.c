/* inspect/gate.c - one pass over the lines of a mail before GMime gets it.
 *
 * A header block can begin anywhere (parts, attached messages), so every run
 * of lines that look like fields is held to the caps of a header. */
#include "gate.h"

#include <string.h>
#include <strings.h>

struct gate {
    size_t boundaries;
    size_t all_fields;    /* lines of the mail that look like fields */
    size_t fields, bytes; /* of the present run of field-like lines */
    size_t field_bytes;   /* of the present field with its continuations */
    bool address;         /* the present field holds addresses, as far as we know */
    int colons, parens;   /* seen in it */
    const char *refuse;
};

/* Length of the field name at P if the line looks like a field, else 0. */
static size_t field_name(const unsigned char *p, size_t n)
{
    size_t i = 0;

    while (i < n && p[i] > 32 && p[i] < 127 && p[i] != ':') {
        i++;
    }
    size_t len = i;

    while (i < n && (p[i] == ' ' || p[i] == '\t')) {
        i++;
    }
    return len > 0 && i < n && p[i] == ':' ? len : 0;
}

static bool holds_addresses(const unsigned char *name, size_t n)
{
    static const char *const names[] = {"from",
                                        "sender",
                                        "reply-to",
                                        "to",
                                        "cc",
                                        "bcc",
                                        "resent-from",
                                        "resent-sender",
                                        "resent-reply-to",
                                        "resent-to",
                                        "resent-cc",
                                        "resent-bcc",
                                        "disposition-notification-to"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == n && strncasecmp((const char *)name, names[i], n) == 0) {
            return true;
        }
    }
    return false;
}

/* Groups and comments that a recursive parser would go down into. Quotes are not
 * minded: an honest field has few of these in any place. */
static void count_nesting(struct gate *g, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g->colons += p[i] == ':';
        g->parens += p[i] == '(';
    }
    if (g->colons > INSPECT_NESTING_MAX + 1 || g->parens > INSPECT_NESTING_MAX * 5) {
        g->refuse = "an address field with nested groups or comments";
    }
}

static bool is_pem(const unsigned char *p, size_t n)
{
    return n > 10 && memcmp(p, "-----", 5) == 0 && (p[5] == 'B' || p[5] == 'E');
}

static void take_line(struct gate *g, const unsigned char *p, size_t n)
{
    bool continued = n > 0 && (p[0] == ' ' || p[0] == '\t') && g->fields > 0;
    size_t name = continued ? 0 : field_name(p, n);

    if (!continued && name == 0) {
        g->fields = g->bytes = 0;
        if (n >= 2 && p[0] == '-' && p[1] == '-' && !is_pem(p, n) &&
            ++g->boundaries > INSPECT_BOUNDARY_LINES_MAX) {
            g->refuse = "more than 1000 lines that could begin a part";
        }
        return;
    }
    if (name > 0) {
        g->fields++;
        g->all_fields++;
        g->field_bytes = 0;
        g->address = holds_addresses(p, name);
        g->colons = g->parens = 0;
    }
    g->bytes += n;
    g->field_bytes += n;
    if (g->address) {
        count_nesting(g, p, n);
    }
    if (g->field_bytes > INSPECT_FIELD_MAX) {
        g->refuse = "a header field of more than 16 KiB in a part";
    } else if (g->all_fields > INSPECT_FIELD_LINES_MAX || g->fields > INSPECT_FIELDS_MAX ||
               g->bytes > INSPECT_HEADERS_MAX) {
        g->refuse = "a part with too large a header";
    }
}

const char *inspect_gate(const struct inspect_header *h)
{
    struct gate g = {0};
    const unsigned char *p = h->mail.p;
    const unsigned char *end = p + h->mail.n;

    if (h->too_big != NULL) {
        return h->too_big;
    }
    while (p < end && g.refuse == NULL) {
        const unsigned char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl != NULL ? (size_t)(nl - p) : (size_t)(end - p);

        take_line(&g, p, n > 0 && p[n - 1] == '\r' ? n - 1 : n);
        p += n + (nl != NULL);
    }
    return g.refuse;
}
