/* spool/tally.h - how many files each client network has.
 *
 * A hash table from tag to counts; not thread-safe, the writer's lock guards
 * it. Never fails. */
#ifndef SPOOL_TALLY_H
#define SPOOL_TALLY_H
#include <stddef.h>
#include <stdint.h>

struct spool_tally_entry {
    uint32_t tag;
    uint32_t used;    /* slot holds an entry */
    int32_t open;     /* being written */
    int32_t base;     /* seen by the last listing */
    int32_t add_old;  /* committed before the running listing began */
    int32_t add_new;  /* committed since */
};

struct spool_tally {
    struct spool_tally_entry *v; /* owned; a power of two of slots */
    size_t slots, n;
};

void spool_tally_free(struct spool_tally *t);
/* The entry of TAG, made if absent; valid until the next call. */
struct spool_tally_entry *spool_tally_at(struct spool_tally *t, uint32_t tag);
/* Files of TAG, whatever their state; makes no entry. */
int64_t spool_tally_of(const struct spool_tally *t, uint32_t tag);
/* A listing begins: what was committed until now is what it will see. */
void spool_tally_begin(struct spool_tally *t);
/* A listing has ended with SEEN (only `base` counts). Entries without files go. */
void spool_tally_end(struct spool_tally *t, const struct spool_tally *seen);

#endif
