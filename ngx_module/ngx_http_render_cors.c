/*
 * Cross-origin requests (the fetch standard's CORS): which pages may call, the
 * preflight, answered before anybody asks for a token, and the headers, which
 * every answer of the location gets, errors of nginx itself too.  An Origin
 * that is not listed is told nothing.
 */

#include "ngx_http_render.h"


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


/*
 * An origin as browsers write it (the fetch standard, "serializing an origin"):
 * scheme and host in small letters, a port only where it is not the scheme's
 * own.  Written otherwise it would never match.
 */

static ngx_uint_t
ngx_http_render_is_origin(ngx_str_t *value)
{
    u_char     *p, *host, *end;
    ngx_int_t   port, usual;

    p = value->data;
    end = p + value->len;

    if (ngx_strncmp(p, "http://", 7) == 0) {
        p += 7;
        usual = 80;

    } else if (ngx_strncmp(p, "https://", 8) == 0) {
        p += 8;
        usual = 443;

    } else {
        return 0;
    }

    host = p;

    if (p < end && *p == '[') {             /* IPv6 */
        do {
            p++;
        } while (p < end && ((*p >= '0' && *p <= '9') || *p == ':'
                             || (*p >= 'a' && *p <= 'f')));
        if (p == end || *p++ != ']') {
            return 0;
        }

    } else {
        while (p < end && ((*p >= 'a' && *p <= 'z') || *p == '.' || *p == '-'
                           || *p == '_' || (*p >= '0' && *p <= '9')))
        {
            p++;
        }
    }

    if (p == host || p == end) {
        return p != host;
    }

    port = *p == ':' ? ngx_atoi(p + 1, end - p - 1) : NGX_ERROR;

    return p[1] != '0' && port > 0 && port <= 65535 && port != usual;
}


