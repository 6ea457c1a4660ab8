#!/bin/sh
# Another base model, tokenizer or chat template is learned anew; going back finds what was built.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
cp lorabuild.yaml "$scratch/first.yaml"

# another PART: a copy of the base model that differs in this part alone.
another() {
    rm -rf models/other
    cp -R models/tiny models/other
    other='models/other'
    case $1 in
    'chat template') other='{path: models/other, template: chatml}' ;;
    tokenizer) sed -i '1s/{/{ /' models/other/tokenizer.json ;;
    weights)
        printf '\1' | dd of=models/other/model.safetensors bs=1 conv=notrunc \
            seek="$(($(stat -c %s models/other/model.safetensors) - 3))" 2>/dev/null ;;
    esac
    sed "s#models/tiny}#$other}#" "$scratch/first.yaml" >lorabuild.yaml
    settle
}

another copy
run -n client-a
says 'T09: the same base model elsewhere changes nothing' 'v1 is current'
for part in 'chat template' tokenizer weights; do
    another "$part"
    run --why client-a
    case $part in
    'chat template') line="~ template           chatml, was the model's own" ;;
    tokenizer) line='~ tokenizer.json     file of the base model, changed' ;;
    weights) line='~ model.safetensors  file of the base model, changed' ;;
    esac
    says "T09: another $part: --why names it" "$line"
    check 'and nothing else of the base' test "$(printf '%s\n' "$out" | grep -c '^  ~')" = 3
    says 'and the rule' 'Rule: weights trained over one base model fit no other.'
    says 'and the domain below is learned anew too' 'city v2   yes   10 to learn'
done
run client-a
says 'domain first' 'city v2, then text-a v2'
cp "$scratch/first.yaml" lorabuild.yaml
run client-a
says 'T09: back to the first base model, its version is used' 'text-a v1, built before'
says_not 'without a step' 'train '
check 'v1 is in use' test "$(readlink adapters/text-a/current)" = v1
run client-a
says 'and then nothing is to be done' 'v1 is current'
finish
