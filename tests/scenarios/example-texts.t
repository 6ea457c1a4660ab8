#!/bin/sh
# The example's texts are what they are said to be: enough of them, and no sentence in two of
# training, added and held-out texts (else the losses that the demo prints would flatter).
LORABUILD=none
. "$(dirname "$0")/lib.sh"
example=$root/examples/presales
corpus=$example/corpus/smart-city
client=$example/clients/harbour/proposals

documents() {
    set -- "$1"/*.md
    echo $#
}

passages() {
    cat "$1"/*.md | grep -c '^## '
}

# One sentence a line: lower case, white space folded, clause numbers and headings left out.
sentences() {
    for file in "$@"; do
        awk 'BEGIN { RS = ""; FS = "\n" }
            /^#/ { next }
            {
                gsub(/[ \t\n]+/, " ")
                sub(/^ ?[0-9]+(\.[0-9]+)+ /, "")
                gsub(/[.!?] /, "&\n")
                print tolower($0)
            }' "$file" | sed 's/^ *//; s/ *$//; /^$/d'
    done
}

check 'the corpus has 20 documents' [ "$(documents "$corpus")" -ge 20 ]
check 'the corpus has 100 passages' [ "$(passages "$corpus")" -ge 100 ]
check 'the client has 12 documents' [ "$(documents "$client")" -ge 12 ]
check 'the client has 60 passages' [ "$(passages "$client")" -ge 60 ]
check 'two documents come later' [ "$(documents "$example/later")" -eq 2 ]
check 'three documents are held out' [ "$(documents "$example/held-out")" -eq 3 ]

sentences "$corpus"/*.md "$client"/*.md | sort -u >training
sentences "$example"/later/*.md | sort -u >added
sentences "$example"/held-out/*.md | sort -u >held-out
check 'the sentences were found' [ "$(cat training added held-out | wc -l)" -gt 700 ]
sort training added held-out | uniq -d >twice
comment <twice
check 'no sentence stands in two of them' [ ! -s twice ]

sentences "$corpus"/*.md "$client"/*.md | grep -v '^you carry: nothing\.$' | sort | uniq -d >repeated
comment <repeated
check 'no sentence is boilerplate' [ ! -s repeated ]

finish
