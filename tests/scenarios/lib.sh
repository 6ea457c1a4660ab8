# shellcheck shell=sh disable=SC2034,SC2154
# lib.sh: what the scenarios share. A scenario is a page of the manual: given files, a command,
# what the user sees. It begins with
#
#   . "$(dirname "$0")/lib.sh"
#
# which leaves it in an empty folder of its own (with a space in its name), and ends with `finish`.
# The program is $LORABUILD, else build/default/lorabuild. Output is TAP, for `prove`.
#
#   check WORDS COMMAND…  ok when COMMAND succeeds          check_not WORDS COMMAND…
#   run ARGS…             lorabuild ARGS; output in $out, its lines as seen, and $rc
#   expect WORDS RC <<…   ok when the last run ended with RC and $out is the given text
#   says WORDS TEXT       ok when $out holds TEXT           says_not WORDS TEXT
#   small_project         client a with five short documents over a tiny base: see there
#   trace ARGS…           run, under strace; the files it opened, one a line, in $scratch/opened
#   needs_trace           ends a scenario where strace cannot be used
#   skip_all WHY          ends a scenario that cannot run here
#
# Compared texts are normalised: a duration becomes TIME (the spaces that flush it right become
# two), a loss LOSS, the disk's use SIZE, the own folder DIR. So scenarios write "v1        ready  TIME total".

set -u
export LC_ALL=C.UTF-8 NO_COLOR=1 TZ=UTC OMP_WAIT_POLICY=passive
unset XDG_CACHE_HOME LANGUAGE OMP_NUM_THREADS 2>/dev/null
root=$(cd "$(dirname "$0")/../.." && pwd)
tests=$root/tests
lorabuild=${LORABUILD:-build/default/lorabuild}
case $lorabuild in /*) ;; *) lorabuild=$root/$lorabuild ;; esac
tap_count=0 tap_failed=0 rc=0 out=

scratch=$(mktemp -d "${TMPDIR:-/tmp}/lorabuild test.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/home" "$scratch/project" "$scratch/tmp"
# Trainings agree on memory and processors in TMPDIR: tests must not wait for one another.
export HOME="$scratch/home" TMPDIR="$scratch/tmp"
cd "$scratch/project" || exit 1

report() { # STATUS WORDS
    tap_count=$((tap_count + 1))
    if [ "$1" -eq 0 ]; then
        printf 'ok %d - %s\n' "$tap_count" "$2"
    else
        tap_failed=$((tap_failed + 1))
        printf 'not ok %d - %s\n' "$tap_count" "$2"
    fi
}

comment() { # standard input, as diagnostics
    sed 's/^/# /' >&2
}

check() {
    tap_words=$1
    shift
    if "$@"; then report 0 "$tap_words"; else report 1 "$tap_words"; fi
}

check_not() {
    tap_words=$1
    shift
    if "$@"; then report 1 "$tap_words"; else report 0 "$tap_words"; fi
}

normalise() {
    sed -E -e "s#$scratch/project#DIR#g" \
        -e 's/( {2,})?\b([0-9]+ h )?([0-9]+ min )?[0-9]+(\.[0-9]+)? (s|min|h)\b/\1TIME/g' \
        -e 's/ {2,}TIME/  TIME/' \
        -e 's/\b(before|now|loss|alone,|in full) [0-9]+\.[0-9]+/\1 LOSS/g' \
        -e 's/(held-out loss|loss) [0-9]+\.[0-9]+/\1 LOSS/g' \
        -e 's/\b[0-9]+\.[0-9]+ (before|now|with)\b/LOSS \1/g' \
        -e 's/^Disk [0-9.]+ [kMG]B/Disk SIZE/' \
        -e 's/of [0-9]+\.[0-9]+ GB free/of SIZE GB free/' \
        -e 's/[+-]?[0-9]+\.[0-9]+ % \(limit/CHANGE % (limit/'
}

run() {
    "$lorabuild" "$@" >"$scratch/out" 2>&1 </dev/null
    rc=$?
    out=$(normalise <"$scratch/out")
}

needs_trace() {
    command -v strace >/dev/null || skip_all 'strace is not installed'
    strace -f -o /dev/null true 2>/dev/null || skip_all 'strace may not be used here'
    quickly=
    if strace -f --seccomp-bpf -o /dev/null true 2>/dev/null; then quickly=--seccomp-bpf; fi
}

trace() {
    strace -f $quickly -e trace=open,openat,openat2,creat -o "$scratch/trace" \
        "$lorabuild" "$@" >"$scratch/out" 2>&1 </dev/null
    rc=$?
    out=$(normalise <"$scratch/out")
    grep -v -e '= -1 ' -e '+++' "$scratch/trace" | grep -o '"[^"]*"' | tr -d '"' >"$scratch/opened"
}

expect() {
    cat >"$scratch/wanted"
    printf '%s\n' "$out" >"$scratch/seen"
    if [ "$rc" -eq "$2" ] && cmp -s "$scratch/wanted" "$scratch/seen"; then
        report 0 "$1"
    else
        report 1 "$1"
        printf 'exit status %d, wanted %d\n' "$rc" "$2" | comment
        diff -u "$scratch/wanted" "$scratch/seen" | comment
    fi
}

holds() {
    case $out in *"$1"*) return 0 ;; esac
    return 1
}

says() {
    if holds "$2"; then
        report 0 "$1"
    else
        report 1 "$1"
        printf 'not in the output: %s\nexit status %d, output:\n%s\n' "$2" "$rc" "$out" | comment
    fi
}

says_not() {
    if holds "$2"; then
        report 1 "$1"
        printf 'in the output: %s\n%s\n' "$2" "$out" | comment
    else
        report 0 "$1"
    fi
}

# client a with five short documents, over the tiny base in tests/golden (or $LORABUILD_TINY).
small_project() {
    tiny=${LORABUILD_TINY:-$tests/golden/tiny-llama}
    mkdir -p models corpus clients/a/proposals
    cp -R "$tiny" models/tiny
    cat >lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base: {writer: models/tiny}
datasets:
  papers: {text: corpus/}
  proposals-%: {text: clients/%/proposals/}
adapters:
  city: {base: writer, data: papers, rank: 4, steps: 12, max_length: 256, precision: f32}
  text-%: {from: city, data: proposals-%, rank: 4, steps: 12, max_length: 256, precision: f32}
groups:
  client-%: [text-%]
YAML
    printf '# Lamps\n\n## Poles\n\nA pole bears one lamp.\n\nA lamp lights one street.\n' >corpus/lamps.md
    printf '# Water\n\n## Pipes\n\nPipes leak at night.\n' >corpus/water.md
    for small_name in bridge bus market pump school; do
        printf '# Proposal for a %s\n\n## Risks\n\n4.1 The %s may be late.\n\n4.2 We carry the %s.\n' \
            "$small_name" "$small_name" "$small_name" >"clients/a/proposals/$small_name.md"
    done
    settle
}

# A file changed less than two seconds ago is waited for; tests need not wait.
settle() {
    find . -type f -exec touch -d '1 hour ago' {} +
}

skip_all() {
    printf '1..0 # SKIP %s\n' "$1"
    exit 0
}

finish() {
    printf '1..%d\n' "$tap_count"
    [ "$tap_failed" -eq 0 ]
    exit
}

[ -x "$lorabuild" ] || [ "${LORABUILD:-}" = none ] || {
    printf 'Bail out! no program at %s: run make\n' "$lorabuild"
    exit 1
}
