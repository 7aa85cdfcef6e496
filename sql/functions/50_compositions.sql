-- Compositions.  nginx has parsed the document with the parser of common/; what
-- it names (request.document: {title, assets: [{pointer, src, type}]}) is
-- checked here against what the caller may see.

SET LOCAL ROLE render_owner;

-- Problems of the sources a document names, as [{pointer, detail}].
CREATE OR REPLACE FUNCTION render.source_problems(who jsonb, refs jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('pointer', r->>'pointer',
                   'detail', CASE
                       WHEN a.id IS NULL THEN 'does not exist'
                       WHEN a.status = 'uploading'
                       THEN 'is still being uploaded'
                       WHEN a.status = 'failed' THEN 'cannot be used: '
                            || coalesce(a.error, 'it could not be read')
                       ELSE format('is of kind %s, not %s', a.kind,
                                   r->>'type')
                   END) ORDER BY n), '[]')
          FROM jsonb_array_elements(refs) WITH ORDINALITY AS x(r, n)
          LEFT JOIN render.asset a
            ON a.id = render.to_uuid(substr(r->>'src', 7))
               AND render.may_read(who, a.owner, a.visibility, NULL)
         WHERE NOT render.is_url(r->>'src')
           AND (a.id IS NULL OR a.status IN ('uploading', 'failed')
            OR CASE WHEN r->>'type' IN ('audio', 'waveform')
                    THEN a.kind NOT IN ('audio', 'video')
                    WHEN r->>'type' IN ('image', 'svg', 'font')
                    THEN a.kind <> r->>'type'
                    WHEN r->>'type' IN ('caption', 'lut')
                    THEN a.kind <> 'document'
                    ELSE a.kind <> 'video' END));
END $$;

-- As `who` may see it: the secret of the link is its owner's.  By one plan, also
-- in a list, which has itself planned for each call.
CREATE OR REPLACE FUNCTION render.composition_json(who jsonb,
    c render.composition) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('id', c.id, 'title', c.title,
            'share_url', CASE WHEN c.owner = (who->>'account')::uuid
                THEN render.share_url('/compositions/' || c.id
                                      || '/download?redirect=1',
                                      c.visibility, c.share_token) END,
            'revision', c.revision, 'visibility', c.visibility,
            'created_at', render.rfc3339(c.created_at),
            'updated_at', render.rfc3339(c.updated_at),
            'completed_at', render.rfc3339(c.completed_at),
            'output_asset', c.output_asset, 'status', j.status,
            'job_id', j.id, 'percent', render.percent(j), 'error', j.error,
            'results', CASE WHEN j.status = 'completed'
                       THEN coalesce(render.results_json(j.id, j.results),
                                     '{}') END)
          FROM (SELECT) one
          LEFT JOIN LATERAL (SELECT o.id FROM render.job o
                              WHERE o.subject = c.id
                                AND o.kind = 'composition'
                              ORDER BY o.created_at DESC LIMIT 1) newest
            ON true
          LEFT JOIN render.job j ON j.id = newest.id);
END $$;

CREATE OR REPLACE FUNCTION render.composition_tag(c render.composition)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '"' || c.revision || '-' || left(encode(sha256(convert_to(c.id
        || c.title || c.visibility::text, 'UTF8')), 'hex'), 12) || '"'
$$;

