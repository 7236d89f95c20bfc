/* cli/backup.c - taking a backup: the agent's snapshot of the ledger first, the keeper's
 * store after it, so that every key that this ledger names is in it (keys are never
 * removed). Both go on working meanwhile. */
#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "commands.h"

#define POLL_NS 100000000

/* ---- matching, progress ----------------------------------------------------------------------- */

static void miss(struct cli_match *m)
{
    if (m->missing++ == 0)
        (void)snprintf(m->first, sizeof m->first, "%.26s", m->want);
}

static enum base_fail_class begin(struct cli_match *m, struct base_fail *f)
{
    bool first = !m->begun;
    m->begun = true;
    return first && m->ledger ? ledger_copy_next_key(m->ledger, &m->want, f) : BASE_OK;
}

enum base_fail_class cli_match_key(struct cli_match *m, const char *id, struct base_fail *f)
{
    enum base_fail_class c = begin(m, f);
    while (!c && m->want && strcmp(m->want, id) < 0) {
        miss(m);
        c = ledger_copy_next_key(m->ledger, &m->want, f);
    }
    return !c && m->want && strcmp(m->want, id) == 0 ? ledger_copy_next_key(m->ledger, &m->want, f) : c;
}

enum base_fail_class cli_match_end(struct cli_match *m, struct base_fail *f)
{
    enum base_fail_class c = begin(m, f);
    while (!c && m->want) {
        miss(m);
        c = ledger_copy_next_key(m->ledger, &m->want, f);
    }
    return c;
}

void cli_progress(struct cli *c, const char *what, int64_t n, int64_t total, bool done)
{
    static int64_t last;
    int64_t now = base_mono_ms();
    if (!c->tty || c->json || (!done && now - last < 200))
        return;
    last = now;
    fprintf(c->err, "\r%s: %lld of %lld      %s", what, (long long)n, (long long)total,
            done ? "\n" : "");
    fflush(c->err);
}

void cli_progress_on(void *ctx)
{
    struct cli_on *on = ctx;
    int64_t now = base_mono_ms();
    if (on->began == 0)
        on->began = now;
    if (!on->c->tty || on->c->json || now - on->last < 500)
        return;
    on->last = now;
    fprintf(on->c->err, "\r%s: %lld s      ", on->what, (long long)(now - on->began) / 1000);
    fflush(on->c->err);
}

bool cli_need_root(struct cli *c)
{
    if (geteuid() == 0)
        return true;
    cli_complain(c, "this is for root: it reads and writes what belongs to the daemons");
    return false;
}

/* ---- the ledger ------------------------------------------------------------------------------- */

struct job {
    struct cli *c;
    struct cli_archive *w;
    const char *file, *snapshot, *source;
    int64_t at;
    struct cli_match match;
    struct ledger_copy_facts ledger;
    struct keeper_begun keeper;
    int64_t keys, exports;
    bool has_keeper;
};

static enum base_fail_class ask(struct job *j, const char *cmd, json_t **answer, struct base_fail *f)
{
    json_t *req = cli_request(j->c, cmd);
    base_json_set(req, "snapshot", j->snapshot);
    return cli_try(j->c, req, CLI_TIMEOUT_MS, answer, f);
}

static enum base_fail_class snapshot(struct job *j, struct base_fail *f)
{
    json_t *answer = NULL;
    enum base_fail_class c = ask(j, "backup.start", &answer, f);
    j->snapshot = base_arena_strdup(j->c->a, base_json_strd(answer, "snapshot", ""));
    j->at = base_json_int(answer, "at", 0);
    json_decref(answer);
    while (!c && !j->source) {
        if ((c = ask(j, "backup.state", &answer, f)))
            json_decref(answer);
        if (c)
            break;
        cli_progress(j->c, "pages of the ledger", base_json_int(answer, "copied", 0),
                     base_json_int(answer, "pages", 0), false);
        j->source = base_arena_strdup(j->c->a, base_json_str(answer, "file"));
        json_decref(answer);
        if (!j->source)
            nanosleep(&(struct timespec){0, POLL_NS}, NULL);
    }
    return c;
}

