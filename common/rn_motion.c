/* Following keys; see rn_motion.h. */

#include "rn_motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


static double
curve(double a, double b, double t)
{
    double  u = 1 - t;

    return 3 * u * u * t * a + 3 * u * t * t * b + t * t * t;
}


/* x grows with t, so its t is found by halving: exact enough in 40 steps. */

double
rn_bezier(const double ease[4], double x)
{
    int     i;
    double  lo, hi, t;

    if (x <= 0) {
        return 0;
    }

    if (x >= 1) {
        return 1;
    }

    lo = 0;
    hi = 1;
    t = x;

    for (i = 0; i < 40; i++) {
        if (curve(ease[0], ease[2], t) < x) {
            lo = t;
        } else {
            hi = t;
        }
        t = (lo + hi) / 2;
    }

    return curve(ease[1], ease[3], t);
}


static bool
read_key(rn_motion_key *k, json_t *list, int values)
{
    int     i, n, more;
    json_t  *x;

    n = (int) json_array_size(list);
    more = n - 1 - values;

    if (!json_is_array(list) || (more != 0 && more != 1 && more != 4)) {
        return false;
    }

    for (i = 0; i < n; i++) {
        x = json_array_get(list, (size_t) i);

        if (!json_is_integer(x)) {
            return false;
        }

        if (i == 0) {
            k->at = json_integer_value(x);
        } else if (i <= values) {
            k->v[i - 1] = (double) json_integer_value(x);
        } else if (more == 4) {
            k->ease[i - 1 - values] = (double) json_integer_value(x) / 1000;
        }
    }

    k->step = more == 1;
    k->curved = more == 4;

    return true;
}


bool
rn_motion_read(rn_motion *m, json_t *list, int values)
{
    size_t   i, n;

    memset(m, 0, sizeof(*m));
    n = json_array_size(list);

    if (n == 0 || values < 1 || values > RN_MOTION_VALUES) {
        return false;
    }

    m->keys = calloc(n, sizeof(rn_motion_key));
    if (m->keys == NULL) {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (!read_key(&m->keys[i], json_array_get(list, i), values)
            || (i > 0 && m->keys[i].at <= m->keys[i - 1].at))
        {
            rn_motion_free(m);
            return false;
        }
    }

    m->n = n;
    m->values = values;

    return true;
}


void
rn_motion_free(rn_motion *m)
{
    free(m->keys);
    memset(m, 0, sizeof(*m));
}


void
rn_motion_at(const rn_motion *m, double at, double *v)
{
    int                   i;
    double                x;
    size_t                lo, hi, mid;
    const rn_motion_key  *a, *b;

    if (at <= (double) m->keys[0].at) {
        memcpy(v, m->keys[0].v, (size_t) m->values * sizeof(double));
        return;
    }

    /* the last key at or before it */

    lo = 0;
    hi = m->n;

    while (hi - lo > 1) {
        mid = (lo + hi) / 2;
        if ((double) m->keys[mid].at <= at) {
            lo = mid;
        } else {
            hi = mid;
        }
    }

    a = &m->keys[lo];
    b = lo + 1 < m->n ? a + 1 : a;

    if (a == b || b->step) {
        memcpy(v, a->v, (size_t) m->values * sizeof(double));
        return;
    }

    x = (at - (double) a->at) / (double) (b->at - a->at);

    if (b->curved) {
        x = rn_bezier(b->ease, x);
    }

    for (i = 0; i < m->values; i++) {
        v[i] = a->v[i] + (b->v[i] - a->v[i]) * x;
    }
}
