# power-control.sh - does the power-cut test notice a daemon that does not sync? The control of T4: it must.
#
#   sh tests/crash/power-control.sh BUILD_DIRECTORY CUTS      from the top of the source tree
#
# Two daemons of tests/mutants are built in a copy: one that commits NORMAL and never syncs, and one that only leaves out its
# own sync of the WAL. The test itself, app and gateways are the ordinary ones. Exit status 0: violations were seen in both.
set -u
build=$1
cuts=$2
here=$(pwd)
copy=$(mktemp -d "${TMPDIR:-/tmp}/outboxd-control.XXXXXX") || exit 1
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM HUP

tar cf - Makefile src schema packaging tests/torture.mk etc | tar xf - -C "$copy" || exit 1
cd "$copy" || exit 1
for mutant in synchronous-normal wal-not-synced; do
	patch="$here/tests/mutants/$mutant.patch"
	echo "control: $mutant"
	if ! patch -s -p1 -F3 --no-backup-if-mismatch <"$patch" ||
		! ${MAKE:-make} -s -j"$(nproc 2>/dev/null || echo 2)" BUILD=build build/outboxd >build.log 2>&1; then
		tail -n 20 build.log
		echo 'the control daemon cannot be built'
		exit 1
	fi
	OUTBOXD=$copy/build/outboxd OUTBOXD_POWER_CONTROL=$mutant OUTBOXD_CUTS=$cuts \
		sh -c "cd '$here' && '$build/tests/crash/test_power_cuts'" >control.log 2>&1
	status=$?
	grep -E 'OUTBOXD_SEED|tally:|FAILED|SKIPPED' control.log
	if [ "$status" != 0 ]; then
		tail -n 40 control.log
		exit 1
	fi
	patch -s -R -p1 -F3 --no-backup-if-mismatch <"$patch" || exit 1
	# make goes by time: what was mended must be built again
	grep '^+++ b/' "$patch" | sed 's,^+++ b/,,' | while read -r file; do touch "$file"; done
done
