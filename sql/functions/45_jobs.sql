-- Jobs as their owners see them: state, receipt, cancel, retry, results.

SET LOCAL ROLE render_owner;

-- Stable links to what a job made; they answer with a signed one.
CREATE OR REPLACE FUNCTION render.results_json(job_id uuid, results jsonb)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_object_agg(name, json_build_object(
                       'url', '/results/' || job_id || '/' || name,
                       'bytes', r->'bytes', 'duration', r->'duration',
                       'content_type', r->'content_type'))
              FROM jsonb_each(results) AS x(name, r));
END $$;

CREATE OR REPLACE FUNCTION render.stage_of(job_id uuid, of_run int)
RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT kind FROM render.task
             WHERE job = job_id AND run = of_run AND status <= 'leased'
             ORDER BY status DESC, started_at DESC LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION render.legacy_status(j render.job) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN j.status = 'completed' THEN 'FINISHED'
                WHEN j.status IN ('failed', 'cancelled') THEN 'FAILED'
                WHEN j.kind IN ('image', 'prompt') AND j.status = 'pending'
                THEN 'WAIT_IMAGE2JSON' ELSE 'WAIT_JSON2VIDEO' END
$$;

CREATE OR REPLACE FUNCTION render.lives(s render.job_status) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT s IN ('pending', 'queued', 'processing')
$$;

-- Every job as it is told.  A view, so that whoever asks for one or for a page
-- of them has it in the one plan of its own query: the most asked of all is how
-- far a job is.  Warnings are what went wrong without keeping the job from its
-- end.
DROP VIEW IF EXISTS render.job_told;
CREATE VIEW render.job_told AS
    SELECT j.id, j.owner, j.kind, j.subject, j.status, j.created_at,
           json_build_object('id', j.id, 'kind', j.kind,
               'subject', j.subject, 'revision', j.revision,
               'status', j.status,
               'legacy_status', render.legacy_status(j), 'run', j.run,
               'priority', j.priority, 'stage',
               CASE WHEN render.lives(j.status) THEN
                   (SELECT kind FROM render.task
                     WHERE job = j.id AND run = j.run AND status <= 'leased'
                     ORDER BY status DESC, started_at DESC LIMIT 1) END,
               'percent', render.percent(j), 'results',
               CASE WHEN j.results = '{}' THEN '{}'
                    ELSE render.results_json(j.id, j.results) END,
               'segments', coalesce(j.segments,
                                    '{"total": 0, "by_mode": {}}'),
               'preview_url', render.preview_url(j), 'blurhash', j.blurhash,
               'warnings', CASE WHEN j.spec ? 'encoder'
                   THEN (coalesce(t.warnings::jsonb, '[]')
                         || jsonb_build_object('code', 'unsupported',
                                'detail', j.spec->'encoder'->'why',
                                'stage', 'plan', 'attempts', 1))::json
                   ELSE coalesce(t.warnings, '[]') END, 'error', j.error,
               'attempts', coalesce(t.attempts, 0),
               'created_at', render.rfc3339(j.created_at),
               'started_at', render.rfc3339(j.started_at),
               'ended_at', render.rfc3339(j.ended_at)) AS told
      FROM render.job j
      LEFT JOIN LATERAL (
            SELECT max(attempt) AS attempts,
                   json_agg(json_build_object('code', error->>'status',
                       'detail', 'there is no preview: ' || (error->>'text'),
                       'stage', kind, 'attempts', attempt))
                   FILTER (WHERE kind = 'preview' AND status = 'failed')
                   AS warnings
              FROM render.task
             WHERE job = j.id AND run = j.run) t ON true;

