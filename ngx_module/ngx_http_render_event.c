/*
 * An event as the relay hands it on: one text for all who listen, with what the
 * relay has to know of it read once, and framed for WebSockets in place.  Who
 * gets it is not known here.
 */

#include "ngx_http_render_relay.h"
#include "rn_websocket.h"


static ngx_uint_t
ngx_http_render_event_has(ngx_str_t *doc, const char *text)
{
    return ngx_strnstr(doc->data, (char *) text, doc->len) != NULL;
}


/* The number behind `name`, times ten; -1: there is none. */

static ngx_int_t
ngx_http_render_event_number(ngx_str_t *doc, const char *name)
{
    u_char     *p, *end;
    ngx_int_t   v;

    end = doc->data + doc->len;
    p = ngx_strnstr(doc->data, (char *) name, doc->len);

    if (p == NULL) {
        return -1;
    }

    v = 0;

    for (p += ngx_strlen(name); p < end && *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (*p - '0');
        if (v > 100000000) {
            return -1;
        }
    }

    v *= 10;

    if (p + 1 < end && *p == '.' && p[1] >= '0' && p[1] <= '9') {
        v += p[1] - '0';
    }

    return v;
}


/* "1732147200000-0" at the place of "id"; zeros when the event has none. */

static void
ngx_http_render_event_id(ngx_http_render_event_t *e)
{
    u_char  *p, *end;

    end = e->doc.data + e->doc.len;
    p = e->doc.data;

    if (e->doc.len < 8 || ngx_strncmp(p, "{\"id\":\"", 7) != 0) {
        return;
    }

    for (p += 7; p < end && *p >= '0' && *p <= '9'; p++) {
        e->ms = e->ms * 10 + (*p - '0');
    }

    if (p < end && *p == '-') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
            e->seq = e->seq * 10 + (*p - '0');
        }
    }
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
    u_char                   *p;
    ngx_str_t                 type;
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

    ngx_http_render_event_id(e);
    e->run = ngx_http_render_event_number(&e->doc, "\"run\":") / 10;
    e->percent = ngx_http_render_event_number(&e->doc, "\"percent\":");
    type = ngx_http_render_event_type(e);
    e->progress = type.len == 8 && ngx_strncmp(type.data, "progress", 8) == 0;
    e->snapshot = type.len == 8 && ngx_strncmp(type.data, "snapshot", 8) == 0;
    e->final = ngx_http_render_event_has(&e->doc, "\"status\":\"completed\"")
               || ngx_http_render_event_has(&e->doc, "\"status\":\"failed\"")
               || ngx_http_render_event_has(&e->doc,
                                            "\"status\":\"cancelled\"");

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
    u_char     *p, *end;
    ngx_str_t   value = ngx_null_string;

    p = ngx_strnstr(e->doc.data, "\"type\":\"", e->doc.len);

    if (p != NULL) {
        p += sizeof("\"type\":\"") - 1;
        end = ngx_strlchr(p, e->doc.data + e->doc.len, '"');

        if (end != NULL) {
            value.data = p;
            value.len = end - p;
        }
    }

    return value;
}
