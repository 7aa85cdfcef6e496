/*
 * The text of /metrics, of Prometheus 0.0.4 or OpenMetrics 1.0, from what is in
 * shared memory and what SQL has told.  It asks nobody.
 *
 * Labels are those of the tables of this module and of enums in SQL, never what
 * a client has sent; series that count requests appear with their first one.
 */

#include "ngx_http_render.h"
#include "rn_version.h"


#define NGX_HTTP_RENDER_METRICS_LINE  1024      /* bytes, at the most */


typedef struct {
    ngx_pool_t          *pool;
    u_char              *start, *last, *end;
    unsigned             openmetrics:1;
    unsigned             failed:1;
} ngx_http_render_text_t;

/* Room for one more line. */

static ngx_uint_t
ngx_http_render_text_room(ngx_http_render_text_t *t)
{
    size_t   size;
    u_char  *p;

    if (t->failed) {
        return 0;
    }

    if (t->end - t->last >= NGX_HTTP_RENDER_METRICS_LINE) {
        return 1;
    }

    size = 2 * (t->end - t->start) + 16 * NGX_HTTP_RENDER_METRICS_LINE;
    p = ngx_pnalloc(t->pool, size);

    if (p == NULL) {
        t->failed = 1;
        return 0;
    }

    if (t->start != NULL) {
        t->last = ngx_cpymem(p, t->start, t->last - t->start);
        (void) ngx_pfree(t->pool, t->start);
    } else {
        t->last = p;
    }

    t->start = p;
    t->end = p + size;

    return 1;
}


static void
ngx_http_render_text(ngx_http_render_text_t *t, const char *fmt, ...)
{
    va_list  args;

    if (ngx_http_render_text_room(t)) {
        va_start(args, fmt);
        t->last = ngx_vslprintf(t->last, t->end, fmt, args);
        va_end(args);
    }
}


/* A value of a label, escaped; one that is absurdly long is cut. */

static void
ngx_http_render_text_label(ngx_http_render_text_t *t, const char *name,
    const u_char *value, size_t len)
{
    size_t  i;

    ngx_http_render_text(t, "%s=\"", name);

    if (!ngx_http_render_text_room(t)) {
        return;
    }

    for (i = 0; i < len && i < NGX_HTTP_RENDER_METRICS_LINE / 4; i++) {
        switch (value[i]) {
        case '\\':
        case '"':
            *t->last++ = '\\';
            *t->last++ = value[i];
            break;
        case LF:
            *t->last++ = '\\';
            *t->last++ = 'n';
            break;
        default:
            *t->last++ = value[i];
        }
    }

    *t->last++ = '"';
}


/*
 * HELP and TYPE.  A counter's name is without "_total" here: Prometheus' own
 * text has it in the name of the family, OpenMetrics in that of the sample.
 * Our help has nothing that would have to be escaped.
 */

static void
ngx_http_render_text_family(ngx_http_render_text_t *t, const char *name,
    const char *type, const char *help)
{
    const char  *total;

    total = !t->openmetrics && ngx_strcmp(type, "counter") == 0 ? "_total"
                                                                : "";

    ngx_http_render_text(t, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, total,
                         help, name, total, type);
}


static void
ngx_http_render_text_rows(ngx_http_render_text_t *t,
    const ngx_http_render_row_t *rows, ngx_uint_t n, const char *type,
    const ngx_int_t *gauges)
{
    ngx_uint_t                    i;
    const ngx_http_render_row_t  *row;

    for (i = 0; i < n; i++) {
        row = &rows[i];

        if (row->help != NULL) {
            ngx_http_render_text_family(t, row->family, type, row->help);
        }

        ngx_http_render_text(t, "%s%s", row->family,
                             gauges == NULL ? "_total" : "");

        if (row->label != NULL) {
            ngx_http_render_text(t, "{");
            ngx_http_render_text_label(t, row->label, (u_char *) row->value,
                                       ngx_strlen(row->value));
            ngx_http_render_text(t, "}");
        }

        if (gauges != NULL) {
            ngx_http_render_text(t, " %i\n", gauges[i]);
        } else {
            ngx_http_render_text(t, " %uA\n", ngx_http_render_shm->counter[i]);
        }
    }
}


static void
ngx_http_render_text_seconds(ngx_http_render_text_t *t, ngx_atomic_uint_t us)
{
    ngx_http_render_text(t, " %uA.%06uA\n", us / 1000000, us % 1000000);
}


/* Of the first row with a pattern; the last place is for none of them. */

