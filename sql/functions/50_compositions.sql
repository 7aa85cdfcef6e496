-- Compositions.  nginx has parsed the document with the parser of common/; what
-- it names (request.document: {title, assets: [{pointer, src, type}]}) is
-- checked here against what the caller may see.

SET LOCAL ROLE render_owner;

-- Problems of the sources a document names, as [{pointer, detail}].
CREATE OR REPLACE FUNCTION render.source_problems(who jsonb, refs jsonb)
RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('pointer', r->>'pointer',
               'detail', CASE
                   WHEN a.id IS NULL THEN 'does not exist'
                   WHEN a.status = 'uploading' THEN 'is still being uploaded'
                   WHEN a.status = 'failed' THEN 'cannot be used: '
                        || coalesce(a.error, 'it could not be read')
                   ELSE format('is of kind %s, not %s', a.kind, r->>'type')
               END) ORDER BY n), '[]')
      FROM jsonb_array_elements(refs) WITH ORDINALITY AS x(r, n)
      LEFT JOIN render.asset a
        ON a.id = render.to_uuid(substr(r->>'src', 7))
           AND render.may_read(who, a.owner, a.visibility, NULL)
     WHERE a.id IS NULL OR a.status IN ('uploading', 'failed')
        OR CASE r->>'type' WHEN 'audio' THEN a.kind NOT IN ('audio', 'video')
                           WHEN 'image' THEN a.kind <> 'image'
                           ELSE a.kind <> 'video' END
$$;

CREATE OR REPLACE FUNCTION render.composition_json(c render.composition)
RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', c.id, 'title', c.title,
        'revision', c.revision, 'visibility', c.visibility,
        'created_at', render.rfc3339(c.created_at),
        'updated_at', render.rfc3339(c.updated_at),
        'completed_at', render.rfc3339(c.completed_at),
        'output_asset', c.output_asset, 'status', j.status, 'job_id', j.id,
        'percent', render.percent(j), 'error', j.error,
        'results', CASE WHEN j.status = 'completed'
                   THEN render.results_json(j) END)
      FROM (SELECT) one
      LEFT JOIN LATERAL (SELECT o.id FROM render.job o
                          WHERE o.subject = c.id AND o.kind = 'composition'
                          ORDER BY o.created_at DESC LIMIT 1) newest ON true
      LEFT JOIN render.job j ON j.id = newest.id
$$;

CREATE OR REPLACE FUNCTION render_api.compositions_create(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    c       composition;
    made    record;
    errors  jsonb;
    seen    render_api.answer;
    doc     jsonb := request->'document';
BEGIN
    IF NOT EXISTS (SELECT FROM account WHERE id = me(who) AND active) THEN
        RETURN problem(401, 'Unauthorized', 'the account is gone', request);
    END IF;

    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        RETURN seen;
    END IF;

    errors := source_problems(who, doc->'assets');

    IF errors <> '[]' THEN
        RETURN idempotency_put(who, request, problem(422,
            'The composition cannot be rendered',
            errors->0->>'pointer' || ' ' || (errors->0->>'detail'), request,
            errors));
    END IF;

    INSERT INTO composition (owner, title, config, config_text)
    VALUES (me(who), coalesce(doc->>'title', ''), body::jsonb, body)
    RETURNING * INTO c;

    SELECT * INTO made FROM add_job(c.owner, 'composition', c.id, c.revision,
        jsonb_build_object('assets',
            (SELECT coalesce(jsonb_agg(DISTINCT substr(r->>'src', 7)), '[]')
               FROM jsonb_array_elements(doc->'assets') r)), request);

    seen := ok(202, jsonb_build_object('composition_id', c.id,
                   'job_id', (made.j).id, 'status', (made.j).status,
                   'links', jsonb_build_object(
                       'job', '/jobs/' || (made.j).id,
                       'progress', '/ws/progress/' || (made.j).id,
                       'result', '/results/' || (made.j).id || '/final')),
               effects_add(made.effects, event(made.j, 'status')),
               jsonb_build_object('Location', '/jobs/' || (made.j).id,
                                  'Retry-After', '1'));

    RETURN idempotency_put(who, request, seen);
END $$;

CREATE OR REPLACE FUNCTION render_api.compositions_get(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    c  composition;
BEGIN
    SELECT * INTO c FROM composition WHERE id = to_uuid(params->>'id')
       AND may_read(who, owner, visibility, share_token, params->>'share');

    IF NOT FOUND THEN
        RETURN not_found('composition', request);
    END IF;

    RETURN ok(200, composition_json(c)
                   || jsonb_build_object('config', c.config));
END $$;

CREATE OR REPLACE FUNCTION render_api.compositions_list(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    at      record;
    answer  render_api.answer;
    n       int := page_limit(params);
BEGIN
    SELECT * INTO at FROM cursor_read(params->>'cursor');

    WITH p AS (
        SELECT c.* FROM composition c
         WHERE c.owner = me(who)
           AND (at.t IS NULL OR (c.created_at, c.id) < (at.t, at.id))
         ORDER BY c.created_at DESC, c.id DESC LIMIT n)
    SELECT x.* INTO answer
      FROM (SELECT array_agg(composition_json(p) ORDER BY created_at DESC, id DESC) AS items,
                   (array_agg(cursor_of(created_at, id)
                              ORDER BY created_at, id))[1] AS last
              FROM p) one,
           page(one.items, one.last, n) x;

    RETURN answer;
END $$;

-- redirect is what nginx signs: with status 200 it answers {url, expires_at}.
CREATE OR REPLACE FUNCTION render_api.compositions_download(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    c  composition;
    a  asset;
BEGIN
    SELECT * INTO c FROM composition WHERE id = to_uuid(params->>'id')
       AND may_read(who, owner, visibility, share_token, params->>'share');

    IF NOT FOUND THEN
        RETURN not_found('composition', request);
    END IF;

    SELECT * INTO a FROM asset WHERE id = c.output_asset;

    IF NOT FOUND THEN
        RETURN problem(409, 'Not rendered yet', 'the composition has no film '
                       'yet; its job says how far it is', request);
    END IF;

    RETURN (CASE WHEN params->>'redirect' = '1' THEN 302 ELSE 200 END,
            NULL, NULL, NULL, a.storage_key)::render_api.answer;
END $$;
