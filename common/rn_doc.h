/*
 * The composition document: JSON in, one checked structure out.
 *
 * The parser reports every error at once, each with its JSON pointer, and
 * refuses by name what this version knows but does not render.  It knows
 * nothing of assets beyond their references; times are resolved from the
 * document and the assets' facts in rn_timeline.h.
 */

#ifndef RN_DOC_H
#define RN_DOC_H

#include "rn_problem.h"
#include "rn_status.h"

#include <stdbool.h>
#include <stdint.h>


typedef struct {
    int64_t         num, den;
} rn_rational;

typedef enum { RN_TIME_AUTO, RN_TIME_SECONDS, RN_TIME_FRAMES, RN_TIME_END }
    rn_time_kind;

typedef struct {
    rn_time_kind    kind;
    double          seconds;
    int64_t         frames;
} rn_time;

typedef struct {
    bool            set, percent;
    double          value;              /* px, or per cent of the canvas */
} rn_length;

typedef enum {
    RN_ASSET_NONE, RN_ASSET_VIDEO, RN_ASSET_IMAGE, RN_ASSET_AUDIO,
    RN_ASSET_COLOR, RN_ASSET_TEXT, RN_ASSET_SHAPE, RN_ASSET_CAPTION,
    RN_ASSET_SVG, RN_ASSET_WAVEFORM,

    /* never of a clip: of the document, and of an effect */
    RN_ASSET_FONT, RN_ASSET_LUT
} rn_asset_type;

typedef enum {
    RN_FIT_COVER, RN_FIT_CONTAIN, RN_FIT_FILL, RN_FIT_NONE,
    RN_FIT_CONTAIN_BLUR
} rn_fit;

/* What of a clip can move; how many numbers each has: rn_move_values. */

typedef enum {
    RN_MOVE_OPACITY, RN_MOVE_VOLUME, RN_MOVE_ROTATE, RN_MOVE_SCALE,
    RN_MOVE_WIDTH, RN_MOVE_HEIGHT, RN_MOVE_POSITION, RN_MOVE_OFFSET,
    RN_MOVE_CROP, RN_MOVES
} rn_move;

typedef struct {
    rn_time         time;               /* from the clip's start */
    bool            step;               /* until then the value before */
    int             ease[4];            /* cubic Bezier in 1/1000 */
    bool            curved;             /* false: linear */
    rn_length       v[4];
} rn_keyframe;

typedef struct {
    rn_keyframe    *keys;
    size_t          n;
} rn_keyframes;

typedef enum {
    RN_EFFECT_BLUR, RN_EFFECT_GRAYSCALE, RN_EFFECT_SEPIA, RN_EFFECT_INVERT,
    RN_EFFECT_COLOR, RN_EFFECT_SHARPEN, RN_EFFECT_VIGNETTE, RN_EFFECT_MIRROR,
    RN_EFFECT_CHROMA_KEY, RN_EFFECT_NOISE, RN_EFFECT_LUT
} rn_effect_type;

typedef struct {
    rn_effect_type  type;
    double          v[5];               /* see rn_doc_effects.c */
    uint32_t        color;
    int             ref;                /* of a LUT: as an asset's */
} rn_effect;

typedef enum {
    RN_SHAPE_RECTANGLE, RN_SHAPE_ELLIPSE, RN_SHAPE_TRIANGLE, RN_SHAPE_STAR,
    RN_SHAPE_LINE
} rn_shape_kind;

typedef enum { RN_WAVE_BARS, RN_WAVE_LINE } rn_wave_style;

#define RN_EFFECTS_MAX    8
#define RN_URLS_MAX       100           /* sources on other hosts */
#define RN_KEYFRAMES_MAX  1000
#define RN_FONTS_MAX      16
#define RN_WORDS_MAX      20000

typedef enum { RN_ALIGN_START, RN_ALIGN_CENTER, RN_ALIGN_END } rn_align;

typedef enum { RN_TRACK_VIDEO, RN_TRACK_AUDIO } rn_track_kind;

typedef enum {
    RN_QUALITY_LOW, RN_QUALITY_MEDIUM, RN_QUALITY_HIGH, RN_QUALITY_UNSET
} rn_quality;

typedef enum {
    RN_FORMAT_MP4, RN_FORMAT_WEBM, RN_FORMAT_MOV, RN_FORMAT_GIF,
    RN_FORMAT_MP3, RN_FORMAT_M4A, RN_FORMAT_WAV, RN_FORMAT_PNG,
    RN_FORMAT_JPG, RN_FORMAT_PNG_SEQUENCE, RN_FORMAT_SPRITE, RN_FORMAT_HLS,
    RN_FORMAT_VTT, RN_FORMAT_SRT
} rn_format;

typedef struct {
    rn_asset_type   type;
    const char     *src;
    int             ref;                /* index in rn_doc.refs, -1: none */
    uint32_t        color;              /* RGBA: of a colour, or the letters */
    uint32_t        background;         /* RGBA, behind a text */
    const char     *text;
    bool            markup;             /* which the text is: see rn_cues.h */
    const char     *family;
    double          size;               /* px on the canvas; 0, of a caption:
                                           by the canvas's height */
    double          min_size;           /* px, to which a text may shrink to
                                           fit its box; 0: it does not */
    bool            bold, italic;
    rn_align        align;
    rn_shape_kind   shape;
    uint32_t        stroke;             /* RGBA, of an outline */
    double          stroke_width;       /* px; -1, of a caption: by its size */
    int             points;             /* of a star */

    json_t         *words;              /* of a caption: [{text, start, end}] */
    double          spoken;             /* s: the end of the last of them */
    uint32_t        highlight;          /* RGBA of the word that is heard, 0 */
    int             max_words;          /* shown at once */
    bool            burn;               /* into the picture */
    const char     *language;           /* BCP 47 */

    const char     *svg;                /* a drawing in the document itself */
    rn_wave_style   wave;
    int             bars;               /* of a waveform */
    double          window;             /* s of the sound that it shows */
} rn_asset;

