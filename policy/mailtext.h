/* policy/mailtext.h - the organization's words in the mail that brings a certificate.
 *
 * A folder per language holds texts in UTF-8: key.txt and key.html (a PKCS#12 is
 * attached), certificate.txt and certificate.html (the key is held elsewhere). The first
 * line of a .txt is "Subject: ...", then an empty line. {{name}} is replaced by a value,
 * escaped in .html; what stands between {{if name}} or {{if not name}} and {{end}} is there
 * or not. A file that the organization's own folder lacks is the installation's. Any other
 * name between braces is an error. etc/templates/README lists the names. */
#ifndef POLICY_MAILTEXT_H
#define POLICY_MAILTEXT_H
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/fail.h"
#include "config.h"

#define POLICY_MAILTEXT_MAX (128 * 1024) /* bytes of a file, and of what comes out */

struct policy_mailtext_value {
    const char *name;
    const char *value; /* NULL or "": {{if name}} is false */
};
struct policy_mailtext {
    const char *subject, *text, *html; /* UTF-8, lines ended by LF */
};

/* ../share/certmilter/templates beside the program, else below the compiled-in prefix. */
const char *policy_default_template_dir(void);
/* All names that a text may use, ends with NULL. */
extern const char *const policy_mailtext_names[];

/* KIND: "key" or "certificate"; DIR: the organization's own folder, or NULL. Names of
 * policy_mailtext_names that VALUES lacks are empty. Permanent "mailtext" (text names file
 * and line). */
enum base_fail_class policy_mailtext_render(struct base_arena *a, const char *dir,
                                            const char *language, const char *kind,
                                            const struct policy_mailtext_value *values, size_t n,
                                            struct policy_mailtext *out, struct base_fail *f);
/* Adds every error of all texts of LANGUAGE to ERRS. */
void policy_mailtext_check(const char *dir, const char *language,
                           struct policy_config_errors *errs);

#endif
