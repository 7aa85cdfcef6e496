-- The assets of a composition, as the parser of documents has read them: with
-- merge fields, the text alone does not say.  NULL: from before, look there.

SET LOCAL ROLE render_owner;

ALTER TABLE render.composition ADD COLUMN assets jsonb;
