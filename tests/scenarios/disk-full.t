#!/bin/sh
# On a full disk a build ends with a sentence; with room again the same command ends in the same
# bytes.
if [ -z "${LORABUILD_IN_NAMESPACE:-}" ]; then
    unshare -rm true 2>/dev/null || { echo '1..0 # SKIP no file system can be mounted here'; exit 0; }
    LORABUILD_IN_NAMESPACE=1 exec unshare -rm sh "$0"
fi
. "$(dirname "$0")/lib.sh"
small_project
run client-a
contents() {
    cat adapters/text-a/v1/* 2>/dev/null | sha256sum
}
wanted=$(contents)
rm -rf adapters .lorabuild
mkdir "$scratch/disk"
home=$PWD
# Room for less and less: from the last archive back to the first thing that is kept.
for left in 320 260 200 140 80 16; do
    mount -t tmpfs -o size=3m tmpfs "$scratch/disk" || skip_all 'no file system can be mounted here'
    cp -R . "$scratch/disk"
    cd "$scratch/disk" || exit 1
    settle
    head -c $((($(df --output=avail -k . | tail -n 1) - left) * 1024)) /dev/zero >filler
    run client-a
    check "T47: $left kB of room: exit status 1" test "$rc" = 1
    says 'the place is named, and why' 'No space left on device'
    for version in adapters/*/v*/; do
        [ ! -d "$version" ] || [ -f "$version/manifest.json" ] || report 1 "$version is half a version"
    done
    rm filler
    run client-a
    check 'with room again the same command ends well' test "$rc" = 0
    check 'in the same bytes' test "$(contents)" = "$wanted"
    check 'with its archive' sh -c 'ls adapters/text-a/*-v1.tar.zst >/dev/null'
    cd "$home" || exit 1
    umount "$scratch/disk"
done
finish
