/*
 * What is known of a request at its end: variables for the access log, and its
 * place in the counters.
 *
 * A log of JSON wants text: what a client sent as path and agent need not be
 * UTF-8, and is replaced where it is not.  (A map with regexes does the same at
 * a tenth of what a refusal costs.)
 *
 * It is counted by a handler of the log phase.  That runs exactly once for each
 * main request, after the status is final: a clean-up handler of the request
 * runs before nginx writes 499 for a client that has left, and would also miss
 * requests that never came to the content phase (limit_req, allow and deny,
 * client_max_body_size).
 */

#include "ngx_http_render.h"
#include "rn_utf8.h"


typedef struct {
    const ngx_http_render_route_t  *route;      /* NULL: no row matched */
    ngx_str_t                       id;
} ngx_http_render_note_t;


static ngx_int_t ngx_http_render_log_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_render_path_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_render_agent_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_render_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/* the last three may be an operator's map of the same name */

static ngx_http_variable_t  ngx_http_render_log_vars[] = {

    { ngx_string("render_route"), NULL, ngx_http_render_log_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("render_request_id"), NULL, ngx_http_render_log_variable, 1,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("render_log_path"), NULL, ngx_http_render_path_variable, 0,
      NGX_HTTP_VAR_CHANGEABLE, 0 },

    { ngx_string("render_log_agent"), NULL, ngx_http_render_agent_variable, 0,
      NGX_HTTP_VAR_CHANGEABLE, 0 },

    { ngx_string("render_log_status"), NULL, ngx_http_render_status_variable, 0,
      NGX_HTTP_VAR_CHANGEABLE|NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_render_log_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_render_log_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


void
ngx_http_render_note_cleanup(void *data)
{
    /* marks the record: the module's context is wiped by internal redirects */
}


static ngx_http_render_note_t *
ngx_http_render_noted(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->main->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_render_note_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


/* After an error_page that leads to an API location again, the last holds. */

void
ngx_http_render_note(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_render_ctx_t   *ctx;
    ngx_http_render_note_t  *note;

    if (r != r->main) {
        return;
    }

    note = ngx_http_render_noted(r);

    if (note == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_render_note_t));
        if (cln == NULL) {
            return;                         /* counted as "none" */
        }

        cln->handler = ngx_http_render_note_cleanup;
        note = cln->data;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    note->route = ctx->route;
    note->id = ctx->id;
}


static ngx_int_t
ngx_http_render_log_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                s;
    ngx_http_render_note_t  *note;

    note = ngx_http_render_noted(r);

    if (note == NULL || (data == 0 && note->route == NULL)) {
        v->not_found = 1;
        return NGX_OK;
    }

    s = data == 0 ? note->route->pattern : note->id;

    v->data = s.data;
    v->len = s.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void
ngx_http_render_log_text(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    static u_char  other[] = "(not UTF-8)";

    if (len != 0 && !rn_utf8_valid((char *) data, len)) {
        data = other;
        len = sizeof(other) - 1;
    }

    v->data = data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}


/* As it was sent, without its query, which may hold tokens. */

static ngx_int_t
ngx_http_render_path_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char     *query;
    ngx_str_t   path;

    path = r->unparsed_uri;
    query = path.len != 0 ? ngx_strlchr(path.data, path.data + path.len, '?')
                          : NULL;

    ngx_http_render_log_text(v, path.data, query != NULL
                                           ? (size_t) (query - path.data)
                                           : path.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_render_agent_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t         agent;
    ngx_table_elt_t  *h;

    h = r->headers_in.user_agent;

    if (h != NULL) {
        agent = h->value;
    } else {
        ngx_str_set(&agent, "");
    }

    ngx_http_render_log_text(v, agent.data, agent.len);

    return NGX_OK;
}


/* $status is 000 where the connection ended before there was one: no number. */

static ngx_int_t
ngx_http_render_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_uint_t  status;

    status = r->err_status ? r->err_status : r->headers_out.status;

    v->data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%ui", status) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* Rows of one pattern, for other methods, are one route: the first of them. */

static ngx_uint_t
ngx_http_render_pattern(const ngx_http_render_route_t *route)
{
    ngx_uint_t                      i, n;
    const ngx_http_render_route_t  *table;

    table = ngx_http_render_route_table(&n);

    for (i = 0; route != NULL && i < n; i++) {
        if (table[i].pattern.len == route->pattern.len
            && ngx_strncmp(table[i].pattern.data, route->pattern.data,
                           route->pattern.len) == 0)
        {
            return i;
        }
    }

    return NGX_HTTP_RENDER_PATTERNS - 1;
}


ngx_int_t
ngx_http_render_log_handler(ngx_http_request_t *r)
{
    ngx_time_t                  *tp;
    ngx_uint_t                   status;
    ngx_msec_int_t               ms;
    ngx_http_render_note_t      *note;
    ngx_http_render_loc_conf_t  *lcf;

    if (r != r->main || ngx_http_render_shm == NULL) {
        return NGX_OK;
    }

    note = ngx_http_render_noted(r);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);

    if (note == NULL && lcf->api == 0) {
        return NGX_OK;
    }

    /* as $status and $request_time of the access log have them */

    status = r->err_status ? r->err_status : r->headers_out.status;

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t)
             ((tp->sec - r->start_sec) * 1000 + (tp->msec - r->start_msec));

    ngx_http_render_measure_request(
        ngx_http_render_pattern(note != NULL ? note->route : NULL), r->method,
        status, (ngx_msec_t) ngx_max(ms, 0));

    return NGX_OK;
}