static ngx_str_t
ngx_http_render_text_pattern(ngx_uint_t i)
{
    ngx_str_t                       s = ngx_null_string;
    ngx_uint_t                      n;
    const ngx_http_render_route_t  *table;

    table = ngx_http_render_route_table(&n);

    if (i < n) {
        s = table[i].pattern;

    } else if (i == NGX_HTTP_RENDER_PATTERNS - 1) {
        ngx_str_set(&s, "none");
    }

    return s;
}


static void
ngx_http_render_text_requests(ngx_http_render_text_t *t)
{
    ngx_str_t          pattern;
    ngx_uint_t         p, m, c;
    ngx_atomic_uint_t  n;

    ngx_http_render_text_family(t, "render_http_requests", "counter",
                                "Requests that have ended, by the route of "
                                "the API, with the status of the access log.");

    for (p = 0; p < NGX_HTTP_RENDER_PATTERNS; p++) {
        pattern = ngx_http_render_text_pattern(p);

        for (m = 0; m < NGX_HTTP_RENDER_METHODS; m++) {
            for (c = 0; c < NGX_HTTP_RENDER_CODES; c++) {
                n = ngx_http_render_shm->requests[p][m][c];

                if (n == 0) {
                    continue;
                }

                ngx_http_render_text(t, "render_http_requests_total{");
                ngx_http_render_text_label(t, "route", pattern.data,
                                           pattern.len);
                ngx_http_render_text(t, ",method=\"%s\",",
                                     ngx_http_render_methods[m]);

                if (c == NGX_HTTP_RENDER_CODES - 1) {
                    ngx_http_render_text(t, "code=\"other\"} %uA\n", n);
                } else {
                    ngx_http_render_text(t, "code=\"%ui\"} %uA\n",
                                         ngx_http_render_codes[c], n);
                }
            }
        }
    }
}


/* count is the sum of what was read, so that +Inf and _count are never apart */

static void
ngx_http_render_text_latency(ngx_http_render_text_t *t)
{
    ngx_str_t                   pattern;
    ngx_uint_t                  p, b;
    ngx_atomic_uint_t           n[NGX_HTTP_RENDER_BUCKETS + 1], count, us;
    ngx_http_render_latency_t  *l;

    ngx_http_render_text_family(t, "render_http_request_duration_seconds",
                                "histogram", "Time of requests from their "
                                "first byte to the end of the answer; of "
                                "WebSockets, to their close.");

    for (p = 0; p < NGX_HTTP_RENDER_PATTERNS; p++) {
        l = &ngx_http_render_shm->latency[p];
        us = l->us;
        count = 0;

        for (b = 0; b <= NGX_HTTP_RENDER_BUCKETS; b++) {
            count += l->bucket[b];
            n[b] = count;
        }

        if (count == 0) {
            continue;
        }

        pattern = ngx_http_render_text_pattern(p);

        for (b = 0; b <= NGX_HTTP_RENDER_BUCKETS; b++) {
            ngx_http_render_text(t, "render_http_request_duration_seconds_"
                                 "bucket{");
            ngx_http_render_text_label(t, "route", pattern.data, pattern.len);
            ngx_http_render_text(t, ",le=\"%s\"} %uA\n",
                                 b < NGX_HTTP_RENDER_BUCKETS
                                 ? ngx_http_render_buckets[b].text : "+Inf",
                                 n[b]);
        }

        ngx_http_render_text(t, "render_http_request_duration_seconds_sum{");
        ngx_http_render_text_label(t, "route", pattern.data, pattern.len);
        ngx_http_render_text(t, "}");
        ngx_http_render_text_seconds(t, us);

        ngx_http_render_text(t, "render_http_request_duration_seconds_count{");
        ngx_http_render_text_label(t, "route", pattern.data, pattern.len);
        ngx_http_render_text(t, "} %uA\n", count);
    }
}


static void
ngx_http_render_text_ops(ngx_http_render_text_t *t)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n, us;

    ngx_http_render_text_family(t, "render_pg_query_duration_seconds",
                                "summary", "Time of calls of SQL functions, "
                                "with that of waiting for a connection.");

    for (i = 0; i < ngx_http_render_nstatements; i++) {
        us = ngx_http_render_shm->op[i].us;
        n = ngx_http_render_shm->op[i].count;

        if (n == 0) {
            continue;
        }

        ngx_http_render_text(t, "render_pg_query_duration_seconds_sum"
                             "{op=\"%s\"}", ngx_http_render_statements[i]);
        ngx_http_render_text_seconds(t, us);
        ngx_http_render_text(t, "render_pg_query_duration_seconds_count"
                             "{op=\"%s\"} %uA\n",
                             ngx_http_render_statements[i], n);
    }
}


