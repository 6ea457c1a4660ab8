#!/bin/sh
# many_versions.sh FOLDER [COUNT]: a project in FOLDER whose adapter text-a has COUNT versions
# (1000), as if each had been an update of the one before by one document. Only v1 is trained: the
# others are its files under other numbers, with the records that a build would leave. `log` and
# `status` are measured on it: tests/bench/run.sh versions.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
lorabuild=$root/${BUILD:-build/default}/lorabuild
folder=$1
count=${2:-1000}
mkdir -p "$folder/models" "$folder/corpus" "$folder/clients/a/proposals"
cp -R tests/golden/tiny-llama "$folder/models/tiny"
cd "$folder"
cat >lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base: models/tiny
adapters:
  city: {data: corpus/, rank: 4, steps: 2, max_length: 256}
  text-%: {from: city, data: clients/%/proposals/, rank: 4, steps: 2, max_length: 256}
YAML
printf '# Lamps\n\n## Poles\n\nA pole bears one lamp.\n' >corpus/lamps.md
for name in bridge bus market pump school; do
    printf '# Proposal for a %s\n\n## Risks\n\n4.1 The %s may be late.\n' "$name" "$name" \
        >"clients/a/proposals/$name.md"
done
find . -type f -exec touch -d '1 hour ago' {} +
"$lorabuild" -q

adapter=adapters/text-a
records=.lorabuild/clients/a/keep/lineage/text-a
line=$(cat $adapter/history)
manifest=$(cat $adapter/v1/manifest.json)
archive=$(ls $adapter/*.tar.zst)
# The last 8 digits of what differs from version to version carry its number; the newest keeps those
# of v1, which are what the folders hold now.
write_manifest() { # NUMBER DIGITS
    printf '%s\n' "$manifest" | sed -E -e "s/^(  \"version\": )1(,?)\$/\\1$1\\2/" \
        -e "s/^(  \"ancestor\": )0/\\1$(($1 - 1))/" \
        -e "s/(\"(want|attempt)_key\": \".{24}).{8}/\\1$2/" >"$adapter/v$1/manifest.json"
    printf '%s\n' "$line" | sed -E "s/^v1 (.*) (.{24}).{8} (.{64})\$/v$1 \\1 \\2$2 \\3/" >>$adapter/history
}
newest=$(printf '%s\n' "$manifest" | sed -n 's/.*"want_key": "[0-9a-f]\{24\}\(.*\)".*/\1/p')
: >$adapter/history
rm $adapter/v1/manifest.json
number=1
while [ "$number" -le "$count" ]; do
    if [ "$number" -gt 1 ]; then
        mkdir -p "$adapter/v$number"
        cp -Rl $adapter/v1/. "$adapter/v$number"
        rm "$adapter/v$number/manifest.json"
        cp $records/v1.json "$records/v$number.json"
        for end in tar.zst tar.sha256; do
            ln "${archive%-v1.tar.zst}-v1.$end" "${archive%-v1.tar.zst}-v$number.$end"
        done
    fi
    digits=$(printf %08x "$number")
    [ "$number" -lt "$count" ] || digits=$newest
    write_manifest "$number" "$digits"
    number=$((number + 1))
done
printf 'v%s\n' "$count" >$adapter/CURRENT
ln -sfn "v$count" $adapter/current
