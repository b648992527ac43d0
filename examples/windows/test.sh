#!/usr/bin/env bash
# Compiles backup.c and parameters.c and runs them under Wine: the one with Strongroom's command as the authority and as whoever
# wraps a recovered key anew, the other with its options for what a program set on its session keys. `just test-wine` runs it; it needs gcc-mingw-w64-x86-64 and wine64 (1.2 GB), so ./test does not.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
strongroom=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export WINEPREFIX=$work/wine WINEDEBUG=-all STRONGROOM_HOME=$work/home
x86_64-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -o backup.exe "$source/backup.c" -ladvapi32
x86_64-w64-mingw32-gcc -O2 -Wall -Wextra -Werror -o parameters.exe "$source/parameters.c" -ladvapi32
parameters() { wine ./parameters.exe "$@" 2>>wine.log || { tail -5 wine.log >&2; return 1; }; }
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

# What a program set on its session key, in CryptoAPI's terms in parameters.c, and here in ours.
parameters export user.priv
chmod 600 user.priv
check() {
  local kind=$1 bytes
  shift
  for bytes in 16 2000 70000; do
    yes 'a line of text, as files have them' 2>/dev/null | head -c "$bytes" >in || true
    parameters seal "$kind" in file
    "$strongroom" decrypt -q --key user.priv --pkcs1 "$@" --force -o out file
    cmp in out
    # The other way round: what is encrypted here, the program opens.
    head -c 272 file | tail -c +5 >blob
    "$strongroom" capi unwrap --key user.priv --pkcs1 --force -o key blob
    "$strongroom" capi encrypt --session-key key "$@" --force -o ciphertext in
    { head -c 272 file; cat ciphertext; } >again
    parameters open "$kind" again out
    cmp in out
    # And without them it is garbage, or nothing: nothing in the file tells.
    if [ $# -gt 0 ] && "$strongroom" decrypt -q --key user.priv --pkcs1 --force -o wrong file 2>said; then
      if cmp -s in wrong; then echo "$kind opens without $*" >&2; exit 1; fi
    fi
  done
  echo "$kind: ${*:-nothing set}"
}
check plain
check iv --iv 3233343536373839
check iv-aes --iv 30313233343536373839616263646566
check no-salt-rc4 --no-salt
check no-salt-rc2 --no-salt
check salt-rc4 --salt 3031323334353637383941
check salt-rc2 --salt 3031323334353637383941
check effective-bits --effective-bits 40
check more-effective-bits --effective-bits 128
check ecb --mode ecb
check cfb --mode cfb --iv 30313233343536373839616263646566
check no-padding --no-padding
check no-padding-iv --no-padding --iv 3233343536373839
printf 'a few bytes' >in
parameters rsa in data
"$strongroom" capi decrypt --key user.priv --pkcs1 --force -o out data
cmp in out
echo "data that RSA itself encrypts"
