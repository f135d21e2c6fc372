# probe.sh - what does this compiler accept, and are the libraries here?
#
#   sh packaging/probe.sh CC OUTPUT.mk MODULE...
#
# Compilers differ: gcc 12 knows no -fstrict-flex-arrays, clang warns at gcc's warnings. Each flag is therefore tried,
# all at once first. The answer is a makefile fragment.
set -u
LC_ALL=C
export LC_ALL
cc=$1
out=$2
shift 2
here=$(dirname "$0")

CC=$cc sh "$here/need-packages.sh" --check build || exit 1

old() {
	echo "outboxd needs $1 $2 or newer; this system has $(pkg-config --modversion "$1")." >&2
	exit 1
}
# 7.85: the protocols as strings, and the hook before the first byte.
pkg-config --atleast-version=7.85.0 libcurl || old libcurl 7.85.0
pkg-config --atleast-version=3.37.0 sqlite3 || old sqlite3 3.37.0

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
echo 'int main(void) { return 0; }' >"$tmp/try.c"

accepts() { # accepts FLAG...: compiles and links without a murmur
	# shellcheck disable=SC2086
	$cc -Werror -O2 "$@" -o "$tmp/try" "$tmp/try.c" >/dev/null 2>&1
}
accepted() {
	if accepts "$@"; then
		echo "$*"
		return
	fi
	list=
	for flag; do
		accepts "$flag" && list="$list $flag"
	done
	echo "$list"
}

if ! accepts; then
	echo "outboxd: $cc cannot build a program:" >&2
	$cc -O2 -o "$tmp/try" "$tmp/try.c" >&2
	exit 1
fi

warnings=$(accepted -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wswitch-enum \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wimplicit-fallthrough -Wundef -Wvla -Wtrampolines \
	-Wbidi-chars=any -Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types \
	-Werror=int-conversion)
hardening=$(accepted -fstack-clash-protection -fstack-protector-strong -fcf-protection=full \
	-mbranch-protection=standard -ftrivial-auto-var-init=zero -fzero-init-padding-bits=all \
	-fstrict-flex-arrays=3 -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing)
linking=$(accepted -Wl,-z,nodlopen -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

mkdir -p "$(dirname "$out")" || exit 1
cat >"$out.new" <<END
# Written by packaging/probe.sh for $cc.
PROBED_WARNINGS = $warnings
PROBED_HARDENING = $hardening
PROBED_LINKING = $linking
PROBED_CFLAGS = $(pkg-config --cflags "$@")
PROBED_LIBS = $(pkg-config --libs "$@")
END
mv -f "$out.new" "$out"
