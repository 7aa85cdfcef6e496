-- What an accepted plan becomes: the segments of its tracks, the tasks that
-- render them, pack streams and assemble outputs, and who waits for whom.

SET LOCAL ROLE render_owner;

-- A piece that the film shows twice, or in two outputs, is rendered once.  For
-- its planning see wait_for.
CREATE OR REPLACE FUNCTION render.mark_repeats(j render.job) RETURNS void
LANGUAGE sql SET search_path = render, pg_temp SET enable_nestloop = off
SET jit = off AS $$
    UPDATE job_segment js SET mode = 'reuse',
           reason = 'the same as number ' || s.first
      FROM (SELECT key, output, track, number,
                   first_value(number) OVER w AS first,
                   row_number() OVER w AS nth
              FROM job_segment
             WHERE job = j.id AND run = j.run AND scope IS NULL
            WINDOW w AS (PARTITION BY key ORDER BY number, output)) s
     WHERE js.job = j.id AND js.run = j.run AND js.output = s.output
       AND js.track = s.track AND js.number = s.number AND s.nth > 1
$$;

-- Writes the plan down: which pieces there are, which storage holds already,
-- and tasks for runs of neighbouring pieces that are worth one.
CREATE OR REPLACE FUNCTION render.accept_plan(j render.job, plan jsonb,
    OUT effects jsonb, OUT weight float8)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    r      record;
    t      task;
    n      int := 0;
    makers uuid[] := '{}';
BEGIN
    effects := '{}';
    weight := 0;

    -- once it is libx264's it stays that, and is told why

    UPDATE job SET engine = (plan->>'engine')::int,
           spec = CASE WHEN plan ? 'no_encoder' THEN spec
                       || jsonb_build_object('encoder', jsonb_build_object(
                              'why', plan->'no_encoder')) ELSE spec END
     WHERE id = j.id;

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

    PERFORM mark_repeats(j);

    UPDATE job SET segments = (SELECT json_build_object(
               'total', coalesce(sum(m.n), 0),
               'by_mode', coalesce(json_object_agg(m.mode, m.n), '{}'))
          FROM (SELECT mode, count(*) AS n FROM job_segment
                 WHERE job = j.id AND run = j.run AND track = 'video'
                 GROUP BY mode) m)
     WHERE id = j.id;

    -- a task for each output, which waits for what it is made of.  (The plan
    -- of an older worker names no outputs, and no poster: it has one film.)

    FOR r IN SELECT x.i::int - 1 AS i, x.o
               FROM jsonb_array_elements(coalesce(plan->'outputs', '[{}]'))
                    WITH ORDINALITY AS x(o, i)
    LOOP
        IF r.o ? 'renditions' THEN
            weight := weight + add_packages(j, plan, r.i, r.o);
        ELSE
            t := add_task(j, 'assemble', r.i, 1, 0.2, '{}', NULL,
                          (plan->>'engine')::int);
            weight := weight + t.weight;
        END IF;
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

    -- what is waited for to see a stream, before the rest

    FOR r IN SELECT u.track, u.numbers, u.cost
               FROM render_runs(j) WITH ORDINALITY
                    AS u(track, numbers, cost, nth)
              ORDER BY NOT EXISTS (SELECT FROM first_parts(j) f
                                    WHERE f.track = u.track
                                      AND (u.numbers->>0)::int
                                          BETWEEN f.first AND f.last),
                       u.nth
    LOOP
        t := add_task(j, CASE r.track WHEN 'sound' THEN 'audio'
                         ELSE 'render_segment' END, n, 0, r.cost,
                      jsonb_build_object('numbers', r.numbers),
                      NULL, (plan->>'engine')::int);
        makers := makers || t.id;
        effects := effects_add(effects, bell(t));
        weight := weight + t.weight;
        n := n + 1;
    END LOOP;

    PERFORM wait_for(j, makers, plan);

    UPDATE task a SET waiting_on = e.n, status = CASE WHEN e.n > 0
           THEN 'blocked' ELSE 'ready' END::task_status
      FROM (SELECT x.id, (SELECT count(*) FROM task_edge
                           WHERE waiting = x.id) AS n
              FROM task x
             WHERE x.job = j.id AND x.run = j.run
               AND x.kind IN ('assemble', 'package')) e
     WHERE a.id = e.id;

    FOR t IN SELECT * FROM task
              WHERE job = j.id AND run = j.run
                AND kind IN ('assemble', 'package')
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

