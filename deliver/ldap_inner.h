/* deliver/ldap_inner.h - what the two files of the ldap publisher share. */
#ifndef DELIVER_LDAP_INNER_H
#define DELIVER_LDAP_INNER_H
#include <ldap.h>

#include "policy/publishers.h"

#include "deliver.h"

#define DELIVER_LDAP_NAMED 5 /* entries that are asked for, so that several can be named */

/* Connected, encrypted, authenticated as configured. *LD is NULL after a failure. */
enum base_fail_class deliver_ldap_open(const struct deliver_world *w,
                                       const struct policy_publisher *t, LDAP **ld,
                                       struct base_fail *f);
/* What the result code RC of WHAT means; fills F. */
enum base_fail_class deliver_ldap_failed(LDAP *ld, const struct policy_publisher *t, int rc,
                                         const char *what, struct base_fail *f);
/* Each "%s" of FILTER replaced by MAILBOX, escaped as RFC 4515 section 3 asks. In A. */
const char *deliver_ldap_filter(struct base_arena *a, const char *filter, const char *mailbox);

#endif
