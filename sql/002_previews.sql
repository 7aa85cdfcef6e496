-- What a job shows before it has ended: the hash of its pictures, which lie in
-- job.results.

SET LOCAL ROLE render_owner;

ALTER TABLE render.job ADD COLUMN blurhash text;
