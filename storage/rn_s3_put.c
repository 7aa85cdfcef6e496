/* An object on its way to S3; see rn_s3_put.h. */

#include "rn_s3_put.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define BEGINS  3                       /* of one object */
#define MIB     (1024 * 1024)

enum { IDLE, CREATING, SENDING, COMPLETING, LOOKING, ABORTING, OVER };

static void step(rn_s3_put *p);


size_t
rn_s3_part_size(int64_t expected)
{
    int64_t  n;

    n = (expected + RN_S3_PARTS - 1) / RN_S3_PARTS;
    n = (n + MIB - 1) / MIB * MIB;

    return n > RN_S3_PART ? (size_t) n : RN_S3_PART;
}


static bool
is_busy(const rn_s3_put *p)
{
    unsigned  i;

    for (i = 0; i < p->parallel; i++) {
        if (p->parts[i].busy) {
            return true;
        }
    }

    return false;
}


static void
leave_part(rn_s3_part *part)
{
    rn_s3_request_cancel(&part->request);

    if (part->busy) {
        part->busy = false;
        part->put->left(part);
    }
}


static void
forget_parts(rn_s3_put *p)
{
    int  i;

    for (i = 0; i < p->next; i++) {
        free(p->etags[i]);
        p->etags[i] = NULL;
    }

    free(p->list);
    p->list = NULL;
    p->next = p->n_done = 0;
    p->upload[0] = '\0';
}


static void
end(rn_s3_put *p)
{
    forget_parts(p);
    free(p->etags);
    p->etags = NULL;
    p->state = OVER;
}


/* The first fault is the one that is told. */

static void
fail(rn_s3_put *p, rn_s3_verdict v, const char *why)
{
    unsigned  i;

    if (!p->failed) {
        p->failed = true;
        p->verdict = v;
        (void) snprintf(p->text, sizeof(p->text), "%s", why);
    }

    /* those whose bytes are being read are left when they come */

    for (i = 0; i < p->parallel; i++) {
        if (p->parts[i].busy && p->parts[i].given) {
            leave_part(&p->parts[i]);
        }
    }
}


static void
fail_request(rn_s3_put *p, const rn_s3_request *r)
{
    fail(p, r->verdict == RN_S3_DONE ? RN_S3_NEVER : r->verdict,
         r->text[0] != '\0' ? r->text : "S3 answers what is no answer");
}


/* The upload, or a part, is not what we think it is: from the beginning. */

static bool
begins_anew(rn_s3_put *p, const rn_s3_request *r)
{
    if (p->begun >= BEGINS || p->given_up
        || (strcmp(r->error.code, "NoSuchUpload") != 0
            && strcmp(r->error.code, "InvalidPart") != 0))
    {
        return false;
    }

    fail_request(p, r);
    p->again = true;

    return true;
}


static void
ask(rn_s3_put *p, const char *method, void (*done)(rn_s3_request *r))
{
    memset(&p->request, 0, sizeof(p->request));
    p->request.method = method;
    p->request.key = p->key;
    p->request.done = done;
    p->request.data = p;

    if (p->upload[0] != '\0') {
        p->request.query[0].name = "uploadId";
        p->request.query[0].value = p->upload;
        p->request.n_query = 1;
    }
}


static void
set_type(rn_s3_put *p, rn_s3_request *r)
{
    if (p->type != NULL) {
        r->headers[0].name = "Content-Type";
        r->headers[0].value = p->type;
        r->n_headers = 1;
    }
}


/* ---- abort ---- */

static void
aborted(rn_s3_request *r)
{
    rn_s3_put  *p = r->data;

    /* what could not be given up, the sweep will */

    p->upload[0] = '\0';
    step(p);
}


/* ---- complete ---- */

static void
looked(rn_s3_request *r)
{
    rn_s3_put  *p = r->data;

    if (r->verdict == RN_S3_DONE && r->size == p->size && p->mark[0] != '\0'
        && strcmp(r->mark, p->mark) == 0)
    {
        p->failed = false;
        p->verdict = RN_S3_DONE;
        p->text[0] = '\0';
        p->upload[0] = '\0';
        end(p);
        p->done(p);
        return;
    }

    p->again = p->begun < BEGINS && !p->given_up;
    p->state = SENDING;
    step(p);
}


static void
completed(rn_s3_request *r)
{
    rn_s3_put  *p = r->data;

    if (r->verdict == RN_S3_DONE) {
        p->verdict = RN_S3_DONE;
        end(p);
        p->done(p);
        return;
    }

    /* done before, and the answer did not come? */

    if (strcmp(r->error.code, "NoSuchUpload") == 0) {
        fail_request(p, r);
        p->upload[0] = '\0';
        ask(p, "HEAD", looked);
        p->state = LOOKING;
        rn_s3_request_start(p->client, &p->request);
        return;
    }

    if (!begins_anew(p, r)) {
        fail_request(p, r);
    }

    p->state = SENDING;
    step(p);
}


