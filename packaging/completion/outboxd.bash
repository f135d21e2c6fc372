# Bash completion for outboxd. Commands and options come from "outboxd --help", so that they are those of the binary; the
# names of destinations from the configuration that the line names.

# _outboxd_usage COMMAND: what follows the command in the help.
_outboxd_usage() {
	"${COMP_WORDS[0]}" --help 2>/dev/null | sed -n "s/^  outboxd $1 *\( .*\)$/\1/p"
}

# The names one level below "destinations"; comments and strings hold no braces for us.
_outboxd_destinations() {
	[ -r "$1" ] && sed -e 's/"[^"]*"/""/g' -e 's/[#].*//' -e 's,//.*,,' "$1" | tr -d '\n\t ' |
		sed -e 's/[{}]/\n&\n/g' -e 's/;/;\n/g' | awk '
			/^[{]$/ { depth++; names[depth] = pending; next }
			/^[}]$/ { depth--; next }
			{ pending = $0; sub(/[=:]$/, "", pending)
			  if (depth == 1 && names[1] == "destinations") wanted = pending }
			{ if (depth == 1 && names[1] == "destinations" && pending ~ /^[A-Za-z][A-Za-z0-9_-]*$/) print pending }'
}

_outboxd() {
	local current=${COMP_WORDS[COMP_CWORD]} previous='' command='' config='' i words
	COMPREPLY=()
	[ "$COMP_CWORD" -gt 1 ] && previous=${COMP_WORDS[COMP_CWORD - 1]}
	[ "$COMP_CWORD" -gt 1 ] && command=${COMP_WORDS[1]}

	if [ -z "$command" ]; then
		words=$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  outboxd \([a-z][a-z]*\) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$current")
		return
	fi
	case $previous in
	--config)
		mapfile -t COMPREPLY < <(compgen -f -- "${current:-/etc/outboxd/}")
		type compopt >/dev/null 2>&1 && compopt -o filenames
		return
		;;
	--database | --body)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		type compopt >/dev/null 2>&1 && compopt -o filenames
		return
		;;
	--phase)
		mapfile -t COMPREPLY < <(compgen -W 'submit poll' -- "$current")
		return
		;;
	--text | --i-checked-with-gateway | --operation | --status | --header)
		return
		;;
	esac
	for ((i = 2; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = --config ] && config=${COMP_WORDS[i + 1]}
	done
	if [[ $current == -* ]]; then
		words=$(_outboxd_usage "$command" | grep -o -- '--[a-z][a-z-]*')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return
	fi
	case $command in
	hold | release) words=$(_outboxd_destinations "$config") ;;
	resolve) words='succeeded failed canceled' ;;
	explain)
		words=
		for i in /usr/share/outboxd/profiles/*.conf; do
			[ -e "$i" ] || continue
			i=${i##*/}
			words="$words ${i%.conf}"
		done
		;;
	*) words=$(_outboxd_usage "$command" | grep -o -- '--[a-z][a-z-]*') ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
} && complete -F _outboxd outboxd
