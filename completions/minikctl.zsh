#compdef minikctl
# zsh completion for minikctl.    source <(minikctl completion zsh)
# or as a file _minikctl in a folder of $fpath.

_minikctl() {
    local -a lines shown keep space
    local program line name directive=0
    program=${~words[1]}
    lines=("${(@f)$($program __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    for line in $lines; do
        if [[ $line == :<-> ]]; then
            directive=${line#:}
        elif [[ -n $line ]]; then
            name=${${line%%$'\t'*}//:/\\:}
            if [[ $line == *$'\t'* ]]; then shown+=("$name:${line#*$'\t'}"); else shown+=("$name"); fi
        fi
    done
    (( directive & 1 )) && return 1
    # In --flag=value the candidates are values.
    [[ $PREFIX == -*=* ]] && compset -P '*='
    (( directive & 2 )) && space=(-S '')
    (( directive & 32 )) && keep=(-V)
    if (( directive & 8 )); then
        _files -g "*.(${(j:|:)shown})"
    elif (( directive & 16 )); then
        _files -/
    elif (( $#shown )) && _describe $keep 'completions' shown $space; then
        return 0
    elif (( directive & 4 )); then
        return 1
    else
        _files
    fi
}

if [[ $funcstack[1] == _minikctl ]]; then
    _minikctl "$@"
elif (( $+functions[compdef] )); then
    compdef _minikctl minikctl
fi