static size_t
put_escaped(char *out, const char *s)
{
    char  *at = out;

    for ( /* void */ ; *s != '\0'; s++) {
        switch (*s) {
        case '"':
            at = stpcpy(at, "&quot;");
            break;
        case '&':
            at = stpcpy(at, "&amp;");
            break;
        case '<':
            at = stpcpy(at, "&lt;");
            break;
        default:
            *at++ = *s;
        }
    }

    *at = '\0';

    return (size_t) (at - out);
}


static void
complete(rn_s3_put *p)
{
    int     i;
    char   *at;
    size_t  n;

    for (i = 0, n = 64; i < p->next; i++) {
        n += 80 + 6 * strlen(p->etags[i]);
    }

    p->list = malloc(n);
    if (p->list == NULL) {
        fail(p, RN_S3_AGAIN, "out of memory");
        return;
    }

    at = stpcpy(p->list, "<CompleteMultipartUpload>");

    for (i = 0; i < p->next; i++) {
        at += sprintf(at, "<Part><PartNumber>%d</PartNumber><ETag>", i + 1);
        at += put_escaped(at, p->etags[i]);
        at = stpcpy(at, "</ETag></Part>");
    }

    at = stpcpy(at, "</CompleteMultipartUpload>");

    ask(p, "POST", completed);
    p->request.root = "CompleteMultipartUploadResult";
    p->request.body = p->list;
    p->request.len = (size_t) (at - p->list);
    p->state = COMPLETING;
    rn_s3_request_start(p->client, &p->request);
}


/* ---- parts ---- */

static void
sent(rn_s3_request *r)
{
    rn_s3_part  *part = r->data;
    rn_s3_put   *p = part->put;

    part->busy = false;
    p->left(part);

    if (p->failed) {
        /* void */

    } else if (r->verdict != RN_S3_DONE) {
        if (!begins_anew(p, r)) {
            fail_request(p, r);
        }

    } else if (part->number > 0 && r->etag[0] == '\0') {
        fail(p, RN_S3_NEVER, "S3 gives a part no ETag");

    } else if (part->number > 0) {
        p->etags[part->number - 1] = strdup(r->etag);
        p->n_done++;

        if (p->etags[part->number - 1] == NULL) {
            fail(p, RN_S3_AGAIN, "out of memory");
        }

    } else {
        p->verdict = RN_S3_DONE;
        end(p);
        p->done(p);
        return;
    }

    step(p);
}


void
rn_s3_put_give(rn_s3_part *part, const char *why)
{
    rn_s3_put      *p = part->put;
    rn_s3_request  *r = &part->request;

    part->given = true;

    if (part->bytes == NULL && part->len > 0 && !p->failed) {
        fail(p, RN_S3_NEVER, why);
    }

    if (p->failed) {
        leave_part(part);
        if (!p->asking) {
            step(p);
        }
        return;
    }

    memset(r, 0, sizeof(*r));
    r->method = "PUT";
    r->key = p->key;
    r->body = part->bytes;
    r->len = part->len;
    r->sha256 = part->sha256[0] != '\0' ? part->sha256 : NULL;
    r->done = sent;
    r->data = part;

    if (part->number > 0) {
        (void) snprintf(part->text, sizeof(part->text), "%d", part->number);
        r->query[0].name = "partNumber";
        r->query[0].value = part->text;
        r->query[1].name = "uploadId";
        r->query[1].value = p->upload;
        r->n_query = 2;
    } else {
        set_type(p, r);
    }

    rn_s3_request_start(p->client, r);
}


static void
want(rn_s3_put *p, rn_s3_part *part, int number, int64_t from, int64_t end)
{
    part->put = p;
    part->number = number;
    part->from = from;
    part->len = (size_t) (end - from);
    part->bytes = NULL;
    part->sha256[0] = '\0';
    part->busy = true;
    part->given = false;

    /* who gives at once finds us here, and nothing ends under our hands */

    p->asking = true;
    p->want(part);
    p->asking = false;
}


