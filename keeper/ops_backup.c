/* Operations for backup and rewrap. The keeper hands out its files as they are:
 * what is secret in them is sealed, so a backup holds ciphertext only. One
 * request is one page, so that nothing grows with the number of keys. */
#include "ops_backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "evidence.h"
#include "memory.h"
#include "rewrap.h"

#define PAGE 500
#define PAGE_BYTES (4 * 1024 * 1024) /* a page ends with the file that passes this */
#define JOURNAL_PAGE (1024 * 1024)
#define REWRAP_PAGE 100
#define CHECK_MS 2000 /* of one request of rewrap_finish */

static enum base_fail_class for_root(const struct keeper_call *call, struct base_fail *f)
{
    return call->uid == 0 ? BASE_OK
                          : base_failf(f, BASE_PERMANENT, "keeper.denied", "this is for root alone");
}

static bool cursor(const struct keeper_call *call, const char **after, struct base_fail *f)
{
    *after = base_json_str(call->request, "after");
    if (!*after || keeper_id_ok(*after))
        return true;
    base_failf(f, BASE_PERMANENT, "keeper.request", "\"after\" is no id");
    return false;
}

/* ---- backup ------------------------------------------------------------------------------ */

static enum base_fail_class put_file(const struct keeper_ctx *ctx, json_t *answer, const char *key,
                                     const char *name, bool needed, struct base_fail *f)
{
    struct base_buf text;
    struct base_fail why = {0};
    enum base_fail_class c =
        base_file_read(keeper_store_dirfd(ctx->store), name, KEEPER_OTHER_MAX, &text, &why);
    if (!c)
        base_json_set(answer, key, base_buf_str(&text));
    base_buf_free(&text);
    if (!c || (!needed && strcmp(why.code, "file.absent") == 0))
        return BASE_OK;
    return base_failf(f, c, why.code, "%s", why.text);
}

static enum base_fail_class put_others(const struct keeper_ctx *ctx, json_t *answer,
                                       struct base_fail *f)
{
    char names[KEEPER_OTHERS_MAX][KEEPER_OTHER_NAME];
    size_t n = 0;
    json_t *list = json_object();
    enum base_fail_class c = keeper_store_others(ctx->store, names, &n, f);
    for (size_t i = 0; !c && i < n; i++)
        c = put_file(ctx, list, names[i], names[i], false, f);
    json_object_set_new(answer, "others", list);
    return c;
}

