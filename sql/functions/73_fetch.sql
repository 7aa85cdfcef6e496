-- Sources that a document names by their URL: each is fetched by a task of its
-- own, before the plan, and becomes an asset of the job's owner, which is used
-- again as long as its host says that it has not changed.
--
-- In job.spec: assets has {"url", "pointer"} beside the ids of assets, and gets
-- the ids of what was fetched; fetched is {url: id}.

SET LOCAL ROLE render_owner;

CREATE OR REPLACE FUNCTION render.is_url(src text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT src ~ '^https?://' $$;

-- What was fetched is kept so long after a job has used it.
CREATE OR REPLACE FUNCTION render.fetch_kept() RETURNS interval
LANGUAGE sql IMMUTABLE AS $$ SELECT interval '30 days' $$;

-- The URLs of a job, each with where it stands first.
CREATE OR REPLACE FUNCTION render.urls_of(spec jsonb)
RETURNS TABLE (url text, pointer text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT a->>'url', a->>'pointer'
      FROM jsonb_array_elements(coalesce(spec->'assets', '[]')) a
     WHERE jsonb_typeof(a) = 'object'
$$;

-- The newest that was fetched from there and can be used; with a tag, of those
-- that have it.
CREATE OR REPLACE FUNCTION render.fetched(owner uuid, url text,
    etag text DEFAULT NULL) RETURNS render.asset
LANGUAGE sql STABLE AS $$
    SELECT a FROM render.asset a
     WHERE a.owner = fetched.owner AND a.origin = 'fetch'
       AND md5(a.origin_url) = md5(url) AND a.origin_url = url
       AND a.status IN ('probing', 'ready')
       AND (etag IS NULL OR a.origin_etag = etag)
     ORDER BY a.created_at DESC, a.id DESC LIMIT 1
$$;

-- The asset that a claim would make: another for each, so that nobody writes
-- over what somebody else has stored.
CREATE OR REPLACE FUNCTION render.fetch_asset(t render.task) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT encode(substr(sha256(convert_to(t.id || ' ' || t.fence, 'UTF8')), 1,
                         16), 'hex')::uuid
$$;

CREATE OR REPLACE FUNCTION render.fetch_key(t render.task) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT 'inputs/' || t.account || '/' || render.fetch_asset(t)
$$;

-- Fetches before a plan; how many it has to wait for.
CREATE OR REPLACE FUNCTION render.add_fetches(j render.job, plan render.task,
    OUT n int, OUT effects jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    u  record;
    t  task;
BEGIN
    n := 0;
    effects := '{}';

    FOR u IN SELECT * FROM urls_of(j.spec) x
              WHERE NOT coalesce(j.spec->'fetched' ? x.url, false)
              ORDER BY x.url
    LOOP
        t := add_task(j, 'fetch', n, 0, 0, to_jsonb(u));
        INSERT INTO task_edge (task, waiting) VALUES (t.id, plan.id);
        effects := effects_add(effects, bell(t));
        n := n + 1;
    END LOOP;
END $$;

-- What a worker needs to fetch.  `left` is what its owner may still store.
CREATE OR REPLACE FUNCTION render.fetch_order(t render.task) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
DECLARE
    a  asset := fetched(t.account, t.input->>'url');
BEGIN
    RETURN jsonb_build_object('spec', jsonb_strip_nulls(jsonb_build_object(
            'url', t.input->>'url', 'etag', a.origin_etag,
            'left', (SELECT greatest(0, quota_bytes - stored_by(id))
                       FROM account WHERE id = t.account))),
        'inputs', '{}'::jsonb,
        'outputs', jsonb_build_object('file', fetch_key(t)));
END $$;

CREATE OR REPLACE FUNCTION render.stored_by(who uuid) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(bytes), 0)::bigint FROM render.asset
     WHERE owner = who AND (status <> 'uploading'
                            OR created_at > now() - interval '15 minutes')
$$;

-- Before a byte is fetched a row says where it will lie: what comes of it and
-- no asset has is deleted a day later.
CREATE OR REPLACE FUNCTION render.announce_fetch(t render.task) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO render.garbage (storage_key, since)
    VALUES (render.fetch_key(t), now() + interval '1 day')
    ON CONFLICT DO NOTHING
$$;

-- The plan waits for a probe, too.  The probe's task is looked at under its
-- lock, so that it cannot end between the look and the edge; one that has the
-- edge already may be about to end, and to want the lock of our job.
CREATE OR REPLACE FUNCTION render.wait_for_probe(subject uuid, plan uuid)
RETURNS void
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    p  uuid;
BEGIN
    FOR p IN SELECT t.id FROM task t JOIN job pj ON pj.id = t.job
              WHERE pj.kind = 'probe' AND pj.subject = wait_for_probe.subject
                AND t.status IN ('blocked', 'ready', 'leased')
                AND NOT EXISTS (SELECT FROM task_edge e
                                 WHERE e.task = t.id AND e.waiting = plan)
              ORDER BY t.id FOR UPDATE OF t
    LOOP
        INSERT INTO task_edge (task, waiting) VALUES (p, plan);
        UPDATE task SET waiting_on = waiting_on + 1 WHERE id = plan;
    END LOOP;
END $$;

-- The end of a fetch: {"stored": true, "bytes", "sha256", "etag"} or {"stored":
-- false, "etag"}: what is there is still right.  Makes an asset of it, unless
-- its owner has these bytes from there.  failure: what to fail the task with.
CREATE OR REPLACE FUNCTION render.accept_fetch(j render.job, t render.task,
    result jsonb, OUT effects jsonb, OUT failure jsonb)
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    a      asset;
    owner  account;
    made   record;
    plan   uuid;
    url    text := t.input->>'url';
BEGIN
    effects := '{}';
    SELECT waiting INTO plan FROM task_edge WHERE task = t.id;

    -- one at a time an account, as uploads

    SELECT * INTO owner FROM account WHERE id = j.owner FOR NO KEY UPDATE;

    IF NOT (result->>'stored')::boolean THEN
        a := fetched(j.owner, url, result->>'etag');
        DELETE FROM garbage WHERE storage_key = fetch_key(t);

        IF a.id IS NULL THEN                -- deleted meanwhile
            failure := jsonb_build_object('status', 'io', 'retry', true,
                'text', 'what was fetched before is gone');
            RETURN;
        END IF;

    ELSE
        SELECT * INTO a FROM asset x
         WHERE x.owner = j.owner AND x.origin = 'fetch'
           AND md5(x.origin_url) = md5(url) AND x.origin_url = url
           AND x.sha256 = result->>'sha256'
         ORDER BY x.created_at DESC LIMIT 1;

        -- the janitor takes what is not kept

        UPDATE garbage SET since = now() WHERE storage_key = fetch_key(t);

        IF NOT FOUND THEN
            INSERT INTO garbage (storage_key) VALUES (fetch_key(t))
            ON CONFLICT DO NOTHING;
        END IF;

        IF a.id IS NULL
           AND stored_by(j.owner) + (result->>'bytes')::bigint
               > owner.quota_bytes
        THEN
            failure := jsonb_build_object('status', 'limit', 'retry', false,
                'text', format('the account may store %s bytes in all, and has '
                'no room for what has to be fetched', owner.quota_bytes));
            RETURN;
        END IF;
    END IF;

    IF a.id IS NULL THEN
        INSERT INTO asset (id, owner, bytes, sha256, filename, title, status,
                           origin, origin_url, origin_etag, content_type,
                           storage_key)
        SELECT fetch_asset(t), j.owner, (result->>'bytes')::bigint,
               result->>'sha256', x.name, x.name, 'probing', 'fetch', url,
               result->>'etag', 'application/octet-stream', fetch_key(t)
          FROM (SELECT left(coalesce(substring(url FROM
                    '^https?://[^/?#]+/(?:[^?#]*/)?([^/?#]+)'), ''), 255)
                    AS name) x
        RETURNING * INTO a;

        DELETE FROM garbage WHERE storage_key = a.storage_key;

    ELSIF a.status = 'failed' THEN          -- by whatever: it is looked at anew
        UPDATE asset SET status = 'probing', error = NULL WHERE id = a.id;

    ELSIF a.status = 'probing' THEN
        PERFORM wait_for_probe(a.id, plan);
    END IF;

    IF a.status = 'failed' OR a.id = fetch_asset(t) THEN
        SELECT * INTO made FROM add_job(j.owner, 'probe', a.id, 1, '{}',
            jsonb_build_object('id', j.request_id, 'traceparent',
                               j.traceparent));
        effects := made.effects;
        PERFORM wait_for_probe(a.id, plan);
    END IF;

    -- the asset after its probe's task, as where a probe ends

    UPDATE asset SET expires_at = now() + fetch_kept(),
           origin_etag = coalesce(result->>'etag', origin_etag)
     WHERE id = a.id;

    IF NOT FOUND THEN
        failure := jsonb_build_object('status', 'io', 'retry', true, 'text',
            'what was fetched before has just been deleted');
        RETURN;
    END IF;

    UPDATE job SET spec = spec || jsonb_build_object(
               'assets', (spec->'assets') - a.id::text || to_jsonb(a.id),
               'fetched', coalesce(spec->'fetched', '{}')
                          || jsonb_build_object(url, a.id))
     WHERE id = j.id;
END $$;

-- The asset that a URL of the job has become; a validation fetches nothing, and
-- takes what there is.
CREATE OR REPLACE FUNCTION render.fetched_as(j render.job, url text)
RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
BEGIN
    RETURN CASE WHEN j.kind = 'validate' THEN (fetched(j.owner, url)).id
                ELSE to_uuid(j.spec->'fetched'->>url) END;
END $$;

-- The facts of URLs in a plan's specification: {url: what is known of it}.  A
-- validation fetches nothing, and goes by what there is.
CREATE OR REPLACE FUNCTION render.fetched_facts(j render.job) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(u.url, jsonb_strip_nulls(
                   jsonb_build_object('sha256', input_name(a), 'probe', a.probe,
                                      'error', a.error))), '{}')
          FROM urls_of(j.spec) u
          JOIN asset a ON a.id = fetched_as(j, u.url)
         WHERE a.owner = j.owner);
