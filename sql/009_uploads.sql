-- Uploads that come in pieces outlast a request: how long their rows may say
-- that they are being uploaded.

SET LOCAL ROLE render_owner;

ALTER TABLE render.asset ADD COLUMN upload_until timestamptz;
