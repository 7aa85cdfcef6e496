/*
 * The route table, and what is the same for every row: the request id, who is
 * calling, the parameters, the body, and the one SQL call.
 *
 * A new endpoint is a row here, a SQL function, a line in docs/openapi.json and
 * a test; see docs/development.md.
 */

#include "ngx_http_render.h"
#include "rn_id.h"

#include <openssl/sha.h>


/* SQL functions, in the order of the enum, and the lane each is called in. */

const char *const  ngx_http_render_statements[] = {
    "auth_signup", "auth_login_hash", "users_me",
    "metrics",
    "assets_begin", "assets_create", "assets_get", "assets_list",
    "compositions_create", "compositions_get", "compositions_list",
    "compositions_download",
    "jobs_get", "jobs_list", "jobs_cancel", "jobs_retry", "jobs_snapshot",
    "results_get", "health"
};

#define R  ngx_http_render_lane_read
#define W  ngx_http_render_lane_write
#define S  ngx_http_render_lane_slow

const ngx_http_render_lane_e  ngx_http_render_statement_lanes[] = {
    W, R, R,
    R,
    W, W, R, S,
    W, R, S,
    R,
    R, S, W, W, R,
    R, R
};

#undef R
#undef W
#undef S

const ngx_uint_t  ngx_http_render_nstatements =
    sizeof(ngx_http_render_statements) / sizeof(ngx_http_render_statements[0]);


#define GET     NGX_HTTP_GET
#define POST    NGX_HTTP_POST
#define SQL(f)  ngx_http_render_sql_##f
#define ANYONE  ngx_http_render_anyone
#define USER    ngx_http_render_user
#define NONE    ngx_http_render_body_none
#define JSON    ngx_http_render_body_json
#define DOC     ngx_http_render_body_document
#define PATH(s) ngx_string(s)

static const ngx_http_render_route_t  ngx_http_render_routes[] = {

    { POST, PATH("/auth/signup"), NGX_HTTP_RENDER_AUTH, ANYONE, JSON, -1,
      ngx_http_render_signup },
    { POST, PATH("/auth/register"), NGX_HTTP_RENDER_AUTH, ANYONE, JSON, -1,
      ngx_http_render_signup },
    { POST, PATH("/auth/login"), NGX_HTTP_RENDER_AUTH, ANYONE, JSON, -1,
      ngx_http_render_login },
    { GET, PATH("/users/me"), NGX_HTTP_RENDER_USERS, USER, NONE, SQL(me),
      NULL },

    { POST|NGX_HTTP_PUT, PATH("/videos/upload"), NGX_HTTP_RENDER_ASSETS, USER,
      NONE, -1, ngx_http_render_upload },
    { POST|NGX_HTTP_PUT, PATH("/assets"), NGX_HTTP_RENDER_ASSETS, USER,
      NONE, -1, ngx_http_render_upload },
    { GET, PATH("/videos"), NGX_HTTP_RENDER_ASSETS, USER, NONE,
      SQL(assets_list), NULL },
    { GET, PATH("/videos/{id}"), NGX_HTTP_RENDER_ASSETS, USER, NONE,
      SQL(assets_get), NULL },

    { POST, PATH("/compositions"), NGX_HTTP_RENDER_COMPOSITIONS, USER, DOC,
      SQL(compositions_create), NULL },
    { GET, PATH("/compositions"), NGX_HTTP_RENDER_COMPOSITIONS, USER, NONE,
      SQL(compositions_list), NULL },
    { GET, PATH("/compositions/{id}"), NGX_HTTP_RENDER_COMPOSITIONS, USER,
      NONE, SQL(compositions_get), NULL },
    { GET, PATH("/compositions/{id}/download"), NGX_HTTP_RENDER_COMPOSITIONS,
      USER, NONE, SQL(compositions_download), NULL },

    { GET, PATH("/jobs"), NGX_HTTP_RENDER_JOBS, USER, NONE, SQL(jobs_list),
      NULL },
    { GET, PATH("/jobs/{id}"), NGX_HTTP_RENDER_JOBS, USER, NONE,
      SQL(jobs_get), ngx_http_render_job },
    { GET, PATH("/status/{id}"), NGX_HTTP_RENDER_JOBS, USER, NONE,
      SQL(jobs_get), ngx_http_render_job },
    { POST, PATH("/jobs/{id}/cancel"), NGX_HTTP_RENDER_JOBS, USER, NONE,
      SQL(jobs_cancel), NULL },
    { POST, PATH("/jobs/{id}/retry"), NGX_HTTP_RENDER_JOBS, USER, NONE,
      SQL(jobs_retry), NULL },

    { GET, PATH("/results/{id}/{name}"), NGX_HTTP_RENDER_RESULTS, USER, NONE,
      SQL(results_get), NULL },
    { GET, PATH("/d/{link...}"), NGX_HTTP_RENDER_RESULTS, ANYONE, NONE, -1,
      ngx_http_render_result },

    { GET, PATH("/ws/progress/{id}"), NGX_HTTP_RENDER_PROGRESS, USER, NONE,
      SQL(jobs_snapshot), ngx_http_render_ws },

    { GET, PATH("/health"), NGX_HTTP_RENDER_HEALTH, ANYONE, NONE, -1,
      ngx_http_render_health },
    { GET, PATH("/health/ready"), NGX_HTTP_RENDER_HEALTH, ANYONE, NONE,
      SQL(health), ngx_http_render_ready },
    { GET, PATH("/metrics"), NGX_HTTP_RENDER_METRICS, ANYONE, NONE,
      SQL(metrics), ngx_http_render_metrics },
};


