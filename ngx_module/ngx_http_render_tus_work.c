/*
 * What is done to uploads that come in pieces in threads, and who waits for it.
 * The request may go at any time: then what it had is left as it stands, for
 * whoever goes on with it.
 */

#include "ngx_http_render_tus.h"


static void
ngx_http_render_tus_free(ngx_http_render_tus_t *t)
{
    if (t->upload != NULL) {
        rn_upload_release(t->upload);
        free(t->upload);
    }

    free(t->parts);
    free(t);
}


static void
ngx_http_render_tus_cleanup(void *data)
{
    ngx_http_render_tus_t *t = data;

    if (t->again.timer_set) {
        ngx_del_timer(&t->again);
    }

    if (t->watch.timer_set) {
        ngx_del_timer(&t->watch);
    }

    if (t->sending != NULL) {
        ngx_http_render_s3_drop(t->sending);
        t->sending = NULL;
    }

    t->dropped = 1;

    if (!t->busy) {
        ngx_http_render_tus_free(t);
    }
}


ngx_http_render_tus_t *
ngx_http_render_tus_begin(ngx_http_request_t *r)
{
    ngx_http_cleanup_t     *cln;
    ngx_http_render_tus_t  *t;

    if (ngx_http_render_process->store.root < 0
        || ngx_http_render_process->spool.dir < 0)
    {
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "storage cannot be used", NULL);
        return NULL;
    }

    t = calloc(1, sizeof(ngx_http_render_tus_t));
    cln = t != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        free(t);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    cln->handler = ngx_http_render_tus_cleanup;
    cln->data = t;

    t->r = r;
    t->at = t->length = -1;
    t->spool = ngx_http_render_process->spool;
    t->store = ngx_http_render_process->store;
    t->upload = calloc(1, sizeof(rn_upload));

    if (t->upload == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    t->upload->fd = -1;

    return t;
}


static void
ngx_http_render_tus_run(void *data)
{
    ngx_http_render_tus_t *t = data;

    t->error = 0;
    t->run(t);
}


static void
ngx_http_render_tus_ran(ngx_http_request_t *r, void *data)
{
    ngx_http_render_tus_t *t = data;

    t->busy = 0;

    if (r == NULL || t->dropped) {
        ngx_http_render_tus_free(t);
        return;
    }

    t->then(r, t);
}


void
ngx_http_render_tus_do(ngx_http_request_t *r, ngx_http_render_tus_t *t,
    void (*run)(ngx_http_render_tus_t *t), ngx_http_render_tus_pt then)
{
    t->run = run;
    t->then = then;

    if (ngx_http_render_thread(r, ngx_http_render_process->conf->files_pool,
                               ngx_http_render_tus_run, ngx_http_render_tus_ran,
                               t) != NGX_OK)
    {
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the server is too busy", NULL);
        return;
    }

    t->busy = 1;
}


/* What came last of it stands, too, as far as it may be. */

static void
ngx_http_render_tus_rest(ngx_http_render_left_t *l)
{
    int64_t     room;
    rn_upload  *u = l->upload;

    if (u->length >= 0 || u->limit >= 0) {
        room = (u->length >= 0 ? u->length : u->limit) - u->offset;
        l->n = (size_t) ngx_min((int64_t) l->n, ngx_max(room, 0));
    }

    if (u->hashed != u->offset || l->n == 0) {
        return;                             /* the one before went wrong */
    }

    if (rn_upload_write(u, l->data, l->n) == 0) {
        rn_upload_hash(u, l->data, l->n);
    }
}


static void
ngx_http_render_tus_left(void *data)
{
    ngx_http_render_left_t  *l = data;

    if (l->remove) {
        (void) rn_spool_remove(&l->spool, l->upload->id);
        rn_upload_release(l->upload);       /* that is when its blocks go */
        return;
    }

    /* what is not kept is found out again by who goes on */

    if (l->upload->unsure >= 0) {
        if (rn_upload_undo(l->upload) != 0) {
            return;
        }

    } else if (l->data != NULL) {
        ngx_http_render_tus_rest(l);
    }

    (void) rn_upload_keep(&l->spool, l->upload);
}


static void
ngx_http_render_tus_left_free(ngx_http_request_t *r, void *data)
{
    ngx_http_render_left_t *l = data;

    rn_upload_release(l->upload);
    free(l->upload);
    free(l->data);
    free(l);
}


