-- Idempotency keys: the same key and body give the same answer.  The row is
-- inserted in the transaction of the work itself, so that either both are there
-- or neither; a second request waits on the first one's row.

SET LOCAL ROLE render_owner;

-- Null status: go on with the work, and call idempotency_put at its end.
CREATE OR REPLACE FUNCTION render.idempotency_get(who jsonb, request jsonb)
RETURNS render_api.answer
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
DECLARE
    k    text := request->>'idempotency_key';
    seen idempotency;
BEGIN
    IF k IS NULL THEN
        RETURN NULL;
    END IF;

    IF length(k) > 200 THEN
        RETURN problem(422, 'Bad Idempotency-Key',
                       'Idempotency-Key may hold at most 200 characters',
                       request);
    END IF;

    DELETE FROM idempotency
     WHERE account = me(who) AND key = k AND expires_at < now();

    BEGIN
        INSERT INTO idempotency (account, key, body_sha256)
        VALUES (me(who), k, request->>'body_sha256')
        ON CONFLICT DO NOTHING;
    EXCEPTION WHEN lock_not_available THEN
        RETURN problem(409, 'Request in progress',
                       'a request with this Idempotency-Key is being worked on',
                       request, NULL, '{"Retry-After": "1"}');
    END;

    IF FOUND THEN
        RETURN NULL;
    END IF;

    SELECT * INTO seen FROM idempotency
     WHERE account = me(who) AND key = k;

    IF seen.body_sha256 IS DISTINCT FROM request->>'body_sha256' THEN
        RETURN problem(422, 'Idempotency-Key used before',
                       'the same Idempotency-Key came with another request',
                       request);
    END IF;

    IF seen.status IS NULL THEN
        RETURN problem(409, 'Request in progress',
                       'a request with this Idempotency-Key is being worked on',
                       request);
    END IF;

    RETURN (seen.status, seen.body, seen.headers, NULL, NULL)
           ::render_api.answer;
END $$;

-- Remembers the answer under the key and returns it.
CREATE OR REPLACE FUNCTION render.idempotency_put(who jsonb, request jsonb,
    a render_api.answer)
RETURNS render_api.answer
LANGUAGE plpgsql SET search_path = render, pg_temp AS $$
BEGIN
    IF request->>'idempotency_key' IS NULL THEN
        RETURN a;
    END IF;

    IF a.status < 300 THEN
        UPDATE idempotency SET status = a.status, body = a.body,
               headers = a.headers
         WHERE account = me(who) AND key = request->>'idempotency_key';
    ELSE                                    -- a refusal may be mended
        DELETE FROM idempotency
         WHERE account = me(who) AND key = request->>'idempotency_key';
    END IF;

    RETURN a;
END $$;