-- The ids of the assets that nginx has found in a document, request.document,
-- and the URLs, each with where it stands first: {"url", "pointer"}; NULL where
-- it has found none out.
CREATE OR REPLACE FUNCTION render.document_assets(doc jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(doc->'assets') IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    END IF;

    RETURN (SELECT coalesce(jsonb_agg(DISTINCT CASE
                       WHEN render.is_url(src) THEN jsonb_build_object(
                           'url', src, 'pointer', pointer)
                       ELSE to_jsonb(regexp_replace(src, '^asset:', '')) END),
                       '[]')
              FROM (SELECT a->>'src' AS src, (array_agg(a->>'pointer'
                           ORDER BY n))[1] AS pointer
                      FROM jsonb_array_elements(doc->'assets')
                           WITH ORDINALITY x(a, n)
                     GROUP BY 1) s);
END $$;

-- What a document names that was not parsed: its time line, and merge fields
-- that are a name as a whole.
CREATE OR REPLACE FUNCTION render.assets_of(config jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(DISTINCT regexp_replace(s #>> '{}',
                       '^asset:', '')), '[]')
              FROM (SELECT s FROM jsonb_path_query(config->'timeline',
                                                   'strict $.**.src') s
                     WHERE s #>> '{}' LIKE 'asset:%'
                    UNION ALL
                    SELECT s FROM jsonb_path_query(config->'merge', '$.*') s
                     WHERE s #>> '{}' ~ '^(asset:)?[0-9a-f-]{36}$') x(s));
END $$;

-- A job for the composition as it is, and the answer that says so.  The job has
-- the document of its own revision: by the time it is planned, or tried again,
-- the composition may have another.
CREATE OR REPLACE FUNCTION render.start_composition(c render.composition,
    request jsonb, also jsonb DEFAULT '{}', before jsonb DEFAULT '{}')
RETURNS render_api.answer
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    made  record;
BEGIN
    SELECT * INTO made FROM add_job(c.owner, 'composition', c.id, c.revision,
        jsonb_build_object('assets', coalesce(c.assets, assets_of(c.config)),
                           'config', c.config_text), request);

    RETURN ok(202, jsonb_build_object('composition_id', c.id,
                  'job_id', (made.j).id, 'status', (made.j).status,
                  'revision', c.revision,
                  'links', jsonb_build_object(
                      'job', '/jobs/' || (made.j).id,
                      'progress', '/ws/progress/' || (made.j).id,
                      'events', '/jobs/' || (made.j).id || '/events',
                      'result', '/results/' || (made.j).id || '/final'))
              || also,
              effects_add(before, effects_add(made.effects,
                                              event(made.j, 'status'))),
              jsonb_build_object('Location', '/jobs/' || (made.j).id,
                                 'Retry-After', '1'));
END $$;

CREATE OR REPLACE FUNCTION render.refuse_sources(who jsonb, doc jsonb,
    prefix text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    e  jsonb;
BEGIN
    IF coalesce(doc->'assets', '[]') = '[]' THEN
        RETURN NULL;
    END IF;

    e := (SELECT coalesce(jsonb_agg(x || jsonb_build_object('pointer',
                     prefix || (x->>'pointer')) ORDER BY n), '[]')
            FROM jsonb_array_elements(render.source_problems(who,
                     doc->'assets')) WITH ORDINALITY p(x, n));

    IF e = '[]' THEN
        RETURN NULL;
    END IF;

    RETURN render.problem(422, 'The composition cannot be rendered',
               e->0->>'pointer' || ' ' || (e->0->>'detail'), request, e);
END $$;

-- Stores a document that nginx has parsed, and starts its first job.
CREATE OR REPLACE FUNCTION render.create_composition(who jsonb, config text,
    prefix text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    c        composition;
    seen     render_api.answer;
    refusal  render_api.answer;
    doc      jsonb := request->'document';
BEGIN
    IF NOT EXISTS (SELECT FROM account WHERE id = me(who) AND active) THEN
        RETURN problem(401, 'Unauthorized', 'the account is gone', request);
    END IF;

    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        RETURN seen;
    END IF;

    refusal := refuse_sources(who, doc, prefix, request);
    IF refusal.status IS NOT NULL THEN
        RETURN idempotency_put(who, request, refusal);
    END IF;

    INSERT INTO composition (owner, title, config, config_text, assets)
    VALUES (me(who), coalesce(doc->>'title', ''), config::jsonb, config,
            document_assets(doc))
    RETURNING * INTO c;

    RETURN idempotency_put(who, request, start_composition(c, request));
END $$;

CREATE OR REPLACE FUNCTION render_api.compositions_create(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
BEGIN
    RETURN create_composition(who, body, '', request);
END $$;

-- Whoever may change the composition, or the refusal.
CREATE OR REPLACE FUNCTION render.own_composition(who jsonb, params jsonb,
    request jsonb, OUT c render.composition, OUT refusal render_api.answer)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    SELECT * INTO c FROM composition
     WHERE id = to_uuid(params->>'id') AND owner = me(who) FOR UPDATE;

    IF NOT FOUND THEN
        refusal := not_found('composition', request);
    ELSIF NOT if_match(request, composition_tag(c)) THEN
        refusal := changed_meanwhile(request);
    END IF;
END $$;

-- request.document is that of body.config, where there is one.
CREATE OR REPLACE FUNCTION render_api.compositions_patch(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    own      record;
    c        composition;
    b        jsonb := body::jsonb;
    doc      jsonb := request->'document';
    v        visibility;
    errors   jsonb;
    refusal  render_api.answer;
    again    boolean;
    answer   render_api.answer;
BEGIN
    errors := field_problems(b, '{"title": "string", "visibility": "string",
                                  "config": "object"}');
    IF errors <> '[]' THEN
        RETURN problem(422, 'Unprocessable', 'the change cannot be made',
                       request, errors);
    END IF;

    SELECT * INTO own FROM own_composition(who, params, request);
    refusal := own.refusal;
    IF refusal.status IS NOT NULL THEN
        RETURN refusal;
    END IF;

    c := own.c;
    v := coalesce(b->>'visibility', c.visibility::text)::visibility;
    again := b ? 'config' AND b->'config' <> c.config;

    IF b ? 'config' THEN
        refusal := refuse_sources(who, doc, '/config', request);
        IF refusal.status IS NOT NULL THEN
            RETURN refusal;
        END IF;
    END IF;

    UPDATE composition SET
           title = coalesce(b->>'title', CASE WHEN again AND
                       b->'config'->>'title' IS DISTINCT FROM config->>'title'
                       THEN coalesce(doc->>'title', '') END, title),
           visibility = v, share_token = share_token(c.share_token, v),
           config = CASE WHEN again THEN b->'config' ELSE config END,
           config_text = CASE WHEN again THEN body::json->>'config'
                         ELSE config_text END,
           assets = CASE WHEN again THEN document_assets(doc) ELSE assets END,
           revision = revision + again::int, updated_at = now()
     WHERE id = c.id RETURNING * INTO c;

    -- the film is called as the composition is, and who may read the one may
    -- read the other; films of older revisions follow, or a link to one would
    -- outlive the composition's becoming private

    UPDATE asset SET title = c.title, updated_at = clock_timestamp()
     WHERE id = c.output_asset AND title <> c.title;

    IF b ? 'visibility' THEN
        UPDATE asset SET visibility = c.visibility,
               share_token = c.share_token, updated_at = clock_timestamp()
         WHERE owner = c.owner AND origin = 'render'
           AND (visibility, share_token)
               IS DISTINCT FROM (c.visibility, c.share_token)
           AND (id = c.output_asset OR storage_key IN
                (SELECT j.results->'final'->>'key' FROM job j
                  WHERE j.subject = c.id AND j.kind = 'composition'));
    END IF;

    IF NOT again THEN
        RETURN ok(200, composition_json(who, c), NULL,
                  jsonb_build_object('ETag', composition_tag(c)));
    END IF;

    answer := start_composition(c, request);
    answer.headers := answer.headers::jsonb
                      || jsonb_build_object('ETag', composition_tag(c));
    RETURN answer;
END $$;

-- Its film stays, as an asset of its own.
CREATE OR REPLACE FUNCTION render_api.compositions_delete(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    own   record;
    live  uuid[];
    j     uuid;
    e     jsonb := '{}';
BEGIN
    -- jobs before the composition, as where a film is accepted; none is ended
    -- before it is known that the composition may be deleted

    live := ARRAY(SELECT job.id FROM job JOIN composition c
                      ON c.id = job.subject
                   WHERE c.id = to_uuid(params->>'id') AND c.owner = me(who)
                     AND job.kind = 'composition'
                     AND job.status IN ('pending', 'queued', 'processing')
                   ORDER BY job.id FOR UPDATE OF job);

    SELECT * INTO own FROM own_composition(who, params, request);
    IF (own.refusal).status IS NOT NULL THEN
        RETURN own.refusal;
    END IF;

    FOREACH j IN ARRAY live LOOP
        e := effects_add(e, end_job(j, 'cancelled', jsonb_build_object(
                 'code', 'cancelled', 'detail', 'its composition was '
                 'deleted')));
    END LOOP;

    DELETE FROM composition WHERE id = (own.c).id;

    RETURN (204, NULL, NULL, e::json, NULL)::render_api.answer;
END $$;

CREATE OR REPLACE FUNCTION render_api.compositions_render(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    own      record;
    errors   jsonb;
    seen     render_api.answer;
BEGIN
    errors := field_problems(coalesce(nullif(body, '')::jsonb, '{}'), '{}');
    IF errors <> '[]' THEN
        RETURN problem(422, 'Unprocessable', 'nothing can be asked for here '
                       'yet', request, errors);
    END IF;

    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        RETURN seen;
    END IF;

    SELECT * INTO own FROM own_composition(who, params, request);

    RETURN idempotency_put(who, request,
        CASE WHEN (own.refusal).status IS NOT NULL THEN own.refusal
             ELSE start_composition(own.c, request) END);
END $$;

-- A job that plans and does nothing else; nginx waits for its end and asks
-- compositions_validated.  Nobody else sees it.
CREATE OR REPLACE FUNCTION render_api.compositions_validate(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    made     record;
    refusal  render_api.answer;
    unknown  jsonb;
BEGIN
    IF NOT EXISTS (SELECT FROM account WHERE id = me(who) AND active) THEN
        RETURN problem(401, 'Unauthorized', 'the account is gone', request);
    END IF;

    refusal := refuse_sources(who, request->'document', '', request);
    IF refusal.status IS NOT NULL THEN
        RETURN refusal;
    END IF;

    -- what was never fetched has no length: the document is right, and nothing
    -- more can be said

    unknown := unknown_urls(me(who), coalesce(
                   document_assets(request->'document'), '[]'));
    IF unknown <> '[]' THEN
        RETURN ok(200, jsonb_build_object('valid', true, 'duration', NULL,
            'frames', NULL, 'segments', NULL, 'sound', NULL, 'cost', NULL,
            'warnings', unknown));
    END IF;

    SELECT * INTO made FROM add_job(me(who), 'validate', NULL, 1,
        jsonb_build_object('assets', coalesce(
                               document_assets(request->'document'),
                               assets_of(body::jsonb)),
                           'config', body), request);

    RETURN ok(202, jsonb_build_object('job_id', (made.j).id), made.effects);
END $$;

CREATE OR REPLACE FUNCTION render_api.compositions_validated(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
BEGIN
    SELECT * INTO j FROM job WHERE id = to_uuid(request->>'job')
       AND owner = me(who) AND kind = 'validate' FOR UPDATE;

    IF NOT FOUND THEN
        RETURN not_found('validation', request);
    END IF;

    DELETE FROM job WHERE id = j.id;

    IF j.status = 'completed' THEN
        RETURN ok(200, j.results);
    END IF;

    IF j.status = 'failed' AND j.error->>'code' = 'invalid' THEN
        RETURN problem(422, 'The composition cannot be rendered',
                       j.error->>'detail', request, j.error->'errors');
    END IF;

    IF j.status = 'failed' THEN
        RETURN problem(500, 'Internal error', j.error->>'detail', request);
    END IF;

    RETURN problem(504, 'No answer in time', 'no worker has planned the '
                   'composition within 10 seconds; it may still be right',
                   request);
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

    RETURN ok(200, composition_json(who, c)
                   || jsonb_build_object('config', c.config), NULL,
              jsonb_build_object('ETag', composition_tag(c)));
END $$;

CREATE OR REPLACE FUNCTION render_api.compositions_list(who jsonb,
    params jsonb, body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
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
      FROM (SELECT array_agg(composition_json(who, p) ORDER BY created_at DESC, id DESC) AS items,
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

-- Of earlier versions, where the last that called them is replaced by now.
DROP FUNCTION IF EXISTS render.results_json(render.job);
DROP FUNCTION IF EXISTS render.page(jsonb[], text, int);
