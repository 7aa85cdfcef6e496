-- Playlists of streams (HLS, RFC 8216) while they grow and when they have ended.
-- They are told from the tasks that make their parts: there is no file that a
-- worker back from the dead could write over.  The command line writes files of
-- its own (rn_playlist.c); a test holds the two side by side.

SET LOCAL ROLE render_owner;

-- Whole seconds that no fragment of the track exceeds: known from the plan, for
-- it must not change.
CREATE OR REPLACE FUNCTION render.target_of(j render.job, of_run int,
    input jsonb) RETURNS int
LANGUAGE sql STABLE SET search_path = render, pg_temp AS $$
    SELECT CASE input->>'track' WHEN 'sound' THEN 6 ELSE
        (SELECT greatest(1, ceil(max(frames) * (input->'canvas'->>3)::numeric
                                 / (input->'canvas'->>2)::numeric))::int
           FROM job_segment
          WHERE job = j.id AND run = of_run AND track = 'video'
            AND output = input->>'stream') END
$$;

-- The playlist of all sizes; NULL before each of them has begun.
CREATE OR REPLACE FUNCTION render.master_playlist(j render.job, of_run int,
    i int, o jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
DECLARE
    sound  text;
    sizes  text;
BEGIN
    SELECT output->>'codec' INTO sound FROM task
     WHERE job = j.id AND run = of_run AND kind = 'package'
       AND status = 'done' AND number = i * 1000000 + 900000;

    SELECT string_agg(format('#EXT-X-STREAM-INF:BANDWIDTH=%s,CODECS="%s%s",'
               'RESOLUTION=%sx%s,FRAME-RATE=%s%s%s' || E'\n' || '%s-v%s.m3u8'
               || E'\n', r->>'bandwidth', t.output->>'codec', ',' || sound,
               r->'canvas'->>0, r->'canvas'->>1,
               to_char((r->'canvas'->>2)::numeric / (r->'canvas'->>3)::numeric,
                       'FM990.000'),
               CASE WHEN sound IS NOT NULL THEN ',AUDIO="sound"' END,
               CASE WHEN o ? 'captions' THEN ',SUBTITLES="captions"' END,
               o->>'name', k - 1), '' ORDER BY k) INTO sizes
      FROM jsonb_array_elements(o->'renditions') WITH ORDINALITY AS v(r, k)
      JOIN task t ON t.job = j.id AND t.run = of_run AND t.kind = 'package'
       AND t.status = 'done' AND t.number = i * 1000000 + (k - 1) * 100000;

    RETURN concat(E'#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n'
                  '#EXT-X-START:TIME-OFFSET=0' || E'\n',
        CASE WHEN sound IS NOT NULL THEN format('#EXT-X-MEDIA:TYPE=AUDIO,'
            'GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,'
            'URI="%s-s.m3u8"' || E'\n', o->>'name') END,
        (SELECT string_agg(format('#EXT-X-MEDIA:TYPE=SUBTITLES,'
                    'GROUP-ID="captions",NAME="%s",LANGUAGE="%s",DEFAULT=NO,'
                    'AUTOSELECT=YES,URI="%s-c%s.m3u8"' || E'\n',
                    c->>'language', c->>'language', o->>'name', k - 1), ''
                    ORDER BY k)
           FROM jsonb_array_elements(o->'captions') WITH ORDINALITY x(c, k)))
        || sizes;
END $$;

-- One track's, as far as it is made without a gap.
CREATE OR REPLACE FUNCTION render.media_playlist(j render.job, of_run int,
    i int, nth int) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = render, pg_temp AS $$
DECLARE
    head    text;
    parts   text;
    ended   boolean := NOT lives(j.status) OR j.run > of_run;
BEGIN
    WITH made AS (
        SELECT number, output, input,
               regexp_replace(output->>'key', '^.*/', '') AS uri,
               bool_and(status = 'done') OVER (ORDER BY number) AS told
          FROM task
         WHERE job = j.id AND run = of_run AND kind = 'package'
           AND number BETWEEN i * 1000000 + nth * 100000
                          AND i * 1000000 + nth * 100000 + 99999),
    fragments AS (
        SELECT m.number, m.uri, f.k, f.f,
               (m.output->>'init')::bigint + coalesce(sum((f.f->>'bytes')
                   ::bigint) OVER (PARTITION BY m.number ORDER BY f.k ROWS
                   BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS at
          FROM made m, jsonb_array_elements(m.output->'fragments')
                       WITH ORDINALITY AS f(f, k)
         WHERE m.told)
    SELECT (SELECT format(E'#EXTM3U\n#EXT-X-VERSION:7\n'
                   '#EXT-X-TARGETDURATION:%s' || E'\n'
                   '#EXT-X-PLAYLIST-TYPE:EVENT' || E'\n'
                   '#EXT-X-INDEPENDENT-SEGMENTS' || E'\n'
                   '#EXT-X-START:TIME-OFFSET=0' || E'\n'
                   '#EXT-X-MAP:URI="%s",BYTERANGE="%s@0"' || E'\n',
                   target_of(j, of_run, m.input), m.uri, m.output->>'init')
              FROM made m WHERE m.told ORDER BY m.number LIMIT 1),
           (SELECT string_agg(format(E'#EXTINF:%s,\n#EXT-X-BYTERANGE:%s@%s\n'
                       '%s' || E'\n', to_char((f->>'duration')::numeric,
                       'FM99990.000000'), f->>'bytes', at, uri), ''
                       ORDER BY number, k) FROM fragments)
      INTO head, parts;

    RETURN head || parts || CASE WHEN ended THEN E'#EXT-X-ENDLIST\n'
                            ELSE '' END;
END $$;

-- A stream's captions, which its plan holds: a file, or its playlist.
CREATE OR REPLACE FUNCTION render.captions_of(o jsonb, rest text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN rest LIKE '%.vtt' THEN c->>'text' ELSE
           concat(E'#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:',
                  ceil((o->>'duration')::numeric), E'\n'
                  '#EXT-X-PLAYLIST-TYPE:VOD' || E'\n'
                  '#EXT-X-START:TIME-OFFSET=0' || E'\n' || '#EXTINF:',
                  to_char((o->>'duration')::numeric, 'FM99990.000000'), E',\n',
                  o->>'name', substring(rest FROM '^-c\d'), E'.vtt\n'
                  '#EXT-X-ENDLIST' || E'\n') END
      FROM (SELECT o->'captions'->(substring(rest FROM '^-c(\d)')::int)) x(c)
     WHERE c IS NOT NULL
$$;

-- The playlist of a signed link, which the caller has checked: "<expiry>.<mac>/"
-- and the place, "outputs/<job>/<run>-hls/<name>".
CREATE OR REPLACE FUNCTION render_api.playlist_get(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    step    text[] := string_to_array(params->>'link', '/');
    file    text := step[5];
    of_run  int := substring(step[4] FROM '^(\d{1,9})-hls$')::int;
    j       job;
    o       jsonb;
    i       int;
    rest    text;
    told    text;
BEGIN
    SELECT * INTO j FROM job WHERE id = to_uuid(step[3]);

    SELECT x.o, x.i::int - 1 INTO o, i
      FROM task t, jsonb_array_elements(t.output->'outputs')
                   WITH ORDINALITY AS x(o, i)
     WHERE t.job = j.id AND t.run = of_run AND t.kind = 'plan'
       AND x.o ? 'renditions'
       AND file IN (SELECT f->>'name'
                      FROM jsonb_array_elements(x.o->'files') f);

    rest := substring(file FROM char_length(o->>'name') + 1);

    told := CASE WHEN o IS NULL THEN NULL
                 WHEN rest = '.m3u8' THEN master_playlist(j, of_run, i, o)
                 WHEN rest ~ '^-c\d\.(m3u8|vtt)$' THEN captions_of(o, rest)
                 WHEN rest = '-s.m3u8' THEN media_playlist(j, of_run, i, 9)
                 ELSE media_playlist(j, of_run, i,
                          substring(rest FROM '^-v(\d)\.m3u8$')::int) END;

    IF told IS NULL THEN
        RETURN not_found('playlist', request);
    END IF;

    RETURN (200, told, NULL, NULL, NULL)::render_api.answer;
END $$;