char *
ngx_http_render_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_render_loc_conf_t *lcf = conf;

    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (lcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->origins = ngx_array_create(cf->pool, cf->args->nelts,
                                    sizeof(ngx_str_t));
    if (lcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (!ngx_http_render_is_origin(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\" in "
                               "\"render_cors_origin\", it must be "
                               "scheme://host[:port], as browsers send it, or "
                               "\"off\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(lcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_render_listed(ngx_http_render_loc_conf_t *lcf, ngx_str_t *origin)
{
    ngx_str_t   *o;
    ngx_uint_t   i;

    o = lcf->origins->elts;

    for (i = 0; i < lcf->origins->nelts; i++) {
        if (o[i].len == origin->len
            && ngx_strncmp(o[i].data, origin->data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Whether the origin is this host, as the client has named it.  TLS may end
 * before us, so that "https" is believed without it, but never "http" with it.
 */

static ngx_uint_t
ngx_http_render_is_ours(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char     *p, *end;
    in_port_t   port;
    ngx_str_t   host, *named;
    ngx_uint_t  https;

    p = (u_char *) ngx_strstr(origin->data, "://");
    if (p == NULL) {
        return 0;
    }

    https = p - origin->data == 5
            && ngx_strncmp(origin->data, "https", 5) == 0;

#if (NGX_SSL || NGX_COMPAT)

    if (r->connection->ssl != NULL && !https) {
        return 0;
    }

#endif

    host.data = p + 3;
    end = origin->data + origin->len;
    host.len = end - host.data;

    if (r->headers_in.host != NULL) {
        named = &r->headers_in.host->value;

        return host.len == named->len
               && ngx_strncasecmp(host.data, named->data, host.len) == 0;
    }

    /* HTTP/3 need not have the header; nginx keeps its name without a port */

    named = &r->headers_in.server;

    if (named->len == 0 || host.len < named->len
        || ngx_strncasecmp(host.data, named->data, named->len) != 0
        || ngx_connection_local_sockaddr(r->connection, NULL, 0) != NGX_OK)
    {
        return 0;
    }

    p = host.data + named->len;
    port = ngx_inet_get_port(r->connection->local_sockaddr);

    if (p == end) {
        return port == (https ? 443 : 80);
    }

    return *p == ':' && ngx_atoi(p + 1, end - p - 1) == (ngx_int_t) port;
}


ngx_uint_t
ngx_http_render_origin_ok(ngx_http_request_t *r, ngx_uint_t absent)
{
    ngx_str_t                   *origin;
    ngx_http_render_loc_conf_t  *lcf;

    origin = ngx_http_render_find_header(r, "Origin");

    if (origin == NULL) {
        return absent;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);

    if (ngx_http_render_listed(lcf, origin)) {
        return 1;
    }

    return ngx_http_render_is_ours(r, origin);
}


static ngx_uint_t
ngx_http_render_is_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS
           && ngx_http_render_find_header(r, "Access-Control-Request-Method")
              != NULL;
}


/* In a phase before access: a preflight carries no token. */

ngx_int_t
ngx_http_render_preflight_handler(ngx_http_request_t *r)
{
    ngx_str_t                   *origin;
    ngx_http_render_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);

    if (lcf->origins->nelts == 0 || r != r->main
        || !ngx_http_render_is_preflight(r))
    {
        return NGX_DECLINED;
    }

    origin = ngx_http_render_find_header(r, "Origin");

    if (origin == NULL || !ngx_http_render_listed(lcf, origin)) {
        return NGX_DECLINED;
    }

    return NGX_HTTP_NO_CONTENT;
}


/* Known again by its address: nginx passes a header twice that ends in 416. */

static u_char  ngx_http_render_vary[] = "Origin";


static ngx_uint_t
ngx_http_render_cors_told(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (h[i].value.data == ngx_http_render_vary) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_render_cors_filter(ngx_http_request_t *r)
{
    ngx_str_t                    value, *origin;
    ngx_http_render_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);

    if (lcf->origins->nelts == 0 || r != r->main
        || ngx_http_render_cors_told(r))
    {
        return ngx_http_next_header_filter(r);
    }

    value.data = ngx_http_render_vary;
    value.len = sizeof(ngx_http_render_vary) - 1;
    (void) ngx_http_render_header(r, "Vary", &value);

    origin = ngx_http_render_find_header(r, "Origin");

    if (origin == NULL || !ngx_http_render_listed(lcf, origin)) {
        return ngx_http_next_header_filter(r);
    }

    (void) ngx_http_render_header(r, "Access-Control-Allow-Origin", origin);
    ngx_str_set(&value, "true");
    (void) ngx_http_render_header(r, "Access-Control-Allow-Credentials",
                                  &value);

    if (ngx_http_render_is_preflight(r)) {
        ngx_str_set(&value, "GET, HEAD, POST, PUT, PATCH, DELETE");
        (void) ngx_http_render_header(r, "Access-Control-Allow-Methods",
                                      &value);
        ngx_str_set(&value, "Authorization, Content-Type, Idempotency-Key, "
                    "If-Match, Last-Event-ID, Range, Tus-Resumable, "
                    "Upload-Checksum, Upload-Complete, Upload-Concat, "
                    "Upload-Defer-Length, Upload-Draft-Interop-Version, "
                    "Upload-Length, Upload-Metadata, Upload-Offset, "
                    "X-HTTP-Method-Override, X-Request-Id, X-Requested-With, "
                    "traceparent");
        (void) ngx_http_render_header(r, "Access-Control-Allow-Headers",
                                      &value);
        ngx_str_set(&value, "7200");
        (void) ngx_http_render_header(r, "Access-Control-Max-Age", &value);

    } else {
        ngx_str_set(&value, "Content-Disposition, Content-Range, ETag, "
                    "Location, Retry-After, Tus-Checksum-Algorithm, "
                    "Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
                    "Upload-Complete, Upload-Concat, Upload-Defer-Length, "
                    "Upload-Draft-Interop-Version, Upload-Expires, "
                    "Upload-Length, Upload-Limit, Upload-Metadata, Upload-Offset, "
                    "X-Request-Id");
        (void) ngx_http_render_header(r, "Access-Control-Expose-Headers",
                                      &value);
    }

    return ngx_http_next_header_filter(r);
}


ngx_int_t
ngx_http_render_cors_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_render_preflight_handler;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_render_cors_filter;

    return NGX_OK;
}
