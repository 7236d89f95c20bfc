/* cli/archive.h - the file of a backup: a tar archive that GNU tar reads too.
 *
 * Members are plain files in the order in which they were added; the last but one
 * is SHA256SUMS (as sha256sum(1) writes it, one line for each member before it),
 * the last one MANIFEST.json, which holds the digest of SHA256SUMS. Written under a
 * temporary name, synced, renamed: a backup is there whole or not at all. Memory
 * doesn't grow with the number of members. */
#ifndef CLI_ARCHIVE_H
#define CLI_ARCHIVE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fail.h"

#define CLI_ARCHIVE_NAME 256
#define CLI_ARCHIVE_PART ".certmilter-backup.part" /* in the directory of the backup */

/* ---- writing -------------------------------------------------------------------------- */
struct cli_archive;
/* FILE shall be made. Codes: permanent "backup.busy" (another one writes in that
 * directory), file.* as base/file.h. */
enum base_fail_class cli_archive_create(const char *file, struct cli_archive **out,
                                        struct base_fail *f);
enum base_fail_class cli_archive_add(struct cli_archive *w, const char *name, const void *p,
                                     size_t n, struct base_fail *f);
/* A member whose size is told at its end: begin, any number of adds, end. */
enum base_fail_class cli_archive_begin(struct cli_archive *w, const char *name,
                                       struct base_fail *f);
enum base_fail_class cli_archive_more(struct cli_archive *w, const void *p, size_t n,
                                      struct base_fail *f);
enum base_fail_class cli_archive_end(struct cli_archive *w, struct base_fail *f);
/* Adds SHA256SUMS and MANIFEST (with the members "members", "sums_sha256" and
 * "self_sha256"), syncs, renames. */
enum base_fail_class cli_archive_finish(struct cli_archive *w, json_t *manifest, bool replace,
                                        struct base_fail *f);
void cli_archive_drop(struct cli_archive *w); /* frees; what isn't finished goes */

/* ---- reading ---------------------------------------------------------------------------- */
struct cli_reader;
struct cli_member {
    char name[CLI_ARCHIVE_NAME];
    int64_t size;
};
/* Finds and checks the manifest. Permanent "backup.damaged", "backup.none" (no backup). */
enum base_fail_class cli_reader_open(const char *file, struct cli_reader **out,
                                     struct base_fail *f);
/* Of the manifest without its member "self_sha256": compact, keys in order. */
void cli_manifest_digest(const json_t *manifest, char out[BASE_SHA256_HEX]);
void cli_reader_close(struct cli_reader *r);
const json_t *cli_reader_manifest(const struct cli_reader *r);
const char *cli_reader_digest(const struct cli_reader *r); /* of the manifest: names this backup */
/* The next member, from the first one on; *more false: there is none but the two of ours.
 * The digest of the member before is compared with its line of SHA256SUMS: "backup.damaged". */
enum base_fail_class cli_reader_next(struct cli_reader *r, struct cli_member *m, bool *more,
                                     struct base_fail *f);
/* Up to N bytes of the member; *got 0 at its end. What isn't read is skipped, and still checked. */
enum base_fail_class cli_reader_read(struct cli_reader *r, void *p, size_t n, size_t *got,
                                     struct base_fail *f);
/* The whole member, at most MAX bytes; OUT is initialised here, the caller frees it. */
enum base_fail_class cli_reader_text(struct cli_reader *r, const struct cli_member *m, size_t max,
                                     struct base_buf *out, struct base_fail *f);

#endif
