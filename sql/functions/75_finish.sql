-- How a task ends: what its worker tells of it is taken over in the transaction
-- that frees the lease, or what failed is tried again, or the job with it.

SET LOCAL ROLE render_owner;

-- Stored pieces turned out to be missing or damaged: forget them, render them
-- again, and let what is made of them wait, all of it: others that have not
-- begun would look for them, too.  Spends one of the finder's attempts.
CREATE OR REPLACE FUNCTION render.render_again(j render.job, t render.task,
    keys jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    r     record;
    w     task;
    n     int := 0;
    e     jsonb := '{}';
    lost  text[] := ARRAY(SELECT jsonb_array_elements_text(keys));
    plan  jsonb;
BEGIN
    SELECT output INTO plan FROM task
     WHERE job = j.id AND run = j.run AND kind = 'plan';

    UPDATE job_segment SET scope = NULL
     WHERE scope = j.owner AND key = ANY (lost);
    DELETE FROM segment WHERE scope = j.owner AND key = ANY (lost);

    UPDATE job_segment js SET mode = CASE WHEN js.spec ? 'copy' THEN 'copy'
                                          WHEN js.spec ? 'still' THEN 'still'
                                          ELSE 'render' END,
           reason = 'what storage held was damaged'
     WHERE js.job = j.id AND js.run = j.run AND js.key = ANY (lost)
       AND (js.number, js.output) = (SELECT o.number, o.output
           FROM job_segment o WHERE o.job = js.job AND o.run = js.run
            AND o.key = js.key ORDER BY o.number, o.output LIMIT 1);

    UPDATE task SET status = 'ready', waiting_on = 0, worker = NULL
     WHERE id = t.id;

    FOR r IN SELECT * FROM render_runs(j, lost) LOOP
        w := add_task(j, CASE r.track WHEN 'sound' THEN 'audio'
                         ELSE 'render_segment' END, 100000 + n, 0, r.cost,
                      jsonb_build_object('numbers', r.numbers), NULL, t.engine);
        PERFORM wait_for(j, ARRAY[w.id], plan);

        -- who has begun already finds out for itself

        DELETE FROM task_edge te USING task a
         WHERE te.task = w.id AND a.id = te.waiting
           AND a.status NOT IN ('blocked', 'ready');
        UPDATE task a SET status = 'blocked', waiting_on = a.waiting_on + 1
          FROM task_edge te WHERE te.task = w.id AND a.id = te.waiting;

        UPDATE job SET weight_total = weight_total + w.weight WHERE id = j.id;
        e := effects_add(e, bell(w));
        n := n + 1;
    END LOOP;

    RETURN e;
END $$;

-- The film is planned anew, in a run of its own.
CREATE OR REPLACE FUNCTION render.begin_again(job_id uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
    e  jsonb;
BEGIN
    SELECT * INTO j FROM job WHERE id = job_id;

    DELETE FROM task_edge e USING task t
     WHERE t.id = e.waiting AND t.job = j.id AND t.run = j.run;
    UPDATE task SET status = 'cancelled', ended_at = now()
     WHERE job = j.id AND run = j.run
       AND status IN ('blocked', 'ready', 'leased');

    DELETE FROM job_segment WHERE job = j.id AND run = j.run;

    UPDATE job SET run = run + 1, weight_done = 0, engine = NULL
     WHERE id = j.id RETURNING * INTO j;

    e := begin_run(j);
    SELECT * INTO j FROM job WHERE id = j.id;

    RETURN effects_add(e, event(j, 'status'));
END $$;

-- What was to be coded by hardware is planned for libx264, whatever has failed of
-- it but inputs: a driver that crashes, hangs or has no session left tells
-- nothing of itself.  NULL: it was libx264's already.
CREATE OR REPLACE FUNCTION render.plan_for_software(j render.job,
    t render.task, error jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    IF t.kind NOT IN ('render_segment', 'assemble', 'package')
       OR error->>'status' NOT IN ('unsupported', 'internal', 'nomem', 'io')
       OR NOT EXISTS (SELECT FROM task WHERE job = j.id AND run = j.run
                         AND kind = 'plan' AND output ? 'encoder')
    THEN
        RETURN NULL;
    END IF;

    UPDATE job SET spec = spec || jsonb_build_object('encoder',
               jsonb_build_object('why',
                   (plan_for_software.error->>'text')
                   || '; libx264 is used'))
     WHERE id = j.id;

    RETURN begin_again(j.id);
END $$;

-- A source did not hold what its probe had told of copies: that is forgotten,
-- and the film planned anew, in a run of its own; by the third, nothing is copied
-- any more.  NULL: it is none of ours.
CREATE OR REPLACE FUNCTION render.plan_again(job_id uuid, names jsonb)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    j       job;
    others  uuid[];
BEGIN
    SELECT * INTO j FROM job WHERE id = job_id;

    others := ARRAY(SELECT a.id FROM asset a
                     WHERE a.id IN (SELECT to_uuid(i) FROM
                           jsonb_array_elements_text(j.spec->'assets') i)
                       AND (j.run > 1 OR input_name(a) IN (
                            SELECT jsonb_array_elements_text(names)))
                     ORDER BY a.id FOR NO KEY UPDATE);

    IF others = '{}' THEN
        RETURN NULL;
    END IF;

    UPDATE asset SET probe = probe - 'copy' - 'copy_sound'
     WHERE id = ANY (others) AND probe ?| ARRAY['copy', 'copy_sound'];

    RETURN begin_again(j.id);
END $$;

-- Seconds before the next attempt: 1, 4, 16 ..., give or take a quarter.
CREATE OR REPLACE FUNCTION render.backoff(attempt int) RETURNS interval
LANGUAGE sql VOLATILE AS $$
    SELECT least(300, 4 ^ (attempt - 1)) * (0.75 + random() / 2)
           * interval '1 second'
$$;

CREATE OR REPLACE FUNCTION render.fail_task(j render.job, t render.task,
    error jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    e    jsonb;
    why  jsonb;
BEGIN
    IF jsonb_typeof(error->'detail'->'damaged') = 'array'
       AND error->'detail'->'damaged' <> '[]'
       AND t.kind IN ('assemble', 'package') AND t.attempt < t.max_attempts
    THEN
        RETURN render_again(j, t, error->'detail'->'damaged');
    END IF;

    IF jsonb_typeof(error->'detail'->'uncopied') = 'array'
       AND t.kind IN ('render_segment', 'audio', 'assemble')
    THEN
        e := plan_again(j.id, error->'detail'->'uncopied');
        IF e IS NOT NULL THEN
            UPDATE task SET status = 'failed', error = fail_task.error
             WHERE id = t.id;
            RETURN e;
        END IF;
    END IF;

    IF (error->>'retry')::boolean AND t.attempt < t.max_attempts THEN
        UPDATE task SET status = 'ready', worker = NULL,
               not_before = now() + backoff(t.attempt),
               error = fail_task.error
         WHERE id = t.id;
        RETURN '{}';                        -- the janitor rings in time
    END IF;

    e := plan_for_software(j, t, error);
    IF e IS NOT NULL THEN
        UPDATE task SET status = 'failed', error = fail_task.error
         WHERE id = t.id;
        RETURN e;
    END IF;

    UPDATE task SET status = 'failed', error = fail_task.error,
           ended_at = now() WHERE id = t.id;

    IF t.kind = 'preview' THEN              -- a film without pictures, then
        UPDATE job SET weight_done = weight_done + t.weight WHERE id = j.id
        RETURNING * INTO j;
        RETURN effects_add(release_dependants(t.id), end_unfilmed(j, t.kind));
    END IF;

    why := jsonb_strip_nulls(jsonb_build_object('code', error->>'status',
        'detail', error->>'text', 'stage', t.kind, 'attempts', t.attempt,
        'errors', CASE WHEN jsonb_typeof(error->'detail') = 'array'
                  THEN error->'detail'
                  WHEN t.input->>'pointer' IS NOT NULL
                  THEN jsonb_build_array(jsonb_build_object('pointer',
                           t.input->'pointer', 'detail', error->'text')) END));

    IF j.kind = 'probe' THEN
        UPDATE asset SET status = 'failed', error = fail_task.error->>'text',
               updated_at = now() WHERE id = j.subject;
    END IF;

    e := end_job(j.id, 'failed', why);
    RETURN effects_add(e, release_elsewhere(t));
END $$;

-- Ends a leased task with its result, or with an error {status, text, detail,
-- retry}.  {"accepted": false} when the task is no longer the caller's; else
-- {"effects", "delete": [storage keys]}.
CREATE OR REPLACE FUNCTION render_work.finish(w uuid, task_id uuid, f bigint,
    result jsonb, error jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    j     job;
    t     task;
    e     jsonb := '{}';
    gone  jsonb;
    plan  record;
    got   record;
BEGIN
    SELECT job.* INTO j FROM job JOIN task ON task.job = job.id
     WHERE task.id = task_id FOR UPDATE OF job;
    SELECT * INTO t FROM task WHERE id = task_id FOR UPDATE;

    -- a task that the janitor gave back but nobody claimed is still its old
    -- holder's: an outage is no reason to do the work twice

    -- told before, and the answer was lost: what it made must not be taken for
    -- something that came too late, and deleted

    IF t.fence = f AND t.status = 'done' THEN
        RETURN jsonb_build_object('accepted', true, 'effects', event(j,
            CASE WHEN j.status = 'failed' THEN 'error'
                 WHEN j.status IN ('completed', 'cancelled') THEN 'done'
                 ELSE 'progress' END, t.kind));
    END IF;

    IF t.id IS NULL OR t.fence <> f
       OR NOT (t.status = 'leased' OR t.status = 'ready')
    THEN
        RETURN jsonb_build_object('accepted', false);
    END IF;

    IF error IS NOT NULL THEN
        e := fail_task(j, t, error);
        SELECT * INTO j FROM job WHERE id = j.id;
        RETURN jsonb_build_object('accepted', true, 'effects',
            CASE WHEN j.status = 'processing'
            THEN effects_add(e, event(j, 'progress', t.kind)) ELSE e END);
    END IF;

    UPDATE task SET status = 'done', output = CASE kind WHEN 'plan'
           THEN result - 'segments' - 'sound' ELSE result END, error = NULL,
           ended_at = now() WHERE id = t.id;
    UPDATE job SET weight_done = weight_done + t.weight
     WHERE id = j.id RETURNING * INTO j;

    CASE t.kind
    WHEN 'probe' THEN
        UPDATE asset SET probe = result - 'blurhash', status = 'ready',
               blurhash = result->>'blurhash', kind = CASE result->>'kind'
                   WHEN 'caption' THEN 'document' ELSE result->>'kind' END,
               content_type = CASE origin WHEN 'fetch' THEN type_of(result)
                              ELSE content_type END,
               updated_at = now()
         WHERE id = j.subject;
        e := release_dependants(t.id);
        e := effects_add(e, end_job(j.id, 'completed', NULL));

    WHEN 'fetch' THEN
        SELECT * INTO got FROM accept_fetch(j, t, result);

        IF got.failure IS NOT NULL THEN
            e := fail_task(j, t, got.failure);
        ELSE
            e := effects_add(got.effects, release_dependants(t.id));
        END IF;

        SELECT * INTO j FROM job WHERE id = j.id;
        IF j.status = 'processing' THEN
            e := effects_add(e, event(j, 'progress', t.kind));
        END IF;

    WHEN 'plan' THEN
        IF j.kind = 'validate' THEN
            UPDATE job SET results = plan_summary(j, result) WHERE id = j.id;
            RETURN jsonb_build_object('accepted', true, 'effects',
                                      end_job(j.id, 'completed', NULL));
        END IF;

        SELECT * INTO plan FROM accept_plan(j, result);
        UPDATE job SET weight_total = weight_done + plan.weight
         WHERE id = j.id RETURNING * INTO j;
        e := effects_add(plan.effects, event(j, 'progress', t.kind));

    WHEN 'preview' THEN
        SELECT effects, remove INTO e, gone
          FROM accept_preview(j.id, t, result);

    WHEN 'assemble' THEN
        SELECT effects, remove INTO e, gone
          FROM accept_output(j, t, result);

    WHEN 'package' THEN
        SELECT effects, remove INTO e, gone FROM accept_package(j, t);

    ELSE                                    -- audio, render_segment
        PERFORM accept_pieces(j, result->'pieces');
        e := release_dependants(t.id);
        SELECT * INTO j FROM job WHERE id = j.id;
        e := effects_add(e, event(j, 'progress', t.kind));
    END CASE;

    RETURN jsonb_build_object('accepted', true, 'effects', e,
                              'delete', coalesce(gone, '[]'));
END $$;

-- Of earlier versions, where the last that called them is replaced by now.
DROP FUNCTION IF EXISTS render.accept_film(render.job, render.task, jsonb);
DROP FUNCTION IF EXISTS render.old_pictures(uuid, int);
DROP FUNCTION IF EXISTS render.render_runs(render.job);
DROP FUNCTION IF EXISTS render.wait_for(render.job, render.task, jsonb);
DROP FUNCTION IF EXISTS render.publish_film(render.job, jsonb);
