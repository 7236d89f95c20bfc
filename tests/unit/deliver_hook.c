/* Kind hook: what the program gets, what its end means. */
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "deliver/deliver.h"

static char dir[64];
static struct base_arena *a;
static struct base_fail fail;
static struct deliver_done out;

static enum base_fail_class run(const char *script, int64_t timeout)
{
    const char *path = base_arena_printf(a, "%s/hook", dir);
    const char *body = base_arena_printf(a, "#!/bin/sh\ncd %s\n%s\n", dir, script);
    struct deliver_certificate c = {.thumbprint = "abcd", .chain_pem = "PEM\n", .usage = "both",
                                    .serial = "0A", .issuer = "CN=x", .subject = "CN=y",
                                    .not_before = 0, .not_after = 86400};
    struct policy_publisher t = {.id = "h", .kind = POLICY_PUBLISHER_HOOK, .program = path,
                                 .timeout = timeout};
    struct deliver_item it = {.mailbox = "a@example.org", .tenant = "main", .cert = c,
                              .reason = "issued", .current = &c, .ncurrent = 1};
    struct deliver_world w = {0};
    assert_int_equal(base_file_write(-100, path, body, strlen(body), 0755, NULL), BASE_OK);
    memset(&fail, 0, sizeof fail);
    return deliver_publish(&w, &t, &it, a, &out, &fail);
}

static const char *text(const char *name)
{
    struct base_buf b;
    const char *path = base_arena_printf(a, "%s/%s", dir, name);
    assert_int_equal(base_file_read(-100, path, 100000, &b, NULL), BASE_OK);
    const char *s = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return s;
}

static void good(void **state)
{
    (void)state;
    setenv("SECRET_OF_OURS", "x", 1);
    assert_int_equal(run("env > env; cat > in; echo 'http://x/y'; echo more", 120), BASE_OK);
    assert_string_equal(out.where, "http://x/y");
    const char *env = text("env");
    assert_non_null(strstr(env, "CERTMILTER_ACTION=publish\n"));
    assert_non_null(strstr(env, "CERTMILTER_MAILBOX=a@example.org\n"));
    assert_non_null(strstr(env, "CERTMILTER_NOT_AFTER=1970-01-02T00:00:00Z\n"));
    assert_null(strstr(env, "SECRET_OF_OURS"));
    json_t *in = json_loads(text("in"), 0, NULL);
    assert_string_equal(base_json_str(in, "action"), "publish");
    assert_string_equal(base_json_str(base_json_obj(in, "certificate"), "chain_pem"), "PEM\n");
    assert_int_equal(json_array_size(base_json_arr(in, "current")), 1);
    json_decref(in);
    /* who does not read its input has not failed; who says nothing is its own place */
    assert_int_equal(run("exec <&-; exit 0", 120), BASE_OK);
    assert_non_null(strstr(out.where, "/hook"));
}

static void ends(void **state)
{
    (void)state;
    assert_int_equal(run("echo one >&2; echo 'not n\001ow' >&2; exit 75", 120), BASE_TEMPORARY);
    assert_string_equal(fail.code, "deliver.hook.later");
    assert_non_null(strstr(fail.text, "later: not n?ow"));
    assert_int_equal(run("exit 3", 120), BASE_PERMANENT);
    assert_non_null(strstr(fail.text, "status 3): it said nothing"));
    assert_int_equal(run("kill -9 $$", 120), BASE_PERMANENT);
    assert_non_null(strstr(fail.text, "signal 9"));
    assert_int_equal(run("sleep 60", 1), BASE_TEMPORARY);
    assert_string_equal(fail.code, "deliver.hook.timeout");
    assert_int_equal(run("yes", 120), BASE_PERMANENT);
    assert_non_null(strstr(fail.text, "printed more than"));
}

static void not_runnable(void **state)
{
    (void)state;
    struct policy_publisher t = {.id = "h", .kind = POLICY_PUBLISHER_HOOK,
                                 .program = "/nonexistent/hook", .timeout = 60};
    struct deliver_item it = {.mailbox = "a@example.org", .cert = {.thumbprint = "ab"}};
    struct deliver_world w = {0};
    assert_int_equal(deliver_publish(&w, &t, &it, a, &out, &fail), BASE_PERMANENT);
    assert_string_equal(fail.code, "deliver.hook.exec");
    t.kind = (enum policy_publisher_kind)99;
    assert_int_equal(deliver_publish(&w, &t, &it, a, &out, &fail), BASE_PERMANENT);
    assert_string_equal(fail.code, "deliver.kind");
    deliver_secret_free(NULL);
    deliver_secret_free(strdup("secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(ends),
                                       cmocka_unit_test(not_runnable)};
    char rm[100];

    signal(SIGPIPE, SIG_IGN);
    base_log_open("test", LOG_ERR);
    a = base_arena_new();
    snprintf(dir, sizeof dir, "/tmp/certmilter-hook-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(rm, sizeof rm, "rm -rf %s", dir);
    r += system(rm) != 0;
    base_arena_free(a);
    return r;
}
