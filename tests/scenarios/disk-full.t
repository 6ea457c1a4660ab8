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

# fresh LEFT: the project on a file system of its own with so many kB of room, and works there.
fresh() {
    mount -t tmpfs -o size=3m tmpfs "$scratch/disk" || skip_all 'no file system can be mounted here'
    cp -R "$home/." "$scratch/disk"
    cd "$scratch/disk" || exit 1
    settle
    fill "$1"
}
fill() {
    head -c $((($(df --output=avail -k . | tail -n 1) - $1) * 1024)) /dev/zero >filler
}
check_no_half() {
    for version in adapters/*/v*/; do
        [ ! -d "$version" ] || [ -f "$version/manifest.json" ] || report 1 "$version is half a version"
    done
}
ends_well() {
    rm filler
    run client-a
    check 'with room again the same command ends well' test "$rc" = 0
    check 'in the same bytes' test "$(contents)" = "$wanted"
    check 'with its archive' sh -c 'ls adapters/text-a/*-v1.tar.zst >/dev/null'
    cd "$home" || exit 1
    umount "$scratch/disk"
}

# Too little for what training will write: refused before it begins.
for left in 200 140; do
    fresh "$left"
    run client-a
    check "T47: $left kB of room: exit status 1" test "$rc" = 1
    out=$(printf '%s\n' "$out" | sed -E 's/[0-9]+ kB/SIZE/g')
    says 'the need is told with numbers' \
        'needs SIZE on '"$scratch/disk"'/.lorabuild/shared/keep, SIZE free: free SIZE or set a smaller rank'
    says_not 'before anything is trained' 'train '
    check_not 'and before anything is built' test -e adapters/city/v1
    ends_well
done

# Too little to keep what was read.
fresh 16
run client-a
check 'T47: 16 kB of room: exit status 1' test "$rc" = 1
says 'the place is named, and why' 'No space left on device'
check_no_half
ends_well

# It fills up while it trains: the last save stays, and what is missing is told.
fresh 1000
sed -i 's/steps: 12/steps: 400/' lorabuild.yaml
"$lorabuild" city >"$scratch/out" 2>&1 &
pid=$!
tries=0
while ! ls -d .lorabuild/shared/keep/attempts/city/*/step-*[0-9] >/dev/null 2>&1 && [ $tries -lt 300 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
rm filler
fill 4
wait "$pid"
check 'T47: full at a save: exit status 1' test $? = 1
out=$(sed -E 's/short of [0-9]+ kB/short of SIZE/' "$scratch/out")
says 'the reason is told' 'No space left on device'
says 'and how much is missing' \
    "$scratch/disk/.lorabuild/shared/keep is short of SIZE; with room there, the same command continues"
check_no_half
rm filler
run -n city
says 'the last save is continued' 'city v1, continued at step'
run city
check 'the same command ends well' test "$rc" = 0
cd "$home" || exit 1
umount "$scratch/disk"

# The archive alone cannot be written: the version stands, and the next run packs it.
fresh 2000
mkdir -p adapters/city
date=$(date +%F)
mkdir "adapters/city/city-$date-v1.tar.sha256" # stands where the archive's digest would go
touch "adapters/city/city-$date-v1.tar.sha256/in the way"
run city
check 'T47: no archive: the version stands: exit status 0' test "$rc" = 0
says 'it is in use' 'v1        ready'
says 'what is missing is said' 'note      its archive could not be written; the next run makes it'
rm -r "adapters/city/city-$date-v1.tar.sha256"
ends_well
finish
