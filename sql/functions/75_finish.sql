-- The end of a task: what its result means for the job, and what becomes ready.

SET LOCAL ROLE render_owner;

-- Writes the plan down: which pieces there are, which storage holds already,
-- and tasks for runs of neighbouring pieces that are worth one.
CREATE OR REPLACE FUNCTION render.accept_plan(j render.job, plan jsonb,
    OUT effects jsonb, OUT weight float8)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    r  record;
    t  task;
    n  int := 0;
BEGIN
    effects := '{}';
    weight := 0;
    UPDATE job SET engine = (plan->>'engine')::int WHERE id = j.id;

    INSERT INTO job_segment (job, run, output, track, number, key, mode,
                             reason, frames, cost, spec)
    SELECT j.id, j.run, coalesce(p->>'output', plan->>'output'), x.track,
           (p->>'number')::int,
           p->>'key', coalesce(p->>'mode', 'render'),
           coalesce(p->>'why', 'not rendered before'),
           (p->>'frames')::bigint, (p->>'cost')::float8, p->'spec'
      FROM (VALUES ('video', plan->'segments'), ('sound', plan->'sound'))
           x(track, list), jsonb_array_elements(x.list) p;

    UPDATE job_segment js SET scope = s.scope, mode = 'reuse',
           reason = 'storage holds it'
      FROM segment s
     WHERE js.job = j.id AND js.run = j.run
       AND s.scope = j.owner AND s.key = js.key;

    -- in the order of accept_pieces: films of one account share segments

    PERFORM FROM segment s
      WHERE (s.scope, s.key) IN (SELECT js.scope, js.key FROM job_segment js
                                  WHERE js.job = j.id AND js.run = j.run)
      ORDER BY s.key FOR NO KEY UPDATE;
    UPDATE segment s SET last_used = now()
      FROM job_segment js
     WHERE js.job = j.id AND js.run = j.run AND js.scope = s.scope
       AND js.key = s.key;

    -- a piece that the film shows twice, or in two outputs, is rendered once

    UPDATE job_segment js SET mode = 'reuse',
           reason = 'the same as number ' || f.number
      FROM (SELECT key, output, track, number,
                   first_value(number) OVER w AS first,
                   row_number() OVER w AS nth
              FROM job_segment
             WHERE job = j.id AND run = j.run AND scope IS NULL
            WINDOW w AS (PARTITION BY key ORDER BY number, output)) s,
           LATERAL (SELECT s.first AS number) f
     WHERE js.job = j.id AND js.run = j.run AND js.output = s.output
       AND js.track = s.track AND js.number = s.number AND s.nth > 1;

    UPDATE job SET segments = (SELECT json_build_object(
               'total', coalesce(sum(m.n), 0),
               'by_mode', coalesce(json_object_agg(m.mode, m.n), '{}'))
          FROM (SELECT mode, count(*) AS n FROM job_segment
                 WHERE job = j.id AND run = j.run AND track = 'video'
                 GROUP BY mode) m)
     WHERE id = j.id;

    -- a task for each output, which waits for what it is made of.  (The plan
    -- of an older worker names no outputs, and no poster: it has one film.)

    FOR r IN SELECT 0 AS i UNION
             SELECT generate_series(0, jsonb_array_length(plan->'outputs') - 1)
    LOOP
        t := add_task(j, 'assemble', r.i, 1, 0.2, '{}', NULL,
                      (plan->>'engine')::int);
        weight := weight + t.weight;
    END LOOP;

    -- pictures first: somebody is waiting to see something; the film's own
    -- asset has its BlurHash

    IF plan ? 'poster' THEN
        t := add_task(j, 'preview', 0, 0, 0.1, '{}', 'high',
                      (plan->>'engine')::int);
        INSERT INTO task_edge (task, waiting)
        SELECT t.id, a.id FROM task a
         WHERE a.job = j.id AND a.run = j.run AND a.kind = 'assemble'
           AND coalesce((plan->'outputs'->a.number->>'film')::boolean, true);
        effects := bell(t);
        weight := weight + t.weight;
    END IF;

    FOR r IN SELECT * FROM render_runs(j) LOOP
        t := add_task(j, CASE r.track WHEN 'sound' THEN 'audio'
                         ELSE 'render_segment' END, n, 0, r.cost,
                      jsonb_build_object('numbers', r.numbers),
                      NULL, (plan->>'engine')::int);
        PERFORM wait_for(j, t, plan);
        effects := effects_add(effects, bell(t));
        weight := weight + t.weight;
        n := n + 1;
    END LOOP;

    UPDATE task a SET waiting_on = e.n, status = CASE WHEN e.n > 0
           THEN 'blocked' ELSE 'ready' END::task_status
      FROM (SELECT x.id, (SELECT count(*) FROM task_edge
                           WHERE waiting = x.id) AS n
              FROM task x
             WHERE x.job = j.id AND x.run = j.run AND x.kind = 'assemble') e
     WHERE a.id = e.id;

    FOR t IN SELECT * FROM task
              WHERE job = j.id AND run = j.run AND kind = 'assemble'
                AND status = 'ready' ORDER BY number
    LOOP
        effects := effects_add(effects, bell(t));
    END LOOP;