typedef struct {
    char            pointer[96];
    bool            transition;         /* a transition item, not a clip */
    const char     *transition_type;    /* "fade", ...; "cut": none at all */
    rn_asset        asset;
    rn_time         start, duration, in_point, out_point;
    rn_fit          fit;
    rn_align        h, v;               /* of position */
    bool            placed;             /* position is {x, y} */
    rn_length       x, y, dx, dy, width, height;
    double          opacity;            /* 0-1 */
    double          volume;             /* linear */
    rn_time         fade_in, fade_out;  /* sound */
    bool            show_in, show_out;  /* picture fades in, out */
    rn_time         show_duration;
    double          speed;              /* 0.25-4 */
    double          rotate;             /* degrees, clockwise */
    double          scale;              /* of the box, about its centre */
    rn_length       crop[4];            /* x, y, width, height; set or not */
    rn_length       radius;             /* of the corners */
    rn_keyframes    moves[RN_MOVES];
    rn_effect       effects[RN_EFFECTS_MAX];
    size_t          n_effects;
} rn_clip;

/* A track that steps back while another one sounds. */

typedef struct {
    const char     *name;               /* the other's id */
    int             by;                 /* its index, -1: none */
    double          amount_db;
    double          attack, release, hold;      /* s */
} rn_ducking;

typedef struct {
    rn_track_kind   kind;
    const char     *id;
    double          volume;
    rn_ducking      ducking;
    rn_clip        *clips;
    size_t          n;
} rn_track;

typedef struct {
    const char     *src;
    rn_asset_type   type;
    char            pointer[96];        /* where it was named first */
} rn_ref;

typedef enum {
    RN_MARKER_BREAKPOINT, RN_MARKER_BRANCH, RN_MARKER_CHAPTER, RN_MARKER_SPLIT
} rn_marker_kind;

typedef struct {
    char            pointer[64];
    const char     *name;
    rn_time         time;               /* of the film */
    rn_marker_kind  kind;
} rn_marker;

#define RN_MARKERS_MAX  1000

/* One of the sizes that a stream comes in. */

typedef struct {
    int             width, height;      /* px */
    rn_quality      quality;
} rn_rendition;

#define RN_RENDITIONS_MAX  6
#define RN_LANGUAGES_MAX   8            /* of captions in a stream */

typedef struct {
    char            pointer[32];
    const char     *name;
    rn_format       format;
    rn_quality      quality;
    int             width, height;      /* px */
    rn_rational     fps;
    bool            png;                /* of mov: PNG instead of ProRes */
    rn_time         from, len;          /* which part; auto: all, to the end */
    rn_time         at;                 /* of png and jpg; auto: the poster's */
    double          interval;           /* s, of sprite; 0: so that it fits */
    const char     *language;           /* of vtt and srt; NULL: all */
    double          loudness;           /* LUFS; 0: as it is mixed */
    double          true_peak;          /* dBTP, of what has a loudness */
    rn_rendition    renditions[RN_RENDITIONS_MAX];      /* of hls */
    size_t          n_renditions;
} rn_output;

typedef struct {
    int             max_side;           /* px */
    int64_t         max_pixels;
    double          max_duration;       /* seconds */
    size_t          max_clips, max_tracks, max_text, max_outputs;
    bool            smart_cut;          /* a film may be copied in part */
    const char     *encoder, *driver;   /* of H.264; NULL: libx264 */
    const char     *no_encoder;         /* why it is libx264 though another was
                                           asked for; or NULL */
} rn_limits;

typedef struct {
    json_t         *root;               /* owns every string above */
    const char     *title;
    int             width, height;
    rn_rational     fps;
    uint32_t        background;
    rn_length       safe_area;          /* kept free at the canvas's edges */
    int             fonts[RN_FONTS_MAX];        /* indexes in refs */
    size_t          n_fonts;
    rn_track       *tracks;
    size_t          n_tracks, n_clips;
    rn_ref         *refs;               /* distinct sources */
    size_t          n_refs;
    rn_marker      *markers;
    size_t          n_markers;
    rn_output      *outputs;            /* one at least */
    size_t          n_outputs;
    size_t          film;               /* which of them is the job's result */
    rn_time         poster;             /* auto: second 1, or the middle */
    bool            blurhash;
} rn_doc;


extern const rn_limits  rn_limits_default;


/*
 * Parses `len` bytes of JSON.  RN_OK: *out is set, to be freed with
 * rn_doc_free.  RN_E_INVALID: `problems` says why, *out is NULL.
 * allow_paths: a source may be a relative path (the command line only).
 */
rn_status rn_doc_parse(const char *text, size_t len, const rn_limits *limits,
    bool allow_paths, rn_problems *problems, rn_doc **out);

/* Frees the document; NULL is fine. */
void rn_doc_free(rn_doc *doc);

/* "video", "image", ...; never NULL. */
const char *rn_asset_type_name(rn_asset_type type);

/* "mp4", "png-sequence", ...; never NULL. */
const char *rn_format_name(rn_format format);

/* Whether there are pictures in it, in motion; and whether there is sound. */
bool rn_format_has_pictures(rn_format format);
bool rn_format_is_film(rn_format format);
bool rn_format_has_sound(rn_format format);

/* Whether it is a file of captions. */
bool rn_format_is_text(rn_format format);

/* The name of what moves, and the count of its numbers (1, 2 or 4). */
const char *rn_move_name(rn_move move);
int rn_move_values(rn_move move);


#endif /* RN_DOC_H */
