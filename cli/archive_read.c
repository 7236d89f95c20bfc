/* cli/archive_read.c - reading a backup, every member against its digest.
 *
 * Opening walks over the headers to SHA256SUMS and the manifest; then members are
 * read in order beside the lines of SHA256SUMS. Owns two descriptors. What a
 * backup holds is foreign input: sizes and names are checked before use. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "base/digest.h"
#include "base/json.h"
#include "tar.h"

#define MANIFEST_MAX 65536

struct cli_reader {
    char *file;
    int fd;
    FILE *sums; /* stands at the next line of SHA256SUMS */
    int64_t end, at, left, members, sums_at, sums_size; /* left: of the member that is open */
    bool open;
    char name[CLI_TAR_NAME_MAX + 1];
    int64_t pad;
    struct base_digest *digest;
    json_t *manifest;
    char hash[BASE_SHA256_HEX];
};

static enum base_fail_class damaged(struct cli_reader *r, struct base_fail *f, const char *what)
{
    return base_failf(f, BASE_PERMANENT, "backup.damaged", "%s: the backup is damaged: %s", r->file,
                      what);
}

static enum base_fail_class head_at(struct cli_reader *r, int64_t at, int64_t *size, bool *end,
                                    struct base_fail *f)
{
    char head[CLI_TAR_BLOCK];
    ssize_t n = pread(r->fd, head, sizeof head, at);
    if (n < 0)
        return base_failf(f, BASE_OURS, "file.read", "%s: %s", r->file, strerror(errno));
    if (n != (ssize_t)sizeof head)
        return damaged(r, f, "it ends too early");
    if (!cli_tar_parse(head, r->name, size, end))
        return at == 0 ? base_failf(f, BASE_PERMANENT, "backup.damaged",
                                    "%s is no backup of certmilter, or damaged from its first byte on", r->file)
                       : damaged(r, f, "a header of its archive is none");
    if (!*end && *size > r->end - at - (int64_t)sizeof head)
        return damaged(r, f, "a member is longer than the file");
    return BASE_OK;
}

static int64_t padded(int64_t size)
{
    return (size + CLI_TAR_BLOCK - 1) / CLI_TAR_BLOCK * CLI_TAR_BLOCK;
}

void cli_manifest_digest(const json_t *manifest, char out[BASE_SHA256_HEX])
{
    json_t *o = json_copy((json_t *)manifest);
    json_object_del(o, "self_sha256");
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    base_sha256_hex(text ? text : "", text ? strlen(text) : 0, out);
    free(text);
    json_decref(o);
}

static enum base_fail_class take_manifest(struct cli_reader *r, int64_t at, int64_t size,
                                          struct base_fail *f)
{
    if (size > MANIFEST_MAX)
        return damaged(r, f, "its manifest is too long");
    char self[BASE_SHA256_HEX], *text = base_xmalloc((size_t)size + 1);
    ssize_t n = pread(r->fd, text, (size_t)size, at);
    if (n == size)
        r->manifest = base_json_parse(text, (size_t)size, MANIFEST_MAX, NULL);
    base_sha256_hex(text, (size_t)size, r->hash);
    free(text);
    if (!r->manifest || strcmp(base_json_strd(r->manifest, "format", ""), "certmilter-backup") != 0)
        return damaged(r, f, "its manifest is none");
    cli_manifest_digest(r->manifest, self);
    if (strcmp(self, base_json_strd(r->manifest, "self_sha256", "")) != 0)
        return damaged(r, f, "its manifest is not what was written");
    if (base_json_int(r->manifest, "version", 0) != 1)
        return base_failf(f, BASE_PERMANENT, "backup.newer",
                          "%s was made by a newer program (format %lld)", r->file,
                          (long long)base_json_int(r->manifest, "version", 0));
    return BASE_OK;
}

/* Is SHA256SUMS what the manifest says? Leaves r->sums at its first line. */
static enum base_fail_class take_sums(struct cli_reader *r, struct base_fail *f)
{
    char buf[65536], hex[BASE_SHA256_HEX];
    struct base_digest *d = base_digest_new();
    int64_t left = r->sums_size;
    r->sums = fopen(r->file, "re");
    bool good = r->sums && fseeko(r->sums, (off_t)r->sums_at, SEEK_SET) == 0;
    while (good && left > 0) {
        size_t n = fread(buf, 1, left < (int64_t)sizeof buf ? (size_t)left : sizeof buf, r->sums);
        good = n > 0;
        base_digest_add(d, buf, n);
        left -= (int64_t)n;
    }
    base_digest_end(d, hex);
    if (!good || strcmp(hex, base_json_strd(r->manifest, "sums_sha256", "")) != 0 ||
        fseeko(r->sums, (off_t)r->sums_at, SEEK_SET) != 0)
        return damaged(r, f, "its list of digests is not what its manifest says");
    return BASE_OK;
}

