-- Uploads that come in pieces (tus): asked for when one begins, and when it is
-- whole.  What is in between nginx alone knows.

SET LOCAL ROLE render_owner;

-- As assets_begin, for an upload that may take days: what is announced counts
-- for as long.
CREATE OR REPLACE FUNCTION render_api.uploads_begin(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a     render_api.answer;
    b     jsonb;
    half  bigint;
BEGIN
    a := render_api.assets_begin(who, params, body, request);

    IF a.status = 200 THEN
        b := a.body::jsonb;

        -- of a length that comes later half of what is left is its own, so that
        -- many of them are together within the quota
        IF params->>'deferred' = '1' THEN
            half := greatest((b->>'left')::bigint / 2, 0);
            a.body := b || jsonb_build_object('left', half);
        END IF;

        UPDATE asset SET upload_until = now() + interval '7 days',
               bytes = coalesce(half, bytes)
         WHERE id = (b->>'asset')::uuid;
    END IF;

    RETURN a;
END $$;

-- All bytes are in storage: request.uploads is [{asset, bytes, sha256,
-- content_type, kind, filename}], of one; request.fields what its metadata say,
-- request.parts [{asset}] of which it was joined.  May be told again: who did
-- not get the answer asks once more.
CREATE OR REPLACE FUNCTION render_api.uploads_finish(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a  asset;
    m  record;
BEGIN
    -- the order of locks is make_assets': two who ask at once are one
    PERFORM FROM account WHERE id = me(who) FOR NO KEY UPDATE;

    SELECT * INTO a FROM asset
     WHERE id = (request->'uploads'->0->>'asset')::uuid AND owner = me(who);

    IF FOUND AND a.status <> 'uploading' THEN
        RETURN ok(200, asset_json(who, a));
    END IF;

    SELECT * INTO m FROM make_assets(who, request);

    IF (m.refusal).status IS NOT NULL THEN
        PERFORM abandon_uploads(request);
        RETURN m.refusal;
    END IF;

    PERFORM abandon_uploads(jsonb_build_object('uploads',
        coalesce(request->'parts', '[]')));
    SELECT * INTO a FROM asset WHERE id = m.made[1];

    RETURN ok(201, asset_json(who, a)
              || CASE WHEN m.jobs[1] IS NULL THEN '{}'
                 ELSE jsonb_build_object('job_id', m.jobs[1]) END, m.effects);
END $$;
