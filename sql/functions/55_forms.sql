-- Jobs made of a form's files, or of JSON: what phones and older clients send.

SET LOCAL ROLE render_owner;

-- {kind: "composition", composition: {...}} or {..., composition_id}
CREATE OR REPLACE FUNCTION render_api.jobs_create(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    b       jsonb := body::jsonb;
    errors  jsonb;
    seen    render_api.answer;
    own     record;
BEGIN
    errors := field_problems(b, '{"kind": "string", "composition": "object",
                                  "composition_id": "string"}');

    -- another kind has members of its own: it is what is told first

    IF jsonb_typeof(coalesce(b->'kind', '""')) = 'string'
       AND coalesce(b->>'kind', '') <> 'composition'
    THEN
        errors := jsonb_build_array(jsonb_build_object('pointer', '/kind',
            'detail', CASE WHEN b ? 'kind' THEN format('"%s" is not a kind of '
                'job that is rendered here; "composition" is',
                left(b->>'kind', 60)) ELSE 'is missing' END));
    ELSIF errors = '[]' AND (b ? 'composition') = (b ? 'composition_id') THEN
        errors := jsonb_build_array(jsonb_build_object('pointer', '',
            'detail', 'needs either composition or composition_id'));
    END IF;

    IF errors <> '[]' THEN
        RETURN problem(422, 'The job cannot be made', (errors->0->>'pointer')
                       || ' ' || (errors->0->>'detail'), request, errors);
    END IF;

    IF b ? 'composition' THEN
        RETURN create_composition(who, body::json->>'composition',
                                  '/composition', request);
    END IF;

    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        RETURN seen;
    END IF;

    SELECT * INTO own FROM own_composition(who,
        jsonb_build_object('id', b->'composition_id'), request);

    RETURN idempotency_put(who, request,
        CASE WHEN (own.refusal).status IS NOT NULL THEN own.refusal
             ELSE start_composition(own.c, request) END);
END $$;

-- A number of a form's field within bounds; null where it is none.
CREATE OR REPLACE FUNCTION render.form_number(t text, low numeric,
    high numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN t ~ '^[0-9]{1,6}([.][0-9]{1,6})?$'
                 AND t::numeric BETWEEN low AND high
           THEN trim_scale(t::numeric) END
$$;

-- Problems of the fields that the pipeline "film" knows.
CREATE OR REPLACE FUNCTION render.film_problems(f jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('pointer', '/' || k,
                                                 'detail', why)), '[]')
      FROM (VALUES
        ('pipeline', coalesce(f->>'pipeline', 'film') = 'film',
         'is not a pipeline of this server; "film" is'),
        ('transition', coalesce(f->>'transition', 'none') IN ('none', 'fade'),
         'must be none or fade'),
        ('image_duration', f->>'image_duration' IS NULL
         OR render.form_number(f->>'image_duration', 0.2, 600) IS NOT NULL,
         'must be a number of seconds from 0.2 to 600'),
        ('width', f->>'width' IS NULL
         OR render.form_number(f->>'width', 16, 3840) % 2 = 0,
         'must be an even number of px from 16 to 3840'),
        ('height', f->>'height' IS NULL
         OR render.form_number(f->>'height', 16, 2160) % 2 = 0,
         'must be an even number of px from 16 to 2160'),
        ('fps', f->>'fps' IS NULL
         OR render.form_number(f->>'fps', 1, 120) IS NOT NULL,
         'must be a number from 1 to 120'),
        ('visibility', coalesce(f->>'visibility', 'private')
         IN ('private', 'link', 'public'),
         'must be private, link or public')) x(k, fine, why)
     WHERE NOT coalesce(fine, false)
$$;

-- The pipeline "film": pictures and videos in the order of the form, one after
-- another, and sounds under them.  Fields that it does not know are the
-- caller's own, and kept as metadata.
CREATE OR REPLACE FUNCTION render.film_document(made uuid[], f jsonb)
RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH files AS (
        SELECT a.id, a.kind, n,
               row_number() OVER (PARTITION BY a.kind = 'audio' ORDER BY n) AS i
          FROM unnest(made) WITH ORDINALITY x(id, n)
          JOIN render.asset a ON a.id = x.id),
    clips AS (
        SELECT n, 1 AS part, jsonb_build_object('asset', jsonb_build_object(
                   'type', kind, 'src', 'asset:' || id))
               || CASE WHEN kind = 'image' THEN jsonb_build_object('duration',
                      coalesce(render.form_number(f->>'image_duration', 0.2,
                                                  600), 5))
                  ELSE '{}' END AS clip
          FROM files WHERE kind <> 'audio'
        UNION ALL
        SELECT n, 0, jsonb_build_object('type', 'transition',
                   'transition_type', 'fade', 'duration',
                   least(0.5, coalesce(render.form_number(
                       f->>'image_duration', 0.2, 600), 5) / 2))
          FROM files WHERE kind <> 'audio' AND i > 1
           AND f->>'transition' = 'fade'),
    sounds AS (
        SELECT n, jsonb_build_object('asset', jsonb_build_object('type',
                   'audio', 'src', 'asset:' || id))
               || CASE WHEN (SELECT count(*) FROM files
                              WHERE kind = 'audio') = 1
                  THEN '{"start": 0, "duration": "end", "fade_out": 1}'::jsonb
                  ELSE '{}' END AS clip
          FROM files WHERE kind = 'audio')
    SELECT jsonb_strip_nulls(jsonb_build_object('version', 1,
        'title', nullif(f->>'title', ''),
        'timeline', jsonb_build_object(
            'width', render.form_number(f->>'width', 16, 3840),
            'height', render.form_number(f->>'height', 16, 2160),
            'fps', render.form_number(f->>'fps', 1, 120),
            'tracks', jsonb_build_array(jsonb_build_object('kind', 'video',
                'clips', (SELECT jsonb_agg(clip ORDER BY n, part)
                            FROM clips)))
            || CASE WHEN EXISTS (SELECT FROM sounds)
               THEN jsonb_build_array(jsonb_build_object('kind', 'audio',
                   'clips', (SELECT jsonb_agg(clip ORDER BY n) FROM sounds)))
               ELSE '[]' END),
        'metadata', nullif(f - '{pipeline,transition,image_duration,width,
                                 height,fps,visibility,title,description}'
                             ::text[], '{}')))
