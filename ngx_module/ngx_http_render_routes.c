/*
 * The route table: method, path, resource, who may call, how the body is read,
 * the SQL function, and for the few that need one a handler.  A new endpoint is
 * a row here, a line in the list of SQL functions in ngx_http_render.h, the
 * function itself, an entry in docs/openapi.json and a test; see
 * docs/development.md.
 *
 * The first row whose path and method match is taken, so that a fixed path
 * stands before one with a parameter in its place.
 */

#include "ngx_http_render.h"


/* SQL functions, and the lane each is called in. */

#define NGX_HTTP_RENDER_NAME(id, name, lane)  name,
#define NGX_HTTP_RENDER_LANE(id, name, lane)  ngx_http_render_lane_##lane,

const char *const  ngx_http_render_statements[] = {
    NGX_HTTP_RENDER_SQL(NGX_HTTP_RENDER_NAME)
};

const ngx_http_render_lane_e  ngx_http_render_statement_lanes[] = {
    NGX_HTTP_RENDER_SQL(NGX_HTTP_RENDER_LANE)
};

const ngx_uint_t  ngx_http_render_nstatements =
    sizeof(ngx_http_render_statements) / sizeof(ngx_http_render_statements[0]);


#define GET       NGX_HTTP_GET
#define POST      NGX_HTTP_POST
#define PUT       NGX_HTTP_PUT
#define PATCH     NGX_HTTP_PATCH
#define DELETE    NGX_HTTP_DELETE
#define OPTIONS   NGX_HTTP_OPTIONS

#define ANYONE    ngx_http_render_anyone
#define READER    ngx_http_render_reader
#define USER      ngx_http_render_user

#define NONE      ngx_http_render_body_none
#define JSON      ngx_http_render_body_json
#define MAYBE     ngx_http_render_body_maybe
#define LOGIN     ngx_http_render_body_login
#define DOC       ngx_http_render_body_document
#define WITHIN    ngx_http_render_body_within
#define OWN       ngx_http_render_body_own

#define SQL(f)    ngx_http_render_sql_##f
#define NO_SQL    -1
#define PATH(s)   ngx_string(s)
#define R(s)      NGX_HTTP_RENDER_##s

