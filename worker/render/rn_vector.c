/* SVG; see rn_vector.h. */

#include "rn_vector.h"
#include "rn_blend.h"
#include "rn_svg.h"

#include <errno.h>
#include <librsvg/rsvg.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>


#define SIZE_SECONDS  5.0               /* CPU, to read it */
#define WALL_FACTOR   15                /* of waiting, where CPUs are busy */
#define MEMORY_MAX    (1536L * 1024)    /* KiB more than before */
#define STACK         (16 * 1024 * 1024)
#define DPI           96.0              /* of CSS */
#define TICK_MIN      200000L           /* ns between two looks at it */
#define TICK_MAX      20000000L


/* The thread's own: nobody else frees it while it may be running. */

typedef struct {
    char             *text;
    size_t            len;
    bool              draws;
    rn_vector_part    part;
    double            w, h;             /* natural, px */
    cairo_surface_t  *surface;
    rn_status         status;
    char              words[200];
} job;


static void
job_free(job *j)
{
    if (j->surface != NULL) {
        cairo_surface_destroy(j->surface);
    }

    free(j->text);
    free(j);
}


static void
say(job *j, rn_status status, const char *what, GError *error)
{
    j->status = status;
    (void) snprintf(j->words, sizeof(j->words), "%s%s%s", what,
                    error != NULL ? ": " : "",
                    error != NULL ? error->message : "");
    g_clear_error(&error);
}


/* A length in px, or 0 for one that is a part of what it stands in. */

static double
px(gboolean has, const RsvgLength *l)
{
    static const double per[] = {
        [RSVG_UNIT_PX] = 1, [RSVG_UNIT_EM] = 16, [RSVG_UNIT_EX] = 8,
        [RSVG_UNIT_IN] = DPI, [RSVG_UNIT_CM] = DPI / 2.54,
        [RSVG_UNIT_MM] = DPI / 25.4, [RSVG_UNIT_PT] = DPI / 72,
        [RSVG_UNIT_PC] = DPI / 6,
    };

    if (!has || l->unit == RSVG_UNIT_PERCENT
        || (size_t) l->unit >= sizeof(per) / sizeof(per[0]))
    {
        return 0;
    }

    return l->length * per[l->unit];
}


static bool
find_size(job *j, RsvgHandle *handle)
{
    double         most, ratio;
    gboolean       has_w, has_h, has_box;
    RsvgLength     w, h;
    RsvgRectangle  box;

    rsvg_handle_get_intrinsic_dimensions(handle, &has_w, &w, &has_h, &h,
                                         &has_box, &box);

    j->w = px(has_w, &w);
    j->h = px(has_h, &h);
    has_box = has_box && box.width > 0 && box.height > 0;
    ratio = has_box ? box.width / box.height : 2;

    if (has_box && j->w <= 0 && j->h <= 0) {
        j->w = box.width;
        j->h = box.height;
    }

    if (j->w <= 0 && j->h <= 0) {
        j->w = 300;
    }

    j->w = j->w > 0 ? j->w : j->h * ratio;
    j->h = j->h > 0 ? j->h : j->w / ratio;
    most = fmax(j->w, j->h);

    if (!isfinite(most) || most <= 0) {
        say(j, RN_E_INPUT, "the drawing has no size", NULL);
        return false;
    }

    if (most > RN_VECTOR_SIDE) {
        j->w *= RN_VECTOR_SIDE / most;
        j->h *= RN_VECTOR_SIDE / most;
    }

    j->w = fmax(1, round(j->w));
    j->h = fmax(1, round(j->h));

    return true;
}


static void
draw(job *j, RsvgHandle *handle)
{
    cairo_t        *cr;
    GError         *error = NULL;
    RsvgRectangle   all = { 0, 0, j->w, j->h };

    j->surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32,
                                            j->part.out_w, j->part.out_h);
    cr = cairo_create(j->surface);

    cairo_scale(cr, j->part.out_w / (j->part.w * j->w),
                j->part.out_h / (j->part.h * j->h));
    cairo_translate(cr, -j->part.x * j->w, -j->part.y * j->h);

    if (!rsvg_handle_render_document(handle, cr, &all, &error)) {
        say(j, RN_E_INPUT, "the drawing cannot be drawn", error);

    } else if (cairo_status(cr) != CAIRO_STATUS_SUCCESS) {
        say(j, RN_E_NOMEM, "no memory for a drawing", NULL);
    }

    cairo_destroy(cr);
    cairo_surface_flush(j->surface);
}


static void *
work(void *data)
{
    job         *j = data;
    GError      *error = NULL;
    RsvgHandle  *handle;

    handle = rsvg_handle_new_from_data((const guint8 *) j->text, j->len,
                                       &error);
    if (handle == NULL) {
        say(j, RN_E_INPUT, "the drawing cannot be read", error);
        return NULL;
    }

    rsvg_handle_set_dpi(handle, DPI);

    if (find_size(j, handle) && j->draws) {
        draw(j, handle);
    }

    g_object_unref(handle);

    return NULL;
}


