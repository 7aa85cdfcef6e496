/* What an editly specification sounds like: weights, and tracks of sound. */

#include "rn_import_editly.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


/* "0.5", 0.5 or "10dB" */

double
rn_ed_weight(rn_importer *im, json_t *object, const char *name, double dflt)
{
    int      n;
    char     unit[3];
    double   d;
    json_t  *v;

    v = rn_im_get(im, object, name);

    if (v == NULL) {
        return dflt;
    }

    n = 0;
    unit[0] = '\0';

    if (json_is_number(v)) {
        d = json_number_value(v);
    } else if (!json_is_string(v)
               || sscanf(json_string_value(v), "%15lf%2[dBb]%n", &d, unit, &n)
                  < 1
               || (n == 0 && strspn(json_string_value(v), "0123456789.")
                             != strlen(json_string_value(v))))
    {
        rn_im_wrong_at(im, name, "must be a number, or decibels such as "
                       "\"10dB\"");
        return dflt;
    }

    if (unit[0] != '\0') {
        d = pow(10, fmin(fmax(d, -200), 200) / 20);
    }

    return isfinite(d) && d > 0 ? fmin(d, 1e6) : 0;
}


json_t *
rn_ed_volume(rn_importer *im, double v)
{
    if (v > 1) {
        if (v > 3.98) {
            rn_im_note(im, "sound is made louder by 12 dB, not by %.1f",
                       20 * log10(v));
            v = 3.98;
        }
        return json_sprintf("%.4gdB", 20 * log10(v));
    }

    return json_real(round(v * 1e6) / 1e6);
}


/* All that sounds is weighted against each other, as amix does. */

static double
share(const spec *e, double w)
{
    return (e->weights > 0 ? w / e->weights : 1) * e->output_volume;
}


static void
add_sound(spec *e, json_t *object, const char *name, double start, double w)
{
    double             from, to;
    json_t            *clip, *src;
    rn_importer       *im = e->im;
    const char        *path;
    rn_import_facts    f;

    path = rn_im_string(im, object, name);
    src = path != NULL ? rn_im_src(im, name, path) : NULL;

    if (src == NULL) {
        rn_im_wrong(im, "needs a \"%s\"", name);
        return;
    }

    clip = json_pack("{s:{s:s, s:o}, s:o, s:s, s:o}", "asset", "type",
                     "audio", "src", src, "start", rn_im_seconds(start),
                     "duration", "end", "volume",
                     rn_ed_volume(im, share(e, w)));

    from = 0;
    if (strcmp(name, "path") == 0) {
        if (rn_im_number(im, object, "cutFrom", 0, 1e5, &from) && from > 0) {
            set_new(clip, "in_point", rn_im_seconds(from));
        }

        if (rn_im_number(im, object, "cutTo", 0, 1e5, &to)) {
            if (to <= from) {
                rn_im_wrong_at(im, "cutTo", "must be behind cutFrom");
            } else if (!rn_im_look(im, src, &f) || f.duration <= 0
                       || to < f.duration)
            {
                set_new(clip, "out_point", rn_im_seconds(to));
            }
        }
    }

    (void) json_array_append_new(e->sounds, clip);
}


void
rn_ed_sounds(spec *e, json_t *root)
{
    bool         loop;
    double       start;
    size_t       i, len, at;
    json_t      *list, *track;
    rn_importer *im = e->im;

    if (json_object_get(root, "audioFilePath") != NULL) {
        add_sound(e, root, "audioFilePath", 0,
                  rn_ed_weight(im, root, "backgroundAudioVolume", 1));
    }

    loop = false;
    if (rn_im_bool(im, root, "loopAudio", &loop) && loop) {
        rn_im_note_at(im, "loopAudio", "a sound is played once");
    }

    list = rn_im_array(im, root, "audioTracks");
    len = rn_im_enter(im, "audioTracks");

    json_array_foreach(list, i, track) {
        at = rn_im_enter_index(im, i);
        start = 0;

        if (!json_is_object(track)) {
            rn_im_wrong(im, "must be an object");
        } else {
            (void) rn_im_number(im, track, "start", 0, 1e5, &start);
            add_sound(e, track, "path", start,
                      rn_ed_weight(im, track, "mixVolume", 1));
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


/* How loud what a clip's own sources say is, among the layers of that clip. */

double
rn_ed_loudness(spec *e, const part *p, size_t i)
{
    double       sum, mine, w;
    size_t       k, n;
    json_t      *layer;
    const char  *type;

    sum = mine = 0;
    n = 0;

    for (k = 0; k < p->n; k++) {
        layer = p->layers[k];
        type = p->types[k];

        if ((strcmp(type, "video") != 0 && strcmp(type, "audio") != 0)
            || json_number_value(json_object_get(layer, "start")) > 0
            || json_is_number(json_object_get(layer, "stop")))
        {
            continue;
        }

        w = rn_ed_weight(e->im, layer, "mixVolume", 1);
        sum += w;
        mine = k == i ? w : mine;
        n++;
    }

    if (!e->heard || mine <= 0) {
        return 0;
    }

    return share(e, e->clips_volume) * (n > 1 ? mine / sum : 1);
}


void
rn_ed_sound_layer(spec *e, const part *p, size_t i, double in)
{
    double       start, loudness;
    view         v;
    json_t      *src, *layer;
    rn_importer *im = e->im;

    layer = p->layers[i];
    start = 0;
    (void) rn_im_number(im, layer, "start", 0, 1e5, &start);

    if (strcmp(p->types[i], "detached-audio") == 0) {
        add_sound(e, layer, "path", p->start + start,
                  rn_ed_weight(im, layer, "mixVolume", 1));
        return;
    }

    loudness = rn_ed_loudness(e, p, i);

    if (loudness <= 0) {
        rn_im_note(im, "is not heard: of clips nothing is, without "
                   "keepSourceAudio");
        rn_im_done(im, layer);
        return;
    }

    memset(&v, 0, sizeof(v));
    v.e = e;
    v.layer = layer;
    v.type = "audio";
    v.made = json_object();
    v.out = json_pack("{s:o}", "asset", v.made);
    v.clip_length = p->length;

    src = rn_ed_path(&v, "audio");
    if (src != NULL) {
        rn_ed_cut(&v, src, false);
        set_new(v.out, "start", rn_im_seconds(p->start));
        set_new(v.out, "duration", rn_im_seconds(p->length));
        set_new(v.out, "volume", rn_ed_volume(im, loudness));
        if (in > 0) {
            set_new(v.out, "fade_in", rn_im_seconds(in));
        }
        if (p->change > 0) {
            set_new(v.out, "fade_out", rn_im_seconds(p->change));
        }
        (void) json_array_append(e->sounds, v.out);
    }

    json_decref(v.out);
}
