-- From version 2: the tables that stay, beside those of the new schema.
ALTER TABLE entry RENAME TO old_entry;
ALTER TABLE head RENAME TO old_head;
ALTER TABLE tile RENAME TO old_tile;
ALTER TABLE counter RENAME TO old_counter;
DROP TABLE IF EXISTS owner;
DROP TABLE IF EXISTS device;
DROP TABLE IF EXISTS deposit;
DROP TABLE IF EXISTS request;
DROP TABLE IF EXISTS change;
DROP TABLE IF EXISTS policy;
DROP TABLE IF EXISTS word;
DROP TABLE IF EXISTS departed;
DROP TABLE IF EXISTS release_page;
DROP TABLE IF EXISTS blob_claim;
DROP TABLE IF EXISTS own_blob;
DROP TABLE IF EXISTS rsa_key;
