# deb.sh - Debian packages of this tree, into BUILD/deb. Called by make deb.
#
#   sh packaging/deb.sh BUILD VERSION
#
# The files that git knows (without git: all but the build directories), as they stand here. Times come from the changelog:
# the same tree gives the same packages, byte for byte. DEB_BUILD_OPTIONS is nocheck unless set: make test is for that.
set -eu
umask 022
build=$1
version=$2
out=$build/deb
tree=$out/outboxd-$version
DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS-nocheck}
DEB_BUILD_PROFILES=${DEB_BUILD_PROFILES-nocheck}
export DEB_BUILD_OPTIONS DEB_BUILD_PROFILES

said=$(sed -n '1s/^outboxd (\(.*\)) .*/\1/p' packaging/debian/changelog)
if [ "$said" != "$version" ]; then
	echo "make deb: packaging/debian/changelog begins with version $said, the Makefile says $version" >&2
	exit 1
fi

rm -rf "$out"
mkdir -p "$tree"
sh packaging/tree.sh "$tree"
cp -R packaging/debian "$tree/debian"
# Whatever the umask and the hour of the check-out.
chmod -R u=rwX,go=rX "$tree"
find "$tree" -exec touch -h -d "@$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Timestamp)" {} +
(cd "$tree" && dpkg-buildpackage --no-sign -rfakeroot) || exit 1
rm -rf "$tree"
ls -l "$out"/*.deb
