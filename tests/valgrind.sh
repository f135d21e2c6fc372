# valgrind.sh - a sample of the tests, and the daemon itself under load, under valgrind: no error, no definite leak.
#
#   sh tests/valgrind.sh BUILD_DIRECTORY TEST...
set -u
build=$1
shift
log=$build/valgrind
mkdir -p "$log"
bad=0
count=0
memcheck='valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite'

look() { # look NAME COMMAND...: its status, and what it said
	name=$1
	shift
	count=$((count + 1))
	if "$@" >"$log/$name.txt" 2>&1 </dev/null; then
		echo "ok   $name"
	else
		echo "FAIL $name (see $log/$name.txt)"
		bad=$((bad + 1))
	fi
}

for test; do
	# shellcheck disable=SC2086 # words are wanted
	look "$(echo "$test" | tr / -)" $memcheck "$build/tests/$test"
done

# The daemon as a child of a test: a script in its place. Its findings are in a file for each process.
daemon=$log/outboxd
rm -f "$log"/daemon.*
printf '#!/bin/sh\nexec %s --log-file="%s/daemon.%%p" "%s" "$@"\n' "$memcheck" "$(cd "$log" && pwd)" "$(cd "$build" && pwd)/outboxd" >"$daemon"
chmod +x "$daemon"
look daemon env OUTBOXD="$(cd "$log" && pwd)/outboxd" "$build/tests/e2e/test_outboxd_fetch"
errors=$(cat "$log"/daemon.* 2>/dev/null | grep -c -E '(Invalid|uninitialised|definitely lost)')
if [ "$errors" != 0 ]; then
	echo "FAIL $errors findings in the daemon (see $log/daemon.*)"
	bad=$((bad + errors))
fi
if [ -n "${OUTBOXD_TALLY-}" ]; then
	printf 'valgrind\t%s\tunit tests, corpora, a daemon under load\t%s\n' "$count" "$bad" >>"$OUTBOXD_TALLY"
fi
echo "$count looked at, $bad bad"
[ "$bad" = 0 ]
