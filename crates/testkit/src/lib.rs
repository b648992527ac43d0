//! Clock and randomness for tests, and suites that every authority must pass.
