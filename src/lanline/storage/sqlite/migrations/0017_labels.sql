-- What devices are called is sealed. What clients have not taken over yet stays until one of the account has.
ALTER TABLE device_requests ADD COLUMN sealed_label BLOB NOT NULL DEFAULT x'';
UPDATE devices SET label = '' WHERE revoked_ms IS NOT NULL;
UPDATE journal SET detail = substr(detail, 1, instr(detail || ' ', ' ') - 1)
    WHERE deed IN ('device_added', 'device_revoked');