/* The agent's file: whatever it is, only a plain file is read. */
static enum base_fail_class add_ledger(struct job *j, struct base_fail *f)
{
    char buf[65536];
    struct stat st = {0};
    struct cli_on on = {.c = j->c, .what = "looking through the ledger"};
    int64_t sum = 0;
    ssize_t n = 0;
    int fd = open(j->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum base_fail_class c = BASE_OK;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        c = base_failf(f, BASE_OURS, "file.read", "%s can't be read: %s", j->source,
                       fd < 0 ? strerror(errno) : "no plain file");
    if (!c)
        c = cli_archive_begin(j->w, "ledger.db", f);
    while (!c && (n = read(fd, buf, sizeof buf)) > 0) {
        c = cli_archive_more(j->w, buf, (size_t)n, f);
        cli_progress(j->c, "MiB of the ledger", (sum += n) >> 20, st.st_size >> 20, false);
    }
    if (!c && n < 0)
        c = base_failf(f, BASE_OURS, "file.read", "%s: %s", j->source, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (!c)
        c = cli_archive_end(j->w, f);
    if (!c)
        c = ledger_copy_open(j->source, &j->match.ledger, f);
    if (!c) {
        ledger_copy_tick(j->match.ledger, cli_progress_on, &on);
        c = ledger_copy_facts(j->match.ledger, &j->ledger, f);
        ledger_copy_tick(j->match.ledger, NULL, NULL);
    }
    return c;
}

/* ---- the keeper --------------------------------------------------------------------------------- */

static enum base_fail_class add_key(void *ctx, const char *id, const char *text, size_t n,
                                    struct base_fail *f)
{
    struct job *j = ctx;
    char name[64];
    (void)snprintf(name, sizeof name, "keeper/keys/%s.json", id);
    enum base_fail_class c = cli_archive_add(j->w, name, text, n, f);
    if (!c)
        c = cli_match_key(&j->match, id, f);
    cli_progress(j->c, "keys", ++j->keys, j->keeper.keys, false);
    return c;
}

static enum base_fail_class add_export(void *ctx, const char *id, const char *text, size_t n,
                                       struct base_fail *f)
{
    struct job *j = ctx;
    char name[64];
    (void)snprintf(name, sizeof name, "keeper/exports/%s.json", id);
    j->exports++;
    return cli_archive_add(j->w, name, text, n, f);
}

static enum base_fail_class add_journal(void *ctx, const char *id, const char *text, size_t n,
                                        struct base_fail *f)
{
    struct job *j = ctx;
    (void)id;
    return cli_archive_more(j->w, text, n, f);
}

static enum base_fail_class keeper_files(struct job *j, const char *sock, struct base_fail *f)
{
    const struct keeper_begun *k = &j->keeper;
    enum base_fail_class c =
        cli_archive_add(j->w, "keeper/kek-check.json", k->check, strlen(k->check), f);
    if (!c && k->both[0])
        c = cli_archive_add(j->w, "keeper/kek-both.json", k->both, strlen(k->both), f);
    for (size_t i = 0; !c && i < k->nothers; i++)
        c = cli_archive_add(j->w, base_arena_printf(j->c->a, "keeper/%s", k->other_name[i]),
                            k->other_text[i], strlen(k->other_text[i]), f);
    if (!c)
        c = keeper_backup_files(sock, "keys", add_key, j, f);
    if (!c)
        c = keeper_backup_files(sock, "exports", add_export, j, f);
    /* the journal last: whatever left or ended is told in it before it happens */
    if (!c)
        c = cli_archive_begin(j->w, "keeper/exports.log", f);
    if (!c)
        c = keeper_backup_journal(sock, add_journal, j, f);
    return c ? c : cli_archive_end(j->w, f);
}

static enum base_fail_class add_keeper(struct job *j, struct base_fail *f)
{
    struct cli *c = j->c;
    const char *sock = c->cfg->keeper_admin_socket;
    enum base_fail_class k = keeper_backup_begin(sock, c->a, &j->keeper, f);
    if (k && c->cfg->naccounts == 0 && strcmp(f->code, "ipc.connect") == 0)
        return cli_match_end(&j->match, f); /* a guard has none */
    if (k && strcmp(f->code, "ipc.connect") == 0)
        return base_failf(f, k, "keeper.down", "certkeeperd can't be reached at %s", sock);
    j->has_keeper = !k;
    if (!k)
        k = keeper_files(j, sock, f);
    return k ? k : cli_match_end(&j->match, f);
}

/* ---- the command ---------------------------------------------------------------------------------- */

static json_t *manifest(const struct job *j)
{
    char host[256] = "", when[BASE_TIME_LEN];
    json_t *o = json_object(), *l = json_object();
    (void)gethostname(host, sizeof host - 1);
    base_json_set(o, "format", "certmilter-backup");
    base_json_setn(o, "version", 1);
    base_json_set(o, "program", CERTMILTER_VERSION);
    base_json_set(o, "host", host);
    base_json_set(o, "made", base_time_rfc3339(j->at, when));
    base_json_setn(o, "at", j->at);
    base_json_set(o, "kek_id", j->has_keeper ? j->keeper.kek_id : NULL);
    base_json_setb(o, "keeper", j->has_keeper);
    base_json_setn(o, "keys", j->keys);
    base_json_setn(o, "exports", j->exports);
    base_json_setn(l, "schema", j->ledger.schema);
    base_json_setn(l, "mailboxes", j->ledger.mailboxes);
    base_json_setn(l, "orders", j->ledger.orders);
    base_json_setn(l, "certificates", j->ledger.certificates);
    base_json_setn(l, "last_event", j->ledger.events);
    base_json_setn(l, "keys_named", j->ledger.keys);
    base_json_setn(l, "keys_missing", j->match.missing);
    json_object_set_new(o, "ledger", l);
    return o;
}

static const char *file_name(struct cli *c, const char *where)
{
    struct stat st;
    struct tm tm;
    char host[65] = "", stamp[32];
    time_t now = (time_t)base_now();
    if (stat(where, &st) != 0 || !S_ISDIR(st.st_mode))
        return where;
    (void)gethostname(host, sizeof host - 1);
    host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] = '\0';
    gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    return base_arena_printf(c->a, "%s/certmilter-%s-%s.tar", where, host[0] ? host : "host", stamp);
}

static void end_snapshot(struct job *j, bool taken)
{
    struct base_fail ignored = {0};
    json_t *answer = NULL, *req = cli_request(j->c, "backup.end");
    if (!j->snapshot || !j->snapshot[0]) {
        json_decref(req);
        return;
    }
    base_json_set(req, "snapshot", j->snapshot);
    base_json_setb(req, "taken", taken);
    base_json_set(req, "file", j->file);
    base_json_set(req, "kek_id", j->has_keeper ? j->keeper.kek_id : NULL);
    (void)cli_try(j->c, req, CLI_TIMEOUT_MS, &answer, &ignored);
    json_decref(answer);
}

static int tell(struct job *j, json_t *o)
{
    struct cli *c = j->c;
    if (c->json) {
        base_json_setb(o, "ok", true);
        base_json_set(o, "file", j->file);
        cli_json(c, o);
    } else
        fprintf(c->out, "%s: %lld keys, %lld certificates of %lld mailboxes, key-encryption key %s\n",
                cli_text(c, j->file), (long long)j->keys, (long long)j->ledger.certificates,
                (long long)j->ledger.mailboxes, j->has_keeper ? cli_text(c, j->keeper.kek_id) : "none");
    if (j->match.missing == 0)
        return CLI_DONE;
    cli_complain(c, "the ledger names %lld keys that the keeper doesn't have, the first is %s: the "
                    "backup holds what there is", (long long)j->match.missing, j->match.first);
    return CLI_ATTENTION;
}

int cli_cmd_backup(struct cli *c, const struct cli_args *args)
{
    struct base_fail f = {0};
    struct job j = {.c = c};
    int status = cli_config(c);
    if (status || !cli_need_root(c))
        return status ? status : CLI_REFUSED;
    j.file = file_name(c, args->pos[0]);
    if (!cli_has(args, "force") && access(j.file, F_OK) == 0) {
        base_failf(&f, BASE_PERMANENT, "file.exists", "%s is there already; --force replaces it", j.file);
        return cli_failed(c, &f);
    }
    enum base_fail_class k = cli_archive_create(j.file, &j.w, &f);
    if (!k)
        k = snapshot(&j, &f);
    if (!k)
        k = add_ledger(&j, &f);
    if (!k)
        k = add_keeper(&j, &f);
    cli_progress(c, "keys", j.keys, j.keeper.keys, true);
    json_t *o = manifest(&j);
    if (!k)
        k = cli_archive_finish(j.w, o, cli_has(args, "force"), &f);
    ledger_copy_close(j.match.ledger);
    end_snapshot(&j, !k);
    cli_archive_drop(j.w);
    status = k ? cli_failed(c, &f) : tell(&j, o);
    json_decref(o);
    return status;
}

int cli_cmd_backup_list(struct cli *c, const struct cli_args *args)
{
    struct cli_reader *r;
    struct base_fail f = {0};
    if (cli_reader_open(args->pos[0], &r, &f))
        return cli_failed(c, &f);
    if (c->json)
        cli_json(c, cli_reader_manifest(r));
    else
        cli_object(c, cli_reader_manifest(r), (const char *const[]){"format", "sums_sha256", NULL});
    cli_reader_close(r);
    return CLI_DONE;
}
