// node app.mjs DATABASE NUMBER      (Node 22 or newer)
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';

const [file, number] = process.argv.slice(2);
const total = '49.90';

const db = new DatabaseSync(file);
db.exec('PRAGMA busy_timeout = 5000'); // the driver's default is not to wait at all
db.exec('BEGIN IMMEDIATE');
db.prepare('INSERT INTO orders (number, total) VALUES (?, ?)').run(number, total);
db.prepare('INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)')
  .run('riverty', 'authorize', number, JSON.stringify({ order: { number, totalGrossAmount: Number(total) } }));
db.exec('COMMIT');

const read = db.prepare(`SELECT r.result, r.http_status FROM outbox o JOIN outbox_result r ON r.outbox_id = o.id
                         WHERE o.reference = ?`);
for (let i = 0; i < 600; i++) {
  const row = read.get(number);
  if (row) {
    console.log(number, row.result, row.http_status);
    process.exit(0);
  }
  await setTimeout(50);
}
process.exit(1);
