/* spool/tally.c - see tally.h. Open addressing, at most two thirds full. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void spool_tally_free(struct spool_tally *t)
{
    free(t->v);
    memset(t, 0, sizeof *t);
}

static struct spool_tally_entry *slot(const struct spool_tally *t, uint32_t tag)
{
    size_t i = (tag * UINT32_C(2654435761)) & (t->slots - 1);
    while (t->v[i].used && t->v[i].tag != tag)
        i = (i + 1) & (t->slots - 1);
    return &t->v[i];
}

static void resize(struct spool_tally *t, size_t slots)
{
    struct spool_tally old = *t;
    t->slots = slots;
    t->v = base_xmalloc(slots * sizeof *t->v);
    memset(t->v, 0, slots * sizeof *t->v);
    for (size_t i = 0; i < old.slots; i++)
        if (old.v[i].used)
            *slot(t, old.v[i].tag) = old.v[i];
    free(old.v);
}

struct spool_tally_entry *spool_tally_at(struct spool_tally *t, uint32_t tag)
{
    if (t->n * 3 >= t->slots * 2)
        resize(t, t->slots ? t->slots * 2 : 64);
    struct spool_tally_entry *e = slot(t, tag);
    if (!e->used) {
        *e = (struct spool_tally_entry){.tag = tag, .used = 1};
        t->n++;
    }
    return e;
}

int64_t spool_tally_of(const struct spool_tally *t, uint32_t tag)
{
    if (t->slots == 0)
        return 0;
    const struct spool_tally_entry *e = slot(t, tag);
    return (int64_t)e->open + e->base + e->add_old + e->add_new;
}

void spool_tally_begin(struct spool_tally *t)
{
    for (size_t i = 0; i < t->slots; i++) {
        t->v[i].add_old += t->v[i].add_new;
        t->v[i].add_new = 0;
    }
}

void spool_tally_end(struct spool_tally *t, const struct spool_tally *seen)
{
    struct spool_tally now = {0};
    for (size_t i = 0; i < t->slots; i++) {
        const struct spool_tally_entry *e = &t->v[i];
        if (!e->used || (e->open == 0 && e->add_new == 0))
            continue;
        struct spool_tally_entry *x = spool_tally_at(&now, e->tag);
        x->open = e->open;
        x->add_new = e->add_new;
    }
    for (size_t i = 0; i < seen->slots; i++)
        if (seen->v[i].used && seen->v[i].base)
            spool_tally_at(&now, seen->v[i].tag)->base = seen->v[i].base;
    spool_tally_free(t);
    *t = now;
}
