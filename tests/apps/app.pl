# perl app.pl DATABASE NUMBER
use strict;
use warnings;
use DBI;
use JSON::PP;

my ($file, $number) = @ARGV;
my $total = '49.90';

my $db = DBI->connect("dbi:SQLite:dbname=$file", '', '', {    # waits up to 30 s for a lock by default
    RaiseError => 1, PrintError => 0, AutoCommit => 1, sqlite_use_immediate_transaction => 1 });
$db->begin_work;
$db->do('INSERT INTO orders (number, total) VALUES (?, ?)', undef, $number, $total);
$db->do('INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)', undef,
    'riverty', 'authorize', $number,
    encode_json({ order => { number => $number, totalGrossAmount => $total + 0 } }));
$db->commit;

for (1 .. 600) {
    my @row = $db->selectrow_array('SELECT r.result, r.http_status FROM outbox o JOIN outbox_result r
        ON r.outbox_id = o.id WHERE o.reference = ?', undef, $number);
    if (@row) {
        print "$number @row\n";
        exit 0;
    }
    select undef, undef, undef, 0.05;
}
exit 1;
