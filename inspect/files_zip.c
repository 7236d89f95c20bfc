/* inspect/files_zip.c - a ZIP archive read in memory, within the caps of 1g.
 *
 * Owns libzip's handles for the length of a call. ZIP_CHECKCONS refuses archives
 * whose entries overlap; sizes are counted while reading, never believed. */
#include <string.h>
#include <zip.h>

#include "files.h"

struct unpack {
    struct base_arena *a;
    const char *name;
    zip_t *z;
    size_t total;
    struct inspect_ders *out;
    struct inspect_notes *notes;
};

bool inspect_zip_is(struct base_bytes file)
{
    return file.n > 4 && (memcmp(file.p, "PK\3\4", 4) == 0 || memcmp(file.p, "PK\5\6", 4) == 0);
}

static bool plain_name(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return n > 0 && s[n] == '\0' && s[0] != '.';
}

/* NULL if the entry may be unpacked. */
static const char *refuse(const struct unpack *u, const zip_stat_t *st)
{
    const zip_uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                              ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;

    if ((st->valid & need) != need) {
        return "an entry without a proper description";
    }
    if (!plain_name(st->name)) {
        return "an entry with a path or an unusual name";
    }
    if (st->encryption_method != ZIP_EM_NONE) {
        return "an encrypted entry";
    }
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE) {
        return "an entry packed in an unusual way";
    }
    if (st->size > INSPECT_ZIP_FILE || u->total + st->size > INSPECT_ZIP_TOTAL ||
        st->size / INSPECT_ZIP_RATIO > st->comp_size) {
        return "an entry that unpacks to too much";
    }
    return NULL;
}

/* At most st->size bytes, and one to see that there are no more. */
static bool unpack_entry(const struct unpack *u, zip_uint64_t index, const zip_stat_t *st,
                         struct base_bytes *out)
{
    zip_file_t *f = zip_fopen_index(u->z, index, 0);
    size_t want = (size_t)st->size, n = 0;
    zip_int64_t got = 1;

    if (f == NULL) {
        return false;
    }
    unsigned char *p = base_arena_alloc(u->a, want + 1);

    while (n <= want && (got = zip_fread(f, p + n, want + 1 - n)) > 0) {
        n += (size_t)got;
    }
    zip_fclose(f);
    *out = (struct base_bytes){p, n};
    return got == 0 && n == want;
}

static void take_entry(struct unpack *u, zip_uint64_t index)
{
    zip_stat_t st;
    struct base_bytes file;
    const char *why;

    zip_stat_init(&st);
    if (zip_stat_index(u->z, index, ZIP_FL_UNCHANGED, &st) != 0) {
        inspect_note(u->notes, "%s: an entry can't be read", u->name);
        return;
    }
    if ((st.valid & ZIP_STAT_NAME) != 0 && st.name[0] != '\0' &&
        st.name[strlen(st.name) - 1] == '/') {
        return; /* a folder */
    }
    why = refuse(u, &st);
    if (why == NULL && !unpack_entry(u, index, &st, &file)) {
        why = "an entry can't be unpacked";
    }
    if (why == NULL) {
        u->total += file.n;
        if (inspect_zip_is(file)) {
            why = "an archive inside the archive";
        }
    }
    if (why != NULL) {
        inspect_note(u->notes, "%s: %s was left out", u->name, why);
        return;
    }
    inspect_file_read(u->a, st.name, file, u->out, u->notes);
}

void inspect_zip_read(struct base_arena *a, const char *name, struct base_bytes file,
                      struct inspect_ders *out, struct inspect_notes *notes)
{
    struct unpack u = {.a = a, .name = name, .out = out, .notes = notes};
    zip_error_t error;

    zip_error_init(&error);
    zip_source_t *src = zip_source_buffer_create(file.p, file.n, 0, &error);

    if (src != NULL) {
        u.z = zip_open_from_source(src, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    }
    if (u.z == NULL) {
        inspect_note(notes, "%s: no proper ZIP archive: %s", name, zip_error_strerror(&error));
        zip_source_free(src);
        zip_error_fini(&error);
        return;
    }
    zip_int64_t n = zip_get_num_entries(u.z, ZIP_FL_UNCHANGED);

    if (n > INSPECT_ZIP_ENTRIES) {
        inspect_note(notes, "%s: an archive of more than %d files", name, INSPECT_ZIP_ENTRIES);
        n = 0;
    }
    for (zip_int64_t i = 0; i < n; i++) {
        take_entry(&u, (zip_uint64_t)i);
    }
    zip_discard(u.z);
    zip_error_fini(&error);
}
