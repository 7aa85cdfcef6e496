/* Multipart uploads that were left; see rn_s3_sweep.h. */

#include "rn_s3_sweep.h"
#include "rn_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define LEFT_MAX  1000                  /* of one list (Amazon S3) */
#define UPLOAD    "ListMultipartUploadsResult/Upload"

static void list(rn_s3_sweep *w);


static void
end(rn_s3_sweep *w, rn_s3_verdict v, const char *why)
{
    free(w->left);
    w->left = NULL;
    w->verdict = v;

    if (why != NULL) {
        (void) snprintf(w->text, sizeof(w->text), "%s", why);
    }

    w->done(w);
}


static void
copy(char *out, size_t size, const char *s)
{
    if (snprintf(out, size, "%s", s) >= (int) size) {
        out[0] = '\0';                  /* then it is none of ours */
    }
}


/*
 * All that lies under a prefix is ours, and of a bucket without one what begins
 * as keys of storage do: others may use the bucket, too.
 */

static bool
is_ours(const rn_s3_sweep *w, const char *key)
{
    size_t       i, n;
    const char  *prefix;

    static const char *const folders[] = { "inputs/", "segments/", "outputs/" };

    prefix = rn_s3_client_bucket(w->client)->prefix;
    n = strlen(prefix);

    if (strncmp(key, prefix, n) != 0 || !rn_store_key_ok(key + n)) {
        return false;
    }

    if (n > 0) {
        return true;
    }

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (strncmp(key + n, folders[i], strlen(folders[i])) == 0) {
            return true;
        }
    }

    return false;
}


static void
take(void *data, const char *path, const char *text)
{
    rn_s3_sweep  *w = data;

    if (strcmp(path, UPLOAD "/Key") == 0) {
        copy(w->at.key, sizeof(w->at.key), text);

    } else if (strcmp(path, UPLOAD "/UploadId") == 0) {
        copy(w->at.upload, sizeof(w->at.upload), text);

    } else if (strcmp(path, UPLOAD "/Initiated") == 0) {
        w->initiated = rn_s3_time(text);

    } else if (strcmp(path, UPLOAD) == 0) {
        if (is_ours(w, w->at.key) && w->at.upload[0] != '\0'
            && w->initiated > 0 && w->initiated < w->before
            && w->n_left < LEFT_MAX)
        {
            w->left[w->n_left++] = w->at;
        }
        memset(&w->at, 0, sizeof(w->at));
        w->initiated = 0;

    } else if (strcmp(path, "ListMultipartUploadsResult/NextKeyMarker") == 0) {
        copy(w->mark.key, sizeof(w->mark.key), text);

    } else if (strcmp(path, "ListMultipartUploadsResult/NextUploadIdMarker")
               == 0)
    {
        copy(w->mark.upload, sizeof(w->mark.upload), text);

    } else if (strcmp(path, "ListMultipartUploadsResult/IsTruncated") == 0) {
        w->more = strcmp(text, "true") == 0;
    }
}


static void give_up(rn_s3_sweep *w);


static void
gave_up(rn_s3_request *r)
{
    rn_s3_sweep  *w = r->data;

    /* one that is gone was given up by somebody else, or has ended */

    if (r->verdict == RN_S3_DONE) {
        w->given_up++;

    } else if (r->verdict != RN_S3_NONE
               && strcmp(r->error.code, "NoSuchUpload") != 0)
    {
        if (w->kept++ == 0) {           /* those behind it may be had yet */
            w->fault = r->verdict;
            (void) snprintf(w->text, sizeof(w->text), "%s", r->text);
        }
    }

    give_up(w);
}


static void
give_up(rn_s3_sweep *w)
{
    const char     *prefix;
    rn_s3_left     *l;
    rn_s3_request  *r = &w->request;

    if (w->next == w->n_left) {
        if (w->more && w->mark.key[0] != '\0') {
            if (strcmp(w->mark.key, w->last.key) < 0
                || (strcmp(w->mark.key, w->last.key) == 0
                    && strcmp(w->mark.upload, w->last.upload) == 0))
            {
                end(w, RN_S3_NEVER, "S3 lists the same uploads again");
                return;
            }
            w->last = w->mark;
            list(w);
        } else {
            end(w, w->kept > 0 ? w->fault : RN_S3_DONE, NULL);
        }
        return;
    }

    l = &w->left[w->next++];
    prefix = rn_s3_client_bucket(w->client)->prefix;

    memset(r, 0, sizeof(*r));
    r->method = "DELETE";
    r->key = l->key + strlen(prefix);
    r->query[0].name = "uploadId";
    r->query[0].value = l->upload;
    r->n_query = 1;
    r->done = gave_up;
    r->data = w;
    rn_s3_request_start(w->client, r);
}


static void
listed(rn_s3_request *r)
{
    rn_s3_sweep  *w = r->data;

    w->n_left = w->next = 0;
    w->more = false;
    memset(&w->mark, 0, sizeof(w->mark));

    if (r->verdict != RN_S3_DONE) {
        end(w, r->verdict, r->text);
        return;
    }

    if (!rn_s3_parse(r->answer, r->answer_len, take, w)) {
        end(w, RN_S3_NEVER, "S3 lists uploads in a way that is not known here");
        return;
    }

    give_up(w);
}


static void
list(rn_s3_sweep *w)
{
    rn_s3_request  *r = &w->request;

    memset(r, 0, sizeof(*r));
    r->method = "GET";
    r->key = "";
    r->root = "ListMultipartUploadsResult";
    r->query[0].name = "uploads";
    r->query[0].value = "";
    r->query[1].name = "prefix";
    r->query[1].value = rn_s3_client_bucket(w->client)->prefix;
    r->n_query = 2;

    if (w->mark.key[0] != '\0') {
        r->query[2].name = "key-marker";
        r->query[2].value = w->mark.key;
        r->query[3].name = "upload-id-marker";
        r->query[3].value = w->mark.upload;
        r->n_query = 4;
    }

    r->done = listed;
    r->data = w;
    rn_s3_request_start(w->client, r);
}


void
rn_s3_sweep_start(rn_s3_sweep *w)
{
    w->left = calloc(LEFT_MAX, sizeof(rn_s3_left));

    if (w->left == NULL) {
        end(w, RN_S3_AGAIN, "out of memory");
        return;
    }

    list(w);
}


void
rn_s3_sweep_cancel(rn_s3_sweep *w)
{
    rn_s3_request_cancel(&w->request);
    free(w->left);
    w->left = NULL;
}
