/* policy/recognise.c - what kind of mail this is and what it says.
 *
 * Links by their shape decide the kind, then certificates, then the subject,
 * then a From address that only one kind has; texts are hints, because mails come
 * in many languages and customers edit them. Values count only at the places
 * that the profile names. Memory from the caller's arena; can't fail. */
#include "recognise.h"

#include <string.h>

#include "base/bytes.h"
#include "found.h"
#include "lines.h"
#include "template.h"
#include "url.h"

/* One URL template of one kind. */
struct shape {
    struct policy_template *t;
    enum policy_kind kind;
    bool deny;
};

struct shapes {
    struct shape *v;
    size_t n;
};

static void read_shapes(struct base_arena *a, const struct policy_profile *p,
                        const struct policy_kind_rules *k, bool deny, struct shapes *out)
{
    const struct policy_strings *l = deny ? &k->deny : &k->links;

    for (size_t i = 0; i < l->n; i++) {
        const char *why;
        struct policy_template *t = policy_template_parse(a, l->v[i], true, p->rehearsal, &why);
        if (t != NULL) {
            out->v[out->n++] = (struct shape){t, k->kind, deny};
        }
    }
}

/* All shapes of a profile, deny patterns first. */
static struct shapes shapes_of(struct base_arena *a, const struct policy_profile *p)
{
    struct shapes s = {NULL, 0};
    size_t room = 0;

    for (size_t i = 0; i < p->nkinds; i++) {
        room += p->kinds[i].deny.n + p->kinds[i].links.n;
    }
    s.v = base_arena_array(a, room, sizeof *s.v);
    for (int deny = 1; deny >= 0; deny--) {
        for (size_t i = 0; i < p->nkinds; i++) {
            read_shapes(a, p, &p->kinds[i], deny == 1, &s);
        }
    }
    return s;
}

static void set_link(struct policy_link *l, const struct shape *s, const struct policy_match *m)
{
    l->state = POLICY_LINK_FITS;
    l->kind = s->kind;
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->c[i].name, "token") == 0 || strcmp(m->c[i].name, "code") == 0) {
            l->token = m->c[i].value;
        } else if (strcmp(m->c[i].name, "mailbox") == 0) {
            l->mailbox = m->c[i].value;
        } else if (strcmp(m->c[i].name, "order") == 0) {
            l->order = m->c[i].value;
        }
    }
}

/* What a link captured, kept until the kind of the mail is known. */
struct fitted {
    struct policy_match m;
    bool fits;
};

static void judge_link(struct base_arena *a, const struct shapes *s, struct policy_link *l,
                       struct fitted *fit)
{
    for (size_t i = 0; i < s->n; i++) {
        enum policy_fit r = policy_template_run(a, s->v[i].t, l->url, &fit->m);
        if (s->v[i].deny && r != POLICY_FIT_NO) { /* in doubt: denied */
            l->state = POLICY_LINK_DENIED;
            return;
        }
        if (!s->v[i].deny && r == POLICY_FIT_YES) {
            set_link(l, &s->v[i], &fit->m);
            fit->fits = true;
            return;
        }
    }
}

static struct fitted *judge_links(struct base_arena *a, const struct policy_profile *p,
                                  const struct policy_material *m, struct policy_facts *f)
{
    struct shapes s = shapes_of(a, p);
    size_t n = m->nlinks < POLICY_FACTS_LINKS ? m->nlinks : POLICY_FACTS_LINKS;
    struct fitted *fit = base_arena_array(a, n, sizeof *fit);

    f->links = base_arena_array(a, n, sizeof *f->links);
    f->nlinks = n;
    for (size_t i = 0; i < n; i++) {
        f->links[i].url = base_arena_strdup(a, m->links[i].url);
        f->links[i].where = base_arena_strdup(a, m->links[i].where);
        judge_link(a, &s, &f->links[i], &fit[i]);
    }
    return fit;
}

/* ---- the kind ---------------------------------------------------------------- */

/* True if a link fits; two kinds or two tokens are a conflict. */
static bool kind_by_link(struct policy_facts *f)
{
    const struct policy_link *first = NULL;

    for (size_t i = 0; i < f->nlinks; i++) {
        const struct policy_link *l = &f->links[i];
        if (l->state != POLICY_LINK_FITS) {
            continue;
        }
        if (first == NULL || l->kind < first->kind) {
            f->kind_conflict = f->kind_conflict || first != NULL;
            first = l;
        } else if (l->kind != first->kind) {
            f->kind_conflict = true;
        }
    }
    if (first == NULL) {
        return false;
    }
    f->kind = first->kind;
    f->kind_by = "link";
    f->kind_conflict = f->kind_conflict || policy_facts_link(f) == NULL;
    return true;
}

static bool from_of_kind(const struct policy_kind_rules *k, const struct policy_facts *f)
{
    for (size_t i = 0; i < f->nfrom; i++) {
        if (policy_kind_from(k, f->from[i])) {
            return true;
        }
    }
    return false;
}

static bool subject_fits(struct base_arena *a, const struct policy_kind_rules *k,
                         const char *subject)
{
    for (size_t i = 0; i < k->subjects.n; i++) {
        const char *why;
        struct policy_match m;
        const struct policy_template *t =
            policy_template_parse(a, k->subjects.v[i], false, false, &why);
        if (t != NULL && policy_template_run(a, t, subject, &m) != POLICY_FIT_NO) {
            return true;
        }
    }
    return false;
}

