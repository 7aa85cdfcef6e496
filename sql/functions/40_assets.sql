-- Assets: what people upload and what is rendered for them.

SET LOCAL ROLE render_owner;

-- As `who` may see it: the secret of the link is its owner's.
CREATE OR REPLACE FUNCTION render.asset_json(who jsonb, a render.asset)
RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', a.id, 'src', 'asset:' || a.id,
        'title', a.title, 'description', a.description,
        'filename', a.filename, 'status', a.status,
        'share_url', CASE WHEN a.owner = (who->>'account')::uuid
            THEN render.share_url('/videos/' || a.id || '/stream',
                                  a.visibility, a.share_token) END,
        'updated_at', render.rfc3339(a.updated_at),
        'error', a.error, 'origin', a.origin,
        'origin_url', CASE WHEN a.owner = (who->>'account')::uuid
            THEN a.origin_url END,
        'expires_at', render.rfc3339(a.expires_at), 'kind', a.kind,
        'bytes', a.bytes, 'sha256', a.sha256, 'content_type', a.content_type,
        'visibility', a.visibility, 'probe', a.probe
            - '{copy,copy_sound,cues,ass}'::text[],
        'blurhash', a.blurhash,
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
                             OR created_at > now() - interval '15 minutes'
                             OR upload_until > now());

    IF want > a.quota_bytes - used THEN
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

CREATE OR REPLACE FUNCTION render.asset_tag(a render.asset) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '"' || left(encode(sha256(convert_to(a.id || a.updated_at::text
        || a.status, 'UTF8')), 'hex'), 16) || '"'
$$;

-- Uploads of which no assets are made: what was stored of them goes, also where
-- the row went before, and key says where nginx has put it since.
CREATE OR REPLACE FUNCTION render.abandon_uploads(request jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM render.asset WHERE status = 'uploading'
           AND id IN (SELECT (u->>'asset')::uuid
                        FROM jsonb_array_elements(request->'uploads') u)
        RETURNING storage_key)
    INSERT INTO render.garbage (storage_key) SELECT storage_key FROM gone
    ON CONFLICT DO NOTHING;

    INSERT INTO render.garbage (storage_key)
    SELECT u->>'key' FROM jsonb_array_elements(request->'uploads') u
     WHERE u->>'key' LIKE 'inputs/%/' || (u->>'asset')
       AND NOT EXISTS (SELECT FROM render.asset
                        WHERE storage_key = u->>'key')
    ON CONFLICT DO NOTHING;
END $$;

