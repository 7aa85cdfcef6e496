-- Assets: what people upload and what is rendered for them.

SET LOCAL ROLE render_owner;

CREATE OR REPLACE FUNCTION render.asset_json(a render.asset) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', a.id, 'src', 'asset:' || a.id,
        'title', a.title, 'filename', a.filename, 'status', a.status,
        'error', a.error, 'origin', a.origin, 'kind', a.kind,
        'bytes', a.bytes, 'sha256', a.sha256, 'content_type', a.content_type,
        'visibility', a.visibility, 'probe', a.probe, 'blurhash', a.blurhash,
        'created_at', render.rfc3339(a.created_at))
$$;

-- The `before` call of an upload: quota, and a row that says where the bytes
-- go, so that nothing can lie in storage that no row knows.
-- params.length is the announced size, if one was.
CREATE OR REPLACE FUNCTION render_api.assets_begin(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a      account;
    used   bigint;
    id     uuid := gen_random_uuid();
    want   bigint := coalesce((params->>'length')::bigint, 0);
BEGIN
    -- one at a time an account: uploads side by side count one another
    SELECT * INTO a FROM account WHERE account.id = me(who) AND active
       FOR NO KEY UPDATE;

    IF NOT FOUND THEN
        RETURN problem(401, 'Unauthorized', 'the account is gone', request);
    END IF;

    -- what is announced is reserved for a quarter of an hour; what takes
    -- longer is counted when it has come
    SELECT coalesce(sum(bytes), 0) INTO used FROM asset
     WHERE owner = a.id AND (status <> 'uploading'
                             OR created_at > now() - interval '15 minutes');

    IF used + want > a.quota_bytes THEN
        RETURN problem(413, 'Over quota', format('the account may store %s '
                       'bytes and stores %s', a.quota_bytes, used), request);
    END IF;

    INSERT INTO asset (id, owner, bytes, filename, title, storage_key)
    VALUES (id, a.id, nullif(want, 0),
            left(coalesce(params->>'filename', ''), 255),
            left(coalesce(params->>'filename', ''), 255),
            'inputs/' || a.id || '/' || id);

    RETURN ok(200, jsonb_build_object('asset', id, 'key',
        'inputs/' || a.id || '/' || id, 'left', a.quota_bytes - used));
END $$;

-- The bytes are stored.  request.upload: {asset, bytes, sha256, content_type,
-- kind}, made by nginx.
CREATE OR REPLACE FUNCTION render_api.assets_create(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a      asset;
    made   record;
    u      jsonb := request->'upload';
    media  boolean := u->>'kind' IN ('video', 'audio', 'image');
    owner  account;
BEGIN
    SELECT * INTO owner FROM account WHERE account.id = me(who)
       FOR NO KEY UPDATE;

    IF (u->>'bytes')::bigint + (SELECT coalesce(sum(x.bytes), 0) FROM asset x
           WHERE x.owner = me(who) AND x.status <> 'uploading')
       > owner.quota_bytes
    THEN                                    -- the janitor takes the object
        RETURN problem(413, 'Over quota', format('the account may store %s '
                       'bytes in all', owner.quota_bytes), request);
    END IF;

    UPDATE asset SET bytes = (u->>'bytes')::bigint, sha256 = u->>'sha256',
           content_type = u->>'content_type', kind = u->>'kind',
           status = CASE WHEN media THEN 'probing' ELSE 'ready' END,
           updated_at = now()
     WHERE id = (u->>'asset')::uuid AND asset.owner = me(who)
       AND status = 'uploading'
    RETURNING * INTO a;

    IF NOT FOUND THEN
        RETURN not_found('upload', request);
    END IF;

    IF NOT media THEN
        RETURN ok(201, asset_json(a));
    END IF;

    SELECT * INTO made FROM add_job(a.owner, 'probe', a.id, 1, '{}', request);

    RETURN ok(201, asset_json(a)
                   || jsonb_build_object('job_id', (made.j).id),
              made.effects);
END $$;

CREATE OR REPLACE FUNCTION render_api.assets_get(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a  asset;
BEGIN
    SELECT * INTO a FROM asset WHERE id = to_uuid(params->>'id')
       AND may_read(who, owner, visibility, share_token, params->>'share');

    IF NOT FOUND THEN
        RETURN not_found('video', request);
    END IF;

    RETURN ok(200, asset_json(a));
END $$;

CREATE OR REPLACE FUNCTION render_api.assets_list(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    at      record;
    answer  render_api.answer;
    n       int := page_limit(params);
BEGIN
    SELECT * INTO at FROM cursor_read(params->>'cursor');

    WITH p AS (
        SELECT a.* FROM asset a
         WHERE a.owner = me(who) AND a.status <> 'uploading'
           AND (at.t IS NULL OR (a.created_at, a.id) < (at.t, at.id))
         ORDER BY a.created_at DESC, a.id DESC LIMIT n)
    SELECT x.* INTO answer
      FROM (SELECT array_agg(asset_json(p) ORDER BY created_at DESC, id DESC) AS items,
                   (array_agg(cursor_of(created_at, id)
                              ORDER BY created_at, id))[1] AS last
              FROM p) one,
           page(one.items, one.last, n) x;

    RETURN answer;
END $$;
