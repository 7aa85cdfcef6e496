/*
 * Counters and gauges in shared memory: one zone of fixed size and layout,
 * atomic additions, no lock.  It survives reloads, since its name, size and tag
 * stay the same; it does not survive nginx.  What is printed, and how, is in
 * ngx_http_render_metrics_text.c.
 *
 * Counters are common to all processes.  Gauges end with their process, however
 * that ends, so each process has a slot of its own:
 *
 * - A slot belongs to a process by its id and the time of its start, which the
 *   kernel tells in /proc; the number of a worker (ngx_worker) would not do, as
 *   old and new processes share it after a reload.
 * - A process claims the first slot that is free, or whose process is gone (or
 *   is a zombie, or another one under the same id), by one compare-and-swap of
 *   the id; it clears it before it shows its id without the mark of claiming.
 * - Who reads sums the slots of those that live.  So the slot of a process that
 *   was killed counts no more from that moment on, and nobody has to clean up;
 *   a process that quits still counts what it still has.
 * - With more processes than slots the rest shares the last one, where each
 *   takes back at its exit what it has added; there alone a killed process
 *   leaves its share until nginx is started again.
 */

#include "ngx_http_render.h"

#include <signal.h>
#include <time.h>


#define NGX_HTTP_RENDER_ZONE_SIZE  (1024 * 1024)
#define NGX_HTTP_RENDER_LAYOUT     1            /* change it with the meaning */
#define NGX_HTTP_RENDER_CLAIMING   0x40000000   /* in a slot's pid */
#define NGX_HTTP_RENDER_UNKNOWN    ((ngx_atomic_uint_t) -1)


/* half of the zone at the most: the other half is the slab allocator's */
typedef char ngx_http_render_shm_fits_t[
    sizeof(ngx_http_render_shm_t) <= NGX_HTTP_RENDER_ZONE_SIZE / 2 ? 1 : -1];


ngx_http_render_shm_t  *ngx_http_render_shm;

static ngx_http_render_slot_t  *ngx_http_render_slot;
static ngx_int_t                ngx_http_render_mine[ngx_http_render_ngauges];


const char *const  ngx_http_render_methods[NGX_HTTP_RENDER_METHODS] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"
};

/* a code that nginx or this module gives, or that an error_page is likely to */

const ngx_uint_t  ngx_http_render_codes[NGX_HTTP_RENDER_CODES] = {
    101, 200, 201, 202, 203, 204, 206, 301, 302, 303, 304, 307, 308,
    400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415,
    416, 417, 421, 422, 423, 425, 426, 428, 429, 431, 444, 499,
    500, 501, 502, 503, 504, 505, 507, 0
};

const ngx_http_render_bucket_t
ngx_http_render_buckets[NGX_HTTP_RENDER_BUCKETS] = {
    { "0.001", 1 }, { "0.002", 2 }, { "0.005", 5 }, { "0.01", 10 },
    { "0.025", 25 }, { "0.05", 50 }, { "0.1", 100 }, { "0.25", 250 },
    { "0.5", 500 }, { "1.0", 1000 }, { "2.5", 2500 }, { "5.0", 5000 },
    { "10.0", 10000 }, { "30.0", 30000 }
};

const ngx_http_render_row_t
ngx_http_render_counters[ngx_http_render_ncounters] = {
#define NGX_HTTP_RENDER_X(name, family, label, value, help)                   \
    { family, label, value, help, 0 },
    NGX_HTTP_RENDER_COUNTERS(NGX_HTTP_RENDER_X)
#undef NGX_HTTP_RENDER_X
};

const ngx_http_render_row_t
ngx_http_render_gauges[ngx_http_render_ngauges] = {
#define NGX_HTTP_RENDER_X(name, family, label, value, help, any)              \
    { family, label, value, help, any },
    NGX_HTTP_RENDER_GAUGES(NGX_HTTP_RENDER_X)
#undef NGX_HTTP_RENDER_X
};


/* The zone */


/* Of all that gives a place in the zone its meaning. */

static ngx_atomic_uint_t
ngx_http_render_layout(void)
{
    uint32_t                        crc;
    ngx_uint_t                      i, n;
    const ngx_http_render_route_t  *route;

    ngx_crc32_init(crc);

    n = NGX_HTTP_RENDER_LAYOUT;
    ngx_crc32_update(&crc, (u_char *) &n, sizeof(n));
    n = sizeof(ngx_http_render_shm_t);
    ngx_crc32_update(&crc, (u_char *) &n, sizeof(n));

    route = ngx_http_render_route_table(&n);

    for (i = 0; i < n; i++) {
        ngx_crc32_update(&crc, route[i].pattern.data,
                         route[i].pattern.len + 1);
    }

    for (i = 0; i < ngx_http_render_nstatements; i++) {
        ngx_crc32_update(&crc, (u_char *) ngx_http_render_statements[i],
                         ngx_strlen(ngx_http_render_statements[i]) + 1);
    }

    ngx_crc32_final(crc);

    return crc;
}


