/*
 * What the files of the module share.  One process of nginx owns one
 * ngx_http_render_process_t; everything in it runs on the event loop, except
 * where a comment says that a function runs in a thread.
 */

#ifndef NGX_HTTP_RENDER_H
#define NGX_HTTP_RENDER_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <jansson.h>

#include "rn_link.h"
#include "rn_spool.h"
#include "rn_store.h"


/* an nginx without threads has none of these, and is told so at its start */

#pragma weak ngx_thread_pool_module
#pragma weak ngx_thread_pool_get
#pragma weak ngx_thread_pool_add
#pragma weak ngx_thread_task_post

/* and one without TLS has no connection for which this is called */

#pragma weak ngx_ssl_free_buffer


#define NGX_HTTP_RENDER_MAX_PARAMS   16
#define NGX_HTTP_RENDER_STREAM_TTL   (6 * 3600)         /* s, see redirects */
#define NGX_HTTP_RENDER_BODY_MAX     (4 * 1024 * 1024)
#define NGX_HTTP_RENDER_BODY_SMALL   65536      /* of what holds no document:
                                                   it is parsed on the loop */
#define NGX_HTTP_RENDER_COOKIE       "render_token"
#define NGX_HTTP_RENDER_PARSE_INLINE 65536      /* above: in a thread */


/* Resources, the words of render_api. */

#define NGX_HTTP_RENDER_AUTH          0x0001
#define NGX_HTTP_RENDER_USERS         0x0002
#define NGX_HTTP_RENDER_ASSETS        0x0004
#define NGX_HTTP_RENDER_COMPOSITIONS  0x0008
#define NGX_HTTP_RENDER_JOBS          0x0010
#define NGX_HTTP_RENDER_RESULTS       0x0020
#define NGX_HTTP_RENDER_PROGRESS      0x0040
#define NGX_HTTP_RENDER_HEALTH        0x0080
#define NGX_HTTP_RENDER_METRICS       0x0100
#define NGX_HTTP_RENDER_ALL           0x7eff      /* without metrics */


typedef enum {
    ngx_http_render_lane_read = 0,
    ngx_http_render_lane_write,
    ngx_http_render_lane_slow,
    ngx_http_render_lanes
} ngx_http_render_lane_e;

typedef enum {
    ngx_http_render_anyone = 0,
    ngx_http_render_user,
    ngx_http_render_admin,
    ngx_http_render_reader              /* signed in or not: SQL says who */
} ngx_http_render_who_e;

typedef enum {
    ngx_http_render_body_none = 0,
    ngx_http_render_body_json,          /* an object, handed on as text */
    ngx_http_render_body_maybe,         /* the same, or nothing */
    ngx_http_render_body_login,         /* the same, or a form */
    ngx_http_render_body_document,      /* a composition, parsed first */
    ngx_http_render_body_within,        /* an object that may hold one */
    ngx_http_render_body_own            /* the handler reads it */
} ngx_http_render_body_e;

typedef struct ngx_http_render_ctx_s    ngx_http_render_ctx_t;
typedef struct ngx_http_render_query_s  ngx_http_render_query_t;
typedef struct ngx_http_render_pg_s     ngx_http_render_pg_t;
typedef struct ngx_http_render_redis_s  ngx_http_render_redis_t;
typedef struct ngx_http_render_relay_s  ngx_http_render_relay_t;
typedef struct ngx_http_render_s3_s     ngx_http_render_s3_t;
typedef struct ngx_http_render_s3_conf_s  ngx_http_render_s3_conf_t;

/* Takes a request over after auth and body; it ends with a finalize. */
typedef void (*ngx_http_render_handler_pt)(ngx_http_request_t *r);

typedef struct {
    ngx_uint_t                  method;
    ngx_str_t                   pattern;        /* "/jobs/{id}" */
    ngx_uint_t                  resource;
    ngx_http_render_who_e       who;
    ngx_http_render_body_e      body;
    ngx_int_t                   statement;      /* -1: the handler knows */
    ngx_http_render_handler_pt  handler;        /* NULL: call, answer */
} ngx_http_render_route_t;


