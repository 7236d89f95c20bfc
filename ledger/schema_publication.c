/* ledger/schema_publication.c - where certificates are published.
 *
 * A mailbox whose certificates changed comes into publication_due by triggers, in the
 * transaction of the change itself, whoever makes it: a publication is never forgotten. */
#include "internal.h"

const char ledger_step_publication[] =
    "CREATE TABLE publication ("
    "  id INTEGER PRIMARY KEY,"
    "  mailbox INTEGER NOT NULL REFERENCES mailbox(id),"
    "  publisher TEXT NOT NULL,"
    "  certificate INTEGER NOT NULL REFERENCES certificate(id),"
    "  want INTEGER NOT NULL CHECK (want IN (0, 1))," /* 1 = there, 0 = taken away */
    "  state TEXT NOT NULL CHECK (state IN ('waiting', 'wanted', 'working', 'published',"
    "    'withdrawn', 'failed', 'given-up')),"
    "  reason TEXT NOT NULL,"
    "  place TEXT,"
    "  note TEXT,"
    "  error TEXT,"
    "  tries INTEGER NOT NULL,"
    "  next INTEGER NOT NULL,"
    "  changed INTEGER NOT NULL,"
    "  not_after INTEGER NOT NULL," /* of the certificate */
    "  clear_key INTEGER NOT NULL CHECK (clear_key IN (0, 1)),"
    "  UNIQUE (mailbox, publisher, certificate)"
    ") STRICT;"
    "CREATE INDEX publication_certificate ON publication(certificate);"
    "CREATE INDEX publication_open ON publication(state)"
    "  WHERE state IN ('wanted', 'working', 'failed', 'given-up');"
    "CREATE INDEX publication_end ON publication(not_after) WHERE want = 1;"
    "CREATE INDEX publication_clear ON publication(id) WHERE clear_key = 1;"
    "CREATE TABLE publication_due (mailbox INTEGER PRIMARY KEY REFERENCES mailbox(id)) STRICT;"
    "CREATE TRIGGER publication_new AFTER INSERT ON certificate_mailbox"
    "  BEGIN INSERT OR IGNORE INTO publication_due (mailbox) VALUES (new.mailbox); END;"
    "CREATE TRIGGER publication_moved AFTER UPDATE OF state, revocation ON certificate"
    "  WHEN old.state <> new.state OR old.revocation IS NOT new.revocation"
    "  BEGIN INSERT OR IGNORE INTO publication_due (mailbox)"
    "    SELECT mailbox FROM certificate_mailbox WHERE certificate = new.id; END;";
