/*
 * A file on its way to S3, a part at a time while the later ones still come:
 * threads read and hash parts, the event loop sends them.  How many parts are
 * in memory at one time is bounded for all of the process.
 */

#include "ngx_http_render_s3.h"

#include <sys/queue.h>


#define NGX_HTTP_RENDER_S3_PARTS   2        /* of one file */
#define NGX_HTTP_RENDER_S3_HELD    (128 * 1024 * 1024)  /* bytes of all */
#define NGX_HTTP_RENDER_S3_GUARD   60000    /* ms */


typedef struct ngx_http_render_part_s  ngx_http_render_part_t;

/* A part that is to be read, is read, or is there. */

struct ngx_http_render_part_s {
    STAILQ_ENTRY(ngx_http_render_part_s)  link;
    ngx_http_render_sending_t            *s;
    rn_s3_part                           *part;
    int                                   fd;
    u_char                               *data;
    int                                   error;
    char                                  sha256[RN_SHA256_HEX + 1];
};

struct ngx_http_render_sending_s {
    ngx_http_request_t       *r;
    ngx_http_render_sent_pt   sent;
    void                     *data;
    int                       fd;
    ngx_uint_t                reading;      /* threads */
    ngx_uint_t                dropped;      /* nobody waits for it */
    ngx_uint_t                calling;      /* the put: it must not go now */
    ngx_uint_t                over;
    ngx_event_t               told;         /* posted: nobody is called back
                                               before his own call has ended */
    ngx_event_t               guard;
    char                      key[256], type[96];
    rn_s3_put                 put;
};


/* Of this process: bytes in memory, and parts that wait for room. */
static size_t  ngx_http_render_s3_held;
static STAILQ_HEAD(, ngx_http_render_part_s)  ngx_http_render_s3_waiting
    = STAILQ_HEAD_INITIALIZER(ngx_http_render_s3_waiting);


/* Runs in a thread: the last descriptor of a removed file may take its time. */

static void
ngx_http_render_sending_close(void *data)
{
    int *fd = data;

    (void) close(*fd);
}


static void
ngx_http_render_sending_closed(ngx_http_request_t *r, void *data)
{
    free(data);
}


/* With it goes the lock that others may wait for, however long S3 takes. */

static void
ngx_http_render_sending_leave(ngx_http_render_sending_t *s)
{
    int  *fd;

    if (s->reading || s->fd < 0) {
        return;
    }

    fd = malloc(sizeof(int));

    if (fd != NULL) {
        *fd = s->fd;
    }

    if (fd == NULL
        || ngx_http_render_thread(NULL,
                                  ngx_http_render_process->conf->files_pool,
                                  ngx_http_render_sending_close,
                                  ngx_http_render_sending_closed, fd) != NGX_OK)
    {
        (void) close(s->fd);
        free(fd);
    }

    s->fd = -1;
}


static void
ngx_http_render_sending_free(ngx_http_render_sending_t *s)
{
    if (s->guard.timer_set) {
        ngx_del_timer(&s->guard);
    }

    ngx_http_render_sending_leave(s);
    free(s);
}


/* Whatever of the put was called has come back. */

static void
ngx_http_render_sending_called(ngx_http_render_sending_t *s)
{
    s->calling--;

    if (s->calling == 0 && s->over && s->dropped) {
        ngx_http_render_sending_free(s);
    }

    ngx_http_render_s3_kick(ngx_http_render_process->s3);
}


/*
 * A worker that quits stays until what it sends has arrived; what is aborted,
 * it tries for a while, and else the sweep does it.
 */

static void
ngx_http_render_sending_guard(ngx_event_t *ev)
{
    ngx_http_render_sending_t *s = ev->data;

    if (!s->dropped) {
        ngx_add_timer(ev, NGX_HTTP_RENDER_S3_GUARD);
    }
}


/* Runs in a thread. */

