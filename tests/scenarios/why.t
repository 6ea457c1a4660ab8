#!/bin/sh
# --why is right for each kind of change, and builds nothing.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
cp -Rp . "$scratch/whole"
d=clients/a/proposals

# again WORDS: everything as it was built.
again() {
    find . -mindepth 1 -delete
    cp -Rp "$scratch/whole/." .
}
# why: the change, as a person made it, a while ago.
why() {
    settle
    run --why "${1:-client-a}"
    says_not '--why builds nothing' ready
}

mv $d/bridge.md $d/zebra.md
why
says 'a document renamed' 'v1 is current: 5 documents, 10 samples unchanged'
again
cp $d/bridge.md $d/copy.md
why
says 'a document twice' 'v1 is current: 6 documents, 10 samples unchanged'
again
sed -i 's/## Risks/## Dangers/' $d/bridge.md
why
says 'a heading edited is an edit of its captions' '~ bridge.md §1       caption edited since v1'
again
sed -i 's/# Proposal for a bridge/# Offer of a bridge/' $d/bridge.md
why
says 'a heading that stood here alone is text of its document' '~ bridge.md §1       heading edited since v1'
says 'and was learned' 'v1        no    learned the old text of bridge.md §1'
again
mv $d/bridge.md $d/zebra.md
printf '\n4.3 The zebra is new.\n' >>$d/zebra.md
why
says 'renamed and added to' '+ zebra.md §3        new'
says 'is going on' 'v1        yes'
again
sed -i 's/4.2 We carry the bridge./4.2 You carry the bridge./' $d/bridge.md
rm $d/bus.md
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >$d/ferry.md
sed -i 's/steps: 12, max_length: 256, precision: f32}$/steps: 13, max_length: 256, precision: f32}/' lorabuild.yaml
why
expect 'several at once' 0 <<'OUT'
text-a would become v2, about TIME:
  ~ bridge.md §2       text edited since v1
  + ferry.md           new: 1 sample
  - bus.md             gone: 2 samples
  ~ steps              13, was 12
Unchanged: 7 samples, writer, city v1.

Where it could start:
  v1        no    learned bus.md, which is gone
  city v1   yes   9 to learn, about TIME                                <- taken
Rule: never continue from what has learned something no longer wanted.
OUT
again
sed -i 's/{from: city,/{from: city@latest,/' lorabuild.yaml
printf '\nA pole may bear a clock.\n' >>corpus/lamps.md
why
says 'the parent moves on' '~ city v2            was city v1'
says 'and that decides' 'Rule: weights trained over one domain version fit no other.'
again
printf '\nA pole may bear a clock.\n' >>corpus/lamps.md
settle
run city
sed -i 's/{from: city,/{from: city@v2,/' lorabuild.yaml
why
says 'another pin' '~ city v2            was city v1'
sed -i 's/{from: city@v2,/{from: city@v9,/' lorabuild.yaml
run --why client-a
says 'a pin to what is not there' 'city v9 does not exist'
sed -i 's/{from: city@v9,/{from: city@v1,/' lorabuild.yaml
run status client-a
says 'a pin is kept, and -U would not move it' 'text-a is current.'
again
sed -i -e '/^adapters:/a\  town: {base: writer, data: papers, rank: 4, steps: 11, max_length: 256, precision: f32}' \
    -e 's/{from: city,/{from: town,/' lorabuild.yaml
why
says 'another parent is never taken for the old one by its number' '~ town v1            was city v1'
again
sed -i 's/"algorithm": 1/"algorithm": 0/; s/"tool": "lorabuild [^"]*"/"tool": "lorabuild 0.0.1"/' adapters/text-a/v1/manifest.json
why
says 'an older algorithm alone' 'v1 is current, built by 0.0.1: 5 documents'
again
rm adapters/text-a/*.tar.zst adapters/text-a/v1/alone/adapter_model.safetensors
why
says 'weights that cannot be brought back' '- v1                 its weights are gone, and could not be brought back'
says 'are not continued' 'Rule: only weights that are there can be continued.'
again
rm -r .lorabuild/clients/a/cache .lorabuild/shared/cache
why
says 'the caches deleted' 'v1 is current'
again
rm -r .lorabuild
why
says 'all that is kept deleted' 'v1 is current'
sed -i '/4.2 We carry the bridge/d' $d/bridge.md
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >$d/ferry.md
why
expect 'and then changed: what is known without names' 0 <<'OUT'
text-a would become v2, about TIME:
  + ferry.md §1        new
  - 1 sample           gone; in which document is not known any more
Unchanged: 9 samples, recipe, writer, city v1.

Where it could start:
  v1        no    learned something no longer wanted
  city v1   yes   10 to learn, about TIME                               <- taken
Rule: never continue from what has learned something no longer wanted.
OUT
again
sed 's/bridge/ferry/g' $d/bridge.md >$d/ferry.md
settle
run client-a
rm $d/ferry.md
why
expect 'back to what was built before' 0 <<'OUT'
text-a would use v1 again, at once:
  - ferry.md           gone: 2 samples
Unchanged: 10 samples, recipe, writer, city v1.
Rule: what was built for exactly this is used again.
OUT
again
sed -i 's/  text-%: {/  text-%: {max_chain: 1, /' lorabuild.yaml
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >$d/ferry.md
settle
run client-a
printf '# Proposal for a dam\n\n## Risks\n\n4.1 The dam may be late.\n' >$d/dam.md
why
says 'the chain has its end' 'Rule: after max_chain updates in a row all is learned anew.'
says 'and going back one does not put it off' 'v1        no    max_chain'
sed -i 's/max_chain: 1, //' lorabuild.yaml
run use text-a@v1
why
says 'what use chose is continued' 'Rule: what `use` chose is continued; later versions stay set aside.'
run client-a
says 'and the plan says so' 'text-a v3 from v1 (chosen with `use`): 2 new samples'
run --why client-a
says 'after which nothing is to be done' 'v3 is current'
run -n -B client-a
run --why -B client-a
says '--rebuild' 'Rule: --rebuild learns all anew, whatever stands.'
finish