static const ngx_http_render_route_t  ngx_http_render_routes[] = {

    { POST, PATH("/auth/signup"), R(AUTH), ANYONE, JSON, NO_SQL,
      ngx_http_render_signup },
    { POST, PATH("/auth/register"), R(AUTH), ANYONE, JSON, NO_SQL,
      ngx_http_render_signup },
    { POST, PATH("/auth/login"), R(AUTH), ANYONE, LOGIN, NO_SQL,
      ngx_http_render_login },
    { POST, PATH("/auth/jwt/login"), R(AUTH), ANYONE, LOGIN, NO_SQL,
      ngx_http_render_login },
    { POST, PATH("/auth/logout"), R(AUTH), ANYONE, NONE, NO_SQL,
      ngx_http_render_logout },
    { POST, PATH("/auth/ticket"), R(AUTH), USER, NONE, NO_SQL,
      ngx_http_render_ticket },
    { GET, PATH("/users/me"), R(USERS), USER, NONE, SQL(users_me), NULL },

    { POST|PUT, PATH("/videos/upload"), R(ASSETS), USER, OWN,
      SQL(assets_create), ngx_http_render_upload },
    { POST|PUT, PATH("/assets"), R(ASSETS), USER, OWN, SQL(assets_create),
      ngx_http_render_upload },
    { POST, PATH("/upload"), R(ASSETS), USER, OWN, SQL(jobs_upload),
      ngx_http_render_upload },

    { OPTIONS, PATH("/files"), R(ASSETS), ANYONE, NONE, NO_SQL,
      ngx_http_render_tus_options },
    { OPTIONS, PATH("/files/"), R(ASSETS), ANYONE, NONE, NO_SQL,
      ngx_http_render_tus_options },
    { OPTIONS, PATH("/files/{id}"), R(ASSETS), ANYONE, NONE, NO_SQL,
      ngx_http_render_tus_options },
    { POST, PATH("/files"), R(ASSETS), USER, OWN, SQL(uploads_begin),
      ngx_http_render_tus_create },
    { POST, PATH("/files/"), R(ASSETS), USER, OWN, SQL(uploads_begin),
      ngx_http_render_tus_create },
    { POST, PATH("/files/{id}"), R(ASSETS), USER, OWN, NO_SQL,
      ngx_http_render_tus_post },
    { GET, PATH("/files/{id}"), R(ASSETS), USER, NONE, SQL(uploads_finish),
      ngx_http_render_tus_get },
    { PATCH, PATH("/files/{id}"), R(ASSETS), USER, OWN, SQL(uploads_finish),
      ngx_http_render_tus_patch },
    { DELETE, PATH("/files/{id}"), R(ASSETS), USER, NONE, SQL(assets_abandon),
      ngx_http_render_tus_delete },

    { GET, PATH("/videos"), R(ASSETS), USER, NONE, SQL(assets_list), NULL },
    { GET, PATH("/videos/{id}"), R(ASSETS), READER, NONE, SQL(assets_get),
      NULL },
    { PATCH, PATH("/videos/{id}"), R(ASSETS), USER, JSON, SQL(assets_patch),
      NULL },
    { DELETE, PATH("/videos/{id}"), R(ASSETS), USER, NONE, SQL(assets_delete),
      NULL },
    { GET, PATH("/videos/{id}/stream"), R(ASSETS), READER, NONE,
      SQL(assets_stream), ngx_http_render_stream },

    { POST, PATH("/compositions"), R(COMPOSITIONS), USER, DOC,
      SQL(compositions_create), NULL },
    { POST, PATH("/compositions/validate"), R(COMPOSITIONS), USER, DOC,
      SQL(compositions_validate), ngx_http_render_validate },
    { GET, PATH("/compositions"), R(COMPOSITIONS), USER, NONE,
      SQL(compositions_list), NULL },
    { GET, PATH("/compositions/{id}"), R(COMPOSITIONS), READER, NONE,
      SQL(compositions_get), NULL },
    { PATCH, PATH("/compositions/{id}"), R(COMPOSITIONS), USER, WITHIN,
      SQL(compositions_patch), NULL },
    { DELETE, PATH("/compositions/{id}"), R(COMPOSITIONS), USER, NONE,
      SQL(compositions_delete), NULL },
    { POST, PATH("/compositions/{id}/render"), R(COMPOSITIONS), USER, MAYBE,
      SQL(compositions_render), NULL },
    { GET, PATH("/compositions/{id}/download"), R(COMPOSITIONS), READER, NONE,
      SQL(compositions_download), NULL },

    { POST, PATH("/jobs"), R(JOBS), USER, OWN, SQL(jobs_create),
      ngx_http_render_jobs },
    { GET, PATH("/jobs"), R(JOBS), USER, NONE, SQL(jobs_list), NULL },
    { GET, PATH("/jobs/{id}"), R(JOBS), READER, NONE, SQL(jobs_get),
      ngx_http_render_job },
    { DELETE, PATH("/jobs/{id}"), R(JOBS), USER, NONE, SQL(jobs_delete),
      NULL },
    { GET, PATH("/status/{id}"), R(JOBS), READER, NONE, SQL(jobs_get),
      ngx_http_render_job },
    { POST, PATH("/jobs/{id}/cancel"), R(JOBS), USER, NONE, SQL(jobs_cancel),
      NULL },
    { POST, PATH("/jobs/{id}/retry"), R(JOBS), USER, NONE, SQL(jobs_retry),
      NULL },

    { GET, PATH("/results/{id}/{name}"), R(RESULTS), READER, NONE,
      SQL(results_get), NULL },
    { GET, PATH("/d/{link...}"), R(RESULTS), ANYONE, NONE, NO_SQL,
      ngx_http_render_result },

    { GET, PATH("/jobs/{id}/events"), R(PROGRESS), READER, NONE,
      SQL(jobs_snapshot), ngx_http_render_sse },
    { GET, PATH("/ws/progress/{id}"), R(PROGRESS), READER, NONE,
      SQL(jobs_snapshot), ngx_http_render_ws },
    { GET, PATH("/ws/progress"), R(PROGRESS), USER, NONE, NO_SQL,
      ngx_http_render_ws },

    { GET, PATH("/health"), R(HEALTH), ANYONE, NONE, NO_SQL,
      ngx_http_render_health },
    { GET, PATH("/health/ready"), R(HEALTH), ANYONE, NONE, SQL(health),
      ngx_http_render_ready },
    { GET, PATH("/metrics"), R(METRICS), ANYONE, NONE, SQL(metrics),
      ngx_http_render_metrics },
};


