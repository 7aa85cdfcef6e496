/*
 * Tracks of a composition: their clips in order, and which of them step back
 * for which.
 */

#include "rn_doc_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void
read_clips(rn_reader *r, json_t *value, void *out)
{
    size_t     i, len, n;
    json_t    *item, *type;
    rn_clip   *c;
    rn_track  *track = out;

    if (!json_is_array(value)) {
        rn_report(r, "must be an array of clips");
        return;
    }

    n = json_array_size(value);
    r->doc->n_clips += n;

    if (r->doc->n_clips > r->limits->max_clips) {
        rn_report(r, "a composition may hold at most %zu clips",
                  r->limits->max_clips);
        return;
    }

    track->clips = calloc(n ? n : 1, sizeof(rn_clip));
    if (track->clips == NULL) {
        rn_report(r, "out of memory");
        return;
    }
    track->n = n;

    json_array_foreach(value, i, item) {
        c = &track->clips[i];
        len = rn_enter_index(r, i);
        (void) snprintf(c->pointer, sizeof(c->pointer), "%.95s", r->at.text);

        type = json_object_get(item, "type");

        if (json_is_string(type)
            && strcmp(json_string_value(type), "transition") == 0)
        {
            rn_read_transition(r, item, c);

            if (i == 0 || i == n - 1 || track->clips[i - 1].transition) {
                rn_report(r, "a transition stands between two clips");
            }

        } else if (!json_is_object(item)) {
            rn_report(r, "must be an object");

        } else {
            rn_read_clip(r, item, c, track->kind);
        }

        rn_leave(r, len);
    }
}


/* Of any type; only one that is a string can be named. */

static void
read_id(rn_reader *r, json_t *value, void *out)
{
    (void) r;
    *(const char **) out = json_string_value(value);
}


static void
read_amount(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, -90, 0, out);
}


static void
read_short(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 0, 10, out);
}


static void
read_ducking(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "by",        rn_read_text, AT(rn_ducking, name) },
        { "amount_db", read_amount,  AT(rn_ducking, amount_db) },
        { "attack",    read_short,   AT(rn_ducking, attack) },
        { "release",   read_short,   AT(rn_ducking, release) },
        { "hold",      read_short,   AT(rn_ducking, hold) },
        { NULL, NULL, 0 }
    };

    if (rn_read_object(r, value, fields, out)
        && json_object_get(value, "by") == NULL)
    {
        rn_report(r, "needs \"by\", the id of the track to step back for");
    }
}


static void
read_track(rn_reader *r, json_t *value, rn_track *track)
{
    int      kind;
    size_t   len;
    json_t  *v;

    static const rn_word kinds[] = {
        { "video", RN_TRACK_VIDEO }, { "audio", RN_TRACK_AUDIO }, { NULL, 0 }
    };

    static const rn_field fields[] = {
        { "id",      read_id,         AT(rn_track, id) },
        { "title",   rn_read_ignored, 0 },
        { "kind",    rn_read_ignored, 0 },  /* read first, see below */
        { "volume",  rn_read_volume,  AT(rn_track, volume) },
        { "clips",   read_clips,      0 },
        { "ducking", read_ducking,    AT(rn_track, ducking) },
        { NULL, NULL, 0 }
    };

    track->volume = 1;
    track->ducking.by = -1;
    track->ducking.amount_db = -12;
    track->ducking.attack = 0.08;
    track->ducking.release = 0.4;
    track->ducking.hold = 0.25;

    v = json_object_get(value, "kind");     /* what the clips may be */
    if (v != NULL) {
        len = rn_enter(r, "kind");
        kind = rn_read_word(r, v, kinds);
        rn_leave(r, len);
        if (kind >= 0) {
            track->kind = (rn_track_kind) kind;
        }
    }

    if (rn_read_object(r, value, fields, track)
        && json_object_get(value, "clips") == NULL)
    {
        rn_report(r, "a track needs \"clips\"");
    }
}


/* Whom the tracks step back for, once all ids are known. */

static void
find_ducking(rn_reader *r)
{
    size_t       i, k, at, len;
    rn_doc      *doc = r->doc;
    rn_ducking  *d;

    for (i = 0; i < doc->n_tracks; i++) {
        d = &doc->tracks[i].ducking;

        if (d->name == NULL) {
            continue;
        }

        for (k = 0; k < doc->n_tracks; k++) {
            if (k != i && doc->tracks[k].id != NULL
                && strcmp(doc->tracks[k].id, d->name) == 0)
            {
                d->by = (int) k;
                break;
            }
        }

        if (d->by < 0) {
            at = rn_enter_index(r, i);
            len = rn_enter(r, "ducking");
            (void) rn_enter(r, "by");
            rn_report(r, "is not the id of another track");
            rn_leave(r, len);
            rn_leave(r, at);
        }
    }
}


void
rn_read_tracks(rn_reader *r, json_t *value, void *out)
{
    size_t   i, len, n;
    json_t  *item;
    rn_doc  *doc = out;

    n = json_array_size(value);

    if (!json_is_array(value) || n == 0) {
        rn_report(r, "must be an array of at least one track");
        return;
    }

    if (n > r->limits->max_tracks) {
        rn_report(r, "a composition may hold at most %zu tracks",
                  r->limits->max_tracks);
        return;
    }

    doc->tracks = calloc(n, sizeof(rn_track));
    if (doc->tracks == NULL) {
        rn_report(r, "out of memory");
        return;
    }
    doc->n_tracks = n;

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        read_track(r, item, &doc->tracks[i]);
        rn_leave(r, len);
    }

    find_ducking(r);
}
