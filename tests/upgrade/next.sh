# next.sh - the SQL of a version to come, as C: schema/ with one migration more (next/migration.sql), and next/code.sql behind
# its triggers and views.
#
#   sh tests/upgrade/next.sh OUTPUT_DIRECTORY
set -eu
out=$1
rm -rf "$out"
mkdir -p "$out/schema/migrations"
cp schema/migrations/*.sql "$out/schema/migrations/"
set -- "$out"/schema/migrations/*.sql
cp tests/upgrade/next/migration.sql "$out/schema/migrations/$(printf %03d $(($# + 1)))-next.sql"
cat schema/code.sql tests/upgrade/next/code.sql >"$out/schema/code.sql"
cp schema/statements.sql "$out/schema/"
sh schema/embed.sh "$out/schema" "$out"
