# fish completion for minikctl.    minikctl completion fish | source
# or as a file minikctl.fish in ~/.config/fish/completions.

function __minikctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l lines ($program __complete $words[2..-1] "$current" 2>/dev/null)
    test (count $lines) -gt 0; or return
    set -l directive (string replace ':' '' -- $lines[-1])
    set -e lines[-1]
    test (math "bitand($directive, 1)") -eq 0; or return
    # In --flag=value the candidates are values.
    set -l flag (string match -r -- '^-[^=]*=' $current)
    if test (math "bitand($directive, 8)") -ne 0
        __fish_complete_path "$current" | string match -r -- "^[^\t]*(?:/|\.(?:"(string join '|' $lines)"))(?:\t.*)?\$"
    else if test (math "bitand($directive, 16)") -ne 0
        __fish_complete_directories "$current"
    else if test (count $lines) -gt 0
        for line in $lines
            printf '%s%s\n' "$flag" $line
        end
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$current"
    end
end

complete -c minikctl -e
complete -k -c minikctl -f -a '(__minikctl_complete)'