/* The configuration of the process. */

typedef struct {
    ngx_array_t                *pg_keywords;    /* of const char *; the hosts */
    ngx_array_t                *pg_values;      /* are not among them */
    ngx_array_t                *pg_hosts;       /* of ngx_http_render_host_t */
    ngx_uint_t                  pg_connections;
    ngx_array_t                *redis_hosts;    /* one */
    in_port_t                   redis_port;
    ngx_uint_t                  redis_db;
    ngx_str_t                   redis_password;
    ngx_str_t                   storage;        /* the URL */
    ngx_str_t                   storage_path;   /* or of what is on its way */
    ngx_str_t                   spool;          /* path of the folder */
    ngx_str_t                   spool_path;     /* render_spool */
    ngx_http_render_s3_conf_t  *s3;             /* NULL: it is a directory */
    ngx_str_t                   jwt_key;
    time_t                      jwt_ttl;
    ngx_array_t                *link_keys;      /* of ngx_str_t; signs: first */
    time_t                      link_ttl;
    off_t                       upload_max;     /* bytes of a file; 0: any */
    time_t                      upload_expire;
    ngx_uint_t                  bcrypt_cost;
    ngx_thread_pool_t          *auth_pool;
    ngx_thread_pool_t          *files_pool;
    ngx_shm_zone_t             *metrics;
    ngx_uint_t                  used;           /* a location has render_api */
} ngx_http_render_main_conf_t;

typedef struct {
    ngx_uint_t                  api;            /* resources */
    ngx_uint_t                  auth;           /* ngx_http_render_who_e */
    ngx_str_t                   prefix;
    ngx_array_t                *origins;        /* of ngx_str_t; empty: off */
} ngx_http_render_loc_conf_t;


/* Who is calling; verified once a main request. */

typedef struct {
    unsigned                    checked:1;
    unsigned                    valid:1;
    unsigned                    given:1;        /* a token, good or bad */
    unsigned                    by_cookie:1;
    const char                 *why;            /* not valid: a sentence */
    time_t                      expires;        /* what is held open ends */
    ngx_str_t                   account;
    ngx_str_t                   role;
} ngx_http_render_identity_t;

typedef struct {
    ngx_str_t                   name, value;
} ngx_http_render_param_t;

struct ngx_http_render_ctx_s {
    const ngx_http_render_route_t  *route;
    ngx_http_render_identity_t     *identity;
    ngx_str_t                       id;         /* of the request */
    ngx_http_render_param_t         params[NGX_HTTP_RENDER_MAX_PARAMS];
    ngx_uint_t                      nparams;
    ngx_str_t                       body;
    ngx_http_render_body_e          body_kind;
    off_t                           body_max;   /* 0: not to be counted here */
    off_t                           body_seen;
    json_t                         *json;       /* the body, parsed */
    json_t                         *extra;      /* into the request argument */
    char                            digest[65]; /* of an upload, as hex */
    ngx_http_render_query_t        *query;      /* in flight, or NULL */
    ngx_http_cleanup_t             *cleanup;
    void                           *state;      /* the handler's own */
};


/* The answer of a SQL function; the strings live until the callback returns */

typedef struct {
    ngx_int_t                   failed;         /* an HTTP status: no answer */
    const char                 *why;
    ngx_uint_t                  status;
    ngx_str_t                   body, headers, effects, redirect;
} ngx_http_render_answer_t;

typedef void (*ngx_http_render_query_pt)(void *data,
    ngx_http_render_answer_t *a);

/*
 * A query in flight: heap memory, owned by the pool from start to callback.
 * `data` may be set to NULL at any time: then the callback is not called.
 */
