#!/usr/bin/env bash
# Compiles backup.c and runs it under Wine, with Strongroom's command as the authority and as whoever wraps a recovered
# key anew. `just test-wine` runs it; it needs gcc-mingw-w64-x86-64 and wine64 (1.2 GB), so ./test does not.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
strongroom=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export WINEPREFIX=$work/wine WINEDEBUG=-all
x86_64-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -o backup.exe "$source/backup.c" -ladvapi32
backup() { wine ./backup.exe "$@" 2>>wine.log || { tail -5 wine.log >&2; return 1; }; }

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out authority.pem 2>/dev/null
"$strongroom" capi convert authority.pem -o authority.pub
for bytes in 0 1 16 65535 65536 65537 1000000; do
  head -c "$bytes" /dev/urandom >in
  # The program's three steps: encrypt, export for the authority, export for the user.
  backup seal authority.pub in file blob
  backup open file out
  cmp in out
  # The user's key pair is gone: the file does not open any more, and opening makes no other pair.
  backup forget
  for again in 1 2; do
    if backup open file lost 2>said; then exit 1; fi
    grep -q 'CryptGetUserKey failed: 0x8009000d' said
  done
  # The authority's key opens what was deposited; it is wrapped to the user's new key, in the same file's header.
  backup public user.pub
  "$strongroom" capi unwrap --key authority.pem --pkcs1 --force -o key blob
  "$strongroom" capi wrap --to user.pub --pkcs1 --force -o own key
  { head -c 4 file; cat own; tail -c +273 file; } >recovered
  backup open recovered again
  cmp in again
  # Strongroom reads the ciphertext, too.
  tail -c +273 file | "$strongroom" capi decrypt --session-key key --force -o plain -
  cmp in plain
  echo "$bytes bytes: sealed, lost, recovered"
done
