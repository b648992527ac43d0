//! The age file: header, stanzas, payload, identities. No network and no clock.