struct ngx_http_render_query_s {
    ngx_queue_t                 queue;
    ngx_http_render_query_pt    callback;
    void                       *data;
    ngx_int_t                   statement;
    char                       *args[4];        /* malloc'd, or NULL */
    ngx_event_t                 deadline;
    unsigned                    retried:1;
    unsigned                    waiting:1;      /* in the lane, not sent */
    unsigned                    prepares:1;     /* its statement came with it */
    unsigned                    within:1;       /* args are its own memory */
    uint64_t                    began;          /* ngx_http_render_clock() */
    void                       *conn;
    ngx_http_render_lane_e      lane;
    ngx_http_render_answer_t    answer;
    void                       *result;         /* PGresult */
};


typedef struct {
    ngx_http_render_main_conf_t  *conf;
    ngx_http_render_pg_t         *pg;
    ngx_http_render_redis_t      *redis;
    ngx_http_render_relay_t      *relay;
    rn_store                      store;
    rn_spool                      spool;
    ngx_http_render_s3_t         *s3;           /* NULL: it is a directory */
    ngx_event_t                   sweep;
    ngx_connection_t             *quit_hook;
} ngx_http_render_process_t;


extern ngx_module_t                ngx_http_render_module;
extern ngx_http_render_process_t  *ngx_http_render_process;


/*
 * The SQL functions of render_api: our id, the name, the lane each is called
 * in.  The ids become ngx_http_render_sql_<id>.
 */
#define NGX_HTTP_RENDER_SQL(X)                                                \
    X(signup,                "auth_signup",            write)                 \
    X(login_hash,            "auth_login_hash",        read)                  \
    X(users_me,              "users_me",               read)                  \
    X(assets_begin,          "assets_begin",           write)                 \
    X(assets_abandon,        "assets_abandon",         write)                 \
    X(assets_create,         "assets_create",          write)                 \
    X(uploads_begin,         "uploads_begin",          write)                 \
    X(uploads_finish,        "uploads_finish",         write)                 \
    X(assets_get,            "assets_get",             read)                  \
    X(assets_list,           "assets_list",            slow)                  \
    X(assets_patch,          "assets_patch",           write)                 \
    X(assets_delete,         "assets_delete",          write)                 \
    X(assets_stream,         "assets_stream",          read)                  \
    X(playlist_get,          "playlist_get",           read)                  \
    X(compositions_create,   "compositions_create",    write)                 \
    X(compositions_validate, "compositions_validate",  write)                 \
    X(compositions_validated, "compositions_validated", write)                \
    X(compositions_get,      "compositions_get",       read)                  \
    X(compositions_list,     "compositions_list",      slow)                  \
    X(compositions_patch,    "compositions_patch",     write)                 \
    X(compositions_delete,   "compositions_delete",    write)                 \
    X(compositions_render,   "compositions_render",    write)                 \
    X(compositions_download, "compositions_download",  read)                  \
    X(jobs_create,           "jobs_create",            write)                 \
    X(jobs_upload,           "jobs_upload",            write)                 \
    X(jobs_get,              "jobs_get",               read)                  \
    X(jobs_list,             "jobs_list",              slow)                  \
    X(jobs_cancel,           "jobs_cancel",            write)                 \
    X(jobs_retry,            "jobs_retry",             write)                 \
    X(jobs_delete,           "jobs_delete",            write)                 \
    X(jobs_snapshot,         "jobs_snapshot",          read)                  \
    X(results_get,           "results_get",            read)                  \
    X(metrics,               "metrics",                read)                  \
    X(health,                "health",                 read)

#define NGX_HTTP_RENDER_ID(id, name, lane)  ngx_http_render_sql_##id,

enum {
    NGX_HTTP_RENDER_SQL(NGX_HTTP_RENDER_ID)
    ngx_http_render_nsql
};


/* ngx_http_render_backends.c: setters of directives */

