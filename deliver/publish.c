/* deliver/publish.c - from a configured publisher to the code of its kind; secrets. */
#include <stdlib.h>
#include <string.h>

#include "deliver.h"

void deliver_secret_free(char *s)
{
    if (s != NULL) {
        explicit_bzero(s, strlen(s));
        free(s);
    }
}

static const struct {
    enum policy_publisher_kind kind;
    deliver_publisher *run;
} kinds[] = {
    {POLICY_PUBLISHER_FILES, deliver_files},
    {POLICY_PUBLISHER_LDAP, deliver_ldap},
    {POLICY_PUBLISHER_MAIL, deliver_mail},
    {POLICY_PUBLISHER_HOOK, deliver_hook},
};

enum base_fail_class deliver_publish(const struct deliver_world *w,
                                     const struct policy_publisher *t,
                                     const struct deliver_item *it, struct base_arena *a,
                                     struct deliver_done *out, struct base_fail *f)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == t->kind) {
            return kinds[i].run(w, t, it, a, out, f);
        }
    }
    return base_failf(f, BASE_PERMANENT, "deliver.kind",
                      "publisher \"%s\": this certmilter knows no kind %s", t->id,
                      policy_publisher_kind_name(t->kind));
}
