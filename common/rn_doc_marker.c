/*
 * Markers of the time line: names of its moments.  Chapters are written into
 * films; what the others mean is their reader's affair.
 */

#include "rn_doc_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void
read_kind(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "breakpoint", RN_MARKER_BREAKPOINT }, { "branch", RN_MARKER_BRANCH },
        { "chapter", RN_MARKER_CHAPTER }, { "split", RN_MARKER_SPLIT },
        { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_marker_kind *) out = (rn_marker_kind) word;
    }
}


static void
read_marker(rn_reader *r, json_t *value, rn_marker *m)
{
    static const rn_field fields[] = {
        { "name",     rn_read_text,    AT(rn_marker, name) },
        { "time",     rn_read_moment,  AT(rn_marker, time) },
        { "kind",     read_kind,       AT(rn_marker, kind) },
        { "metadata", rn_read_ignored, 0 },
        { NULL, NULL, 0 }
    };

    m->kind = RN_MARKER_CHAPTER;

    if (!rn_read_object(r, value, fields, m)) {
        return;
    }

    if (json_object_get(value, "time") == NULL) {
        rn_report(r, "needs a \"time\"");
    }

    if (m->name == NULL || m->name[0] == '\0') {
        rn_report(r, "needs a \"name\"");
    }
}


void
rn_read_markers(rn_reader *r, json_t *value, void *out)
{
    size_t   i, len, n;
    json_t  *item;
    rn_doc  *doc = out;

    if (!json_is_array(value)) {
        rn_report(r, "must be an array of markers");
        return;
    }

    n = json_array_size(value);

    if (n > RN_MARKERS_MAX) {
        rn_report(r, "a composition may hold at most %d markers",
                  RN_MARKERS_MAX);
        return;
    }

    doc->markers = calloc(n ? n : 1, sizeof(rn_marker));
    if (doc->markers == NULL) {
        rn_report(r, "out of memory");
        return;
    }

    doc->n_markers = n;

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        (void) snprintf(doc->markers[i].pointer,
                        sizeof(doc->markers[i].pointer), "%.63s", r->at.text);
        read_marker(r, item, &doc->markers[i]);
        rn_leave(r, len);
    }
}
