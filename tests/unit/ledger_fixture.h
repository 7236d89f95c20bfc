/* tests/unit/ledger_fixture.h - a fresh ledger in a directory of its own for
 * each test, and short ways to say "this must work" and "this must fail so". */
#ifndef LEDGER_FIXTURE_H
#define LEDGER_FIXTURE_H
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "ledger/ledger.h"

struct fixture {
    char dir[256];
    char path[300];
    struct ledger *l;
    struct base_arena *a;
    struct base_fail fail;
};

/* The call F must work. */
#define GOOD(fx, call)                                                                             \
    do {                                                                                           \
        if ((call) != BASE_OK) {                                                                   \
            fail_msg("%s: %s: %s", #call, (fx)->fail.code, (fx)->fail.text);                       \
        }                                                                                          \
    } while (0)
/* The call must fail with this class and code. */
#define BAD(fx, call, class, word)                                                                 \
    do {                                                                                           \
        memset(&(fx)->fail, 0, sizeof(fx)->fail);                                                  \
        assert_int_equal((call), (class));                                                         \
        assert_string_equal((fx)->fail.code, (word));                                              \
        assert_int_equal((fx)->fail.cls, (class));                                                 \
        assert_true((fx)->fail.text[0] != '\0');                                                   \
    } while (0)
#define BEGIN(fx) GOOD(fx, ledger_begin((fx)->l, &(fx)->fail))
#define COMMIT(fx) GOOD(fx, ledger_commit((fx)->l, &(fx)->fail))

static inline void fixture_dir(struct fixture *x)
{
    const char *base = getenv("TMPDIR");

    memset(x, 0, sizeof *x);
    snprintf(x->dir, sizeof x->dir, "%.200s/ledger-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(x->dir));
    snprintf(x->path, sizeof x->path, "%s/ledger", x->dir);
    x->a = base_arena_new();
}

static inline void fixture_remove(struct fixture *x)
{
    DIR *d = opendir(x->dir);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
        }
    }
    closedir(d);
    assert_int_equal(rmdir(x->dir), 0);
    base_arena_free(x->a);
}

/* For cmocka_unit_test_setup_teardown(). */
static inline int fixture_setup(void **state)
{
    struct fixture *x = malloc(sizeof *x);

    base_log_open("test", LOG_ERR);
    fixture_dir(x);
    GOOD(x, ledger_open(x->path, &x->l, &x->fail));
    *state = x;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *x = *state;

    ledger_close(x->l);
    fixture_remove(x);
    free(x);
    return 0;
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Closes and opens again: what is read afterwards was on disk. */
static inline void fixture_reopen(struct fixture *x)
{
    ledger_close(x->l);
    x->l = NULL;
    GOOD(x, ledger_open(x->path, &x->l, &x->fail));
}

/* Equal texts, both of which may be NULL. */
#define SAME(x, y)                                                                                 \
    do {                                                                                           \
        const char *same_x = (x), *same_y = (y);                                                   \
        assert_true((same_x == NULL) == (same_y == NULL));                                         \
        if (same_x != NULL) {                                                                      \
            assert_string_equal(same_x, same_y);                                                   \
        }                                                                                          \
    } while (0)

static inline size_t count_events(struct fixture *x)
{
    struct ledger_event *out;
    size_t n;

    GOOD(x, ledger_event_list(x->l, x->a, NULL, 0, 1000, &out, &n, &x->fail));
    return n;
}

#endif
