/*
 * Signing up and in.  bcrypt costs 200 ms and runs in a pool of its own; a
 * login with an unknown address costs the same as one with a wrong password.
 */

#include "ngx_http_render.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <sys/random.h>


#define NGX_HTTP_RENDER_PASSWORD_MIN  8
#define NGX_HTTP_RENDER_PASSWORD_MAX  72        /* bytes that bcrypt reads */


typedef struct {
    char               password[NGX_HTTP_RENDER_PASSWORD_MAX + 1];
    char               against[128];            /* "": make a hash */
    char               hash[128];               /* made, or "" */
    ngx_uint_t         cost;
    ngx_uint_t         match;
    struct crypt_data  crypt;
} ngx_http_render_password_t;


static void ngx_http_render_signup_hashed(ngx_http_request_t *r, void *data);
static void ngx_http_render_signup_done(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_login_found(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_login_compared(ngx_http_request_t *r, void *data);


/* Runs in a thread. */

static void
ngx_http_render_hash(void *data)
{
    char                         salt[64], random[16], *h;
    ngx_http_render_password_t  *p = data;

    if (p->against[0] == '\0') {
        if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random)
            || crypt_gensalt_rn("$2b$", p->cost, random, sizeof(random), salt,
                                sizeof(salt)) == NULL)
        {
            return;
        }
    } else {
        ngx_cpystrn((u_char *) salt, (u_char *) p->against, sizeof(salt));
    }

    h = crypt_rn(p->password, salt, &p->crypt, sizeof(p->crypt));

    if (h != NULL && h[0] == '$') {
        ngx_cpystrn((u_char *) p->hash, (u_char *) h, sizeof(p->hash));
        p->match = ngx_strlen(p->hash) == ngx_strlen(p->against)
                   && CRYPTO_memcmp(p->hash, p->against,
                                    ngx_strlen(p->hash)) == 0;
    }

    OPENSSL_cleanse(p->password, sizeof(p->password));
    OPENSSL_cleanse(&p->crypt, sizeof(p->crypt));
}


/* The password of the body where it can be one; answers otherwise. */