static ngx_int_t
ngx_http_render_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t        *pool;
    ngx_atomic_uint_t       layout;
    ngx_http_render_shm_t  *shm = data;

    pool = (ngx_slab_pool_t *) zone->shm.addr;
    layout = ngx_http_render_layout();

    if (shm == NULL && zone->shm.exists) {
        shm = pool->data;
    }

    if (shm == NULL) {
        shm = ngx_slab_calloc(pool, sizeof(ngx_http_render_shm_t));
        if (shm == NULL) {
            return NGX_ERROR;
        }

        shm->layout = layout;
        shm->started = ngx_time();
        pool->data = shm;

    } else if (shm->layout != layout) {
        ngx_log_error(NGX_LOG_NOTICE, zone->shm.log, 0,
                      "render: the counters of this version are others: "
                      "they begin anew");

        ngx_memzero(shm, sizeof(ngx_http_render_shm_t));
        shm->layout = layout;
        shm->started = ngx_time();
    }

    zone->data = shm;

    return NGX_OK;
}


ngx_shm_zone_t *
ngx_http_render_metrics_zone(ngx_conf_t *cf)
{
    ngx_str_t        name = ngx_string("render_metrics");
    ngx_uint_t       n;
    ngx_shm_zone_t  *zone;

    (void) ngx_http_render_route_table(&n);

    if (n >= NGX_HTTP_RENDER_PATTERNS
        || ngx_http_render_nstatements > NGX_HTTP_RENDER_OPS)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the module was built with more routes or SQL "
                           "functions than it can count");
        return NULL;
    }

    zone = ngx_shared_memory_add(cf, &name, NGX_HTTP_RENDER_ZONE_SIZE,
                                 &ngx_http_render_module);
    if (zone != NULL) {
        zone->init = ngx_http_render_zone_init;
    }

    return zone;
}


/* Slots */


/*
 * When a process was started, in the kernel's ticks: field 22 of its stat,
 * proc(5), counted from behind the name, which may hold anything.  0: it is not
 * there, or a zombie, or this system has no /proc; unknown: it cannot be read
 * just now, as all descriptors are in use.
 */

static ngx_atomic_uint_t
ngx_http_render_start_of(ngx_pid_t pid)
{
    u_char             path[64], buf[1024], *p, *end;
    ssize_t            n;
    ngx_fd_t           fd;
    ngx_uint_t         field;
    ngx_atomic_uint_t  start;

    *ngx_sprintf(path, "/proc/%P/stat", pid) = '\0';

    fd = ngx_open_file(path, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return ngx_errno == NGX_ENOENT ? 0 : NGX_HTTP_RENDER_UNKNOWN;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));
    (void) ngx_close_file(fd);

    if (n <= 0) {
        return 0;
    }

    end = buf + n;

    for (p = end - 1; p > buf && *p != ')'; p--) { /* void */ }

    p += 2;                             /* field 3: the state */

    if (p >= end || *p == 'Z' || *p == 'X') {
        return 0;
    }

    for (field = 3; p < end && field < 22; p++) {
        field += *p == ' ';
    }

    for (start = 0; p < end && *p >= '0' && *p <= '9'; p++) {
        start = start * 10 + (*p - '0');
    }

    return start;
}


/* Without /proc, and before the start is there, the id alone has to do. */

static ngx_uint_t
ngx_http_render_slot_lives(ngx_http_render_slot_t *slot, ngx_atomic_uint_t pid)
{
    ngx_pid_t          p;
    ngx_atomic_uint_t  start;

    p = (ngx_pid_t) (pid & ~NGX_HTTP_RENDER_CLAIMING);

    if ((pid & NGX_HTTP_RENDER_CLAIMING) || slot->start == 0) {
        return kill(p, 0) == 0 || ngx_errno == NGX_EPERM;
    }

    start = ngx_http_render_start_of(p);

    return start == slot->start || start == NGX_HTTP_RENDER_UNKNOWN;
}


static ngx_http_render_slot_t *
ngx_http_render_claim(void)
{
    ngx_uint_t               i;
    ngx_atomic_uint_t        old, own, start;
    ngx_http_render_slot_t  *slot;

    own = (ngx_atomic_uint_t) ngx_pid;
    start = ngx_http_render_start_of(ngx_pid);

    if (start == NGX_HTTP_RENDER_UNKNOWN) {
        start = 0;
    }

    for (i = 0; i < NGX_HTTP_RENDER_SLOTS; i++) {
        slot = &ngx_http_render_shm->slot[i];
        old = slot->pid;

        /* our own id is that of one who is gone: there are no two of us */

        if (old != 0 && (old & ~NGX_HTTP_RENDER_CLAIMING) != own
            && ngx_http_render_slot_lives(slot, old))
        {
            continue;
        }

        if (ngx_atomic_cmp_set(&slot->pid, old,
                               own | NGX_HTTP_RENDER_CLAIMING))
        {
            ngx_memzero((void *) slot->gauge, sizeof(slot->gauge));
            slot->start = start;
            ngx_memory_barrier();
            slot->pid = own;
            return slot;
        }
    }

    return &ngx_http_render_shm->slot[NGX_HTTP_RENDER_SLOTS];
}


