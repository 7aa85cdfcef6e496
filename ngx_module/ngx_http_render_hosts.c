/*
 * Names of backends and their addresses.  They are resolved when the
 * configuration is read, and again in a thread whenever a connection was lost
 * or refused; nothing waits for that on the event loop, and what is known stays
 * in use until there is something newer.
 */

#include "ngx_http_render_hosts.h"

#include <netdb.h>


#define NGX_HTTP_RENDER_HOSTS_WAIT  1000        /* ms */


/* What a thread sees: a copy, as the process may go on without it. */

typedef struct {
    ngx_http_render_hosts_t  *hosts;
    ngx_uint_t                n;
    ngx_http_render_host_t    host[];
} ngx_http_render_lookup_t;


static ngx_uint_t
ngx_http_render_is_address(const char *name)
{
    size_t   len;
    u_char   six[16];

    len = ngx_strlen(name);

    return ngx_inet_addr((u_char *) name, len) != INADDR_NONE
           || ngx_inet6_addr((u_char *) name, len, six) == NGX_OK;
}


char *
ngx_http_render_hosts_add(ngx_conf_t *cf, ngx_array_t *hosts, ngx_url_t *u,
    const char *name, const char *port, const char *of)
{
    u_char                   *p;
    ngx_uint_t                i;
    ngx_http_render_host_t   *host;
    ngx_http_render_addrs_t  *a;

    if (u != NULL && (ngx_parse_url(cf->pool, u) != NGX_OK || u->naddrs == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in %s\"%V\" of \"%s\"",
                           u->err ? u->err : "no address",
                           name != NULL ? "host " : "", &u->url, of);
        return NGX_CONF_ERROR;
    }

    host = ngx_array_push(hosts);
    if (host == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(host, sizeof(ngx_http_render_host_t));

    if (name == NULL) {
        p = ngx_pnalloc(cf->pool, u->host.len + 1);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }
        *ngx_cpymem(p, u->host.data, u->host.len) = '\0';
        name = (const char *) p;
    }

    host->name = name;
    host->port = port;

    if (u == NULL) {
        return NGX_CONF_OK;
    }

    host->named = name[0] != '[' && !ngx_http_render_is_address(name);
    a = &host->addrs;

    for (i = 0; i < u->naddrs && a->n < NGX_HTTP_RENDER_ADDRS; i++) {
        p = (u_char *) a->text[a->n++];
        p[ngx_sock_ntop(u->addrs[i].sockaddr, u->addrs[i].socklen, p,
                        NGX_HTTP_RENDER_ADDR_LEN - 1, 0)] = '\0';
    }

    return NGX_CONF_OK;
}


ngx_http_render_hosts_t *
ngx_http_render_hosts_create(ngx_array_t *hosts, ngx_thread_pool_t *threads,
    ngx_http_render_moved_pt done, void *data)
{
    ngx_http_render_hosts_t  *h;

    h = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_render_hosts_t));
    if (h == NULL) {
        return NULL;
    }

    h->host = hosts->elts;              /* each process has its own copy */
    h->n = hosts->nelts;
    h->threads = threads;
    h->done = done;
    h->data = data;

    return h;
}


/* Runs in a thread. */

static void
ngx_http_render_lookup_run(void *data)
{
    ngx_uint_t                 i;
    struct addrinfo            hints, *all, *ai;
    ngx_http_render_addrs_t   *a;
    ngx_http_render_lookup_t  *l = data;

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    for (i = 0; i < l->n; i++) {
        a = &l->host[i].addrs;

        if (!l->host[i].named) {
            continue;
        }

        a->n = 0;                       /* stays so where there is no answer */

        if (getaddrinfo(l->host[i].name, NULL, &hints, &all) != 0) {
            continue;
        }

        for (ai = all; ai != NULL && a->n < NGX_HTTP_RENDER_ADDRS;
             ai = ai->ai_next)
        {
            if (getnameinfo(ai->ai_addr, ai->ai_addrlen, a->text[a->n],
                            NGX_HTTP_RENDER_ADDR_LEN, NULL, 0, NI_NUMERICHOST)
                == 0)
            {
                a->n++;
            }
        }

        freeaddrinfo(all);
    }
}