-- Jobs are their owner's; those of a shared composition are shared with it.
CREATE OR REPLACE FUNCTION render.shared_job(kind text, subject uuid,
    given_token text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN kind = 'composition'
           AND EXISTS (SELECT FROM render.composition c
                        WHERE c.id = subject
                          AND render.may_read(NULL, NULL, c.visibility,
                                              c.share_token, given_token));
END $$;

CREATE OR REPLACE FUNCTION render.may_read_job(who jsonb, owner uuid,
    kind text, subject uuid, given_token text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT render.may_read(who, owner, 'private', NULL)
           OR render.shared_job(kind, subject, given_token)
$$;

CREATE OR REPLACE FUNCTION render_api.jobs_get(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    answer  render_api.answer;
BEGIN
    SELECT 200, v.told, CASE WHEN lives(v.status)
                        THEN '{"Retry-After": "1"}'::json END
      INTO answer.status, answer.body, answer.headers
      FROM job_told v
     WHERE v.id = to_uuid(params->>'id')
       AND may_read_job(who, v.owner, v.kind, v.subject, params->>'share');

    IF NOT FOUND THEN
        RETURN not_found('job', request);
    END IF;

    RETURN answer;
END $$;

-- Jobs in the order of their ids; by one plan for all lists, whatever the list
-- itself is planned by.
CREATE OR REPLACE FUNCTION render.jobs_told(ids uuid[]) RETURNS json[]
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(SELECT v.told FROM unnest(ids) WITH ORDINALITY x(id, n)
                   JOIN render.job_told v ON v.id = x.id ORDER BY n);
END $$;

-- Planned for each call, as every list is: only so does a filter or a cursor
-- that was not given cost nothing, and one that was given find its index.
CREATE OR REPLACE FUNCTION render_api.jobs_list(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    at      record;
    ids     uuid[];
    items   json[];
    last    text;
    n       int := page_limit(params);
    wanted  job_status := (SELECT s FROM unnest(enum_range(NULL::job_status)) s
                            WHERE s::text = params->>'status');
BEGIN
    SELECT * INTO at FROM cursor_read(params->>'cursor');

    WITH p AS (
        SELECT j.id, j.created_at FROM job j
         WHERE j.owner = me(who) AND j.kind <> 'validate'
           AND CASE params->>'kind' WHEN 'all' THEN true
               ELSE j.kind = coalesce(params->>'kind', 'composition') END
           AND (params->>'status' IS NULL OR j.status = wanted)
           AND (at.t IS NULL OR (j.created_at, j.id) < (at.t, at.id))
         ORDER BY j.created_at DESC, j.id DESC LIMIT n)
    SELECT array_agg(id ORDER BY created_at DESC, id DESC),
           (array_agg(cursor_of(created_at, id) ORDER BY created_at, id))[1]
      INTO ids, last FROM p;

    items := jobs_told(ids);

    RETURN page(items, last, n);
END $$;

-- The state of jobs as events, for a relay that begins (params.id, who may read
-- it) or was silent (params.ids, a JSON array; then nginx itself asks); or the
-- live jobs of params.account, and those ended since params.since (ms; also
-- nginx itself).  nginx itself is known by its request, which is {}: a request
-- that somebody made has an id, and one that was lost is not nginx's.
CREATE OR REPLACE FUNCTION render_api.jobs_snapshot(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    items   jsonb;
    which   uuid[];
    inside  boolean := coalesce(request = '{}', false);
BEGIN
    IF inside AND params->>'account' IS NOT NULL THEN
        which := ARRAY(
            (SELECT id FROM job
              WHERE owner = (params->>'account')::uuid AND kind <> 'validate'
                AND status IN ('pending', 'queued', 'processing')
              ORDER BY created_at DESC LIMIT 200)
            UNION
            (SELECT id FROM job
              WHERE owner = (params->>'account')::uuid AND kind <> 'validate'
                AND (params->>'since')::bigint > 0 AND ended_at >
                    to_timestamp((params->>'since')::bigint / 1000.0)
              ORDER BY ended_at DESC LIMIT 200));
    ELSIF inside THEN
        which := ARRAY(SELECT to_uuid(i) FROM
                       jsonb_array_elements_text(params->'ids') i);
    ELSE
        which := ARRAY[to_uuid(params->>'id')];
    END IF;

    SELECT jsonb_agg(jsonb_build_object('id', NULL, 'job_id', j.id,
               'run', j.run, 'type', 'snapshot', 'status', j.status,
               'class', 'json2video', 'stage', stage_of(j.id, j.run),
               'step', step_of(j.id, j.run),
               'percent', percent(j), 'eta_s', NULL,
               'preview_url', preview_url(j), 'blurhash', j.blurhash,
               'error', j.error, 'at', rfc3339(now())))
      INTO items
      FROM job j
     WHERE j.id = ANY (which)
       AND (inside OR may_read_job(who, j.owner, j.kind, j.subject,
                                   params->>'share'));

    IF items IS NULL AND NOT inside THEN
        RETURN not_found('job', request);
    END IF;

    RETURN ok(200, coalesce(items, '[]'));
END $$;

CREATE OR REPLACE FUNCTION render_api.jobs_cancel(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
    e  jsonb;
BEGIN
    SELECT * INTO j FROM job
     WHERE id = to_uuid(params->>'id') AND owner = me(who) FOR UPDATE;

    IF NOT FOUND THEN
        RETURN not_found('job', request);
    END IF;

    IF j.status IN ('completed', 'failed') THEN
        RETURN problem(409, 'Already ended', format('the job has %s; there is '
                       'nothing to cancel', CASE j.status WHEN 'failed'
                       THEN 'failed' ELSE 'been completed' END), request);
    END IF;

    e := end_job(j.id, 'cancelled', jsonb_build_object('code', 'cancelled',
                 'detail', 'cancelled by its owner'));

    IF j.kind = 'probe' THEN                -- nobody looks at it any more
        UPDATE asset SET status = 'failed', updated_at = clock_timestamp(),
               error = 'looking into it was cancelled'
         WHERE id = j.subject AND status = 'probing';
    END IF;

    SELECT * INTO j FROM job WHERE id = j.id;

    RETURN ok(200, (SELECT told FROM job_told WHERE id = j.id), e);
END $$;

CREATE OR REPLACE FUNCTION render_api.jobs_retry(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    j     job;
    e     jsonb;
    seen  render_api.answer;
BEGIN
    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        RETURN seen;
    END IF;

    SELECT * INTO j FROM job
     WHERE id = to_uuid(params->>'id') AND owner = me(who) FOR UPDATE;

    IF NOT FOUND THEN
        RETURN idempotency_put(who, request, not_found('job', request));
    END IF;

    IF j.status NOT IN ('failed', 'cancelled') THEN
        RETURN idempotency_put(who, request, problem(409, 'Nothing to retry',
            'only a job that failed or was cancelled is tried again', request));
    END IF;

    IF NOT EXISTS (SELECT FROM composition WHERE id = j.subject)
       AND NOT EXISTS (SELECT FROM asset WHERE id = j.subject)
    THEN
        RETURN idempotency_put(who, request, problem(409, 'Nothing to retry',
            'what the job is about was deleted', request));
    END IF;

    UPDATE job SET status = 'queued', run = run + 1, error = NULL,
           ended_at = NULL, started_at = NULL, weight_done = 0, engine = NULL,
           spec = spec - '{fetched,encoder}'::text[]    -- are asked again
     WHERE id = j.id RETURNING * INTO j;

    IF j.kind = 'probe' THEN
        UPDATE asset SET status = 'probing', error = NULL WHERE id = j.subject;
    END IF;

    e := begin_run(j);
    SELECT * INTO j FROM job WHERE id = j.id;

    RETURN idempotency_put(who, request, ok(202,
        (SELECT told FROM job_told WHERE id = j.id),
        effects_add(e, event(j, 'status')), jsonb_build_object('Location',
            '/jobs/' || j.id, 'Retry-After', '1')));
END $$;

-- What it made and no asset has goes with it, in this run or an earlier one.
CREATE OR REPLACE FUNCTION render_api.jobs_delete(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
BEGIN
    SELECT * INTO j FROM job
     WHERE id = to_uuid(params->>'id') AND owner = me(who) FOR UPDATE;

    IF NOT FOUND THEN
        RETURN not_found('job', request);
    END IF;

    IF j.status IN ('pending', 'queued', 'processing') THEN
        RETURN problem(409, 'It lives', 'the job has not ended; cancel it '
                       'first', request);
    END IF;

    INSERT INTO garbage (storage_key)
    SELECT r->>'key' FROM jsonb_each(j.results) x(name, r)
     WHERE r->>'key' IS NOT NULL
       AND NOT EXISTS (SELECT FROM asset WHERE storage_key = r->>'key')
       AND r->>'key' NOT LIKE '%.m3u8'
     UNION
    SELECT k FROM old_files(j.id, j.run + 1) k
    ON CONFLICT DO NOTHING;

    DELETE FROM job WHERE id = j.id;

    RETURN (204, NULL, NULL, NULL, NULL)::render_api.answer;
END $$;



-- A result by name; "preview" is the older name of the film.
CREATE OR REPLACE FUNCTION render_api.results_get(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
    k  text;
BEGIN
    SELECT * INTO j FROM job WHERE id = to_uuid(params->>'id');

    IF NOT FOUND OR NOT may_read_job(who, j.owner, j.kind, j.subject,
                                   params->>'share') THEN
        RETURN not_found('job', request);
    END IF;

    k := j.results->(CASE params->>'name' WHEN 'preview' THEN 'final'
                     ELSE params->>'name' END)->>'key';

    IF k IS NULL AND j.status IN ('pending', 'queued', 'processing') THEN
        RETURN problem(409, 'Not rendered yet', format('the job is %s (%s %%)',
                       j.status, percent(j)), request, NULL,
                       '{"Retry-After": "1"}');
    END IF;

    IF k IS NULL THEN
        RETURN not_found('result', request);
    END IF;

    RETURN (302, NULL, NULL, NULL, k)::render_api.answer;
END $$;

-- What the answer of readiness says of the schema.
CREATE OR REPLACE FUNCTION render_api.health(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
BEGIN
    RETURN ok(200, jsonb_build_object('schema',
        (SELECT max(name) FROM migration WHERE name NOT LIKE 'functions/%'),
        'workers', (SELECT count(*) FROM worker WHERE alive_until > now())));
END $$;

-- Of earlier versions, where the last that called them is replaced by now.
DROP FUNCTION IF EXISTS render.job_json(render.job);
DROP FUNCTION IF EXISTS render.segments_json(render.job);
DROP FUNCTION IF EXISTS render.warnings_json(render.job);
DROP FUNCTION IF EXISTS render.stage_of(render.job);
DROP FUNCTION IF EXISTS render.step_of(render.job);
DROP FUNCTION IF EXISTS render.may_read_job(jsonb, render.job, text);
