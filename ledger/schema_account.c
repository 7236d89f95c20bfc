/* ledger/schema_account.c - the step that adds prices of orders and what we ask the CA about
 * organizations. */
#include "internal.h"

const char ledger_step_account[] =
    "CREATE TABLE order_price ("
    "  order_row INTEGER PRIMARY KEY,"
    "  account TEXT NOT NULL,"
    "  product TEXT NOT NULL,"
    "  days INTEGER NOT NULL,"
    "  each TEXT NOT NULL,"
    "  currency TEXT,"
    "  at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX order_price_last ON order_price(account, product, days, at);"
    "CREATE TABLE organization ("
    "  id INTEGER PRIMARY KEY,"
    "  account TEXT NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  form TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN ('asked', 'adding', 'submitting', 'done', 'failed')),"
    "  ca_id TEXT,"
    "  by TEXT NOT NULL,"
    "  reason TEXT,"
    "  created INTEGER NOT NULL,"
    "  changed INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX organization_account ON organization(account, ca_id);";
