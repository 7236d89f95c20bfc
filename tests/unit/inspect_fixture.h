/* tests/unit/inspect_fixture.h - certinspect, the synthetic profiles and the sample mails, with
 * their keys out of dns.zone.
 *
 * The program is looked for beside this test's build directory; the samples in
 * tests/data below the current directory. */
#ifndef INSPECT_FIXTURE_H
#define INSPECT_FIXTURE_H
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "inspect/client.h"

#define NOW 1795356060
#define MAILS "tests/data/mails/"

static struct base_arena *a;
static char program[4096];
static json_t *profiles;

static json_t *read_json(const char *path)
{
    struct base_buf b;

    assert_int_equal(base_file_read(AT_FDCWD, path, 4 * 1024 * 1024, &b, NULL), BASE_OK);
    json_t *v = base_json_parse(b.p, b.n, b.n, NULL);

    base_buf_free(&b);
    assert_non_null(v);
    return v;
}

static int fixture_setup(void **state)
{
    static const char *const names[] = {"digicert-shape", "sectigo-shape", "aws-shape",
                                        "harica-shape", "acme-shape"};
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 64);

    (void)state;
    assert_true(n > 0);
    program[n] = '\0';
    *strrchr(program, '/') = '\0'; /* the test, then its directory */
    strcpy(strrchr(program, '/'), "/libexec/certmilter/certinspect");
    a = base_arena_new();
    profiles = json_array();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_array_append_new(
            profiles, read_json(base_arena_printf(a, "tests/data/profiles/%s.json", names[i])));
    }
    return 0;
}

static int fixture_teardown(void **state)
{
    (void)state;
    json_decref(profiles);
    base_arena_free(a);
    return 0;
}

/* The record of SELECTOR in dns.zone: its quoted pieces joined. */
static enum inspect_key_status key(void *ctx, struct base_arena *arena, const char *domain,
                                   const char *selector, const char **txt)
{
    struct base_buf b, out;
    const char *name = base_arena_printf(arena, "\n%s._domainkey.%s. ", selector, domain);
    enum inspect_key_status r = INSPECT_KEY_NONE;

    (*(int *)ctx)++;
    assert_int_equal(base_file_read(AT_FDCWD, "tests/data/dns.zone", 65536, &b, NULL), BASE_OK);
    base_buf_init(&out, 65536);
    const char *line = strstr(base_buf_str(&b), name);

    if (line != NULL) {
        bool inside = false;

        for (const char *p = line + 1; *p != '\n' && *p != '\0'; p++) {
            if (*p == '"') {
                inside = !inside;
            } else if (inside) {
                base_buf_add(&out, p, 1);
            }
        }
        *txt = base_arena_strdup(arena, base_buf_str(&out));
        r = INSPECT_KEY_RECORD;
    }
    base_buf_free(&out);
    base_buf_free(&b);
    return r;
}

static enum base_fail_class read_mail(const char *name, struct policy_facts **f, int *asked)
{
    struct base_buf b;
    struct inspect_mail_options o = {
        .program = program, .profiles = profiles, .key = key, .key_ctx = asked, .now = NOW};

    assert_int_equal(base_file_read(AT_FDCWD, base_arena_printf(a, MAILS "%s.eml", name),
                                    4 * 1024 * 1024, &b, NULL),
                     BASE_OK);
    enum base_fail_class r = inspect_mail(a, &o, base_buf_bytes(&b), f, NULL);

    base_buf_free(&b);
    return r;
}

/* Our JSON of the facts that came back equals what was recorded. */
static void fixture_all_mails(void)
{
    DIR *d = opendir(MAILS);
    struct dirent *e;
    int seen = 0, asked = 0;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char *dot = strstr(e->d_name, ".eml");
        struct policy_facts *f;

        if (dot == NULL) {
            continue;
        }
        const char *name = base_arena_strndup(a, e->d_name, (size_t)(dot - e->d_name));

        assert_int_equal(read_mail(name, &f, &asked), BASE_OK);
        json_t *got = policy_facts_to_json(f);
        json_t *sample = read_json(base_arena_printf(a, MAILS "%s.json", name));
        json_t *want = json_object_get(sample, "facts");

        json_object_del(got, "certificates"); /* kept in a short form there */
        json_object_del(want, "certificates");
        if (!json_equal(got, want)) {
            fail_msg("%s: %s", name, json_dumps(got, 0));
        }
        json_decref(sample);
        json_decref(got);
        json_decref(f->certificates);
        seen++;
    }
    closedir(d);
    assert_true(seen >= 60);
    assert_true(asked > seen / 2);
}

#endif
