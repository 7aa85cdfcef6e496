-- What workers call: claim, finish, alive.  Every write carries the fence that
-- the claim gave; a task that is no longer the caller's is refused, not harmed.

SET LOCAL ROLE render_owner;

-- An alive worker's lease, renewed each second.
CREATE OR REPLACE FUNCTION render.lease() RETURNS interval
LANGUAGE sql IMMUTABLE AS $$ SELECT interval '5 seconds' $$;

-- Registers or renews a worker.  `running` is [{task, fence}]; the answer is
-- the ids of those that are no longer the worker's: cancelled or lost.  What
-- it should run and does not goes back unspent; the janitor rings.
CREATE OR REPLACE FUNCTION render_work.alive(w uuid, info jsonb, running jsonb)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
BEGIN
    INSERT INTO worker (id, host, engine, classes, slots, version, alive_until,
                        draining)
    VALUES (w, info->>'host', (info->>'engine')::int,
            ARRAY(SELECT jsonb_array_elements_text(info->'classes')
                  ::task_class), (info->>'slots')::int, info->>'version',
            now() + lease(), (info->>'draining')::boolean)
    ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until,
        slots = excluded.slots, draining = excluded.draining;

    -- given back by the janitor while we were out of touch, but not claimed by
    -- anyone: the work goes on

    UPDATE task SET status = 'leased'
      FROM jsonb_array_elements(running) r
     WHERE task.id = (r->>'task')::uuid AND task.status = 'ready'
       AND task.worker = w AND task.fence = (r->>'fence')::bigint;

    -- a claim whose answer was lost on its way: nobody works on it, and nobody
    -- would, as long as this worker lives

    UPDATE task SET status = 'ready', worker = NULL,
           attempt = greatest(0, attempt - 1), not_before = now()
     WHERE worker = w AND status = 'leased'
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(running) r
                        WHERE (r->>'task')::uuid = task.id
                          AND (r->>'fence')::bigint = task.fence);

    RETURN (SELECT coalesce(jsonb_agg(r->>'task'), '[]')
              FROM jsonb_array_elements(running) r
             WHERE NOT EXISTS (SELECT FROM task t
                                WHERE t.id = (r->>'task')::uuid
                                  AND t.worker = w AND t.status = 'leased'
                                  AND t.fence = (r->>'fence')::bigint));
END $$;

