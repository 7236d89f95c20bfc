/* inspect/mime.h - the leaves of a mail's MIME tree, decoded.
 *
 * Only for mails that inspect_gate() let through. What is inside an attached
 * message (message/rfc822) is not the sender's own word and is left out. */
#ifndef INSPECT_MIME_H
#define INSPECT_MIME_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "gate.h"
#include "header.h"
#include "notes.h"

enum inspect_leaf_kind {
    INSPECT_LEAF_TEXT, /* shown: text/plain and other text without disposition "attachment" */
    INSPECT_LEAF_HTML, /* shown: text/html, the same */
    INSPECT_LEAF_FILE, /* everything else */
};
struct inspect_leaf {
    enum inspect_leaf_kind kind;
    const char *type;       /* "application/zip", lower case, as claimed */
    const char *name;       /* file name as claimed; NULL */
    const char *charset;    /* NULL */
    bool flowed, delsp;     /* RFC 3676 */
    struct base_bytes data; /* transfer encoding undone; in A */
};

struct inspect_mime {
    struct inspect_leaf leaf[INSPECT_PARTS_MAX];
    size_t n;
};

/* Once, before the sandbox. */
void inspect_mime_open(void);
void inspect_mime_read(struct base_arena *a, const struct inspect_header *h,
                       struct inspect_mime *out, struct inspect_notes *notes);
/* What a leaf is called in notes: its name, else its type. */
const char *inspect_leaf_name(const struct inspect_leaf *l);

#endif
