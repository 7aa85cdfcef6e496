/*
 * What a signed-in client is given: tokens, the cookie of pages, and tickets
 * for connections on which a browser can send neither header nor cookie.
 */

#include "ngx_http_render.h"


#define NGX_HTTP_RENDER_TICKET_TTL  30          /* s */


/* An empty token takes the cookie away. */

static void
ngx_http_render_set_cookie(ngx_http_request_t *r, const char *token,
    time_t ttl)
{
    u_char     *p;
    ngx_str_t   cookie;

    cookie.data = ngx_pnalloc(r->pool, ngx_strlen(token) + 128);
    if (cookie.data == NULL) {
        return;
    }

    p = ngx_sprintf(cookie.data, NGX_HTTP_RENDER_COOKIE "=%s; Path=/; HttpOnly;"
                    " Secure; SameSite=Lax; Max-Age=%T", token, ttl);
    cookie.len = p - cookie.data;
    (void) ngx_http_render_header(r, "Set-Cookie", &cookie);
}


/* {"access_token", "token_type", "expires_in", "account"} */

void
ngx_http_render_tokens(ngx_http_request_t *r, ngx_uint_t status,
    json_t *account)
{
    char                         *token, *text;
    json_t                       *j;
    ngx_str_t                     body, want;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);

    token = ngx_http_render_issue(
                json_string_value(json_object_get(account, "id")),
                json_string_value(json_object_get(account, "role")),
                mcf->jwt_ttl, NULL, 0);
    j = json_pack("{s:s, s:s, s:I, s:O}", "access_token", token ? token : "",
                  "token_type", "bearer", "expires_in",
                  (json_int_t) mcf->jwt_ttl, "account", account);
    text = token != NULL && j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);

    if (text == NULL) {
        free(token);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    want = ngx_http_render_param(r, "cookie");

    if (want.len == 1 && want.data[0] == '1') {
        ngx_http_render_set_cookie(r, token, mcf->jwt_ttl);
    }

    body = ngx_http_render_dup(r->pool, text, ngx_strlen(text));
    free(text);
    free(token);

    ngx_http_render_send_json(r, status, &body);
}


void
ngx_http_render_logout(ngx_http_request_t *r)
{
    ngx_http_render_set_cookie(r, "", 0);
    ngx_http_render_no_content(r);
}


void
ngx_http_render_ticket(ngx_http_request_t *r)
{
    char                   *ticket;
    time_t                  ttl;
    u_char                 *p;
    ngx_str_t               body;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    /* it opens nothing once the token has ended for which it was given */

    ttl = ctx->identity->expires - ngx_time();
    ttl = ngx_max(1, ngx_min(ttl, NGX_HTTP_RENDER_TICKET_TTL));

    ticket = ngx_http_render_issue((char *) ctx->identity->account.data,
                                   (char *) ctx->identity->role.data,
                                   ttl, "ticket",
                                   ctx->identity->expires);
    body.data = ticket != NULL ? ngx_pnalloc(r->pool, ngx_strlen(ticket) + 64)
                               : NULL;
    if (body.data == NULL) {
        free(ticket);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = ngx_sprintf(body.data, "{\"ticket\":\"%s\",\"expires_in\":%T}",
                    ticket, ttl);
    body.len = p - body.data;
    free(ticket);

    ngx_http_render_send_json(r, NGX_HTTP_CREATED, &body);
}
