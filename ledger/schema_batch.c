/* ledger/schema_batch.c - tables of batches: many orders that were asked for at once.
 *
 * Triggers keep two things true that would cost a scan otherwise: a line ends when
 * its order does, and every batch knows how many of its lines stand where. */
#include "internal.h"

const char ledger_step_batch[] =
    "CREATE TABLE batch ("
    "  id INTEGER PRIMARY KEY,"
    "  key TEXT NOT NULL," /* of what was asked for: the same once more is the same batch */
    "  kind TEXT NOT NULL CHECK (kind IN ('order', 'reissue', 'renew')),"
    "  name TEXT,"
    "  state TEXT NOT NULL CHECK (state IN ('open', 'running', 'paused', 'braked', 'placed',"
    "    'stopped', 'done')),"
    "  who TEXT,"
    "  reason TEXT,"
    "  wave INTEGER NOT NULL,"      /* lines of a wave; 0 = no waves */
    "  every INTEGER NOT NULL,"     /* seconds from wave to wave; 0 = a person resumes */
    "  wave_left INTEGER NOT NULL,"
    "  next_at INTEGER NOT NULL,"   /* nothing is placed before */
    "  deadline INTEGER NOT NULL,"
    "  since INTEGER NOT NULL,"     /* certificates issued from here ... */
    "  until INTEGER NOT NULL,"     /* ... to before here, or that end before here */
    "  issuer TEXT,"
    "  created INTEGER NOT NULL,"
    "  started INTEGER NOT NULL,"
    "  ended INTEGER NOT NULL,"
    "  text TEXT" /* of the present state, for a person */
    ") STRICT;"
    "CREATE INDEX batch_key ON batch(key);"
    "CREATE INDEX batch_active ON batch(id) WHERE state IN ('running', 'braked', 'placed');"
    "CREATE TRIGGER batch_fixed BEFORE UPDATE OF id, key, kind, who, created ON batch"
    "  BEGIN SELECT RAISE(ABORT, 'this of a batch is never changed'); END;"
    "CREATE TRIGGER batch_delete BEFORE DELETE ON batch"
    "  BEGIN SELECT RAISE(ABORT, 'batches are never removed'); END;"

    "CREATE TABLE batch_line ("
    "  id INTEGER PRIMARY KEY,"
    "  batch INTEGER NOT NULL REFERENCES batch(id),"
    "  line INTEGER NOT NULL," /* of the file, or its place in the list */
    "  key TEXT NOT NULL,"     /* of what the line asks for */
    "  mailbox TEXT,"
    "  state TEXT NOT NULL CHECK (state IN ('waiting', 'placed', 'issued', 'failed', 'refused',"
    "    'duplicate')),"
    "  order_row INTEGER REFERENCES orders(id),"
    "  changed INTEGER NOT NULL,"
    "  text TEXT,"
    "  request TEXT NOT NULL,"
    "  UNIQUE (batch, line)"
    ") STRICT;"
    "CREATE INDEX batch_line_waiting ON batch_line(batch, line) WHERE state = 'waiting';"
    "CREATE INDEX batch_line_key ON batch_line(key);"
    "CREATE INDEX batch_line_order ON batch_line(order_row) WHERE order_row IS NOT NULL;"
    "CREATE TRIGGER batch_line_fixed BEFORE UPDATE OF id, batch, line, key, request ON batch_line"
    "  WHEN NOT EXISTS (SELECT 1 FROM erasing)" /* schema_custody.c */
    "  BEGIN SELECT RAISE(ABORT, 'this of a line is never changed'); END;"
    "CREATE TRIGGER batch_line_delete BEFORE DELETE ON batch_line"
    "  BEGIN SELECT RAISE(ABORT, 'lines are never removed'); END;"

    "CREATE TABLE batch_count ("
    "  batch INTEGER NOT NULL REFERENCES batch(id),"
    "  state TEXT NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  PRIMARY KEY (batch, state)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER batch_line_added AFTER INSERT ON batch_line BEGIN"
    "  INSERT INTO batch_count (batch, state, n) VALUES (new.batch, new.state, 1)"
    "    ON CONFLICT (batch, state) DO UPDATE SET n = n + 1;"
    "  END;"
    "CREATE TRIGGER batch_line_moved AFTER UPDATE OF state ON batch_line"
    "  WHEN new.state <> old.state BEGIN"
    "  UPDATE batch_count SET n = n - 1 WHERE batch = old.batch AND state = old.state;"
    "  INSERT INTO batch_count (batch, state, n) VALUES (new.batch, new.state, 1)"
    "    ON CONFLICT (batch, state) DO UPDATE SET n = n + 1;"
    "  END;"
    "CREATE TRIGGER batch_line_ended AFTER UPDATE OF state ON orders"
    "  WHEN new.state <> old.state AND new.state IN ('stored', 'failed', 'cancelled') BEGIN"
    "  UPDATE batch_line SET changed = new.changed, text = new.reason,"
    "    state = CASE new.state WHEN 'stored' THEN 'issued' ELSE 'failed' END"
    "    WHERE order_row = new.id AND state = 'placed';"
    "  END;"

    /* how many requests are on their way to an account, and how many orders are looked at */
    "CREATE INDEX orders_early ON orders(account)"
    "  WHERE state IN ('preparing', 'requesting', 'unclear');"
    "CREATE INDEX orders_open ON orders(account)"
    "  WHERE state NOT IN ('stored', 'failed', 'cancelled');"
    /* the day on which a CA revokes in bulk */
    "CREATE INDEX certificate_issued ON certificate(not_before) WHERE state = 'current';";
