# Runs the main process of one container, and outlives the agent that asked for it.
#
#   sh shim.sh FOLDER PRESENCE COMMAND...
#
# FOLDER is the container's. Written there: `shim` and `main` (the lines of /proc/<pid>/stat of this shell and of the
# main process) and, at the end, `exit` (its exit code). Output goes into the pipes `stdout` and `stderr`, which are
# kept open here, so that the container neither fails nor waits for ever when no agent reads. PRESENCE is a pipe that a
# living agent has open: this shell stays until there is one, else what is left in the pipes would be lost.
# The agent made this shell a subreaper: processes that detach themselves end up as its children.

dir=$1 presence=$2
shift 2
read -r stat </proc/self/stat && echo "$stat" >"$dir/shim"
trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
exec 3<>"$dir/stdout" 4<>"$dir/stderr" >/dev/null 2>&1

input=/dev/null
if [ -p "$dir/stdin" ]; then
    input=$dir/stdin
    # Holds the writing end until a line comes through `stdin.close`.
    (read -r line <"$dir/stdin.close") 5>"$dir/stdin" 3>&- 4>&- &
fi

(
    if [ -e "$dir/cgroups" ]; then
        while read -r group; do echo 0 >"$group"; done <"$dir/cgroups"
    fi
    if [ -e "$dir/bwrap.args" ]; then # sandboxed: what bubblewrap reads from descriptors, and where it writes
        exec 9<"$dir/bwrap.args" 6>"$dir/bwrap.status"
        [ ! -e "$dir/seccomp" ] || exec 8<"$dir/seccomp"
        [ ! -e "$dir/processes" ] || exec 7<"$dir/processes"
    fi
    read -r stat </proc/self/stat && echo "$stat" >"$dir/main"
    exec "$@" 3>&- 4>&-
) <"$input" >"$dir/stdout" 2>"$dir/stderr"
code=$?

# What the main process leaves behind ends with it. The empty subshell is waited for, and the dead with it.
tries=0
while [ $tries -lt 200 ]; do
    left=
    read -r left <"/proc/$$/task/$$/children"
    [ -n "$left" ] || break
    kill -KILL $left
    (:)
    tries=$((tries + 1))
done

echo "$code" >"$dir/exit"
[ -p "$presence" ] && : >"$presence"
exit 0
