-- From which entry the topic of a room is; 0: the server says it, and can read it.
ALTER TABLE logs ADD COLUMN topic_from INTEGER NOT NULL DEFAULT 0;
-- Entries that set one, as they are kept once they are open: their beginning says so.
CREATE INDEX ix_entries_topics ON entries (log, sequence)
WHERE suite IN ('opened', 'earlier') AND substr(content, 1, 13) = x'82A474797065A5746F706963A4';
DROP INDEX ix_entries_sealed;
CREATE INDEX ix_entries_sealed ON entries (log, sequence) WHERE suite IN ('said/1', 'topic/1');
