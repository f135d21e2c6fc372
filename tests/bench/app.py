# app.py DATABASE COUNT FIRST GAP_MIN GAP_MAX TIMEOUT_MS SYNCHRONOUS OUT - the app of the wake benchmark, in Python.
import json
import random
import sqlite3
import sys
import time

database, count, first, gap_min, gap_max, timeout, synchronous, out = sys.argv[1:]
db = sqlite3.connect(database, isolation_level=None, timeout=int(timeout) / 1000)
db.execute("PRAGMA synchronous = " + synchronous)
db.execute("PRAGMA wal_autocheckpoint = 0")  # one within COMMIT would hide when the row became visible
with open(out, "w") as lines:
    for number in range(int(first), int(first) + int(count)):
        time.sleep(random.randint(int(gap_min), int(gap_max)) / 1e6)
        body = json.dumps({"order": {"number": "A-%d" % number, "totalGrossAmount": 49.9}})
        begin = time.monotonic_ns()
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO orders (number, total) VALUES (?, '49.90')", ("A-%d" % number,))
        db.execute(
            "INSERT INTO outbox (destination, operation, path, reference, body) VALUES ('shop0', 'post', ?, ?, ?)",
            ("/d/%d" % number, "w-%d" % number, body))
        db.execute("COMMIT")
        end = time.monotonic_ns()
        lines.write("%d %d %d %d ok\n" % (number, begin, end, end))
