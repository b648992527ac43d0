//! The backup authority, as a library: a service over a store, a custodian and a log.
