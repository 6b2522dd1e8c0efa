-- The newest entry that sets the topic of a room, sealed: found without reading its log.
CREATE INDEX ix_entries_topics ON entries (log, sequence) WHERE suite = 'topic/1';
