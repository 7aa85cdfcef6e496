-- Answers of the API: problem+json, JSON, times and cursors.  Nothing here
-- knows a resource.
--
-- What a request calls costs as much as its plans.  A function in LANGUAGE sql
-- is free where the planner puts its text in the place of the call: one
-- expression, no FROM, aggregate or subquery, and never IMMUTABLE about
-- something that is only STABLE (to_char, jsonb_build_object, an enum as text).
-- Any other is parsed and planned again by every call; what cannot be put in
-- place is therefore written in plpgsql, which keeps its plans.  t/plans.t holds
-- what is read often to that.

SET LOCAL ROLE render_owner;

-- RFC 3339 in UTC, with milliseconds.
CREATE OR REPLACE FUNCTION render.rfc3339(t timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

CREATE OR REPLACE FUNCTION render.ok(status int, body jsonb,
    effects jsonb DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS render_api.answer
LANGUAGE sql STABLE AS $$
    SELECT (status, body::text, headers::json, effects::json, NULL::text)
           ::render_api.answer
$$;

-- The same, of JSON that is told as it is: half the work of jsonb.
CREATE OR REPLACE FUNCTION render.ok(status int, body json,
    effects jsonb DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS render_api.answer
LANGUAGE sql STABLE AS $$
    SELECT (status, body::text, headers::json, effects::json, NULL::text)
           ::render_api.answer
$$;

-- RFC 9457.  instance is the request's id; errors are {pointer, detail}.
CREATE OR REPLACE FUNCTION render.problem(status int, title text, detail text,
    request jsonb, errors jsonb DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS render_api.answer
LANGUAGE sql STABLE AS $$
    SELECT (status,
            jsonb_strip_nulls(jsonb_build_object('type', 'about:blank',
                'title', title, 'status', status, 'detail', detail,
                'instance', request->>'id', 'errors', errors))::text,
            headers::json, NULL::json, NULL::text)::render_api.answer
$$;

-- What is not the caller's does not exist.
CREATE OR REPLACE FUNCTION render.not_found(what text, request jsonb)
RETURNS render_api.answer
LANGUAGE sql STABLE AS $$
    SELECT render.problem(404, 'Not found', 'there is no such ' || what,
                          request)
$$;

CREATE OR REPLACE FUNCTION render.me(who jsonb) RETURNS uuid
LANGUAGE sql STABLE AS $$ SELECT (who->>'account')::uuid $$;

-- A uuid, or null for text that is none.
CREATE OR REPLACE FUNCTION render.to_uuid(s text) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
           THEN s::uuid END
$$;

-- The one predicate of reading: mine, public, or shared by its link.
CREATE OR REPLACE FUNCTION render.may_read(who jsonb, owner uuid,
    v render.visibility, share_token text, given_token text DEFAULT NULL)
RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce((who->>'account')::uuid = owner, false)
           OR v = 'public'
           OR (v = 'link' AND share_token IS NOT NULL
               AND share_token IS NOT DISTINCT FROM given_token)
           OR coalesce(who->>'role' = 'admin', false)
$$;

-- Keyset cursors: opaque to the caller.
CREATE OR REPLACE FUNCTION render.cursor_of(t timestamptz, id uuid)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT translate(encode(convert_to(
               extract(epoch FROM t)::numeric(20, 6) || '_' || id, 'UTF8'),
               'base64'), E'+/=\n', '-_')
$$;

CREATE OR REPLACE FUNCTION render.cursor_read(c text, OUT t timestamptz,
    OUT id uuid)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    s text;
BEGIN
    IF c IS NULL THEN
        RETURN;
    END IF;
    s := convert_from(decode(translate(c, '-_', '+/')
             || repeat('=', (4 - length(c) % 4) % 4), 'base64'), 'UTF8');
    t := to_timestamp(split_part(s, '_', 1)::numeric);
    id := split_part(s, '_', 2)::uuid;
EXCEPTION WHEN OTHERS THEN
    t := NULL;
    id := NULL;
END $$;

CREATE OR REPLACE FUNCTION render.page_limit(params jsonb) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN params->>'limit' ~ '^[0-9]{1,4}$'
           THEN greatest(1, least(100, (params->>'limit')::int)) ELSE 20 END
$$;

-- A page of a list: items in order (an array of json or jsonb), the cursor of
-- the last one, and how many were asked for; the answer names a next cursor
-- where there may be more.
CREATE OR REPLACE FUNCTION render.page(items anyarray, last_cursor text, n int)
RETURNS render_api.answer
LANGUAGE sql STABLE AS $$
    SELECT render.ok(200, json_build_object(
        'items', coalesce(array_to_json(items), '[]'), 'next_cursor',
        CASE WHEN cardinality(items) = n THEN last_cursor END))
$$;

-- Whether If-Match (RFC 9110, section 13.1.1) holds for this entity tag; true
-- where none was sent.
CREATE OR REPLACE FUNCTION render.if_match(request jsonb, tag text)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    given  text := request->>'if_match';
BEGIN
    RETURN given IS NULL OR trim(given) = '*'
           OR tag IN (SELECT trim(x) FROM unnest(string_to_array(given, ','))
                      x);
END $$;

CREATE OR REPLACE FUNCTION render.changed_meanwhile(request jsonb)
RETURNS render_api.answer
LANGUAGE sql STABLE AS $$
    SELECT render.problem(412, 'Changed meanwhile', 'what If-Match names is '
        'not what is there now; read it again', request)
$$;

-- Where somebody who was given the link may read; null while it is private.
CREATE OR REPLACE FUNCTION render.share_url(path text, v render.visibility,
    share_token text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE v WHEN 'public' THEN path
                  WHEN 'link' THEN path || CASE WHEN position('?' IN path) > 0
                      THEN '&' ELSE '?' END || 'share=' || share_token END
$$;

-- The secret of a link, made when one is first shared, and made anew after it
-- was private: an old link stays dead.
CREATE OR REPLACE FUNCTION render.share_token(old text, v render.visibility)
RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN v = 'private' THEN NULL ELSE coalesce(old,
               replace(gen_random_uuid()::text, '-', '')) END
$$;

-- Problems of a body that holds only these fields, all of them optional:
-- `fields` is {name: type of JSON}; a visibility must be one.
CREATE OR REPLACE FUNCTION render.field_problems(b jsonb, fields jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('pointer', '/'
            || replace(replace(k, '~', '~0'), '/', '~1'), 'detail',
            CASE WHEN NOT fields ? k THEN 'is not a field of this; known are '
                      || coalesce((SELECT string_agg(f, ', ')
                                     FROM jsonb_object_keys(fields) f), 'none')
                 WHEN k = 'visibility' AND jsonb_typeof(v) = 'string'
                 THEN 'must be private, link or public'
                 WHEN jsonb_typeof(v) = fields->>k
                 THEN 'may hold at most 10000 characters'
                 ELSE 'must be a JSON ' || (fields->>k) END) ORDER BY k), '[]')
          FROM jsonb_each(b) x(k, v)
         WHERE NOT fields ? k OR jsonb_typeof(v) <> fields->>k
            OR (k = 'visibility' AND v #>> '{}' NOT IN ('private', 'link',
                                                        'public'))
            OR (jsonb_typeof(v) = 'string' AND length(v #>> '{}') > 10000));
END $$;
