#!/usr/bin/env python3
"""Opens Strongroom's files, and their spares, without Strongroom.

Written from the pages under spec/ and nothing else, to be read as much as to be run: each part names its page. It
needs Python 3.11 and one package, `cryptography` 48 or newer (`pip install cryptography`), which has ML-KEM,
X25519, Ed25519, ChaCha20-Poly1305 and Argon2id. It changes no file that it reads.

    open_without_strongroom.py pointer FILE                          where the spare of a file's key is
    open_without_strongroom.py decrypt FILE OUT -i identity.txt      opens a file with its owner's key
    open_without_strongroom.py spare FILE OUT --authority FOLDER     opens it with its spare, without that key
    open_without_strongroom.py log --authority FOLDER [--home home.db]    checks the log, and a home's receipts
    open_without_strongroom.py code SHEET --authority FOLDER         whose recovery code that is
    open_without_strongroom.py secrets --authority FOLDER            which secrets are deposited
    open_without_strongroom.py secret SERIAL OUT --authority FOLDER  takes one out, as a file for `spare` or `decrypt`
"""

import argparse
import base64
import hashlib
import hmac
import os
import sqlite3
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class Refused(Exception):
    """What was read is not what the specification says."""


def require(holds, otherwise):
    if not holds:
        raise Refused(otherwise)


# Hashes (spec/README.md#conventions)


def H(data):
    return hashlib.sha256(data).digest()


