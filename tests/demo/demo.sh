# demo.sh - a shop, outboxd and three payment gateways on this machine; outboxd is killed in the middle of it.
#
#   sh tests/demo/demo.sh BUILD_DIRECTORY         (make demo)
#
# The shop's side is plain SQL, run by sqlite3. The gateways are tests/gateway, which writes down every effect (an
# order, a charge, a booking) and syncs that to disk: the end of this story is read from there, not from outboxd. Exit
# status 0 only when every order that outboxd calls succeeded happened exactly once, and every other one did not.
set -u
build=${1-build}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
outboxd=$(cd "$build" && pwd)/outboxd || exit 1
fakegw=${outboxd%/*}/fakegw
profiles=$(cd "$here/../../etc/profiles" && pwd) || exit 1
umask 077
place=$(mktemp -d "${TMPDIR:-/tmp}/outboxd-demo.XXXXXX") || exit 1
daemon=
gateway=
began=$(date +%s)

end() { # only what this script started, by its pid
	status=$?
	trap - EXIT
	for pid in $daemon $gateway; do kill -KILL "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$place"
	exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
chapter() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '   %s\n' "$*"; }
indent() { sed 's/^/   /'; }
die() {
	printf '\ndemo: FAILED: %s\n' "$*" >&2
	if [ -s "$place/outboxd.log" ]; then tail -n 20 "$place/outboxd.log" >&2; fi
	exit 1
}
shop() { sqlite3 -cmd '.timeout 5000' "$place/shop.db" "$@"; }
table() { sqlite3 -cmd '.timeout 5000' -header -column "$place/shop.db" "$@" | sed 's/ *$//' | indent; }

# wait_for SECONDS WHAT SQL: until the SQL says 1
wait_for() {
	until=$(($(date +%s) + $1))
	printf '   ... %s ' "$2"
	while [ "$(shop "$3")" != 1 ]; do
		[ "$(date +%s)" -lt "$until" ] || die "waited $1 s for: $2"
		printf .
		sleep 0.25
	done
	echo ' done'
}

start_daemon() {
	"$outboxd" run --config "$place/outboxd.conf" 2>>"$place/outboxd.log" &
	daemon=$!
}

cd "$place" || exit 1 # what is printed has no long paths

# --- the stage -----------------------------------------------------------------------------------------------------

chapter 'A shop with its own SQLite database'
shop <"$here/shop.sql" >/dev/null || die 'no shop'
shop .schema | indent
say "outboxd adds its tables beside the shop's own:"
"$outboxd" init --database shop.db | indent

"$fakegw" --quiet --listen 127.0.0.1:0 --port-file port --effects effects.jsonl --requests requests.jsonl \
	--script "$here/faults" --fetch-grace >gateway.log 2>&1 &
gateway=$!
tries=0
while [ ! -s port ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || die 'the gateway does not start'
	sleep 0.1
done
url=http://127.0.0.1:$(cat port)
sed "s|@URL@|$url|; s|@PROFILES@|$profiles|" "$here/outboxd.conf" >outboxd.conf

chapter 'Three gateways, each with a bad day'
say 'Riverty   knows idempotency keys. Today: answer 1 to order-1003 is lost AFTER the charge, answer 2 takes 5 s.'
say 'VRIO      knows none: a second POST is a second order. It answers "fetch it later" to order-1001, declines'
say '          order-1004, and loses its answer to order-1005 AFTER the order was made.'
say 'Travlinq  knows none either. Says FETCH LATER to order-1002, twice, each time with another URL.'

# --- before the crash ----------------------------------------------------------------------------------------------

chapter 'The app sells: each order and its outbox row in one transaction'
sed -n '/^-- order-1003/,$p' "$here/sell.sql" | indent
shop <"$here/sell.sql" || die 'the shop could not sell'
say '(and so on, five orders in all; see tests/demo/sell.sql)'

start_daemon
say "outboxd runs, pid $daemon."
wait_for 20 'until VRIO and Travlinq are pending and Riverty is asked for the second time' "
	SELECT count(*) = 3 FROM outbox_status WHERE (reference = 'order-1001' AND state = 'pending')
	OR (reference = 'order-1002' AND state = 'pending' AND polls >= 1)
	OR (reference = 'order-1003' AND state = 'sending' AND attempts >= 2)"

chapter "kill -9 $daemon: outboxd dies with requests in flight"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
daemon=
say 'What is on disk now:'
table 'SELECT reference, destination, operation, state, result, attempts, polls FROM outbox_status ORDER BY id'
say 'The shop does not notice, and goes on selling:'
shop <"$here/sell-more.sql" || die 'the shop could not sell while outboxd was dead'
table "SELECT reference, destination, operation, state FROM outbox_status WHERE reference = 'order-1006'"

# --- after the crash -----------------------------------------------------------------------------------------------

chapter 'outboxd starts again'
start_daemon
say "pid $daemon. Nobody tells it anything; it reads the database."
wait_for 40 'until every row has a result' "SELECT NOT EXISTS (SELECT 1 FROM outbox_status WHERE state <> 'done')"

chapter 'What outboxd says, beside what the gateways wrote down'
sqlite3 report.db <"$here/report.sql" >report.txt || die 'no report'
sed 's/ *$//' report.txt | indent
echo
sqlite3 report.db "SELECT reference || ' ' || operation || ':' || char(10) || '  ' || story FROM report ORDER BY id" | indent

# --- the one that needs a person -----------------------------------------------------------------------------------

chapter 'One row needs a person: outboxd does not guess about money'
unknown=$(shop "SELECT id FROM outbox_status WHERE reference = 'order-1005'")
say "\$ outboxd status --config outboxd.conf $unknown"
"$outboxd" status --config outboxd.conf "$unknown" | indent
echo
say "The operator asks VRIO (here: its effect log), sees that order-1005 was made, and says so:"
say "\$ outboxd resolve --config outboxd.conf $unknown succeeded --text 'VRIO shows the order'"
# What the real operator would ask the gateway.
[ "$(sqlite3 report.db "SELECT effects FROM report WHERE reference = 'order-1005'")" = 1 ] || die 'order-1005 was not made exactly once'
"$outboxd" resolve --config outboxd.conf "$unknown" succeeded --text 'VRIO shows the order' | indent
table "SELECT outbox_id, result, revision, reason FROM outbox_result WHERE outbox_id = $unknown"

# --- the verdict ---------------------------------------------------------------------------------------------------

chapter 'Counted from the effect log'
sqlite3 report.db <"$here/report.sql" >report.txt || die 'no report'
sqlite3 report.db 'SELECT line FROM summary' | indent
wrong=$(sqlite3 report.db 'SELECT what FROM wrong')
kill -TERM "$daemon"
wait "$daemon" || wrong="$wrong
outboxd did not stop in order (status $?)"
daemon=
if [ -n "$wrong" ]; then die "$wrong"; fi
say "Nothing doubled, nothing missing. ($(($(date +%s) - began)) s; all of it was in $place and is gone now.)"