/* In whatever order: a name of several addresses is told in turns. */

static ngx_uint_t
ngx_http_render_same_addrs(ngx_http_render_addrs_t *a,
    ngx_http_render_addrs_t *b)
{
    ngx_uint_t  i, j;

    if (a->n != b->n) {
        return 0;
    }

    for (i = 0; i < a->n; i++) {
        for (j = 0; j < b->n; j++) {
            if (ngx_strcmp(a->text[i], b->text[j]) == 0) {
                break;
            }
        }
        if (j == b->n) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_render_lookup_ran(ngx_http_request_t *r, void *data)
{
    ngx_uint_t                 i, moved;
    ngx_http_render_addrs_t   *a;
    ngx_http_render_hosts_t   *h;
    ngx_http_render_lookup_t  *l = data;

    h = l->hosts;
    h->busy = 0;
    moved = 0;

    for (i = 0; i < l->n; i++) {
        a = &l->host[i].addrs;

        if (!h->host[i].named || a->n == 0
            || ngx_http_render_same_addrs(a, &h->host[i].addrs))
        {
            continue;                   /* the old ones are the best we have */
        }

        h->host[i].addrs = *a;
        moved = 1;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "render: %s is now at %s", h->host[i].name, a->text[0]);
    }

    free(l);

    if (moved) {
        h->turn = 0;
    }

    h->done(h->data, moved);
}


void
ngx_http_render_hosts_renew(ngx_http_render_hosts_t *h)
{
    ngx_uint_t                 i, named;
    ngx_http_render_lookup_t  *l;

    for (i = 0, named = 0; i < h->n; i++) {
        named += h->host[i].named;
    }

    /* a process that quits is not to wait for a name server */

    if (named == 0 || h->busy || ngx_exiting) {
        return;
    }

    l = calloc(1, sizeof(ngx_http_render_lookup_t)
                  + h->n * sizeof(ngx_http_render_host_t));
    if (l == NULL) {
        return;
    }

    l->hosts = h;
    l->n = h->n;
    ngx_memcpy(l->host, h->host, h->n * sizeof(ngx_http_render_host_t));

    if (ngx_http_render_thread(NULL, h->threads, ngx_http_render_lookup_run,
                               ngx_http_render_lookup_ran, l)
        != NGX_OK)
    {
        free(l);
        return;
    }

    h->busy = 1;
    h->asked = ngx_current_msec;
}


ngx_msec_t
ngx_http_render_hosts_wait(ngx_http_render_hosts_t *h)
{
    ngx_msec_t  passed;

    passed = ngx_current_msec - h->asked;

    return h->busy && passed < NGX_HTTP_RENDER_HOSTS_WAIT
           ? NGX_HTTP_RENDER_HOSTS_WAIT - passed : 0;
}


ngx_uint_t
ngx_http_render_hosts_count(ngx_http_render_hosts_t *h)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < h->n; i++) {
        n += ngx_max(h->host[i].addrs.n, 1);
    }

    return n;
}


ngx_http_render_host_t *
ngx_http_render_hosts_at(ngx_http_render_hosts_t *h, ngx_uint_t i,
    const char **addr)
{
    ngx_uint_t               k, n;
    ngx_http_render_host_t  *host;

    i = (h->turn + i) % ngx_http_render_hosts_count(h);

    for (k = 0; /* the count is their sum */ ; k++) {
        host = &h->host[k];
        n = ngx_max(host->addrs.n, 1);
        if (i < n) {
            *addr = host->addrs.n ? host->addrs.text[i] : "";
            return host;
        }
        i -= n;
    }
}