void
ngx_http_render_tus_leave(const ngx_http_render_left_t *left)
{
    ngx_http_render_left_t  *l;

    l = malloc(sizeof(ngx_http_render_left_t));

    if (l == NULL) {
        rn_upload_release(left->upload);
        free(left->upload);
        free(left->data);
        return;
    }

    *l = *left;
    l->spool = ngx_http_render_process->spool;

    if (ngx_http_render_thread(NULL, ngx_http_render_process->conf->files_pool,
                               ngx_http_render_tus_left,
                               ngx_http_render_tus_left_free, l) != NGX_OK)
    {
        ngx_http_render_tus_left_free(NULL, l);
    }
}


void
ngx_http_render_tus_run_create(ngx_http_render_tus_t *t)
{
    ngx_uint_t  i;

    t->doing = "beginning";
    t->error = rn_spool_create(&t->spool, t->upload);

    if (t->error == ENOENT) {               /* the folder is */
        t->error = EIO;
    }

    if (t->error != 0 || t->nparts == 0) {
        return;
    }

    t->doing = "joining";

    for (i = 0; i < t->nparts && t->error == 0; i++) {
        t->error = rn_upload_join(&t->spool, t->upload, t->parts[i]);

        if (t->error == 0 && t->upload->limit >= 0
            && t->upload->offset > t->upload->limit)
        {
            t->error = EFBIG;
        }
    }

    t->upload->length = t->upload->offset;

    if (t->error == 0 && t->upload->offset == 0) {
        t->error = ENODATA;
    }

    if (t->error == 0) {
        t->error = rn_upload_keep(&t->spool, t->upload);
    }

    if (t->error != 0) {
        (void) rn_spool_remove(&t->spool, t->upload->id);
    }
}


/* Another's does not exist. */

static void
ngx_http_render_tus_own(ngx_http_render_tus_t *t, const char *account)
{
    if (t->error == 0 && ngx_strcmp(t->upload->account, account) != 0) {
        rn_upload_release(t->upload);
        t->error = ENOENT;
    }
}


void
ngx_http_render_tus_run_look(ngx_http_render_tus_t *t)
{
    char  id[RN_UUID_LEN + 1], account[RN_UUID_LEN + 1];

    t->doing = "reading";
    ngx_memcpy(id, t->upload->id, sizeof(id));
    ngx_memcpy(account, t->upload->account, sizeof(account));

    t->error = rn_spool_look(&t->spool, id, t->upload);
    ngx_http_render_tus_own(t, account);

    if (t->error != 0) {                    /* to be asked for once more */
        ngx_memcpy(t->upload->id, id, sizeof(id));
        ngx_memcpy(t->upload->account, account, sizeof(account));
    }
}


void
ngx_http_render_tus_run_take(ngx_http_render_tus_t *t)
{
    char  id[RN_UUID_LEN + 1], account[RN_UUID_LEN + 1];

    /* only its owner may disturb who writes to it */

    ngx_http_render_tus_run_look(t);

    if (t->error != 0) {
        return;
    }

    ngx_memcpy(id, t->upload->id, sizeof(id));
    ngx_memcpy(account, t->upload->account, sizeof(account));
    t->error = rn_spool_take(&t->spool, id, t->upload);

    if (t->error == EWOULDBLOCK && t->asks) {
        (void) rn_spool_ask(&t->spool, id);
    }

    ngx_http_render_tus_own(t, account);

    if (t->error == 0 && t->upload->state == RN_UPLOAD_OPEN) {
        t->error = rn_upload_catch_up(t->upload);
    }

    if (t->error != 0) {
        rn_upload_release(t->upload);
        ngx_memcpy(t->upload->id, id, sizeof(id));
        ngx_memcpy(t->upload->account, account, sizeof(account));
    }
}


static void
ngx_http_render_tus_run_kept(ngx_http_render_tus_t *t)
{
    if (t->error == 0) {
        t->error = rn_upload_keep(&t->spool, t->upload);
    }
}


void
ngx_http_render_tus_run_doubt(ngx_http_render_tus_t *t)
{
    t->doing = "writing";
    t->error = rn_upload_doubt(t->upload);
    ngx_http_render_tus_run_kept(t);
}


void
ngx_http_render_tus_run_undo(ngx_http_render_tus_t *t)
{
    t->doing = "writing";
    t->error = rn_upload_undo(t->upload);
    ngx_http_render_tus_run_kept(t);
}


