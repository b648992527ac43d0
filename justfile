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
    cargo deny check --allow unused-wrapper bans licenses sources

# The tests alone, of one crate if it is named: `just test -p strongroom-protocol`.
test *ARGS="--workspace":
    cargo nextest run {{ARGS}}

# How fast files are read and written.
bench:
    cargo bench -p strongroom-agefile

# The property tests again with many more cases, and a kill at every moment of a command, than ./test has time for.
soak:
    PROPTEST_CASES=20000 cargo nextest run --workspace --locked --release
    STRONGROOM_SOAK=1 cargo test --locked -p strongroom-cli --test it crash::