-- nginx itself asks, when a client left or was refused before the end.
CREATE OR REPLACE FUNCTION render_api.assets_abandon(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE sql SECURITY DEFINER SET search_path = render, pg_temp AS $$
    SELECT render.abandon_uploads(request);
    SELECT (204, NULL, NULL, NULL, NULL)::render_api.answer
$$;

-- Whether it is looked into: media, fonts, tables of colours, and captions, of
-- which some are plain text but for their names.
CREATE OR REPLACE FUNCTION render.is_probed(kind text, content_type text,
    filename text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN kind IN ('video', 'audio', 'image', 'svg', 'font')
        OR (kind = 'document'
            AND (split_part(content_type, ';', 1) IN ('text/vtt',
                     'application/x-subrip', 'text/x-ssa', 'application/x-cube')
                 OR filename ~* '[.](srt|vtt|ass|ssa)$'));
END $$;

-- The bytes of an upload are stored: request.uploads is [{asset, bytes, sha256,
-- content_type, kind, filename?}], request.fields what else the form held.
-- Makes assets of them, in the order of the form, each probed if a film can be
-- made with it; or answers with the problem.  The caller holds no lock.
CREATE OR REPLACE FUNCTION render.make_assets(who jsonb, request jsonb,
    OUT refusal render_api.answer, OUT made uuid[], OUT jobs uuid[],
    OUT effects jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    a      asset;
    u      jsonb;
    f      jsonb := coalesce(request->'fields', '{}');
    probe  record;
    owner  account;
    v      visibility;
BEGIN
    effects := '{}';
    made := '{}';
    jobs := '{}';

    SELECT * INTO owner FROM account WHERE account.id = me(who)
       FOR NO KEY UPDATE;

    IF (SELECT sum((x->>'bytes')::bigint)
          FROM jsonb_array_elements(request->'uploads') x)
       + (SELECT coalesce(sum(x.bytes), 0) FROM asset x
           WHERE x.owner = me(who) AND x.status <> 'uploading')
       > owner.quota_bytes
    THEN
        refusal := problem(413, 'Over quota', format('the account may store %s '
                           'bytes in all', owner.quota_bytes), request);
        RETURN;
    END IF;

    IF coalesce(f->>'visibility', 'private') NOT IN ('private', 'link',
                                                     'public')
    THEN
        refusal := problem(422, 'Unprocessable', 'visibility must be private, '
            'link or public', request, jsonb_build_array(jsonb_build_object(
                'pointer', '/visibility',
                'detail', 'must be private, link or public')));
        RETURN;
    END IF;

    v := coalesce(f->>'visibility', 'private')::visibility;

    FOR u IN SELECT * FROM jsonb_array_elements(request->'uploads') LOOP
        UPDATE asset SET bytes = (u->>'bytes')::bigint, sha256 = u->>'sha256',
               content_type = u->>'content_type', kind = u->>'kind',
               filename = left(coalesce(u->>'filename', filename), 255),
               title = left(coalesce(nullif(f->>'title', ''), u->>'filename',
                                     title), 255),
               description = left(coalesce(f->>'description', ''), 10000),
               visibility = v, share_token = share_token(NULL, v),
               status = CASE WHEN is_probed(u->>'kind', u->>'content_type',
                                        coalesce(u->>'filename', filename))
                        THEN 'probing' ELSE 'ready' END,
               updated_at = now()
         WHERE id = (u->>'asset')::uuid AND asset.owner = me(who)
           AND status = 'uploading'
        RETURNING * INTO a;

        IF NOT FOUND THEN
            refusal := not_found('upload', request);
            RETURN;
        END IF;

        made := made || a.id;

        IF a.status = 'probing' THEN
            SELECT * INTO probe FROM add_job(a.owner, 'probe', a.id, 1, '{}',
                                             request);
            effects := effects_add(effects, probe.effects);
            jobs := jobs || (probe.j).id;
        ELSE
            jobs := jobs || NULL::uuid;
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION render_api.assets_create(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    m      record;
    items  jsonb;
    seen   render_api.answer;
BEGIN
    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        PERFORM abandon_uploads(request);
        RETURN seen;
    END IF;

    SELECT * INTO m FROM make_assets(who, request);

    IF (m.refusal).status IS NOT NULL THEN
        PERFORM abandon_uploads(request);
        RETURN idempotency_put(who, request, m.refusal);
    END IF;

    SELECT jsonb_agg(asset_json(who, a) || CASE WHEN m.jobs[n] IS NULL
                     THEN '{}' ELSE jsonb_build_object('job_id', m.jobs[n]) END
                     ORDER BY n)
      INTO items
      FROM unnest(m.made) WITH ORDINALITY x(id, n) JOIN asset a ON a.id = x.id;

    RETURN idempotency_put(who, request, ok(201,
        CASE WHEN jsonb_array_length(items) = 1 THEN items->0
             ELSE jsonb_build_object('items', items) END, m.effects));
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

    RETURN ok(200, asset_json(who, a), NULL,
              jsonb_build_object('ETag', asset_tag(a)));
END $$;

CREATE OR REPLACE FUNCTION render_api.assets_patch(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a       asset;
    b       jsonb := body::jsonb;
    v       visibility;
    errors  jsonb;
BEGIN
    errors := field_problems(b, '{"title": "string", "description": "string",
                                  "visibility": "string"}');
    IF errors <> '[]' THEN
        RETURN problem(422, 'Unprocessable', 'the change cannot be made',
                       request, errors);
    END IF;

    SELECT * INTO a FROM asset WHERE id = to_uuid(params->>'id')
       AND owner = me(who) FOR UPDATE;

    IF NOT FOUND THEN
        RETURN not_found('video', request);
    END IF;

    IF NOT if_match(request, asset_tag(a)) THEN
        RETURN changed_meanwhile(request);
    END IF;

    v := coalesce(b->>'visibility', a.visibility::text)::visibility;

    UPDATE asset SET title = coalesce(b->>'title', title),
           description = coalesce(b->>'description', description),
           visibility = v, share_token = share_token(a.share_token, v),
           updated_at = clock_timestamp()
     WHERE id = a.id RETURNING * INTO a;

    RETURN ok(200, asset_json(who, a), NULL,
              jsonb_build_object('ETag', asset_tag(a)));
END $$;

-- Its bytes go too, with the next round of the janitor; a film is then no result
-- of its job any more.  Jobs of others that were allowed to use it are no reason
-- to keep it: they fail.
CREATE OR REPLACE FUNCTION render_api.assets_delete(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a      asset;
    j      uuid;
    e      jsonb := '{}';
BEGIN
    SELECT * INTO a FROM asset WHERE id = to_uuid(params->>'id')
       AND owner = me(who);

    IF NOT FOUND THEN
        RETURN not_found('video', request);
    END IF;

    SELECT id INTO j FROM job
     WHERE owner = a.owner AND status IN ('pending', 'queued', 'processing')
       AND kind NOT IN ('probe', 'validate')
       AND spec->'assets' ? a.id::text LIMIT 1;

    IF FOUND THEN
        RETURN problem(409, 'In use', format('job %s is being rendered from '
                       'it; cancel that first, or wait for it', j), request);
    END IF;

    FOR j IN SELECT id FROM job WHERE subject = a.id AND kind = 'probe'
                AND status IN ('pending', 'queued', 'processing')
              ORDER BY id FOR UPDATE
    LOOP
        e := effects_add(e, end_job(j, 'cancelled', jsonb_build_object(
                 'code', 'cancelled', 'detail', 'what it is about was '
                 'deleted')));
    END LOOP;

    -- job, composition, asset: as where a film is accepted or shared

    IF a.origin = 'render' THEN
        UPDATE job SET results = coalesce((SELECT jsonb_object_agg(x.name, x.r)
                  FROM jsonb_each(results) x(name, r)
                 WHERE x.r->>'key' <> a.storage_key), '{}')
         WHERE id = to_uuid(split_part(a.storage_key, '/', 2))
           AND results->'final'->>'key' = a.storage_key;
        PERFORM FROM composition WHERE output_asset = a.id FOR UPDATE;
    END IF;

    DELETE FROM asset WHERE id = a.id AND owner = me(who) RETURNING * INTO a;

    IF FOUND THEN
        INSERT INTO garbage (storage_key) VALUES (a.storage_key)
        ON CONFLICT DO NOTHING;
    END IF;

    RETURN (204, NULL, NULL, e::json, NULL)::render_api.answer;
END $$;

-- redirect is the object, which nginx serves; the body says as what.
CREATE OR REPLACE FUNCTION render_api.assets_stream(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a  asset;
BEGIN
    SELECT * INTO a FROM asset WHERE id = to_uuid(params->>'id')
       AND status <> 'uploading'
       AND may_read(who, owner, visibility, share_token, params->>'share');

    IF NOT FOUND THEN
        RETURN not_found('video', request);
    END IF;

    RETURN (200, jsonb_build_object('content_type', a.content_type,
                'filename', CASE WHEN a.origin = 'render' AND a.title <> ''
                    THEN a.title || coalesce(substring(a.filename from
                                                       '[.][a-z0-9]+$'), '')
                    ELSE a.filename END)::text,
            NULL, NULL, a.storage_key)::render_api.answer;
END $$;

CREATE OR REPLACE FUNCTION render_api.assets_list(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    at      record;
    answer  render_api.answer;
    n       int := page_limit(params);
BEGIN
    SELECT * INTO at FROM cursor_read(params->>'cursor');

    WITH p AS (
        SELECT a.* FROM asset a
         WHERE a.owner = me(who) AND a.status <> 'uploading'
           AND (params->>'kind' IS NULL OR a.kind = params->>'kind')
           AND (params->>'origin' IS NULL OR a.origin = params->>'origin')
           AND (at.t IS NULL OR (a.created_at, a.id) < (at.t, at.id))
         ORDER BY a.created_at DESC, a.id DESC LIMIT n)
    SELECT x.* INTO answer
      FROM (SELECT array_agg(asset_json(who, p) ORDER BY created_at DESC, id DESC) AS items,
                   (array_agg(cursor_of(created_at, id)
                              ORDER BY created_at, id))[1] AS last
              FROM p) one,
           page(one.items, one.last, n) x;

    RETURN answer;
END $$;