void
ngx_http_render_tus_run_keep(ngx_http_render_tus_t *t)
{
    t->doing = "writing";
    t->error = rn_upload_keep(&t->spool, t->upload);
}


/* Its type by its own first bytes. */

static int
ngx_http_render_tus_type(rn_upload *u)
{
    u_char   head[NGX_HTTP_RENDER_UPLOAD_HEAD];
    ssize_t  n;

    n = pread(u->fd, head, sizeof(head), 0);

    if (n < 0) {
        return errno;
    }

    ngx_http_render_file_type(head, n, u->type, sizeof(u->type));

    return 0;
}


/*
 * Its file is not there: whoever was killed may have stored it and not said so.
 * What goes to S3 is removed only after it was said.
 */

static int
ngx_http_render_tus_gone_to(rn_store *store, const char *key)
{
    int  fd;

    fd = ngx_http_render_process->s3 == NULL ? rn_store_get(store, key) : -1;

    if (fd < 0) {
        return ngx_http_render_process->s3 == NULL ? errno : ENOENT;
    }

    (void) close(fd);

    return 0;
}


/* What is removed is said to be in storage before, also to the disk. */

void
ngx_http_render_tus_run_sent(ngx_http_render_tus_t *t)
{
    char  temp[RN_STORE_TEMP];

    t->doing = "ending";
    t->upload->state = RN_UPLOAD_SENT;
    t->error = rn_upload_keep(&t->spool, t->upload);

    if (t->error != 0) {                    /* it is sent once more */
        t->upload->state = RN_UPLOAD_SEALED;
        return;
    }

    (void) snprintf(temp, sizeof(temp), "uploads/%s", t->upload->id);
    rn_store_discard(&t->store, temp);
    t->upload->there = false;
}


/*
 * What is sealed is said before it goes to storage, so that whoever is killed
 * in between leaves nothing of which it is not known where it lies.
 */

void
ngx_http_render_tus_run_finish(ngx_http_render_tus_t *t)
{
    char        temp[RN_STORE_TEMP];
    rn_upload  *u = t->upload;

    t->doing = "storing";

    if (u->state == RN_UPLOAD_OPEN) {
        t->error = ngx_http_render_tus_type(u);
        t->error = t->error != 0 ? t->error : rn_upload_seal(u);
        t->error = t->error != 0 ? t->error : rn_upload_keep(&t->spool, u);

        if (t->error != 0) {
            u->state = RN_UPLOAD_OPEN;
            return;
        }
    }

    if (u->state == RN_UPLOAD_SENT && u->there) {
        ngx_http_render_tus_run_sent(t);    /* whose file was not removed */
        return;
    }

    if (u->state != RN_UPLOAD_SEALED) {
        return;
    }

    if (!u->there) {
        t->error = ngx_http_render_tus_gone_to(&t->store, u->key);
        return;
    }

    if (ngx_http_render_process->s3 != NULL) {
        return;                             /* where the event loop sends it */
    }

    (void) snprintf(temp, sizeof(temp), "uploads/%s", u->id);

    if (rn_store_commit(&t->store, u->fd, temp, u->key) != 0) {
        t->error = errno;
        return;
    }

    u->there = false;
}


void
ngx_http_render_tus_run_done(ngx_http_render_tus_t *t)
{
    ngx_uint_t  i;

    t->doing = "ending";
    t->upload->state = RN_UPLOAD_DONE;
    t->error = rn_upload_keep(&t->spool, t->upload);

    for (i = 0; i < t->nparts; i++) {
        (void) rn_spool_remove(&t->spool, t->parts[i]);
    }
}


void
ngx_http_render_tus_run_remove(ngx_http_render_tus_t *t)
{
    t->doing = "removing";
    t->error = rn_spool_remove(&t->spool, t->upload->id);
    rn_upload_release(t->upload);           /* that is when its blocks go */
}


void
ngx_http_render_tus_abandon(json_t *uploads)
{
    json_t                   *request;
    ngx_http_render_query_t  *q;

    if (json_array_size(uploads) == 0) {
        json_decref(uploads);
        return;
    }

    q = ngx_http_render_query(ngx_http_render_sql_assets_abandon, NULL, NULL);
    request = json_pack("{s:o}", "uploads", uploads);

    if (q != NULL) {
        q->args[3] = request != NULL ? json_dumps(request, JSON_COMPACT)
                                     : NULL;
        ngx_http_render_pg_send(q);
    }

    json_decref(request);
}