void
ngx_http_render_metrics_begin(ngx_shm_zone_t *zone)
{
    ngx_http_render_shm = zone->data;
    ngx_memzero(ngx_http_render_mine, sizeof(ngx_http_render_mine));
    ngx_http_render_slot = ngx_http_render_claim();
    ngx_http_render_gauge(processes, 1);
}


/* Who quits looks for its backends no more, and says nothing of them. */

void
ngx_http_render_metrics_quit(void)
{
    ngx_http_render_circuit(pg, 0);
    ngx_http_render_circuit(redis, 0);
}


void
ngx_http_render_metrics_end(void)
{
    ngx_uint_t               i;
    ngx_http_render_slot_t  *slot = ngx_http_render_slot;

    if (slot == NULL) {
        return;
    }

    for (i = 0; i < ngx_http_render_ngauges; i++) {
        ngx_http_render_gauge_set(i, 0);
    }

    ngx_http_render_slot = NULL;

    if (slot->pid == (ngx_atomic_uint_t) ngx_pid) {
        slot->pid = 0;
    }
}


void
ngx_http_render_gauges_read(ngx_int_t *values)
{
    ngx_int_t                v;
    ngx_uint_t               i, k;
    ngx_atomic_uint_t        pid;
    ngx_http_render_slot_t  *slot;

    ngx_memzero(values, ngx_http_render_ngauges * sizeof(ngx_int_t));

    for (i = 0; i <= NGX_HTTP_RENDER_SLOTS; i++) {
        slot = &ngx_http_render_shm->slot[i];
        pid = slot->pid;

        if (i < NGX_HTTP_RENDER_SLOTS
            && (pid == 0 || (pid & NGX_HTTP_RENDER_CLAIMING)
                || !ngx_http_render_slot_lives(slot, pid)))
        {
            continue;
        }

        for (k = 0; k < ngx_http_render_ngauges; k++) {
            v = (ngx_int_t) slot->gauge[k];

            if (ngx_http_render_gauges[k].any) {
                values[k] |= v > 0;
            } else {
                values[k] += v;
            }
        }
    }
}


void
ngx_http_render_gauge_add(ngx_uint_t gauge, ngx_int_t by)
{
    if (ngx_http_render_slot == NULL || by == 0) {
        return;
    }

    ngx_http_render_mine[gauge] += by;
    (void) ngx_atomic_fetch_add(&ngx_http_render_slot->gauge[gauge],
                                (ngx_atomic_uint_t) by);
}


void
ngx_http_render_gauge_set(ngx_uint_t gauge, ngx_int_t value)
{
    ngx_http_render_gauge_add(gauge, value - ngx_http_render_mine[gauge]);
}


/* Counters */


uint64_t
ngx_http_render_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
ngx_http_render_counted(ngx_uint_t counter, ngx_atomic_uint_t n)
{
    if (ngx_http_render_shm != NULL) {
        (void) ngx_atomic_fetch_add(&ngx_http_render_shm->counter[counter], n);
    }
}


void
ngx_http_render_measure_op(ngx_uint_t statement, uint64_t began)
{
    ngx_http_render_op_t  *op;

    if (ngx_http_render_shm == NULL) {
        return;
    }

    op = &ngx_http_render_shm->op[statement];
    (void) ngx_atomic_fetch_add(&op->us, ngx_http_render_clock() - began);
    (void) ngx_atomic_fetch_add(&op->count, 1);
}


void
ngx_http_render_measure_request(ngx_uint_t pattern, ngx_uint_t method,
    ngx_uint_t status, ngx_msec_t ms)
{
    ngx_uint_t                  m, c, b;
    ngx_http_render_latency_t  *l;

    static const ngx_uint_t  methods[NGX_HTTP_RENDER_METHODS - 1] = {
        NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_POST, NGX_HTTP_PUT,
        NGX_HTTP_PATCH, NGX_HTTP_DELETE, NGX_HTTP_OPTIONS
    };

    if (ngx_http_render_shm == NULL) {
        return;
    }

    for (m = 0; m < NGX_HTTP_RENDER_METHODS - 1; m++) {
        if (methods[m] == method) {
            break;
        }
    }

    for (c = 0; c < NGX_HTTP_RENDER_CODES - 1; c++) {
        if (ngx_http_render_codes[c] == status) {
            break;
        }
    }

    for (b = 0; b < NGX_HTTP_RENDER_BUCKETS; b++) {
        if (ms <= ngx_http_render_buckets[b].ms) {
            break;
        }
    }

    l = &ngx_http_render_shm->latency[pattern];
    (void) ngx_atomic_fetch_add(&l->us, (ngx_atomic_uint_t) ms * 1000);
    (void) ngx_atomic_fetch_add(&l->bucket[b], 1);
    (void) ngx_atomic_fetch_add(
               &ngx_http_render_shm->requests[pattern][m][c], 1);
}
