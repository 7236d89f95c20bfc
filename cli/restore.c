/* cli/restore.c - a backup put in its places, on a machine whose daemons are stopped.
 *
 * All is unpacked and checked beside its place first ("STATE.restore",
 * "LEDGER.restore"), the ledger gets its fence, everything is on disk; then two
 * renames, the fenced ledger first: whatever is killed between, no agent finds a
 * ledger that it may act on, and the same command goes on (the key of the sheet is in its
 * place before them, as afterwards the command finds nothing to do). Nothing is overwritten:
 * what is there is refused, or with --replace moved aside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "commands.h"
#include "sheet.h"

struct restore {
    struct cli *c;
    const char *file, *ledger, *state; /* the places */
    const char *new_ledger, *new_state;
    struct cli_reader *r;
    struct cli_unpack u;
    struct cli_verified v;
    unsigned char kek[KEEPER_KEK_BYTES];
    bool have_kek, replace, keeper, resumed, wrote_kek;
    struct base_fail kek_fail;
};

static enum base_fail_class failed(struct base_fail *f, const char *what)
{
    int e = errno;
    bool full = e == ENOSPC || e == EDQUOT;
    return base_failf(f, full ? BASE_TEMPORARY : BASE_OURS, full ? "file.space" : "file.write",
                      "%s: %s; nothing was put in its place", what, strerror(e));
}

/* ---- what is there ------------------------------------------------------------------------------- */

static bool locked(const char *name)
{
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    bool is = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    return is;
}

static bool holds_files(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool found = false;
    while (d && !found && (e = readdir(d)))
        found = e->d_name[0] != '.';
    if (d)
        closedir(d);
    return found;
}

/* A keeper that was started and never had a key leaves empty directories: those may go. */
static bool has_store(struct restore *s)
{
    const char *keys = base_arena_printf(s->c->a, "%s/keys", s->state);
    const char *log = base_arena_printf(s->c->a, "%s/exports.log", s->state);
    struct stat st;
    return holds_files(keys) || (stat(log, &st) == 0 && st.st_size > 0);
}

/* Is the ledger in place the one that this very backup's restore put there, unused since? */
static bool is_ours(struct restore *s)
{
    struct ledger_copy *l = NULL;
    struct base_fail ignored = {0};
    const char *of = NULL;
    int64_t fence = 0;
    if (ledger_copy_open(s->ledger, &l, &ignored))
        return false;
    bool is = ledger_copy_meta(l, LEDGER_FENCE, &fence, &ignored) == BASE_OK && fence &&
              ledger_copy_text(l, s->c->a, LEDGER_FENCE_FILE, &of, &ignored) == BASE_OK && of &&
              strcmp(of, cli_reader_digest(s->r)) == 0 &&
              access(base_arena_printf(s->c->a, "%s-wal", s->ledger), F_OK) != 0;
    ledger_copy_close(l);
    return is;
}

static enum base_fail_class look(struct restore *s, struct base_fail *f)
{
    if (locked(base_arena_printf(s->c->a, "%s.lock", s->ledger)) ||
        locked(base_arena_printf(s->c->a, "%s/lock", s->state)))
        return base_failf(f, BASE_PERMANENT, "restore.running",
                          "certagentd or certkeeperd is running: systemctl stop certagentd certkeeperd");
    bool ledger = access(s->ledger, F_OK) == 0, store = s->keeper && has_store(s);
    s->resumed = ledger && !store && is_ours(s);
    if (s->replace || s->resumed || (!ledger && !store))
        return BASE_OK;
    return base_failf(f, BASE_PERMANENT, "restore.exists",
                      "%s is there already: nothing is overwritten; --replace moves what is there aside",
                      ledger ? s->ledger : s->state);
}