char *ngx_http_render_postgres(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_render_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_render_storage(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_render_spool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_render_storage_init(ngx_conf_t *cf,
    ngx_http_render_main_conf_t *mcf);
char *ngx_http_render_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_render_link_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* ngx_http_render_routes.c */

extern const char *const  ngx_http_render_statements[];
extern const ngx_http_render_lane_e  ngx_http_render_statement_lanes[];
extern const ngx_uint_t  ngx_http_render_nstatements;

const ngx_http_render_route_t *ngx_http_render_find_route(
    ngx_http_request_t *r, ngx_http_render_ctx_t *ctx, ngx_uint_t api,
    ngx_str_t *path, ngx_uint_t *allowed);
/* All rows; counters are kept by their place. */
const ngx_http_render_route_t *ngx_http_render_route_table(ngx_uint_t *n);
ngx_str_t ngx_http_render_allow(u_char *buf, ngx_uint_t allowed);


/* ngx_http_render_route.c */

ngx_int_t ngx_http_render_api_handler(ngx_http_request_t *r);
void ngx_http_render_add_param(ngx_http_render_ctx_t *ctx, u_char *name,
    size_t name_len, u_char *value, size_t value_len);
/* Ours, in the place of what the query string has under this name. */
void ngx_http_render_set_param(ngx_http_request_t *r, const char *name,
    ngx_str_t value);
ngx_uint_t ngx_http_render_is_type(ngx_http_request_t *r, const char *type);

/* For handlers that choose how the body is read; goes on with proceed(). */
void ngx_http_render_read_body(ngx_http_request_t *r,
    ngx_http_render_body_e kind);
void ngx_http_render_proceed(ngx_http_request_t *r);

/* The value of a request header, or NULL; nginx ends values with a NUL. */
ngx_str_t *ngx_http_render_find_header(ngx_http_request_t *r,
    const char *name);

/* A parameter of the path or the query string, or an empty string. */
ngx_str_t ngx_http_render_param(ngx_http_request_t *r, const char *name);

/*
 * Notices a client that leaves while something is waited for: its cleanups let
 * go of that.  NGX_ERROR: it cannot.
 */
ngx_int_t ngx_http_render_watch_client(ngx_http_request_t *r);

/*
 * Calls a SQL function for the request; the answer goes to `done`, which may
 * assume that the request is alive.  On failure the request is answered.
 */
typedef void (*ngx_http_render_done_pt)(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
void ngx_http_render_call(ngx_http_request_t *r, ngx_int_t statement,
    ngx_http_render_done_pt done);

/* The strings of the answer live as long as the request from now on. */
ngx_int_t ngx_http_render_keep(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);

/* Adds a member to the request argument of the calls that follow. */
void ngx_http_render_add(ngx_http_request_t *r, const char *name,
    json_t *value);


/*
 * ngx_http_render_answer.c; both send and finalize.  What is sent is not
 * copied: it must live as long as the request, as names of headers must.
 */

void ngx_http_render_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *title, const char *detail, json_t *errors);
void ngx_http_render_answer(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
void ngx_http_render_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body);
void ngx_http_render_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);
void ngx_http_render_no_content(ngx_http_request_t *r);
ngx_int_t ngx_http_render_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);
ngx_str_t ngx_http_render_dup(ngx_pool_t *pool, const char *s, size_t len);

/* After a callback from outside of the request's own events. */
#define ngx_http_render_wake(c)  ngx_http_run_posted_requests(c)


/* ngx_http_render_auth.c */

ngx_http_render_identity_t *ngx_http_render_identify(ngx_http_request_t *r);
ngx_int_t ngx_http_render_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_render_add_variables(ngx_conf_t *cf);
/*
 * A token for the account that is valid for ttl seconds: an access token, or
 * with `use` one for that alone, and what it opens may stay open `until` then.
 * malloc'd, NULL on failure.
 */
char *ngx_http_render_issue(const char *account, const char *role, time_t ttl,
    const char *use, time_t until);
/*
 * Whether no other module waits for the end of the request, as limit_conn does:
 * then it may be let go before its connection is.
 */
ngx_uint_t ngx_http_render_only_ours(ngx_http_request_t *r);
void ngx_http_render_take_ticket(ngx_http_request_t *r,
    ngx_http_render_identity_t *id, ngx_str_t *ticket);
ngx_int_t ngx_http_render_unauthorized(ngx_http_request_t *r);
ngx_int_t ngx_http_render_challenge(ngx_http_request_t *r,
    ngx_uint_t had_token);


