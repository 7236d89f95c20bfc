/* tests/fuzz/milter_session.c - any sequence of callbacks with any content. Each
 * step is a command byte, a length byte and the text. The spool is real (in a
 * temporary directory): what is taken must hold its own envelope, and nothing may
 * stay in tmp/. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "milter/session.h"
#include "milter/snapshot.h"

static char dir[] = "/tmp/fuzz-milter-XXXXXX";
static struct spool_reader *reader;

static void clean(void)
{
    char cmd[80];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    if (system(cmd) != 0)
        _exit(1);
}

static void start(void)
{
    struct spool_writer *w;
    struct policy_watch *watch;
    struct policy_watch_build *b = policy_watch_build_new();
    char path[64];
    base_log_open("fuzz", -1);
    if (!mkdtemp(dir))
        abort();
    atexit(clean);
    policy_watch_build_add_sender_domain(b, "ca.test");
    policy_watch_build_add_from_domain(b, "ca.test");
    policy_watch_build_add_domain(b, "e.test");
    policy_watch_build_max_mail(b, 2000);
    snprintf(path, sizeof path, "%s/watch", dir);
    if (policy_watch_build_write(b, path, 0600, NULL) != BASE_OK ||
        policy_watch_load(path, &watch, NULL) != BASE_OK ||
        spool_open_writer(dir, NULL, &w, NULL) != BASE_OK ||
        spool_open_reader(dir, &reader, NULL) != BASE_OK)
        abort();
    policy_watch_build_free(b);
    milter_snapshot_set(watch);
    milter_session_spool(w);
}

static bool step(struct milter_session *s, char cmd, const char *text, size_t n)
{
    struct milter_outcome o;
    switch (cmd) {
    case 'M':
        milter_session_mail(s, text);
        break;
    case 'R':
        milter_session_rcpt(s, text);
        break;
    case 'T':
        milter_session_data(s);
        break;
    case 'F':
        milter_session_header(s, "From", text);
        break;
    case 'L':
        milter_session_header(s, text, text);
        break;
    case 'N':
        milter_session_eoh(s, n ? text : NULL);
        break;
    case 'B':
        milter_session_body(s, text, n);
        break;
    case 'A':
        milter_session_reset(s);
        break;
    case 'S':
        s->leadspc = !s->leadspc;
        break;
    case 'E':
        milter_session_eom(s, &o);
        return o.id[0] != 0;
    }
    return false;
}

static void check(size_t taken)
{
    struct base_arena *a = base_arena_new();
    const char **names;
    size_t n;
    if (spool_list_new(reader, a, 1000, &names, &n, NULL) != BASE_OK || n != taken)
        abort();
    for (size_t i = 0; i < n; i++) {
        struct spool_mail *m;
        if (spool_claim(reader, names[i], &m, NULL) != BASE_OK || m->raw.n > 2000)
            abort();
        spool_mail_free(m);
        spool_done_all(reader, &names[i], 1, NULL);
    }
    base_arena_free(a);
    char path[64];
    snprintf(path, sizeof path, "%s/tmp", dir);
    int entries = 0;
    DIR *d = opendir(path);
    while (readdir(d))
        entries++;
    closedir(d);
    if (entries != 2)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!reader)
        start();
    struct milter_session *s = milter_session_new();
    size_t taken = 0, i = 0;
    while (i + 2 <= size && taken < 100) {
        size_t n = data[i + 1] < size - i - 2 ? data[i + 1] : size - i - 2;
        char text[256];
        memcpy(text, data + i + 2, n);
        text[n] = 0;
        taken += step(s, (char)data[i], text, n);
        i += 2 + n;
    }
    milter_session_free(s);
    if (milter_sessions() != 0)
        abort();
    check(taken);
    return 0;
}
