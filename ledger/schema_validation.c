/* ledger/schema_validation.c - the step that adds what the DNS shows of each domain, and
 * the validation that an intent replaces. */
#include "internal.h"

const char ledger_step_validation[] =
    "ALTER TABLE intent ADD COLUMN renews INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE domain_look ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  looked_at INTEGER NOT NULL,"
    "  next_look INTEGER NOT NULL,"
    "  mx_ours INTEGER NOT NULL,"
    "  mx_missed INTEGER NOT NULL,"
    "  dropped INTEGER NOT NULL,"
    "  mx TEXT,"
    "  contacts TEXT,"
    "  persist TEXT,"
    "  persist_until INTEGER NOT NULL,"
    "  valid_since INTEGER NOT NULL,"
    "  tried INTEGER NOT NULL,"
    "  trouble TEXT"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX domain_look_dropped ON domain_look(name) WHERE dropped > 0;"
    "CREATE INDEX domain_look_attention ON domain_look(name)"
    "  WHERE trouble IS NOT NULL OR persist_until > 0;"
    "CREATE INDEX domain_look_contacts ON domain_look(name) WHERE contacts <> '[]';";
