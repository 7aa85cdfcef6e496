-- Accounts.  Passwords are hashed and compared in nginx's thread pool; what
-- comes here is a hash, and what leaves is one only for login_hash.

SET LOCAL ROLE render_owner;

CREATE OR REPLACE FUNCTION render.account_json(a render.account) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', a.id, 'email', a.email, 'role', a.role,
        'plan', a.plan, 'credits', a.credits, 'verified', a.verified,
        'quota_bytes', a.quota_bytes, 'created_at',
        render.rfc3339(a.created_at))
$$;

-- request.password_hash is made by nginx; body is the request's JSON.
CREATE OR REPLACE FUNCTION render_api.auth_signup(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a      account;
    e      text := trim(body::jsonb->>'email');
    errors jsonb := '[]';
BEGIN
    IF e IS NULL OR e !~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$'
       OR length(e) > 254
    THEN
        errors := errors || jsonb_build_object('pointer', '/email',
                      'detail', 'must be an e-mail address');
        RETURN problem(422, 'The account cannot be created',
                       'the e-mail address cannot be used', request, errors);
    END IF;

    INSERT INTO account (email, password_hash)
    VALUES (e, request->>'password_hash')
    ON CONFLICT (lower(email)) DO NOTHING
    RETURNING * INTO a;

    IF NOT FOUND THEN
        RETURN problem(409, 'Account exists',
                       'there is an account with this e-mail address', request);
    END IF;

    RETURN ok(201, jsonb_build_object('account', account_json(a)));
END $$;

-- The `before` call of login: what the password is compared with.
CREATE OR REPLACE FUNCTION render_api.auth_login_hash(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a  account;
BEGIN
    SELECT * INTO a FROM account
     WHERE lower(email) = lower(trim(body::jsonb->>'email')) AND active;

    RETURN ok(200, jsonb_build_object('hash', a.password_hash,
                                      'account', account_json(a)));
END $$;

CREATE OR REPLACE FUNCTION render_api.users_me(who jsonb, params jsonb,
    body text, request jsonb) RETURNS render_api.answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = render, pg_temp AS $$
DECLARE
    a  account;
BEGIN
    SELECT * INTO a FROM account WHERE id = me(who) AND active;

    IF NOT FOUND THEN
        RETURN problem(401, 'Unauthorized', 'the account is gone', request);
    END IF;

    RETURN ok(200, account_json(a) || jsonb_build_object('used_bytes',
        (SELECT coalesce(sum(bytes), 0) FROM asset WHERE owner = a.id)));
END $$;
