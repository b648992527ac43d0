# What people run by hand. `./test` is the same check on a bare machine.

# Lists the recipes.
default:
    @just --list

# All that must hold before a commit lands.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
    cargo nextest run --workspace --locked
    cargo test --workspace --doc --locked
    cargo deny check --allow unused-wrapper advisories bans licenses sources

# The tests alone, of one crate if it is named: `just test -p strongroom-protocol`.
test *ARGS="--workspace":
    cargo nextest run {{ARGS}}

# A Debian package, with manual pages and completions, in target/debian. Needs cargo-deb.
deb:
    cargo build --release --locked -p strongroom-cli
    rm -rf target/package && mkdir -p target/package
    target/release/strongroom man target/package/man
    for shell in bash fish zsh; do target/release/strongroom completions $shell > target/package/$shell; done
    cargo deb --quiet --no-build -p strongroom-cli

# How fast files are read and written.
bench:
    cargo bench -p strongroom-agefile

# How long a large file takes beside `cp`, `cat` and `age`, with so many MiB: docs/performance.md. Two minutes, as root also on ext4.
bench-payload MIB="1024":
    cargo bench --locked -p strongroom-cli --bench payload -- {{MIB}}

# Whether commands take time with the work and not with its square, at so many deposits: docs/performance.md. Some minutes.
bench-growth *SIZES="2000 20000":
    cargo bench --locked -p strongroom-cli --bench growth -- {{SIZES}}

# This tree against another commit, in one run: how long single commands take, and what they cost. Some minutes.
bench-quick COMMIT="HEAD~1":
    crates/cli/benches/quick.sh {{COMMIT}}

# How many deposits the authority takes a second, beside SQLite writing the same rows, in each folder: docs/performance.md.
bench-authority *FOLDERS="":
    cargo bench --locked -p strongroom-authority --bench deposits -- {{FOLDERS}}

# How fast many small files are encrypted, beside a copy of them and a loop of age, as root on an ext4 of its own: docs/performance.md.
bench-small *FILES:
    cargo bench --locked -p strongroom-cli --bench small -- {{FILES}}

# How long it takes to recover, protect and rewrap files, beside copying them and beside `age` in a loop: docs/performance.md. Some
# minutes; as root on a disk of its own with ext4. `recover`, `protect` or `one` measures a part.
bench-rewrite *PARTS:
    cargo bench --locked -p strongroom-cli --bench rewrite -- {{PARTS}}

# Whether the authority's answer to a SIMPLEBLOB betrays by its time what is in there. Some ten minutes, on a quiet machine.
bench-oracle:
    cargo bench -p strongroom-capi --bench oracle

# Makes up bytes for a reader, from its corpus on: `just fuzz statement`. Needs cargo-fuzz.
fuzz TARGET SECONDS="300":
    fuzz/run {{TARGET}} {{SECONDS}}

# The same for every reader, one after another, so many seconds each; prints what became of each.
fuzz-all SECONDS="60":
    fuzz/run all {{SECONDS}}

# What ./test has no time for: the property tests with many more cases, a kill at every moment of a command, power cuts at fifty
# (as root), and each edit of a store with ten thousand more at random.
soak:
    PROPTEST_CASES=20000 cargo nextest run --workspace --locked --release
    cargo nextest run -p strongroom-authority --locked --release --run-ignored only
    STRONGROOM_SOAK=1 cargo test --locked -p strongroom-cli --test it crash::
    STRONGROOM_SOAK=1 cargo test --locked --release -p strongroom-cli --test it power::
    STRONGROOM_SOAK=1 cargo test --locked --release -p strongroom-client --test it hostile_store::

# The random edits of a store alone, of some seeds, so that they can be made in parts: `just soak-store 2000..4000`.
soak-store SEEDS:
    STRONGROOM_STORE_SEED={{SEEDS}} cargo test --locked --release -p strongroom-client --test it hostile_store::rows_edited_at_random

# The C program of examples/windows, compiled with mingw and run under Wine: needs gcc-mingw-w64-x86-64 and wine64.
test-wine:
    cargo build --locked -p strongroom-cli
    examples/windows/test.sh "{{justfile_directory()}}/target/debug/strongroom"
