/* Writing playlists; see rn_playlist.h. */

#include "rn_playlist.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FORMAT  7                       /* RFC 8216, 7: fragmented MP4 */

/* A film is watched from its beginning, also where its end is not there yet. */
#define START   "#EXT-X-START:TIME-OFFSET=0\n"


typedef struct {
    char    *text;
    size_t   len, size;
    bool     failed;
} writer;


static void
put(writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(writer *w, const char *fmt, ...)
{
    int      n;
    char    *more, line[1024];
    va_list  ap;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);

    if (n < 0 || (size_t) n >= sizeof(line)) {
        w->failed = true;
        return;
    }

    if (w->len + (size_t) n + 1 > w->size) {
        w->size = 2 * w->size + (size_t) n + 1024;
        more = realloc(w->text, w->size);

        if (more == NULL) {
            w->failed = true;
            return;
        }
        w->text = more;
    }

    memcpy(w->text + w->len, line, (size_t) n + 1);
    w->len += (size_t) n;
}


static char *
taken(writer *w)
{
    if (w->failed) {
        free(w->text);
        return NULL;
    }

    return w->text;
}


/* Names stand between quotes, and on lines of their own. */

static const char *
name_of(writer *w, json_t *o, const char *member)
{
    size_t       i;
    const char  *s;

    s = json_string_value(json_object_get(o, member));

    if (s == NULL || s[0] == '\0') {
        w->failed = true;
        return "";
    }

    for (i = 0; s[i] != '\0'; i++) {
        if ((unsigned char) s[i] <= ' ' || s[i] == '"' || s[i] == '#') {
            w->failed = true;
            return "";
        }
    }

    return s;
}


static json_int_t
count_of(writer *w, json_t *o, const char *member)
{
    json_t  *v;

    v = json_object_get(o, member);

    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        w->failed = true;
    }

    return json_integer_value(v);
}


char *
rn_playlist_master(json_t *o)
{
    size_t       i;
    writer       w;
    json_t      *v, *sound, *canvas, *list, *captions;
    const char  *language;
    json_int_t   den;

    memset(&w, 0, sizeof(w));
    sound = json_object_get(o, "sound");
    list = json_object_get(o, "renditions");

    if (json_array_size(list) == 0) {
        return NULL;
    }

    put(&w, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        START, FORMAT);

    if (json_is_object(sound)) {
        put(&w, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"sound\","
            "DEFAULT=YES,AUTOSELECT=YES,URI=\"%s\"\n",
            name_of(&w, sound, "uri"));
    }

    captions = json_object_get(o, "captions");

    json_array_foreach(captions, i, v) {
        language = name_of(&w, v, "language");

        put(&w, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"captions\",NAME=\"%s"
            "\",LANGUAGE=\"%s\",DEFAULT=NO,AUTOSELECT=YES,URI=\"%s\"\n",
            language, language, name_of(&w, v, "uri"));
    }

    json_array_foreach(list, i, v) {
        canvas = json_object_get(v, "canvas");
        den = json_integer_value(json_array_get(canvas, 3));

        put(&w, "#EXT-X-STREAM-INF:BANDWIDTH=%lld,CODECS=\"%s%s%s\","
            "RESOLUTION=%lldx%lld,FRAME-RATE=%.3f%s%s\n%s\n",
            (long long) count_of(&w, v, "bandwidth"), name_of(&w, v, "codec"),
            json_is_object(sound) ? "," : "",
            json_is_object(sound) ? name_of(&w, sound, "codec") : "",
            (long long) json_integer_value(json_array_get(canvas, 0)),
            (long long) json_integer_value(json_array_get(canvas, 1)),
            (double) json_integer_value(json_array_get(canvas, 2))
            / (double) (den > 0 ? den : 1),
            json_is_object(sound) ? ",AUDIO=\"sound\"" : "",
            json_array_size(captions) > 0 ? ",SUBTITLES=\"captions\"" : "",
            name_of(&w, v, "uri"));
    }

    return taken(&w);
}


char *
rn_playlist_captions(const char *uri, double seconds)
{
    writer  w;

    memset(&w, 0, sizeof(w));
    put(&w, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%.0f\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n" START "#EXTINF:%.6f,\n%s\n"
        "#EXT-X-ENDLIST\n", FORMAT, ceil(seconds), seconds, uri);

    return taken(&w);
}


/* The fragments of a file, which begin behind its head. */

static void
put_fragments(writer *w, json_t *file)
{
    size_t       i;
    json_t      *f;
    json_int_t   at, bytes;
    const char  *uri;

    uri = name_of(w, file, "uri");
    at = count_of(w, file, "init");

    json_array_foreach(json_object_get(file, "fragments"), i, f) {
        bytes = count_of(w, f, "bytes");
        put(w, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%lld@%lld\n%s\n",
            json_number_value(json_object_get(f, "duration")),
            (long long) bytes, (long long) at, uri);
        at += bytes;
    }
}


char *
rn_playlist_media(json_t *o)
{
    size_t   i;
    writer   w;
    json_t  *file, *files;

    memset(&w, 0, sizeof(w));
    files = json_object_get(o, "files");

    put(&w, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%lld\n"
        "#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n" START, FORMAT,
        (long long) count_of(&w, o, "target"),
        json_is_true(json_object_get(o, "growing")) ? "EVENT" : "VOD");

    json_array_foreach(files, i, file) {
        if (i == 0) {
            put(&w, "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%lld@0\"\n",
                name_of(&w, file, "uri"),
                (long long) count_of(&w, file, "init"));
        }

        put_fragments(&w, file);
    }

    if (json_is_true(json_object_get(o, "ended"))) {
        put(&w, "#EXT-X-ENDLIST\n");
    }

    return taken(&w);
}
