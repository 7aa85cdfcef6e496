/*
 * The text of an ASS event, which is what libavcodec makes of all captions, as
 * markup that Pango reads.  Overrides of the font's size and name, moves and
 * drawings are left out: what is drawn in its own style goes to libass.
 *
 * Source: the ASS file format guide of libass's wiki, "Override tags".
 */

#include "rn_caption.h"
#include "rn_utf8.h"

#include <stdlib.h>
#include <string.h>
#include <libavutil/bprint.h>


#define TEXT_MAX  8192                  /* bytes of a cue's markup */


typedef struct {
    bool     b, i, u, s;
    int      color;                     /* RGB, -1: the caption's own */
} style;

typedef struct {
    AVBPrint    out;
    style       now, open;
    int         place;
    bool        drawing, seen;          /* anything but blanks */
} writer;


static bool
same(const style *a, const style *b)
{
    return a->b == b->b && a->i == b->i && a->u == b->u && a->s == b->s
           && a->color == b->color;
}


static void
close_style(writer *w)
{
    const style  *o = &w->open;

    av_bprintf(&w->out, "%s%s%s%s%s", o->s ? "</s>" : "", o->u ? "</u>" : "",
               o->i ? "</i>" : "", o->b ? "</b>" : "",
               o->color >= 0 ? "</span>" : "");

    memset(&w->open, 0, sizeof(w->open));
    w->open.color = -1;
}


static void
open_style(writer *w)
{
    const style  *o = &w->now;

    if (o->color >= 0) {
        av_bprintf(&w->out, "<span foreground=\"#%06x\">", (unsigned) o->color);
    }

    av_bprintf(&w->out, "%s%s%s%s", o->b ? "<b>" : "", o->i ? "<i>" : "",
               o->u ? "<u>" : "", o->s ? "<s>" : "");
    w->open = w->now;
}


/* A character of the text itself, of n bytes. */

static void
put(writer *w, const char *s, size_t n)
{
    if (w->drawing || w->out.len > TEXT_MAX) {
        return;
    }

    if (!same(&w->now, &w->open)) {
        close_style(w);
        open_style(w);
    }

    w->seen = w->seen || (*s != ' ' && *s != '\n');

    switch (*s) {
    case '<':
        av_bprintf(&w->out, "&lt;");
        break;
    case '>':
        av_bprintf(&w->out, "&gt;");
        break;
    case '&':
        av_bprintf(&w->out, "&amp;");
        break;
    default:
        av_bprint_append_data(&w->out, s, (unsigned) n);
    }
}


/* &HBBGGRR& */

static int
color_of(const char *s)
{
    char           *end;
    unsigned long   v;

    while (*s == '&' || *s == 'H' || *s == 'h') {
        s++;
    }

    v = strtoul(s, &end, 16);

    return end == s ? -1 : (int) ((v & 255) << 16 | (v & 0xff00)
                                  | (v >> 16 & 255));
}


/* One override: the name and what follows it up to the next backslash. */

static void
override(writer *w, const char *s, size_t n)
{
    char   text[64];
    bool   on;
    style  *now = &w->now;

    if (n == 0 || n >= sizeof(text)) {
        return;
    }

    memcpy(text, s, n);
    text[n] = '\0';

    on = text[1] != '\0' && text[1] != '0';

    if (strncmp(text, "an", 2) == 0 && text[2] >= '1' && text[2] <= '9') {
        w->place = text[2] - '0';

    } else if ((text[0] == 'b' || text[0] == 'i' || text[0] == 'u'
                || text[0] == 's' || text[0] == 'p')
               && strspn(text + 1, "0123456789") == n - 1)
    {
        *(text[0] == 'b' ? &now->b : text[0] == 'i' ? &now->i
          : text[0] == 'u' ? &now->u : text[0] == 's' ? &now->s
          : &w->drawing) = on;

    } else if (strncmp(text, "c&", 2) == 0 || strncmp(text, "1c&", 3) == 0) {
        now->color = color_of(strchr(text, '&'));

    } else if (strcmp(text, "c") == 0 || strcmp(text, "1c") == 0) {
        now->color = -1;

    } else if (text[0] == 'r') {
        memset(now, 0, sizeof(*now));
        now->color = -1;
    }
}


static const char *
overrides(writer *w, const char *s, const char *end)
{
    size_t  n;

    while (s < end) {
        if (*s != '\\') {
            s++;
            continue;
        }

        s++;
        n = strcspn(s, "\\}");
        override(w, s, n < (size_t) (end - s) ? n : (size_t) (end - s));
        s += n;
    }

    return end + 1;
}


/* Blank lines at the end, and blanks alone, are nobody's words. */

static char *
finish(writer *w)
{
    char  *s;

    close_style(w);

    if (!w->seen) {
        av_bprint_clear(&w->out);
    }

    while (w->out.len > 0 && w->out.len < w->out.size
           && strchr(" \n", w->out.str[w->out.len - 1]) != NULL)
    {
        w->out.str[--w->out.len] = '\0';
    }

    s = NULL;

    if (!av_bprint_is_complete(&w->out)) {
        (void) av_bprint_finalize(&w->out, NULL);
        return NULL;
    }

    (void) av_bprint_finalize(&w->out, &s);

    return s;
}


char *
rn_caption_markup(const char *ass, int *place)
{
    size_t        n, len;
    writer        w;
    unsigned int  code;
    const char   *s, *end;

    memset(&w, 0, sizeof(w));
    w.now.color = w.open.color = -1;
    av_bprint_init(&w.out, 0, AV_BPRINT_SIZE_UNLIMITED);

    len = strlen(ass);

    for (s = ass; *s != '\0'; /* void */ ) {

        if (*s == '{' && (end = strchr(s, '}')) != NULL) {
            s = overrides(&w, s + 1, end);

        } else if (*s == '\\' && (s[1] == 'N' || s[1] == 'n')) {
            put(&w, "\n", 1);
            s += 2;

        } else if (*s == '\\' && s[1] == 'h') {
            put(&w, "\xc2\xa0", 2);
            s += 2;

        } else {
            n = rn_utf8_char(s, len - (size_t) (s - ass), &code);

            if (n > 0 && (code == 0x2028 || code == 0x2029)) {
                put(&w, "\n", 1);       /* the ends of lines, Unicode's */
            } else if (n > 0 && code >= ' ' && code != 0x7f && code != 0xfffe
                && code != 0xffff)
            {
                put(&w, s, n);
            } else if (*s == '\n' || *s == '\t') {
                put(&w, *s == '\t' ? " " : "\n", 1);
            }
            s += n > 0 ? n : 1;
        }
    }

    *place = w.place;

    return finish(&w);
}
