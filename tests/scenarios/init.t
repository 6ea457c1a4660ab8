#!/bin/sh
# init asks nothing and begins a project that builds as it stands; nothing is overwritten.
. "$(dirname "$0")/lib.sh"
tiny=${LORABUILD_TINY:-$tests/golden/tiny-llama}

run init
check 'without any model it says so' test "$rc" = 1
says 'with a remedy' 'Put a Hugging Face folder or a .gguf file into models/'
check 'and writes no rules' test ! -e lorabuild.yaml
cp -R "$tiny" models/tiny
mkdir models/other
echo '{"architectures": ["Unheard"], "model_type": "unheard"}' >models/other/config.json
run init
says 'the model is found' 'Model     models/tiny'
says 'what cannot be used is named' 'Not used  models/other:'
out=$(printf '%s\n' "$out" | grep -v '^Not used')
expect 'the rest' 0 <<'OUT'
Written   lorabuild.yaml
There     clients/, corpus/, .gitignore
Model     models/tiny

Next      mkdir clients/acme    then put .md, .txt or .jsonl files into it
          lorabuild -n client-acme
          lorabuild client-acme
OUT
check '.gitignore keeps what is secret out' test "$(cat .gitignore | tr '\n' ' ')" = 'clients/ adapters/ .lorabuild/ '

run
check 'without a client there is nothing to build' test "$rc" = 1
says 'and it says where files go' 'nothing to build yet: clients has no folder; make one for each client'
run status
check 'which is no failure to look at' test "$rc" = 0
says 'status says so too' 'nothing to build yet: clients has no folder'

# Its own next commands, and one text.
mkdir clients/acme
echo 'The bridge may be late.' >clients/acme/one.txt
settle
run -n client-acme
check 'the second command works' test "$rc" = 0
run client-acme
says 'the third builds' 'v1        ready, in use: adapters/text-acme/v1'
says_not 'without a warning' 'lorabuild.yaml:'
sha256sum lorabuild.yaml .gitignore >"$scratch/before"
run init
expect 'a second time it says what is there' 0 <<'OUT'
There     lorabuild.yaml, clients/, corpus/, .gitignore

Next      lorabuild status
          lorabuild -n client-acme
          lorabuild client-acme
OUT
check 'and changes nothing' sha256sum --quiet -c "$scratch/before"
run client-acme
says 'nor what was built' 'v1 is current'

# With shared texts the client's adapter stands on the domain's.
mkdir -p "../new project/corpus" "../new project/clients/b"
cp -R models "../new project"
echo 'Pipes leak at night.' >"../new project/corpus/water.txt"
echo 'b wants a lamp.' >"../new project/clients/b/one.txt"
echo 'adapters/' >"../new project/.gitignore"
find "../new project" -type f -exec touch -d '1 hour ago' {} +
run init '../new project'
says 'a .gitignore of somebody is left alone' '.gitignore lacks clients/ .lorabuild/'
check 'as it was' test "$(cat '../new project/.gitignore')" = adapters/
says 'the first client is named, fit for a shell' "lorabuild -C '../new project' client-b"
run -C '../new project' client-b
says 'both are built' 'domain'
check 'one over the other' test -f '../new project/adapters/text-b/v1/alone/adapter_config.json'

# A model from the cache.
mkdir -p "$HOME/.cache/lorabuild/models"
cp -R "$tiny" "$HOME/.cache/lorabuild/models/my tiny"
run init ../third
says 'is used where models/ has none' 'Model     ~/.cache/lorabuild/models/my tiny'
check 'shared with it' grep -q '^  - ~/.cache/lorabuild/models/$' ../third/lorabuild.yaml
run -C ../third status
check 'and the rules are fit' test "$rc" = 0

run init clients/acme
check 'within a project there is no other' test "$rc" = 2
run init sub
check 'nor where there is no folder yet' test "$rc" = 2
check 'which is not made' test ! -e sub
run init ../third --json
says 'for programs: JSON' '{"event":"there","path":"lorabuild.yaml"}'
finish
