/* ledger/schema_watching.c - indices behind the counters (counts.h). */
#include "internal.h"

const char ledger_step_watching[] =
    "CREATE INDEX mail_counts ON mail(kind, verdict, reason);"
    "CREATE INDEX orders_counts ON orders(account, state);"
    "CREATE INDEX certificate_unchecked ON certificate(stored_at)"
    "  WHERE state = 'current' AND revocation = 'unknown';";
