#!/bin/sh
# A store is not kept on a network file system: it is refused, with the remedy, and moves.
. "$(dirname "$0")/lib.sh"
needs_trace
small_project
# f_type, the first word of what statfs() gives, becomes another for what lies in the project.
on() { # MAGIC ARGS…
    magic=$1
    shift
    store=$PWD/.lorabuild
    straced -f -o "$scratch/trace" -P "$PWD" -P "$store" -P "$store/shared" -P "$store/shared/cache" \
        -P "$store/shared/keep" -P "$store/clients/a/cache" -P "$store/clients/a/keep" -e trace=statfs -e inject=statfs:poke_exit=@arg2=${magic}00000000 "$lorabuild" "$@" >"$scratch/out" 2>&1 </dev/null
    rc=$?
    out=$(normalise <"$scratch/out")
}
straced -o /dev/null -P / -e trace=statfs -e inject=statfs:poke_exit=@arg2=6969000000000000 true 2>/dev/null ||
    skip_all 'strace is too old'
on 69690000 client-a
check 'a project on NFS is not built' test "$rc" = 1
says 'the file system is named' 'network file system (NFS)'
says 'and the remedy' 'set LORABUILD_STORE to a folder on a disk of this machine'
check 'nothing is begun there' test -z "$(find . -name '*.mdb')"
check_not 'no version is made' test -e adapters/text-a
on 69690000 status
check 'status says so, too' holds 'network file system (NFS)'
on 424d53ff status
says 'SMB likewise' 'network file system (SMB)'
on 46557365 status
says 'and what hides behind FUSE' 'network file system (FUSE)'
on 69690000 doctor
says 'and doctor' 'network file system'

export LORABUILD_STORE="$scratch/stores"
on 69690000 client-a
check 'with the remedy it builds' test "$rc" = 0
says 'as ever' 'ready, in use: adapters/text-a/v1'
check 'the store lies elsewhere' test -e "$(echo "$LORABUILD_STORE"/*)/shared/cache/data.mdb"
check 'and no file of it in the project' test -z "$(find .lorabuild -type f)"
on 69690000 client-a
says 'and the next run finds it' 'v1 is current'
finish
