// go run -tags libsqlite3 app.go DATABASE NUMBER
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	file, number, total := os.Args[1], os.Args[2], "49.90"

	// _txlock: Begin alone begins a deferred transaction. _busy_timeout: 5 s by default.
	db, err := sql.Open("sqlite3", "file:"+file+"?_txlock=immediate")
	must(err)
	tx, err := db.Begin()
	must(err)
	_, err = tx.Exec("INSERT INTO orders (number, total) VALUES (?, ?)", number, total)
	must(err)
	body, err := json.Marshal(map[string]any{
		"order": map[string]any{"number": number, "totalGrossAmount": json.Number(total)}})
	must(err)
	_, err = tx.Exec("INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)",
		"riverty", "authorize", number, body)
	must(err)
	must(tx.Commit())

	for i := 0; i < 600; i++ {
		var result string
		var status sql.NullInt64
		err = db.QueryRow(`SELECT r.result, r.http_status FROM outbox o
			JOIN outbox_result r ON r.outbox_id = o.id WHERE o.reference = ?`, number).Scan(&result, &status)
		if err == nil {
			fmt.Println(number, result, status.Int64)
			os.Exit(0)
		}
		if err != sql.ErrNoRows {
			must(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	os.Exit(1)
}