def extract(salt, ikm):
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(secret, info, length):
    output, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(secret, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def hkdf(ikm, salt, info):
    return expand(extract(salt, ikm), info, 32)


# Encoding (spec/README.md#conventions): deterministic CBOR of four types. `E(..)` is written `encode([..])`.


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for code, length in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * length:
            return bytes([major << 5 | code]) + number.to_bytes(length, "big")
    raise Refused("a number is too large")


def encode(item):
    match item:
        case int():
            return head(0, item)
        case bytes():
            return head(2, len(item)) + item
        case str():
            return head(3, len(item.encode())) + item.encode()
    return head(4, len(item)) + b"".join(map(encode, item))


def decode(data):
    item, end = decode_at(data, 0)
    # A value has one encoding: this also refuses what is too long, not in order, or of another type.
    require(end == len(data) and encode(item) == data, "these bytes are no encoding of ours")
    return item


def decode_at(data, at, depth=0):
    require(at < len(data) and depth < 16, "an encoding ends too early or goes too deep")
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if number >= 24:
        require(number <= 27, "a length is not stated at the beginning")
        length = 1 << number - 24
        number, at = int.from_bytes(data[at : at + length], "big"), at + length
    require(major in (0, 2, 3, 4), "a type that we do not use")
    if major == 0:
        return number, at
    require(number <= len(data) - at, "a length goes beyond the end")
    if major != 4:
        item = data[at : at + number]
        return (item if major == 2 else item.decode()), at + number
    items = []
    for _ in range(number):
        item, at = decode_at(data, at, depth + 1)
        items.append(item)
    return items, at


# HPKE (RFC 9180, base mode) with MLKEM768-X25519, HKDF-SHA256 and ChaCha20Poly1305 (spec/README.md#hybrid-keys)

SUITE = b"HPKE" + bytes.fromhex("647a" "0001" "0003")


class HybridKey:
    """A secret key, which is a seed of 32 bytes."""

    def __init__(self, seed):
        expanded = hashlib.shake_256(seed).digest(96)
        self.mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self.x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.x25519_public = self.x25519.public_key().public_bytes_raw()
        self.public = self.mlkem.public_key().public_bytes_raw() + self.x25519_public

    def decapsulate(self, enc):
        require(len(enc) == 1120, "an encapsulation has another length")
        ciphertext, share = enc[:1088], enc[1088:]
        first = self.mlkem.decapsulate(ciphertext)
        second = self.x25519.exchange(X25519PublicKey.from_public_bytes(share))
        return hashlib.sha3_256(first + second + share + self.x25519_public + rb"\.//^" + b"\\").digest()


def labeled_extract(salt, label, ikm):
    return extract(salt, b"HPKE-v1" + SUITE + label + ikm)


def labeled_expand(secret, label, info, length):
    return expand(secret, length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info, length)


class HpkeContext:
    """SetupBaseR (RFC 9180 §5.1)."""

    def __init__(self, key, enc, info):
        context = b"\0" + labeled_extract(b"", b"psk_id_hash", b"") + labeled_extract(b"", b"info_hash", info)
        secret = labeled_extract(key.decapsulate(enc), b"secret", b"")
        self.key = labeled_expand(secret, b"key", context, 32)
        self.nonce = labeled_expand(secret, b"base_nonce", context, 12)
        self.exporter = labeled_expand(secret, b"exp", context, 32)

    def open_first(self, ciphertext):
        return ChaCha20Poly1305(self.key).decrypt(self.nonce, ciphertext, b"")

    def export(self, context):
        return labeled_expand(self.exporter, b"sec", context, 32)


# Statements (spec/statement.md) and attestations (spec/receipt.md)

FOUND, ENROLL, DEPOSIT = 1, 2, 3
KINDS = ["found", "enroll", "deposit", "request", "evidence", "veto", "decision", "release"]


def is_signed(public, label, body, signature):
    """Signatures are over `label ‖ 00 ‖ bytes`; a checkpoint's, which has no label, over the bytes (spec/labels.md)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, label + b"\0" + body if label else body)
    except (InvalidSignature, ValueError):
        return False
    return True


class Statement:
    """statement = E(kind, author, body, signature, carried)"""

    def __init__(self, data):
        self.kind, self.author, self.body, self.signature, self.carried = decode(data)
        self.id = None
        # Kinds that this page does not know are entries of the log all the same.
        if 1 <= self.kind <= len(KINDS):
            label = b"strongroom/%s/v1" % KINDS[self.kind - 1].encode()
            require(is_signed(self.author, label, self.body, self.signature), "a statement's signature is wrong")
            self.id = H(label + b"\0" + self.body + self.signature)


def check_attestation(kind, attestation, signature, log_key, authority, statement):
    """Returns the items of A, which the authority signed of a statement."""
    label = b"strongroom/deposited/v1" if kind == DEPOSIT else b"strongroom/recorded/v1"
    require(is_signed(log_key, label, attestation, signature), "an attestation's signature is wrong")
    items = decode(attestation)
    require(items[0] == authority, "an attestation is another authority's")
    require(statement.id in (None, items[1]), "an attestation is of another statement")
    return items


# The log (spec/log.md)


def leaf_hash(kind, time, salt, attestation, signature):
    salted = H(b"strongroom/leaf-salt/v1" + salt + attestation + signature)
    return H(b"\0" + encode(["strongroom/leaf/v1", kind, time, salted]))


def root_of(hashes):
    """RFC 6962 §2.1: the left half is the largest power of two that is smaller than the whole."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return H(b"\1" + root_of(hashes[:split]) + root_of(hashes[split:]))


def root_by_proof(leaf, index, size, path):
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2)."""
    at, last, root = index, size - 1, leaf
    for sibling in path:
        require(last > 0, "an inclusion proof is too long")
        if at & 1 or at == last:
            root = H(b"\1" + sibling + root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = H(b"\1" + root + sibling)
        at, last = at >> 1, last >> 1
    require(last == 0, "an inclusion proof is too short")
    return root


def read_checkpoint(note, authority, log_key):
    """Returns size and root, after checking the signature (spec/log.md#checkpoint)."""
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    origin = "strongroom/authority/" + authority.hex()
    name, size, root, rest = text.split("\n", 3)
    require(name == origin and rest == "", "a checkpoint is another authority's, or has more lines")
    key_id = H(origin.encode() + b"\n\1" + log_key)[:4]
    for line in signatures.splitlines():
        dash, name, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "—" and name == origin and signature[:4] == key_id:
            require(is_signed(log_key, b"", text.encode(), signature[4:]), "a checkpoint's signature is wrong")
            return int(size), base64.b64decode(root, validate=True)
    raise Refused("a checkpoint has no signature of the authority's")


def check_receipt(text, statement, authority, log_key):
    """Checks steps 1 to 6 of spec/receipt.md#verify. Returns its place, and its checkpoint's size and root."""
    proof, _, checkpoint = text.partition("\n\n")
    version, extra, index, *path = proof.split("\n")
    require(version == "c2sp.org/tlog-proof@v1", "a receipt is of another version")
    salt, attestation, signature = decode(base64.b64decode(extra.removeprefix("extra "), validate=True))
    items = check_attestation(statement.kind, attestation, signature, log_key, authority, statement)
    if statement.kind == DEPOSIT:
        require(len(items[2]) == len(decode(statement.body)[4]), "a receipt has not one state for each key")
    size, root = read_checkpoint(checkpoint, authority, log_key)
    index = int(index.removeprefix("index "))
    leaf = leaf_hash(statement.kind, items[-1], salt, attestation, signature)
    path = [base64.b64decode(line, validate=True) for line in path]
    require(root_by_proof(leaf, index, size, path) == root, "an entry is not in the tree that its receipt says")
    return index, size, root


# The embedded authority (spec/authority.md#the-folder)


class Authority:
    """An authority's folder, with every entry of its log checked against its author's and the authority's signature."""

    def __init__(self, folder):
        words = [line.split() for line in (folder / "keys.txt").read_text().splitlines() if not line.startswith("#")]
        require(words[0] == ["strongroom-authority-keys", "v1"], "keys.txt is of another version")
        keys = {name: bytes.fromhex(value) for name, value in words[1:]}
        self.id, self.wrap_key = keys["authority"], HybridKey(keys["wrap-key"])
        self.log_key = Ed25519PrivateKey.from_private_bytes(keys["log-key"]).public_key().public_bytes_raw()

        store = open_database(folder / "store.db")
        rows = store.execute("SELECT kind, time, salt, statement, attestation, signature FROM entry ORDER BY idx")
        self.statements, self.leaves = [], []
        for kind, time, salt, statement, attestation, signature in rows:
            statement = Statement(statement)
            items = check_attestation(kind, attestation, signature, self.log_key, self.id, statement)
            require((kind, time) == (statement.kind, items[-1]), "an entry's columns differ from what is signed")
            self.statements.append((statement, items))
            self.leaves.append(leaf_hash(kind, time, salt, attestation, signature))
        (self.checkpoint,) = store.execute("SELECT checkpoint FROM head").fetchone()
        store.close()

        # spec/statement.md#found: entry 0 names the keys, and its id is the authority's. The policy is passed over.
        found, _ = self.statements[0]
        log_key, wrap_key = decode(found.body)[:2]
        require(found.kind == FOUND and found.id == self.id, "entry 0 does not found this authority")
        require(log_key == self.log_key and wrap_key == self.wrap_key.public, "keys.txt has other keys than entry 0")

    def of_kind(self, kind):
        return [(statement, items) for statement, items in self.statements if statement.kind == kind]

    def keys_under(self, serial):
        """Each session key deposited under a serial, of which each owner may have one, or all if none is given."""
        for statement, (_, _, states, _) in self.of_kind(DEPOSIT):
            authority, owner, wrap_key_id, enc_digest, keys = decode(statement.body)
            enc, carried = decode(statement.carried)
            require(authority == self.id and H(enc) == enc_digest, "a deposit is not what was signed")
            for key, (particulars, sealed), state in zip(keys, carried, states, strict=True):
                # 1 deposited, 2 verified; conflicts and mismatches are not kept (spec/deposit.md#what-becomes-of-it).
                if serial in (None, key[0]) and state in (1, 2):
                    try:
                        yield owner, key[0], self.open_deposit(owner, wrap_key_id, enc, key, particulars, sealed)
                    except (Refused, InvalidTag):  # others may open
                        print(f"deposit {key[0].hex()} does not open, and was passed over", file=sys.stderr)

    def secrets(self):
        """Serial, name, description and attachment of each deposit that a secret rides along with (spec/secret.md)."""
        for statement, (_, _, states, _) in self.of_kind(DEPOSIT):
            keys, (_, carried) = decode(statement.body)[4], decode(statement.carried)
            for key, (particulars, _), state in zip(keys, carried, states, strict=True):
                description, labels, attachment = particulars
                require(H(encode(particulars)) == key[6], "a deposit's particulars are not what was signed")
                if attachment and state in (1, 2):
                    yield key[0], dict(labels).get("strongroom/name", ""), description, attachment

    def open_deposit(self, owner, wrap_key_id, enc, key, particulars, sealed):
        """spec/deposit.md: label, seal, commitment."""
        serial, kind, alg, bits, padding, commitment, particulars_digest, sealed_digest = key
        require(H(encode(particulars)) == particulars_digest, "a deposit's particulars are not what was signed")
        require(H(sealed) == sealed_digest, "a deposit's ciphertext is not what was signed")
        require(H(b"strongroom/wrap-key/v1\0" + self.wrap_key.public) == wrap_key_id, "sealed to another key")
        label = encode([self.id, owner, serial, kind, alg, bits, padding, commitment, particulars_digest])
        context = HpkeContext(self.wrap_key, enc, b"strongroom/deposit-seal/v1" + self.id + wrap_key_id)
        wrap = ChaCha20Poly1305(context.export(b"strongroom/deposit-key/v1" + serial))
        opened = wrap.decrypt(bytes(12), sealed, H(label))
        blinding, session_key = opened[:32], opened[32:]
        info = b"strongroom/commitment/v1" + alg.to_bytes(4, "big") + bits.to_bytes(2, "big")
        found = hkdf(session_key, serial + blinding, info)
        require(hmac.compare_digest(found, commitment), "a deposit is not what it was committed to")
        return session_key


def open_database(path):
    require(path.is_file(), f"there is no {path}")
    return sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)


