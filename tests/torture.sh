# torture.sh - every campaign, and one table at the end: fault, how often, violations, states reached.
#
#   sh tests/torture.sh whole|slice        from `make torture`, which sets MAKE and BUILD
#
# Four lanes run side by side: kills and power cuts, what mostly waits, then what only works (niced, so that it does not disturb
# these), and the fuzzers, which want one processor each. CAMPAIGNS: only those whose names match (an extended regular expression).
# FUZZ_SECONDS: a target's, in the whole one. What a campaign printed is in $BUILD/torture/NAME.txt; the table is also in
# $BUILD/torture.txt, in Markdown. The exit status is 0 only when every campaign passed and no line has a violation.
set -u
extent=${1:-whole}
lane=${2:-}
make=${MAKE:-make}
build=${BUILD:-build}
logs=$build/torture
unset BUILD # what is built with other flags has its own directory
case $extent in
whole) fuzz_seconds=${FUZZ_SECONDS:-300} sanitize='unit wire store agent sim crash fuzz e2e' total=13 ;;
slice) fuzz_seconds=10 sanitize='unit fuzz' total=10 ;;
*)
	echo 'torture.sh: whole or slice' >&2
	exit 64
	;;
esac
OUTBOXD_EXTENT=$extent
TEST_TIMEOUT=${TEST_TIMEOUT:-14400}
export OUTBOXD_EXTENT TEST_TIMEOUT

# campaign NAME COMMAND...: progress, the output to a file, and a line of the table when the command left none itself.
campaign() {
	name=$1
	shift
	if [ "$name" != build ] && ! echo "$name" | grep -Eq "${CAMPAIGNS:-.}"; then return; fi
	file=$(echo "$name" | tr ' /' '--')
	log=$logs/$file.txt
	sequence=$((sequence + 1))
	OUTBOXD_TALLY=$PWD/$logs/$lane$sequence-$file.tsv
	export OUTBOXD_TALLY
	echo "        $name ..."
	at=$(date +%s)
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	took=$(($(date +%s) - at))
	last=$(tr '\r\t' '\n ' <"$log" | grep -E ' (kills|seeds|caught|cuts|passed|of [0-9]+,)' | tail -n 1)
	if [ -z "$last" ] || [ "$status" != 0 ]; then last=$(tr '\r\t' '\n ' <"$log" | grep -v '^ *$' | tail -n 1); fi
	last=$(echo "$last" | cut -c1-160)
	passed=$(sed -n 's/^\([0-9]*\) passed, 0 failed$/\1/p' "$log" | tail -n 1)
	if [ "$status" != 0 ]; then
		: >"$logs/$file.failed"
		printf '%s\t1\tFAILED: %s\t1\n' "$name" "$last" >>"$OUTBOXD_TALLY"
	elif [ ! -s "$OUTBOXD_TALLY" ] && [ "$name" != build ]; then
		printf '%s\t%s\t%s\t0\n' "$name" "${passed:-1}" "$last" >>"$OUTBOXD_TALLY"
	fi
	: >"$logs/$file.done"
	printf '[%2d/%d] %s: %s, %d s\n' "$(find "$logs" -name '*.done' | wc -l)" "$total" "$name" \
		"$([ "$status" = 0 ] && echo passed || echo "FAILED (see $log)")" "$took"
}

tests_of() { # the suite's programs below these directories, in that build
	for directory in $2; do
		for source in tests/"$directory"/test_*.c tests/"$directory"/fuzz_*.c; do
			[ -e "$source" ] || continue
			program=${source%.c}
			case $program in */fuzz_*) program=$(echo "$program" | sed 's,/fuzz_\([^/]*\)$,/replay_\1,') ;; esac
			echo "$1/$program"
		done
	done
}

sanitized() {
	# shellcheck disable=SC2046 # words are wanted
	set -- $(tests_of build-asan "$sanitize")
	# shellcheck disable=SC2086
	$make --no-print-directory -j"$(nproc)" SANITIZE=1 BUILD=build-asan build-asan/outboxd build-asan/fakegw "$@" &&
		OUTBOXD_EXTENT=test OUTBOXD_TALLY= sh tests/run.sh build-asan "$@"
}

