# tree.sh - copies the sources into a directory: what git knows, or without git all but the build directories.
#
#   sh packaging/tree.sh DIRECTORY
set -eu
target=$1
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	# What was deleted and not yet committed is not there to be copied.
	git ls-files -z | xargs -0 sh -c 'for f; do if [ -e "$f" ]; then printf "%s\0" "$f"; fi; done' sh
else
	find . -name './build' -prune -o -name 'build-*' -prune -o -path ./build -prune -o -type f -print0
fi | tar --null --no-recursion -T - -c -f - | tar -x -f - -C "$target"
