# rpm.sh - RPM packages of this tree, into BUILD/rpm. Called by make rpm.
#
#   sh packaging/rpm.sh BUILD VERSION
#
# Where rpm does not know what is installed (on Debian), what the build needs is not asked of it.
set -eu
umask 022
mkdir -p "$1"
build=$(cd "$1" && pwd)
version=$2
top=$build/rpm
tree=$top/SOURCES/outboxd-$version
deps=
if ! rpm -q rpm >/dev/null 2>&1; then deps=--nodeps; fi

rm -rf "$top"
mkdir -p "$tree" "$top/BUILD" "$top/RPMS" "$top/SPECS"
sh packaging/tree.sh "$tree"
chmod -R u=rwX,go=rX "$tree"
SOURCE_DATE_EPOCH=$(date -u -d "$(sed -n 's/^\* \(.*\) The outboxd authors.*/\1/p' packaging/rpm/outboxd.spec | head -1) 12:00" +%s)
export SOURCE_DATE_EPOCH
(cd "$top/SOURCES" && tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "outboxd-$version" |
	gzip -9n >"outboxd-$version.tar.gz")
rm -rf "$tree"
install -m 644 packaging/rpm/outboxd.spec "$top/SPECS/"
# No source package: rpm writes into it where it was built, and its digest into the others.
# shellcheck disable=SC2086 # nothing, or one word
rpmbuild -bb $deps --define "_topdir $top" --define "version_ $version" "$top/SPECS/outboxd.spec"
rm -rf "$top/BUILD" "$top/BUILDROOT"
find "$top/RPMS" -name '*.rpm' -exec ls -l {} +
