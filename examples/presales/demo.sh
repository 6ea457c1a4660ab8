#!/bin/sh
# The main job on real input: a domain adapter, a client's adapter over it (v1), two documents
# added (v2), and the same request drafted by the base model, the domain and the client.
# Installs what is missing on a bare Debian 12; a second run skips what is done.
#
# Works in $LORABUILD_DEMO, by default a folder in the cache; the checkout is left as it is.
set -eu
example=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$example/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lorabuild
work=${LORABUILD_DEMO:-$cache/demo}
lorabuild=$root/build/default/lorabuild
proposals=clients/harbour/proposals
request='Write the section "Risks" of a proposal for smart parking.'

title() {
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        printf '\n\033[1m%s\033[0m\n' "$1"
    else
        printf '\n%s\n' "$1"
    fi
}

# Shows the command, then runs it in the work folder.
show() {
    printf '$ lorabuild'
    for word in "$@"; do
        case $word in *' '*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$lorabuild" "$@"
}

# The example as it stands in the checkout, with the cache folder that is really used. Files are
# copied only where they differ: what lorabuild wrote beside them stays.
copy_example() {
    mkdir -p "$work"
    (cd "$example" && find corpus clients -type f -name '*.md') | while read -r file; do
        cmp -s "$example/$file" "$work/$file" || {
            mkdir -p "$work/$(dirname "$file")"
            cp "$example/$file" "$work/$file"
        }
    done
    models=$(printf '%s\n' "$cache/models" | sed 's/[\\&#]/\\&/g')
    sed "s#~/.cache/lorabuild/models\(/[A-Za-z0-9._-]*\)#\"$models\1\"#" "$example/lorabuild.yaml" \
        >"$work/lorabuild.yaml.new"
    replace lorabuild.yaml
    # The same with one more adapter, which learns all documents at once: to compare v2 with.
    awk '{ print } /^  text-%: \{/ { sub(/text-%/, "fresh-%"); print }' "$work/lorabuild.yaml" \
        >"$work/compare.yaml.new"
    replace compare.yaml
}

replace() {
    if cmp -s "$work/$1.new" "$work/$1"; then
        rm "$work/$1.new"
    else
        mv "$work/$1.new" "$work/$1"
    fi
}

built() { # text-harbour v1
    [ -d "$work/adapters/$1/$2" ]
}

# A figure of a version's manifest: tokens (that training read), steps, …
figure() { # VERSION NAME
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["metrics"][sys.argv[2]])' \
        "$work/adapters/text-harbour/$1/manifest.json" "$2"
}

percent() { # PART WHOLE
    awk -v part="$1" -v whole="$2" 'BEGIN { printf "%.0f", 100 * part / whole }'
}

# Mean loss a token on the documents that nobody learned: NAME of a line of `lorabuild loss`.
loss_of() { # NAME TABLE
    printf '%s\n' "$2" | awk -v name="$1" 'index($0, name " ") == 1 { print $NF }'
}

first_version() {
    title '1. Five minutes of a Monday: the client has sent old proposals'
    if built text-harbour v1; then
        echo 'v1 was built by an earlier run.'
    else
        show client-harbour
    fi
    show status
}

second_version() {
    title '2. Tuesday: two more documents'
    for file in "$example"/later/*.md; do
        name=${file##*/}
        if [ -f "$proposals/$name" ]; then
            echo "there already: $proposals/$name"
        else
            cp "$file" "$proposals/$name"
            echo "added: $proposals/$name"
        fi
    done
    show --why client-harbour
    show client-harbour
    first=$(figure v1 tokens) second=$(figure v2 tokens)
    printf '\nv2 read %s tokens in training, v1 %s: %s %% of the work.\n' \
        "$second" "$first" "$(percent "$second" "$first")"
}

losses() {
    title '3. Better? The loss on three proposals of the client that were never learned'
    echo '(for comparison, all documents are also learned at once, from scratch)'
    "$lorabuild" -f compare.yaml fresh-harbour
    table=$("$lorabuild" loss text-harbour@v2 "$example/held-out")
    base=$(loss_of writer "$table") city=$(loss_of 'city v1' "$table")
    two=$(loss_of 'text-harbour v2' "$table")
    table=$("$lorabuild" loss text-harbour@v1 "$example/held-out")
    one=$(loss_of 'text-harbour v1' "$table")
    table=$("$lorabuild" -f compare.yaml loss fresh-harbour "$example/held-out")
    fresh=$(loss_of 'fresh-harbour v1' "$table")
    printf '  %-34s %s\n' 'base model' "$base" 'domain (city)' "$city" 'client v1' "$one" \
        'client v2, continued from v1' "$two" 'all documents learned from scratch' "$fresh"
    awk -v base="$base" -v city="$city" -v two="$two" -v fresh="$fresh" 'BEGIN {
        printf "  base > domain > client: %s\n", (base > city && city > two) ? "yes" : "NO"
        change = 100 * (two / fresh - 1)
        printf "  v2 against from scratch: %+.2f %% (limit 1 %%): %s\n", change,
            change <= 1 ? "yes" : "NO"
        exit !(base > city && city > two && change <= 1)
    }'
}

drafts() {
    title "4. The same request: $request"
    set -- --temperature 0 --max-tokens 220 --repeat-penalty 1.1
    title 'The base model'
    show draft client-harbour --base "$@" "$request"
    title 'The domain adapter'
    show draft city "$@" "$request"
    title "The client's adapter"
    show draft client-harbour "$@" "$request"
}

sh "$root/scripts/setup.sh" build model
copy_example
cd "$work"
printf 'Work folder: %s\n' "$work"
first_version
second_version
losses
drafts
