#!/bin/sh
# B21: of an archive that is not one of ours nothing is written, and the reason is told.
. "$(dirname "$0")/lib.sh"
command -v zstd >/dev/null || skip_all 'zstd is not installed'
small_project
run client-a
run export text-a --to lineage -o ../a.tar.zst
rm -r adapters .lorabuild
mkdir ../x
tar --zstd -xf ../a.tar.zst -C ../x
find . | sort >"$scratch/before"

# refused WORDS TEXT: ../bad.tar is refused as a whole, with TEXT.
refused() {
    run import ../bad.tar
    rm -f ../bad.tar
    check "$1: refused" test "$rc" = 1
    says 'the reason is told' "$2"
    find . -name .lorabuild -prune -o -print | sort >"$scratch/after"
    check 'nothing is left behind' cmp -s "$scratch/before" "$scratch/after"
}
top=text-a-v1
pack() { tar -cf ../bad.tar -C ../x "$@"; }

ln ../x/$top/bundle.json ../x/$top/hard
pack $top
rm ../x/$top/hard
refused 'B21: a hard link' 'is a link'
ln -s /tmp ../x/$top/d
pack $top
rm ../x/$top/d
refused 'B21: a symbolic link' "entry 'text-a-v1/d' is a link"
tar -cPf ../bad.tar -C ../x $top "$PWD/lorabuild.yaml"
refused 'B21: an absolute path' 'has an absolute name'
pack --transform "s#^$top/bundle.json#$top/../../bundle.json#" $top
refused 'B21: a way out' 'has an unsafe name'
mkfifo ../x/$top/pipe
pack $top
rm ../x/$top/pipe
refused 'B21: no plain file' 'neither a plain file nor a folder'
pack $top
tar -rf ../bad.tar -C ../x $top/bundle.json
refused 'B21: an entry twice' 'is there twice'
truncate -s 400M ../x/$top/zeros
tar -cf - -C ../x $top | zstd -q -1 >../bad.tar
rm ../x/$top/zeros
refused 'B21: a bomb' 'larger than is allowed here'

echo hello >../bad.tar
refused 'no archive at all' 'bad.tar'
tar -cf ../bad.tar lorabuild.yaml models
refused 'another archive' 'bad.tar'
head -c 9000 ../a.tar.zst >../bad.tar
refused 'one cut short' 'bad.tar'
sed -i 's/"format": 1/"format": 2/' ../x/$top/bundle.json
pack $top
sed -i 's/"format": 2/"format": 1/' ../x/$top/bundle.json
refused 'one of a newer lorabuild' 'made by a newer lorabuild'
check 'not even a store' test ! -e .lorabuild

v1=../x/$top/lineages/text-a/v1
cp -R ../x ../kept
restore() { rm -rf ../x && cp -R ../kept ../x; }
printf 'x' | dd of=$v1/adapter_model.safetensors bs=1 seek=9000 conv=notrunc 2>/dev/null
pack $top
restore
refused 'other weights than the manifest says' 'v1/adapter_model.safetensors is not what its manifest says'
rm $v1/samples
pack $top
restore
refused 'a missing file' 'v1/samples is not what its manifest says'
sed -i 's/"format": 1/"format": 9/' $v1/manifest.json
pack $top
restore
refused 'a version of a newer lorabuild' 'made by a newer lorabuild'
echo more >../x/$top/lineages/text-a/v1/more
pack $top
restore
refused 'a file that nobody named' "entry 'lineages/text-a/v1/more' is no part of a lineage"
rm -r ../x/$top/lineages/city/v1
pack $top
restore
refused 'a missing version' 'city v1 is missing in it'
run import ../x
check 'a folder is no bundle' test "$rc" = 2

run import ../a.tar.zst
check 'the bundle itself is taken' test "$rc" = 0
finish