/* ---- unpacking -------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)at;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

/* What an interrupted restore left; the names are ours. */
static void sweep(struct restore *s)
{
    (void)unlink(s->new_ledger);
    (void)unlink(base_arena_printf(s->c->a, "%s-journal", s->new_ledger));
    if (access(s->new_state, F_OK) == 0)
        (void)nftw(s->new_state, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static enum base_fail_class user(const char *name, uid_t *uid, gid_t *gid, struct base_fail *f)
{
    const struct passwd *pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe) */
    if (!pw)
        return base_failf(f, BASE_PERMANENT, "restore.user", "there is no user %s here: install first",
                          name);
    *uid = pw->pw_uid;
    *gid = pw->pw_gid;
    return BASE_OK;
}

static enum base_fail_class unpack(struct restore *s, struct base_fail *f)
{
    const json_t *m = cli_reader_manifest(s->r);
    sweep(s);
    s->u.ledger = s->new_ledger;
    s->u.keeper = -1;
    if (s->keeper) {
        if (mkdir(s->new_state, 0700) != 0 ||
            (s->u.keeper = open(s->new_state, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
            fchown(s->u.keeper, s->u.keeper_uid, s->u.keeper_gid) != 0)
            return failed(f, s->new_state);
    }
    enum base_fail_class c = cli_backup_check(s->c, s->r, &s->u, s->have_kek ? s->kek : NULL, &s->v, f);
    if (!c)
        c = ledger_copy_fence(s->new_ledger, base_now(), base_json_int(m, "at", 0),
                              cli_reader_digest(s->r), f);
    if (!c && s->keeper && syncfs(s->u.keeper) != 0) /* one for all: there may be 100,000 files */
        c = failed(f, s->new_state);
    return c;
}

/* ---- into place --------------------------------------------------------------------------------------- */

static bool sync_parent(struct restore *s, const char *path)
{
    char *dir = base_arena_strdup(s->c->a, path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    int fd = open(slash == dir ? "/" : slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static enum base_fail_class aside(struct restore *s, const char *path, const char *to,
                                  struct base_fail *f)
{
    if (rename(path, to) == 0) {
        if (!s->c->json)
            fprintf(s->c->out, "moved aside: %s\n", to);
        return BASE_OK;
    }
    return errno == ENOENT ? BASE_OK : failed(f, path);
}

/* An empty store's directories, as a keeper makes them at its start. */
static void clear_empty(struct restore *s)
{
    static const char *const names[] = {"keys", "exports", "mailboxes"};
    static const char *const files[] = {"lock", "exports.log", "kek-check.json", "kek-both.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)rmdir(base_arena_printf(s->c->a, "%s/%s", s->state, names[i]));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlink(base_arena_printf(s->c->a, "%s/%s", s->state, files[i]));
}

/* The ledger goes last and names the others by the time of its last change: killed in
 * between, the same command gives them the same names, under which SQLite finds them. */
static enum base_fail_class ledger_aside(struct restore *s, struct base_fail *f)
{
    static const char *const parts[] = {"-shm", "-wal", ""};
    struct base_arena *a = s->c->a;
    struct stat st = {0};
    enum base_fail_class c = stat(s->ledger, &st) && errno != ENOENT ? failed(f, s->ledger) : BASE_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !c; i++)
        c = aside(s, base_arena_printf(a, "%s%s", s->ledger, parts[i]),
                  base_arena_printf(a, "%s.before-restore-%lld.%09ld%s", s->ledger,
                                    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, parts[i]), f);
    return c;
}

static enum base_fail_class place(struct restore *s, struct base_fail *f)
{
    enum base_fail_class c = BASE_OK;
    if (s->replace && !s->resumed) {
        c = ledger_aside(s, f);
        if (!c && s->keeper && has_store(s))
            c = aside(s, s->state, base_arena_printf(s->c->a, "%s.before-restore-%lld", s->state,
                                                     (long long)base_now()), f);
    }
    if (!c && (rename(s->new_ledger, s->ledger) != 0 || !sync_parent(s, s->ledger)))
        c = failed(f, s->ledger);
    if (!c && s->keeper) {
        clear_empty(s);
        if (rename(s->new_state, s->state) != 0 || !sync_parent(s, s->state))
            c = failed(f, s->state);
    }
    return c;
}

/* The key from the sheet, where the keeper reads it; what is there stays. Where it can't be
 * written the data is of use all the same, and a person puts it there. */
static void place_kek(struct restore *s)
{
    char hex[2 * KEEPER_KEK_BYTES + 2];
    const char *file = cli_kek_file(s->c);
    if (!s->have_kek || !s->keeper)
        return;
    base_file_sweep(AT_FDCWD, file);
    if (access(file, F_OK) == 0)
        return;
    base_hex(s->kek, KEEPER_KEK_BYTES, hex);
    hex[sizeof hex - 2] = '\n';
    s->wrote_kek = !base_file_write(AT_FDCWD, file, hex, sizeof hex - 1, 0600, &s->kek_fail);
    explicit_bzero(hex, sizeof hex);
}

static enum base_fail_class place_all(struct restore *s, struct base_fail *f)
{
    place_kek(s);
    enum base_fail_class c = place(s, f);
    if (c && s->wrote_kek)
        (void)unlink(cli_kek_file(s->c));
    return c;
}

static int tell_kek(struct restore *s)
{
    if (s->kek_fail.code[0])
        cli_complain(s->c, "the data is in its place, the key-encryption key is not: %s",
                     s->kek_fail.text);
    else if (s->wrote_kek && !s->c->json)
        fprintf(s->c->out, "%s: the key-encryption key\n", cli_text(s->c, cli_kek_file(s->c)));
    return s->kek_fail.code[0] ? CLI_ATTENTION : CLI_DONE;
}

/* ---- the command ------------------------------------------------------------------------------------- */

static int tell(struct restore *s)
{
    struct cli *c = s->c;
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        base_json_setn(o, "keys", s->v.keys);
        base_json_setn(o, "certificates", s->v.ledger.certificates);
        base_json_setn(o, "missing", s->v.missing);
        base_json_set(o, "ledger", s->ledger);
        base_json_set(o, "keeper", s->keeper ? s->state : NULL);
        cli_json(c, o);
        json_decref(o);
    } else
        fprintf(c->out,
                "restored: %lld keys, %lld certificates of %lld mailboxes, as of %s\n"
                "Now: systemctl start certkeeperd certagentd. The agent is fenced: it reads what the CA has\n"
                "and sends nothing. Then: certmilter restore --report, certmilter restore --finish.\n",
                (long long)s->v.keys, (long long)s->v.ledger.certificates,
                (long long)s->v.ledger.mailboxes,
                cli_text(c, base_json_strd(cli_reader_manifest(s->r), "made", "")));
    if (s->v.missing == 0)
        return CLI_DONE;
    cli_complain(c, "the ledger names %lld keys that the backup doesn't have", (long long)s->v.missing);
    return CLI_ATTENTION;
}

static int prepare(struct restore *s, const struct cli_args *args)
{
    struct cli *c = s->c;
    struct base_fail f = {0};
    bool sheet;
    const char *state = cli_opt(args, "keeper-state"), *file = cli_opt(args, "sheet");
    const char *agent = cli_opt(args, "agent-user"), *keeper = cli_opt(args, "keeper-user");
    s->file = args->pos[0];
    s->replace = cli_has(args, "replace");
    s->ledger = c->cfg->ledger_path;
    s->state = state ? state : "/var/lib/certkeeper";
    s->new_ledger = base_arena_printf(c->a, "%s.restore", s->ledger);
    s->new_state = base_arena_printf(c->a, "%s.restore", s->state);
    s->have_kek = cli_has(args, "sheet");
    if (s->have_kek) {
        int r = file ? cli_kek_read(c, file, s->kek, &sheet) : cli_sheet_ask(c, s->kek);
        if (r)
            return r;
    }
    if (user(agent ? agent : "certagent", &s->u.ledger_uid, &s->u.ledger_gid, &f) ||
        user(keeper ? keeper : "certkeeper", &s->u.keeper_uid, &s->u.keeper_gid, &f) ||
        cli_reader_open(s->file, &s->r, &f))
        return cli_failed(c, &f);
    s->keeper = base_json_bool(cli_reader_manifest(s->r), "keeper", false);
    return CLI_DONE;
}

static int restore(struct cli *c, const struct cli_args *args)
{
    struct restore s = {.c = c, .u = {.keeper = -1}};
    struct base_fail f = {0};
    int status = prepare(&s, args);
    if (!status && (look(&s, &f) || unpack(&s, &f) || place_all(&s, &f)))
        status = cli_failed(c, &f);
    if (s.u.keeper >= 0)
        close(s.u.keeper);
    if (!status) {
        int key = tell_kek(&s);
        status = tell(&s);
        status = status ? status : key;
    } else if (s.r)
        sweep(&s);
    explicit_bzero(s.kek, sizeof s.kek);
    cli_reader_close(s.r);
    return status;
}

static void show_notes(struct cli *c, const char *title, const json_t *list)
{
    struct cli_table t;
    if (json_array_size(list) == 0)
        return;
    fprintf(c->out, "%s\n", title);
    cli_table_init(&t, "ORDER", "MAILBOX", "CA ORDER", "CA SAYS", "", NULL);
    t.wrap = true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        cli_table_row(c, &t, cli_cell(c, o, "object"), cli_cell(c, o, "mailbox"),
                      cli_cell(c, o, "ca_order"), cli_cell(c, o, "ca_status"), cli_cell(c, o, "text"));
    }
    cli_table_print(c, &t);
}

static void show_report(struct cli *c, const json_t *answer)
{
    const json_t *accounts = base_json_arr(answer, "accounts");
    if (!base_json_bool(answer, "fenced", false)) {
        fprintf(c->out, "not fenced: there is nothing to report\n");
        return;
    }
    fprintf(c->out, "fenced since %s; the backup is of %s\n",
            cli_when(c, base_json_int(answer, "since", 0)), cli_when(c, base_json_int(answer, "backup", 0)));
    for (size_t i = 0; i < json_array_size(accounts); i++) {
        const json_t *o = json_array_get(accounts, i);
        int64_t read = base_json_int(o, "read", 0);
        fprintf(c->out, "account %s: %s\n", cli_cell(c, o, "account"),
                read ? base_arena_printf(c->a, "read %s", cli_when(c, read)) : "not read yet");
    }
    show_notes(c, "\nat the CA, unknown to the backup:", base_json_arr(answer, "found"));
    show_notes(c, "\nin the backup, further at the CA:", base_json_arr(answer, "changed"));
}

static void show_finish(struct cli *c, const json_t *answer)
{
    fprintf(c->out, "%s\n", cli_text(c, base_json_strd(answer, "text", "")));
}

int cli_cmd_restore(struct cli *c, const struct cli_args *args)
{
    bool report = cli_has(args, "report"), finish = cli_has(args, "finish");
    if (report + finish + (args->npos == 1) != 1)
        return cli_misused(c, args, "restore: expected FILE, or --report, or --finish");
    if (report)
        return cli_do(c, cli_request(c, "restore.report"), show_report);
    if (finish) {
        json_t *req = cli_request(c, "restore.finish");
        base_json_setb(req, "force", cli_has(args, "force"));
        return cli_do(c, req, show_finish);
    }
    int status = cli_config(c);
    if (status || !cli_need_root(c))
        return status ? status : CLI_REFUSED;
    return restore(c, args);
}
