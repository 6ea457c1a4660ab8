#!/bin/sh
# A damaged store is said once, set aside and filled again; nothing is trained for it.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
cp -Rp . "$scratch/whole"

cut_short() { truncate -s "$(($(stat -c %s "$1") * 6 / 10))" "$1"; }
spoil_metas() { head -c 8192 /dev/zero | tr '\0' 'x' | dd of="$1" conv=notrunc 2>/dev/null; }
add_noise() { # in the middle, over the page that the records are in
    head -c 4096 /dev/urandom | dd of="$1" bs=4096 seek="$(($(stat -c %s "$1") / 8192))" conv=notrunc 2>/dev/null
}

printf '# Proposal for a tram\n\n## Risks\n\n4.1 The tram may be late.\n' >"$scratch/tram.md"

# What is kept is opened where there is something to plan: a new document.
for damage in cut_short spoil_metas add_noise; do
    for place in cache keep; do
        rm -rf .lorabuild clients/a/proposals/tram.md
        cp -Rp "$scratch/whole/.lorabuild" .
        [ $place = cache ] || cp "$scratch/tram.md" clients/a/proposals
        settle
        $damage ".lorabuild/clients/a/$place/data.mdb"
        for run in first second; do
            run -n client-a
            check "B07: $damage of $place: exit status 0" test "$rc" = 0
            if [ $place = cache ]; then
                says 'nothing is trained' 'v2 is current'
            else
                says 'nothing of what was learned is lost' 'text-a v3 from v2: 1 new sample'
            fi
            told=$(printf '%s\n' "$out" | grep -c 'damaged')
            case $run-$damage in
            first-add_noise) ;; # noise may hit a page that is not in use
            first-*) check 'one line says that it was damaged' test "$told" = 1 ;;
            *) check 'the second run is silent' test "$told" = 0 ;;
            esac
        done
        run status
        says_not 'so is status' damaged
    done
done
finish
