-- They lie there sealed under the keys of this device from now on, and are fetched again.
DELETE FROM epoch_secrets;
DELETE FROM account_seeds;
