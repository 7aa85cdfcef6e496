/*
 * Building graphs of libavfilter: options are set one by one, so that nothing
 * of a document ever stands in a string that is parsed.
 */

#ifndef RN_FILTER_H
#define RN_FILTER_H

#include "rn_av.h"

#include <libavfilter/avfilter.h>


/* A graph of one thread: tasks run in parallel, filters do not. */
AVFilterGraph *rn_filter_graph(rn_fault *fault);

/*
 * Adds a filter behind `after` (NULL: it has no input yet, or its inputs are
 * linked by the caller); opts are names and values in turn, ended by NULL.
 * NULL with the fault set; what was made is the graph's to free.
 */
AVFilterContext *rn_filter_add(AVFilterGraph *g, AVFilterContext *after,
    const char *name, const char *const *opts, rn_fault *fault);

/*
 * Adds a Gaussian blur to pictures of w x h px; sigma in px, 1024 at the most.
 * As rn_filter_add otherwise.
 */
AVFilterContext *rn_filter_blur(AVFilterGraph *g, AVFilterContext *after, int w,
    int h, double sigma, rn_fault *fault);

/* A source of frames of one size and format, with square px. */
AVFilterContext *rn_filter_source(AVFilterGraph *g, int w, int h, int format,
    AVRational tb, AVRational rate, rn_fault *fault);


#endif /* RN_FILTER_H */
