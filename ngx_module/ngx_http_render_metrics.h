/*
 * What is measured, as two lists from which enums, shared memory and the text
 * of /metrics are made; and how it is counted.  Nothing here is ever waited
 * for: a counter is one atomic addition.
 *
 * A row: name in C, family of Prometheus without "_total", label and its value
 * or NULL, help.  Rows of one family stand together.
 */

#ifndef NGX_HTTP_RENDER_METRICS_H
#define NGX_HTTP_RENDER_METRICS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* Grow only, over all processes, as long as nginx runs. */

#define NGX_HTTP_RENDER_COUNTERS(X)                                           \
    X(upload_bytes, "render_upload_bytes", NULL, NULL,                        \
      "Bytes of uploads written to storage.")                                 \
    X(pg_error_value, "render_pg_errors", "kind", "value",                    \
      "Calls of PostgreSQL that failed: value (cannot be stored), "           \
      "unavailable (time-outs, locks, shutdown), refused (other errors), "    \
      "busy (waited too long here), away (not sent), lost (connection lost), "\
      "connect (an attempt to connect).")                                     \
    X(pg_error_unavailable, "render_pg_errors", "kind", "unavailable", NULL)  \
    X(pg_error_refused, "render_pg_errors", "kind", "refused", NULL)          \
    X(pg_error_busy, "render_pg_errors", "kind", "busy", NULL)                \
    X(pg_error_away, "render_pg_errors", "kind", "away", NULL)                \
    X(pg_error_lost, "render_pg_errors", "kind", "lost", NULL)                \
    X(pg_error_connect, "render_pg_errors", "kind", "connect", NULL)          \
    X(redis_ok, "render_redis_commands", "result", "ok",                      \
      "Commands to Redis: ok, error (it refused), timeout (too late to be "   \
      "used), lost (connection lost), away (not sent).")                      \
    X(redis_error, "render_redis_commands", "result", "error", NULL)          \
    X(redis_timeout, "render_redis_commands", "result", "timeout", NULL)      \
    X(redis_lost, "render_redis_commands", "result", "lost", NULL)            \
    X(redis_away, "render_redis_commands", "result", "away", NULL)            \
    X(events_ws, "render_events_delivered", "transport", "ws",                \
      "Events of jobs handed to the connection of a client.")                 \
    X(events_sse, "render_events_delivered", "transport", "sse", NULL)        \
    X(events_skipped, "render_events_skipped", NULL, NULL,                    \
      "Events that a slow reader did not get: it got a newer one.")           \
    X(login_ok, "render_logins", "result", "ok",                              \
      "Logins with a password: ok, denied, busy (too many at one time).")     \
    X(login_denied, "render_logins", "result", "denied", NULL)                \
    X(login_busy, "render_logins", "result", "busy", NULL)


/*
 * What is so at present, in each process.  Last column: 1 where the processes
 * are asked whether any says so, 0 where they are summed.
 */

#define NGX_HTTP_RENDER_GAUGES(X)                                             \
    X(processes, "render_nginx_processes", NULL, NULL,                        \
      "Worker processes of nginx, with those that are quitting.", 0)          \
    X(uploads, "render_uploads_in_progress", NULL, NULL,                      \
      "Uploads whose bytes are being received.", 0)                           \
    X(ws, "render_ws_connections", NULL, NULL, "Open WebSockets.", 0)         \
    X(sse, "render_sse_connections", NULL, NULL,                              \
      "Open streams of server-sent events.", 0)                               \
    X(pg_closed, "render_pg_pool_connections", "state", "closed",             \
      "Connections of the pools to PostgreSQL: closed (opened when they are " \
      "needed), connecting, ready.", 0)                                       \
    X(pg_connecting, "render_pg_pool_connections", "state", "connecting",     \
      NULL, 0)                                                                \
    X(pg_ready, "render_pg_pool_connections", "state", "ready", NULL, 0)      \
    X(pg_queries, "render_pg_queries_in_progress", NULL, NULL,                \
      "Calls of PostgreSQL that wait or are in flight.", 0)                   \
    X(circuit_pg, "render_circuit_open", "backend", "postgres",               \
      "1 while a process cannot reach the backend and answers without it.",   \
      1)                                                                      \
    X(circuit_redis, "render_circuit_open", "backend", "redis", NULL, 1)


enum {
#define NGX_HTTP_RENDER_X(name, family, label, value, help)                   \
    ngx_http_render_n_##name,
    NGX_HTTP_RENDER_COUNTERS(NGX_HTTP_RENDER_X)
#undef NGX_HTTP_RENDER_X
    ngx_http_render_ncounters
};

enum {
#define NGX_HTTP_RENDER_X(name, family, label, value, help, any)              \
    ngx_http_render_g_##name,
    NGX_HTTP_RENDER_GAUGES(NGX_HTTP_RENDER_X)
#undef NGX_HTTP_RENDER_X
    ngx_http_render_ngauges
};


#define NGX_HTTP_RENDER_METHODS   8
#define NGX_HTTP_RENDER_CODES     48            /* the last: other */
#define NGX_HTTP_RENDER_BUCKETS   14            /* without +Inf */

/* More rows than this in the tables of routes and statements: nginx -t fails */

