# What the exercise books share beside frame.sh; sourced by them, not run.
#
# They work in a temporary folder, and their editor is sed.
work=$(mktemp -d)
cd "$work"
export KUBE_EDITOR="$work/editor"
printf '#!/bin/sh\nsed -i "s/c: \\"3\\"/c: edited/" "$1"\n' >editor
chmod +x editor
trap 'cleanup; rm -rf "$work"' EXIT

check() { # check WANTED COMMAND…: show a command; it must answer that, or in lines that begin so
    wanted=$1
    shift
    answer=$(run "$@")
    printf '%s\n' "$answer"
    answer=$(printf '%s\n' "$answer" | sed 1d)
    if [ "$answer" = "$wanted" ]; then return; fi
    case "
$answer" in
        *"
$wanted"*) [ -n "$wanted" ] || expect "$wanted" "$answer" ;;
        *) expect "$wanted" "$answer" ;;
    esac
}

fails() { # fails WORDS COMMAND…: it must be refused, with these words
    words=$1
    shift
    if answer=$(run "$@" 2>&1); then expect "a refusal ($words)" "$answer"; fi
    printf '%s\n' "$answer"
    case $answer in *"$words"*) ;; *) expect "$words" "$answer" ;; esac
}

refuses() { # refuses ANSWER COMMAND…: exit code 1 and this answer
    wanted=$1
    shift
    if answer=$(run "$@"); then expect "exit code 1" "$answer"; fi
    printf '%s\n' "$answer"
    expect "$wanted" "$(printf '%s\n' "$answer" | sed 1d)"
}

differs() { # differs COMMAND…: exit code 1, and something to show
    if answer=$(run "$@"); then expect "a difference" "none"; fi
    printf '%s\n' "$answer"
    case $answer in *+*) ;; *) expect "a difference" "$answer" ;; esac
}

generate() { # generate FILE COMMAND…: the command's output into a file
    file=$1
    shift
    run "$@" | sed 1d >"$file"
    test -s "$file" || expect "something in $file" "nothing"
}