/* ngx_http_render_known.c */

/* Whether the token was verified before, and is valid; then who it is of. */
ngx_uint_t ngx_http_render_known(ngx_http_request_t *r, ngx_str_t *token,
    ngx_http_render_identity_t *id);
/* It was verified just now, and is valid from <= time < until. */
void ngx_http_render_know(ngx_str_t *token, ngx_http_render_identity_t *id,
    time_t from, time_t until);


/* ngx_http_render_password.c */

void ngx_http_render_signup(ngx_http_request_t *r);
void ngx_http_render_login(ngx_http_request_t *r);


/* ngx_http_render_session.c */

/* {"access_token", "token_type", "expires_in", "account"}, and the cookie */
void ngx_http_render_tokens(ngx_http_request_t *r, ngx_uint_t status,
    json_t *account);
void ngx_http_render_logout(ngx_http_request_t *r);
void ngx_http_render_ticket(ngx_http_request_t *r);


/* ngx_http_render_cors.c */

/*
 * Whether the Origin is this host, or one of render_cors_origin; `absent`: what
 * is answered when there is none.
 */
ngx_uint_t ngx_http_render_origin_ok(ngx_http_request_t *r, ngx_uint_t absent);
ngx_int_t ngx_http_render_preflight_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_render_cors_init(ngx_conf_t *cf);
char *ngx_http_render_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* ngx_http_render_limit.c: drops of a body what goes beyond its body_max */

void ngx_http_render_limit_init(void);


/* ngx_http_render_task.c: work in a thread that outlives its request */

typedef struct ngx_http_render_task_s  ngx_http_render_task_t;
typedef void (*ngx_http_render_run_pt)(void *data);
typedef void (*ngx_http_render_ran_pt)(ngx_http_request_t *r, void *data);

/*
 * Runs run(data) in a thread of the pool, then ran(r, data) on the event loop;
 * r is NULL there when the request is gone.  `data` is never the request's
 * memory; ran frees it.  NGX_ERROR: the queue is full, nothing was taken.
 */
ngx_int_t ngx_http_render_thread(ngx_http_request_t *r,
    ngx_thread_pool_t *pool, ngx_http_render_run_pt run,
    ngx_http_render_ran_pt ran, void *data);


/* ngx_http_render_document.c */

void ngx_http_render_document(ngx_http_request_t *r,
    ngx_http_render_handler_pt next);
void ngx_http_render_document_within(ngx_http_request_t *r);


/* ngx_http_render_upload.c, _result.c, _health.c, _wait.c, _ws.c, _sse.c */

void ngx_http_render_upload(ngx_http_request_t *r);
void ngx_http_render_jobs(ngx_http_request_t *r);
void ngx_http_render_tus_options(ngx_http_request_t *r);
void ngx_http_render_tus_create(ngx_http_request_t *r);
void ngx_http_render_tus_get(ngx_http_request_t *r);
void ngx_http_render_tus_patch(ngx_http_request_t *r);
void ngx_http_render_tus_delete(ngx_http_request_t *r);
void ngx_http_render_tus_post(ngx_http_request_t *r);
void ngx_http_render_result(ngx_http_request_t *r);
void ngx_http_render_stream(ngx_http_request_t *r);
void ngx_http_render_job(ngx_http_request_t *r);
void ngx_http_render_validate(ngx_http_request_t *r);
void ngx_http_render_health(ngx_http_request_t *r);
void ngx_http_render_ready(ngx_http_request_t *r);
void ngx_http_render_ws(ngx_http_request_t *r);
void ngx_http_render_sse(ngx_http_request_t *r);


/* ngx_http_render_pg.c, _pg_conn.c, _pg_result.c */

ngx_http_render_pg_t *ngx_http_render_pg_create(
    ngx_http_render_main_conf_t *conf);
