/*
 * Who is calling: a JWT by the Authorization header or the cookie, verified
 * lazily, once a main request, without any I/O.  libjwt alone accepts expired
 * tokens, any algorithm that the header names, and unknown "crit"; everything
 * about a token is therefore checked here, around it.
 */

#include "ngx_http_render.h"
#include "rn_id.h"

#include <jwt.h>


#define NGX_HTTP_RENDER_ISSUER  "nginx-render"
#define NGX_HTTP_RENDER_LEEWAY  60              /* s, for clocks that differ */


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
    const char *use)
{
    char                         *token, id[RN_UUID_LEN + 1];
    jwt_t                        *jwt;
    time_t                        now;
    ngx_http_render_main_conf_t  *mcf = ngx_http_render_process->conf;

    if (!rn_uuid(id) || jwt_new(&jwt) != 0) {
        return NULL;
    }

    now = ngx_time();
    token = NULL;

    if (jwt_set_alg(jwt, JWT_ALG_HS256, mcf->jwt_key.data, mcf->jwt_key.len)
           == 0
        && jwt_add_grant(jwt, "iss", NGX_HTTP_RENDER_ISSUER) == 0
        && jwt_add_grant(jwt, "sub", account) == 0
        && jwt_add_grant(jwt, "role", role) == 0
        && jwt_add_grant(jwt, "jti", id) == 0
        && jwt_add_grant_int(jwt, "iat", now) == 0
        && jwt_add_grant_int(jwt, "exp", now + ttl) == 0
        && (use == NULL || jwt_add_grant(jwt, "use", use) == 0))
    {
        token = jwt_encode_str(jwt);
    }

    jwt_free(jwt);

    return token;
}


/* The header alone, before libjwt sees the token: HS256, nothing unknown. */

static ngx_uint_t
ngx_http_render_header_ok(ngx_pool_t *pool, ngx_str_t *token)
{
    u_char      *dot;
    json_t      *j, *typ;
    ngx_str_t    encoded, text;
    ngx_uint_t   ok;
    const char  *alg;

    dot = ngx_strlchr(token->data, token->data + token->len, '.');
    if (dot == NULL) {
        return 0;
    }

    encoded.data = token->data;
    encoded.len = dot - token->data;
    text.data = ngx_pnalloc(pool, ngx_base64_decoded_length(encoded.len) + 1);

    if (text.data == NULL || ngx_decode_base64url(&text, &encoded) != NGX_OK) {
        return 0;
    }

    j = json_loadb((char *) text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    alg = json_string_value(json_object_get(j, "alg"));
    typ = json_object_get(j, "typ");

    ok = alg != NULL && ngx_strcmp(alg, "HS256") == 0
         && json_object_get(j, "crit") == NULL
         && (typ == NULL || (json_is_string(typ)
             && ngx_strcasecmp((u_char *) json_string_value(typ),
                               (u_char *) "JWT") == 0));
    json_decref(j);

    return ok;
}


static const char *
ngx_http_render_claims(ngx_http_request_t *r, jwt_t *jwt, const char *use,
    ngx_str_t *token, ngx_http_render_identity_t *id)
{
    long         exp, nbf, iat, now, leeway;
    const char  *sub, *iss, *role, *its;

    now = ngx_time();
    exp = jwt_get_grant_int(jwt, "exp");
    nbf = jwt_get_grant_int(jwt, "nbf");
    iat = jwt_get_grant_int(jwt, "iat");
    sub = jwt_get_grant(jwt, "sub");
    iss = jwt_get_grant(jwt, "iss");
    role = jwt_get_grant(jwt, "role");
    its = jwt_get_grant(jwt, "use");

    if (jwt_get_alg(jwt) != JWT_ALG_HS256) {
        return "the token is not valid";
    }

    leeway = use == NULL ? NGX_HTTP_RENDER_LEEWAY / 2 : 0;

    if (exp <= 0 || exp + leeway <= now) {
        return "the token has expired";
    }

    /* a ticket is no token, and a token no ticket */

    if (use == NULL ? its != NULL : its == NULL || ngx_strcmp(its, use) != 0) {
        return "the token is not one for this";
    }

    if (nbf > now + NGX_HTTP_RENDER_LEEWAY
        || iat > now + NGX_HTTP_RENDER_LEEWAY)
    {
        return "the token is not valid yet";
    }

    if (iss == NULL || ngx_strcmp(iss, NGX_HTTP_RENDER_ISSUER) != 0
        || sub == NULL || !rn_is_uuid(sub, ngx_strlen(sub))
        || role == NULL || ngx_strlen(role) > 32)
    {
        return "the token is not one of this server";
    }

    id->account = ngx_http_render_dup(r->pool, sub, ngx_strlen(sub));
    id->role = ngx_http_render_dup(r->pool, role, ngx_strlen(role));

    if (id->account.data == NULL || id->role.data == NULL) {
        return "no memory";
    }

    id->valid = 1;

    if (use == NULL) {
        ngx_http_render_know(token, id,
                             ngx_max(nbf, iat) - NGX_HTTP_RENDER_LEEWAY,
                             exp + leeway);
    }

    return NULL;
}


static const char *
ngx_http_render_verify(ngx_http_request_t *r, ngx_str_t *token,
    const char *use, ngx_http_render_identity_t *id)
{
    jwt_t                        *jwt;
    ngx_str_t                     text;
    const char                   *why;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);

    if (mcf->jwt_key.len == 0) {
        return "this server has no key to verify tokens";
    }

    if (use == NULL && ngx_http_render_known(r, token, id)) {
        return NULL;
    }

    if (token->len > NGX_HTTP_RENDER_TOKEN_MAX
        || !ngx_http_render_header_ok(r->pool, token))
    {
        return "the token is not valid";
    }

    text = ngx_http_render_dup(r->pool, (char *) token->data, token->len);

    if (text.data == NULL
        || jwt_decode(&jwt, (char *) text.data, mcf->jwt_key.data,
                      mcf->jwt_key.len) != 0)
    {
        return "the token is not valid";
    }

    why = ngx_http_render_claims(r, jwt, use, token, id);
    jwt_free(jwt);

    return why;
}


/* The token of the request: RFC 6750, section 2.1, or the cookie. */

static ngx_uint_t
ngx_http_render_token(ngx_http_request_t *r, ngx_str_t *token,
    ngx_http_render_identity_t *id)
{
    ngx_str_t  *h, name = ngx_string(NGX_HTTP_RENDER_COOKIE);

    if (r->headers_in.authorization != NULL) {
        h = &r->headers_in.authorization->value;
        id->given = 1;

        if (h->len < 8
            || ngx_strncasecmp(h->data, (u_char *) "Bearer ", 7) != 0)
        {
            id->why = "only Bearer tokens are known";
            return 0;
        }

        token->data = h->data + 7;
        token->len = h->len - 7;

        while (token->len > 0 && token->data[0] == ' ') {
            token->data++;
            token->len--;
        }

        return 1;
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