#define NGX_HTTP_RENDER_PATTERNS  128           /* the last: none */
#define NGX_HTTP_RENDER_OPS       128

extern const char *const  ngx_http_render_methods[NGX_HTTP_RENDER_METHODS];
extern const ngx_uint_t   ngx_http_render_codes[NGX_HTTP_RENDER_CODES];

typedef struct {
    const char               *text;             /* "0.001" */
    ngx_uint_t                ms;
} ngx_http_render_bucket_t;

extern const ngx_http_render_bucket_t
                          ngx_http_render_buckets[NGX_HTTP_RENDER_BUCKETS];

typedef struct {
    const char               *family, *label, *value, *help;
    ngx_uint_t                any;              /* of gauges: no sum */
} ngx_http_render_row_t;

extern const ngx_http_render_row_t
                          ngx_http_render_counters[ngx_http_render_ncounters];
extern const ngx_http_render_row_t
                          ngx_http_render_gauges[ngx_http_render_ngauges];


/* ngx_http_render_metrics.c */

/* Shared memory */

typedef struct {
    ngx_atomic_t              bucket[NGX_HTTP_RENDER_BUCKETS + 1];
    ngx_atomic_t              us;               /* sum */
} ngx_http_render_latency_t;

typedef struct {
    ngx_atomic_t              count, us;
} ngx_http_render_op_t;

typedef struct {
    ngx_atomic_t              pid;              /* 0: free; see the .c */
    ngx_atomic_t              start;
    ngx_atomic_t              gauge[ngx_http_render_ngauges];
} ngx_http_render_slot_t;

#define NGX_HTTP_RENDER_SLOTS     128           /* and one more, for the rest */

typedef struct {
    ngx_atomic_t              layout;
    ngx_atomic_t              started;          /* seconds of the epoch */
    ngx_atomic_t              counter[ngx_http_render_ncounters];
    ngx_atomic_t              requests[NGX_HTTP_RENDER_PATTERNS]
                                      [NGX_HTTP_RENDER_METHODS]
                                      [NGX_HTTP_RENDER_CODES];
    ngx_http_render_latency_t latency[NGX_HTTP_RENDER_PATTERNS];
    ngx_http_render_op_t      op[NGX_HTTP_RENDER_OPS];
    ngx_http_render_slot_t    slot[NGX_HTTP_RENDER_SLOTS + 1];
} ngx_http_render_shm_t;

/* Of this process; NULL where the module is not used. */
extern ngx_http_render_shm_t  *ngx_http_render_shm;

/* The zone, at configuration time: NULL on failure, which is logged. */
ngx_shm_zone_t *ngx_http_render_metrics_zone(ngx_conf_t *cf);

/* In init_process, on quitting, and in exit_process. */
void ngx_http_render_metrics_begin(ngx_shm_zone_t *zone);
void ngx_http_render_metrics_quit(void);
void ngx_http_render_metrics_end(void);

/* All gauges, each over all processes that live. */
void ngx_http_render_gauges_read(ngx_int_t *values);

/* Microseconds of a clock that never steps back; for durations alone. */
uint64_t ngx_http_render_clock(void);

/* Any thread of a worker process may call these. */

#define ngx_http_render_count(name)                                           \
    ngx_http_render_counted(ngx_http_render_n_##name, 1)
#define ngx_http_render_count_by(name, n)                                     \
    ngx_http_render_counted(ngx_http_render_n_##name, n)
void ngx_http_render_counted(ngx_uint_t counter, ngx_atomic_uint_t n);

/* Only the event loop may call these. */

#define ngx_http_render_gauge(name, by)                                       \
    ngx_http_render_gauge_add(ngx_http_render_g_##name, by)
#define ngx_http_render_circuit(backend, open)                                \
    ngx_http_render_gauge_set(ngx_http_render_g_circuit_##backend, open)
void ngx_http_render_gauge_add(ngx_uint_t gauge, ngx_int_t by);
void ngx_http_render_gauge_set(ngx_uint_t gauge, ngx_int_t value);

/* A call of PostgreSQL has ended that began at that ngx_http_render_clock(). */
void ngx_http_render_measure_op(ngx_uint_t statement, uint64_t began);

/* A request has ended; pattern as of ngx_http_render_pattern(). */
void ngx_http_render_measure_request(ngx_uint_t pattern, ngx_uint_t method,
    ngx_uint_t status, ngx_msec_t ms);


/* ngx_http_render_log.c */

/* Notes what the access log and the counters want to know at the end. */
void ngx_http_render_note(ngx_http_request_t *r);
/* Does nothing: a pool's clean-up record with it is the note. */
void ngx_http_render_note_cleanup(void *data);
ngx_int_t ngx_http_render_log_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_render_log_variables(ngx_conf_t *cf);


/* ngx_http_render_metrics_text.c */

/* All of it, in memory of the pool; sql: a body of metrics() or empty. */
ngx_int_t ngx_http_render_metrics_text(ngx_pool_t *pool,
    ngx_uint_t openmetrics, ngx_str_t *sql, ngx_str_t *out);


/* ngx_http_render_metrics_get.c: GET /metrics */

void ngx_http_render_metrics(ngx_http_request_t *r);


#endif /* NGX_HTTP_RENDER_METRICS_H */
