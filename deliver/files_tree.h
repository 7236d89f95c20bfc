/* deliver/files_tree.h - one mailbox's folder: versions that are there whole or not at all.
 *
 *   DIR/<mailbox>/current -> v-<version>       what readers open
 *   DIR/<mailbox>/v-<version>/...              complete from the moment of its name
 *   DIR/<mailbox>/sealed-<thumbprint>.p12      made once by the keeper
 *
 * No name is followed where it is a symbolic link, except `current` by its readers. All
 * failures: temporary "deliver.space", "deliver.io"; permanent "deliver.files" (what has
 * to be set right), "deliver.owner". */
#ifndef DELIVER_FILES_TREE_H
#define DELIVER_FILES_TREE_H
#include <sys/types.h>

#include "base/bytes.h"
#include "deliver.h"

#define DELIVER_VERSION_FILES 12

struct deliver_tree {
    int dirfd;        /* of the mailbox's folder; -1 = there is none */
    const char *path; /* for messages */
    uid_t uid;        /* of files; (uid_t)-1 = ours */
    gid_t gid;        /* of files and folders; (gid_t)-1 = ours */
    mode_t dir_mode, file_mode;
};
struct deliver_file {
    const char *name;
    struct base_bytes data;
};

/* Opens the folder of the mailbox with this KEY (base/mailbox.h) below T's directory; MAKE: it is made
 * if it is not there. */
enum base_fail_class deliver_tree_open(struct base_arena *a, const struct policy_publisher *t,
                                       const char *key, bool make, struct deliver_tree *out,
                                       struct base_fail *f);
void deliver_tree_close(struct deliver_tree *d);
/* Makes the version NAME of these files; one that is there is complete. */
enum base_fail_class deliver_tree_version(struct base_arena *a, const struct deliver_tree *d,
                                          const char *name, const struct deliver_file *files,
                                          size_t n, struct base_fail *f);
/* Turns `current` to the version NAME; NULL: takes it away. */
enum base_fail_class deliver_tree_switch(const struct deliver_tree *d, const char *name,
                                         struct base_fail *f);
/* Removes all versions whose name has WORD in it, and WORD's sealed file. */
enum base_fail_class deliver_tree_remove(struct base_arena *a, const struct deliver_tree *d,
                                         const char *word, struct base_fail *f);
/* Writes NAME in the mailbox's folder, whole. */
enum base_fail_class deliver_tree_write(const struct deliver_tree *d, const char *name,
                                        struct base_bytes data, struct base_fail *f);

#endif
