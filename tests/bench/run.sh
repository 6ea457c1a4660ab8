#!/bin/sh
# run.sh [PART…]: our speed and memory beside our peers', in one run, as ratios. `make bench`.
#
#   step  one LoRA step of SmolLM2-135M (512 tokens, r16, all linear layers): lorabuild on the
#         model's GGUF beside PEFT + torch at its best (f32, bf16, with and without torch.compile)
#   noop  a build with nothing to do over 100,000 sample files, beside make and ninja on the same
#   expand  stored numbers of every type to f32 and bf16, beside copying memory
#   scan  the first scan of as many, beside xxhsum
#   new   one new file among as many: planned, and files opened
#   lines     nothing to do over one .jsonl of a million records (BENCH_LINES)
#   versions  log and status of an adapter with a thousand versions (BENCH_VERSIONS)
#   growth    a scan of 10,000, 100,000 and a million files (BENCH_GROWTH); only when asked for
#
# Times on a shared machine are noisy: compare the ratios of one run, never figures of two.
# LORABUILD and BUILD say what was built; LORABUILD_CACHE where the venv and the model are;
# BENCH_STEPS the steps (6), BENCH_FILES the files in each of 100 folders (1000).
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
build=$root/${BUILD:-build/default}
cache=${LORABUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lorabuild}
model=$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf
python=$cache/venv/bin/python
threads=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

ratio() { # A B: A / B
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

field() { # NAME < a JSON line
    sed -n "s/.*\"$1\": *\([0-9.]*\).*/\1/p"
}

step() {
    [ -f "$model" ] || { echo "step: no model; run scripts/setup.sh model"; return 1; }
    [ -x "$python" ] || { echo "step: no venv; run tests/oracle/setup.sh"; return 1; }
    steps=${BENCH_STEPS:-6}
    echo "One training step, SmolLM2-135M, 512 tokens, r16, $threads threads"
    # Without bf16 in hardware torch emulates it, many times slower than f32: never its best.
    set -- 'f32' 'f32 --compile'
    if grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo; then
        set -- "$@" 'bf16' 'bf16 --compile'
    fi
    for peer in "$@"; do
        # shellcheck disable=SC2086
        line=$("$python" tests/bench/peers/peft_step.py smollm2-135m $peer --steps "$steps" \
            --threads "$threads" 2>/dev/null | tail -n 1) || line=
        speed=$(printf '%s\n' "$line" | field tokens_per_second)
        memory=$(printf '%s\n' "$line" | field peak_mb)
        printf '  PEFT %-16s %8s tokens/s %7s MB\n' "$peer" "${speed:-failed}" "${memory:--}"
        [ -z "$speed" ] || printf '%s %s %s\n' "$speed" "$memory" "$peer" >>"$work/peers"
    done
    "$build/bench/step" "$model" 512 "$steps" "$threads" 600 >"$work/ours"
    speed=$(sed -n 's/.*, \([0-9.]*\) tokens.s.*/\1/p' "$work/ours")
    memory=$(sed -n 's/^peak resident \([0-9]*\) MB.*/\1/p' "$work/ours")
    printf '  lorabuild             %8s tokens/s %7s MB\n' "$speed" "$memory"
    best=$(sort -rn "$work/peers" | head -n 1 | cut -d' ' -f1)
    plain=$(grep -v compile "$work/peers" | sort -rn | head -n 1 | cut -d' ' -f1)
    least=$(sort -n -k2 "$work/peers" | head -n 1 | cut -d' ' -f2)
    echo "  speed: $(ratio "$speed" "$best") of PEFT's best, $(ratio "$speed" "$plain") of its best uncompiled;" \
        "memory: $(ratio "$memory" "$least") of its least"
    sed -n '/^  [a-z]/p' "$work/ours"
}

least_of() { # COMMAND…: seconds of the quickest of 5 runs
    for _ in 1 2 3 4 5; do
        begin=$(date +%s%N)
        "$@" >/dev/null
        echo $(($(date +%s%N) - begin))
    done | sort -n | head -n 1 | awk '{ printf "%.3f", $1 / 1e9 }'
}

noop() {
    files=${BENCH_FILES:-1000}
    echo "Nothing to do over $((100 * files)) sample files"
    mkdir -p "$work/project/models"
    cp -R tests/golden/tiny-llama "$work/project/models/tiny"
    cd "$work/project"
    awk -v files="$files" 'BEGIN { for (d = 0; d < 100; d++) {
        system(sprintf("mkdir -p texts/part-%02d", d))
        for (f = 0; f < files; f++) {
            name = sprintf("texts/part-%02d/sample-%04d.txt", d, f)
            printf "Sample %d of part %d says what it says.\n", f, d > name
            close(name) } } }'
    cat >lorabuild.yaml <<'YAML'
lorabuild: 1
base: models/tiny
adapters:
  notes: {data: texts/, rank: 4, steps: 2, mode: text, max_length: 256}
YAML
    find texts -type f -exec touch -d '1 hour ago' {} +
    begin=$(date +%s%N)
    "$build/lorabuild" -q notes
    echo "  first build          $(awk -v t=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.3f", t / 1e9 }') s"
    ours=$(least_of "$build/lorabuild" notes)
    memory=$(sh -c '"$0" notes >/dev/null & wait $!; :' "$build/lorabuild"; command -v /usr/bin/time >/dev/null &&
        /usr/bin/time -f %M "$build/lorabuild" notes 2>&1 >/dev/null | awk '{ printf "%.0f", $1 / 1024 }') || memory='?'
    printf '  lorabuild            %s s  %s MB\n' "$ours" "${memory:-?}"
    find texts -type f | LC_ALL=C sort >list
    { printf 'out: \\\n'; sed 's/$/ \\/' list; printf '\n\ttouch $@\n'; } >Makefile.list
    { printf 'rule r\n  command = touch $out\nbuild out-ninja: r $\n'; sed 's/^/ /; s/$/ $/' list; echo; } >build.ninja
    make -rR -f Makefile.list out >/dev/null
    make=$(least_of make -rRq -f Makefile.list out)
    echo "  make                 $make s; lorabuild takes $(ratio "$ours" "$make") of it"
    if command -v ninja >/dev/null; then
        ninja -f build.ninja >/dev/null
        ninja=$(least_of ninja -f build.ninja)
        echo "  ninja                $ninja s; lorabuild takes $(ratio "$ours" "$ninja") of it"
    fi
    cd "$root"
}

expand() {
    echo "Expanding stored weights, one thread"
    "$build/bench/expand"
}

. tests/bench/files.sh

[ $# -gt 0 ] || set -- step noop scan new lines versions expand
for part in "$@"; do
    "$part"
done
