-- Roles, schemas and tables.  A migration is never edited once it has been
-- applied anywhere: render migrate refuses a changed checksum.  Functions stand
-- in sql/functions and may change freely, except for their signatures.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'render_owner') THEN
        CREATE ROLE render_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'render_web') THEN
        CREATE ROLE render_web NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'render_worker') THEN
        CREATE ROLE render_worker NOLOGIN;
    END IF;
    EXECUTE format('GRANT render_owner TO %I', current_user);
    EXECUTE format('GRANT CREATE ON DATABASE %I TO render_owner',
                   current_database());
END $$;

ALTER SCHEMA render OWNER TO render_owner;
ALTER TABLE render.migration OWNER TO render_owner;

SET LOCAL ROLE render_owner;

CREATE SCHEMA render_api;       -- what nginx may call
CREATE SCHEMA render_work;      -- what workers may call

GRANT USAGE ON SCHEMA render_api TO render_web;
GRANT USAGE ON SCHEMA render_work TO render_worker;

ALTER DEFAULT PRIVILEGES IN SCHEMA render_api
    GRANT EXECUTE ON FUNCTIONS TO render_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA render_work
    GRANT EXECUTE ON FUNCTIONS TO render_worker;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The answer of every function in render_api; frozen.
CREATE TYPE render_api.answer AS (
    status    int,
    body      text,
    headers   json,
    effects   json,
    redirect  text
);

CREATE TYPE render.visibility AS ENUM ('private', 'link', 'public');
CREATE TYPE render.job_status AS ENUM
    ('pending', 'queued', 'processing', 'completed', 'failed', 'cancelled');
CREATE TYPE render.task_status AS ENUM
    ('blocked', 'ready', 'leased', 'done', 'failed', 'cancelled');
CREATE TYPE render.task_class AS ENUM ('image2json', 'json2video', 'publish');
CREATE TYPE render.priority AS ENUM ('high', 'default', 'low');


-- Accounts

CREATE TABLE render.account (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email          text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    password_hash  text,                    -- bcrypt; null: another sign-in
    google_subject text UNIQUE,
    role           text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    plan           text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'pro')),
    quota_bytes    bigint NOT NULL DEFAULT 20 * 1024::bigint ^ 3,
    max_running    int NOT NULL DEFAULT 64, -- tasks at one time
    credits        bigint NOT NULL DEFAULT 0 CHECK (credits >= 0),
    verified       boolean NOT NULL DEFAULT false,
    active         boolean NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX account_email ON render.account (lower(email));

