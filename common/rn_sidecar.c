/* Files of captions; see rn_sidecar.h. */

#include "rn_sidecar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    char    *text;
    size_t   len, size;
    bool     failed;
} writer;


static void
put(writer *w, const char *s, size_t n)
{
    char  *more;

    if (w->len + n + 1 > w->size) {
        more = realloc(w->text, 2 * w->size + n + 1024);

        if (more == NULL) {
            w->failed = true;
            return;
        }

        w->size = 2 * w->size + n + 1024;
        w->text = more;
    }

    memcpy(w->text + w->len, s, n);
    w->len += n;
    w->text[w->len] = '\0';
}


static void
putf(writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
putf(writer *w, const char *fmt, ...)
{
    int      n;
    char     line[200];
    va_list  ap;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);

    if (n < 0 || (size_t) n >= sizeof(line)) {
        w->failed = true;
        return;
    }

    put(w, line, (size_t) n);
}


static char *
taken(writer *w)
{
    if (w->failed) {
        free(w->text);
        return NULL;
    }

    return w->text;
}


static void
put_time(writer *w, int64_t ms, char point)
{
    putf(w, "%02lld:%02lld:%02lld%c%03lld", (long long) (ms / 3600000),
         (long long) (ms / 60000 % 60), (long long) (ms / 1000 % 60), point,
         (long long) (ms % 1000));
}


/* Whether a line is in it, and from when to when. */

static bool
is_in(const rn_sidecar *s, const rn_line *l, int64_t *from, int64_t *to)
{
    const rn_asset  *a = &l->clip->asset;

    if ((s->language != NULL && strcmp(s->language, a->language) != 0)
        || (s->unburned && a->burn))
    {
        return false;
    }

    *from = l->from > s->from ? l->from : s->from;
    *to = l->to < s->to ? l->to : s->to;

    if (*from >= *to) {
        return false;
    }

    *from += s->shift - s->from;
    *to += s->shift - s->from;

    return true;
}


/*
 * The lines, without what neither format has; a blank one would end them.
 * SubRip has no way to write "<" and "&" but as they are.
 */

static void
put_text(writer *w, const char *markup, bool vtt)
{
    size_t       i, n;
    const char  *s;

    static const struct {
        const char  *name;
        char         c;
    } entities[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' } };

    for (s = markup; *s != '\0'; s += n) {
        n = 1;

        if (*s == '<') {
            n = strcspn(s, ">");
            n += s[n] == '>';

            if (n > 4 || (s[1] == '/' ? s[2] : s[1]) == 's') {
                continue;               /* span, or s */
            }

        } else if (*s == '\n' && w->len > 0
                   && (w->text[w->len - 1] == '\n' || s[1] == '\0'))
        {
            continue;                   /* also one with tags left out of it */

        } else if (*s == '&' && !vtt) {
            for (i = 0; i < 3; i++) {
                if (strncmp(s, entities[i].name, strlen(entities[i].name))
                    == 0)
                {
                    n = strlen(entities[i].name);
                    put(w, &entities[i].c, 1);
                    break;
                }
            }

            if (i < 3) {
                continue;
            }
        }

        put(w, s, n);
    }

    if (w->len > 0 && w->text[w->len - 1] != '\n') {
        put(w, "\n", 1);
    }
}


size_t
rn_sidecar_lines(const rn_timeline *tl, const rn_sidecar *s)
{
    size_t   i, n;
    int64_t  from, to;

    for (i = 0, n = 0; i < tl->n_lines; i++) {
        n += is_in(s, &tl->lines[i], &from, &to);
    }

    return n;
}


char *
rn_sidecar_vtt(const rn_timeline *tl, const rn_sidecar *s)
{
    int             row;
    size_t          i;
    writer          w;
    int64_t         from, to;
    const rn_line  *l;

    static const char *const aligns[] = { " align:start", "", " align:end" };

    memset(&w, 0, sizeof(w));
    putf(&w, "WEBVTT\n");

    for (i = 0; i < tl->n_lines; i++) {
        l = &tl->lines[i];

        if (!is_in(s, l, &from, &to)) {
            continue;
        }

        putf(&w, "\n");
        put_time(&w, from, '.');
        putf(&w, " --> ");
        put_time(&w, to, '.');

        if (l->place > 0) {
            row = (l->place - 1) / 3;
            putf(&w, "%s%s", row == 2 ? " line:0" : row == 1 ? " line:50%"
                             : "", aligns[(l->place - 1) % 3]);
        }

        putf(&w, "\n");
        put_text(&w, l->text, true);
    }

    return taken(&w);
}


char *
rn_sidecar_srt(const rn_timeline *tl, const rn_sidecar *s)
{
    size_t          i, n;
    writer          w;
    int64_t         from, to;
    const rn_line  *l;

    memset(&w, 0, sizeof(w));
    put(&w, "", 0);

    for (i = 0, n = 0; i < tl->n_lines; i++) {
        l = &tl->lines[i];

        if (!is_in(s, l, &from, &to)) {
            continue;
        }

        putf(&w, "%s%zu\n", n > 0 ? "\n" : "", n + 1);
        put_time(&w, from, ',');
        putf(&w, " --> ");
        put_time(&w, to, ',');
        putf(&w, "\n");

        if (l->place > 0 && l->place != 2) {
            putf(&w, "{\\an%d}", l->place);
        }

        put_text(&w, l->text, false);
        n++;
    }

    return taken(&w);
}