-- The worker is gone for good; what it still held goes back unspent.
CREATE OR REPLACE FUNCTION render_work.leave(w uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    t  record;
    e  jsonb := '{}';
BEGIN
    FOR t IN SELECT task.id, task.fence FROM task
              WHERE worker = w AND status = 'leased'
    LOOP
        e := effects_add(e, render_work.hand_back(w, t.id, t.fence));
    END LOOP;
    DELETE FROM worker WHERE worker.id = w;
    UPDATE office SET until = '-infinity' WHERE holder = w;
    RETURN e;
END $$;

-- A drained task: ready again, the attempt not counted.
CREATE OR REPLACE FUNCTION render_work.hand_back(w uuid, task_id uuid,
    f bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    t  task;
BEGIN
    UPDATE task SET status = 'ready', worker = NULL,
           attempt = greatest(0, attempt - 1), not_before = now()
     WHERE id = task_id AND worker = w AND fence = f AND status = 'leased'
    RETURNING * INTO t;

    RETURN CASE WHEN FOUND THEN bell(t) ELSE '{}' END;
END $$;

-- What a specification calls an asset: by its bytes; a film that was rendered
-- here has no digest, but its object is written once, and so has its key.
CREATE OR REPLACE FUNCTION render.input_name(a render.asset) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(a.sha256, encode(sha256(convert_to(a.storage_key,
                                                       'UTF8')), 'hex'))
$$;

-- The files of the pieces in a jsonb of specifications: {name: storage key}.
CREATE OR REPLACE FUNCTION render.inputs_of(j render.job, specs jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT coalesce(jsonb_object_agg(render.input_name(a), a.storage_key), '{}')
      FROM render.asset a
     WHERE a.id IN (SELECT render.to_uuid(i) FROM
                    jsonb_array_elements_text(j.spec->'assets') i)
       AND render.input_name(a) IN (SELECT p #>> '{}' FROM
                        jsonb_path_query(specs, 'strict $.**.input') p));
END $$;

CREATE OR REPLACE FUNCTION render.segment_path(scope uuid, key text)
RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'segments/' || scope::text || '/' || left(key, 2) || '/' || key
           || '.mp4'
$$;

-- A segment's specification and a tick of it: what the child draws.
CREATE OR REPLACE FUNCTION render.picture_of(j render.job, number int,
    tick bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('spec', js.spec, 'tick', tick)
              FROM render.job_segment js
             WHERE js.job = j.id AND js.run = j.run AND js.track = 'video'
               AND js.number = picture_of.number);
END $$;

-- Where a task puts what is the job's alone: nobody else ever writes there.
CREATE OR REPLACE FUNCTION render.prefix_of(t render.task) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN format('outputs/%s/%s-%s/', t.job, t.run, t.fence);
END $$;

-- Where a part of a stream goes: all of a run under one prefix, so that one
-- signature is good for them, and the claim's fence in the name.
CREATE OR REPLACE FUNCTION render.stream_key(t render.task) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN format('outputs/%s/%s-hls/%s-%s.mp4', t.job, t.run, t.number,
                  t.fence);
END $$;

-- Whose rights a job has: its owner's, as they are now.
CREATE OR REPLACE FUNCTION render.acting_for(j render.job) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('account', id, 'role', role)
              FROM render.account WHERE id = j.owner);
END $$;

-- What a worker needs to do a task: the child's specification, its files by
-- name and storage key, and where what it makes goes.
CREATE OR REPLACE FUNCTION render.order_of(t render.task, j render.job)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
DECLARE
    pieces  jsonb;
    plan    jsonb;
    o       jsonb;
    rights  jsonb;
BEGIN
    CASE t.kind

    WHEN 'probe' THEN
        RETURN (SELECT jsonb_build_object(
                    'spec', jsonb_build_object('input', 'input', 'kind', kind),
                    'inputs', jsonb_build_object('input', storage_key),
                    'outputs', '{}'::jsonb)
                  FROM asset WHERE id = j.subject);

    WHEN 'fetch' THEN
        RETURN fetch_order(t);

    -- a validation has no composition; a job of an older schema no config

    WHEN 'plan' THEN
        rights := acting_for(j);
        RETURN (SELECT jsonb_build_object('spec', jsonb_build_object(
                    'config', coalesce(j.spec->>'config', c.config_text),
                    'assets', fetched_facts(j) ||
                    (SELECT coalesce(jsonb_object_agg('asset:' || a.id,
                         jsonb_strip_nulls(jsonb_build_object(
                             'sha256', input_name(a), 'probe', a.probe,
                             'error', a.error))), '{}')
                       FROM asset a WHERE a.id IN (SELECT to_uuid(i) FROM
                            jsonb_array_elements_text(j.spec->'assets') i)
                        AND may_read(rights, a.owner, a.visibility,
                                     NULL)))
                    || CASE WHEN j.spec ? 'encoder'
                       THEN jsonb_build_object('encoder', j.spec->'encoder')
                       ELSE '{}' END,
                    'inputs', (SELECT coalesce(jsonb_object_agg(input_name(a),
                                               a.storage_key), '{}')
                                 FROM asset a WHERE a.kind = 'font'
                                  AND (a.id IN (SELECT to_uuid(i) FROM
                                jsonb_array_elements_text(j.spec->'assets') i)
                                       OR a.id IN (SELECT fetched_as(j, u.url)
                                                     FROM urls_of(j.spec) u))
                                  AND may_read(rights, a.owner, a.visibility,
                                               NULL)),
                    'outputs', '{}'::jsonb)
                  FROM (SELECT) one
                  LEFT JOIN composition c ON c.id = j.subject
                 WHERE c.id IS NOT NULL OR j.kind = 'validate');

    WHEN 'preview' THEN
        SELECT output INTO plan FROM task
         WHERE job = j.id AND run = j.run AND kind = 'plan';
        pieces := jsonb_build_object('first', coalesce(plan->'first',
                                                       picture_of(j, 0, 0)),
            'poster', CASE WHEN plan->'poster' ? 'spec' THEN plan->'poster'
                ELSE picture_of(j, (plan->'poster'->>'number')::int,
                                (plan->'poster'->>'tick')::bigint) END,
            'blurhash', plan->'blurhash');

        RETURN jsonb_build_object('spec', pieces,
            'inputs', inputs_of(j, pieces),
            'outputs', jsonb_build_object(
                'preview.jpg', prefix_of(t) || 'preview.jpg',
                'poster.jpg', prefix_of(t) || 'poster.jpg'));

    WHEN 'assemble' THEN
        SELECT output INTO plan FROM task
         WHERE job = j.id AND run = j.run AND kind = 'plan';

        o := plan->'outputs'->t.number;

        RETURN jsonb_build_object('spec', coalesce(o || jsonb_build_object(
                                      'title', plan->'title'), plan)
            || jsonb_build_object(
            'segments', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(
                             jsonb_build_object('key', key, 'frames', frames,
                             'copy', spec->'copy'->'input')) ORDER BY number),
                             '[]')
                           FROM job_segment js WHERE job = j.id AND run = j.run
                            AND track = 'video' AND is_of(js, o)),
            'sound', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key,
                             'frames', frames) ORDER BY number), '[]')
                           FROM job_segment js WHERE job = j.id AND run = j.run
                            AND track = 'sound' AND is_of(js, o))),
            'inputs', (SELECT jsonb_object_agg(s.key, s.storage_key)
                         FROM job_segment js JOIN segment s
                           ON s.scope = js.scope AND s.key = js.key
                        WHERE js.job = j.id AND js.run = j.run
                          AND is_of(js, o)),
            'outputs', (SELECT jsonb_object_agg(f->>'name', prefix_of(t)
                                                || (f->>'name'))
                          FROM jsonb_array_elements(coalesce(o->'files',
                               '[{"name": "final.mp4"}]')) f));

    WHEN 'package' THEN
        SELECT output INTO plan FROM task
         WHERE job = j.id AND run = j.run AND kind = 'plan';
        o := plan->'outputs'->((t.input->>'output')::int);

        RETURN (SELECT jsonb_build_object('spec', jsonb_build_object(
                    'sound', t.input->>'track' = 'sound',
                    'canvas', t.input->'canvas', 'samples', o->'samples',
                    'at', t.input->'at', 'pieces', jsonb_agg(
                        jsonb_build_object('key', js.key, 'frames', js.frames)
                        ORDER BY js.number)),
                    'inputs', coalesce(jsonb_object_agg(s.key, s.storage_key)
                                       FILTER (WHERE s.key IS NOT NULL), '{}'),
                    'outputs', jsonb_build_object('stream.mp4', stream_key(t)))
                  FROM job_segment js
                  LEFT JOIN segment s ON s.scope = js.scope AND s.key = js.key
                 WHERE js.job = j.id AND js.run = j.run
                   AND in_package(js, t.input));

    ELSE                                    -- audio, render_segment
        SELECT jsonb_agg(jsonb_build_object('key', key, 'frames', frames,
                         'spec', spec) ORDER BY number, output) INTO pieces
          FROM job_segment
         WHERE job = j.id AND run = j.run AND mode <> 'reuse'
           AND track = CASE t.kind WHEN 'audio' THEN 'sound' ELSE 'video' END
           AND number IN (SELECT n::int FROM
                          jsonb_array_elements(t.input->'numbers') n);

        RETURN jsonb_build_object(
            'spec', jsonb_build_object('pieces', pieces),
            'inputs', inputs_of(j, pieces),
            'outputs', (SELECT jsonb_object_agg(p->>'key',
                               segment_path(j.owner, p->>'key'))
                          FROM jsonb_array_elements(pieces) p));
    END CASE;