static double
now(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static long
memory(void)
{
    struct rusage  used;

    return getrusage(RUSAGE_SELF, &used) == 0 ? used.ru_maxrss : 0;
}


/*
 * Waits until the thread has ended; false: it took too much.  The CPU time is
 * that of the process, for librsvg makes filters in further threads, and we
 * do nothing meanwhile.
 */

static bool
wait_for(pthread_t thread, double seconds, rn_fault *fault)
{
    long             tick, held;
    double           cpu, wall;
    struct timespec  until;

    held = memory();
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    wall = now(CLOCK_MONOTONIC);

    for (tick = TICK_MIN; ; tick = tick < TICK_MAX ? tick * 2 : tick) {
        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += tick;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;

        if (pthread_timedjoin_np(thread, NULL, &until) != ETIMEDOUT) {
            return true;
        }

        if (memory() - held > MEMORY_MAX) {
            rn_fail(fault, RN_E_LIMIT, "the drawing needs more than %ld MiB "
                    "of memory", MEMORY_MAX / 1024);
            return false;
        }

        if (now(CLOCK_PROCESS_CPUTIME_ID) - cpu > seconds
            || now(CLOCK_MONOTONIC) - wall > seconds * WALL_FACTOR)
        {
            rn_fail(fault, RN_E_LIMIT, "the drawing takes longer than %.0f s "
                    "to draw", seconds);
            return false;
        }
    }
}


/* Runs the job; NULL with the fault set, and then it is not ours to free. */

static job *
run(const char *text, size_t len, const rn_vector_part *part, double seconds,
    rn_fault *fault)
{
    int             rc;
    job            *j;
    pthread_t       thread;
    pthread_attr_t  attr;

    j = calloc(1, sizeof(job));
    if (j != NULL) {
        j->text = malloc(len + 1);
    }

    if (j == NULL || j->text == NULL) {
        free(j);
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    memcpy(j->text, text, len);
    j->text[len] = '\0';
    j->len = len;

    if (part != NULL) {
        j->draws = true;
        j->part = *part;
    }

    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setstacksize(&attr, STACK);
    rc = pthread_create(&thread, &attr, work, j);
    (void) pthread_attr_destroy(&attr);

    if (rc != 0) {
        job_free(j);
        rn_fail(fault, RN_E_INTERNAL, "a drawing cannot be begun: %s",
                strerror(rc));
        return NULL;
    }

    if (!wait_for(thread, seconds, fault)) {
        return NULL;
    }

    if (j->status != RN_OK) {
        rn_fail(fault, j->status, "%s", j->words);
        job_free(j);
        return NULL;
    }

    return j;
}


rn_status
rn_vector_size(const char *text, size_t len, int *w, int *h, bool *letters,
    rn_fault *fault)
{
    job   *j;
    char   err[200];

    if (!rn_svg_check(text, len, letters, err, sizeof(err))) {
        return rn_fail(fault, RN_E_INPUT, "the drawing %s", err);
    }

    j = run(text, len, NULL, SIZE_SECONDS, fault);
    if (j == NULL) {
        return fault->status;
    }

    *w = (int) j->w;
    *h = (int) j->h;
    job_free(j);

    return RN_OK;
}


static bool
is_opaque(const AVFrame *f)
{
    int             x, y;
    const uint8_t  *row;

    for (y = 0; y < f->height; y++) {
        row = f->data[3] + (ptrdiff_t) y * f->linesize[3];

        for (x = 0; x < f->width; x++) {
            if (row[x] != 255) {
                return false;
            }
        }
    }

    return true;
}


static AVFrame *
frame_of(const job *j, rn_fault *fault)
{
    AVFrame  *f, *opaque;

    f = av_frame_alloc();
    opaque = av_frame_alloc();

    if (f != NULL) {
        f->format = AV_PIX_FMT_YUVA420P;
        f->width = j->part.out_w;
        f->height = j->part.out_h;
        f->colorspace = AVCOL_SPC_BT709;
        f->color_range = AVCOL_RANGE_MPEG;
    }

    if (f == NULL || opaque == NULL || av_frame_get_buffer(f, 0) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    rn_from_argb(f, cairo_image_surface_get_data(j->surface),
                 cairo_image_surface_get_stride(j->surface));

    if (!is_opaque(f)) {
        av_frame_free(&opaque);
        return f;
    }

    (void) av_frame_copy_props(opaque, f);
    opaque->format = AV_PIX_FMT_YUV420P;
    opaque->width = f->width;
    opaque->height = f->height;
    opaque->chroma_location = f->chroma_location;

    if (av_frame_get_buffer(opaque, 0) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    rn_copy(opaque, f);
    av_frame_free(&f);

    return opaque;

fail:

    av_frame_free(&f);
    av_frame_free(&opaque);

    return NULL;
}


rn_status
rn_vector_draw(const char *text, size_t len, const rn_vector_part *part,
    double seconds, AVFrame **frame, rn_fault *fault)
{
    job   *j;
    char   err[200];

    *frame = NULL;

    /* also where the probe has looked: the bytes are a stranger's */

    if (!rn_svg_check(text, len, NULL, err, sizeof(err))) {
        return rn_fail(fault, RN_E_INPUT, "the drawing %s", err);
    }

    j = run(text, len, part, seconds, fault);
    if (j == NULL) {
        return fault->status;
    }

    *frame = frame_of(j, fault);
    job_free(j);

    return fault->status;
}
