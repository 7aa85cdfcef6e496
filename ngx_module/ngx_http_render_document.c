/*
 * A composition in the body, or in a member of it: parsed and checked by the
 * parser that the worker uses, before any SQL; a large one in a thread.
 */

#include "ngx_http_render.h"
#include "rn_doc.h"


typedef struct {
    char                       *text;
    size_t                      len;
    rn_problems                 problems;
    const char                 *prefix;         /* of pointers, a literal */
    unsigned                    within:1;       /* in that member of the text */
    unsigned                    absent:1;       /* where there is none */
    char                        why[200];       /* the text is no object */
    json_t                     *document;       /* {title, assets} */
    ngx_http_render_handler_pt  next;
} ngx_http_render_parse_t;


/* The member in place of the text that holds it; false: there is none. */

static ngx_uint_t
ngx_http_render_extract(ngx_http_render_parse_t *p)
{
    char          *text;
    json_t        *root, *document;
    json_error_t   error;

    root = json_loadb(p->text, p->len, JSON_REJECT_DUPLICATES, &error);
    document = json_object_get(root, p->prefix + 1);
    text = NULL;

    if (!json_is_object(root)) {
        (void) snprintf(p->why, sizeof(p->why), "the body must be a JSON "
                        "object%s%.120s", root == NULL ? ": " : "",
                        root == NULL ? error.text : "");

    } else if (!json_is_object(document)) { /* SQL says so, if it must be */
        p->absent = 1;

    } else {
        text = json_dumps(document, JSON_COMPACT);
    }

    json_decref(root);

    if (text == NULL) {
        return 0;
    }

    free(p->text);
    p->text = text;
    p->len = ngx_strlen(text);

    return 1;
}


/* Runs in a thread for large documents. */

static void
ngx_http_render_parse(void *data)
{
    size_t                    i;
    json_t                   *assets;
    rn_doc                   *doc;
    ngx_http_render_parse_t  *p = data;

    if (p->within && !ngx_http_render_extract(p)) {
        return;
    }

    if (rn_doc_parse(p->text, p->len, &rn_limits_default, false, &p->problems,
                     &doc) != RN_OK)
    {
        return;
    }

    assets = json_array();

    for (i = 0; i < doc->n_refs; i++) {
        (void) json_array_append_new(assets, json_pack("{s:s, s:s, s:s}",
            "pointer", doc->refs[i].pointer, "src", doc->refs[i].src,
            "type", rn_asset_type_name(doc->refs[i].type)));
    }

    p->document = json_pack("{s:s?, s:o}", "title", doc->title, "assets",
                            assets);
    rn_doc_free(doc);
}


/* A document that is a member of the body: where that begins. */

static json_t *
ngx_http_render_prefixed(json_t *errors, const char *prefix)
{
    size_t       i;
    json_t      *e;
    const char  *pointer;

    json_array_foreach(errors, i, e) {
        pointer = json_string_value(json_object_get(e, "pointer"));
        (void) json_object_set_new(e, "pointer",
                                   json_sprintf("%s%s", prefix,
                                                pointer ? pointer : ""));
    }

    return errors;
}


static void
ngx_http_render_parsed(ngx_http_request_t *r, void *data)
{
    json_t                   *errors;
    ngx_http_render_parse_t  *p = data;

    if (r != NULL && p->document != NULL) {
        ngx_http_render_add(r, "document", p->document);
        p->next(r);

    } else if (r != NULL && p->absent) {
        p->next(r);

    } else if (r != NULL && p->why[0] != '\0') {
        ngx_http_render_problem(r, 400, "Bad JSON", p->why, NULL);

    } else if (r != NULL && p->problems.total == 0) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else if (r != NULL) {
        errors = ngx_http_render_prefixed(rn_problems_json(&p->problems),
                                          p->prefix);

        if (p->problems.n == 1 && p->problems.items[0].pointer[0] == '\0'
            && ngx_strncmp(p->problems.items[0].detail, "not JSON", 8) == 0)
        {
            ngx_http_render_problem(r, 400, "Bad JSON",
                                    p->problems.items[0].detail, errors);
        } else {
            ngx_http_render_problem(r, 422,
                                    "The composition cannot be rendered",
                                    "the document has errors; each stands in "
                                    "errors", errors);
        }

    } else {
        json_decref(p->document);
    }

    rn_problems_free(&p->problems);
    free(p->text);
    free(p);
}


static void
ngx_http_render_parse_body(ngx_http_request_t *r, ngx_uint_t within,
    const char *prefix, ngx_http_render_handler_pt next)
{
    ngx_http_render_ctx_t    *ctx;
    ngx_http_render_parse_t  *p;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    p = calloc(1, sizeof(ngx_http_render_parse_t));
    if (p != NULL) {
        p->text = malloc(ctx->body.len + 1);
    }

    if (p == NULL || p->text == NULL) {
        free(p);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_memcpy(p->text, ctx->body.data, ctx->body.len + 1);
    p->len = ctx->body.len;
    p->within = within;
    p->prefix = prefix;
    p->next = next;

    if (p->len <= NGX_HTTP_RENDER_PARSE_INLINE) {
        ngx_http_render_parse(p);
        ngx_http_render_parsed(r, p);
        return;
    }

    if (ngx_http_render_thread(r, ngx_http_render_process->conf->files_pool,
                               ngx_http_render_parse, ngx_http_render_parsed,
                               p) != NGX_OK)
    {
        free(p->text);
        free(p);
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the server is too busy", NULL);
    }
}


void
ngx_http_render_document(ngx_http_request_t *r,
    ngx_http_render_handler_pt next)
{
    ngx_http_render_parse_body(r, 0, "", next);
}


static void
ngx_http_render_document_call(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ngx_http_render_call(r, ctx->route->statement, ngx_http_render_answer);
}


/*
 * A body that may hold a composition: "config" of a PATCH, "composition" of a
 * new job.  Without one it goes on to SQL as it is.
 */

void
ngx_http_render_document_within(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ngx_http_render_parse_body(r, 1, ctx->route->method == NGX_HTTP_PATCH
                                     ? "/config" : "/composition",
                               ngx_http_render_document_call);
}
