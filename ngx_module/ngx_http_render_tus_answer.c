/*
 * What is answered to who uploads in pieces: how much of it there is, where it
 * will be found, and why something cannot be.
 */

#include "ngx_http_render_tus.h"


#define NGX_HTTP_RENDER_TUS_EXTENSIONS                                        \
    "creation,creation-with-upload,creation-defer-length,expiration,"        \
    "checksum,termination,concatenation"


void
ngx_http_render_tus_header(ngx_http_request_t *r, const char *name,
    const char *text)
{
    ngx_str_t  value;

    value = ngx_http_render_dup(r->pool, text, ngx_strlen(text));
    (void) ngx_http_render_header(r, name, &value);
}


void
ngx_http_render_tus_number(ngx_http_request_t *r, const char *name,
    int64_t number)
{
    char  text[24];

    (void) snprintf(text, sizeof(text), "%lld", (long long) number);
    ngx_http_render_tus_header(r, name, text);
}


static void
ngx_http_render_tus_max(ngx_http_request_t *r)
{
    off_t  max;

    max = ngx_http_render_process->conf->upload_max;

    if (max > 0) {
        ngx_http_render_tus_number(r, "Tus-Max-Size", max);
    }
}


void
ngx_http_render_tus_options(ngx_http_request_t *r)
{
    ngx_http_render_tus_header(r, "Allow",
                               "OPTIONS, POST, HEAD, GET, PATCH, DELETE");
    ngx_http_render_tus_header(r, "Tus-Resumable", RN_TUS_VERSION);
    ngx_http_render_tus_header(r, "Tus-Version", RN_TUS_VERSION);
    ngx_http_render_tus_header(r, "Tus-Extension",
                               NGX_HTTP_RENDER_TUS_EXTENSIONS);
    ngx_http_render_tus_header(r, "Tus-Checksum-Algorithm", RN_TUS_CHECKSUMS);
    ngx_http_render_tus_max(r);
    ngx_http_render_tus_header(r, "Accept-Patch", "application/partial-upload, "
                               "application/offset+octet-stream");
    ngx_http_render_draft_header(r, NULL);
    ngx_http_render_no_content(r);
}


void
ngx_http_render_tus_bad(ngx_http_request_t *r, const char *why)
{
    ngx_http_render_problem(r, 400, "Bad upload", why, NULL);
}


void
ngx_http_render_tus_long(ngx_http_request_t *r, const char *why)
{
    ngx_http_render_tus_max(r);
    ngx_http_render_draft_header(r, NULL);
    ngx_http_render_problem(r, 413, "Too long", why, NULL);
}


void
ngx_http_render_tus_failed(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    switch (t->error) {

    case ENOENT:
        if (t->nparts != 0) {
            ngx_http_render_tus_bad(r, "an upload of Upload-Concat is not "
                                    "there");
            return;
        }

        ngx_http_render_problem(r, 404, "Not found",
                                "there is no such upload", NULL);
        return;

    case EWOULDBLOCK:
        if (t->nparts != 0) {
            ngx_http_render_tus_bad(r, "an upload of Upload-Concat is being "
                                    "written to");
            return;
        }

        ngx_http_render_problem(r, 423, "Locked", "another request writes to "
                                "this upload", NULL);
        return;

    case EINVAL:
        ngx_http_render_tus_bad(r, "an upload of Upload-Concat is not whole, "
                                "or not partial");
        return;

    case ENODATA:
        ngx_http_render_problem(r, 400, "Empty upload", "a file is empty",
                                NULL);
        return;

    case EBADMSG:
        ngx_http_render_problem(r, 410, "Gone", "what was known of this upload "
                                "is damaged; it must begin anew", NULL);
        return;

    case EFBIG:
        ngx_http_render_tus_long(r, "the uploads of Upload-Concat are together "
                                 "longer than may be");
        return;

    default:
        ngx_http_render_pump_failed(r, t->error, t->doing);
    }
}


void
ngx_http_render_tus_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, json_t *o)
{
    char       *text;
    ngx_str_t   body;

    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);

    body = text != NULL ? ngx_http_render_dup(r->pool, text, ngx_strlen(text))
                        : (ngx_str_t) ngx_null_string;
    free(text);

    if (body.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_render_send(r, status, type, &body);
}


/* What there is of it, as JSON. */

static void
ngx_http_render_tus_json(ngx_http_request_t *r, ngx_http_render_tus_t *t,
    ngx_uint_t status)
{
    json_t     *o;
    rn_upload  *u = t->upload;

    static const char *const  states[] = { "open", "whole", "whole", "done" };

    o = json_pack("{s:s, s:s, s:I, s:b}", "id", u->id,
                  "state", states[u->state], "offset", (json_int_t) u->offset,
                  "partial", u->partial);
    (void) json_object_set_new(o, "length", u->length < 0 ? json_null()
                                            : json_integer(u->length));
    ngx_http_render_tus_send(r, status, "application/json", o);
}


/* To GET and HEAD. */

static void
ngx_http_render_tus_told(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    rn_upload  *u = t->upload;

    if (u->length >= 0) {
        ngx_http_render_tus_number(r, "Upload-Length", u->length);

    } else if (t->draft == 0) {
        ngx_http_render_tus_header(r, "Upload-Defer-Length", "1");
    }

    if (t->draft != 0) {
        ngx_http_render_no_content(r);
        return;
    }

    if (u->metadata[0] != '\0') {
        ngx_http_render_tus_header(r, "Upload-Metadata", u->metadata);
    }

    if (u->concat[0] != '\0') {
        ngx_http_render_tus_header(r, "Upload-Concat", u->concat);
    }

    ngx_http_render_tus_json(r, t, NGX_HTTP_OK);
}


ngx_str_t
ngx_http_render_tus_location(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t                    location;
    ngx_http_render_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);
    location.len = lcf->prefix.len + sizeof("/files/") - 1 + RN_UUID_LEN;
    location.data = ngx_pnalloc(r->pool, location.len + 1);

    if (location.data != NULL) {
        location.len = ngx_sprintf(location.data, "%V/files/%s", &lcf->prefix,
                                   t->upload->id) - location.data;
    }

    return location;
}


void
ngx_http_render_tus_answer(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    u_char      date[sizeof("Mon, 28 Sep 1970 06:00:00 GMT")];
    ngx_str_t   location;
    rn_upload  *u = t->upload;

    if (t->draft != 0) {
        ngx_http_render_draft_header(r, t);

    } else {
        ngx_http_render_tus_number(r, "Upload-Offset", u->offset);

        if (u->state != RN_UPLOAD_DONE) {
            *ngx_http_time(date, (time_t) u->expires) = '\0';
            ngx_http_render_tus_header(r, "Upload-Expires", (char *) date);
        }
    }

    if (t->asked) {
        ngx_http_render_tus_told(r, t);
        return;
    }

    if (t->draft != 0 ? !ngx_http_render_draft_created(t) : !t->created) {
        ngx_http_render_no_content(r);
        return;
    }

    location = ngx_http_render_tus_location(r, t);

    if (location.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    (void) ngx_http_render_header(r, "Location", &location);
    ngx_http_render_tus_json(r, t, NGX_HTTP_CREATED);
}