CREATE TABLE render.refresh_token (
    hash         text PRIMARY KEY,
    account      uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    family       uuid NOT NULL,
    expires_at   timestamptz NOT NULL,
    replaced_by  text,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_token_account ON render.refresh_token (account);
CREATE INDEX refresh_token_family ON render.refresh_token (family);

CREATE TABLE render.api_key (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account     uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    name        text NOT NULL DEFAULT '',
    scopes      text[] NOT NULL DEFAULT '{}',
    last_used   timestamptz,
    revoked_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_key_account ON render.api_key (account);

CREATE TABLE render.idempotency (
    account      uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    key          text NOT NULL CHECK (length(key) <= 200),
    body_sha256  text NOT NULL,
    status       int,
    body         text,
    headers      json,
    expires_at   timestamptz NOT NULL DEFAULT now() + interval '1 day',
    PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_expires ON render.idempotency (expires_at);


-- What is rendered

CREATE TABLE render.asset (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner         uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    visibility    render.visibility NOT NULL DEFAULT 'private',
    share_token   text,
    title         text NOT NULL DEFAULT '',
    description   text NOT NULL DEFAULT '',
    filename      text NOT NULL DEFAULT '',
    status        text NOT NULL DEFAULT 'uploading' CHECK
                  (status IN ('uploading', 'probing', 'ready', 'failed')),
    error         text,
    origin        text NOT NULL DEFAULT 'upload' CHECK
                  (origin IN ('upload', 'render', 'fetch', 'generated')),
    origin_url    text,
    origin_etag   text,
    kind          text CHECK (kind IN ('video', 'audio', 'image', 'svg',
                                       'document', 'font', 'archive')),
    storage_key   text NOT NULL,
    bytes         bigint,
    sha256        text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    content_type  text,
    probe         jsonb,
    blurhash      text,
    expires_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX asset_owner ON render.asset (owner, created_at DESC, id DESC);
CREATE INDEX asset_digest ON render.asset (owner, sha256);
CREATE INDEX asset_uploading ON render.asset (created_at)
    WHERE status = 'uploading';

CREATE TABLE render.composition (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner         uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    visibility    render.visibility NOT NULL DEFAULT 'private',
    share_token   text,
    title         text NOT NULL DEFAULT '',
    config        jsonb NOT NULL,
    config_text   text NOT NULL,            -- as it was sent
    revision      int NOT NULL DEFAULT 1,
    output_asset  uuid REFERENCES render.asset ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    completed_at  timestamptz
);
CREATE INDEX composition_owner
    ON render.composition (owner, created_at DESC, id DESC);
CREATE INDEX composition_output ON render.composition (output_asset);

CREATE TABLE render.lesson (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner       uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    visibility  render.visibility NOT NULL DEFAULT 'private',
    share_token text,
    title       text NOT NULL DEFAULT '',
    script      jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX lesson_owner ON render.lesson (owner, created_at DESC, id DESC);

CREATE TABLE render.lesson_video (
    lesson  uuid NOT NULL REFERENCES render.lesson ON DELETE CASCADE,
    asset   uuid NOT NULL REFERENCES render.asset ON DELETE CASCADE,
    PRIMARY KEY (lesson, asset)
);
CREATE INDEX lesson_video_asset ON render.lesson_video (asset);


-- Work

CREATE TABLE render.job (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner         uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    kind          text NOT NULL,            -- composition, probe, ...
    subject       uuid,                     -- composition, asset, lesson
    revision      int NOT NULL DEFAULT 1,   -- of the subject
    spec          jsonb NOT NULL DEFAULT '{}',
    status        render.job_status NOT NULL DEFAULT 'queued',
    run           int NOT NULL DEFAULT 1,
    priority      render.priority NOT NULL DEFAULT 'default',
    engine        int,                      -- fixed when planned
    weight_done   float8 NOT NULL DEFAULT 0,
    weight_total  float8 NOT NULL DEFAULT 0,
    results       jsonb NOT NULL DEFAULT '{}',
    error         jsonb,
    webhook_url   text,
    traceparent   text,
    request_id    text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    ended_at      timestamptz
);
CREATE INDEX job_owner ON render.job (owner, created_at DESC, id DESC);
CREATE INDEX job_subject ON render.job (subject, created_at DESC);
CREATE INDEX job_live ON render.job (status)
    WHERE status IN ('pending', 'queued', 'processing');

CREATE TABLE render.worker (
    id           uuid PRIMARY KEY,
    host         text NOT NULL,
    engine       int NOT NULL,
    classes      render.task_class[] NOT NULL,
    slots        int NOT NULL,
    version      text NOT NULL,
    alive_until  timestamptz NOT NULL,
    draining     boolean NOT NULL DEFAULT false,
    started_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX worker_alive ON render.worker (alive_until);

CREATE TABLE render.task (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job          uuid NOT NULL REFERENCES render.job ON DELETE CASCADE,
    account      uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    run          int NOT NULL,
    kind         text NOT NULL,             -- the stage
    number       int NOT NULL DEFAULT 0,
    class        render.task_class NOT NULL,
    priority     render.priority NOT NULL,
    status       render.task_status NOT NULL,
    waiting_on   int NOT NULL DEFAULT 0,
    attempt      int NOT NULL DEFAULT 0,    -- counted by claim
    max_attempts int NOT NULL DEFAULT 3,
    worker       uuid,
    fence        bigint NOT NULL DEFAULT 0, -- grows with each claim
    engine       int,                       -- null: any
    input        jsonb NOT NULL DEFAULT '{}',
    output       jsonb,
    error        jsonb,
    not_before   timestamptz NOT NULL DEFAULT now(),
    weight       float8 NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    ended_at     timestamptz
);
CREATE INDEX task_job ON render.task (job, run);
CREATE INDEX task_account ON render.task (account);
CREATE INDEX task_ready ON render.task (class, priority, created_at)
    WHERE status = 'ready';
CREATE INDEX task_leased ON render.task (worker) WHERE status = 'leased';
CREATE INDEX task_running ON render.task (account) WHERE status = 'leased';

CREATE TABLE render.task_edge (
    task     uuid NOT NULL REFERENCES render.task ON DELETE CASCADE,
    waiting  uuid NOT NULL REFERENCES render.task ON DELETE CASCADE,
    PRIMARY KEY (task, waiting)
);
CREATE INDEX task_edge_waiting ON render.task_edge (waiting);

CREATE TABLE render.segment (
    scope        uuid NOT NULL,             -- the account, or all zeros
    key          text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'),
    storage_key  text NOT NULL,
    bytes        bigint NOT NULL,
    frames       bigint NOT NULL,           -- packets, of sound
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX segment_last_used ON render.segment (last_used);

-- scope is null until the segment exists; from then on it may not be deleted.
CREATE TABLE render.job_segment (
    job     uuid NOT NULL REFERENCES render.job ON DELETE CASCADE,
    run     int NOT NULL,
    output  text NOT NULL,
    track   text NOT NULL CHECK (track IN ('video', 'sound')),
    number  int NOT NULL,
    key     text NOT NULL,
    scope   uuid,
    mode    text NOT NULL CHECK (mode IN ('reuse', 'copy', 'still', 'render')),
    reason  text NOT NULL,
    frames  bigint NOT NULL,
    cost    float8 NOT NULL,
    spec    jsonb NOT NULL,
    PRIMARY KEY (job, run, output, track, number),
    FOREIGN KEY (scope, key) REFERENCES render.segment ON DELETE RESTRICT
);
CREATE INDEX job_segment_segment ON render.job_segment (scope, key);

CREATE TABLE render.credit_transaction (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account          uuid NOT NULL REFERENCES render.account ON DELETE CASCADE,
    amount           bigint NOT NULL,
    reason           text NOT NULL,
    job              uuid REFERENCES render.job ON DELETE SET NULL,
    idempotency_key  text NOT NULL UNIQUE,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX credit_transaction_account
    ON render.credit_transaction (account, created_at DESC, id DESC);
CREATE INDEX credit_transaction_job ON render.credit_transaction (job);

CREATE TABLE render.publication (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job              uuid NOT NULL REFERENCES render.job ON DELETE CASCADE,
    part             int NOT NULL DEFAULT 0,
    platform         text NOT NULL,
    account          text NOT NULL,         -- at the platform
    caption          text NOT NULL DEFAULT '',
    scheduled_at     timestamptz,
    status           text NOT NULL DEFAULT 'scheduled',
    attempts         int NOT NULL DEFAULT 0,
    provider_session text,
    remote_id        text,
    remote_state     jsonb,
    UNIQUE (job, part, platform, account)
);
CREATE INDEX publication_scheduled ON render.publication (status, scheduled_at);

CREATE TABLE render.webhook_delivery (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job        uuid NOT NULL REFERENCES render.job ON DELETE CASCADE,
    event_id   text NOT NULL,
    url        text NOT NULL,
    attempt    int NOT NULL DEFAULT 0,
    status     text NOT NULL DEFAULT 'pending',
    next_try   timestamptz NOT NULL DEFAULT now(),
    code       int,
    UNIQUE (event_id, url)
);
CREATE INDEX webhook_delivery_job ON render.webhook_delivery (job);
CREATE INDEX webhook_delivery_next ON render.webhook_delivery (next_try)
    WHERE status = 'pending';
