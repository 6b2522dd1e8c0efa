-- What the chain says where this device has it, sealed under its keys: so that it is not followed anew at each start.
CREATE TABLE chain_states (sequence INTEGER PRIMARY KEY, state BLOB NOT NULL);
