/* base/file.h - files that are there whole or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bytes.h"
#include "fail.h"

/* Writes NAME in DIRFD (AT_FDCWD allowed) through a temporary file, fsync,
 * rename, fsync of the directory. NAME may have directories in it. MODE holds
 * whatever the umask is. Codes: file.write (ours), file.space (temporary). */
enum base_fail_class base_file_write(int dirfd, const char *name, const void *p, size_t n,
                                     mode_t mode, struct base_fail *f);
/* Removes what writers of NAME left beside it that were killed: a part of a secret, say, that nobody
 * knows of. For the one who alone writes NAME; best effort. */
void base_file_sweep(int dirfd, const char *name);
/* Reads a regular file whole; more than MAX bytes is permanent "file.size",
 * absent is permanent "file.absent", no regular file permanent "file.kind",
 * anything else "file.read" (ours). Symbolic links are followed. OUT is initialised here; caller frees it. */
enum base_fail_class base_file_read(int dirfd, const char *name, size_t max, struct base_buf *out,
                                    struct base_fail *f);
/* A secret by name: $CREDENTIALS_DIRECTORY/NAME, else DIR/NAME (DIR may be
 * NULL). One trailing newline is cut. The file must not be readable by group or
 * others unless it comes from CREDENTIALS_DIRECTORY. Wipe OUT with
 * base_buf_wipe(). Codes (permanent): cred.absent (also unreadable or no plain
 * name), cred.mode, cred.size (> 64 KiB). */
enum base_fail_class base_credential(const char *name, const char *dir, struct base_buf *out,
                                     struct base_fail *f);
/* write(2) until done; false with errno. Programs ignore SIGPIPE. */
bool base_write_all(int fd, const void *p, size_t n);
/* Reads at most MAX bytes to the end of FD; false with errno (EFBIG past MAX).
 * OUT is initialised here; the caller frees it in both cases. */
bool base_read_all(int fd, size_t max, struct base_buf *out);

/* Makes the process undumpable and unable to write core files. */
void base_no_core(void);

#endif
