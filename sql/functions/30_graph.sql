-- The job graph: creating tasks, making them ready, ending jobs.  Bells and
-- events are returned, never sent from here.  Lock order: job, then its tasks.

SET LOCAL ROLE render_owner;

-- Everything a transaction wants told to Redis, as one object.
CREATE OR REPLACE FUNCTION render.effects_add(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'bells', coalesce(a->'bells', '[]') || coalesce(b->'bells', '[]'),
        'events', coalesce(a->'events', '[]') || coalesce(b->'events', '[]'));
END $$;

CREATE OR REPLACE FUNCTION render.bell(t render.task) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('bells', jsonb_build_array(jsonb_build_object(
        'queue', t.class || '.' || t.priority, 'job', t.job, 'task', t.id)))
$$;

-- "14/60": segments there are of those the film needs; null before the plan.
CREATE OR REPLACE FUNCTION render.step_of(job_id uuid, of_run int)
RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT count(scope) || '/' || count(*) FROM render.job_segment
             WHERE job = job_id AND run = of_run AND track = 'video'
            HAVING count(*) > 0);
END $$;

CREATE OR REPLACE FUNCTION render.preview_url(j render.job) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN j.results ? 'preview.jpg'
           THEN '/results/' || j.id || '/preview.jpg' END
$$;

