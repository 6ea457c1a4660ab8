#!/bin/sh
# Makes the virtual environment of the real libraries that tests/oracle compares with, in the
# cache folder (about 6 GB, since PyPI's torch brings its CUDA libraries along). What is there is
# kept. Prints the environment's python.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/lorabuild/venv
python=$venv/bin/python
wanted='torch transformers peft tokenizers gguf safetensors sentencepiece xllamacpp numpy pytest'

missing() {
    # shellcheck disable=SC2086 # names of packages hold no spaces
    "$python" - $wanted <<'PY'
import importlib.metadata as metadata, sys
installed = {d.metadata["Name"].lower() for d in metadata.distributions() if d.metadata["Name"]}
print(*[name for name in sys.argv[1:] if name not in installed])
PY
}

sh "$root/scripts/setup.sh" oracle model >&2
if ! "$python" -c '' 2>/dev/null; then
    mkdir -p "$(dirname "$venv")"
    python3 -m venv --clear "$venv" </dev/null >&2
fi
absent=$(missing)
if [ -n "$absent" ]; then
    printf 'python    installing %s into %s\n' "$absent" "$venv" >&2
    # shellcheck disable=SC2086
    "$python" -m pip -q install --no-cache-dir --only-binary :all: $absent </dev/null >&2
fi
printf '%s\n' "$python"
