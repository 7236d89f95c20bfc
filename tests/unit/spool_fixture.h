/* tests/unit/spool_fixture.h - a spool in a directory of its own, and hands to work on it. */
#ifndef SPOOL_FIXTURE_H
#define SPOOL_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/internal.h"

static char dir[32];

static inline int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/spool-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int rm(const char *p, const struct stat *st, int type, struct FTW *b)
{
    (void)st, (void)type, (void)b;
    return remove(p);
}

static inline int teardown(void **state)
{
    (void)state;
    return nftw(dir, rm, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *rcpts[] = {"admin@example.test", "\"odd one\"@example.test", "l\xe4tin@x.test"};

static inline struct spool_envelope envelope(void)
{
    return (struct spool_envelope){.time = 1795354987,
                                   .client = "192.0.2.1",
                                   .queue_id = "4BxYz",
                                   .sender = "bounce@ca.example",
                                   .recipients = rcpts,
                                   .n_recipients = 3,
                                   .sender_in_profile = true};
}

static inline struct spool_writer *writer(void)
{
    struct spool_writer *w = NULL;
    struct base_fail f;
    if (spool_open_writer(dir, NULL, &w, &f) != BASE_OK)
        fail_msg("%s", f.text);
    return w;
}

static inline struct spool_reader *reader(void)
{
    struct spool_reader *r = NULL;
    struct base_fail f;
    if (spool_open_reader(dir, &r, &f) != BASE_OK)
        fail_msg("%s", f.text);
    return r;
}

static inline void put_text(struct spool_writer *w, const char *text, char id[SPOOL_ID_LEN])
{
    struct spool_envelope env = envelope();
    struct base_bytes piece = {(const unsigned char *)text, strlen(text)};
    struct base_fail f;
    if (spool_put(w, &env, &piece, 1, &f) != BASE_OK)
        fail_msg("%s", f.text);
    if (id)
        memcpy(id, env.id, SPOOL_ID_LEN);
}

static inline char *at(const char *sub, const char *name)
{
    static char path[4][256];
    static unsigned i;
    char *p = path[i++ % 4];
    snprintf(p, 256, "%s/%s/%s", dir, sub, name);
    return p;
}

static inline int entries(const char *sub)
{
    int n = -2;
    DIR *d = opendir(at(sub, ""));
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline char *first_new(struct spool_reader *r, struct base_arena *a)
{
    const char **names;
    size_t n;
    assert_int_equal(spool_list_new(r, a, 10, &names, &n, NULL), BASE_OK);
    assert_true(n >= 1);
    return base_arena_strdup(a, names[0]);
}

/* Bytes in tmp/ and new/ as the writer counts them. */
static inline int64_t counted_bytes(const struct spool_writer *w)
{
    return w->base_bytes + w->add_bytes + w->open_bytes;
}

static inline int64_t counted_files(const struct spool_writer *w)
{
    return w->base_files + w->add_files;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
