# run.sh - run test programs one after another and count.
#
#   sh tests/run.sh BUILD_DIRECTORY TEST...
#
# Counts come from cmocka's own lines (1.1.5 and 1.1.7 differ). A program that crashes, runs out of time, ends without having run to its end, or
# runs no test is one failure more. The output of what failed is shown; all of it stays in $TEST_LOGS (BUILD_DIRECTORY/tests/log). The last
# line is "N passed, N failed"; the exit status is 0 only when nothing failed and something passed.
#
# TEST_TIMEOUT: seconds per program (300). Programs find the build directory in OUTBOXD_BUILD, and a TMPDIR of their own.
set -u
build=$1
shift
timeout=${TEST_TIMEOUT:-300}
log_dir=${TEST_LOGS:-$build/tests/log}
mkdir -p "$log_dir" || exit 1
OUTBOXD_BUILD=$build
TMPDIR=$(mktemp -d /tmp/outboxd-test.XXXXXX) || exit 1
chmod 711 "$TMPDIR" # some tests become another user
CMOCKA_MESSAGE_OUTPUT=STDOUT
export OUTBOXD_BUILD TMPDIR CMOCKA_MESSAGE_OUTPUT
LC_ALL=C.UTF-8
export LC_ALL

group=
trap 'rm -rf "$TMPDIR"' EXIT
trap '[ -z "$group" ] || kill -TERM -- "-$group" 2>/dev/null; exit 130' INT TERM HUP

passed=0
failed=0
skipped=0
for test; do
	name=${test#"$build"/tests/}
	log=$log_dir/$(echo "$name" | tr / -).log
	# timeout makes a process group of its own: whatever a test leaves behind ends with it.
	timeout -k 10 "$timeout" "$test" >"$log" 2>&1 </dev/null &
	group=$!
	wait "$group" 2>/dev/null
	status=$?
	kill -KILL -- "-$group" 2>/dev/null
	group=

	# shellcheck disable=SC2046
	set -- $(awk '
		# One outcome for each test that began; the summary at the end differs between versions of cmocka.
		function outcome(which) { count[which]++; pending = 0 }
		/^\[==========\] .*Running [0-9]+ test/ { begun++ }
		/^\[==========\] .*[0-9]+ test\(s\) run\./ { ended++; if (pending) outcome("bad") }
		/^\[  FAILED  \] .*GROUP (SETUP|TEARDOWN)$/ { count["bad"]++ }
		# What a test printed without a line feed may stand before these.
		/\[ RUN      \] [^ ]+$/ { if (pending) outcome("bad"); pending = 1; name = $NF }
		pending && /\[       OK \] [^ ]+$/ && $NF == name { outcome("ok") }
		pending && /\[  FAILED  \] [^ ]+$/ && $NF == name { outcome("bad") }
		pending && /\[  SKIPPED \] [^ ]+$/ && $NF == name { outcome("skip") }
		END { print begun + 0, ended + 0, count["ok"] + 0, count["skip"] + 0, count["bad"] + 0 }
	' "$log")
	begun=$1 ended=$2 ok=$3 skip=$4 bad=$5
	note=
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		note="no end within $timeout s"
	elif [ "$status" -gt 128 ]; then
		note="killed by signal $((status - 128))"
	elif [ "$begun" != "$ended" ]; then
		note="ended early with status $status"
	elif [ $((ok + bad + skip)) = 0 ]; then
		note="ran no test"
	elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		note="exit status $status"
	fi
	[ -z "$note" ] || bad=$((bad + 1))
	passed=$((passed + ok))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
	if [ "$bad" = 0 ]; then
		printf 'ok   %-32s %d passed%s\n' "$name" "$ok" "$([ "$skip" = 0 ] || echo ", $skip skipped")"
	else
		printf 'FAIL %-32s %d passed, %d failed%s\n' "$name" "$ok" "$bad" "${note:+: $note}"
		sed 's/^/     | /' "$log"
	fi
done

[ "$skipped" = 0 ] || echo "$skipped skipped: see $log_dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
