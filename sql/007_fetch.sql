-- What was fetched for its owner is looked for by the URL it came from; and
-- goes when nobody has used it for long.

SET LOCAL ROLE render_owner;

CREATE INDEX asset_origin_url ON render.asset (owner, md5(origin_url))
    WHERE origin = 'fetch';
CREATE INDEX asset_expires ON render.asset (expires_at)
    WHERE expires_at IS NOT NULL;