void ngx_http_render_pg_destroy(ngx_http_render_pg_t *pg);
/* Idle connections go; those with queries end when these are answered. */
void ngx_http_render_pg_quit(ngx_http_render_pg_t *pg);
/* Takes q; its callback comes later, never from within this call. */
void ngx_http_render_pg_send(ngx_http_render_query_t *q);
ngx_http_render_query_t *ngx_http_render_query(ngx_int_t statement,
    ngx_http_render_query_pt callback, void *data);
/* The same, with room for its arguments at *room: all goes at once. */
ngx_http_render_query_t *ngx_http_render_query_with(ngx_int_t statement,
    ngx_http_render_query_pt callback, void *data, size_t size, char **room);
/* It answers, but nothing can be written at present. */
ngx_uint_t ngx_http_render_pg_readonly(void);


/* ngx_http_render_redis.c, _redis_link.c, _redis_effects.c */

typedef void (*ngx_http_render_reply_pt)(void *data, void *reply);

ngx_http_render_redis_t *ngx_http_render_redis_create(
    ngx_http_render_main_conf_t *conf);
void ngx_http_render_redis_destroy(ngx_http_render_redis_t *redis);
ngx_uint_t ngx_http_render_redis_up(void);
/* Bells and events of an answer; best effort. */
void ngx_http_render_effects(ngx_str_t *effects);
/*
 * Sends a command; the callback gets the redisReply or NULL, exactly once, also
 * when Redis is away.  Its data may be cancelled by the returned handle.
 */
void *ngx_http_render_redis_command(ngx_http_render_reply_pt callback,
    void *data, int argc, const char **argv);
void ngx_http_render_redis_cancel(void *handle);
void ngx_http_render_redis_subscribe(ngx_str_t *channel);
void ngx_http_render_redis_unsubscribe(ngx_str_t *channel);


/* ngx_http_render_event.c: one text, shared by all who are sent it */

typedef struct {
    ngx_queue_t                 queue;      /* the relay's, until handed on */
    ngx_uint_t                  refs;
    ngx_str_t                   doc;        /* JSON */
    ngx_str_t                   frame;      /* the same with a frame's head */
    uint64_t                    ms, seq;    /* its id; 0: it has none */
    ngx_int_t                   run;
    ngx_int_t                   percent;    /* times ten; -1: it has none */
    unsigned                    final:1;    /* of its run */
    unsigned                    progress:1; /* the next one tells as much */
    unsigned                    snapshot:1;
} ngx_http_render_event_t;

/*
 * Of an object's text, with the member "id" before its others where there is
 * one to give; one reference, the caller's.  NULL: no memory, or no object.
 */
ngx_http_render_event_t *ngx_http_render_event_create(const u_char *id,
    size_t id_len, const u_char *text, size_t len);
/* A control frame of WebSocket, of at most 125 bytes. */
ngx_http_render_event_t *ngx_http_render_event_control(unsigned char opcode,
    const u_char *text, size_t len);
/* Gives a reference up; e may be NULL. */
void ngx_http_render_event_drop(ngx_http_render_event_t *e);
ngx_str_t ngx_http_render_event_type(ngx_http_render_event_t *e);


/* ngx_http_render_relay.c, _replay.c, _look.c: who listens to which job */

typedef struct ngx_http_render_listener_s  ngx_http_render_listener_t;

struct ngx_http_render_listener_s {
    ngx_queue_t                 queue;
    void                       *node;       /* NULL: joined to nothing */
    uint64_t                    last_ms, last_seq;  /* id of the last event */
    ngx_int_t                   run;        /* as SQL told it */
    uint64_t                    since;      /* ms: an account's last look */
    uint32_t                    told;       /* and what it said, hashed */
    ngx_http_render_event_t    *snapshot;   /* for who resumes, in case that
                                               there is no more */
    void                       *fetch;      /* Redis is being asked */
    ngx_uint_t                 *gone;       /* set to 1 when it leaves */
    unsigned                    state:3;
    unsigned                    resume:1;   /* last_* are to be gone on from */
    unsigned                    seen_end:1; /* it was told of the end before */
    unsigned                    missed:1;   /* one came while we caught up */
    unsigned                    ended:1;    /* the snapshot is of the end */
    unsigned                    delivered:1;
    unsigned                    account:1;  /* of all jobs */
    unsigned                    wants:1;    /* of that: a look at SQL */
    unsigned                    asked:1;    /* SQL is being asked for it */
    unsigned                    lost:1;     /* too slow for all of an account */

