//! The policy as people write it, in TOML (spec/policy.md#file).