END $$;

-- Of a validation: the URLs of which nothing is known, as they may be told.
CREATE OR REPLACE FUNCTION render.unknown_urls(who uuid, assets jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('pointer', u.pointer,
                       'detail', left(split_part(split_part(u.url, '?', 1),
                       '#', 1), 200) || ' is looked at when it is rendered: '
                       'it has not been fetched yet') ORDER BY u.pointer), '[]')
              FROM urls_of(jsonb_build_object('assets', assets)) u
             WHERE (fetched(who, u.url)).status IS DISTINCT FROM 'ready');
END $$;

-- Used by a job that begins: kept from now on.
CREATE OR REPLACE FUNCTION render.keep_fetched(spec jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    UPDATE asset SET expires_at = now() + fetch_kept()
     WHERE id IN (SELECT to_uuid(i) FROM
                  jsonb_array_elements_text(spec->'assets') i)
       AND expires_at < now() + fetch_kept() - interval '1 day';
END $$;

-- What was fetched and nobody has used for long.
CREATE OR REPLACE FUNCTION render.expire_assets() RETURNS void
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    WITH old AS (
        SELECT a.id FROM asset a
         WHERE a.expires_at < now()
           AND NOT EXISTS (SELECT FROM job j
                            WHERE j.status IN ('pending', 'queued',
                                               'processing')
                              AND j.owner = a.owner
                              AND j.spec->'assets' ? a.id::text)
         ORDER BY a.id LIMIT 200 FOR UPDATE SKIP LOCKED),
    gone AS (
        DELETE FROM asset a USING old WHERE a.id = old.id
        RETURNING a.storage_key)
    INSERT INTO garbage (storage_key) SELECT storage_key FROM gone
    ON CONFLICT DO NOTHING;
END $$;

-- What of an asset its bytes are, when a stranger has sent them: by what the
-- probe has found, not by what the stranger said.
CREATE OR REPLACE FUNCTION render.type_of(probe jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((SELECT type FROM (VALUES
        ('mov', 'video', 'video/mp4'), ('mov', 'audio', 'audio/mp4'),
        ('mov', 'image', 'image/avif'),
        ('matroska', 'video', 'video/webm'),
        ('matroska', 'audio', 'audio/webm'), ('mpegts', 'video', 'video/mp2t'),
        ('avi', 'video', 'video/x-msvideo'), ('flv', 'video', 'video/x-flv'),
        ('ogg', 'video', 'video/ogg'), ('ogg', 'audio', 'audio/ogg'),
        ('mp3', 'audio', 'audio/mpeg'), ('wav', 'audio', 'audio/wav'),
        ('flac', 'audio', 'audio/flac'), ('aac', 'audio', 'audio/aac'),
        ('gif', 'image', 'image/gif'), ('gif', 'video', 'image/gif'),
        ('png_pipe', 'image', 'image/png'), ('apng', 'image', 'image/png'),
        ('jpeg_pipe', 'image', 'image/jpeg'),
        ('webp_pipe', 'image', 'image/webp'),
        ('srt', 'caption', 'application/x-subrip'),
        ('webvtt', 'caption', 'text/vtt'), ('ass', 'caption', 'text/x-ssa'),
        ('TrueType', 'font', 'font/ttf'), ('OpenType', 'font', 'font/otf'),
        ('collection', 'font', 'font/collection'),
        ('WOFF', 'font', 'font/woff'), ('WOFF2', 'font', 'font/woff2')) x(format, kind, type)
     WHERE x.format = split_part(probe->>'format', ',', 1)
       AND x.kind = probe->>'kind'), 'application/octet-stream')
$$;
