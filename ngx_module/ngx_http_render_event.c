/*
 * An event as the relay hands it on: one text for all who listen, with what the
 * relay has to know of it read once, and framed for WebSockets in place.  Who
 * gets it is not known here.
 */

#include "ngx_http_render_relay.h"
#include "rn_event.h"
#include "rn_websocket.h"


static ngx_uint_t
ngx_http_render_event_is(ngx_http_render_event_t *e, const char *name,
    const char *text)
{
    return rn_event_is((char *) e->doc.data, e->doc.len, name, text);
}


static ngx_int_t
ngx_http_render_event_tenths(ngx_http_render_event_t *e, const char *name)
{
    return rn_event_tenths((char *) e->doc.data, e->doc.len, name);
}


static ngx_http_render_event_t *
ngx_http_render_event_alloc(unsigned char opcode, size_t len)
{
    size_t                    head;
    u_char                   *p;
    ngx_http_render_event_t  *e;

    e = malloc(sizeof(ngx_http_render_event_t) + RN_WEBSOCKET_HEAD + len);
    if (e == NULL) {
        return NULL;
    }

    ngx_memzero(e, sizeof(ngx_http_render_event_t));
    p = (u_char *) e + sizeof(ngx_http_render_event_t);
    head = rn_websocket_head(p, opcode, len);

    e->refs = 1;
    e->frame.data = p;
    e->frame.len = head + len;
    e->doc.data = p + head;
    e->doc.len = len;

    return e;
}


ngx_http_render_event_t *
ngx_http_render_event_create(const u_char *id, size_t id_len,
    const u_char *text, size_t len)
{
    size_t                    n;
    u_char                   *p;
    const char               *value;
    rn_event_id               own;
    ngx_http_render_event_t  *e;

    if (id_len > 40 || len < 2) {
        return NULL;
    }

    e = ngx_http_render_event_alloc(RN_WEBSOCKET_TEXT,
            id_len != 0 ? len + id_len + sizeof("\"id\":\"\",") - 1 : len);
    if (e == NULL) {
        return NULL;
    }

    p = e->doc.data;

    if (id_len != 0) {
        p = ngx_cpymem(p, "{\"id\":\"", 7);
        p = ngx_cpymem(p, id, id_len);
        p = ngx_cpymem(p, "\",", 2);
        ngx_memcpy(p, text + 1, len - 1);
    } else {
        ngx_memcpy(p, text, len);
    }

    if (rn_event_string((char *) e->doc.data, e->doc.len, "id", &value, &n)
        && rn_event_id_read(value, n, &own))
    {
        e->ms = own.ms;
        e->seq = own.seq;
    }

    e->run = ngx_http_render_event_tenths(e, "run") / 10;
    e->percent = ngx_http_render_event_tenths(e, "percent");
    e->progress = ngx_http_render_event_is(e, "type", "progress");
    e->snapshot = ngx_http_render_event_is(e, "type", "snapshot");
    e->final = ngx_http_render_event_is(e, "status", "completed")
               || ngx_http_render_event_is(e, "status", "failed")
               || ngx_http_render_event_is(e, "status", "cancelled");

    return e;
}


ngx_http_render_event_t *
ngx_http_render_event_control(unsigned char opcode, const u_char *text,
    size_t len)
{
    ngx_http_render_event_t  *e;

    e = ngx_http_render_event_alloc(opcode, len);

    if (e != NULL && len != 0) {
        ngx_memcpy(e->doc.data, text, len);
    }

    return e;
}


void
ngx_http_render_event_drop(ngx_http_render_event_t *e)
{
    if (e != NULL && --e->refs == 0) {
        free(e);
    }
}


ngx_str_t
ngx_http_render_event_type(ngx_http_render_event_t *e)
{
    ngx_str_t    type = ngx_null_string;
    const char  *value;

    if (rn_event_string((char *) e->doc.data, e->doc.len, "type", &value,
                        &type.len))
    {
        type.data = (u_char *) value;
    }

    return type;
}
