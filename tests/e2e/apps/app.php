<?php
// An app in plain PHP, with PDO's default settings: sells, and waits for the results.
[, $path, $orders] = $argv;
$db = new PDO("sqlite:$path");

$db->exec('CREATE TABLE IF NOT EXISTS php_orders (reference TEXT PRIMARY KEY, outbox_id INTEGER)');
$send = $db->prepare('INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)');
$note = $db->prepare('INSERT INTO php_orders VALUES (?, ?)');
for ($n = 0; $n < $orders; $n++) {
	$reference = "php-$n";
	if ($n % 2) {
		// Reads before it writes: BEGIN IMMEDIATE, or the read could be too old to be built on.
		$db->exec('BEGIN IMMEDIATE');
		$db->query('SELECT count(*) FROM php_orders')->fetchAll();
	} else {
		$db->exec('BEGIN'); // the next statement writes
	}
	$send->execute(['vrio', 'order', $reference, json_encode(['connection_order_id' => $reference, 'action' => 'process'])]);
	$note->execute([$reference, $db->lastInsertId()]);
	$db->exec('COMMIT');
}

for ($until = time() + 60; time() < $until; usleep(50000)) {
	$done = $db->query("SELECT count(*) FROM php_orders JOIN outbox_result USING (outbox_id) WHERE result = 'succeeded'")->fetchColumn();
	if ($done == $orders) {
		exit(0);
	}
}
fwrite(STDERR, "only $done of $orders\n");
exit(1);
