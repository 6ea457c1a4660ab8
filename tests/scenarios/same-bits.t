#!/bin/sh
# Same input, same bits: adapter, manifest, samples and tar, whatever is around them.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals
printf '# Proposal\n\n## Risks\n\nThe kiosk of b may be late.\n' >clients/b/proposals/one.md
settle
cp -Rp . "$scratch/two"
mkdir -p "$scratch/deep/er"
cp -Rp . "$scratch/deep/er/three"
cp -Rp . "$scratch/four"

run --threads 1
check 'the first run builds all' test "$rc" = 0

# same WORDS FOLDER
same() {
    for same_file in adapters/city/v1 adapters/text-a/v1 adapters/text-b/v1; do
        diff -r "$same_file" "$2/$same_file" >/dev/null || { report 1 "$1: $same_file"; return; }
        same_name=${same_file#adapters/}
        same_name=${same_name%/v1}
        same_tar=$(cut -d' ' -f1 adapters/"$same_name"/*-v1.tar.sha256)
        [ "$same_tar" = "$(cut -d' ' -f1 "$2/adapters/$same_name"/*-v1.tar.sha256)" ] || {
            report 1 "$1: tar of $same_name"; return; }
    done
    report 0 "$1"
}
(cd "$scratch/two" && "$lorabuild" --threads 2 -q)
same '1 and 2 threads' "$scratch/two"
(cd "$scratch/deep/er/three" && umask 077 && TZ=Asia/Shanghai LC_ALL=C HOME=$scratch "$lorabuild" -q -j2)
same 'another folder, umask, time zone, locale and -j2' "$scratch/deep/er/three"
(cd "$scratch/four" && "$lorabuild" -q --memory 110M)
same 'little memory' "$scratch/four"
finish