$$;

-- request.uploads and request.fields, as for assets_create.
CREATE OR REPLACE FUNCTION render_api.jobs_upload(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    m        record;
    c        composition;
    f        jsonb;
    v        visibility;
    doc      jsonb;
    seen     render_api.answer;
    errors   jsonb;
BEGIN
    -- a raw body has its fields in the query string, a form may

    f := (params - '{length,filename,id}'::text[])
         || coalesce(request->'fields', '{}');

    seen := idempotency_get(who, request);
    IF seen.status IS NOT NULL THEN
        PERFORM abandon_uploads(request);
        RETURN seen;
    END IF;

    errors := film_problems(f);

    IF errors = '[]' THEN
        SELECT jsonb_agg(jsonb_build_object('pointer', '/' || coalesce(
                   u->>'field', 'file'), 'detail', format('%s is of type %s, '
                   'which cannot be part of a film', coalesce(u->>'filename',
                   'the body'), u->>'content_type')))
          INTO errors FROM jsonb_array_elements(request->'uploads') u
         WHERE u->>'kind' NOT IN ('video', 'image', 'audio');

        IF errors IS NULL AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(request->'uploads') u
             WHERE u->>'kind' <> 'audio')
        THEN
            errors := '[{"pointer": "", "detail": "a film needs a picture or '
                      'a video"}]';
        END IF;
    END IF;

    IF errors <> '[]' THEN
        PERFORM abandon_uploads(request);
        RETURN idempotency_put(who, request, problem(422, 'The film cannot be '
            'made', ltrim((errors->0->>'pointer') || ' '
            || (errors->0->>'detail')), request, errors));
    END IF;

    SELECT * INTO m FROM make_assets(who, request
                                     || jsonb_build_object('fields', f));

    IF (m.refusal).status IS NOT NULL THEN
        PERFORM abandon_uploads(request);
        RETURN idempotency_put(who, request, m.refusal);
    END IF;

    doc := film_document(m.made, f);
    v := coalesce(f->>'visibility', 'private')::visibility;

    INSERT INTO composition (owner, title, config, config_text, visibility,
                             share_token)
    VALUES (me(who), coalesce(doc->>'title', ''), doc, doc::text, v,
            share_token(NULL, v))
    RETURNING * INTO c;

    RETURN idempotency_put(who, request, start_composition(c, request,
        jsonb_build_object('assets', (SELECT jsonb_agg(asset_json(who, a)
                                                       ORDER BY n)
            FROM unnest(m.made) WITH ORDINALITY x(id, n)
            JOIN asset a ON a.id = x.id)), m.effects));
END $$;