static enum base_fail_class find_ends(struct cli_reader *r, struct base_fail *f)
{
    int64_t at = 0, size;
    bool end;
    enum base_fail_class c;
    while (!(c = head_at(r, at, &size, &end, f)) && !end) {
        int64_t body = at + CLI_TAR_BLOCK;
        if (strcmp(r->name, "SHA256SUMS") == 0) {
            r->sums_at = body;
            r->sums_size = size;
        } else if (strcmp(r->name, "MANIFEST.json") == 0)
            c = take_manifest(r, body, size, f);
        else
            r->members++;
        if (c)
            return c;
        at = body + padded(size);
    }
    if (c)
        return c;
    if (!r->manifest || !r->sums_at)
        return base_failf(f, BASE_PERMANENT, "backup.none", "%s is no backup of certmilter", r->file);
    if (r->members != base_json_int(r->manifest, "members", -1))
        return damaged(r, f, "members are missing");
    return take_sums(r, f);
}

enum base_fail_class cli_reader_open(const char *file, struct cli_reader **out,
                                     struct base_fail *f)
{
    struct stat st;
    struct cli_reader *r = base_xmalloc(sizeof *r);
    memset(r, 0, sizeof *r);
    *out = NULL;
    r->file = base_xstrdup(file);
    r->fd = open(file, O_RDONLY | O_CLOEXEC);
    enum base_fail_class c;
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        c = base_failf(f, BASE_PERMANENT, "file.read", "%s: %s", file, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        c = base_failf(f, BASE_PERMANENT, "file.kind", "%s is no plain file", file);
    else {
        r->end = st.st_size;
        c = find_ends(r, f);
    }
    if (c)
        cli_reader_close(r);
    else
        *out = r;
    return c;
}

void cli_reader_close(struct cli_reader *r)
{
    char hex[BASE_SHA256_HEX];
    if (!r)
        return;
    if (r->digest)
        base_digest_end(r->digest, hex);
    if (r->sums)
        (void)fclose(r->sums);
    if (r->fd >= 0)
        close(r->fd);
    json_decref(r->manifest);
    free(r->file);
    free(r);
}

const json_t *cli_reader_manifest(const struct cli_reader *r)
{
    return r->manifest;
}

const char *cli_reader_digest(const struct cli_reader *r)
{
    return r->hash;
}

enum base_fail_class cli_reader_read(struct cli_reader *r, void *p, size_t n, size_t *got,
                                     struct base_fail *f)
{
    *got = 0;
    if ((int64_t)n > r->left)
        n = (size_t)r->left;
    if (n == 0)
        return BASE_OK;
    ssize_t have = pread(r->fd, p, n, r->at);
    if (have <= 0)
        return damaged(r, f, have < 0 ? strerror(errno) : "it ends too early");
    base_digest_add(r->digest, p, (size_t)have);
    r->at += have;
    r->left -= have;
    *got = (size_t)have;
    return BASE_OK;
}

/* The member that is open, to its end and against its line. */
static enum base_fail_class finish(struct cli_reader *r, struct base_fail *f)
{
    char buf[65536], hex[BASE_SHA256_HEX], line[CLI_TAR_NAME_MAX + BASE_SHA256_HEX + 8];
    char want[sizeof line];
    size_t got;
    enum base_fail_class c;
    do
        c = cli_reader_read(r, buf, sizeof buf, &got, f);
    while (!c && got > 0);
    base_digest_end(r->digest, hex);
    r->digest = NULL;
    r->open = false;
    r->at += r->pad;
    if (c)
        return c;
    (void)snprintf(want, sizeof want, "%s  %s\n", hex, r->name);
    if (!fgets(line, sizeof line, r->sums) || strcmp(line, want) != 0)
        return base_failf(f, BASE_PERMANENT, "backup.damaged",
                          "%s: the backup is damaged: %s is not what was written", r->file, r->name);
    return BASE_OK;
}

static bool safe_name(const char *s)
{
    return s[0] != '/' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "._/-") == strlen(s) && !strstr(s, "..");
}

enum base_fail_class cli_reader_next(struct cli_reader *r, struct cli_member *m, bool *more,
                                     struct base_fail *f)
{
    int64_t size;
    bool end;
    enum base_fail_class c = r->open ? finish(r, f) : BASE_OK;
    *more = false;
    if (c || (c = head_at(r, r->at, &size, &end, f)))
        return c;
    if (end || strcmp(r->name, "SHA256SUMS") == 0)
        return BASE_OK;
    if (!safe_name(r->name))
        return damaged(r, f, "a member has a name that no backup has");
    *more = r->open = true;
    r->digest = base_digest_new();
    r->at += CLI_TAR_BLOCK;
    r->left = size;
    r->pad = padded(size) - size;
    (void)snprintf(m->name, sizeof m->name, "%s", r->name);
    m->size = size;
    return BASE_OK;
}

enum base_fail_class cli_reader_text(struct cli_reader *r, const struct cli_member *m, size_t max,
                                     struct base_buf *out, struct base_fail *f)
{
    char buf[65536];
    size_t got;
    enum base_fail_class c = BASE_OK;
    base_buf_init(out, 0);
    if (m->size > (int64_t)max)
        return damaged(r, f, "a member is too long");
    do
        if (!(c = cli_reader_read(r, buf, sizeof buf, &got, f)))
            base_buf_add(out, buf, got);
    while (!c && got > 0);
    return c;
}
