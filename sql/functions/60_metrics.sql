-- What /metrics tells of the queue.  Everything is read by the partial indexes
-- of live tasks, live jobs and the index of living workers; what is done is not
-- looked at.  All classes, priorities and live states are there, also with 0,
-- so that a queue that empties does not vanish.

SET LOCAL ROLE render_owner;

-- {"queue": [{"class", "priority", "depth", "oldest"}], "jobs": {status: n},
--  "workers": n, "slots": n}; oldest is in seconds, of tasks that could start.
CREATE OR REPLACE FUNCTION render_api.metrics(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
    WITH waiting AS (
        SELECT class, priority, count(*) AS n,
               min(greatest(created_at, not_before))
                   FILTER (WHERE not_before <= now()) AS since
          FROM task WHERE status = 'ready' GROUP BY class, priority
    ), queue AS (
        SELECT jsonb_agg(jsonb_build_object('class', c, 'priority', p,
                   'depth', coalesce(n, 0), 'oldest',
                   coalesce(extract(epoch FROM now() - since), 0))
                   ORDER BY c, p) AS list
          FROM unnest(enum_range(NULL::task_class)) AS c
         CROSS JOIN unnest(enum_range(NULL::priority)) AS p
          LEFT JOIN waiting w ON w.class = c AND w.priority = p
    ), live AS (
        SELECT status, count(*) AS n FROM job
         WHERE status IN ('pending', 'queued', 'processing') GROUP BY status
    ), jobs AS (
        SELECT jsonb_object_agg(s, coalesce(n, 0)) AS list
          FROM unnest('{pending,queued,processing}'::job_status[]) AS s
          LEFT JOIN live ON live.status = s
    ), workers AS (
        SELECT count(*) AS n, coalesce(sum(slots), 0) AS slots
          FROM worker WHERE alive_until > now()
    )
    SELECT ok(200, jsonb_build_object('queue', queue.list, 'jobs', jobs.list,
                   'workers', workers.n, 'slots', workers.slots))
      FROM queue, jobs, workers
$$;
