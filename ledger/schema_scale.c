/* ledger/schema_scale.c - indices that lists and counters need where there are many mailboxes.
 *
 * With a certificate of each goes a job (its next look at the revocation state) and a
 * publication at each publisher: neither is walked as a whole. */
#include "internal.h"

const char ledger_step_scale[] =
    /* for the trigger publication_moved, which every change of a certificate's state runs */
    "CREATE INDEX certificate_mailbox_certificate ON certificate_mailbox(certificate);"
    "CREATE INDEX job_kinds ON job(kind, tries);"
    "CREATE INDEX job_failing ON job(tries) WHERE tries > 0;"
    "DROP INDEX publication_open;"
    "DROP INDEX publication_clear;"
    "CREATE INDEX publication_clear ON publication(clear_key) WHERE clear_key = 1;"
    "CREATE INDEX publication_state ON publication(state);"
    "CREATE INDEX publication_publisher ON publication(publisher);";
