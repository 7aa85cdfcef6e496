-- How many segments a job has, and how each comes to be, written down with its
-- plan: how far a job is is asked too often to count them each time.

SET LOCAL ROLE render_owner;

ALTER TABLE render.job ADD COLUMN segments json;

UPDATE render.job j SET segments = s.told
  FROM (SELECT job, run, json_build_object('total', sum(n),
                   'by_mode', json_object_agg(mode, n)) AS told
          FROM (SELECT job, run, mode, count(*) AS n FROM render.job_segment
                 WHERE track = 'video' GROUP BY job, run, mode) m
         GROUP BY job, run) s
 WHERE s.job = j.id AND s.run = j.run;
