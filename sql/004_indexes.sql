-- Lists that are narrowed by kind, status or origin, in the order in which they
-- are told; and what is looked for by every round of the janitor, by a relay
-- that begins, and where something is deleted.

SET LOCAL ROLE render_owner;

CREATE INDEX job_kind
    ON render.job (owner, kind, created_at DESC, id DESC);
CREATE INDEX job_status
    ON render.job (owner, status, created_at DESC, id DESC);
CREATE INDEX job_ended ON render.job (owner, ended_at DESC);
CREATE INDEX job_validate ON render.job (created_at) WHERE kind = 'validate';

CREATE INDEX asset_kind
    ON render.asset (owner, kind, created_at DESC, id DESC);
CREATE INDEX asset_origin
    ON render.asset (owner, origin, created_at DESC, id DESC);
CREATE INDEX asset_storage ON render.asset (storage_key);

CREATE INDEX garbage_since ON render.garbage (since);
