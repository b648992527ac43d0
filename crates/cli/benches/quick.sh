#!/usr/bin/env bash
# Holds this tree against another commit, HEAD~1 if none is named, in one run: `just bench-quick main`. Both are built and do the
# same in turn, on this disk. Prints, of each command, this tree's time, instructions, waits for the disk and calls of the
# system as ratios to the other's. Counts take strace, and instructions valgrind: without them their columns are empty.
set -euo pipefail
cd "$(dirname "$0")/../../.."

commit=$(git rev-parse --verify "${1:-HEAD~1}^{commit}") rounds=${ROUNDS:-15}
mkdir -p "${CARGO_TARGET_DIR:-target}/quick"
work=$(realpath "${CARGO_TARGET_DIR:-target}/quick")
tree=$work/tree
clear() {
  rm -rf "$work/run"
  git worktree remove --force "$tree" 2>/dev/null || true
}
trap clear EXIT
clear
git worktree add --quiet --detach "$tree" "$commit"

# Both into one folder, as most of what they are made of is the same.
build() {
  cargo build --quiet --release --locked -p strongroom-cli --manifest-path "$2/Cargo.toml" --target-dir "$work/.."
  mkdir -p "$work/run/$1/few"
  cp "$work/../release/strongroom" "$work/run/$1/"
}
echo "building ${commit:0:12} and this tree" >&2
build that "$tree"
build this .

# In a home of each binary's own, where some files were encrypted before.
for side in this that; do
  cd "$work/run/$side"
  head -c 4096 /dev/zero >file
  for n in $(seq 64); do echo "$n" >"few/$n"; done
  run() { ./strongroom --home home -q "$@"; }
  { run init && run encrypt file && run encrypt -o some few; } 2>/dev/null
done

commands=("--version" "whoami" "encrypt --force file" "decrypt --force file.age" "status --same-disk-ok file.age"
  "deposit --name wifi" "list" "encrypt --force -o some few" "status --same-disk-ok some" "decrypt --force -o back some")

# strongroom SIDE PREFIX.. -- ARGUMENTS..: runs one side's binary, under a program that watches it. What `deposit` is given differs
# each time, and so does what a folder has: unchanged, neither would be sent.
strongroom() {
  local side=$1 prefix=()
  shift
  while [ "$1" != -- ]; do prefix+=("$1") && shift; done
  shift
  cd "$work/run/$side"
  [ "$1 ${!#}" != "encrypt few" ] || for file in few/*; do echo $RANDOM$RANDOM$RANDOM >"$file"; done
  [ "$1" = --version ] || set -- --home home "$@"
  { echo $RANDOM$RANDOM$RANDOM | "${prefix[@]}" ./strongroom -q "$@"; } >/dev/null 2>&1 || true
}

microseconds() {
  local before=${EPOCHREALTIME/./}
  strongroom "$1" -- ${2}
  echo $((${EPOCHREALTIME/./} - before))
}
median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
instructions() {
  command -v valgrind >/dev/null || return 0
  strongroom "$1" valgrind --tool=callgrind --callgrind-out-file="$work/run/callgrind" -- ${2}
  sed -n 's/^\(totals\|summary\): //p' "$work/run/callgrind" | tail -1
}
calls() {
  command -v strace >/dev/null || return 0
  strongroom "$1" strace -f -qq -o "$work/run/calls" -e signal=none -- ${2}
  grep -cE "${3}" "$work/run/calls" || true
}
ratio() { [ -z "$1" ] || [ -z "$2" ] || [ "$2" = 0 ] || awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

printf '%-34s %14s %6s %14s %6s %12s %14s\n' "against ${commit:0:12}" 'time, ms' ratio 'instructions' ratio 'disk waits' 'calls'
for command in "${commands[@]}"; do
  rm -f "$work"/run/*.times
  for _ in $(seq "$rounds"); do
    for side in this that; do microseconds "$side" "$command" >>"$work/run/$side.times"; done
  done
  for side in this that; do
    printf -v "time_$side" %s "$(median <"$work/run/$side.times")"
    printf -v "work_$side" %s "$(instructions "$side" "$command")"
    printf -v "waits_$side" %s "$(calls "$side" "$command" '(fsync|fdatasync|syncfs|sync_file_range)\(')"
    printf -v "calls_$side" %s "$(calls "$side" "$command" '\(')"
  done
  printf '%-34s %14s %6s %14s %6s %12s %14s\n' "$command" \
    "$(awk "BEGIN { printf \"%.1f : %.1f\", $time_this / 1000, $time_that / 1000 }")" "$(ratio "$time_this" "$time_that")" \
    "$(awk "BEGIN { printf \"%.1fM : %.1fM\", ${work_this:-0} / 1e6, ${work_that:-0} / 1e6 }")" \
    "$(ratio "$work_this" "$work_that")" "$waits_this : $waits_that" "$calls_this : $calls_that"
done
