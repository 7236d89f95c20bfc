/* ledger/schema_folding.c - the domains whose local parts are compared exactly. */
#include "internal.h"

const char ledger_step_folding[] = "CREATE TABLE exact_domain (name TEXT NOT NULL PRIMARY KEY)"
                                   " STRICT, WITHOUT ROWID;";
