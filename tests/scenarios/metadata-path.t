#!/bin/sh
# metadata_path of a flat configuration: the user's captions, wherever they lie.
. "$(dirname "$0")/lib.sh"
small_project
rm -r lorabuild.yaml clients corpus
mkdir -p configs texts captions
printf 'A pole bears one lamp.\n' >texts/a.txt
printf 'Pipes leak at night.\n' >texts/b.txt
printf 'filename,prompt\na.txt,What does a pole bear?\nb.txt,When do pipes leak?\n' >captions/mine.csv
cat >configs/flat.yaml <<'YAML'
task_type: text-generation
base_model: models/tiny
train_data_dir: texts
metadata_path: captions/mine.csv
lora_rank: 4
epochs: 2
output_dir: output/notes
YAML
settle
cp captions/mine.csv "$scratch/mine.csv"
run -f configs/flat.yaml
check 'it builds' test "$rc" = 0
check 'its captions are learned' grep -rqa 'What does a pole bear?' .lorabuild
check_not 'and no other ones' grep -rqa 'Write a passage' .lorabuild
check_not 'nothing is written among the texts' test -e texts/metadata.csv
check 'the file is as it was' cmp -s captions/mine.csv "$scratch/mine.csv"
run -f configs/flat.yaml
says 'then nothing is to be done' 'v1 is current'
sed -i 's/When do pipes leak/What leaks at night/' captions/mine.csv
run -f configs/flat.yaml --why
says 'an edit of it is a correction' '~ b.txt §1           caption edited since v1'
says 'a long name keeps its distance' '  models/tiny  yes   2 to learn'
run -f configs/flat.yaml
says 'which is learned' 'v2        ready'
printf 'Snow falls.\n' >texts/c.txt
settle
run -f configs/flat.yaml
check 'a text without a row is learned, too' test "$rc" = 0
check 'with a row of its own behind the others' grep -q '^c.txt,"*Write a passage' captions/mine.csv
check "and the user's rows stand" grep -q '^a.txt,What does a pole bear?' captions/mine.csv
rm captions/mine.csv
run -f configs/flat.yaml -n
says 'without the file' 'notes'
mkdir elsewhere
sed -i 's#captions/mine.csv#elsewhere/deep/new.csv#' configs/flat.yaml
run -f configs/flat.yaml
check 'a file that is not there yet is made there' test -s elsewhere/deep/new.csv
finish
