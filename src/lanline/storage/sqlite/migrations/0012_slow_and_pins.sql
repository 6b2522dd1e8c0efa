-- How many seconds lie between two messages of one member, and which entries are pinned: their numbers, the oldest pin first.
ALTER TABLE rooms ADD COLUMN slow_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN pins VARCHAR NOT NULL DEFAULT '';
