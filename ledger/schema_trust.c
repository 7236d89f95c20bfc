/* ledger/schema_trust.c - who vouches for an order, what was agreed to, and the brake's releases.
 *
 * All of it is append-only: it is what an auditor asks for years later, so nothing here is ever
 * removed, whatever becomes of order and certificate (it must be there two years past the
 * certificate's end). A mailbox that was forgotten loses its attestation after that time. */
#include "internal.h"

const char ledger_step_trust[] =
    "ALTER TABLE orders ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX orders_batch ON orders(batch) WHERE batch <> 0;"
    "CREATE TRIGGER orders_batch_fixed BEFORE UPDATE OF batch ON orders"
    "  BEGIN SELECT RAISE(ABORT, 'the batch of an order is never changed'); END;"

    /* ---- texts that were asserted or accepted, word by word ---- */
    "CREATE TABLE stated_text ("
    "  sha256 TEXT NOT NULL PRIMARY KEY,"
    "  version TEXT NOT NULL,"
    "  body TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER stated_text_update BEFORE UPDATE ON stated_text"
    "  BEGIN SELECT RAISE(ABORT, 'texts are never changed'); END;"
    "CREATE TRIGGER stated_text_delete BEFORE DELETE ON stated_text"
    "  BEGIN SELECT RAISE(ABORT, 'texts are never removed'); END;"

    /* ---- attestations ---- */
    "CREATE TABLE attestation ("
    "  id INTEGER PRIMARY KEY,"
    "  order_row INTEGER NOT NULL REFERENCES orders(id),"
    "  source TEXT NOT NULL CHECK (source IN ('person', 'directory', 'standing')),"
    "  asserted_by TEXT NOT NULL,"
    "  dn TEXT,"
    "  vals TEXT,"
    "  at INTEGER NOT NULL,"
    "  text_version TEXT NOT NULL,"
    "  text_sha256 TEXT NOT NULL REFERENCES stated_text(sha256),"
    "  entered_by TEXT,"
    "  earlier INTEGER REFERENCES attestation(id),"
    "  recorded INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX attestation_order ON attestation(order_row);"
    "CREATE TRIGGER attestation_update BEFORE UPDATE ON attestation"
    "  WHEN NOT EXISTS (SELECT 1 FROM erasing)" /* schema_custody.c: its time is over */
    "  BEGIN SELECT RAISE(ABORT, 'attestations are never changed'); END;"
    "CREATE TRIGGER attestation_delete BEFORE DELETE ON attestation"
    "  BEGIN SELECT RAISE(ABORT, 'attestations are never removed'); END;"

    /* ---- agreements ---- */
    "CREATE TABLE agreement ("
    "  id INTEGER PRIMARY KEY,"
    "  account TEXT NOT NULL,"
    "  what TEXT NOT NULL CHECK (what IN ('certificate-services', 'master-services',"
    "    'smime-terms')),"
    "  version TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  entered_by TEXT,"
    "  at INTEGER NOT NULL,"
    "  text_sha256 TEXT REFERENCES stated_text(sha256)"
    ") STRICT;"
    "CREATE INDEX agreement_what ON agreement(account, what);"
    "CREATE INDEX agreement_account ON agreement(account);"
    "CREATE TRIGGER agreement_update BEFORE UPDATE ON agreement"
    "  BEGIN SELECT RAISE(ABORT, 'agreements are never changed'); END;"
    "CREATE TRIGGER agreement_delete BEFORE DELETE ON agreement"
    "  BEGIN SELECT RAISE(ABORT, 'agreements are never removed'); END;"

    /* ---- orders above the brake's limits, released by a person ---- */
    "CREATE TABLE brake_release ("
    "  id INTEGER PRIMARY KEY,"
    "  account TEXT NOT NULL,"
    "  batch INTEGER NOT NULL," /* 0 = any */
    "  orders INTEGER NOT NULL CHECK (orders > 0),"
    "  reason TEXT NOT NULL,"
    "  who TEXT NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  until INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX brake_release_account ON brake_release(account);"
    "CREATE INDEX brake_release_until ON brake_release(account, until);"
    "CREATE TRIGGER brake_release_update BEFORE UPDATE ON brake_release"
    "  BEGIN SELECT RAISE(ABORT, 'releases are never changed'); END;"
    "CREATE TRIGGER brake_release_delete BEFORE DELETE ON brake_release"
    "  BEGIN SELECT RAISE(ABORT, 'releases are never removed'); END;"
    "CREATE TABLE brake_use ("
    "  order_row INTEGER NOT NULL PRIMARY KEY REFERENCES orders(id),"
    "  release INTEGER NOT NULL REFERENCES brake_release(id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX brake_use_release ON brake_use(release);"
    "CREATE TRIGGER brake_use_update BEFORE UPDATE ON brake_use"
    "  BEGIN SELECT RAISE(ABORT, 'releases are used once'); END;"
    "CREATE TRIGGER brake_use_delete BEFORE DELETE ON brake_use"
    "  BEGIN SELECT RAISE(ABORT, 'releases are used once'); END;";
