# shellcheck shell=sh
# files.sh: the parts of run.sh about many files and many versions. It uses run.sh's functions.

make_texts() { # FOLDER COUNT: one-line samples, a thousand to a folder, an hour old, and settled
    mkdir -p "$1"
    awk -v folder="$1" -v count="$2" 'BEGIN { for (i = 0; i < count; i++) {
        part = sprintf("%s/part-%04d", folder, i / 1000)
        if (i % 1000 == 0)
            system("mkdir -p " part)
        name = sprintf("%s/sample-%03d.txt", part, i % 1000)
        printf "Sample %d of the collection says what it says.\n", i > name
        close(name) } }'
    find "$1" -type f -exec touch -d '1 hour ago' {} +
    sleep 2.1
}

make_project() { # FOLDER DATA
    mkdir -p "$1/models"
    cp -R tests/golden/tiny-llama "$1/models/tiny"
    printf 'base: models/tiny\nadapters:\n  notes: {data: %s, rank: 4, steps: 2, mode: text, max_length: 256, check: none}\n' \
        "$2" >"$1/lorabuild.yaml"
}

scan_of() { # FOLDER FIELD
    rm -rf "$work/store"
    "$build/bench/scan" "$1" "$work/store" >"$work/scan"
    sed -n "s/^$2 //p" "$work/scan"
}

# A build with nothing to do beside make and ninja on the same files.
noop() {
    count=$((100 * ${BENCH_FILES:-1000}))
    echo "Nothing to do over $count sample files"
    make_project "$work/project" texts/
    make_texts "$work/project/texts" "$count"
    cd "$work/project"
    begin=$(date +%s%N)
    "$build/lorabuild" -q notes
    echo "  first build          $(awk -v t=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.3f", t / 1e9 }') s"
    ours=$(least_of "$build/lorabuild" notes)
    memory='?'
    ! command -v /usr/bin/time >/dev/null ||
        memory=$(/usr/bin/time -f %M "$build/lorabuild" notes 2>&1 >/dev/null | awk '{ printf "%.0f", $1 / 1024 }')
    printf '  lorabuild            %s s  %s MB\n' "$ours" "$memory"
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

# The first scan beside xxhsum on the same files.
scan() {
    count=$((100 * ${BENCH_FILES:-1000}))
    echo "First scan of $count files"
    make_texts "$work/texts" "$count"
    find "$work/texts" -type f -print0 >"$work/names"
    ours=$(for _ in 1 2 3; do scan_of "$work/texts" first; done | sort -n | head -n 1)
    echo "  lorabuild            $ours s"
    if command -v xxhsum >/dev/null; then
        # shellcheck disable=SC2016
        peer=$(least_of sh -c 'xargs -0 xxhsum -q -H2 <"$0"' "$work/names" 2>/dev/null)
        echo "  xxhsum -H2           $peer s; lorabuild takes $(ratio "$ours" "$peer") of it (wanted: at most 1.50)"
    fi
    rm -rf "$work/texts"
}

# One new file among many: planned, and how many files were opened for it.
new() {
    count=$((100 * ${BENCH_FILES:-1000}))
    echo "One new file among $count"
    make_project "$work/new" texts/
    make_texts "$work/new/texts" "$count"
    cd "$work/new"
    "$build/lorabuild" -q notes
    for i in 1 2 3 4; do # the first one still has to look at all
        echo "New text $i." >texts/part-0000/new.txt
        touch -d '1 hour ago' texts/part-0000/new.txt
        sleep 2.1
        begin=$(date +%s%N)
        "$build/lorabuild" status notes >/dev/null
        middle=$(date +%s%N)
        "$build/lorabuild" -n notes >/dev/null
        echo "$((middle - begin)) $(($(date +%s%N) - middle))" >>times
    done
    echo "  planned (status)     $(tail -n 3 times | sort -n | awk 'NR == 1 { printf "%.3f", $1 / 1e9 }') s (wanted: at most 0.30)"
    echo "  lorabuild -n         $(tail -n 3 times | sort -n -k 2 | awk 'NR == 1 { printf "%.3f", $2 / 1e9 }') s, which measures the cost of the training, too"
    if command -v strace >/dev/null && strace -f -o /dev/null true 2>/dev/null; then
        echo "New text 5." >texts/part-0000/new.txt
        touch -d '1 hour ago' texts/part-0000/new.txt
        sleep 2.1
        strace -f --seccomp-bpf -e trace=open,openat,openat2 -o trace "$build/lorabuild" -n notes >/dev/null
        echo "  texts opened         $(grep -v -e '= -1 ' trace | grep -v /seals/ | grep -o '"[^"]*\.txt"' | sort -u | wc -l)"
    fi
    cd "$root"
    rm -rf "$work/new"
}

# One file of many records, unchanged.
lines() {
    count=${BENCH_LINES:-1000000}
    echo "Nothing to do over one .jsonl of $count records"
    make_project "$work/lines" ./book.jsonl
    awk -v count="$count" 'BEGIN { for (i = 0; i < count; i++)
        printf "{\"text\": \"Line %d of the book says what it says.\"}\n", i }' >"$work/lines/book.jsonl"
    touch -d '1 hour ago' "$work/lines/book.jsonl"
    cd "$work/lines"
    begin=$(date +%s%N)
    "$build/lorabuild" -q notes
    echo "  first build          $(awk -v t=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.1f", t / 1e9 }') s"
    echo "  lorabuild            $(least_of "$build/lorabuild" notes) s (wanted: at most 0.15)"
    cd "$root"
    rm -rf "$work/lines"
}

# How a scan grows with the number of files: seconds a million files.
growth() {
    echo "Growth of a scan"
    for count in ${BENCH_GROWTH:-10000 100000 1000000}; do
        make_texts "$work/growth" "$count"
        first=$(scan_of "$work/growth" first)
        again=$(sed -n 's/^again //p' "$work/scan")
        awk -v n="$count" -v f="$first" -v a="$again" 'BEGIN {
            printf "  %8d files       first %.3f s, again %.3f s: %.2f and %.2f µs a file\n", n, f, a, f / n * 1e6, a / n * 1e6 }'
        rm -rf "$work/growth"
    done
}

# An adapter of many versions.
versions() {
    count=${BENCH_VERSIONS:-1000}
    echo "log and status of an adapter with $count versions"
    BUILD=${BUILD:-build/default} sh tests/bench/many_versions.sh "$work/versions" "$count"
    cd "$work/versions"
    "$build/lorabuild" -q
    echo "  lorabuild log        $(least_of "$build/lorabuild" log text-a) s (wanted: at most 0.10)"
    echo "  lorabuild status     $(least_of "$build/lorabuild" status) s (wanted: at most 0.10)"
    echo "  nothing to do        $(least_of "$build/lorabuild" text-a) s"
    cd "$root"
    rm -rf "$work/versions"
}
