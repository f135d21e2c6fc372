# run.sh - are the tests worth anything? Each seeded bug of tests/mutants/list is built and must be caught by its test (T54).
#
#   sh tests/mutants/run.sh [NAME...]      from the top of the source tree; all of them without a name
#
# Works in a copy: nothing here is touched. Prints a table: mutant, test, caught or SURVIVED. Exit status 0: all caught. A patch that does
# not apply any more is a failure too: mend it.
set -u
here=$(pwd)
list=$here/tests/mutants/list
copy=$(mktemp -d "${TMPDIR:-/tmp}/outboxd-mutants.XXXXXX") || exit 1
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM HUP
jobs=$(nproc 2>/dev/null || echo 2)

tar cf - --exclude='./build*' --exclude=./.git . | tar xf - -C "$copy" || exit 1
cd "$copy" || exit 1
export OUTBOXD_BUILD=build LC_ALL=C.UTF-8

wanted() { # wanted NAME ARGUMENT...
	name=$1
	shift
	[ $# = 0 ] && return 0
	for one; do
		[ "$one" = "$name" ] && return 0
	done
	return 1
}

build() { # build TEST
	make -s -j"$jobs" BUILD=build "build/${1%% *}" build/outboxd build/fakegw >build.log 2>&1
}

# A test that fails as it is catches nothing.
sed 's/#.*//' "$list" | while read -r name test; do
	[ -z "$name" ] || ! wanted "$name" "$@" || echo "$test"
done | sort -u >tests.list
while read -r test; do
	if ! build "$test" || ! timeout 300 sh -c "build/$test" >run.log 2>&1 </dev/null; then
		tail -n 20 build.log run.log
		echo "$test fails without any mutant"
		exit 1
	fi
done <tests.list

total=0
survived=0
printf '%-34s %-40s %s\n' mutant test 'caught?'
while read -r name test; do
	case $name in
	'' | '#'*) continue ;;
	esac
	wanted "$name" "$@" || continue
	total=$((total + 1))
	verdict=caught
	if ! patch -s -p1 -F3 --no-backup-if-mismatch -r - <"$here/tests/mutants/$name.patch" >patch.log 2>&1; then
		verdict='PATCH DOES NOT APPLY'
		tar cf - -C "$here" src schema | tar xf - -C "$copy"
	elif ! build "$test"; then
		verdict='DOES NOT BUILD'
	elif timeout 300 sh -c "build/$test" >run.log 2>&1 </dev/null; then
		verdict=SURVIVED
	elif grep -q 'P[0-9]*:\|liveness:\|chain:\|integrity:' run.log; then
		verdict="caught: $(grep -o 'P[0-9]*:\|liveness:\|chain:\|integrity:' run.log | head -n 1 | tr -d :)"
	fi
	case $verdict in
	caught*) ;;
	*) survived=$((survived + 1)) ;;
	esac
	printf '%-34s %-40s %s\n' "$name" "$test" "$verdict"
	patch -s -R -p1 -F3 --no-backup-if-mismatch -r - <"$here/tests/mutants/$name.patch" >/dev/null 2>&1
	# make goes by time: what was mended must be built again
	grep '^+++ b/' "$here/tests/mutants/$name.patch" | sed 's,^+++ b/,,' | while read -r file; do touch "$file"; done
done <"$list"

echo "$((total - survived)) of $total caught"
[ "$survived" = 0 ] && [ "$total" -gt 0 ]