static bool
send_parts(rn_s3_put *p)
{
    int       k;
    char    **more;
    int64_t   from, to;
    unsigned  i;

    for (i = 0; i < p->parallel; i++) {
        from = (int64_t) p->next * (int64_t) p->part_size;
        to = from + (int64_t) p->part_size;

        if (from >= p->size || (to > p->size && !p->whole)) {
            return true;
        }

        if (p->parts[i].busy) {
            continue;
        }

        if (p->next == RN_S3_PARTS) {
            fail(p, RN_S3_NEVER, "it is larger than was said");
            return false;
        }

        more = realloc(p->etags, (size_t) (p->next + 1) * sizeof(char *));
        if (more == NULL) {
            fail(p, RN_S3_AGAIN, "out of memory");
            return false;
        }

        p->etags = more;
        k = p->next++;
        p->etags[k] = NULL;
        want(p, &p->parts[i], k + 1, from, to < p->size ? to : p->size);

        if (p->failed || p->state != SENDING) {
            return false;
        }
    }

    return true;
}


/* ---- create ---- */

static void
take_upload(void *data, const char *path, const char *text)
{
    rn_s3_put  *p = data;

    if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0
        && strlen(text) < sizeof(p->upload))
    {
        (void) strcpy(p->upload, text);
    }
}


static void
created(rn_s3_request *r)
{
    rn_s3_put  *p = r->data;

    if (r->verdict == RN_S3_DONE
        && (!rn_s3_parse(r->answer, r->answer_len, take_upload, p)
            || p->upload[0] == '\0'))
    {
        fail(p, RN_S3_NEVER, "S3 does not name the upload that was begun");

    } else if (r->verdict != RN_S3_DONE) {
        fail_request(p, r);
    }

    p->state = SENDING;
    step(p);
}


static void
create(rn_s3_put *p)
{
    ask(p, "POST", created);
    p->request.query[0].name = "uploads";
    p->request.query[0].value = "";
    p->request.n_query = 1;
    p->request.root = "InitiateMultipartUploadResult";
    set_type(p, &p->request);

    /* by which it is known, should the answer to its end be lost */

    if (!rn_uuid(p->mark)) {
        p->mark[0] = '\0';
    }

    p->request.headers[p->request.n_headers].name = RN_S3_MARK;
    p->request.headers[p->request.n_headers++].value = p->mark;
    p->state = CREATING;
    p->begun++;
    rn_s3_request_start(p->client, &p->request);
}


/* ---- what is next ---- */

static void
step_failed(rn_s3_put *p)
{
    if (is_busy(p)) {
        return;                         /* for a part that is being read */
    }

    if (p->upload[0] != '\0') {
        ask(p, "DELETE", aborted);
        p->state = ABORTING;
        rn_s3_request_start(p->client, &p->request);
        return;
    }

    forget_parts(p);

    if (p->again) {
        p->again = p->failed = false;
        p->state = IDLE;
        step(p);
        return;
    }

    end(p);
    p->done(p);
}


static void
step(rn_s3_put *p)
{
    if (p->state == ABORTING && p->upload[0] == '\0') {
        p->state = SENDING;
    }

    if (p->state != IDLE && p->state != SENDING) {
        return;                         /* an answer is awaited */
    }

    if (p->failed) {
        step_failed(p);
        return;
    }

    if (p->state == IDLE && p->whole && p->size <= (int64_t) p->part_size) {
        if (!is_busy(p)) {
            p->state = SENDING;
            want(p, &p->parts[0], 0, 0, p->size);

            if (p->failed) {
                step_failed(p);
            }
        }
        return;
    }

    if (p->state == IDLE) {
        if (p->size > (int64_t) p->part_size) {
            create(p);
        }
        return;
    }

    if (p->upload[0] == '\0') {
        return;                         /* it goes in one request */
    }

    if (!send_parts(p)) {
        if (p->failed) {
            step(p);
        }
        return;
    }

    if (p->whole && p->n_done == p->next
        && (int64_t) p->next * (int64_t) p->part_size >= p->size)
    {
        complete(p);

        if (p->failed) {
            step(p);
        }
    }
}


void
rn_s3_put_start(rn_s3_put *p)
{
    p->part_size = rn_s3_part_size(p->expected);

    if (p->parallel < 1) {
        p->parallel = 1;
    }

    if (p->parallel > RN_S3_PARALLEL) {
        p->parallel = RN_S3_PARALLEL;
    }
}


void
rn_s3_put_more(rn_s3_put *p, int64_t size, bool whole)
{
    p->size = size;
    p->whole = whole;
    step(p);
}


void
rn_s3_put_abort(rn_s3_put *p)
{
    p->given_up = true;
    p->again = false;

    if (p->state == OVER || p->state == COMPLETING || p->state == LOOKING) {
        return;                         /* it is as good as there */
    }

    fail(p, RN_S3_NEVER, "it was given up");
    step(p);
}


void
rn_s3_put_cancel(rn_s3_put *p)
{
    unsigned  i;

    rn_s3_request_cancel(&p->request);

    for (i = 0; i < p->parallel; i++) {
        leave_part(&p->parts[i]);
    }

    end(p);
}
