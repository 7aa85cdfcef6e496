/*
 * Access tokens that this process has verified before: the same bytes need not
 * be verified again while they are valid.  Nothing is known of a token that was
 * refused, and nothing outlives the configuration, as its key may change.
 */

#include "ngx_http_render.h"
#include "rn_id.h"

#include <openssl/crypto.h>


#define NGX_HTTP_RENDER_KNOWN      1024         /* tokens, in pairs */
#define NGX_HTTP_RENDER_KNOWN_LEN  1024         /* bytes of one */
#define NGX_HTTP_RENDER_KNOWN_END  32           /* of the signature: hashed */


typedef struct {
    u_char                     *token;          /* malloc'd */
    uint32_t                    hash;
    size_t                      len;
    time_t                      from, until;
    char                        account[RN_UUID_LEN + 1];
    char                        role[33];
} ngx_http_render_known_t;


static ngx_http_render_known_t  ngx_http_render_known_list[
                                    NGX_HTTP_RENDER_KNOWN];
static volatile ngx_cycle_t    *ngx_http_render_known_cycle;


/* The two places where a token may be. */

static ngx_http_render_known_t *
ngx_http_render_known_pair(ngx_str_t *token, uint32_t *hash)
{
    *hash = ngx_murmur_hash2(token->data + token->len
                             - NGX_HTTP_RENDER_KNOWN_END,
                             NGX_HTTP_RENDER_KNOWN_END);

    return &ngx_http_render_known_list[*hash & (NGX_HTTP_RENDER_KNOWN - 2)];
}


static ngx_uint_t
ngx_http_render_known_fits(ngx_str_t *token)
{
    return token->len > NGX_HTTP_RENDER_KNOWN_END
           && token->len <= NGX_HTTP_RENDER_KNOWN_LEN
           && ngx_http_render_known_cycle == ngx_cycle;
}


ngx_uint_t
ngx_http_render_known(ngx_http_request_t *r, ngx_str_t *token,
    ngx_http_render_identity_t *id)
{
    time_t                    now;
    uint32_t                  hash;
    ngx_uint_t                i;
    ngx_http_render_known_t  *k;

    if (!ngx_http_render_known_fits(token)) {
        return 0;
    }

    now = ngx_time();
    k = ngx_http_render_known_pair(token, &hash);

    for (i = 0; i < 2; i++, k++) {
        if (k->token == NULL || k->hash != hash || k->len != token->len
            || now < k->from || now >= k->until
            || CRYPTO_memcmp(k->token, token->data, token->len) != 0)
        {
            continue;
        }

        id->account = ngx_http_render_dup(r->pool, k->account,
                                          ngx_strlen(k->account));
        id->role = ngx_http_render_dup(r->pool, k->role, ngx_strlen(k->role));
        id->expires = k->until;
        id->valid = id->account.data != NULL && id->role.data != NULL;

        return id->valid;
    }

    return 0;
}


void
ngx_http_render_know(ngx_str_t *token, ngx_http_render_identity_t *id,
    time_t from, time_t until)
{
    u_char                   *copy;
    uint32_t                  hash;
    ngx_uint_t                i;
    ngx_http_render_known_t  *k;

    if (ngx_http_render_known_cycle != ngx_cycle) {

        /* without a master, a reload leaves the process */

        for (i = 0; i < NGX_HTTP_RENDER_KNOWN; i++) {
            free(ngx_http_render_known_list[i].token);
            ngx_http_render_known_list[i].token = NULL;
        }

        ngx_http_render_known_cycle = ngx_cycle;
    }

    if (!ngx_http_render_known_fits(token)
        || id->account.len != RN_UUID_LEN || id->role.len >= sizeof(k->role))
    {
        return;
    }

    k = ngx_http_render_known_pair(token, &hash);

    /* an empty place, else one that is over, else either */

    if (k[0].token != NULL
        && (k[1].token == NULL || k[1].until <= ngx_time()
            || (k[0].until > ngx_time() && (ngx_random() & 1))))
    {
        k++;
    }

    copy = malloc(token->len);
    if (copy == NULL) {
        return;
    }

    ngx_memcpy(copy, token->data, token->len);
    free(k->token);

    k->token = copy;
    k->hash = hash;
    k->len = token->len;
    k->from = from;
    k->until = until;
    (void) ngx_cpystrn((u_char *) k->account, id->account.data,
                       sizeof(k->account));
    (void) ngx_cpystrn((u_char *) k->role, id->role.data, sizeof(k->role));
}