END $$;

-- The best ready task: priority (a task gains one level for each five minutes
-- it waits), then the account with the fewest running, then age.  Of fetches an
-- account has four at one time, and who asks for rendering, too, in the same
-- breath, is a worker of before there were any.
CREATE OR REPLACE FUNCTION render.candidate(engine int,
    classes render.task_class[], not_these uuid[])
RETURNS TABLE (id uuid, job uuid)
LANGUAGE sql STABLE AS $$
    WITH running AS MATERIALIZED (
        SELECT t.account, count(*) AS n,
               count(*) FILTER (WHERE t.kind = 'fetch') AS fetches
          FROM render.task t
         WHERE t.status = 'leased' GROUP BY t.account)
    SELECT t.id, t.job
      FROM render.task t
      JOIN render.account a ON a.id = t.account
      LEFT JOIN running r ON r.account = t.account
     WHERE t.status = 'ready' AND t.not_before <= now()
       AND t.class = ANY (candidate.classes)
       AND (t.engine IS NULL OR t.engine = candidate.engine)
       AND t.id <> ALL (not_these)
       AND coalesce(r.n, 0) < a.max_running
       AND (t.kind <> 'fetch'
            OR coalesce(r.fetches, 0) < 4
               AND 'json2video' <> ALL (candidate.classes))
     ORDER BY greatest(0, (CASE t.priority WHEN 'high' THEN 0
                                           WHEN 'default' THEN 1 ELSE 2 END)
                  - floor(extract(epoch FROM now() - t.not_before) / 300)),
              coalesce(r.n, 0), t.created_at, t.number, t.id
     LIMIT 1
