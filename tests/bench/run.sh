#!/bin/sh
# run.sh [PART…]: our speed and memory beside our peers', in one run, as ratios. `make bench`.
#
#   step  one LoRA step of SmolLM2-135M (512 tokens, r16, all linear layers): lorabuild on the
#         model's GGUF beside PEFT + torch at its best (f32, bf16, with and without torch.compile)
#   noop  a build with nothing to do over 100,000 sample files, beside make and ninja on the same
#   scan  the first scan of as many, beside xxhsum
#   new   one new file among as many: planned, and files opened
#   lines     nothing to do over one .jsonl of a million records (BENCH_LINES)
#   versions  log and status of an adapter with a thousand versions (BENCH_VERSIONS)
#   expand    stored numbers of every type to f32 and bf16, beside copying memory
#   growth    a scan of 10,000, 100,000 and a million files (BENCH_GROWTH); only when asked for
#
# Times on a shared machine are noisy: compare the ratios of one run, never figures of two.
# LORABUILD and BUILD say what was built; LORABUILD_CACHE where the venv and the model are;
# BENCH_STEPS the steps (6), BENCH_FILES hundreds of files (1000).
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

expand() {
    echo "Expanding stored weights, one thread"
    "$build/bench/expand"
}

. tests/bench/files.sh

[ $# -gt 0 ] || set -- step noop scan new lines versions expand
for part in "$@"; do
    "$part"
done
