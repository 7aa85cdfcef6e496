/*
 * Sources of a composition: what a probe says of them, whether a clip can use
 * one, and how long it is by that.
 */

#include "rn_timeline_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


#define STILL_SECONDS  5.0      /* an image, colour or text without duration */
#define SLACK_SECONDS  0.5      /* by which a source may fall short: its last
                                   picture is held (containers round) */


bool
rn_facts_read(json_t *probe, const char *sha256, rn_facts *f)
{
    double       duration;
    json_t      *video, *audio;
    const char  *kind;

    memset(f, 0, sizeof(*f));

    kind = json_string_value(json_object_get(probe, "kind"));
    duration = json_number_value(json_object_get(probe, "duration"));

    if (kind == NULL || !isfinite(duration) || duration < 0) {
        (void) snprintf(f->error, sizeof(f->error), "was not probed");
        return false;
    }

    (void) snprintf(f->kind, sizeof(f->kind), "%s", kind);
    (void) snprintf(f->sha256, sizeof(f->sha256), "%s", sha256 ? sha256 : "");
    f->duration = duration;

    video = json_object_get(probe, "video");
    if (json_is_object(video)) {
        f->has_video = true;
        f->width = (int) json_integer_value(json_object_get(video, "width"));
        f->height = (int) json_integer_value(json_object_get(video, "height"));
        f->alpha = json_is_true(json_object_get(video, "alpha"));
        f->letters = json_is_true(json_object_get(video, "text"));
    }

    f->lut = json_is_object(json_object_get(probe, "lut"));

    audio = json_object_get(probe, "audio");
    f->has_audio = json_is_object(audio);
    f->channels = (int) json_integer_value(json_object_get(audio, "channels"));
    f->copy = json_object_get(probe, "copy");
    f->copy_sound = json_object_get(probe, "copy_sound");
    f->cues = json_object_get(probe, "cues");
    f->ass = json_object_get(probe, "ass");
    f->warnings = json_object_get(probe, "warnings");
    f->rotation = (int) json_integer_value(json_object_get(video, "rotation"));
    f->known = true;

    return true;
}


/* Whether the asset is of a kind that the clip can use. */

bool
rn_tl_usable(rn_tl_resolver *rs, const rn_clip *c, const rn_facts *f)
{
    char  text[400];

    if (!f->known) {
        (void) snprintf(text, sizeof(text), "%s",
                        f->error[0] ? f->error : "is not known");
        rn_tl_problem(rs, c, "/asset/src", text);
        return false;
    }

    if (c->asset.type == RN_ASSET_AUDIO || c->asset.type == RN_ASSET_WAVEFORM
        ? !f->has_audio
        : strcmp(f->kind, rn_asset_type_name(c->asset.type)) != 0)
    {
        (void) snprintf(text, sizeof(text), "is %s%s, %s",
                        strchr("aeiou", f->kind[0]) ? "an " : "a ", f->kind,
                        c->asset.type == RN_ASSET_AUDIO
                        || c->asset.type == RN_ASSET_WAVEFORM
                        ? "and has no sound"
                        : c->asset.type == RN_ASSET_IMAGE ? "not an image"
                        : c->asset.type == RN_ASSET_SVG ? "not an svg"
                        : c->asset.type == RN_ASSET_CAPTION
                        ? "not a file of captions" : "not a video");
        rn_tl_problem(rs, c, "/asset/src", text);
        return false;
    }

    return true;
}


/* Whether the sources of its effects can be used. */

bool
rn_tl_usable_effects(rn_tl_resolver *rs, const rn_clip *c)
{
    bool             ok;
    char             member[40], text[400];
    size_t           i;
    const rn_facts  *f;

    ok = true;

    for (i = 0; i < c->n_effects; i++) {
        if (c->effects[i].type != RN_EFFECT_LUT || c->effects[i].ref < 0) {
            continue;
        }

        f = &rs->facts[c->effects[i].ref];

        if (f->known && f->lut) {
            continue;
        }

        (void) snprintf(text, sizeof(text), "%s", f->known
                        ? "is no .cube file"
                        : f->error[0] ? f->error : "is not known");
        (void) snprintf(member, sizeof(member), "/effects/%zu/src", i);
        rn_tl_problem(rs, c, member, text);
        ok = false;
    }

    return ok;
}


/*
 * The length of a clip in seconds; -1 for one that lasts until the end, with
 * *avail set to what its source holds (0: without limit), -2 after a problem.
 */

double
rn_tl_length(rn_tl_resolver *rs, const rn_clip *c, const rn_facts *f,
    double *avail)
{
    char         text[200];
    double       in, out, len, natural;
    rn_rational  fps = rs->doc->fps;

    *avail = 0;

    if (c->asset.words == NULL
        && (f == NULL || c->asset.type == RN_ASSET_IMAGE
            || c->asset.type == RN_ASSET_SVG))
    {
        switch (c->duration.kind) {
        case RN_TIME_AUTO:
            return STILL_SECONDS;
        case RN_TIME_END:
            return -1;
        default:
            return rn_tl_seconds(&c->duration, fps);
        }
    }

    in = rn_tl_seconds(&c->in_point, fps);
    natural = f != NULL ? f->duration : c->asset.spoken;
    out = natural;

    if (in >= natural) {
        (void) snprintf(text, sizeof(text), "is at or behind the end of the "
                        "source, which lasts %.3f s", natural);
        rn_tl_problem(rs, c, "/in_point", text);
        return -2;
    }

    if (c->out_point.kind != RN_TIME_AUTO) {
        out = rn_tl_seconds(&c->out_point, fps);

        if (out <= in) {
            rn_tl_problem(rs, c, "/out_point", "must be behind in_point");
            return -2;
        }

        if (out > natural + SLACK_SECONDS) {
            (void) snprintf(text, sizeof(text), "is behind the end of the "
                            "source, which lasts %.3f s", natural);
            rn_tl_problem(rs, c, "/out_point", text);
            return -2;
        }
    }

    in /= c->speed;
    out /= c->speed;
    *avail = out - in;

    if (c->duration.kind == RN_TIME_END) {
        return -1;
    }

    if (c->duration.kind == RN_TIME_AUTO) {
        return out - in;
    }

    len = rn_tl_seconds(&c->duration, fps);

    if (c->asset.type == RN_ASSET_CAPTION
        && c->out_point.kind != RN_TIME_AUTO && len > out - in)
    {
        return out - in;                /* nothing more is said */
    }

    if (c->asset.type != RN_ASSET_CAPTION
        && len > out - in + SLACK_SECONDS / c->speed)
    {
        (void) snprintf(text, sizeof(text), "asks for %.3f s, but the source "
                        "holds only %.3f s from its in_point%s", len, out - in,
                        c->speed != 1 ? " at this speed" : "");
        rn_tl_problem(rs, c, "/duration", text);
        return -2;
    }

    return len;
}
