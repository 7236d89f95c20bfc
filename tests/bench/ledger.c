/* How the ledger does with a million mailboxes.
 *
 *     make build/bench/ledger && build/bench/ledger [DIRECTORY [MAILBOXES]]
 *
 * Fills a new ledger below DIRECTORY (default: $TMPDIR or /tmp; needs about 9 GB
 * for the default of 1,000,000 mailboxes, a real disk to mean anything, and some
 * minutes), prints times and removes it. "cold" is with a fresh connection and
 * the file dropped from the page cache. Commits are given as a ratio to a loop
 * of write and fdatasync in the same directory, in turns, as the disk decides
 * both. It asserts nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/log.h"
#include "ledger/internal.h"

#define DAY 86400
#define YEAR (365 * (int64_t)DAY)
#define START 1800000000 /* some day; the ledger takes its times from its callers */
#define BATCH 50000
#define SHOWS 2000
#define PAGE 500

static struct ledger *ledger;
static char path[512];
static struct base_fail fail;

/* Processor time of this process: the measure where others use the machine too. */
static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void need(enum base_fail_class cls)
{
    if (cls != BASE_OK) {
        fprintf(stderr, "%s: %s\n", fail.code, fail.text);
        exit(1);
    }
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void mailbox_name(long i, char out[64])
{
    snprintf(out, 64, "user%07ld@d%ld.example.org", i, i % 200);
}

/* ---- filling --------------------------------------------------------------------- */

static char chain[3200], fields[900], checks[500];
static unsigned char der[1200];

static void add_mailbox(long i, long n)
{
    char mailbox[64], reference[32], digest[BASE_SHA256_HEX], spki[BASE_SHA256_HEX], serial[40];
    const char *mailboxes[] = {mailbox};
    /* Stored in the order of their issue, give or take two weeks, over a year;
     * every fifth for two years. Whose turn it is has nothing to do with names. */
    int64_t id, begin = START - YEAR + YEAR * i / n + i * 7919 % (14 * (int64_t)DAY);

    mailbox_name(i * 7919 % n, mailbox);
    snprintf(reference, sizeof reference, "cm-%ld", i);
    base_sha256_hex(mailbox, strlen(mailbox), digest);
    base_sha256_hex(digest, strlen(digest), spki);
    snprintf(serial, sizeof serial, "0%.31s", spki);
    struct ledger_order o = {.reference = reference,
                             .tenant = "default",
                             .account = "main",
                             .mailbox = mailbox,
                             .product = "secure_email_mailbox",
                             .state = i % 100 == 0 ? "waiting" : "stored",
                             .ca_order = reference + 1,
                             .spki = spki,
                             .by = "bench",
                             .created = begin,
                             .next_look = i % 100 == 0 ? begin + DAY : 0};
    need(ledger_order_add(ledger, &o, &id, &fail));
    struct ledger_certificate c = {.thumbprint = digest,
                                   .serial = serial,
                                   .issuer = "CN=Some CA,O=Some Trust Services,C=DE",
                                   .subject = mailbox,
                                   .tenant = "default",
                                   .account = "main",
                                   .mailboxes = mailboxes,
                                   .nmailboxes = 1,
                                   .order_row = id,
                                   .key_id = reference,
                                   .spki = spki,
                                   .not_before = begin,
                                   .not_after = begin + (i % 5 == 0 ? 2 : 1) * YEAR,
                                   .stored_at = begin,
                                   .usage = "both",
                                   .state = "current",
                                   .source = "api",
                                   .fields = fields,
                                   .checks = checks,
                                   .chain_pem = chain,
                                   .der = der,
                                   .der_len = sizeof der,
                                   .revocation_next = begin + YEAR};
    need(ledger_certificate_add(ledger, &c, &id, &fail));
}

static void fill(long n)
{
    double start = now_ms();

    /* for the filling alone: keys are random, and each batch touches every page of
     * their indices. It is a process of its own, as memory is measured, too. */
    need(ledger_script(ledger, &fail, "PRAGMA cache_size = -1000000"));
    memset(chain, 'c', sizeof chain - 1);
    memset(fields, 'f', sizeof fields - 1);
    memset(checks, 'k', sizeof checks - 1);
    base_random(der, sizeof der);
    for (long i = 0; i < n;) {
        need(ledger_begin(ledger, &fail));
        for (long end = i + BATCH < n ? i + BATCH : n; i < end; i++) {
            add_mailbox(i, n);
        }
        need(ledger_commit(ledger, &fail));
        if (isatty(2)) {
            fprintf(stderr, "\r%ld", i);
        }
    }
    struct stat st;
    if (stat(path, &st) != 0) {
        st.st_size = 0;
    }
    printf("fill: %ld mailboxes in %.0f s (processor %.0f s), file %.2f GB\n", n,
           (now_ms() - start) / 1e3, cpu_ms() / 1e3, (double)st.st_size / 1e9);
}

static void fill_apart(long n)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        need(ledger_open(path, &ledger, &fail));
        fill(n);
        ledger_close(ledger);
        exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "the filling failed\n");
        exit(1);
    }
}

/* ---- reading ----------------------------------------------------------------------- */