-- Whether a stream's task takes a piece.
CREATE OR REPLACE FUNCTION render.in_package(js render.job_segment,
    input jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT js.track = input->>'track' AND js.output = input->>'stream'
       AND js.number BETWEEN (input->>'from')::int AND (input->>'to')::int
$$;

-- A stream's tasks: each makes a file of some neighbouring pieces of one of its
-- tracks; the first ones of few, for somebody waits to see something, but the very
-- first of two seconds, for with less Chromium's player shows nothing, and asks no
-- more.  Returns their weight.
CREATE OR REPLACE FUNCTION render.add_packages(j render.job, plan jsonb,
    i int, o jsonb) RETURNS float8
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    x       record;
    s       record;
    t       task;
    n       int;
    at      bigint;
    most    int;
    input   jsonb;
    weight  float8 := 0;
BEGIN
    FOR x IN SELECT 'video' AS track, r->>'video' AS stream,
                    (k - 1)::int AS nth, r->'canvas' AS canvas
               FROM jsonb_array_elements(o->'renditions')
                    WITH ORDINALITY AS v(r, k)
              UNION ALL
             SELECT 'sound', o->>'sound', 9, o->'canvas'
    LOOP
        n := 0;
        at := 0;
        input := NULL;

        FOR s IN SELECT js.number, js.frames,
                        lead(js.number) OVER (ORDER BY js.number) AS next
                   FROM job_segment js
                  WHERE js.job = j.id AND js.run = j.run
                    AND js.track = x.track AND js.output = x.stream
                  ORDER BY js.number
        LOOP
            IF input IS NULL THEN
                input := jsonb_build_object('output', i, 'track', x.track,
                    'stream', x.stream, 'nth', x.nth, 'canvas', x.canvas,
                    'at', at, 'from', s.number, 'count', 0);
            END IF;

            at := at + s.frames;
            input := input || jsonb_build_object('to', s.number, 'count',
                                  (input->>'count')::int + 1);
            most := CASE x.track WHEN 'sound' THEN least(4, 1 << least(n, 2))
                    ELSE least(8, 1 << least(n, 3)) END;

            IF s.next IS NULL OR (input->>'count')::int >= most
               AND (x.track = 'sound' OR at * (x.canvas->>3)::int
                                         >= 2 * (x.canvas->>2)::int)
            THEN
                t := add_task(j, 'package', i * 1000000 + x.nth * 100000 + n,
                              1, 0.02, input, 'high',
                              (plan->>'engine')::int);
                weight := weight + t.weight;
                input := NULL;
                n := n + 1;
            END IF;
        END LOOP;
    END LOOP;

    RETURN weight;
END $$;

-- Every output that shows a piece which one of these tasks renders waits for it.
-- Nobody has counted rows as new as these: one loop inside of another over them
-- takes minutes for a film of some hundred pieces.  (A loop that is forbidden
-- but needed is told as dear, and what is dear would be compiled.)
CREATE OR REPLACE FUNCTION render.wait_for(j render.job, makers uuid[],
    plan jsonb) RETURNS void
LANGUAGE sql SET search_path = render, pg_temp SET enable_nestloop = off
SET jit = off AS $$
    WITH place AS MATERIALIZED (
        SELECT t.id, CASE t.kind WHEN 'audio' THEN 'sound' ELSE 'video' END
               AS track, n::int AS number
          FROM task t, jsonb_array_elements(t.input->'numbers') n
         WHERE t.id = ANY (makers)),
    made AS MATERIALIZED (
        SELECT p.id, js.key
          FROM place p
          JOIN job_segment js ON js.track = p.track AND js.number = p.number
         WHERE js.job = j.id AND js.run = j.run AND js.mode <> 'reuse'
           AND js.scope IS NULL),
    taken AS MATERIALIZED (
        SELECT a.id, x.track, CASE WHEN o IS NULL THEN plan->>'output'
               ELSE o->>x.track END AS output, 0 AS first, NULL::int AS last
          FROM task a, LATERAL (SELECT plan->'outputs'->a.number AS o) y,
               (VALUES ('video'), ('sound')) x(track)
         WHERE a.job = j.id AND a.run = j.run AND a.kind = 'assemble'
         UNION ALL
        SELECT id, input->>'track', input->>'stream', (input->>'from')::int,
               (input->>'to')::int
          FROM task
         WHERE job = j.id AND run = j.run AND kind = 'package')
    INSERT INTO task_edge (task, waiting)
    SELECT DISTINCT made.id, taken.id
      FROM made
      JOIN job_segment needed ON needed.key = made.key
      JOIN taken ON taken.track = needed.track AND taken.output = needed.output
     WHERE needed.job = j.id AND needed.run = j.run
       AND needed.number >= taken.first
       AND (taken.last IS NULL OR needed.number <= taken.last)
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

-- The pieces, by number, of the first part of each stream of a job.
CREATE OR REPLACE FUNCTION render.first_parts(j render.job)
RETURNS TABLE (track text, first int, last int)
LANGUAGE sql STABLE SET search_path = render, pg_temp AS $$
    SELECT DISTINCT input->>'track', (input->>'from')::int, (input->>'to')::int
      FROM task
     WHERE job = j.id AND run = j.run AND kind = 'package'
       AND input->>'at' = '0'
$$;

-- Missing pieces in runs: a new run where the track or the neighbourhood
-- breaks, and about every max(2 s, an even share for the slots there are); a
-- stream's first part has its own, for whoever waits to see something.  What
-- outputs show at one place of the film is of one run: it is drawn once.  With
-- keys, of those pieces alone.
CREATE OR REPLACE FUNCTION render.render_runs(j render.job,
    keys text[] DEFAULT NULL)
RETURNS TABLE (track text, numbers jsonb, cost float8)
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
DECLARE
    share  float8;
    slots  int;
    s      record;
    prev   int;
    edges  text[];
BEGIN
    SELECT array_agg(f.track || f.first) || array_agg(f.track || f.last + 1)
      INTO edges
      FROM first_parts(j) f;

    SELECT coalesce(sum(w.slots), 1) INTO slots FROM worker w
     WHERE w.alive_until > now() AND NOT w.draining;
    SELECT greatest(2, sum(js.cost) / (4 * slots)) INTO share
      FROM job_segment js
     WHERE js.job = j.id AND js.run = j.run AND js.scope IS NULL
       AND js.mode <> 'reuse' AND (keys IS NULL OR js.key = ANY (keys));

    track := NULL;
    FOR s IN SELECT js.track, js.number, sum(js.cost) AS cost
               FROM job_segment js
              WHERE js.job = j.id AND js.run = j.run AND js.scope IS NULL
                AND js.mode <> 'reuse'
                AND (keys IS NULL OR js.key = ANY (keys))
              GROUP BY js.track, js.number
              ORDER BY js.track, js.number
    LOOP
        IF track IS NOT NULL AND (s.track <> track OR cost >= share
           OR s.number <> prev + 1 OR s.track || s.number = ANY (edges))
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
