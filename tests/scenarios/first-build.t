#!/bin/sh
# The first build trains the domain adapter, then the client's over it.
. "$(dirname "$0")/lib.sh"
small_project

run client-a
expect 'both adapters are built, parent first' 0 <<'OUT'
Plan      city v1, then text-a v1: about TIME; Ctrl-C is safe at any time
          CPU: needs 0.1 of SIZE GB free

city      read      2 documents, 3 samples  TIME
          captions  3 from headings: corpus/metadata.csv
          train     12 steps  TIME
          check     too few documents to hold any out
          v1        ready

text-a    read      5 documents, 10 samples  TIME
          captions  10 from headings: clients/a/proposals/metadata.csv
          train     12 steps  TIME
          check     too few documents to hold any out
          v1        ready, in use: adapters/text-a/v1  TIME total

Try it    lorabuild draft text-a "…"
Read it   adapters/text-a/v1/report.html
OUT

for file in adapter_model.safetensors adapter_config.json manifest.json samples \
            alone/adapter_model.safetensors alone/adapter_config.json; do
    check "v1 holds $file" test -f "adapters/text-a/v1/$file"
done
check 'current points to v1' test "$(readlink adapters/text-a/current)" = v1
check 'CURRENT says so too' test "$(cat adapters/text-a/CURRENT)" = v1
check 'the archive stands beside it' test -f adapters/text-a/text-a-*-v1.tar.zst
check 'captions are kept in the dataset folder' test -f clients/a/proposals/metadata.csv
check_not 'no part of the client is in the shared store' grep -rq 'The bridge may be late' .lorabuild/shared
finish
