/*
 * Who is calling: a JWT by the Authorization header or the cookie, verified
 * lazily, once a main request, without any I/O.  What a token must be is said
 * by common/rn_jwt.c.
 */

#include "ngx_http_render.h"
#include "rn_header.h"
#include "rn_jwt.h"


static ngx_int_t ngx_http_render_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_render_variables[] = {

    { ngx_string("render_user_id"), NULL, ngx_http_render_variable,
      offsetof(ngx_http_render_identity_t, account), NGX_HTTP_VAR_NOCACHEABLE,
      0 },

    { ngx_string("render_user_role"), NULL, ngx_http_render_variable,
      offsetof(ngx_http_render_identity_t, role), NGX_HTTP_VAR_NOCACHEABLE,
      0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_render_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_render_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return ngx_http_render_log_variables(cf);
}


char *
ngx_http_render_issue(const char *account, const char *role, time_t ttl,
    const char *use, time_t until)
{
    ngx_http_render_main_conf_t  *mcf = ngx_http_render_process->conf;

    return rn_jwt_issue(mcf->jwt_key.data, mcf->jwt_key.len, ngx_time(), ttl,
                        account, role, use, until);
}


static const char *
ngx_http_render_verify(ngx_http_request_t *r, ngx_str_t *token,
    const char *use, ngx_http_render_identity_t *id)
{
    rn_jwt                        jwt;
    const char                   *why;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);

    if (mcf->jwt_key.len == 0) {
        return "this server has no key to verify tokens";
    }

    if (use == NULL && ngx_http_render_known(r, token, id)) {
        return NULL;
    }

    why = rn_jwt_verify(mcf->jwt_key.data, mcf->jwt_key.len, ngx_time(), use,
                        (char *) token->data, token->len, &jwt);
    if (why != NULL) {
        return why;
    }

    id->account = ngx_http_render_dup(r->pool, jwt.account,
                                      ngx_strlen(jwt.account));
    id->role = ngx_http_render_dup(r->pool, jwt.role, ngx_strlen(jwt.role));

    if (id->account.data == NULL || id->role.data == NULL) {
        return "no memory";
    }

    id->expires = jwt.until;
    id->valid = 1;

    if (use == NULL) {
        ngx_http_render_know(token, id, ngx_time() - RN_JWT_LEEWAY,
                             jwt.expires);
    }

    return NULL;
}


/* The token of the request: RFC 6750, section 2.1, or the cookie. */

static ngx_uint_t
ngx_http_render_token(ngx_http_request_t *r, ngx_str_t *token,
    ngx_http_render_identity_t *id)
{
    ngx_str_t   *h, name = ngx_string(NGX_HTTP_RENDER_COOKIE);
    const char  *text;

    if (r->headers_in.authorization != NULL) {
        h = &r->headers_in.authorization->value;
        id->given = 1;

        switch (rn_bearer((char *) h->data, h->len, &text, &token->len)) {

        case RN_BEARER_OK:
            token->data = (u_char *) text;
            return 1;

        case RN_BEARER_OTHER:
            id->why = "only Bearer tokens are known";
            return 0;

        default:
            id->why = "the token is not valid";
            return 0;
        }
    }

#if (nginx_version >= 1023000)
    if (ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, &name,
                                          token) == NULL)
#else
    if (ngx_http_parse_multi_header_lines(&r->headers_in.cookies, &name, token)
        == NGX_DECLINED)
#endif
    {
        id->why = "sign in first: this needs an Authorization header with a "
                  "Bearer token";
        return 0;
    }

    id->given = id->by_cookie = 1;

    return 1;
}


static void
ngx_http_render_identity_cleanup(void *data)
{
    /* marks the record; see ngx_http_render_identify() */
}


ngx_uint_t
ngx_http_render_only_ours(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler != NULL
            && cln->handler != ngx_http_render_identity_cleanup
            && cln->handler != ngx_http_render_note_cleanup)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * The module's context is wiped by internal redirects; the verdict is kept in a
 * clean-up record of the main request's pool and found again by its handler.
 */

ngx_http_render_identity_t *
ngx_http_render_identify(ngx_http_request_t *r)
{
    ngx_str_t                    token;
    ngx_pool_cleanup_t          *cln;
    ngx_http_render_identity_t  *id;

    r = r->main;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_render_identity_cleanup) {
            return cln->data;
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_render_identity_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_render_identity_cleanup;
    id = cln->data;
    ngx_memzero(id, sizeof(ngx_http_render_identity_t));
    id->checked = 1;

    if (ngx_http_render_token(r, &token, id)) {
        id->why = ngx_http_render_verify(r, &token, NULL, id);
    }

    return id;
}


/* In place of a header or a cookie that a browser cannot send; RFC 6750, 2.3
   warns of tokens in queries, hence its short life. */

void
ngx_http_render_take_ticket(ngx_http_request_t *r,
    ngx_http_render_identity_t *id, ngx_str_t *ticket)
{
    id->valid = 0;
    id->given = 1;
    id->by_cookie = 0;
    id->why = ngx_http_render_verify(r, ticket, "ticket", id);
}


static ngx_int_t
ngx_http_render_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                   *s;
    ngx_http_render_identity_t  *id;

    id = ngx_http_render_identify(r);
    if (id == NULL) {
        return NGX_ERROR;
    }

    if (!id->valid) {
        v->not_found = 1;
        return NGX_OK;
    }

    s = (ngx_str_t *) ((char *) id + data);
    v->data = s->data;
    v->len = s->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* RFC 9110, section 11.6.1: no 401 goes without it. */

ngx_int_t
ngx_http_render_challenge(ngx_http_request_t *r, ngx_uint_t had_token)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "WWW-Authenticate");
    if (had_token) {
        ngx_str_set(&h->value, "Bearer error=\"invalid_token\"");
    } else {
        ngx_str_set(&h->value, "Bearer");
    }
    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


/* The 401 of an API route. */

ngx_int_t
ngx_http_render_unauthorized(ngx_http_request_t *r)
{
    ngx_http_render_identity_t  *id;

    id = ngx_http_render_identify(r);
    ngx_http_render_problem(r, 401, "Unauthorized",
                            id != NULL && id->why ? id->why : "sign in first",
                            NULL);

    return NGX_DONE;
}


/* render_auth, for locations of others. */

ngx_int_t
ngx_http_render_access_handler(ngx_http_request_t *r)
{
    ngx_http_render_identity_t  *id;
    ngx_http_render_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);

    if (lcf->auth == ngx_http_render_anyone) {
        return NGX_DECLINED;
    }

    id = ngx_http_render_identify(r);
    if (id == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!id->valid) {
        if (ngx_http_render_challenge(r, r->headers_in.authorization != NULL)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        return NGX_HTTP_UNAUTHORIZED;
    }

    if (lcf->auth == ngx_http_render_admin
        && (id->role.len != 5 || ngx_strncmp(id->role.data, "admin", 5) != 0))
    {
        return NGX_HTTP_FORBIDDEN;
    }

    return NGX_OK;
}
