/* inspect/html_text.c - HTML as the lines that a person reads.
 *
 * White space is collapsed as in HTML; blocks begin lines; the cells of a row
 * stand on one line unless a cell has lines of its own. Hidden elements, scripts,
 * styles and the contents of fields aren't text. */
#include <string.h>
#include <strings.h>

#include "html_inner.h"

enum gap { GAP_NONE = 0, GAP_SPACE, GAP_LINE };

struct render {
    struct base_buf out;
    enum gap gap;    /* to be written before the next character */
    bool cell_start; /* in a cell that has no text yet: no line may begin */
    size_t lines;    /* line ends written so far */
};

static void ask(struct render *r, enum gap gap)
{
    if (gap == GAP_LINE && r->cell_start) {
        return;
    }
    if (gap > r->gap) {
        r->gap = gap;
    }
}

static void put(struct render *r, const char *p, size_t n)
{
    if (r->out.full) { /* cut once, cut for good */
        return;
    }
    if (r->gap != GAP_NONE && r->out.n > 0) {
        base_buf_add(&r->out, r->gap == GAP_LINE ? "\n" : " ", 1);
        r->lines += r->gap == GAP_LINE;
    }
    r->gap = GAP_NONE;
    r->cell_start = false;
    if (r->out.max > 0 && n > r->out.max - r->out.n) { /* what still fits, whole characters */
        for (n = r->out.max - r->out.n; n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80;) {
            n--;
        }
        base_buf_add(&r->out, p, n);
        r->out.full = true;
        return;
    }
    base_buf_add(&r->out, p, n);
}

/* U+2028 and U+2029 would begin a line in some eyes; here they are blanks. */
static size_t odd_line_end(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;

    return u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9) ? 3 : 0;
}

static void put_text(struct render *r, const char *s, bool pre)
{
    while (*s != '\0') {
        size_t n = strcspn(s, " \t\r\n\f\v\xe2");

        if (n > 0) {
            put(r, s, n);
            s += n;
            continue;
        }
        n = odd_line_end(s);
        if (n > 0) {
            ask(r, GAP_SPACE);
        } else if (strchr(" \t\r\n\f\v", *s) != NULL) {
            ask(r, pre && *s == '\n' ? GAP_LINE : GAP_SPACE);
            n = 1;
        } else {
            for (n = 1; ((unsigned char)s[n] & 0xc0) == 0x80;) {
                n++;
            }
            put(r, s, n);
        }
        s += n;
    }
}

static bool zero(const char *style, const char *property)
{
    const char *s = strstr(style, property);

    if (s == NULL) {
        return false;
    }
    s += strlen(property);
    s += strspn(s, "0");
    if (*s == '.') {
        s += 1 + strspn(s + 1, "0");
    }
    return *s < '1' || *s > '9';
}

static bool hidden_by_style(const char *style)
{
    char s[1024];
    size_t n = 0;

    for (; *style != '\0' && n + 1 < sizeof(s); style++) {
        if (strchr(" \t\r\n", *style) == NULL) {
            s[n++] = *style;
        }
    }
    s[n] = '\0';
    base_ascii_lower(s);
    return strstr(s, "display:none") != NULL || strstr(s, "visibility:hidden") != NULL ||
           strstr(s, "visibility:collapse") != NULL || strstr(s, "mso-hide:all") != NULL ||
           zero(s, "font-size:0") || zero(s, "opacity:0") || zero(s, "max-height:0");
}

bool inspect_html_hidden(const GumboElement *e)
{
    const char *style = inspect_html_attr(e, "style");

    switch (e->tag) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_NOFRAMES:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
        return true;
    default:
        return inspect_html_attr(e, "hidden") != NULL || (style != NULL && hidden_by_style(style));
    }
}

static enum gap gap_of(GumboTag tag)
{
    switch (tag) {
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_BLOCKQUOTE:
    case GUMBO_TAG_BR:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_H1:
    case GUMBO_TAG_H2:
    case GUMBO_TAG_H3:
    case GUMBO_TAG_H4:
    case GUMBO_TAG_H5:
    case GUMBO_TAG_H6:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_LEGEND:
    case GUMBO_TAG_LI:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_OL:
    case GUMBO_TAG_P:
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_UL:
        return GAP_LINE;
    case GUMBO_TAG_BUTTON:
        return GAP_SPACE;
    default:
        return GAP_NONE;
    }
}

static void put_button_value(struct render *r, const GumboElement *e)
{
    const char *type = inspect_html_attr(e, "type"), *value = inspect_html_attr(e, "value");

    if (type != NULL && value != NULL &&
        (base_ascii_caseeq(type, "submit") || base_ascii_caseeq(type, "button"))) {
        ask(r, GAP_SPACE);
        put_text(r, value, false);
        ask(r, GAP_SPACE);
    }
}

static void render(struct render *r, const GumboNode *node, int depth, bool pre);

static void render_children(struct render *r, const GumboElement *e, int depth, bool pre)
{
    for (unsigned i = 0; i < e->children.length; i++) {
        render(r, e->children.data[i], depth + 1, pre);
    }
}

static void render_cell(struct render *r, const GumboElement *e, int depth, bool pre)
{
    bool outer = r->cell_start;
    size_t lines = r->lines, before = r->out.n;
    enum gap gap = r->gap;

    ask(r, GAP_SPACE);
    r->cell_start = true;
    render_children(r, e, depth, pre);
    /* the gap in front of the cell is the first line end that it may write */
    if (r->lines - lines <= (gap == GAP_LINE && before > 0)) {
        r->gap = r->out.n == before ? gap : GAP_NONE;
        ask(r, GAP_SPACE);
    } else {
        ask(r, GAP_LINE);
    }
    r->cell_start = outer && r->out.n == before;
}

/* Recursion is bounded by INSPECT_HTML_DEPTH. */
static void render(struct render *r, const GumboNode *node, int depth, bool pre)
{
    const GumboElement *e = &node->v.element;

    if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE ||
        node->type == GUMBO_NODE_CDATA) {
        put_text(r, node->v.text.text, pre);
        return;
    }
    if (node->type != GUMBO_NODE_ELEMENT || depth > INSPECT_HTML_DEPTH || inspect_html_hidden(e)) {
        return;
    }
    if (e->tag == GUMBO_TAG_TD || e->tag == GUMBO_TAG_TH) {
        render_cell(r, e, depth, pre);
        return;
    }
    enum gap gap = gap_of(e->tag);

    if (e->tag == GUMBO_TAG_INPUT) {
        put_button_value(r, e);
    }
    ask(r, gap);
    render_children(r, e, depth, pre || e->tag == GUMBO_TAG_PRE);
    ask(r, gap);
}

char *inspect_html_text(struct base_arena *a, const GumboNode *node, size_t max)
{
    struct render r = {.gap = GAP_NONE};

    base_buf_init(&r.out, max);
    render(&r, node, 0, false);
    char *s = base_arena_strndup(a, base_buf_str(&r.out), r.out.n);

    base_buf_free(&r.out);
    return s;
}
