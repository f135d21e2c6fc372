# ruby app.rb DATABASE NUMBER
require "json"
require "sqlite3"

file, number = ARGV
total = "49.90"

db = SQLite3::Database.new(file)
db.busy_timeout = 5000 # the driver's default is not to wait at all
db.transaction(:immediate) do
  db.execute("INSERT INTO orders (number, total) VALUES (?, ?)", [number, total])
  db.execute("INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)",
             ["riverty", "authorize", number,
              JSON.generate(order: { number: number, totalGrossAmount: total.to_f })])
end

600.times do
  row = db.get_first_row("SELECT r.result, r.http_status FROM outbox o JOIN outbox_result r ON r.outbox_id = o.id
                          WHERE o.reference = ?", [number])
  if row
    puts [number, *row].join(" ")
    exit 0
  end
  sleep 0.05
end
exit 1
