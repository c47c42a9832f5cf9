# SPDX-License-Identifier: Apache-2.0
# Completion of platenctl(1) in bash. Names come from platend, if it runs.

# _platenctl_names VERB [WORKSPACE]: the names in what platenctl answers, one per line.
_platenctl_names() {
	local line
	while IFS= read -r line; do
		# Names beyond ASCII are \uXXXX in JSON, as printf has them.
		printf '%b\n' "$line"
	done < <("${_platenctl_command[@]}" --json "$@" 2>/dev/null |
		sed -n 's/^ *"name": "\(.*\)",\{0,1\}$/\1/p')
}

# _platenctl_offer WORD...: those that the current word begins.
_platenctl_offer() {
	local word
	for word; do
		[[ $word == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
	done
}

# _platenctl_files: files that the current word begins; readline quotes them.
_platenctl_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_platenctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb='' word i skip=''
	local operands=() names=() options=(--json --socket --help)
	local _platenctl_command=("${COMP_WORDS[0]}")
	COMPREPLY=()
	[ "$cur" != = ] || cur=

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = && $skip ]]; then
			continue # of --option=value
		elif [ "$skip" ]; then
			[ "$skip" != --socket ] || _platenctl_command+=(--socket "$word")
			skip=
		elif [[ $word =~ ^--(socket|printer|model|restart|limit|defer|policy)$ ]]; then
			skip=$word
		elif [[ $word != -* && -z $verb ]]; then
			verb=$word
		elif [[ $word != -* ]]; then
			operands+=("$word")
		fi
	done
	case $skip in
	'') ;;
	--socket)
		_platenctl_files
		return
		;;
	*)
		case $skip in
		--printer) mapfile -t names < <(_platenctl_names printers) ;;
		--restart) names=(none spooler workspace) ;;
		--policy) names=(auto ask never unset) ;;
		--defer) names=(1h 4h 1d) ;;
		esac
		_platenctl_offer "${names[@]}"
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		case $verb in
		'') options+=(--version) ;;
		jobs) options+=(--all --limit) ;;
		job) options+=(--printed) ;;
		mode) options+=(--default) ;;
		attach) options+=(--virtio --vsock) ;;
		driver) options+=(--printer --model --diff --restart) ;;
		restart) options+=(--now --ask --defer --cancel --policy) ;;
		esac
		_platenctl_offer "${options[@]}"
		return
	fi
	case $verb,${#operands[@]} in
	,*)
		_platenctl_offer status workspaces printers jobs job mode rendering driver attach detach restart doctor explain
		return
		;;
	mode,0)
		[[ " ${COMP_WORDS[*]} " != *' --default '* ]] || names=(off network all unset)
		[ ${#names[@]} -gt 0 ] || mapfile -t names < <(_platenctl_names workspaces)
		;;
	printers,0 | jobs,0 | job,1 | detach,0 | restart,0 | doctor,0 | explain,1) mapfile -t names < <(_platenctl_names workspaces) ;;
	explain,0 | rendering,0) mapfile -t names < <(_platenctl_names printers) ;;
	attach,0) mapfile -t names < <(virsh -q list --all --name 2>/dev/null | sed '/^$/d') ;;
	mode,1) names=(off network all unset) ;;
	rendering,1) names=(host guest unset) ;;
	job,0) names=(retry forget) ;;
	job,2) mapfile -t names < <(_platenctl_names jobs) ;;
	driver,0) names=(add list show remove refresh package) ;;
	driver,1)
		case ${operands[0]} in
		package) names=(add list remove) ;;
		show | refresh) mapfile -t names < <(_platenctl_names printers) ;;
		add) _platenctl_files && return ;;
		esac
		;;
	driver,2)
		[ "${operands[0]} ${operands[1]}" != 'package add' ] ||
			{ _platenctl_files && return; }
		;;
	esac
	_platenctl_offer "${names[@]}"
}

complete -F _platenctl platenctl