static void ngx_http_render_body_handler(ngx_http_request_t *r);
static void ngx_http_render_proceed(ngx_http_request_t *r);


/* All rows; counters are kept by their place. */

const ngx_http_render_route_t *
ngx_http_render_route_table(ngx_uint_t *n)
{
    *n = sizeof(ngx_http_render_routes) / sizeof(ngx_http_render_routes[0]);

    return ngx_http_render_routes;
}


ngx_str_t
ngx_http_render_param(ngx_http_request_t *r, const char *name)
{
    ngx_uint_t              i;
    ngx_str_t               none = ngx_null_string;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    for (i = 0; i < ctx->nparams; i++) {
        if (ctx->params[i].name.len == ngx_strlen(name)
            && ngx_strncmp(ctx->params[i].name.data, name,
                           ctx->params[i].name.len) == 0)
        {
            return ctx->params[i].value;
        }
    }

    return none;
}


static void
ngx_http_render_add_param(ngx_http_render_ctx_t *ctx, u_char *name,
    size_t name_len, u_char *value, size_t value_len)
{
    ngx_http_render_param_t  *p;

    if (ctx->nparams == NGX_HTTP_RENDER_MAX_PARAMS) {
        return;
    }

    p = &ctx->params[ctx->nparams++];
    p->name.data = name;
    p->name.len = name_len;
    p->value.data = value;
    p->value.len = value_len;
}


/* "{name}" takes one step of the path, "{name...}" takes the rest. */

static ngx_uint_t
ngx_http_render_match(ngx_http_render_ctx_t *ctx, const ngx_str_t *pattern,
    ngx_str_t *path)
{
    u_char      *p, *s, *end, *send, *name, *step;
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

        rest = *p == '.';
        step = s;

        while (s < send && (rest || *s != '/')) {
            s++;
        }

        if (s == step) {
            return 0;
        }

        ngx_http_render_add_param(ctx, name, p - name, step, s - step);

        while (*p++ != '}') { /* void */ }
    }

    return s == send;
}


/*
 * The query string; names are kept as they are, values are decoded.  What the
 * path has named stays: rights are asked for that, and for nothing else.
 */

