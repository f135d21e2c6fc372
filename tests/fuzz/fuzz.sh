# fuzz.sh - run libFuzzer targets one after another, each for some seconds, and say what came of it.
#
#   sh tests/fuzz/fuzz.sh BUILD_DIRECTORY SECONDS TARGET...
#
# Starts from tests/fuzz/corpus/TARGET; what is new goes to BUILD_DIRECTORY/corpus, what fails to BUILD_DIRECTORY/found (run the target
# with that file as its argument). One line a target goes to $OUTBOXD_TALLY as well.
set -u
build=$1
seconds=$2
shift 2
findings=0
for target; do
	mkdir -p "$build/corpus/$target" "$build/found" "$build/log"
	log=$build/log/$target.txt
	known=$(find "$build/found" -type f | wc -l)
	"$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$build/found/$target-" "$build/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 </dev/null
	status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
	found=$(($(find "$build/found" -type f | wc -l) - known))
	if [ "$status" != 0 ] && [ "$found" = 0 ]; then found=1; fi
	edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
	findings=$((findings + found))
	echo "fuzz_$target: ${runs:-0} runs in $seconds s, ${edges:-0} edges, $found findings (see $log)"
	if [ -n "${OUTBOXD_TALLY-}" ]; then
		printf 'fuzz: %s\t%s\t%s s, %s edges\t%s\n' "$target" "${runs:-0}" "$seconds" "${edges:-0}" "$found" >>"$OUTBOXD_TALLY"
	fi
done
[ "$findings" = 0 ]