static int64_t count_files(const struct keeper_ctx *ctx, const char *name)
{
    int64_t n = 0;
    int fd = openat(keeper_store_dirfd(ctx->store), name,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return n;
}

enum base_fail_class keeper_op_backup_begin(struct keeper_ctx *ctx, struct keeper_call *call,
                                            struct base_arena *a, json_t *answer,
                                            struct base_fail *f)
{
    (void)a;
    enum base_fail_class c = for_root(call, f);
    if (!c)
        c = put_file(ctx, answer, "check", "kek-check.json", true, f);
    if (!c)
        c = put_file(ctx, answer, "both", "kek-both.json", false, f);
    if (!c)
        c = put_others(ctx, answer, f);
    if (c)
        return c;
    base_json_set(answer, "kek_id", keeper_vault_kek_id(ctx->vault));
    base_json_setn(answer, "keys", count_files(ctx, "keys"));
    base_json_setn(answer, "exports", count_files(ctx, "exports"));
    return BASE_OK;
}

static enum base_fail_class add_file(const struct keeper_ctx *ctx, struct base_arena *a,
                                     const char *dir, const char *id, json_t *list, size_t *bytes,
                                     struct base_fail *f)
{
    struct base_buf text;
    struct base_fail why = {0};
    enum base_fail_class c = base_file_read(keeper_store_dirfd(ctx->store),
                                            base_arena_printf(a, "%s/%s.json", dir, id),
                                            KEEPER_RECORD_MAX, &text, &why);
    if (!c) {
        json_t *o = json_object();
        base_json_set(o, "id", id);
        base_json_set(o, "text", base_buf_str(&text));
        *bytes += text.n;
        if (base_json_str(o, "text"))
            json_array_append(list, o);
        else
            c = base_failf(&why, BASE_PERMANENT, "keeper.damaged", "%s/%s.json is no text", dir, id);
        json_decref(o);
    }
    base_buf_free(&text);
    if (!c || strcmp(why.code, "file.absent") == 0) /* an export that was purged meanwhile */
        return BASE_OK;
    return base_failf(f, c, why.code, "%s", why.text);
}

enum base_fail_class keeper_op_backup_files(struct keeper_ctx *ctx, struct keeper_call *call,
                                            struct base_arena *a, json_t *answer,
                                            struct base_fail *f)
{
    char(*ids)[KEEPER_ID] = base_arena_array(a, PAGE + 1, KEEPER_ID);
    size_t n = 0, bytes = 0, i = 0;
    const char *after, *dir = base_json_strd(call->request, "what", "");
    bool keys = strcmp(dir, "keys") == 0;
    enum base_fail_class c = for_root(call, f);
    if (c || !cursor(call, &after, f))
        return BASE_PERMANENT;
    if (!keys && strcmp(dir, "exports") != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "\"what\" must be keys or exports");
    c = keys ? keeper_store_ids(ctx->store, after, NULL, PAGE, ids, &n, f)
             : keeper_store_export_ids(ctx->store, after, PAGE, ids, &n, f);
    json_t *list = json_array();
    for (; !c && i < n && bytes < PAGE_BYTES; i++)
        c = add_file(ctx, a, dir, ids[i], list, &bytes, f);
    json_object_set_new(answer, "files", list);
    if (!c && n > 0 && (i < n || n == PAGE))
        base_json_set(answer, "next", ids[i - 1]);
    return c;
}

/* Whole lines from byte AT on. */
enum base_fail_class keeper_op_backup_journal(struct keeper_ctx *ctx, struct keeper_call *call,
                                              struct base_arena *a, json_t *answer,
                                              struct base_fail *f)
{
    int64_t at;
    char *text = base_arena_alloc(a, JOURNAL_PAGE + 1);
    enum base_fail_class c = for_root(call, f);
    if (c || !keeper_op_number(call->request, "at", 0, INT64_MAX - JOURNAL_PAGE, 0, &at, f))
        return BASE_PERMANENT;
    int fd = openat(keeper_store_dirfd(ctx->store), "exports.log",
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? pread(fd, text, JOURNAL_PAGE, (off_t)at) : -1;
    int e = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return base_failf(f, BASE_OURS, "keeper.internal", "exports.log: %s", strerror(e));
    while (n > 0 && text[n - 1] != '\n')
        n--;
    text[n] = '\0';
    base_json_set(answer, "text", text);
    if (n > 0)
        base_json_setn(answer, "next", at + n);
    return BASE_OK;
}

/* ---- rewrap ------------------------------------------------------------------------------- */

/* How far rewrap_finish has looked. What was looked at stays looked at: since rewrap_begin
 * nothing is sealed with the old key any more. */
static struct {
    pthread_mutex_t lock;
    bool exports; /* they are through; the keys follow */
    char at[KEEPER_ID];
    int64_t seen, left;
} check = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void check_anew(void)
{
    check.exports = false;
    check.at[0] = '\0';
    check.seen = check.left = 0;
}

static void forget_check(void)
{
    pthread_mutex_lock(&check.lock);
    check_anew();
    pthread_mutex_unlock(&check.lock);
}

enum base_fail_class keeper_op_rewrap_begin(struct keeper_ctx *ctx, struct keeper_call *call,
                                            struct base_arena *a, json_t *answer,
                                            struct base_fail *f)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    const char *hex = base_json_strd(call->request, "kek", "");
    (void)a;
    enum base_fail_class c = for_root(call, f);
    if (c)
        return c;
    unsigned char *kek = keeper_secret_new(KEEPER_KEK);
    if (!kek)
        return base_failf(f, BASE_TEMPORARY, "keeper.busy", "no secret memory is left");
    if (!base_unhex(hex, kek, KEEPER_KEK))
        c = base_failf(f, BASE_PERMANENT, "keeper.request", "\"kek\" must be 64 hex digits");
    pthread_mutex_lock(&one);
    if (!c)
        c = keeper_vault_add(ctx->vault, kek, keeper_store_dirfd(ctx->store), f);
    pthread_mutex_unlock(&one);
    keeper_secret_free(kek, KEEPER_KEK);
    if (c)
        return c;
    /* whoever sealed with the old key has written what it sealed */
    keeper_store_barrier(ctx->store);
    forget_check();
    const char *old = keeper_vault_old_id(ctx->vault);
    base_json_set(answer, "kek_id", keeper_vault_kek_id(ctx->vault));
    base_json_set(answer, "old_kek_id", old);
    base_json_setn(answer, "keys", count_files(ctx, "keys"));
    base_json_setn(answer, "exports", count_files(ctx, "exports"));
    base_log(LOG_NOTICE, "keeper.rewrap", "from", old, "to", keeper_vault_kek_id(ctx->vault), NULL);
    return BASE_OK;
}

static enum base_fail_class page(struct keeper_ctx *ctx, bool keys, const char *after, size_t limit,
                                 bool dry, struct keeper_rewrap_page *p, struct base_fail *f)
{
    return keys ? keeper_rewrap_keys(ctx, after, limit, dry, p, f)
                : keeper_rewrap_exports(ctx, after, limit, dry, base_now(), p, f);
}

enum base_fail_class keeper_op_rewrap_page(struct keeper_ctx *ctx, struct keeper_call *call,
                                           struct base_arena *a, json_t *answer,
                                           struct base_fail *f)
{
    struct keeper_rewrap_page p;
    const char *after, *what = base_json_strd(call->request, "what", "");
    bool dry = base_json_bool(call->request, "dry", false);
    (void)a;
    enum base_fail_class c = for_root(call, f);
    if (c || !cursor(call, &after, f))
        return BASE_PERMANENT;
    if (strcmp(what, "keys") != 0 && strcmp(what, "exports") != 0)
        return base_failf(f, BASE_PERMANENT, "keeper.request", "\"what\" must be keys or exports");
    c = page(ctx, strcmp(what, "keys") == 0, after, dry ? 10 * REWRAP_PAGE : REWRAP_PAGE, dry, &p, f);
    if (c)
        return c;
    base_json_setn(answer, "seen", p.seen);
    base_json_setn(answer, "changed", p.changed);
    base_json_setn(answer, "left", p.left);
    base_json_setn(answer, "purged", p.purged);
    if (p.next[0])
        base_json_set(answer, "next", p.next);
    return BASE_OK;
}

/* Goes on looking for at most CHECK_MS, or at FILES of them (0 = any number); *MORE: there is
 * something left to look at. */
static enum base_fail_class go_on(struct keeper_ctx *ctx, int64_t files, bool *more, struct base_fail *f)
{
    int64_t began = base_mono_ms(), seen = check.seen;
    struct keeper_rewrap_page p;
    *more = true;
    while (*more && base_mono_ms() - began < CHECK_MS && (files == 0 || check.seen - seen < files)) {
        int64_t room = files == 0 || files > PAGE ? PAGE : files;
        enum base_fail_class c =
            page(ctx, check.exports, check.at[0] ? check.at : NULL, (size_t)room, true, &p, f);
        if (c)
            return c;
        check.seen += p.seen;
        check.left += p.left;
        memcpy(check.at, p.next, sizeof check.at);
        *more = p.next[0] || !check.exports;
        check.exports = check.exports || !p.next[0];
    }
    return BASE_OK;
}

/* Nothing needs the old key: it ends. */
static enum base_fail_class end_old(struct keeper_ctx *ctx, struct base_fail *f)
{
    int64_t others = 0;
    enum base_fail_class c = keeper_evidence_rewrap(ctx->store, ctx->vault, f);
    if (!c)
        c = keeper_rewrap_others(ctx, &others, f);
    if (!c && check.left + others > 0)
        c = base_failf(f, BASE_PERMANENT, "keeper.rewrap",
                       "%lld files are still under the old key, or can't be read (the keeper's log "
                       "names these): run the rewrap again; restore damaged ones from a backup",
                       (long long)(check.left + others));
    if (!c)
        c = keeper_vault_switch(ctx->vault, keeper_store_dirfd(ctx->store), f);
    if (!c)
        base_log(LOG_NOTICE, "keeper.rewrapped", "to", keeper_vault_kek_id(ctx->vault), NULL);
    return c;
}

/* Looks at every file itself, a while in each request: the old key ends only when nothing
 * needs it. */
enum base_fail_class keeper_op_rewrap_finish(struct keeper_ctx *ctx, struct keeper_call *call,
                                             struct base_arena *a, json_t *answer,
                                             struct base_fail *f)
{
    bool more = false;
    int64_t files;
    (void)a;
    enum base_fail_class c = for_root(call, f);
    if (c || !keeper_op_number(call->request, "files", 0, 1000000, 0, &files, f))
        return BASE_PERMANENT;
    pthread_mutex_lock(&check.lock);
    c = go_on(ctx, files, &more, f);
    base_json_setn(answer, "seen", check.seen);
    if (!c && !more)
        c = end_old(ctx, f);
    if (c || !more)
        check_anew();
    pthread_mutex_unlock(&check.lock);
    base_json_setb(answer, "more", more);
    base_json_set(answer, "kek_id", keeper_vault_kek_id(ctx->vault));
    return c;
}
