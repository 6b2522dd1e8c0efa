"""A clock, a link and a lossy network for tests, benchmarks and fuzzers. No other layer imports it, no wheel has it."""