$$;

-- Up to n tasks, each with all that is needed to do it.
CREATE OR REPLACE FUNCTION render_work.claim(w uuid, engine int,
    classes text[], n int) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    c      record;
    j      job;
    t      task;
    list   jsonb := '[]';
    tried  uuid[] := '{}';
    e      jsonb;
    o      jsonb;
BEGIN
    WHILE jsonb_array_length(list) < n LOOP
        SELECT x.id, x.job INTO c FROM candidate(engine,
            classes::task_class[], tried) x;
        EXIT WHEN NOT FOUND;
        tried := tried || c.id;

        -- job before task, as everywhere; then look again.  Only the first
        -- may wait: who holds one job and waits for another can deadlock.

        IF list = '[]' THEN
            SELECT * INTO j FROM job WHERE job.id = c.job FOR UPDATE;
        ELSE
            SELECT * INTO j FROM job WHERE job.id = c.job
               FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            PERFORM FROM task WHERE task.id = c.id AND status = 'ready'
                FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
        END IF;

        UPDATE task SET status = 'leased', worker = w, fence = fence + 1,
               attempt = attempt + 1, started_at = now(), ended_at = NULL
         WHERE task.id = c.id AND status = 'ready'
        RETURNING * INTO t;

        CONTINUE WHEN NOT FOUND;

        o := order_of(t, j);
        IF o IS NULL THEN                   -- what it is about was deleted
            PERFORM fail_task(j, t, jsonb_build_object('status', 'input',
                'retry', false, 'text', 'what this job is about is gone'));
            CONTINUE;
        END IF;

        IF t.kind = 'fetch' THEN
            PERFORM announce_fetch(t);
        END IF;

        e := '{}';
        IF j.status IN ('pending', 'queued') THEN
            UPDATE job SET status = 'processing',
                   started_at = coalesce(started_at, now())
             WHERE job.id = j.id RETURNING * INTO j;
            e := event(j, 'status', t.kind);
        END IF;

        list := list || (o || jsonb_build_object('task', t.id,
            'job', j.id, 'account', j.owner, 'kind', t.kind,
            'job_kind', j.kind, 'subject', j.subject, 'number', t.number,
            'fence', t.fence, 'attempt', t.attempt, 'run', j.run,
            'weight', t.weight, 'weight_done', j.weight_done,
            'weight_total', j.weight_total, 'effects', e));
    END LOOP;

    RETURN list;
END $$;
