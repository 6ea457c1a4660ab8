#!/bin/sh
# Names that some file systems hold for one, and others for two, are documents like others; only
# what they hold counts.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
composed=$(printf 'caf\303\251.txt') apart=$(printf 'cafe\314\201.txt')
echo 'The café is composed.' >"$documents/$composed"
echo 'The café stands apart.' >"$documents/$apart"
echo 'Large letters.' >$documents/README.txt
echo 'Small letters.' >$documents/readme.txt
[ "$(ls $documents | wc -l)" = 9 ] || skip_all 'this file system folds names'
settle
run client-a
says 'twins in case or composition are two documents each' '9 documents, 14 samples'
run client-a
says 'and then nothing is to be done' 'v1 is current: 9 documents'
sed -i 's/stands apart/stands alone/' "$documents/$apart"
settle
run --why client-a
says 'an edit of one is no edit of the other' "~ $apart"
says_not 'which is not named' "~ $composed"
sed -i 's/stands alone/stands apart/' "$documents/$apart"
settle

# Copied to a file system that writes names apart, and back; to one that writes them small.
rm "$documents/$apart" $documents/readme.txt
settle
run client-a
mv "$documents/$composed" "$documents/$apart"
mv $documents/README.txt $documents/ReadMe.TXT
run client-a
says 'another spelling of a name changes nothing' 'is current: 7 documents'

# Two clients whose outputs would meet elsewhere.
mkdir -p "clients/$(printf 'caf\303\251')/proposals" "clients/$(printf 'cafe\314\201')/proposals"
run client-a
check 'two clients that differ only in composition are refused' test "$rc" = 2
says 'by name' "$(printf 'caf\303\251')"
finish
