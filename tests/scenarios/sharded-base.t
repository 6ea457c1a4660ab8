#!/bin/sh
# A base model in shards: the index says what is read, and nothing outside the folder.
. "$(dirname "$0")/lib.sh"
small_project
base=models/tiny
mv $base/model.safetensors "$scratch/whole"
names=$(head -c 8192 "$scratch/whole" | tr -d '\0' | grep -ao '"[a-z_0-9.]*\.weight"' | tr -d '"')

# index SHARD…: an index that spreads the tensors over these shards, in turn.
index() {
    printf '%s\n' "$names" | awk -v shards="$*" 'BEGIN {
        n = split(shards, shard, " ")
        print "{\"metadata\": {}, \"weight_map\": {"
    }
    { printf "%s\"%s\": \"%s\"", (NR > 1 ? ",\n" : ""), $0, shard[(NR - 1) % n + 1] }
    END { print "}}" }' >$base/model.safetensors.index.json
}

refused() { # WORDS TEXT
    settle
    run city
    says "T41: $1 is refused" "$2"
    check 'with exit status 1' test "$rc" = 1
    check_not 'nothing is built' test -e adapters/city/v1
}

cp "$scratch/whole" models/outside.safetensors
index ../outside.safetensors
refused 'a shard outside the folder' '../outside.safetensors'
index /outside.safetensors
refused 'an absolute name' "\"/outside.safetensors\" is not the name of a"
cp "$scratch/whole" $base/model-00001-of-00002.safetensors
index model-00001-of-00002.safetensors model-00002-of-00002.safetensors
refused 'a missing shard' 'model-00002-of-00002.safetensors'
cp "$scratch/whole" $base/model-00002-of-00002.safetensors
refused 'a tensor in two shards' 'model-00002-of-00002.safetensors'
rm $base/model-0*
index model-00001-of-00001.safetensors
cp "$scratch/whole" $base/model-00001-of-00001.safetensors
head -c 1000 "$scratch/whole" >$base/model-00001-of-00003.safetensors
settle
run city
says 'T41: a stale shard beside those of the index is not read' 'v1        ready'
says 'T41: and noted' 'note      base model: model-00001-of-00003.safetensors is not in its index, and is not read'
finish
