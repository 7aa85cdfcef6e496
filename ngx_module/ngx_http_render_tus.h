/*
 * Uploads that come in pieces, by tus 1.0 (https://tus.io): what is asked
 * (_tus.c, _tus_create.c), or asked in the way of the IETF's drafts
 * (_tus_draft.c), what is answered (_tus_answer.c), the bytes of a piece
 * (_tus_piece.c), what threads do with the files (_tus_work.c), and what expires
 * (_tus_sweep.c).  What lies on disk is
 * rn_spool.h's.
 *
 * One of these is of one request; while a thread has it, it is the thread's.
 */

#ifndef NGX_HTTP_RENDER_TUS_H
#define NGX_HTTP_RENDER_TUS_H

#include "ngx_http_render_upload.h"
#include "rn_tus.h"


/* a little less than the row of an upload is kept, see uploads_begin in SQL */

#define NGX_HTTP_RENDER_TUS_LONGEST  (7 * 24 * 3600 - 60)


typedef struct ngx_http_render_tus_s  ngx_http_render_tus_t;

typedef void (*ngx_http_render_tus_pt)(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

struct ngx_http_render_tus_s {
    ngx_http_request_t        *r;
    rn_upload                 *upload;      /* malloc'd; its file may be open */
    rn_spool                   spool;       /* the process's, as store is */
    rn_store                   store;
    void                     (*run)(ngx_http_render_tus_t *t);
    ngx_http_render_tus_pt     then;
    ngx_http_render_tus_pt     taken;       /* what to do when it is ours */
    ngx_http_render_upload_t  *pump;        /* while it takes the body */
    ngx_http_render_sending_t  *sending;    /* while it goes to S3 */
    int                        error;       /* of run */
    const char                *doing;

    int64_t                    at;          /* Upload-Offset; -1: not given */
    int64_t                    length;      /* Upload-Length; the same */
    ngx_int_t                  draft;       /* its version; 0: tus */
    ngx_str_t                  made;        /* the asset, JSON */
    rn_tus_checksum            sum;
    char                     (*parts)[RN_UUID_LEN + 1];     /* malloc'd */
    ngx_uint_t                 nparts;

    ngx_event_t                again;       /* somebody else has it */
    ngx_event_t                watch;       /* whether another one wants it */
    ngx_uint_t                 tries;
    unsigned                   summed:1;    /* there is a checksum */
    unsigned                   asks:1;      /* who has it is to let go */
    unsigned                   complete:1;  /* of a draft: it is the last */
    unsigned                   created:1;   /* by this request: 201 */
    unsigned                   asked:1;     /* it is only told of */
    unsigned                   busy:1;      /* a thread has it */
    unsigned                   dropped:1;   /* the request is gone */
};


/* ngx_http_render_tus.c */

/* The state of a request of this version; NULL: answered. */
ngx_http_render_tus_t *ngx_http_render_tus_request(ngx_http_request_t *r);

/* A number in a header; -1: it is not there, -2: it is none, and answered. */
int64_t ngx_http_render_tus_read(ngx_http_request_t *r, const char *name,
    const char *why);

/* Upload-Checksum; NGX_DECLINED: answered. */
ngx_int_t ngx_http_render_tus_sum(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* Whether the body is bytes of the upload; else there should be none. */
ngx_uint_t ngx_http_render_tus_has_bytes(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* Until when the next piece may come, if one has come now; s. */
int64_t ngx_http_render_tus_expires(rn_upload *u);


/* ngx_http_render_tus_create.c */

/* The uploads of which it is joined, by Upload-Concat; NULL, or what is wrong
   with that, as a sentence. */
const char *ngx_http_render_tus_read_parts(ngx_http_render_tus_t *t);


/* ngx_http_render_tus_answer.c */

void ngx_http_render_tus_header(ngx_http_request_t *r, const char *name,
    const char *text);
void ngx_http_render_tus_number(ngx_http_request_t *r, const char *name,
    int64_t number);

/* Answers with an object, which is freed. */
void ngx_http_render_tus_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, json_t *o);

/* Where it is asked for, with the API's prefix; data is NULL: no memory. */
ngx_str_t ngx_http_render_tus_location(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* 400, and 413. */
void ngx_http_render_tus_bad(ngx_http_request_t *r, const char *why);
void ngx_http_render_tus_long(ngx_http_request_t *r, const char *why);

/* All went well: what is there of it now. */
void ngx_http_render_tus_answer(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* A thread has failed. */
void ngx_http_render_tus_failed(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);


/* ngx_http_render_tus_draft.c; NGX_DECLINED: answered. */

/* The version of the draft that is asked for; 0: none. */
ngx_int_t ngx_http_render_draft_asked(ngx_http_request_t *r);

/* What the headers say of one that begins, and of a piece. */
ngx_int_t ngx_http_render_draft_create(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);
ngx_int_t ngx_http_render_draft_patch(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* Whether the piece fits to what there is. */
ngx_int_t ngx_http_render_draft_fits(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* The piece is written: NGX_OK: more will come; NGX_DONE: that is all. */
ngx_int_t ngx_http_render_draft_ended(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* Says where it will be found, before its bytes are read. */
ngx_int_t ngx_http_render_draft_interim(ngx_http_request_t *r,
    ngx_http_render_tus_t *t, ngx_str_t *location);

/* Upload-Limit, and of an upload (else NULL) how much of it there is. */
void ngx_http_render_draft_header(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* Whether a piece that is not the last is answered by 201, or by 204. */
ngx_uint_t ngx_http_render_draft_created(ngx_http_render_tus_t *t);


/* ngx_http_render_tus_piece.c */

/* What of the metadata becomes a member of the asset; the first one counts. */

typedef struct {
    const char                *key;         /* NULL: behind the last */
    const char                *as;
    ngx_uint_t                 of_file;     /* and not one of the fields */
} ngx_http_render_tus_field_t;

extern const ngx_http_render_tus_field_t  ngx_http_render_tus_fields[];

/* Takes the body as bytes of the upload, whose file is open. */
void ngx_http_render_tus_piece(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);

/* All bytes are there: makes an asset of it. */
void ngx_http_render_tus_finish(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);


/* ngx_http_render_tus_work.c */

/* The state of a request; it goes with it.  NULL: answered. */
ngx_http_render_tus_t *ngx_http_render_tus_begin(ngx_http_request_t *r);

/* run(t) in a thread, then then(r, t), unless the request is gone. */
void ngx_http_render_tus_do(ngx_http_request_t *r, ngx_http_render_tus_t *t,
    void (*run)(ngx_http_render_tus_t *t), ngx_http_render_tus_pt then);

/* Takes what no request has any more, does this with it, and frees it. */

typedef struct {
    rn_upload                 *upload;      /* malloc'd, as data is */
    ngx_uint_t                 remove;      /* it will never be an asset; else
                                               somebody will go on with it */
    u_char                    *data;        /* bytes to be written first */
    size_t                     n;
    rn_spool                   spool;       /* is set */
} ngx_http_render_left_t;

void ngx_http_render_tus_leave(const ngx_http_render_left_t *left);

/* What is done in threads; error says how it went. */
void ngx_http_render_tus_run_create(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_look(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_take(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_doubt(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_undo(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_keep(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_finish(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_sent(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_done(ngx_http_render_tus_t *t);
void ngx_http_render_tus_run_remove(ngx_http_render_tus_t *t);

/* Tells SQL of uploads, [{asset}], that will not be; frees the array. */
void ngx_http_render_tus_abandon(json_t *uploads);


/* ngx_http_render_tus_sweep.c */

/* Removes what has expired, now and then. */
void ngx_http_render_tus_sweep_begin(void);
void ngx_http_render_tus_sweep_end(void);


#endif /* NGX_HTTP_RENDER_TUS_H */
