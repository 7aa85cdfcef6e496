/* An object on its way from S3; see rn_s3_get.h. */

#include "rn_s3_get.h"

#include <stdio.h>
#include <string.h>


#define BEGINS  3                       /* of one object */

static void came(rn_s3_request *r);


static void
cancel_ranges(rn_s3_get *g)
{
    size_t  i;

    for (i = 0; i < RN_S3_RANGES; i++) {
        rn_s3_request_cancel(&g->ranges[i].request);
    }
}


static void
end(rn_s3_get *g, rn_s3_verdict v, const char *why)
{
    cancel_ranges(g);
    g->over = true;
    g->verdict = v;
    (void) snprintf(g->text, sizeof(g->text), "%s", why);
    g->done(g);
}


static bool
take(rn_s3_request *r, int64_t at, const void *data, size_t n)
{
    rn_s3_range  *a = r->data;

    a->came = at + (int64_t) n;

    /* it must be what was asked for, and no more of it than is told */

    if (r->status == 206
        ? r->first != a->from || a->came > r->last - r->first + 1
        : a->len >= 0 || r->status != 200 || a->came > r->size)
    {
        a->odd = true;
        return false;
    }

    return a->get->keep(a->get, a->from + at, data, n);
}


static void
ask(rn_s3_get *g, rn_s3_range *a, int64_t from, int64_t len)
{
    rn_s3_request  *r = &a->request;

    memset(r, 0, sizeof(*r));
    a->get = g;
    a->from = from;
    a->len = len;
    a->came = 0;
    a->odd = false;
    (void) snprintf(a->text, sizeof(a->text), "bytes=%lld-%lld",
                    (long long) from, (long long) (from + (len < 0 ? RN_S3_RANGE
                                                           : len) - 1));
    r->method = "GET";
    r->key = g->key;
    r->headers[0].name = "Range";
    r->headers[0].value = a->text;
    r->n_headers = 1;

    if (len >= 0) {
        r->headers[1].name = "If-Match";
        r->headers[1].value = g->etag;
        r->n_headers = 2;
    }

    r->take = take;
    r->done = came;
    r->data = a;
    rn_s3_request_start(g->client, r);
}


/* The next ranges; false: there are none, and none are under way. */

static bool
ask_more(rn_s3_get *g)
{
    bool      busy;
    size_t    i;
    int64_t   n;

    busy = false;

    for (i = 0; i < g->parallel; i++) {
        if (!rn_s3_request_busy(&g->ranges[i].request) && g->next < g->size) {
            n = g->size - g->next;
            n = n < RN_S3_RANGE ? n : RN_S3_RANGE;
            ask(g, &g->ranges[i], g->next, n);
            g->next += n;
        }

        busy = busy || rn_s3_request_busy(&g->ranges[i].request);
    }

    return busy;
}


/* Whether it was answered with the range that was asked for, or all of it. */

static bool
is_answered(const rn_s3_range *a, const rn_s3_request *r)
{
    int64_t  len;

    if (r->etag[0] == '\0') {
        return false;                   /* an object has one; a page need not */
    }

    if (r->status == 200) {
        return a->len < 0 && a->came == r->size;
    }

    len = a->len >= 0 ? a->len : r->size < RN_S3_RANGE ? r->size : RN_S3_RANGE;

    return r->status == 206 && r->first == a->from && a->came == len
           && r->last == a->from + len - 1;
}


/* Another object, or not what S3 would send: from the beginning. */

static bool
begins_anew(rn_s3_get *g)
{
    if (g->begun >= BEGINS) {
        return false;
    }

    cancel_ranges(g);
    g->begun++;
    ask(g, &g->ranges[0], 0, -1);

    return true;
}


static void
measured(rn_s3_request *r)
{
    rn_s3_range  *a = r->data;
    rn_s3_get    *g = a->get;

    if (r->verdict == RN_S3_DONE && r->size == 0) {
        g->size = 0;
        end(g, RN_S3_DONE, "");
    } else {
        end(g, r->verdict == RN_S3_DONE ? RN_S3_AGAIN : r->verdict,
            "S3 has no such range of the object");
    }
}


static void
came(rn_s3_request *r)
{
    rn_s3_range  *a = r->data;
    rn_s3_get    *g = a->get;

    if (r->status == 412 && begins_anew(g)) {
        return;
    }

    if (r->status == 416 && a->len < 0) {
        memset(r, 0, sizeof(*r));       /* an empty one has no first byte */
        r->method = "HEAD";
        r->key = g->key;
        r->done = measured;
        r->data = a;
        rn_s3_request_start(g->client, r);
        return;
    }

    if (r->verdict != RN_S3_DONE && !a->odd) {
        end(g, r->verdict, r->text);
        return;
    }

    if (a->odd || !is_answered(a, r) || (a->len >= 0 && r->size != g->size)) {
        if (!begins_anew(g)) {
            end(g, RN_S3_AGAIN, "S3 sends other bytes than it was asked for");
        }
        return;
    }

    if (a->len < 0) {
        g->size = r->size;
        g->next = a->came;
        (void) strcpy(g->etag, r->etag);
    }

    if (!ask_more(g)) {
        end(g, RN_S3_DONE, "");
    }
}


void
rn_s3_get_start(rn_s3_get *g)
{
    if (g->parallel < 1) {
        g->parallel = 1;
    }

    if (g->parallel > RN_S3_RANGES) {
        g->parallel = RN_S3_RANGES;
    }

    g->begun = 1;
    ask(g, &g->ranges[0], 0, -1);
}


void
rn_s3_get_cancel(rn_s3_get *g)
{
    cancel_ranges(g);
    g->over = true;
}
