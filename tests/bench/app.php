<?php
// app.php DATABASE COUNT FIRST GAP_MIN GAP_MAX TIMEOUT_MS SYNCHRONOUS OUT - the app of the wake benchmark, in PHP.
[, $database, $count, $first, $gapMin, $gapMax, $timeout, $synchronous, $out] = $argv;
$db = new PDO('sqlite:' . $database);
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$db->setAttribute(PDO::ATTR_TIMEOUT, intdiv((int) $timeout + 999, 1000));
$db->exec('PRAGMA synchronous = ' . $synchronous);
$db->exec('PRAGMA wal_autocheckpoint = 0'); // one within COMMIT would hide when the row became visible
$lines = fopen($out, 'w');
for ($number = (int) $first; $number < $first + $count; $number++) {
    usleep(random_int((int) $gapMin, (int) $gapMax));
    $body = json_encode(['order' => ['number' => "A-$number", 'totalGrossAmount' => 49.9]]);
    $begin = hrtime(true);
    $db->exec('BEGIN IMMEDIATE');
    $db->prepare("INSERT INTO orders (number, total) VALUES (?, '49.90')")->execute(["A-$number"]);
    $db->prepare("INSERT INTO outbox (destination, operation, path, reference, body) VALUES ('shop0', 'post', ?, ?, ?)")
       ->execute(["/d/$number", "w-$number", $body]);
    $db->exec('COMMIT');
    $end = hrtime(true);
    fprintf($lines, "%d %d %d %d ok\n", $number, $begin, $end, $end);
}
