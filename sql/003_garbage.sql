-- Objects whose rows are gone: the janitor deletes them from storage.  A row is
-- written in the transaction that takes the last reference away.

SET LOCAL ROLE render_owner;

CREATE TABLE render.garbage (
    storage_key  text PRIMARY KEY,
    since        timestamptz NOT NULL DEFAULT now()
);
