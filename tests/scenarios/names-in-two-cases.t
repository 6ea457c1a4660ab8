#!/bin/sh
# Names that differ only in case never reach each other's data.
. "$(dirname "$0")/lib.sh"
small_project
run text-A
says 'B17: another case is another name' "text-A"
says 'the nearest is named' 'text-a'
check 'with exit status 2' test "$rc" = 2
run client-A
check 'a group likewise' test "$rc" = 2

mkdir -p 'clients/one two/proposals'
printf 'One.\n' >'clients/one two/proposals/one.txt'
settle
run 'text-one two'
says 'a name with a space is shown as a shell takes it' "Try it    lorabuild draft 'text-one two'"

mkdir -p clients/Acme/proposals clients/acme/proposals
printf 'One.\n' >clients/Acme/proposals/one.txt
printf 'Two.\n' >clients/acme/proposals/two.txt
settle
run client-a
says 'B17: two clients that differ only in case are refused: the first' 'Acme'
says 'and the second are named' 'acme'
check 'with exit status 2' test "$rc" = 2
check_not 'nothing was built' test -e adapters/text-a
finish