/* What render_api.metrics() has told. */

static void
ngx_http_render_text_queue_family(ngx_http_render_text_t *t, json_t *queue,
    const char *name, const char *member, const char *help)
{
    size_t   i;
    json_t  *row, *class, *priority;

    ngx_http_render_text_family(t, name, "gauge", help);

    json_array_foreach(queue, i, row) {
        class = json_object_get(row, "class");
        priority = json_object_get(row, "priority");

        if (!json_is_string(class) || !json_is_string(priority)) {
            continue;
        }

        ngx_http_render_text(t, "%s{", name);
        ngx_http_render_text_label(t, "class",
                                   (u_char *) json_string_value(class),
                                   json_string_length(class));
        ngx_http_render_text(t, ",");
        ngx_http_render_text_label(t, "priority",
                                   (u_char *) json_string_value(priority),
                                   json_string_length(priority));

        if (json_is_integer(json_object_get(row, member))) {
            ngx_http_render_text(t, "} %L\n", (int64_t)
                         json_integer_value(json_object_get(row, member)));
        } else {
            ngx_http_render_text(t, "} %.3f\n",
                         json_number_value(json_object_get(row, member)));
        }
    }
}


static void
ngx_http_render_text_sql(ngx_http_render_text_t *t, ngx_str_t *body)
{
    json_t      *j, *v;
    const char  *status;

    j = json_loadb((char *) body->data, body->len, 0, NULL);

    if (!json_is_object(j)) {
        json_decref(j);
        return;
    }

    ngx_http_render_text_queue_family(t, json_object_get(j, "queue"),
        "render_queue_depth", "depth", "Tasks that no worker has yet, without "
        "those that wait for other tasks.");
    ngx_http_render_text_queue_family(t, json_object_get(j, "queue"),
        "render_queue_oldest_age_seconds", "oldest",
        "Age of the oldest task that could start; 0: there is none.");

    ngx_http_render_text_family(t, "render_jobs", "gauge",
                                "Jobs that have not ended.");

    json_object_foreach(json_object_get(j, "jobs"), status, v) {
        ngx_http_render_text(t, "render_jobs{");
        ngx_http_render_text_label(t, "status", (u_char *) status,
                                   ngx_strlen(status));
        ngx_http_render_text(t, "} %L\n", (int64_t) json_integer_value(v));
    }

    ngx_http_render_text_family(t, "render_workers", "gauge",
                                "Workers with a lease.");
    ngx_http_render_text(t, "render_workers %L\n", (int64_t)
                         json_integer_value(json_object_get(j, "workers")));

    ngx_http_render_text_family(t, "render_worker_slots", "gauge",
                                "Tasks that these can do at one time.");
    ngx_http_render_text(t, "render_worker_slots %L\n", (int64_t)
                         json_integer_value(json_object_get(j, "slots")));

    json_decref(j);
}


ngx_int_t
ngx_http_render_metrics_text(ngx_pool_t *pool, ngx_uint_t openmetrics,
    ngx_str_t *sql, ngx_str_t *out)
{
    ngx_int_t               gauges[ngx_http_render_ngauges];
    ngx_http_render_text_t  text, *t = &text;

    ngx_memzero(t, sizeof(ngx_http_render_text_t));
    t->pool = pool;
    t->openmetrics = openmetrics;

    ngx_http_render_text_family(t, t->openmetrics ? "render_build"
                                                  : "render_build_info",
                                t->openmetrics ? "info" : "gauge",
                                "The version of the module.");
    ngx_http_render_text(t, "render_build_info{version=\"%s\"} 1\n",
                         RN_VERSION);

    ngx_http_render_text_family(t, "process_start_time_seconds", "gauge",
                                "When counting began: nginx was started, not "
                                "reloaded; seconds since 1970.");
    ngx_http_render_text(t, "process_start_time_seconds %uA\n",
                         ngx_http_render_shm->started);

    ngx_http_render_text_requests(t);
    ngx_http_render_text_latency(t);
    ngx_http_render_text_rows(t, ngx_http_render_counters,
                              ngx_http_render_ncounters, "counter", NULL);
    ngx_http_render_text_ops(t);

    ngx_http_render_gauges_read(gauges);
    ngx_http_render_text_rows(t, ngx_http_render_gauges,
                              ngx_http_render_ngauges, "gauge", gauges);

    if (sql->len != 0) {
        ngx_http_render_text_sql(t, sql);
    }

    if (t->openmetrics) {
        ngx_http_render_text(t, "# EOF\n");
    }

    out->data = t->start;
    out->len = t->last - t->start;

    return t->failed ? NGX_ERROR : NGX_OK;
}
