# install-files.sh - puts everything but the program where it belongs, or takes it away again. Called by make.
#
#   DESTDIR= PREFIX=/usr SYSCONFDIR=/etc UNITDIR=... sh packaging/install-files.sh install|uninstall
#
# One list serves both. The texts speak of /usr and /etc; other places are written into them on the way.
# UNITDIR empty: no systemd unit (a packager's own tool installs it).
set -eu
action=$1
DESTDIR=${DESTDIR-}
share=$PREFIX/share

each() { # each COMMAND: COMMAND SOURCE TARGET
	for file in etc/profiles/*.conf; do
		"$1" "$file" "$share/outboxd/profiles/${file##*/}"
	done
	"$1" etc/outboxd.conf "$share/doc/outboxd/examples/outboxd.conf"
	for file in packaging/man/*.[1-9]; do
		"$1" "$file" "$share/man/man${file##*.}/${file##*/}"
	done
	[ -z "$UNITDIR" ] || "$1" packaging/systemd/outboxd@.service "$UNITDIR/outboxd@.service"
	"$1" packaging/systemd/sysusers.conf "$PREFIX/lib/sysusers.d/outboxd.conf"
	"$1" packaging/systemd/tmpfiles.conf "$PREFIX/lib/tmpfiles.d/outboxd.conf"
	"$1" packaging/completion/outboxd.bash "$share/bash-completion/completions/outboxd"
	"$1" packaging/openrc/outboxd.initd "$share/doc/outboxd/examples/openrc/outboxd.initd"
	"$1" packaging/openrc/outboxd.confd "$share/doc/outboxd/examples/openrc/outboxd.confd"
}

put() {
	mkdir -p "$DESTDIR${2%/*}"
	rm -f "$DESTDIR$2"
	sed -e "s|/usr/bin/outboxd|$PREFIX/bin/outboxd|g" -e "s|/usr/share/outboxd|$share/outboxd|g" \
		-e "s|/usr/share/doc/outboxd|$share/doc/outboxd|g" -e "s|/etc/outboxd|$SYSCONFDIR/outboxd|g" "$1" >"$DESTDIR$2"
	chmod 644 "$DESTDIR$2"
}

# Only what is ours goes; directories only when nothing else is in them.
drop() {
	rm -f "$DESTDIR$2"
	directory=${2%/*}
	while case $directory in */outboxd | */outboxd/*) true ;; *) false ;; esac; do
		rmdir "$DESTDIR$directory" 2>/dev/null || return 0
		directory=${directory%/*}
	done
}

umask 022
case $action in
install) each put ;;
uninstall) each drop ;;
*)
	echo "install-files.sh: install or uninstall" >&2
	exit 64
	;;
esac
