# need-packages.sh - name what is missing on this machine, and install it where that is possible.
#
#   sh packaging/need-packages.sh [--check] build|test|demo|sanitize|power|count|bench|deb|rpm...
#
# Looks for the things themselves (a command, a pkg-config module), so that any system that has them is fine. What is
# missing is installed by its Debian name on Debian and Ubuntu; elsewhere, or with --check, it is named and the exit
# status is 1. Needs nothing but a POSIX shell: on a fresh machine not even a compiler is there.
set -u
check=
if [ "${1-}" = --check ]; then
	check=1
	shift
fi
missing= # Debian packages
things=  # what was looked for, for other systems

lacks() { # lacks PACKAGE THING
	missing="$missing $1"
	things="$things
  $2"
}
command_() { # command_ COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || lacks "$2" "the command $1"
}
module() { # module PKG-CONFIG-NAME PACKAGE
	pkg-config --exists "$1" 2>/dev/null || lacks "$2" "the library $1 with its headers (pkg-config $1)"
}

# The authorities that TLS trusts; every family of systems has its own place for them.
authorities() {
	for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
		if [ -e "$file" ]; then return; fi
	done
	lacks ca-certificates 'the certificates of the public authorities'
}

compiler=${CC:-gcc}
compiler=${compiler##*ccache }
compiler=${compiler%% *}
for set; do
	case $set in
	build)
		case $compiler in
		gcc | gcc-[0-9]* | clang | clang-[0-9]*) command_ "$compiler" "$compiler" ;;
		cc) command_ cc gcc ;;
		*) command_ "$compiler" gcc ;;
		esac
		command_ ar binutils
		if [ ! -e /usr/include/stdio.h ]; then lacks libc6-dev 'the headers of the C library'; fi
		command_ pkg-config pkgconf
		module sqlite3 libsqlite3-dev
		module libcurl libcurl4-openssl-dev
		module libcjson libcjson-dev
		module libconfig libconfig-dev
		module libcrypto libssl-dev
		;;
	test)
		module cmocka libcmocka-dev
		module libmicrohttpd libmicrohttpd-dev
		command_ openssl openssl
		command_ sqlite3 sqlite3
		authorities
		;;
	demo)
		module libmicrohttpd libmicrohttpd-dev
		command_ openssl openssl
		command_ sqlite3 sqlite3
		authorities
		;;
	sanitize) # needs the compiler, so it is asked for after "build"
		major=$("$compiler" -dumpversion | cut -d. -f1)
		case $compiler in
		clang*) [ -e "$("$compiler" -print-file-name="libclang_rt.asan-$(uname -m).a")" ] ||
			lacks "libclang-rt-$major-dev" "the sanitizers' runtime for $compiler $major" ;;
		esac
		;;
	power) # where only root's PATH leads
		PATH=$PATH:/usr/sbin:/sbin command_ mkfs.ext4 e2fsprogs
		PATH=$PATH:/usr/sbin:/sbin command_ mkfs.xfs xfsprogs
		;;
	count) # instructions
		command_ valgrind valgrind
		PATH=$PATH:/usr/sbin command_ nginx nginx-light
		;;
	bench)
		command_ openssl openssl
		command_ sqlite3 sqlite3
		# nginx stands where only root's PATH leads.
		PATH=$PATH:/usr/sbin command_ nginx nginx-light
		command_ wrk wrk
		command_ php php-cli
		php -m 2>/dev/null | grep -q pdo_sqlite || lacks php-sqlite3 'the PHP module pdo_sqlite'
		command_ python3 python3
		command_ valgrind valgrind
		;;
	deb)
		# Not a thing to look for: dpkg-buildpackage asks for the package itself.
		[ "$(dpkg-query -W -f '${db:Status-Status}' build-essential 2>/dev/null)" = installed ] ||
			lacks build-essential 'the package build-essential'
		command_ dpkg-buildpackage dpkg-dev
		command_ dh debhelper
		command_ fakeroot fakeroot
		;;
	rpm)
		command_ rpmbuild rpm
		;;
	*)
		echo "need-packages.sh: no set '$set'" >&2
		exit 64
		;;
	esac
done
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # words are wanted
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
missing=${missing% }

sudo=
if [ "$(id -u)" != 0 ]; then sudo=sudo; fi

if ! command -v apt-get >/dev/null 2>&1; then
	echo "outboxd: this system lacks:$things" >&2
	echo "Install them with this system's package manager and run make again." >&2
	echo "(On Debian and Ubuntu the packages are: $missing)" >&2
	exit 1
fi
if [ -n "$check" ] || { [ -n "$sudo" ] && ! command -v sudo >/dev/null 2>&1; }; then
	echo "outboxd: missing packages: $missing" >&2
	echo "Install them (as root), then run make again:" >&2
	echo "  apt-get update && apt-get install --no-install-recommends $missing" >&2
	exit 1
fi

echo "outboxd: installing missing packages: $missing"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" \
		</dev/null >>"$log" 2>&1
}
if [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; then
	sudo -v || exit 1 # asks for the password where there is someone to ask
fi
# An update that fails in part (a third party's broken source) need not matter: the installation decides.
apt update
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $missing; then
	cat "$log" >&2
	echo "outboxd: could not install: $missing" >&2
	exit 1
fi
