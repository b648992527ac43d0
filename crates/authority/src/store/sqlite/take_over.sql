-- From version 2: what the old tables have goes into the new ones.
INSERT INTO entry (idx, kind, time, salt, id, leaf, signature, attestation, statement)
    SELECT idx, kind, time, salt, id, leaf, signature, attestation, statement FROM old_entry;
INSERT INTO head (one, size, frontier, checkpoint) SELECT one, size, frontier, checkpoint FROM old_head;
INSERT INTO tile (level, idx, hashes, root) SELECT level, idx, hashes, root FROM old_tile;
INSERT INTO counter (name, count) SELECT name, count FROM old_counter;
DROP TABLE old_entry;
DROP TABLE old_head;
DROP TABLE old_tile;
DROP TABLE old_counter;