static ngx_http_render_password_t *
ngx_http_render_password(ngx_http_request_t *r, ngx_uint_t strict)
{
    size_t                       len;
    json_t                      *errors;
    const char                  *s, *email;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_password_t  *p;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    s = json_string_value(json_object_get(ctx->json, "password"));
    email = json_string_value(json_object_get(ctx->json, "email"));
    len = json_string_length(json_object_get(ctx->json, "password"));
    errors = json_array();

    if (email == NULL) {
        (void) json_array_append_new(errors, json_pack("{s:s, s:s}", "pointer",
            "/email", "detail", "must be an e-mail address"));
    }

    if (s == NULL || len != ngx_strlen(s)
        || (strict && (len < NGX_HTTP_RENDER_PASSWORD_MIN
                       || len > NGX_HTTP_RENDER_PASSWORD_MAX)))
    {
        (void) json_array_append_new(errors, json_pack("{s:s, s:s}", "pointer",
            "/password", "detail", "must be a string of 8 to 72 bytes"));
    }

    if (json_array_size(errors) != 0) {
        ngx_http_render_problem(r, 422, "Unprocessable", "the request lacks "
                                "what is needed", errors);
        return NULL;
    }

    json_decref(errors);

    p = calloc(1, sizeof(ngx_http_render_password_t));
    if (p == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    /* one that is too long matches nothing, after the usual time */

    if (len <= NGX_HTTP_RENDER_PASSWORD_MAX) {
        ngx_memcpy(p->password, s, len);
    }

    p->cost = ngx_http_render_process->conf->bcrypt_cost;

    return p;
}


static void
ngx_http_render_busy(ngx_http_request_t *r, ngx_http_render_password_t *p)
{
    OPENSSL_cleanse(p, sizeof(*p));
    free(p);
    ngx_http_render_problem(r, 503, "Service unavailable",
                            "too many people are signing in; try again",
                            NULL);
}


void
ngx_http_render_signup(ngx_http_request_t *r)
{
    ngx_http_render_password_t  *p;

    p = ngx_http_render_password(r, 1);

    if (p != NULL
        && ngx_http_render_thread(r, ngx_http_render_process->conf->auth_pool,
                                  ngx_http_render_hash,
                                  ngx_http_render_signup_hashed, p) != NGX_OK)
    {
        ngx_http_render_busy(r, p);
    }
}


/* The password must not travel further than here. */

static ngx_int_t
ngx_http_render_body_without_password(ngx_http_request_t *r)
{
    char                   *text;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    (void) json_object_del(ctx->json, "password");
    text = json_dumps(ctx->json, JSON_COMPACT);

    if (text == NULL) {
        return NGX_ERROR;
    }

    ctx->body = ngx_http_render_dup(r->pool, text, ngx_strlen(text));
    free(text);

    return ctx->body.data != NULL ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_render_signup_hashed(ngx_http_request_t *r, void *data)
{
    ngx_http_render_password_t  *p = data;

    if (r != NULL) {
        if (p->hash[0] == '\0'
            || ngx_http_render_body_without_password(r) != NGX_OK)
        {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        } else {
            ngx_http_render_add(r, "password_hash", json_string(p->hash));
            ngx_http_render_call(r, ngx_http_render_sql_signup,
                                 ngx_http_render_signup_done);
        }
    }

    OPENSSL_cleanse(p, sizeof(*p));
    free(p);
}


static void
ngx_http_render_signup_done(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    json_t  *j;

    if (a->failed || a->status != NGX_HTTP_CREATED) {
        ngx_http_render_answer(r, a);
        return;
    }

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    ngx_http_render_tokens(r, NGX_HTTP_CREATED, json_object_get(j, "account"));
    json_decref(j);
}


void
ngx_http_render_login(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_password_t  *p;

    p = ngx_http_render_password(r, 0);
    if (p == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ctx->state = p;

    if (ngx_http_render_body_without_password(r) != NGX_OK) {
        free(p);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    {
        ngx_pool_cleanup_t  *cln;

        /* freed here if the client leaves before the hash is read */

        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            free(p);
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        cln->handler = free;
        cln->data = p;
    }

    ngx_http_render_call(r, ngx_http_render_sql_login_hash,
                         ngx_http_render_login_found);
}


static void
ngx_http_render_login_found(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    json_t                      *j;
    const char                  *hash;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_password_t  *p, *mine;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    mine = ctx->state;

    p = malloc(sizeof(ngx_http_render_password_t));
    if (p == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    *p = *mine;                         /* the thread's own */
    OPENSSL_cleanse(mine->password, sizeof(mine->password));

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    hash = json_string_value(json_object_get(j, "hash"));

    if (hash != NULL) {
        ngx_cpystrn((u_char *) p->against, (u_char *) hash,
                    sizeof(p->against));
    }

    /* with nothing to compare, a hash is made all the same */

    json_decref(ctx->json);
    ctx->json = j;

    if (ngx_http_render_thread(r, ngx_http_render_process->conf->auth_pool,
                               ngx_http_render_hash,
                               ngx_http_render_login_compared, p) != NGX_OK)
    {
        ngx_http_render_count(login_busy);
        ngx_http_render_busy(r, p);
    }
}


static void
ngx_http_render_login_compared(ngx_http_request_t *r, void *data)
{
    ngx_uint_t                   match;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_password_t  *p = data;

    match = p->against[0] != '\0' && p->match;
    OPENSSL_cleanse(p, sizeof(*p));
    free(p);

    if (r == NULL) {
        return;
    }

    if (!match) {
        ngx_http_render_count(login_denied);
        ngx_http_render_problem(r, 401, "Unauthorized", "the e-mail address "
                                "or the password is wrong", NULL);
        return;
    }

    ngx_http_render_count(login_ok);
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ngx_http_render_tokens(r, NGX_HTTP_OK, json_object_get(ctx->json,
                                                           "account"));
}