static void
ngx_http_render_part_read(void *data)
{
    size_t                   done;
    ssize_t                  n;
    ngx_http_render_part_t  *p = data;

    p->data = malloc(p->part->len > 0 ? p->part->len : 1);
    if (p->data == NULL) {
        p->error = ENOMEM;
        return;
    }

    for (done = 0; done < p->part->len; done += n) {
        n = pread(p->fd, p->data + done, p->part->len - done,
                  p->part->from + done);

        if (n < 0 && errno == EINTR) {
            n = 0;
        } else if (n <= 0) {
            p->error = n < 0 ? errno : EIO;
            return;
        }
    }

    rn_sha256_hex(p->data, p->part->len, p->sha256);
}


static void
ngx_http_render_part_give(ngx_http_render_part_t *p)
{
    ngx_http_render_sending_t  *s = p->s;

    s->calling++;

    if (p->error != 0) {
        if (!s->dropped) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, p->error,
                          "render: a part of %s could not be read", s->key);
        }
        free(p->data);
        p->data = NULL;
    }

    p->part->bytes = p->data;
    ngx_memcpy(p->part->sha256, p->sha256, sizeof(p->sha256));
    rn_s3_put_give(p->part, "the file could not be read");

    ngx_http_render_sending_called(s);
}


static void
ngx_http_render_part_came(ngx_http_request_t *r, void *data)
{
    ngx_http_render_part_t *p = data;

    p->s->reading--;

    if (p->s->dropped) {
        ngx_http_render_sending_leave(p->s);
    }

    ngx_http_render_part_give(p);
}


/* One alone may be as large as it is. */

static ngx_uint_t
ngx_http_render_part_fits(ngx_http_render_part_t *p)
{
    return ngx_http_render_s3_held == 0
           || ngx_http_render_s3_held + p->part->len
              <= NGX_HTTP_RENDER_S3_HELD;
}


static void
ngx_http_render_part_begin(ngx_http_render_part_t *p)
{
    ngx_http_render_s3_held += p->part->len;

    if (ngx_http_render_thread(NULL, ngx_http_render_process->conf->files_pool,
                               ngx_http_render_part_read,
                               ngx_http_render_part_came, p) != NGX_OK)
    {
        p->error = EAGAIN;
        ngx_http_render_part_give(p);
        return;
    }

    p->s->reading++;
}


static void
ngx_http_render_part_want(rn_s3_part *part)
{
    ngx_http_render_part_t     *p;
    ngx_http_render_sending_t  *s = part->put->data;

    p = calloc(1, sizeof(ngx_http_render_part_t));

    if (p == NULL) {
        part->data = NULL;
        part->bytes = NULL;
        rn_s3_put_give(part, "out of memory");
        return;
    }

    p->s = s;
    p->part = part;
    p->fd = s->fd;
    part->data = p;

    if (STAILQ_EMPTY(&ngx_http_render_s3_waiting)
        && ngx_http_render_part_fits(p))
    {
        ngx_http_render_part_begin(p);
    } else {
        STAILQ_INSERT_TAIL(&ngx_http_render_s3_waiting, p, link);
    }
}


static void
ngx_http_render_part_left(rn_s3_part *part)
{
    ngx_http_render_part_t  *p = part->data;

    part->data = NULL;
    part->bytes = NULL;

    if (p == NULL) {
        return;
    }

    free(p->data);
    free(p);
    ngx_http_render_s3_held -= part->len;

    while ((p = STAILQ_FIRST(&ngx_http_render_s3_waiting)) != NULL
           && ngx_http_render_part_fits(p))
    {
        STAILQ_REMOVE_HEAD(&ngx_http_render_s3_waiting, link);
        ngx_http_render_part_begin(p);
    }
}


static void
ngx_http_render_sending_tell(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_render_sending_t  *s = ev->data;

    r = s->r;
    c = r->connection;
    ngx_http_set_log_request(c->log, r);

    s->dropped = 1;                         /* it is not the caller's now */
    s->sent(r, s->data, s->put.verdict == RN_S3_DONE ? NULL : s->put.text);
    ngx_http_render_wake(c);

    ngx_http_render_sending_free(s);
}


