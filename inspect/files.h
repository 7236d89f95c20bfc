/* inspect/files.h - certificates out of any file: ZIP, PKCS#7, DER, PEM, whatever it claims.
 *
 * Contents decide, never a name or a MIME type. Nothing is written, no name of
 * an archive is used for anything but a note. */
#ifndef INSPECT_FILES_H
#define INSPECT_FILES_H
#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "notes.h"

#define INSPECT_CERTIFICATES_MAX 40 /* certificates of one input */
#define INSPECT_ZIP_ENTRIES 64
#define INSPECT_ZIP_FILE (1024 * 1024)      /* bytes of one unpacked file */
#define INSPECT_ZIP_TOTAL (4 * 1024 * 1024) /* bytes of all */
#define INSPECT_ZIP_RATIO 100               /* unpacked to packed */

struct inspect_ders {
    struct base_bytes der[INSPECT_CERTIFICATES_MAX];
    size_t n;
};

/* A file called NAME (for notes). What can't be taken out is noted. */
void inspect_file_read(struct base_arena *a, const char *name, struct base_bytes file,
                       struct inspect_ders *out, struct inspect_notes *notes);
/* PEM blocks inside a text. */
void inspect_file_text(struct base_arena *a, const char *name, struct base_bytes text,
                       struct inspect_ders *out, struct inspect_notes *notes);
/* The certificates as cert_fields JSON; those that can't be read are noted. OUT
 * keeps only the ones that are in the array, in its order. Caller decrefs. */
json_t *inspect_ders_json(struct base_arena *a, struct inspect_ders *out,
                          struct inspect_notes *notes);

/* files_zip.c: every file of an archive through inspect_file_read() once. */
void inspect_zip_read(struct base_arena *a, const char *name, struct base_bytes file,
                      struct inspect_ders *out, struct inspect_notes *notes);
/* A ZIP archive by its first bytes. */
bool inspect_zip_is(struct base_bytes file);

#endif
