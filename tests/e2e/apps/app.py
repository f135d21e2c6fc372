# An app in plain Python, with the default settings of its sqlite3 module: sells, and waits for the results.
import sqlite3
import sys
import time

path, orders = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(path)


def body(reference):
    return '{"order":{"number":"%s","totalGrossAmount":10.10}}' % reference


with db:
    db.execute("CREATE TABLE IF NOT EXISTS python_orders (reference TEXT PRIMARY KEY, outbox_id INTEGER)")
for n in range(orders):
    reference = "python-%d" % n
    if n % 2:
        # Reads before it writes: BEGIN IMMEDIATE, or the read could be too old to be built on.
        db.execute("BEGIN IMMEDIATE")
        db.execute("SELECT count(*) FROM python_orders").fetchone()
    # Otherwise the first statement writes, which begins the transaction.
    row = db.execute("INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)",
                     ("riverty", "authorize", reference, body(reference)))
    db.execute("INSERT INTO python_orders VALUES (?, ?)", (reference, row.lastrowid))
    db.commit()

until = time.monotonic() + 60
while time.monotonic() < until:
    done = db.execute("SELECT count(*) FROM python_orders JOIN outbox_result USING (outbox_id)"
                      " WHERE result = 'succeeded'").fetchone()[0]
    if done == orders:
        sys.exit(0)
    time.sleep(0.05)
sys.exit("only %d of %d" % (done, orders))
