-- The janitor's round, called each second by the one worker that is elected.

SET LOCAL ROLE render_owner;

-- Whether a worker is (now) the janitor: until it has not asked for a lease's
-- time, or leaves.
CREATE OR REPLACE FUNCTION render_work.elect(w uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = render, pg_temp AS $$
    WITH won AS (
        UPDATE office SET holder = w, until = now() + lease()
         WHERE name = 'janitor' AND (holder = w OR until < now())
        RETURNING name)
    SELECT EXISTS (SELECT FROM won)
$$;

-- Workers of before, who held a lock, leave it to those of now.
CREATE OR REPLACE FUNCTION render_work.elect() RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT false
$$;

-- Tasks of workers that are dead: tried again at once, or failed when they have
-- killed as many workers as they have attempts.
CREATE OR REPLACE FUNCTION render.reclaim() RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    r  record;
    j  job;
    t  task;
    e  jsonb := '{}';
BEGIN
    FOR r IN SELECT x.id, x.job FROM task x
              WHERE x.status = 'leased'
                AND NOT EXISTS (SELECT FROM worker w WHERE w.id = x.worker
                                   AND w.alive_until > now())
              ORDER BY x.job, x.id LIMIT 200
    LOOP
        SELECT * INTO j FROM job WHERE id = r.job FOR UPDATE;
        SELECT * INTO t FROM task WHERE id = r.id AND status = 'leased'
           AND NOT EXISTS (SELECT FROM worker w WHERE w.id = task.worker
                              AND w.alive_until > now()) FOR UPDATE;
        CONTINUE WHEN NOT FOUND;

        IF t.attempt >= t.max_attempts THEN
            e := effects_add(e, fail_task(j, t, jsonb_build_object(
                'status', 'internal', 'retry', false, 'text',
                format('the worker was lost %s times while doing this task',
                       t.attempt))));
        ELSE
            UPDATE task SET status = 'ready', not_before = now()
             WHERE id = t.id RETURNING * INTO t;
            e := effects_add(e, bell(t));
        END IF;
    END LOOP;

    DELETE FROM worker WHERE alive_until < now() - interval '1 hour';
    RETURN e;
END $$;

-- One bell for each queue in which something waits that should have been
-- claimed by now: its bell was lost, or its time has come.
CREATE OR REPLACE FUNCTION render.overdue() RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('bells', coalesce(jsonb_agg(b), '[]')) FROM (
        SELECT DISTINCT ON (class, priority) jsonb_build_object('queue',
                   class || '.' || priority, 'job', job, 'task', id) AS b
          FROM render.task
         WHERE status = 'ready' AND not_before <= now()
         ORDER BY class, priority, created_at) x
$$;

-- Rows that were announced and never came, with the objects they may have left.
CREATE OR REPLACE FUNCTION render.forget_uploads() RETURNS jsonb
LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM render.asset WHERE status = 'uploading'
           AND coalesce(upload_until, created_at + interval '1 day') < now()
        RETURNING storage_key)
    INSERT INTO render.garbage (storage_key) SELECT storage_key FROM gone
    ON CONFLICT DO NOTHING;
    SELECT '[]'::jsonb
$$;

-- What lost its last reference; an object that still has one stays.  Each is
-- told of again after a minute, until deleted() says that it is gone: worker
-- and storage may fail in between.
CREATE OR REPLACE FUNCTION render.take_garbage() RETURNS jsonb
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    keys  text[];
    list  jsonb;
BEGIN
    keys := ARRAY(SELECT storage_key FROM garbage WHERE since <= now()
                   ORDER BY since LIMIT 200 FOR UPDATE SKIP LOCKED);

    DELETE FROM garbage g USING asset a
     WHERE g.storage_key = ANY (keys) AND a.storage_key = g.storage_key;

    WITH due AS (
        UPDATE garbage SET since = now() + interval '1 minute'
         WHERE storage_key = ANY (keys) RETURNING storage_key)
    SELECT coalesce(jsonb_agg(storage_key), '[]') INTO list FROM due;

    RETURN list;
END $$;

-- Storage holds these no more.
CREATE OR REPLACE FUNCTION render_work.deleted(keys jsonb) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = render, pg_temp AS $$
    DELETE FROM garbage
     WHERE storage_key IN (SELECT jsonb_array_elements_text(keys));
    SELECT '{}'::jsonb
$$;

-- {"effects", "delete": [storage keys]}
CREATE OR REPLACE FUNCTION render_work.janitor(may_reclaim boolean)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    e  jsonb := '{}';
BEGIN
    IF may_reclaim THEN
        e := reclaim();
    END IF;

    DELETE FROM idempotency WHERE expires_at < now();

    -- validations whose client left before the answer
    DELETE FROM job WHERE kind = 'validate'
       AND created_at < now() - interval '10 minutes';

    PERFORM forget_uploads();
    PERFORM expire_assets();

    RETURN jsonb_build_object('effects', effects_add(e, overdue()),
                              'delete', take_garbage());
END $$;

GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA render_api TO render_web;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA render_work TO render_worker;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA render_api, render_work, render
    FROM PUBLIC;
