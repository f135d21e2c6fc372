# python3 app.py DATABASE NUMBER
import json
import sqlite3
import sys
import time

_, file, number = sys.argv
total = "49.90"

db = sqlite3.connect(file, isolation_level=None)  # waits up to 5 s for a lock by default
db.execute("BEGIN IMMEDIATE")
db.execute("INSERT INTO orders (number, total) VALUES (?, ?)", (number, total))
db.execute("INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)",
           ("riverty", "authorize", number,
            json.dumps({"order": {"number": number, "totalGrossAmount": float(total)}})))
db.execute("COMMIT")

for _ in range(600):
    row = db.execute("SELECT r.result, r.http_status FROM outbox o JOIN outbox_result r ON r.outbox_id = o.id"
                     " WHERE o.reference = ?", (number,)).fetchone()
    if row:
        print(number, *row)
        sys.exit(0)
    time.sleep(0.05)
sys.exit(1)
