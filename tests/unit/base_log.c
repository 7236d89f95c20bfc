/* Unit tests of base/log.h: stderr goes into a pipe or stands for the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"

static int saved_stderr, capture[2];

static void start_capture(void)
{
    assert_int_equal(pipe(capture), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(capture[1], STDERR_FILENO);
    close(capture[1]);
}

/* What was logged since start_capture(). */
static const char *end_capture(struct base_buf *b)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    assert_true(base_read_all(capture[0], 1 << 20, b));
    close(capture[0]);
    return base_buf_str(b);
}

static void lines_of_pairs(void **state)
{
    struct base_buf b;

    (void)state;
    base_log_open("testd", LOG_INFO);
    start_capture();
    base_log(LOG_INFO, "mail.taken", "id", "x1", "none", NULL, "rcpt", "a@b.test", NULL);
    base_log(LOG_DEBUG, "not.shown", "id", "x1", NULL);
    base_log(LOG_ERR, "odd", "a", "", "b", "two words", "c", "q\"\\", "d", "x=y", "e", "n\nl",
             NULL);
    assert_string_equal(end_capture(&b),
                        "<6>testd: mail.taken id=x1 rcpt=a@b.test\n"
                        "<3>testd: odd a=\"\" b=\"two words\" c=\"q\\\"\\\\\" d=\"x=y\" e=n?l\n");
    base_buf_free(&b);
}

static void values_are_cut(void **state)
{
    char big[2000];
    struct base_buf b;

    (void)state;
    memset(big, 'v', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    base_log_open("testd", LOG_INFO);
    start_capture();
    base_log(LOG_INFO, "e", "k", big, NULL);
    const char *line = end_capture(&b);
    assert_int_equal(strlen(line), strlen("<6>testd: e k=\n") + 512);
    assert_non_null(strstr(line, "vvv...\n"));
    base_buf_free(&b);
}

static void failures_are_added(void **state)
{
    struct base_fail f = {0};
    struct base_buf b;

    (void)state;
    base_failf(&f, BASE_TEMPORARY, "net.connect", "no answer from %s", "h.test");
    base_log_open("testd", LOG_INFO);
    start_capture();
    base_log_fail(LOG_WARNING, "job.failed", &f, "job", base_log_num(-7), NULL);
    assert_string_equal(end_capture(&b), "<4>testd: job.failed class=temporary code=net.connect "
                                         "text=\"no answer from h.test\" job=-7\n");
    base_buf_free(&b);
}

static void numbers_of_one_line(void **state)
{
    (void)state;
    const char *n[5];

    for (int i = 0; i < 5; i++) {
        n[i] = base_log_num(i);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(atoi(n[i]), i);
    }
}

#define THREADS 4
#define LINES 200

static void *many_lines(void *arg)
{
    char text[300];

    memset(text, 'a' + *(int *)arg, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < LINES; i++) {
        base_log(LOG_INFO, "e", "n", base_log_num(i), "t", text, NULL);
    }
    return NULL;
}

static void *read_capture(void *arg)
{
    base_read_all(capture[0], 1 << 20, arg);
    return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
    pthread_t t[THREADS], reader;
    int id[THREADS], lines = 0;
    struct base_buf b;

    (void)state;
    base_log_open("testd", LOG_INFO);
    start_capture();
    pthread_create(&reader, NULL, read_capture, &b);
    for (int i = 0; i < THREADS; i++) {
        id[i] = i;
        pthread_create(&t[i], NULL, many_lines, &id[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    pthread_join(reader, NULL);
    close(capture[0]);
    for (char *s = (char *)b.p, *end; (end = strchr(s, '\n')) != NULL; s = end + 1) {
        const char *text = strstr(s, " t=");
        assert_non_null(text);
        assert_int_equal(end - text - 3, 299);
        assert_int_equal(strspn(text + 3, (char[]){text[3], 0}), 299);
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES);
    base_buf_free(&b);
}

static void journal_only_if_stderr_is_it(void **state)
{
    struct stat st;
    char stream[64];
    struct base_buf b;

    (void)state;
    start_capture();
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1); /* somebody else's stderr */
    base_log_open("testd", LOG_INFO);
    base_log(LOG_INFO, "to.stderr", NULL);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    base_log_open("testd", LOG_INFO);
    base_log(LOG_INFO, "to.journal", "key.with-dots", "v", NULL);
    unsetenv("JOURNAL_STREAM");
    base_log_open("testd", LOG_INFO);
    assert_string_equal(end_capture(&b), "<6>testd: to.stderr\n");
    base_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_pairs),
        cmocka_unit_test(values_are_cut),
        cmocka_unit_test(failures_are_added),
        cmocka_unit_test(numbers_of_one_line),
        cmocka_unit_test(lines_of_threads_never_mix),
        cmocka_unit_test(journal_only_if_stderr_is_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
