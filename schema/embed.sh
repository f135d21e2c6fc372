# embed.sh - the SQL of schema/ as C: DIRECTORY/schema_sql.h and schema_sql.c.
#
#   sh schema/embed.sh SCHEMA_DIRECTORY OUTPUT_DIRECTORY
#
#   migrations/NNN-what.sql   in order, 001 upwards without a gap -> schema_migrations[], schema_migration_count
#   code.sql                  triggers and views                  -> schema_code[]
#   statements.sql            blocks that begin with "-- name: foo" -> statement_sql[STATEMENT_FOO]
#
# Everything becomes arrays of characters: a C11 string literal need not be longer than 4095. In statements.sql lines
# that are only a comment are left out, and the final semicolon too; the other files are taken as they stand, because SQLite keeps a
# table's comments for whoever looks at it.
set -eu
LC_ALL=C
export LC_ALL
schema=$1
out=$2
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

n=0
for file in "$schema"/migrations/*.sql; do
	[ -e "$file" ] || break
	n=$((n + 1))
	case ${file##*/} in
	"$(printf %03d $n)"-*) ;;
	*)
		echo "$file: migration $(printf %03d $n)-... expected here: they are numbered from 001 without a gap" >&2
		exit 1
		;;
	esac
done
set -- "$schema"/migrations/*.sql "$schema/code.sql" "$schema/statements.sql"
for file; do
	if [ ! -e "$file" ]; then
		# Not an error yet for who builds a part that needs no SQL.
		printf '#error "%s is missing"\n' "$file" >"$out/schema_sql.h"
		cp "$out/schema_sql.h" "$out/schema_sql.c"
		exit 0
	fi
done

awk -v header="$tmp/schema_sql.h" -v source="$tmp/schema_sql.c" '
function fail(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what > "/dev/stderr"
	failed = 1
	exit 1
}
# One line of SQL as character constants.
function characters(line,    i, c, row) {
	row = "\t"
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (c == "\\" || c == "\047")
			row = row "\047\\" c "\047,"
		else if (c in octal)
			row = row "\047\\" octal[c] "\047,"
		else
			row = row "\047" c "\047,"
	}
	print row "\047\\n\047," > source
}
function begin_array(declaration) {
	print declaration "[] = {" > source
	open = 1
}
function end_array() {
	if (open)
		print "\t0};\n" > source
	open = 0
}
function end_statement(    i) {
	if (name == "")
		return
	while (lines > 0 && text[lines] ~ /^[ \t]*$/)
		lines--
	if (lines == 0)
		fail("the statement " name " before this line is empty")
	sub(/[ \t]*;[ \t]*$/, "", text[lines])
	begin_array("static const char statement_" name)
	for (i = 1; i <= lines; i++)
		characters(text[i])
	end_array()
	name = ""
}
BEGIN {
	for (i = 1; i < 256; i++)
		if (i < 32 || i > 126)
			octal[sprintf("%c", i)] = sprintf("%03o", i)
	print "/* Written by schema/embed.sh. */\n#include \"schema_sql.h\"\n" > source
}
FNR == 1 {
	end_array()
	kind = FILENAME ~ /\/statements\.sql$/ ? "statements" : FILENAME ~ /\/code\.sql$/ ? "code" : "migration"
	if (kind == "code")
		begin_array("const char schema_code")
	if (kind == "migration")
		begin_array("static const char migration_" ++migrations)
}
kind != "statements" {
	characters($0)
	next
}
/^-- name:/ {
	end_statement()
	name = $3
	if (NF != 3 || name !~ /^[a-z][a-z0-9_]*$/)
		fail("want \"-- name: lower_case_name\"")
	if (name == "count" || name in seen)
		fail("the name " name " is taken")
	seen[name] = 1
	names[++count] = name
	lines = 0
	next
}
/^[ \t]*--/ { next }
name == "" && /[^ \t]/ { fail("SQL before the first \"-- name:\" line") }
name != "" && (lines > 0 || /[^ \t]/) { text[++lines] = $0 }
END {
	if (failed)
		exit 1
	end_array()
	end_statement()
	if (!count)
		fail("no \"-- name:\" block")

	print "const char *const schema_migrations[] = {" > source
	for (i = 1; i <= migrations; i++)
		print "\tmigration_" i "," > source
	print "};\nconst int schema_migration_count = " migrations ";\n" > source
	print "const char *const statement_sql[STATEMENT_COUNT] = {" > source
	for (i = 1; i <= count; i++)
		print "\t[STATEMENT_" toupper(names[i]) "] = statement_" names[i] "," > source
	print "};\n\nconst char *const statement_names[STATEMENT_COUNT] = {" > source
	for (i = 1; i <= count; i++)
		print "\t[STATEMENT_" toupper(names[i]) "] = \"" names[i] "\"," > source
	print "};" > source

	print "/* Written by schema/embed.sh. */" > header
	print "#ifndef OUTBOXD_SCHEMA_SQL_H\n#define OUTBOXD_SCHEMA_SQL_H\n" > header
	print "extern const char *const schema_migrations[];" > header
	print "extern const int schema_migration_count;" > header
	print "extern const char schema_code[];\n" > header
	print "enum statement {" > header
	for (i = 1; i <= count; i++)
		print "\tSTATEMENT_" toupper(names[i]) "," > header
	print "\tSTATEMENT_COUNT\n};\n" > header
	print "extern const char *const statement_sql[STATEMENT_COUNT];" > header
	print "extern const char *const statement_names[STATEMENT_COUNT];\n\n#endif" > header
}
' "$@"
mv -f "$tmp/schema_sql.c" "$out/schema_sql.c"
mv -f "$tmp/schema_sql.h" "$out/schema_sql.h"
