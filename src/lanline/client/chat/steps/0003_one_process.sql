-- One process owns a home: no other one is to be told where a copy was cut.
DROP TABLE parted;