# The age file (spec/age.md)

CHUNK = 64 * 1024


def unpadded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


class AgeFile:
    """A file's header; what follows in `file` is its payload."""

    def __init__(self, path):
        self.file = open(path, "rb")
        require(self.file.read(1) == b"a", "no age file, or an armored one: `base64 -d` what is between the marks")
        self.file.seek(0)
        require(self.line() == "age-encryption.org/v1", "this is no age file of version 1")
        header, self.stanzas = b"age-encryption.org/v1\n", []
        while not (line := self.line()).startswith("---"):
            require(line.startswith("-> "), "a header's line is out of place")
            header += line.encode() + b"\n"
            kind, *arguments = line[3:].split(" ")
            body = ""
            while True:  # a body's last line is shorter than 64 columns
                line = self.line()
                header += line.encode() + b"\n"
                body += line
                if len(line) < 64:
                    break
            self.stanzas.append((kind, arguments, unpadded(body)))
        self.authenticated, self.mac = header + b"---", unpadded(line[4:])

    def line(self):
        line = self.file.readline(1 << 24)
        require(line.endswith(b"\n"), "the header ends too early")
        return line[:-1].decode("ascii")

    def pointer(self):
        """-> strongroom/deposit <authority id> <serial>"""
        for kind, arguments, _ in self.stanzas:
            if kind == "strongroom/deposit":
                return tuple(map(bytes.fromhex, arguments))
        return None, None

    def file_key(self, identity):
        """Tries an identity on every stanza of its kind (spec/age.md#stanzas)."""
        for kind, arguments, body in self.stanzas:
            try:
                if kind == "mlkem768x25519" and isinstance(identity, HybridKey):
                    info = b"age-encryption.org/mlkem768x25519"
                    return HpkeContext(identity, unpadded(arguments[0]), info).open_first(body)
                if kind == "X25519" and isinstance(identity, X25519PrivateKey):
                    share, own = unpadded(arguments[0]), identity.public_key().public_bytes_raw()
                    shared = identity.exchange(X25519PublicKey.from_public_bytes(share))
                    key = hkdf(shared, share + own, b"age-encryption.org/v1/X25519")
                    return ChaCha20Poly1305(key).decrypt(bytes(12), body, b"")
            except InvalidTag:
                pass  # somebody else's stanza
        return None

    def belongs(self, file_key):
        """Whether the header's MAC verifies under a file key: a file and its key belong together."""
        mac = hmac.digest(hkdf(file_key, b"", b"header"), self.authenticated, "sha256")
        return hmac.compare_digest(mac, self.mac)

    def decrypt(self, file_key, output):
        """spec/age.md#payload"""
        payload_key = hkdf(file_key, self.file.read(16), b"payload")
        chunk, number = self.file.read(CHUNK + 16), 0
        while True:
            following = self.file.read(CHUNK + 16)
            nonce = number.to_bytes(11, "big") + (b"\0" if following else b"\1")
            try:
                output.write(ChaCha20Poly1305(payload_key).decrypt(nonce, chunk, b""))
            except InvalidTag:
                raise Refused(f"damaged or truncated after {number * CHUNK} bytes, which were written") from None
            if not following:
                return
            chunk, number = following, number + 1


BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32_data(prefix, text, checksum):
    """The bytes in a Bech32 text of any length (BIP 173; with another checksum's constant, BIP 350)."""
    values = [BECH32.index(character) for character in text]
    state = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= generator if top >> bit & 1 else 0
    require(state == checksum, "a typing error: the checksum does not hold")
    number, bits = 0, 5 * len(values[:-6])
    for value in values[:-6]:
        number = number << 5 | value
    require(number & (1 << bits % 8) - 1 == 0, "a typing error: bits that no byte needs")
    return (number >> bits % 8).to_bytes(bits // 8, "big")


def read_identities(path):
    for line in path.read_text().splitlines():
        prefix, _, text = line.strip().lower().rpartition("1")
        if prefix == "age-secret-key-pq-":
            yield HybridKey(bech32_data(prefix, text, 1))
        elif prefix == "age-secret-key-":
            yield X25519PrivateKey.from_private_bytes(bech32_data(prefix, text, 1))


# The recovery code (spec/recovery-code.md)


def read_code(text):
    typed = "".join(c for c in text.lower() if not c.isspace() and c not in "-‐‑‒–—―−")
    typed = typed.replace("o", "0").replace("i", "l").replace("1", "l")
    require(len(typed) == 32 and set(typed) <= set(BECH32), "this is no recovery code")
    return bech32_data("strongroom-code", typed, 0x2BC830A3)


def code_public_key(code, authority):
    stretched = Argon2id(salt=authority, length=32, iterations=3, lanes=1, memory_cost=65536).derive(code)
    seed = hkdf(stretched, b"", b"strongroom/code-key/v1")
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


# The commands


def pointer(options):
    authority, serial = AgeFile(options.file).pointer()
    require(authority, "the header names no deposit")
    print(f"authority {authority.hex()}\nserial {serial.hex()}")


def decrypt(options):
    file = AgeFile(options.file)
    keys = [file.file_key(identity) for identity in read_identities(options.identity)]
    key = next((key for key in keys if key), None)
    require(key, "none of these identities opens the file")
    write(file, key, options.out)


def spare(options):
    file, authority = AgeFile(options.file), Authority(options.authority)
    named, serial = file.pointer()
    require(named in (None, authority.id), f"the file names another authority: {named and named.hex()}")
    # Without a pointer, every deposit is tried: which one is the file's shows by the MAC, and by nothing else.
    for owner, serial, key in authority.keys_under(serial):
        if file.belongs(key):
            print(f"deposit {serial.hex()} of the owner {owner.hex()}")
            return write(file, key, options.out)
    raise Refused("no deposit under this serial, or in this store, is this file's")


def secrets(options):
    for serial, name, description, _ in Authority(options.authority).secrets():
        print(f"{serial.hex()}  {name!r}  {description!r}")


def secret(options):
    for serial, _, _, attachment in Authority(options.authority).secrets():
        if serial.hex() == str(options.serial):
            with create(options.out) as output:
                output.write(attachment)
            return print(f"wrote {options.out}, an age file like any other")
    raise Refused("there is no secret under this serial")


def create(out):
    return open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def write(file, key, out):
    require(file.belongs(key), "the header was altered: its MAC is wrong")
    with create(out) as output:
        file.decrypt(key, output)
    print(f"wrote {out}")


def log(options):
    authority = Authority(options.authority)
    size, root = read_checkpoint(authority.checkpoint, authority.id, authority.log_key)
    require((size, root) == (len(authority.leaves), root_of(authority.leaves)), "the entries are not the signed tree's")
    print(f"{size} entries, root {root.hex()}, as signed")
    if options.home:
        home = open_database(options.home)
        receipts = home.execute("SELECT bytes, receipt FROM statement").fetchall()
        home.close()
        for data, receipt in receipts:
            index, then, root = check_receipt(receipt, Statement(data), authority.id, authority.log_key)
            # spec/receipt.md#verify, step 7. With all entries at hand it takes no consistency proof.
            require(then <= size and root_of(authority.leaves[:then]) == root, "the log forked, or was shortened")
            print(f"receipt of entry {index}, in the tree of {then}: verified, and the log extends it")


def code(options):
    authority = Authority(options.authority)
    lines = options.sheet.read_text().splitlines()
    # spec/home.md#sheet; a file with the code alone does as well.
    text = next((line.partition(":")[2] for line in lines if line.startswith("Recovery code:")), lines[0])
    public = code_public_key(read_code(text), authority.id)
    for statement, _ in authority.of_kind(ENROLL):
        _, owner, _, code_key, _ = decode(statement.body)
        if code_key == public:
            return print(f"the code of the owner {owner.hex()}")
    raise Refused("this is no code that was enrolled here")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    arguments = {pointer: ["file"], decrypt: ["file", "out"], spare: ["file", "out"], log: [], code: ["sheet"]}
    arguments |= {secrets: [], secret: ["serial", "out"]}
    for command, names in arguments.items():
        added = commands.add_parser(command.__name__)
        added.set_defaults(command=command)
        for name in names:
            added.add_argument(name, type=Path)
        if command is decrypt:
            added.add_argument("-i", "--identity", type=Path, required=True)
        if command in (spare, log, code, secrets, secret):
            added.add_argument("--authority", type=Path, required=True)
        if command is log:
            added.add_argument("--home", type=Path)
    options = parser.parse_args()
    try:
        options.command(options)
    except (Refused, ValueError, TypeError, KeyError, IndexError, OSError, sqlite3.Error) as error:
        sys.exit(f"refused: {error}")


if __name__ == "__main__":
    main()
