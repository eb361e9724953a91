# bash completion for minikctl.    source <(minikctl completion bash)
#
# Needs nothing else: neither the package bash-completion nor a bash newer than 3.2.
# With an alias:    alias k=minikctl; complete -o default -F __start_minikctl k

# The words up to the cursor, into $words. bash splits them at = and : as well; what no blank parts is one word here.
__minikctl_words() {
    local line=${COMP_LINE:0:COMP_POINT} blank word i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=${line%%[![:space:]]*}
        line=${line#"$blank"}
        if ((i == COMP_CWORD)); then word=$line; else word=${COMP_WORDS[i]}; fi
        line=${line#"$word"}
        if [[ -z $blank && $i -gt 0 ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
    done
}

# Ask minikctl. Fills $candidates and $directive.
__minikctl_ask() {
    local program=${words[0]} args=() word line
    program=${BASH_ALIASES[$program]:-$program}
    program=${program/#\~\//$HOME/}
    for word in "${words[@]:1}"; do
        word=${word//[\"\']/}
        args+=("${word//\\/}")
    done
    candidates=()
    directive=0
    # shellcheck disable=SC2086  # an alias may be several words
    while IFS= read -r line; do
        case $line in
        :[0-9]*) directive=${line#:} ;;
        ?*) candidates+=("$line") ;;
        esac
    done < <($program __complete "${args[@]}" 2>/dev/null)
}

# Keep the candidates that begin as the word does. With several, show their descriptions in a column.
__minikctl_offer() {
    local tab=$'\t' matching=() candidate name quoted width=0 room
    for candidate in "${candidates[@]}"; do
        printf -v quoted '%q' "${candidate%%"$tab"*}"
        [[ $quoted == "$current"* ]] || continue
        matching+=("$candidate")
        name=${candidate%%"$tab"*}
        ((${#name} > width)) && width=${#name}
    done
    if ((${#matching[@]} == 1)); then
        printf -v quoted '%q' "${matching[0]%%"$tab"*}"
        COMPREPLY=("$quoted")
        return
    fi
    room=$((${COLUMNS:-80} - width - 4))
    for candidate in "${matching[@]}"; do
        name=${candidate%%"$tab"*}
        if [[ $candidate == *"$tab"* && $COMP_TYPE != 37 && $COMP_TYPE != 42 && $room -gt 8 ]]; then
            candidate=${candidate#*"$tab"}
            ((${#candidate} > room)) && candidate=${candidate:0:room-1}…
            printf -v name '%-*s  (%s)' "$width" "$name" "$candidate"
        fi
        COMPREPLY+=("$name")
    done
}

# readline replaces what stands behind the last = or : only, where these part words.
__minikctl_cut() {
    local separator head i
    for separator in = :; do
        [[ $current == *"$separator"* && $COMP_WORDBREAKS == *"$separator"* ]] || continue
        head=${current%"${current##*"$separator"}"}
        for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
            COMPREPLY[i]=${COMPREPLY[i]#"$head"}
        done
    done
}

__start_minikctl() {
    local words candidates directive current extension line
    COMPREPLY=()
    __minikctl_words
    __minikctl_ask
    ((directive & 1)) && return
    current=${words[${#words[@]}-1]}
    [[ $current == -*=* ]] && current=${current#*=}
    if [[ $(type -t compopt) == builtin ]]; then
        ((directive & 2)) && compopt -o nospace
        ((directive & 4)) && compopt +o default
        ((directive & 32)) && compopt -o nosort 2>/dev/null
        ((directive & 24)) && compopt -o filenames
    fi
    if ((directive & 24)); then
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current")
        ((directive & 8)) || return
        for extension in "${candidates[@]}"; do
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -X "!*.$extension" -- "$current")
        done
        return
    fi
    __minikctl_offer
    __minikctl_cut
}

complete -o default -F __start_minikctl minikctl