build_all() {
	# shellcheck disable=SC2046
	$make --no-print-directory -j"$(nproc)" BUILD="$build" "$build/outboxd" "$build/fakegw" "$build/bench" \
		"$build/tests/upgrade/outboxd-next" "$build/tests/sim/sim" $(tests_of "$build" 'unit store wire agent sim e2e crash upgrade fuzz')
}

# What kills: daemons, disks.
killing() {
	# The slice does without the suite, which CI runs anyway.
	[ "$extent" = slice ] || campaign 'tests of the suite' env OUTBOXD_EXTENT=test OUTBOXD_TALLY= $make --no-print-directory test
	case $extent in
	slice) campaign 'kill at every syscall' sh tests/run.sh "$build" "$build/tests/crash/test_kill_syscalls" ;;
	whole) campaign 'kill at every syscall' $make --no-print-directory BUILD="$build" kill-syscalls ;;
	esac
	case $extent in
	slice)
		campaign 'random kills' $make --no-print-directory kill-campaign KILLS=200
		campaign 'power cuts' sh tests/run.sh "$build" "$build/tests/crash/test_power_disk" "$build/tests/crash/test_power_cuts"
		;;
	whole)
		campaign 'random kills' $make --no-print-directory kill-campaign
		campaign 'power cuts' $make --no-print-directory power-cuts
		;;
	esac
}

# What counts minutes and milliseconds.
waiting() {
	campaign 'upgrade' sh tests/run.sh "$build" "$build/tests/upgrade/test_upgrade" "$build/tests/upgrade/test_upgrade_kills"
	ends=$(for name in crowd signals app place outage bounds flips; do echo "$build/tests/e2e/test_outboxd_$name"; done)
	# shellcheck disable=SC2086 # words are wanted
	campaign 'owners, signals, app, place' sh tests/run.sh "$build" "$build/tests/crash/test_trace" $ends
}

# What takes as long as it takes.
working() {
	case $extent in
	slice) campaign 'simulator' $make --no-print-directory sim SEEDS=2000 ;;
	whole)
		campaign 'simulator' $make --no-print-directory sim SEEDS=100000
		campaign 'mutants' $make --no-print-directory mutants
		;;
	esac
	campaign 'disk and memory' sh tests/run.sh "$build" "$build/tests/sim/test_power_loss" "$build/tests/sim/test_sweeps"
	campaign 'tests under ASan and UBSan' sanitized
	case $extent in
	slice) ;;
	whole) campaign 'valgrind' $make --no-print-directory valgrind ;;
	esac
}

sequence=0
TEST_LOGS=$PWD/$logs/tests-$lane # the same program may run in two lanes
export TEST_LOGS
case $lane in
a)
	killing
	exit
	;;
b)
	waiting
	exit
	;;
c)
	working
	exit
	;;
d)
	campaign 'fuzzing' $make --no-print-directory fuzz SECONDS="$fuzz_seconds"
	exit
	;;
esac

rm -rf "$logs"
mkdir -p "$logs" || exit 1
began=$(date +%s)
campaign 'build' build_all
[ ! -e "$logs/build.failed" ] || exit 1
for lane in a b; do BUILD=$build sh "$0" "$extent" $lane & done
for lane in c d; do BUILD=$build nice -n 10 sh "$0" "$extent" $lane & done
wait

cat "$logs"/*.tsv >"$logs/table"
failed=$(find "$logs" -name '*.failed' | wc -l)
violations=$(awk -F '\t' '{ sum += $4 } END { print sum + 0 }' "$logs/table")
{
	echo "make torture ($extent), $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)," \
		"$(($(date +%s) - began)) s, $(nproc) processors"
	echo
	awk -F '\t' 'BEGIN {
			print "| fault | injected (runs) | violations | states reached |"
			print "|---|---:|---:|---|"
		}
		{ gsub(/\|/, "/"); printf "| %s | %s | %s | %s |\n", $1, $2, $4, $3 }' "$logs/table"
	echo
	echo "$violations violations, $failed campaigns failed"
} >"$build/torture.txt"
echo
cat "$build/torture.txt"
[ "$failed" = 0 ] && [ "$violations" = 0 ]
