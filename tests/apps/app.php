<?php
// php app.php DATABASE NUMBER
[, $file, $number] = $argv;
$total = '49.90';

$db = new PDO("sqlite:$file");                         // PDO waits up to 60 s for a lock by default
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$db->exec('BEGIN IMMEDIATE');
$db->prepare('INSERT INTO orders (number, total) VALUES (?, ?)')->execute([$number, $total]);
$db->prepare('INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)')
   ->execute(['riverty', 'authorize', $number,
       json_encode(['order' => ['number' => $number, 'totalGrossAmount' => (float) $total]])]);
$db->exec('COMMIT');

$read = $db->prepare('SELECT r.result, r.http_status FROM outbox o JOIN outbox_result r ON r.outbox_id = o.id
                      WHERE o.reference = ?');
for ($i = 0; $i < 600; $i++, usleep(50000)) {
    $read->execute([$number]);
    if ($row = $read->fetch(PDO::FETCH_ASSOC)) {
        echo "$number {$row['result']} {$row['http_status']}\n";
        exit(0);
    }
}
exit(1);