static ngx_int_t
ngx_http_render_query_params(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    u_char      *p, *end, *amp, *eq, *dst, *src;
    ngx_uint_t   i, npath;

    npath = ctx->nparams;
    p = r->args.data;
    end = p + r->args.len;

    while (p < end) {
        amp = ngx_strlchr(p, end, '&');
        if (amp == NULL) {
            amp = end;
        }

        eq = ngx_strlchr(p, amp, '=');

        for (i = 0; eq != NULL && i < npath; i++) {
            if (ctx->params[i].name.len == (size_t) (eq - p)
                && ngx_strncmp(ctx->params[i].name.data, p, eq - p) == 0)
            {
                eq = NULL;
            }
        }

        if (eq != NULL && eq > p) {
            src = eq + 1;
            dst = ngx_pnalloc(r->pool, amp - src + 1);
            if (dst == NULL) {
                return NGX_ERROR;
            }

            eq = dst;
            ngx_unescape_uri(&dst, &src, amp - src, 0);
            ngx_http_render_add_param(ctx, p,
                                      (u_char *) ngx_strlchr(p, amp, '=') - p,
                                      eq, dst - eq);
        }

        p = amp + 1;
    }

    return NGX_OK;
}


/* The caller's id where it is sane, else nginx's own. */

static ngx_int_t
ngx_http_render_request_id(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    u_char      c;
    size_t      i;
    ngx_str_t  *given;
    char        uuid[RN_UUID_LEN + 1];

    given = ngx_http_render_find_header(r, "X-Request-Id");

    if (given != NULL && given->len > 0 && given->len <= 128) {
        for (i = 0; i < given->len; i++) {
            c = given->data[i];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                  || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'
                  || c == '.' || c == ':'))
            {
                break;
            }
        }

        if (i == given->len) {
            ctx->id = *given;
            return NGX_OK;
        }
    }

    if (!rn_uuid(uuid)) {
        return NGX_ERROR;
    }

    ctx->id = ngx_http_render_dup(r->pool, uuid, RN_UUID_LEN);

    return ctx->id.data != NULL ? NGX_OK : NGX_ERROR;
}


/* Of printable ASCII, as its draft standard has it; SQL minds its length. */

