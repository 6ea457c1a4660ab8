#!/bin/sh
# A base model may be a tree of links; a link that leaves its client, or leads nowhere, is named.
. "$(dirname "$0")/lib.sh"
small_project
hub=models/hub/models--small--tiny
mkdir -p $hub/blobs $hub/snapshots/0123abc
for file in models/tiny/*; do
    blob=$(sha256sum "$file" | cut -d' ' -f1)
    mv "$file" "$hub/blobs/$blob"
    ln -s "../../blobs/$blob" "$hub/snapshots/0123abc/$(basename "$file")"
done
rmdir models/tiny
sed -i "s#models/tiny#$hub/snapshots/0123abc#" lorabuild.yaml
settle
run client-a
says 'T45: a base model of links is built on' 'ready, in use: adapters/text-a/v1'
run client-a
says 'and then nothing is to be done' 'v1 is current'

mkdir -p clients/b/proposals
printf 'The kiosk is late.\n' >clients/b/proposals/one.txt
settle
refused() { # WORDS TARGET TEXT: a link to TARGET among the documents
    ln -sfn "$2" clients/a/proposals/link.md
    run client-a
    says "T45: $1 is named, as what it is" "clients/a/proposals/link.md: $3"
    check 'and nothing is built' test "$rc" = 1
    rm clients/a/proposals/link.md
}
refused 'a link to another client' ../../b/proposals/one.txt 'a link that leads out of its folder'
refused 'a dangling link' nowhere.md 'a link to something that does not exist'
refused 'a link to itself' link.md 'a link that leads back to itself'
mkdir clients/a/proposals/.notes
printf '# Shared\n\n## Notes\n\nA note on lamps.\n' >clients/a/proposals/.notes/lamps.md
ln -s .notes/lamps.md clients/a/proposals/link.md
settle
run -n client-a
says 'T45: a link that stays in its folder is followed' '1 new sample'

mv $hub/blobs models/moved
run client-a
says 'T45: a dangling link in the base model is an error at its line' 'lorabuild.yaml:4:16:'
says 'named' "snapshots/0123abc/"
check 'with exit status 2' test "$rc" = 2
finish
