#!/bin/sh
# What was deleted by hand comes back from what is left, with a line each, and is never trained.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
folder=adapters/text-a
archive=$(ls "$folder"/*-v1.tar.zst)
sha=$(cat "$folder"/*-v1.tar.sha256)
wanted=$(cd "$folder/v1" && find . -type f | sort | xargs sha256sum)

# healed WORDS LINE: a build says LINE, nothing is trained, v1 is as it was and in use.
healed() {
    run client-a
    says "B09: $1: nothing is trained" 'v1 is current'
    says 'one line says what came back' "$2"
    check 'one line' test "$(printf '%s\n' "$out" | wc -l)" = 2
    check 'v1 is as it was' test "$(cd "$folder/v1" && find . -type f | sort | xargs sha256sum)" = "$wanted"
    check 'and in use' test "$(readlink "$folder/current") $(cat "$folder/CURRENT")" = 'v1 v1'
    run client-a
    check 'the next run is silent' test "$(printf '%s\n' "$out" | wc -l)" = 1
}

rm "$folder/v1/adapter_model.safetensors"
healed 'weights' 'adapter_model.safetensors was missing or damaged; brought back from the archive'
rm "$archive"
healed 'the archive' 'its archive was missing; packed again'
check 'the archive is there' test -f "$archive"
check 'with the same digest' test "$(cat "$folder"/*-v1.tar.sha256)" = "$sha"
rm "$folder/current"
healed 'the link' 'the link `current` points to it again'
rm "$folder/CURRENT"
healed 'CURRENT' 'CURRENT names it again'
rm "$folder/v1/manifest.json"
healed 'the manifest' 'manifest.json was missing or damaged; brought back from the archive'
rm -r "$folder/v1"
healed 'the whole folder' 'its folder was missing; brought back from the archive'

rm -r .lorabuild/clients/a/cache .lorabuild/shared/cache
run client-a
says 'B09: without the caches nothing is to be done' 'v1 is current'
check 'and nothing is said of it' test "$(printf '%s\n' "$out" | wc -l)" = 1

rm -r "$folder/v1" "$archive"
run -n client-a
says 'B09: folder and archive gone: the plan says so' 'its folder is gone, and so is the archive'
says 'and what it costs, before building' 'text-a v2: about TIME'
check_not 'and builds nothing' test -e "$folder/v2"
run client-a
says 'then it is built under the next number' 'adapters/text-a/v2'
check 'to the same weights' test "$(sha256sum <"$folder/v2/adapter_model.safetensors")" = "$(cd /; printf '%s\n' "$wanted" | sed -n 's# *\./adapter_model.safetensors$#  -#p')"
finish