    /* the event is the relay's; `last`: the job has ended, nothing follows */
    void                      (*deliver)(ngx_http_render_listener_t *l,
                                         ngx_http_render_event_t *e,
                                         ngx_uint_t last);
    /* whether it has enough to send; then it calls relay_more() some time */
    ngx_uint_t                (*full)(ngx_http_render_listener_t *l);
};

ngx_http_render_relay_t *ngx_http_render_relay_create(void);
void ngx_http_render_relay_destroy(ngx_http_render_relay_t *relay);

/*
 * Where a client wants to go on: last_event_id of the query, or the header
 * Last-Event-ID.  An id that is none is taken for not given.
 */
void ngx_http_render_relay_resume(ngx_http_request_t *r,
    ngx_http_render_listener_t *l);

/*
 * Begins to listen, with the answer of jobs_snapshot; and to all jobs of an
 * account.  `l` may be gone when this returns NGX_OK; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_render_relay_begin(ngx_http_render_listener_t *l,
    ngx_http_render_answer_t *a);
ngx_int_t ngx_http_render_relay_begin_account(ngx_http_render_listener_t *l,
    ngx_str_t *account);
ngx_int_t ngx_http_render_relay_join(ngx_str_t *channel,
    ngx_http_render_listener_t *l);
void ngx_http_render_relay_leave(ngx_http_render_listener_t *l);
void ngx_http_render_relay_more(ngx_http_render_listener_t *l);
/* An event was left out for a newer one, which may be of another job. */
void ngx_http_render_relay_lost(ngx_http_render_listener_t *l);
/* So much is to be handed on that no more should be read. */
ngx_uint_t ngx_http_render_relay_full(void);

/* From Redis: an event came, a subscription is there, the link is lost. */
void ngx_http_render_relay_event(ngx_str_t *channel, ngx_str_t *doc);
void ngx_http_render_relay_subscribed(ngx_str_t *channel);
void ngx_http_render_relay_resubscribe(void);
void ngx_http_render_relay_quit(ngx_http_render_relay_t *relay);


/* ms until then, at most 20 days: timers of nginx are told apart by sign. */
#define ngx_http_render_until(t)                                              \
    ((ngx_msec_t) ngx_min((t) - ngx_time(), 20 * 86400) * 1000)


/* ngx_http_render_wait.c */

/*
 * Calls then(r) once the job has ended, or after so many ms, or when nginx
 * quits.  The request is parked, as by ngx_http_render_call().
 */
void ngx_http_render_wait(ngx_http_request_t *r, ngx_str_t *job,
    ngx_msec_t ms, ngx_http_render_handler_pt then);
void ngx_http_render_wait_quit(void);


/* ngx_http_render_lifecycle.c */

ngx_int_t ngx_http_render_init_process(ngx_cycle_t *cycle);
void ngx_http_render_exit_process(ngx_cycle_t *cycle);
void ngx_http_render_ws_quit(void);
void ngx_http_render_sse_quit(void);

/*
 * A connection slot for a descriptor that a library owns, level-triggered; and
 * giving it back without closing the descriptor.
 */
ngx_connection_t *ngx_http_render_adopt(int fd, void *data,
    ngx_event_handler_pt handler);
void ngx_http_render_release(ngx_connection_t *c, ngx_uint_t closed);

/* An event of no connection: a timer, or one to be posted. */
static ngx_inline void
ngx_http_render_set_event(ngx_event_t *ev, ngx_event_handler_pt handler,
    void *data)
{
    ev->handler = handler;
    ev->data = data;
    ev->log = ngx_cycle->log;
}


#include "ngx_http_render_metrics.h"


#endif /* NGX_HTTP_RENDER_H */