END $$;

-- The track of an output that a piece is of: its own, or that of another which
-- has the same.
CREATE OR REPLACE FUNCTION render.is_of(js render.job_segment, o jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT o IS NULL OR js.output = CASE js.track WHEN 'sound'
           THEN o->>'sound' ELSE o->>'video' END
$$;

-- Every output that shows a piece which this task renders waits for it, unless
-- it is being made already.
CREATE OR REPLACE FUNCTION render.wait_for(j render.job, t render.task,
    plan jsonb) RETURNS void
LANGUAGE sql SET search_path = render, pg_temp AS $$
    INSERT INTO task_edge (task, waiting)
    SELECT t.id, a.id FROM task a
     WHERE a.job = j.id AND a.run = j.run AND a.kind = 'assemble'
       AND a.status IN ('blocked', 'ready')
       AND EXISTS (SELECT FROM job_segment made JOIN job_segment needed
                       ON needed.job = made.job AND needed.run = made.run
                      AND needed.key = made.key
                    WHERE made.job = j.id AND made.run = j.run
                      AND made.track = CASE t.kind WHEN 'audio' THEN 'sound'
                                       ELSE 'video' END
                      AND made.mode <> 'reuse' AND made.scope IS NULL
                      AND made.number IN (SELECT n::int FROM
                              jsonb_array_elements(t.input->'numbers') n)
                      AND is_of(needed, plan->'outputs'->a.number))
$$;

-- What would be rendered: the answer of a validation.
CREATE OR REPLACE FUNCTION render.plan_summary(j render.job, plan jsonb)
RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH pieces AS (
        SELECT x.track, (p->>'cost')::float8 AS cost,
               (p->>'frames')::bigint AS frames, p->>'mode' AS mode,
               s.key IS NOT NULL OR row_number() OVER (PARTITION BY p->>'key'
                   ORDER BY p->>'number') > 1 AS held
          FROM (VALUES ('video', plan->'segments'), ('sound', plan->'sound'))
               x(track, list)
         CROSS JOIN jsonb_array_elements(x.list) p
          LEFT JOIN render.segment s
            ON s.scope = j.owner AND s.key = p->>'key')
    SELECT jsonb_build_object('valid', true, 'duration', plan->'duration',
        'frames', coalesce(sum(frames) FILTER (WHERE track = 'video'), 0),
        'segments', jsonb_build_object(
            'total', count(*) FILTER (WHERE track = 'video'),
            'by_mode', jsonb_strip_nulls(jsonb_build_object(
                'reuse', nullif(count(*) FILTER (WHERE track = 'video'
                                                 AND held), 0),
                'copy', nullif(count(*) FILTER (WHERE track = 'video'
                                   AND NOT held AND mode = 'copy'), 0),
                'still', nullif(count(*) FILTER (WHERE track = 'video'
                                   AND NOT held AND mode = 'still'), 0),
                'render', nullif(count(*) FILTER (WHERE track = 'video'
                                   AND NOT held AND mode = 'render'), 0)))),
        'sound', count(*) FILTER (WHERE track = 'sound') > 0,
        'cost', round(coalesce(sum(cost) FILTER (WHERE NOT held), 0)::numeric,
                      2),
        'warnings', coalesce(plan->'warnings', '[]'))
      FROM pieces
$$;

-- Missing pieces in runs: a new run where the track or the neighbourhood
-- breaks, and about every max(2 s, an even share for the slots there are).  What
-- outputs show at one place of the film is of one run: it is drawn once.
CREATE OR REPLACE FUNCTION render.render_runs(j render.job)
RETURNS TABLE (track text, numbers jsonb, cost float8)
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
DECLARE
    share  float8;
    slots  int;
    s      record;
    prev   int;
BEGIN
    SELECT coalesce(sum(w.slots), 1) INTO slots FROM worker w
     WHERE w.alive_until > now() AND NOT w.draining;
    SELECT greatest(2, sum(js.cost) / (4 * slots)) INTO share
      FROM job_segment js
     WHERE js.job = j.id AND js.run = j.run AND js.scope IS NULL
       AND js.mode <> 'reuse';

    track := NULL;
    FOR s IN SELECT js.track, js.number, sum(js.cost) AS cost
               FROM job_segment js
              WHERE js.job = j.id AND js.run = j.run AND js.scope IS NULL
                AND js.mode <> 'reuse'
              GROUP BY js.track, js.number
              ORDER BY js.track, js.number
    LOOP
        IF track IS NOT NULL AND (s.track <> track OR cost >= share
           OR s.number <> prev + 1)
        THEN
            RETURN NEXT;
            track := NULL;
        END IF;

        IF track IS NULL THEN
            track := s.track;
            numbers := '[]';
            cost := 0;
        END IF;

        numbers := numbers || to_jsonb(s.number);
        cost := cost + s.cost;
        prev := s.number;
    END LOOP;

    IF track IS NOT NULL THEN
        RETURN NEXT;
    END IF;
END $$;

-- Pieces are stored: from now on anyone of the scope may reuse them.
CREATE OR REPLACE FUNCTION render.accept_pieces(j render.job, pieces jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    INSERT INTO segment (scope, key, storage_key, bytes, frames)
    SELECT j.owner, p->>'key', segment_path(j.owner, p->>'key'),
           (p->>'bytes')::bigint, (p->>'frames')::bigint
      FROM jsonb_array_elements(pieces) p
     ORDER BY p->>'key'
    ON CONFLICT (scope, key) DO UPDATE SET last_used = now();

    UPDATE job_segment SET scope = j.owner
     WHERE job = j.id AND run = j.run AND scope IS NULL
       AND key IN (SELECT p->>'key' FROM jsonb_array_elements(pieces) p);
END $$;

-- Where pictures and outputs of runs before this one lie, which nothing names
-- any more.
CREATE OR REPLACE FUNCTION render.old_files(job_id uuid, before_run int)
RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT render.prefix_of(t) || name
      FROM render.task t, (VALUES ('preview.jpg'), ('poster.jpg')) x(name)
     WHERE t.job = job_id AND t.run < before_run AND t.kind = 'preview'
       AND t.status = 'done'
     UNION
    SELECT render.prefix_of(t) || (f->>'name')
      FROM render.task t
      JOIN render.task p ON p.job = t.job AND p.run = t.run AND p.kind = 'plan',
           jsonb_array_elements(p.output->'outputs'->t.number->'files') f
     WHERE t.job = job_id AND t.run < before_run AND t.kind = 'assemble'
       AND t.status = 'done'
$$;

-- The pictures are stored; the answer is what is still to be done: effects, and
-- storage keys of pictures of earlier runs, which nothing names any more.
CREATE OR REPLACE FUNCTION render.accept_preview(job_id uuid, t render.task,
    result jsonb, OUT effects jsonb, OUT remove jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    j  job;
BEGIN
    UPDATE job SET blurhash = result->>'blurhash',
           results = results || jsonb_build_object(
               'preview.jpg', jsonb_build_object(
                   'key', prefix_of(t) || 'preview.jpg',
                   'bytes', result->'preview_bytes',
                   'content_type', 'image/jpeg'),
               'poster.jpg', jsonb_build_object(
                   'key', prefix_of(t) || 'poster.jpg',
                   'bytes', result->'poster_bytes',
                   'content_type', 'image/jpeg'))
     WHERE id = job_id RETURNING * INTO j;

    SELECT coalesce(jsonb_agg(k), '[]') INTO remove
      FROM old_files(j.id, j.run) k;

    effects := effects_add(event(j, 'preview', t.kind),
                           release_dependants(t.id));
END $$;

-- What kind of asset a file is.
CREATE OR REPLACE FUNCTION render.kind_of(content_type text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN split_part(content_type, '/', 1) IN ('video', 'audio',
                                                          'image')
                THEN split_part(content_type, '/', 1)
                WHEN content_type = 'application/zip' THEN 'archive'
                ELSE 'document' END
$$;

-- What is heard in an output, as a probe would tell it; NULL: nothing.
CREATE OR REPLACE FUNCTION render.sound_of(j render.job, o jsonb)
RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('codec',
               CASE coalesce(js.spec->>'codec', 'aac') WHEN 'pcm'
               THEN 'pcm_s16le' ELSE coalesce(js.spec->>'codec', 'aac') END,
               'rate', 48000,
               'channels', coalesce(js.spec->'channels', '2'))
      FROM render.job_segment js
     WHERE js.job = j.id AND js.run = j.run AND js.track = 'sound'
       AND render.is_of(js, o) ORDER BY js.number LIMIT 1
$$;

-- The film becomes an asset, and its composition's output, unless that was
-- changed meanwhile.
CREATE OR REPLACE FUNCTION render.publish(j render.job, plan jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    c     composition;
    film  uuid := gen_random_uuid();
    r     jsonb := j.results->'final';
    kind  text := kind_of(r->>'content_type');
    o     jsonb := (SELECT x FROM jsonb_array_elements(plan->'outputs') x
                     WHERE (x->>'film')::boolean);
BEGIN
    SELECT * INTO c FROM composition WHERE id = j.subject FOR UPDATE;

    IF c.id IS NOT NULL AND c.revision = j.revision THEN
        INSERT INTO asset (id, owner, visibility, share_token, title,
                           filename, status, origin, kind, storage_key, bytes,
                           content_type, blurhash, probe)
        VALUES (film, j.owner, c.visibility, c.share_token, c.title,
                regexp_replace(r->>'key', '^.*/', ''), 'ready',
                'render', kind, r->>'key', (r->>'bytes')::bigint,
                r->>'content_type', j.blurhash,
                jsonb_strip_nulls(jsonb_build_object('kind', kind,
                    'duration', r->'duration', 'audio', sound_of(j, o))));
        UPDATE composition SET output_asset = film, completed_at = now(),
               updated_at = now() WHERE id = c.id;
    END IF;
END $$;

-- An output is stored under the prefix that the task's fence made its own.  With
-- the last of them the job is done: {"effects", "delete": storage keys}.
CREATE OR REPLACE FUNCTION render.accept_output(j render.job, t render.task,
    result jsonb, OUT effects jsonb, OUT remove jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    plan   jsonb;
    o      jsonb;
    f      record;
    r      jsonb;
    name   text;
    added  jsonb := '{}';
BEGIN
    SELECT output INTO plan FROM task
     WHERE job = j.id AND run = j.run AND kind = 'plan';
    o := coalesce(plan->'outputs'->t.number, jsonb_build_object('film', true,
             'name', 'final', 'duration', plan->'duration', 'files',
             '[{"name": "final.mp4", "type": "video/mp4"}]'::jsonb));

    FOR f IN SELECT x.file, x.nth, coalesce(result->'files'->(x.nth::int - 1),
                                            result->'bytes') AS bytes
               FROM jsonb_array_elements(o->'files')
                    WITH ORDINALITY AS x(file, nth)
    LOOP
        name := CASE f.nth WHEN 1 THEN o->>'name' ELSE f.file->>'name' END;
        r := jsonb_build_object('key', prefix_of(t) || (f.file->>'name'),
                 'bytes', f.bytes, 'duration', o->'duration',
                 'content_type', f.file->>'type');
        added := added || jsonb_build_object(name, r);

        IF f.nth = 1 AND (o->>'film')::boolean THEN
            added := added || jsonb_build_object('final', r);
        END IF;
    END LOOP;

    UPDATE job SET results = results || added WHERE id = j.id
    RETURNING * INTO j;

    remove := '[]';

    IF EXISTS (SELECT FROM task WHERE job = j.id AND run = j.run
                  AND kind = 'assemble' AND status <> 'done')
    THEN
        effects := event(j, 'progress', t.kind);
        RETURN;
    END IF;

    PERFORM publish(j, plan);               -- once: no run follows this one

    SELECT coalesce(jsonb_agg(k), '[]') INTO remove
      FROM old_files(j.id, j.run) k;
    effects := end_job(j.id, 'completed', NULL);
END $$;

-- A stored piece turned out to be missing or damaged: forget it, render it
-- again, and let all outputs wait that need it.  Spends one of the attempts of
-- the one that told.
CREATE OR REPLACE FUNCTION render.render_again(j render.job, t render.task,
    keys jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    r     record;
    w     task;
    n     int := 0;
    e     jsonb := '{}';
    plan  jsonb;
BEGIN
    SELECT output INTO plan FROM task
     WHERE job = j.id AND run = j.run AND kind = 'plan';

    UPDATE job_segment SET scope = NULL
     WHERE scope = j.owner AND key IN (SELECT jsonb_array_elements_text(keys));
    DELETE FROM segment
     WHERE scope = j.owner AND key IN (SELECT jsonb_array_elements_text(keys));

    UPDATE job_segment js SET mode = CASE WHEN js.spec ? 'copy' THEN 'copy'
                                          WHEN js.spec ? 'still' THEN 'still'
                                          ELSE 'render' END,
           reason = 'what storage held was damaged'
     WHERE js.job = j.id AND js.run = j.run AND js.scope IS NULL
       AND (js.number, js.output) = (SELECT o.number, o.output
           FROM job_segment o WHERE o.job = js.job AND o.run = js.run
            AND o.key = js.key ORDER BY o.number, o.output LIMIT 1);

    UPDATE task SET status = 'blocked', worker = NULL WHERE id = t.id;

    FOR r IN SELECT * FROM render_runs(j) LOOP
        w := add_task(j, CASE r.track WHEN 'sound' THEN 'audio'
                         ELSE 'render_segment' END, 100000 + n, 0, r.cost,
                      jsonb_build_object('numbers', r.numbers), NULL, t.engine);
        PERFORM wait_for(j, w, plan);
        UPDATE job SET weight_total = weight_total + w.weight WHERE id = j.id;
        e := effects_add(e, bell(w));
        n := n + 1;
    END LOOP;

    UPDATE task a SET waiting_on = x.n, status = CASE WHEN x.n > 0
           THEN 'blocked' ELSE 'ready' END::task_status
      FROM (SELECT o.id, (SELECT count(*) FROM task_edge te
                            JOIN task d ON d.id = te.task
                           WHERE te.waiting = o.id
                             AND d.status IN ('blocked', 'ready', 'leased'))
                         AS n
              FROM task o
             WHERE o.job = j.id AND o.run = j.run AND o.kind = 'assemble'
               AND o.status IN ('blocked', 'ready')) x
     WHERE a.id = x.id;

    RETURN e;
END $$;

-- A source did not hold what its probe had told of copies: that is forgotten,
-- and the film planned anew, in a run of its own; by the third, nothing is copied
-- any more.  NULL: it is none of ours.
CREATE OR REPLACE FUNCTION render.plan_again(job_id uuid, names jsonb)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    j       job;
    e       jsonb;
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

    UPDATE asset SET probe = probe - 'copy'
     WHERE id = ANY (others) AND probe ? 'copy';

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
       AND t.kind = 'assemble' AND t.attempt < t.max_attempts
    THEN
        RETURN render_again(j, t, error->'detail'->'damaged');
    END IF;

    IF jsonb_typeof(error->'detail'->'uncopied') = 'array'
       AND t.kind IN ('render_segment', 'assemble')
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

    UPDATE task SET status = 'failed', error = fail_task.error,
           ended_at = now() WHERE id = t.id;

    IF t.kind = 'preview' THEN              -- a film without pictures, then
        UPDATE job SET weight_done = weight_done + t.weight WHERE id = j.id;
        RETURN release_dependants(t.id);
    END IF;

    why := jsonb_strip_nulls(jsonb_build_object('code', error->>'status',
        'detail', error->>'text', 'stage', t.kind, 'attempts', t.attempt,
        'errors', CASE WHEN jsonb_typeof(error->'detail') = 'array'
                  THEN error->'detail' END));

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
               blurhash = result->>'blurhash', kind = result->>'kind',
               updated_at = now()
         WHERE id = j.subject;
        e := release_dependants(t.id);
        e := effects_add(e, end_job(j.id, 'completed', NULL));

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
DROP FUNCTION IF EXISTS render.publish_film(render.job, jsonb);
