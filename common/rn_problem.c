/* The list of problems of a document, and the nearest known name. */

#include "rn_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define NEAREST_MAX  48             /* longer names are never a slip */


void
rn_problem_add(rn_problems *ps, const char *pointer, const char *fmt, ...)
{
    char         detail[512], *p, *d;
    va_list      ap;
    rn_problem  *items;

    ps->total++;

    if (ps->n >= RN_PROBLEMS_MAX) {
        return;
    }

    va_start(ap, fmt);
    (void) vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);

    if (ps->n % 16 == 0) {
        items = realloc(ps->items, (ps->n + 16) * sizeof(rn_problem));
        if (items == NULL) {
            return;
        }
        ps->items = items;
    }

    p = strdup(pointer);
    d = strdup(detail);

    if (p == NULL || d == NULL) {
        free(p);
        free(d);
        return;
    }

    ps->items[ps->n].pointer = p;
    ps->items[ps->n].detail = d;
    ps->n++;
}


/* A detail may quote bytes cut in the middle of a character. */

static json_t *
text(const char *s)
{
    json_t  *j;
    char    *copy, *p;

    j = json_string(s);
    if (j != NULL) {
        return j;
    }

    copy = strdup(s);
    if (copy == NULL) {
        return NULL;
    }

    for (p = copy; *p; p++) {
        if ((unsigned char) *p >= 0x80) {
            *p = '?';
        }
    }

    j = json_string(copy);
    free(copy);

    return j;
}


json_t *
rn_problems_json(const rn_problems *ps)
{
    size_t   i;
    json_t  *list, *item;
    char     more[80];

    list = json_array();
    if (list == NULL) {
        return NULL;
    }

    for (i = 0; i < ps->n; i++) {
        item = json_pack("{s:o, s:o}", "pointer", text(ps->items[i].pointer),
                         "detail", text(ps->items[i].detail));
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    if (ps->total > ps->n) {
        (void) snprintf(more, sizeof(more), "and %zu more problems",
                        ps->total - ps->n);
        item = json_pack("{s:s, s:s}", "pointer", "", "detail", more);
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


void
rn_problems_free(rn_problems *ps)
{
    size_t  i;

    for (i = 0; i < ps->n; i++) {
        free(ps->items[i].pointer);
        free(ps->items[i].detail);
    }

    free(ps->items);
    memset(ps, 0, sizeof(*ps));
}


static size_t
distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t  row[NEAREST_MAX + 1], i, j, diag, up, best;

    for (j = 0; j <= nb; j++) {
        row[j] = j;
    }

    for (i = 1; i <= na; i++) {
        diag = row[0];
        row[0] = i;

        for (j = 1; j <= nb; j++) {
            up = row[j];
            best = diag + (a[i - 1] != b[j - 1]);
            if (up + 1 < best) {
                best = up + 1;
            }
            if (row[j - 1] + 1 < best) {
                best = row[j - 1] + 1;
            }
            row[j] = best;
            diag = up;
        }
    }

    return row[nb];
}


const char *
rn_nearest(const char *name, const char *const *known)
{
    size_t       n, k, d, best;
    const char  *found;

    n = strlen(name);
    if (n == 0 || n > NEAREST_MAX) {
        return NULL;
    }

    found = NULL;
    best = n / 3 + 2;                   /* a third of the letters, and one */

    for ( /* void */ ; *known != NULL; known++) {
        k = strlen(*known);
        if (k > NEAREST_MAX) {
            continue;
        }

        d = distance(name, n, *known, k);
        if (d < best && d < k) {
            best = d;
            found = *known;
        }
    }

    return found;
}