static void
ngx_http_render_sending_done(rn_s3_put *put)
{
    ngx_http_render_sending_t  *s = put->data;

    s->over = 1;

    if (!s->dropped) {
        if (put->verdict != RN_S3_DONE) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "render: %s could not be sent to S3: %s", s->key,
                          put->text);
        }

        ngx_post_event(&s->told, &ngx_posted_events);
        return;
    }

    if (s->calling == 0) {
        ngx_http_render_sending_free(s);
    }
}


ngx_http_render_sending_t *
ngx_http_render_s3_send(ngx_http_request_t *r, int fd, const char *key,
    const char *type, int64_t expected, ngx_http_render_sent_pt sent,
    void *data)
{
    ngx_http_render_sending_t  *s;

    s = calloc(1, sizeof(ngx_http_render_sending_t));
    if (s == NULL) {
        return NULL;
    }

    s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (s->fd < 0) {
        free(s);
        return NULL;
    }

    s->r = r;
    s->sent = sent;
    s->data = data;
    (void) ngx_cpystrn((u_char *) s->key, (u_char *) key, sizeof(s->key));
    (void) ngx_cpystrn((u_char *) s->type, (u_char *) type, sizeof(s->type));
    ngx_http_render_set_event(&s->told, ngx_http_render_sending_tell, s);
    ngx_http_render_set_event(&s->guard, ngx_http_render_sending_guard, s);
    ngx_add_timer(&s->guard, NGX_HTTP_RENDER_S3_GUARD);

    s->put.client = ngx_http_render_s3_client(ngx_http_render_process->s3);
    s->put.key = s->key;
    s->put.type = s->type[0] != '\0' ? s->type : NULL;
    s->put.expected = expected;
    s->put.parallel = NGX_HTTP_RENDER_S3_PARTS;
    s->put.want = ngx_http_render_part_want;
    s->put.left = ngx_http_render_part_left;
    s->put.done = ngx_http_render_sending_done;
    s->put.data = s;
    rn_s3_put_start(&s->put);

    return s;
}


void
ngx_http_render_s3_more(ngx_http_render_sending_t *s, int64_t size,
    ngx_uint_t whole)
{
    s->calling++;
    rn_s3_put_more(&s->put, size, whole);
    ngx_http_render_sending_called(s);
}


/* Parts that wait for room need not be read any more. */

static void
ngx_http_render_sending_unwait(ngx_http_render_sending_t *s)
{
    ngx_http_render_part_t                *p, *next;
    STAILQ_HEAD(, ngx_http_render_part_s)  own;

    /* all of them first: what one gives back, another one takes */

    STAILQ_INIT(&own);

    for (p = STAILQ_FIRST(&ngx_http_render_s3_waiting); p; p = next) {
        next = STAILQ_NEXT(p, link);

        if (p->s == s) {
            STAILQ_REMOVE(&ngx_http_render_s3_waiting, p,
                          ngx_http_render_part_s, link);
            STAILQ_INSERT_TAIL(&own, p, link);
        }
    }

    while ((p = STAILQ_FIRST(&own)) != NULL) {
        STAILQ_REMOVE_HEAD(&own, link);
        ngx_http_render_s3_held += p->part->len;    /* which it gives back */
        p->error = ECANCELED;
        ngx_http_render_part_give(p);
    }
}


void
ngx_http_render_s3_drop(ngx_http_render_sending_t *s)
{
    s->dropped = 1;
    s->calling++;

    if (s->told.posted) {
        ngx_delete_posted_event(&s->told);
    }

    rn_s3_put_abort(&s->put);
    ngx_http_render_sending_unwait(s);
    ngx_http_render_sending_leave(s);
    ngx_http_render_sending_called(s);
}