static ngx_uint_t
ngx_http_render_key_ok(ngx_http_request_t *r)
{
    size_t      i;
    ngx_str_t  *key;

    key = ngx_http_render_find_header(r, "Idempotency-Key");

    for (i = 0; key != NULL && i < key->len; i++) {
        if (key->data[i] < 0x20 || key->data[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_render_cleanup(void *data)
{
    ngx_http_render_ctx_t *ctx = data;

    if (ctx->query != NULL) {               /* the answer goes nowhere */
        ctx->query->data = NULL;
        ctx->query = NULL;
    }

    json_decref(ctx->json);
    json_decref(ctx->extra);
    ctx->json = ctx->extra = NULL;
}


static ngx_http_render_ctx_t *
ngx_http_render_new_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t     *cln;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_render_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_render_cleanup;
    cln->data = ctx;
    ctx->cleanup = cln;
    ngx_http_set_ctx(r, ctx, ngx_http_render_module);

    return ctx;
}


static ngx_int_t
ngx_http_render_done(ngx_http_request_t *r)
{
    /* an answer was sent and finalized; the handler's own count remains */
    return NGX_DONE;
}


/* Finds the row; NULL with *allowed set to the methods of the path. */

static const ngx_http_render_route_t *
ngx_http_render_find(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx,
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

        if ((route->resource & api)
            && ngx_http_render_match(ctx, &route->pattern, path))
        {
            if (route->method & method) {
                return route;
            }
            *allowed |= route->method;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_render_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_str_t                    path, value;
    ngx_uint_t                   allowed;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_loc_conf_t  *lcf;

    if (ngx_http_render_process == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);
    ctx = ngx_http_render_new_ctx(r);

    if (ctx == NULL || ngx_http_render_request_id(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    path = r->uri;

    if (lcf->prefix.len != 0) {
        if (path.len < lcf->prefix.len
            || ngx_strncmp(path.data, lcf->prefix.data, lcf->prefix.len) != 0)
        {
            return NGX_HTTP_NOT_FOUND;
        }
        path.data += lcf->prefix.len;
        path.len -= lcf->prefix.len;
    }

    /* from here on everything ends with a finalize of its own */

    r->main->count++;

    ctx->route = ngx_http_render_find(r, ctx, lcf->api, &path, &allowed);
    ngx_http_render_note(r);

    if (ctx->route == NULL) {
        if (allowed == 0) {
            ngx_http_render_problem(r, 404, "Not found",
                                    "there is nothing at this path", NULL);
            return ngx_http_render_done(r);
        }

        value.data = (u_char *) ((allowed & GET) ? (allowed & POST)
                                 ? "GET, HEAD, POST" : "GET, HEAD"
                                 : (allowed & NGX_HTTP_PUT) ? "POST, PUT"
                                 : "POST");
        value.len = ngx_strlen(value.data);
        (void) ngx_http_render_header(r, "Allow", &value);
        ngx_http_render_problem(r, 405, "Method not allowed",
                                "this path does not take this method", NULL);
        return ngx_http_render_done(r);
    }

    if (ngx_http_render_query_params(r, ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return ngx_http_render_done(r);
    }

    ctx->identity = ngx_http_render_identify(r);

    if (ctx->identity == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return ngx_http_render_done(r);
    }

    if (ctx->route->who != ANYONE && !ctx->identity->valid) {
        (void) ngx_http_render_unauthorized(r);
        return ngx_http_render_done(r);
    }

    if (!ngx_http_render_key_ok(r)) {
        ngx_http_render_problem(r, 422, "Bad Idempotency-Key",
                                "Idempotency-Key must be printable ASCII",
                                NULL);
        return ngx_http_render_done(r);
    }

    if (ctx->route->body == NONE) {
        if (ctx->route->handler != ngx_http_render_upload) {
            rc = ngx_http_discard_request_body(r);
            if (rc != NGX_OK) {
                ngx_http_finalize_request(r, rc);
                return ngx_http_render_done(r);
            }
        }

        ngx_http_render_proceed(r);
        return ngx_http_render_done(r);
    }

    if (r->headers_in.content_length_n > NGX_HTTP_RENDER_BODY_MAX) {
        ngx_http_render_problem(r, 413, "Body too large",
                                "a document may hold at most 4 MiB", NULL);
        return ngx_http_render_done(r);
    }

    r->request_body_in_single_buf = 1;
    rc = ngx_http_read_client_request_body(r, ngx_http_render_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_finalize_request(r, rc);
        return ngx_http_render_done(r);
    }

    /* the read took a count of its own; one of the two suffices */

    ngx_http_finalize_request(r, NGX_DONE);

    return ngx_http_render_done(r);
}


/* The body in one piece, wherever nginx has put it. */

static ngx_int_t
ngx_http_render_take_body(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    size = 0;

    if (r->request_body == NULL) {          /* a subrequest without one */
        ngx_str_set(&ctx->body, "");
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > NGX_HTTP_RENDER_BODY_MAX) {
        return NGX_DECLINED;
    }

    ctx->body.data = p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);

        } else if (b->in_file) {
            n = ngx_read_file(b->file, p, b->file_last - b->file_pos,
                              b->file_pos);
            if (n != b->file_last - b->file_pos) {
                return NGX_ERROR;
            }
            p += n;
        }
    }

    *p = '\0';
    ctx->body.len = p - ctx->body.data;

    return NGX_OK;
}


static void
ngx_http_render_body_handler(ngx_http_request_t *r)
{
    char                    detail[200];
    ngx_int_t               rc;
    json_error_t            error;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    rc = ngx_http_render_take_body(r, ctx);

    if (rc != NGX_OK) {
        if (rc == NGX_DECLINED) {
            ngx_http_render_problem(r, 413, "Body too large",
                                    "a document may hold at most 4 MiB", NULL);
        } else {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
        return;
    }

    if (ctx->route->body == DOC) {
        ngx_http_render_document(r, ngx_http_render_proceed);
        return;
    }

    ctx->json = json_loadb((char *) ctx->body.data, ctx->body.len,
                           JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(ctx->json)) {
        (void) snprintf(detail, sizeof(detail), "the body must be a JSON "
                        "object%s%.120s", ctx->json == NULL ? ": " : "",
                        ctx->json == NULL ? error.text : "");
        ngx_http_render_problem(r, 400, "Bad JSON", detail, NULL);
        return;
    }

    ngx_http_render_proceed(r);
}


static void
ngx_http_render_proceed(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx->route->handler != NULL) {
        ctx->route->handler(r);
        return;
    }

    ngx_http_render_call(r, ctx->route->statement, ngx_http_render_answer);
}
