/* inspect/html.c - gumbo on a leash, and the walk for links and signs.
 *
 * Owns the tree, which lies in an arena of its own: it is dropped at once, as
 * gumbo's own destructor recurses. When the budget is used up the allocator
 * jumps out of gumbo, which holds nothing but that memory. */
#include "html.h"

#include <setjmp.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "charset.h"
#include "html_inner.h"

#define BUDGET_BYTES (96UL * 1024 * 1024)
#define BUDGET_MS 400
#define CLOCK_EVERY 64 /* allocations between two looks at the clock */

struct leash {
    struct base_arena *a;
    size_t bytes;
    unsigned calls;
    int64_t until;
    jmp_buf out;
};

static int64_t cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *leash_alloc(void *ctx, size_t size)
{
    struct leash *l = ctx;

    if (size > BUDGET_BYTES - l->bytes || (++l->calls % CLOCK_EVERY == 0 && cpu_ms() > l->until)) {
        longjmp(l->out, 1);
    }
    l->bytes += size;
    return base_arena_alloc(l->a, size);
}

static void leash_free(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

/* Counts the attributes of each tag, roughly as a browser would. */
static bool too_many_attributes(const char *p, size_t n)
{
    size_t count = 0;
    char quote = '\0';
    bool tag = false, word = false;

    for (size_t i = 0; i < n; i++) {
        char c = p[i];

        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (!tag) {
            tag = c == '<';
            count = 0;
            word = true;
        } else if (c == '>') {
            tag = false;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '/') {
            word = false;
        } else if (!word) {
            word = true;
            if (++count > INSPECT_ATTRIBUTES_MAX) {
                return true;
            }
        }
    }
    return false;
}

/* charset= in the first 1024 bytes, as <meta> has it in both its forms. */
static const char *meta_charset(struct base_arena *a, const char *p, size_t n)
{
    char head[1025];
    size_t len = n < sizeof(head) - 1 ? n : sizeof(head) - 1;

    for (size_t i = 0; i < len; i++) {
        head[i] = p[i] == '\0' ? ' ' : p[i];
    }
    head[len] = '\0';
    const char *s = strcasestr(head, "charset=");

    if (s == NULL) {
        return NULL;
    }
    s += 8;
    s += strspn(s, "\"' ");
    return base_arena_strndup(a, s, strcspn(s, "\"' />;"));
}

const char *inspect_html_attr(const GumboElement *e, const char *name)
{
    const GumboAttribute *at = gumbo_get_attribute(&e->attributes, name);

    return at != NULL ? at->value : NULL;
}

static bool names_captcha(const GumboElement *e)
{
    static const char *const where[] = {"id", "class", "name", "src", "alt"};

    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        const char *v = inspect_html_attr(e, where[i]);

        if (v != NULL && (strcasestr(v, "captcha") != NULL || strcasestr(v, "turnstile") != NULL)) {
            return true;
        }
    }
    return false;
}

static void look_at(const GumboElement *e, struct inspect_links *links, struct inspect_html *out)
{
    const char *url = NULL;
    const char *type;

    if (e->tag == GUMBO_TAG_A || e->tag == GUMBO_TAG_AREA) {
        url = inspect_html_attr(e, "href");
    } else if (e->tag == GUMBO_TAG_FORM) {
        url = inspect_html_attr(e, "action");
    } else if (e->tag == GUMBO_TAG_INPUT && (type = inspect_html_attr(e, "type")) != NULL) {
        out->password_field = out->password_field || base_ascii_caseeq(type, "password");
    }
    if (url != NULL && links != NULL) {
        inspect_links_add(links, url, strlen(url), "html");
    }
    out->captcha = out->captcha || names_captcha(e);
}

/* Every element, hidden ones too: a link that isn't shown can still contradict. */
static bool walk(const GumboNode *node, int depth, struct inspect_links *links,
                 struct inspect_html *out)
{
    bool whole = true;

    if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE) {
        return true;
    }
    if (depth > INSPECT_HTML_DEPTH) {
        return false;
    }
    look_at(&node->v.element, links, out);
    for (unsigned i = 0; i < node->v.element.children.length; i++) {
        whole = walk(node->v.element.children.data[i], depth + 1, links, out) && whole;
    }
    return whole;
}

static const char *title_of(struct base_arena *a, const GumboNode *root)
{
    for (unsigned i = 0; i < root->v.element.children.length; i++) {
        const GumboNode *n = root->v.element.children.data[i];

        if (n->type != GUMBO_NODE_ELEMENT) {
            continue;
        }
        if (n->v.element.tag == GUMBO_TAG_HEAD) {
            return title_of(a, n);
        }
        if (n->v.element.tag == GUMBO_TAG_TITLE && n->v.element.children.length > 0) {
            const GumboNode *t = n->v.element.children.data[0];

            if (t->type == GUMBO_NODE_TEXT || t->type == GUMBO_NODE_WHITESPACE) {
                return base_printable(a, t->v.text.text, strlen(t->v.text.text), 300);
            }
        }
    }
    return NULL;
}

/* What is wanted from the tree; false if a part was too deep. */
static bool read_tree(struct base_arena *a, const GumboNode *root, struct inspect_links *links,
                      bool forms, struct inspect_html *out)
{
    bool whole = walk(root, 0, links, out);

    out->title = title_of(a, root);
    out->text = inspect_html_text(a, root, forms ? INSPECT_PAGE_TEXT : 2 * INSPECT_HTML_MAX);
    if (forms) {
        inspect_html_forms(a, root, out);
    }
    return whole;
}

static const char *parse(struct leash *l, const char *utf8, size_t n, struct base_arena *a,
                         struct inspect_links *links, bool forms, struct inspect_html *out)
{
    GumboOptions options = kGumboDefaultOptions;

    options.allocator = leash_alloc;
    options.deallocator = leash_free;
    options.userdata = l;
    options.max_errors = 0;
    if (setjmp(l->out) != 0) {
        return "HTML that is too complicated";
    }
    const GumboOutput *tree = gumbo_parse_with_options(&options, utf8, n);

    return read_tree(a, tree->root, links, forms, out)
               ? NULL
               : "HTML nested too deep: a part was left out";
}

const char *inspect_html_read(struct base_arena *a, const char *charset, const void *p, size_t n,
                              struct inspect_links *links, bool forms, struct inspect_html *out)
{
    struct leash leash = {.a = NULL};
    size_t len;

    memset(out, 0, sizeof(*out));
    out->text = "";
    if (n > INSPECT_HTML_MAX) {
        return "HTML of more than 256 KiB";
    }
    const char *utf8 =
        inspect_charset_text(a, charset != NULL ? charset : meta_charset(a, p, n), p, n, &len);

    if (len > 2 * INSPECT_HTML_MAX || too_many_attributes(utf8, len)) {
        return "HTML with too many attributes in one tag";
    }
    leash.a = base_arena_new();
    leash.until = cpu_ms() + BUDGET_MS;
    const char *why = parse(&leash, utf8, len, a, links, forms, out);

    base_arena_free(leash.a);
    return why;
}