-- The state of a job, as the events of it begin: see docs/api.md.
CREATE OR REPLACE FUNCTION render.event(j render.job, type text,
    stage text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('events', jsonb_build_array(jsonb_build_object(
        'job_id', j.id, 'account', j.owner, 'kind', j.kind,
        'subject', j.subject, 'run', j.run, 'type', type, 'status', j.status,
        'stage', stage, 'step', render.step_of(j.id, j.run),
        'weight_done', j.weight_done,
        'weight_total', j.weight_total,
        'preview_url', render.preview_url(j), 'blurhash', j.blurhash,
        'error', j.error)))
$$;

CREATE OR REPLACE FUNCTION render.percent(j render.job) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN j.status = 'completed' THEN 100
           WHEN j.weight_total <= 0 THEN 0
           ELSE round(least(99.9, 100 * j.weight_done / j.weight_total)
                      ::numeric, 1) END
$$;

CREATE OR REPLACE FUNCTION render.class_of(kind text) RETURNS render.task_class
LANGUAGE sql STABLE AS $$
    SELECT CASE kind WHEN 'fetch' THEN 'image2json' ELSE 'json2video' END
           ::render.task_class
$$;

CREATE OR REPLACE FUNCTION render.add_task(j render.job, kind text, number int,
    waiting_on int, weight float8, input jsonb,
    priority render.priority DEFAULT NULL, engine int DEFAULT NULL)
RETURNS render.task
LANGUAGE plpgsql AS $$
DECLARE
    t  render.task;
BEGIN
    INSERT INTO render.task (job, account, run, kind, number, class, priority,
                             status, waiting_on, weight, input, engine)
    VALUES (j.id, j.owner, j.run, kind, number, render.class_of(kind),
            coalesce(priority, j.priority),
            (CASE WHEN waiting_on > 0 THEN 'blocked' ELSE 'ready' END)
            ::render.task_status, waiting_on, weight, input, engine)
    RETURNING * INTO t;

    RETURN t;
END $$;

-- One of a task's conditions is met.  Its job is locked first: it may be
-- another job than the one whose task just ended.
CREATE OR REPLACE FUNCTION render.release(waiting_task uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    t  task;
    j  job;
BEGIN
    SELECT job.* INTO j FROM job JOIN task ON task.job = job.id
     WHERE task.id = waiting_task FOR UPDATE OF job;

    UPDATE task SET waiting_on = waiting_on - 1,
           status = CASE WHEN waiting_on = 1 THEN 'ready' ELSE status END
     WHERE id = waiting_task AND status = 'blocked'
    RETURNING * INTO t;

    IF NOT FOUND OR t.status <> 'ready' THEN
        RETURN '{}';
    END IF;

    IF j.status = 'pending' THEN
        UPDATE job SET status = 'queued' WHERE id = j.id RETURNING * INTO j;
        RETURN effects_add(bell(t), event(j, 'status'));
    END IF;

    RETURN bell(t);
END $$;

CREATE OR REPLACE FUNCTION render.release_dependants(ended uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    w  uuid;
    e  jsonb := '{}';
BEGIN
    FOR w IN SELECT waiting FROM task_edge WHERE task = ended ORDER BY waiting
    LOOP
        e := effects_add(e, release(w));
    END LOOP;
    RETURN e;
END $$;

-- Ends a job that is not ended; its other tasks are cancelled.  What waits for
-- them in other jobs goes on, and finds out why for itself.
CREATE OR REPLACE FUNCTION render.end_job(job_id uuid, how render.job_status,
    why jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
    t  task;
    e  jsonb := '{}';
BEGIN
    UPDATE job SET status = how, error = why, ended_at = now()
     WHERE id = job_id AND status IN ('pending', 'queued', 'processing')
    RETURNING * INTO j;

    IF NOT FOUND THEN
        RETURN '{}';
    END IF;

    FOR t IN UPDATE task SET status = 'cancelled', ended_at = now()
              WHERE job = j.id AND status IN ('blocked', 'ready', 'leased')
             RETURNING *
    LOOP
        DELETE FROM task_edge WHERE waiting = t.id;
        IF how <> 'completed' THEN
            e := effects_add(e, release_elsewhere(t));
        END IF;
    END LOOP;

    RETURN effects_add(e, event(j, CASE how WHEN 'failed' THEN 'error'
                                   ELSE 'done' END));
END $$;

CREATE OR REPLACE FUNCTION render.release_elsewhere(t render.task)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    w  uuid;
    e  jsonb := '{}';
BEGIN
    FOR w IN SELECT te.waiting FROM task_edge te JOIN task o ON o.id = te.waiting
              WHERE te.task = t.id AND o.job <> t.job ORDER BY te.waiting
    LOOP
        e := effects_add(e, release(w));
    END LOOP;
    RETURN e;
END $$;

-- The weight of a job's first task: all there is before a plan.
CREATE OR REPLACE FUNCTION render.first_weight(kind text) RETURNS float8
LANGUAGE sql STABLE AS $$
    SELECT CASE kind WHEN 'probe' THEN 1 ELSE 0.05 END::float8
$$;

-- The first task of a job's run; what an earlier run made is not this one's.
CREATE OR REPLACE FUNCTION render.begin_run(j render.job) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    t      task;
    probe  uuid;
    n      int := 0;
    urls   int := 0;
    e      jsonb;
BEGIN
    UPDATE job SET results = '{}', blurhash = NULL, segments = NULL,
           weight_total = first_weight(j.kind)
     WHERE id = j.id AND (results <> '{}' OR blurhash IS NOT NULL
                          OR segments IS NOT NULL
                          OR weight_total <> first_weight(j.kind));

    t := add_task(j, CASE j.kind WHEN 'probe' THEN 'probe' ELSE 'plan' END, 0,
                  0, first_weight(j.kind), '{}',
                  CASE WHEN j.kind IN ('probe', 'validate')
                  THEN 'high'::priority END);

    IF j.kind = 'probe' THEN
        RETURN bell(t);
    END IF;

    IF coalesce(j.spec->'assets', '[]') = '[]' THEN
        RETURN bell(t);
    END IF;

    -- wait for what is not probed yet; the lock keeps a probe from ending
    -- between the look and the edge

    FOR probe IN
        SELECT p.id FROM task p JOIN job pj ON pj.id = p.job
         WHERE pj.kind = 'probe' AND p.status IN ('blocked', 'ready', 'leased')
           AND pj.subject = ANY (ARRAY(
                   SELECT render.to_uuid(a) FROM jsonb_array_elements_text(
                       j.spec->'assets') a))
         ORDER BY p.id FOR UPDATE OF p
    LOOP
        INSERT INTO task_edge (task, waiting) VALUES (probe, t.id);
        n := n + 1;
    END LOOP;

    PERFORM keep_fetched(j.spec);

    IF j.kind <> 'validate' THEN            -- which creates nothing
        SELECT x.n, x.effects INTO urls, e FROM add_fetches(j, t) x;
    END IF;

    IF n + urls > 0 THEN
        UPDATE task SET waiting_on = n + urls, status = 'blocked'
         WHERE id = t.id;
    END IF;

    IF urls > 0 THEN
        RETURN e;
    END IF;

    IF n > 0 THEN
        UPDATE job SET status = 'pending' WHERE id = j.id;
        RETURN '{}';
    END IF;

    RETURN bell(t);
END $$;

CREATE OR REPLACE FUNCTION render.add_job(owner uuid, kind text, subject uuid,
    revision int, spec jsonb, request jsonb, OUT j render.job,
    OUT effects jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    INSERT INTO job (owner, kind, subject, revision, spec, weight_total,
                     request_id, traceparent)
    VALUES (owner, kind, subject, revision, spec, first_weight(kind),
            request->>'id', request->>'traceparent')
    RETURNING * INTO j;

    effects := begin_run(j);
    SELECT * INTO j FROM job WHERE id = j.id;
END $$;
