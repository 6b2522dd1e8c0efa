-- Of an RSA key: its private half, sealed by the account whose key it is. Other sealing keys have none.
ALTER TABLE seal_keys ADD COLUMN rsa_half BLOB;
