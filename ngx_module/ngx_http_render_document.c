/*
 * A composition in the body: parsed and checked by the parser that the worker
 * uses, before any SQL; a large one in a thread.
 */

#include "ngx_http_render.h"
#include "rn_doc.h"


typedef struct {
    char                       *text;
    size_t                      len;
    rn_problems                 problems;
    json_t                     *document;       /* {title, assets} */
    ngx_http_render_handler_pt  next;
} ngx_http_render_parse_t;


/* Runs in a thread for large documents. */

static void
ngx_http_render_parse(void *data)
{
    size_t                    i;
    json_t                   *assets;
    rn_doc                   *doc;
    ngx_http_render_parse_t  *p = data;

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


static void
ngx_http_render_parsed(ngx_http_request_t *r, void *data)
{
    json_t                   *errors;
    ngx_http_render_parse_t  *p = data;

    if (r != NULL && p->document != NULL) {
        ngx_http_render_add(r, "document", p->document);
        p->next(r);

    } else if (r != NULL && p->problems.total == 0) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else if (r != NULL) {
        errors = rn_problems_json(&p->problems);

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


void
ngx_http_render_document(ngx_http_request_t *r,
    ngx_http_render_handler_pt next)
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

    ngx_memcpy(p->text, ctx->body.data, ctx->body.len);
    p->len = ctx->body.len;
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