static void make_cold(void)
{
    ledger_close(ledger);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    need(ledger_open(path, &ledger, &fail));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void show(const char *what, long n)
{
    static double ms[SHOWS];

    for (int i = 0; i < SHOWS; i++) {
        struct base_arena *a = base_arena_new();
        struct ledger_certificate *certificates;
        struct ledger_order *orders;
        char mailbox[64];
        size_t found;
        mailbox_name((long)base_random_below((uint64_t)n), mailbox);
        double start = now_ms();
        need(ledger_certificate_of(ledger, a, mailbox, 10, &certificates, &found, &fail));
        need(ledger_order_list(ledger, a, mailbox, 0, 10, &orders, &found, &fail));
        ms[i] = now_ms() - start;
        base_arena_free(a);
    }
    qsort(ms, SHOWS, sizeof ms[0], by_value);
    printf("show (certificates and orders of one mailbox), %s: median %.3f ms, 99 %% %.3f ms,"
           " worst %.3f ms\n",
           what, ms[SHOWS / 2], ms[SHOWS * 99 / 100], ms[SHOWS - 1]);
}

static void expiring(const char *what)
{
    int64_t t = 0, id = 0;
    size_t n, all = 0;
    double start = now_ms(), cpu = cpu_ms();

    do {
        struct base_arena *a = base_arena_new();
        struct ledger_certificate *c;
        need(ledger_certificate_expiring(ledger, a, START + 30 * (int64_t)DAY, t, id, PAGE, &c, &n,
                                         &fail));
        all += n;
        if (n > 0) {
            t = c[n - 1].not_after;
            id = c[n - 1].id;
        }
        base_arena_free(a);
    } while (n == PAGE);
    printf("expiring within 30 days, %s: %zu certificates in %.0f ms (processor %.0f ms)\n", what,
           all, now_ms() - start, cpu_ms() - cpu);
}

static void mailboxes(void)
{
    char after[64] = "";
    size_t n, all = 0;
    double start = now_ms();

    do {
        struct base_arena *a = base_arena_new();
        struct ledger_mailbox *m;
        need(ledger_mailbox_list(ledger, a, after, PAGE, &m, &n, &fail));
        all += n;
        if (n > 0) {
            snprintf(after, sizeof after, "%s", m[n - 1].mailbox);
        }
        base_arena_free(a);
    } while (n == PAGE && all < 50000);
    printf("mailbox list: %.2f ms for a page of %d\n", (now_ms() - start) * PAGE / (double)all,
           PAGE);
}

/* ---- commits -------------------------------------------------------------------------- */

static double commits(int n)
{
    double start = now_ms();

    for (int i = 0; i < n; i++) {
        struct ledger_event e = {.at = START + i,
                                 .type = "mail.decided",
                                 .tenant = "default",
                                 .object = "mail:7",
                                 .actor = "agent",
                                 .data = "{\"verdict\":\"confirm\",\"reason\":\"bound\"}"};
        struct ledger_job j = {.kind = "mail", .key = "mail:7", .run_at = START + i};
        need(ledger_begin(ledger, &fail));
        need(ledger_event_add(ledger, &e, &fail));
        need(ledger_job_add(ledger, &j, NULL, &fail));
        need(ledger_meta_set(ledger, "cursor", i, &fail));
        need(ledger_commit(ledger, &fail));
    }
    return now_ms() - start;
}

static double syncs(int fd, int n)
{
    static char block[4096];
    double start = now_ms();

    for (int i = 0; i < n; i++) {
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0) {
            perror("write");
            exit(1);
        }
    }
    return now_ms() - start;
}

static void compare(const char *dir)
{
    enum { ROUNDS = 8, EACH = 250 };
    char name[600];
    double ledger_ms = 0, sync_ms = 0;

    snprintf(name, sizeof name, "%s/sync", dir);
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(name);
        exit(1);
    }
    for (int i = 0; i < ROUNDS; i++) {
        sync_ms += syncs(fd, EACH);
        ledger_ms += commits(EACH);
    }
    close(fd);
    (void)unlink(name);
    printf("commits (an event, a job, a value): %.0f/s; write and fdatasync of 4 kB: %.0f/s;"
           " ratio %.2f\n",
           ROUNDS * EACH / ledger_ms * 1e3, ROUNDS * EACH / sync_ms * 1e3, sync_ms / ledger_ms);
}

static void remove_ledger(const char *dir)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    char name[600];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(dir);
}

int main(int argc, char **argv)
{
    const char *base = argc > 1 ? argv[1] : getenv("TMPDIR");
    long n = argc > 2 ? atol(argv[2]) : 1000000;
    char dir[400];
    struct rusage used;

    snprintf(dir, sizeof dir, "%.300s/ledger-bench-XXXXXX", base != NULL ? base : "/tmp");
    if (n < 1 || mkdtemp(dir) == NULL) {
        perror(dir);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    base_log_open("bench", LOG_ERR);
    snprintf(path, sizeof path, "%s/ledger", dir);
    fill_apart(n);
    make_cold();
    expiring("cold");
    expiring("warm");
    make_cold();
    show("cold", n);
    show("warm", n);
    mailboxes();
    compare(dir);
    getrusage(RUSAGE_SELF, &used);
    printf("most memory: %ld MB\n", used.ru_maxrss / 1024);
    ledger_close(ledger);
    remove_ledger(dir);
    return 0;
}
