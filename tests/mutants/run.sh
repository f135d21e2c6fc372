# run.sh - are the tests worth anything? Each seeded bug of tests/mutants/list is built and must be caught by its test (T54).
#
#   sh tests/mutants/run.sh [NAME...]      from the top of the source tree; all of them without a name
#
# Works in a copy: nothing here is touched. Prints a table: mutant, test, what caught it or SURVIVED, seconds. Exit status 0: all caught.
# A patch that does not apply any more is a failure too: mend it.
set -u
here=$(pwd)
copy=$(mktemp -d "${TMPDIR:-/tmp}/outboxd-mutants.XXXXXX") || exit 1
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM HUP
jobs=$(nproc 2>/dev/null || echo 2)

tar cf - --exclude='./build*' --exclude=./.git . | tar xf - -C "$copy" || exit 1
cd "$copy" || exit 1
# Not those of a make around this: one build directory, and flags of one kind.
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD SANITIZE
export OUTBOXD_BUILD=build LC_ALL=C.UTF-8 CMOCKA_MESSAGE_OUTPUT=STDOUT

sed 's/#.*//; /^ *$/d' tests/mutants/list >all.list
if [ $# = 0 ]; then
	mv all.list chosen.list
else
	for name; do grep "^$name " all.list || echo "$name: no such mutant" >&2; done >chosen.list
fi
total=$(wc -l <chosen.list)

build() { # build TEST...
	# shellcheck disable=SC2046 # words are wanted
	make -s -j"$jobs" BUILD=build $(for test; do
		case $test in tests/e2e/*) echo build/outboxd build/fakegw ;; esac
		echo "build/${test%% *}"
	done) >build.log 2>&1
}

run() { # run TEST
	OUTBOXD_EXTENT=test OUTBOXD_TALLY='' timeout 300 sh -c "build/$1" >run.log 2>&1 </dev/null
}

# The promise that was seen broken, else the first test that failed.
cause() {
	found=$(grep -o '[0-9] s: [a-zA-Z0-9]*: ' run.log | head -n 1 | sed 's/^[0-9] s: //; s/: $//')
	[ -n "$found" ] || found=$(sed -n 's/^.*\[  FAILED  \] \([^ ]*\)$/\1/p' run.log | head -n 1)
	echo "caught: ${found:-${1##*/}}"
}

# A test that fails as it is catches nothing.
awk '{ $1 = ""; print substr($0, 2) }' chosen.list | sort -u >tests.list
began=$(date +%s)
printf 'building, and %s test(s) without any mutant: ' "$(wc -l <tests.list)"
while read -r test; do
	if ! build "$test" || ! run "$test"; then
		echo
		tail -n 20 build.log run.log
		echo "$test fails without any mutant"
		exit 1
	fi
done <tests.list
echo "passed, $(($(date +%s) - began)) s"

done=0
survived=0
printf '%5s  %-33s %-32s %s\n' '' mutant test 'caught?'
while read -r name test; do
	done=$((done + 1))
	at=$(date +%s)
	printf '%2d/%-2d  %-33s %-32s ' "$done" "$total" "$name" "$test"
	files=$(sed -n 's,^+++ b/,,p' "tests/mutants/$name.patch")
	for file in $files; do cp "$file" "$file.before"; done
	if ! patch -s -p1 -F3 --no-backup-if-mismatch -r - <"tests/mutants/$name.patch" >patch.log 2>&1; then
		verdict='PATCH DOES NOT APPLY'
	elif ! build "$test"; then
		verdict='DOES NOT BUILD'
	elif run "$test"; then
		verdict=SURVIVED
	else
		verdict=$(cause "$test")
	fi
	case $verdict in caught*) ;; *) survived=$((survived + 1)) ;; esac
	echo "$verdict, $(($(date +%s) - at)) s"
	# cat, not mv: make goes by time, and what was mended must be built again
	for file in $files; do cat "$file.before" >"$file"; done
done <chosen.list

echo "$((total - survived)) of $total caught, $(($(date +%s) - began)) s"
if [ -n "${OUTBOXD_TALLY:-}" ]; then
	printf 'seeded bugs in our own code\t%d\t%d caught by the test that is named for each\t%d\n' "$total" $((total - survived)) "$survived" >>"$OUTBOXD_TALLY"
fi
[ "$survived" = 0 ] && [ "$total" -gt 0 ]