const ngx_http_render_route_t *
ngx_http_render_route_table(ngx_uint_t *n)
{
    *n = sizeof(ngx_http_render_routes) / sizeof(ngx_http_render_routes[0]);

    return ngx_http_render_routes;
}


/* "{name}" takes one step of the path, "{name...}" takes the rest. */

static ngx_uint_t
ngx_http_render_match(ngx_http_render_ctx_t *ctx, const ngx_str_t *pattern,
    ngx_str_t *path)
{
    u_char      *p, *s, *end, *send, *name, *step;
    size_t       len;
    ngx_uint_t   rest;

    p = pattern->data;
    end = p + pattern->len;
    s = path->data;
    send = s + path->len;
    ctx->nparams = 0;

    while (p < end) {
        if (*p != '{') {
            if (s == send || *s != *p) {
                return 0;
            }
            p++;
            s++;
            continue;
        }

        name = ++p;
        while (p < end && *p != '}' && *p != '.') {
            p++;
        }

        len = p - name;
        rest = *p == '.';
        step = s;

        while (s < send && (rest || *s != '/')) {
            s++;
        }

        if (s == step) {
            return 0;
        }

        ngx_http_render_add_param(ctx, name, len, step, s - step);

        while (*p++ != '}') { /* void */ }
    }

    return s == send;
}


/*
 * The row of a path; its parameters go into the context.  NULL with *allowed
 * set to the methods that the path takes, 0 when there is no such path.
 */

const ngx_http_render_route_t *
ngx_http_render_find_route(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx,
    ngx_uint_t api, ngx_str_t *path, ngx_uint_t *allowed)
{
    ngx_uint_t                      i, method;
    const ngx_http_render_route_t  *route;

    *allowed = 0;
    method = r->method == NGX_HTTP_HEAD ? NGX_HTTP_GET : r->method;

    for (i = 0;
         i < sizeof(ngx_http_render_routes) / sizeof(ngx_http_render_routes[0]);
         i++)
    {
        route = &ngx_http_render_routes[i];

        if (!(route->resource & api)
            || !ngx_http_render_match(ctx, &route->pattern, path))
        {
            continue;
        }

        if (route->method & method) {
            return route;
        }

        *allowed |= route->method;
    }

    ctx->nparams = 0;

    return NULL;
}


/* The value of Allow (RFC 9110, section 10.2.1); `buf` holds 64 bytes. */

ngx_str_t
ngx_http_render_allow(u_char *buf, ngx_uint_t allowed)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_uint_t   i;

    static const struct {
        ngx_uint_t   method;
        const char  *name;
    } names[] = {
        { GET, "GET, HEAD" }, { POST, "POST" }, { PUT, "PUT" },
        { PATCH, "PATCH" }, { DELETE, "DELETE" }
    };

    p = buf;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (allowed & names[i].method) {
            p = ngx_sprintf(p, "%s, ", names[i].name);
        }
    }

    p = ngx_sprintf(p, "OPTIONS");
    value.data = buf;
    value.len = p - buf;

    return value;
}
