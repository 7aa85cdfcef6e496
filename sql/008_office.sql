-- Who keeps house: one worker, for as long as it says so again.  A lock of its
-- session would outlive a worker that hangs, or whose host is gone without a
-- word.

SET LOCAL ROLE render_owner;

CREATE TABLE render.office (
    name    text PRIMARY KEY,
    holder  uuid,
    until   timestamptz NOT NULL DEFAULT '-infinity'
);

INSERT INTO render.office (name) VALUES ('janitor');
