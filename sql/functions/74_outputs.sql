-- What is stored of a job: pieces, pictures, streams' parts, outputs, and the
-- asset that its film becomes.

SET LOCAL ROLE render_owner;

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
-- any more: a film that was there before its job failed is an asset.
CREATE OR REPLACE FUNCTION render.old_files(job_id uuid, before_run int)
RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT k FROM (
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
     UNION
    SELECT t.output->>'key' FROM render.task t
     WHERE t.job = job_id AND t.run < before_run AND t.kind = 'package'
       AND t.status = 'done') x(k)
     WHERE NOT EXISTS (SELECT FROM render.asset WHERE storage_key = k)
$$;

-- A job with nothing left to do is done; what its earlier runs have left may go.
CREATE OR REPLACE FUNCTION render.end_if_done(j render.job, of text,
    OUT effects jsonb, OUT remove jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    remove := '[]';

    IF EXISTS (SELECT FROM task WHERE job = j.id AND run = j.run
                  AND status IN ('blocked', 'ready', 'leased'))
    THEN
        effects := event(j, 'progress', of);
        RETURN;
    END IF;

    PERFORM publish(j);                     -- once: no run follows this one

    SELECT coalesce(jsonb_agg(k), '[]') INTO remove
      FROM old_files(j.id, j.run) k;
    effects := end_job(j.id, 'completed', NULL);
END $$;

-- A part of a stream is stored.  Once each of its tracks has begun, it can be
-- watched.
CREATE OR REPLACE FUNCTION render.accept_package(j render.job, t render.task,
    OUT effects jsonb, OUT remove jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    o  jsonb;
    r  jsonb;
BEGIN
    UPDATE task SET output = output || jsonb_build_object('key',
               stream_key(t)) WHERE id = t.id;

    SELECT output->'outputs'->((t.input->>'output')::int) INTO o FROM task
     WHERE job = j.id AND run = j.run AND kind = 'plan';

    IF NOT j.results ? (o->>'name') AND NOT EXISTS (
           SELECT FROM task WHERE job = j.id AND run = j.run
              AND kind = 'package' AND status <> 'done'
              AND input->>'output' = t.input->>'output'
              AND number % 100000 = 0)
    THEN
        r := jsonb_build_object('key', format('outputs/%s/%s-hls/%s.m3u8',
                                              j.id, j.run, o->>'name'),
                 'duration', o->'duration',
                 'content_type', 'application/vnd.apple.mpegurl');
        UPDATE job SET results = results || jsonb_build_object(o->>'name', r)
            || CASE WHEN (o->>'film')::boolean
               THEN jsonb_build_object('final', r) ELSE '{}' END
         WHERE id = j.id RETURNING * INTO j;
    END IF;

    SELECT x.effects, x.remove INTO effects, remove
      FROM end_if_done(j, t.kind) x;
END $$;

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
    effects := effects_add(effects, end_unfilmed(j, t.kind));
END $$;

-- A job whose film is a stream may end with its pictures: nothing waits for
-- them.
CREATE OR REPLACE FUNCTION render.end_unfilmed(j render.job, of text)
RETURNS jsonb
LANGUAGE sql SET search_path = render, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM task WHERE job = j.id
                                AND run = j.run
                                AND status IN ('blocked', 'ready', 'leased'))
           THEN '{}' ELSE (SELECT effects FROM end_if_done(j, of)) END
$$;

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
               'rate', coalesce(js.spec->'copy'->'rate', '48000'),
               'channels', coalesce(js.spec->'channels', '2'))
      FROM render.job_segment js
     WHERE js.job = j.id AND js.run = j.run AND js.track = 'sound'
       AND render.is_of(js, o) ORDER BY js.number LIMIT 1
$$;

-- The film becomes an asset, and its composition's output, unless that was
-- changed meanwhile.
CREATE OR REPLACE FUNCTION render.publish(j render.job) RETURNS void
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    c     composition;
    film  uuid := gen_random_uuid();
    r     jsonb := j.results->'final';
    kind  text := kind_of(r->>'content_type');
    o     jsonb := (SELECT x FROM task t,
                           jsonb_array_elements(t.output->'outputs') x
                     WHERE t.job = j.id AND t.run = j.run AND t.kind = 'plan'
                       AND (x->>'film')::boolean);
BEGIN
    IF r->>'content_type' = 'application/vnd.apple.mpegurl' THEN
        RETURN;                             -- a stream is no file
    END IF;

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

    SELECT x.effects, x.remove INTO effects, remove
      FROM end_if_done(j, t.kind) x;
END $$;