static bool kind_by_subject(struct base_arena *a, const struct policy_profile *p,
                            const char *subject, struct policy_facts *f)
{
    for (size_t i = 0; i < p->nkinds; i++) {
        const struct policy_kind_rules *k = &p->kinds[i];
        if ((k->from.n > 0 && !from_of_kind(k, f)) || !subject_fits(a, k, subject)) {
            continue;
        }
        if (f->kind_by != NULL) {
            f->kind_conflict = f->kind_conflict || k->kind != f->kind;
            continue;
        }
        f->kind = k->kind;
        f->kind_by = "subject";
    }
    return f->kind_by != NULL;
}

/* An exact From address that only one kind uses tells the kind in any language. */
static void kind_by_sender(const struct policy_profile *p, struct policy_facts *f)
{
    const struct policy_kind_rules *only = NULL;

    for (size_t i = 0; i < p->nkinds; i++) {
        if (!from_of_kind(&p->kinds[i], f)) {
            continue;
        }
        if (only != NULL) {
            return;
        }
        only = &p->kinds[i];
    }
    if (only != NULL && f->nfrom == 1 && policy_strings_has(&only->from, f->from[0])) {
        f->kind = only->kind;
        f->kind_by = "sender";
    }
}

static void find_kind(struct base_arena *a, const struct policy_profile *p,
                      const struct policy_material *m, const char *subject, struct policy_facts *f)
{
    bool by_link = kind_by_link(f);

    if (m->ncertificates > 0 && policy_profile_kind(p, POLICY_KIND_CERTIFICATE_ISSUED) != NULL) {
        /* a certificate and a validation link in one mail: no CA does that */
        f->kind_conflict =
            f->kind_conflict || (by_link && f->kind != POLICY_KIND_CERTIFICATE_ISSUED);
        if (!by_link) {
            f->kind = POLICY_KIND_CERTIFICATE_ISSUED;
            f->kind_by = "certificate";
        }
    } else if (!by_link && !kind_by_subject(a, p, subject, f)) {
        kind_by_sender(p, f);
    }
}

/* ---- mail and page ------------------------------------------------------------ */

static void find_values(struct base_arena *a, const struct policy_kind_rules *k,
                        const struct policy_material *m, const char *subject,
                        const struct fitted *fit, struct policy_facts *f)
{
    struct policy_found found;
    struct policy_places text, subj;

    policy_found_init(&found, a);
    policy_places_read(a, &k->places, "text:", &text);
    policy_places_read(a, &k->places, "subject:", &subj);
    policy_places_mail(&text, m->text, &found);
    if (m->html_text != NULL) {
        struct policy_found html;
        policy_found_init(&html, a);
        policy_places_text(&text, m->html_text, &html);
        policy_found_agree(&found, &html);
        policy_places_text(&text, m->html_text, &found);
    }
    (void)policy_places_line(&subj, subject, &found);
    for (size_t i = 0; i < f->nlinks; i++) {
        if (fit[i].fits && f->links[i].kind == f->kind) {
            policy_found_take(&found, &fit[i].m, "link");
        }
    }
    f->domain = found.domain;
    f->domain_conflict = found.domain_conflict;
    f->mailbox = found.mailbox;
    f->mailbox_conflict = found.mailbox_conflict;
    f->ids = found.ids;
    f->nids = found.nids;
    f->id_conflict = found.id_conflict;
    f->code = found.code;
    f->kind_conflict = f->kind_conflict || found.code_conflict;
}

void policy_recognise(struct base_arena *a, const struct policy_profile *p,
                      const struct policy_material *m, struct policy_facts *f)
{
    const char *subject = policy_one_line(a, f->subject != NULL ? f->subject : "");
    bool from = false;

    for (size_t i = 0; i < f->nfrom; i++) {
        from = from || policy_profile_from(p, f->from[i]);
    }
    if (!from) {
        return;
    }
    f->profile = base_arena_strdup(a, p->id);
    const struct fitted *fit = judge_links(a, p, m, f);
    find_kind(a, p, m, subject, f);
    const struct policy_kind_rules *k = policy_profile_kind(p, f->kind);
    if (k != NULL) {
        find_values(a, k, m, subject, fit, f);
    }
}

static bool shows(const struct policy_strings *l, struct base_arena *a, const char *text)
{
    for (size_t i = 0; i < l->n; i++) {
        const char *wanted = policy_one_line(a, l->v[i]);
        if (*wanted != '\0' && strstr(text, wanted) != NULL) {
            return true;
        }
    }
    return false;
}

/* The worst news first: a page that says several things is not pending. */
static enum policy_page_state state_of(struct base_arena *a, const struct policy_kind_rules *k,
                                       const struct policy_page *page)
{
    const char *text = policy_one_line(a, page->text != NULL ? page->text : "");

    if (page->password_field || page->captcha || shows(&k->page_refused, a, text)) {
        return POLICY_PAGE_REFUSED;
    }
    if (shows(&k->page_expired, a, text)) {
        return POLICY_PAGE_EXPIRED;
    }
    if (shows(&k->page_done, a, text)) {
        return POLICY_PAGE_DONE;
    }
    if (shows(&k->page_success, a, text)) {
        return POLICY_PAGE_SUCCESS;
    }
    return shows(&k->page_pending, a, text) ? POLICY_PAGE_PENDING : POLICY_PAGE_UNKNOWN;
}

void policy_recognise_page(struct base_arena *a, const struct policy_kind_rules *k,
                           struct policy_page *page)
{
    struct policy_found found;
    struct policy_places places;

    policy_found_init(&found, a);
    policy_places_read(a, &k->page_places, "page:", &places);
    policy_places_text(&places, page->text, &found);
    page->state = state_of(a, k, page);
    page->domain = found.domain;
    page->domain_conflict = found.domain_conflict;
    page->mailbox = found.mailbox;
    page->mailbox_conflict = found.mailbox_conflict;
    page->ids = found.ids;
    page->nids = found.nids;
    page->id_conflict = found.id_conflict;
}
