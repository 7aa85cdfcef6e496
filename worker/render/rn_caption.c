/* Reads caption files; see rn_caption.h. */

#include "rn_caption.h"
#include "rn_utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>


#define HEAD       2048
#define LINES_MAX  8                    /* fields of an event before its text */
#define MAX_MS     (24 * 3600 * 1000LL)
#define STYLE_MAX  65536                /* bytes: each piece of a film has it */


typedef struct {
    char             *data;
    size_t            size, at;
    AVIOContext      *io;
    AVFormatContext  *fmt;
    AVCodecContext   *dec;
    AVStream         *st;
    json_t           *cues, *events, *warnings;
    int64_t           end;              /* ms */
    bool              ass, drawn;       /* drawn: without a word, too */
} reader;


static const AVInputFormat *
format_of(char *data, size_t n)
{
    AVProbeData           p;
    const AVInputFormat  *fmt;

    memset(&p, 0, sizeof(p));
    p.filename = "";
    p.buf = (unsigned char *) data;
    p.buf_size = (int) n;

    fmt = av_probe_input_format(&p, 1);

    return fmt != NULL && (strcmp(fmt->name, "srt") == 0
                           || strcmp(fmt->name, "webvtt") == 0
                           || strcmp(fmt->name, "ass") == 0) ? fmt : NULL;
}


bool
rn_caption_known(int fd)
{
    char     head[HEAD + AVPROBE_PADDING_SIZE];
    ssize_t  n;

    memset(head, 0, sizeof(head));
    n = pread(fd, head, HEAD, 0);

    return n > 0 && format_of(head, (size_t) n) != NULL;
}


static rn_status
read_all(reader *r, int fd, rn_fault *fault)
{
    off_t        size;
    ssize_t      n;
    struct stat  st;

    size = fstat(fd, &st) == 0 ? st.st_size : -1;

    if (size < 0 || size > RN_CAPTION_MAX) {
        return rn_fail(fault, RN_E_LIMIT, "captions of more than %d MB are not "
                       "read here", RN_CAPTION_MAX / 1024 / 1024);
    }

    r->data = calloc(1, (size_t) size + AVPROBE_PADDING_SIZE);
    if (r->data == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    while (r->size < (size_t) size) {
        n = pread(fd, r->data + r->size, (size_t) size - r->size,
                  (off_t) r->size);
        if (n <= 0) {
            return rn_fail(fault, RN_E_IO, "the file cannot be read: %s",
                           n < 0 ? strerror(errno) : "it has become shorter");
        }
        r->size += (size_t) n;
    }

    return RN_OK;
}


static int
read_packet(void *opaque, uint8_t *buf, int size)
{
    reader  *r = opaque;
    size_t   n;

    n = r->size - r->at;
    n = n < (size_t) size ? n : (size_t) size;

    if (n == 0) {
        return AVERROR_EOF;
    }

    memcpy(buf, r->data + r->at, n);
    r->at += n;

    return (int) n;
}


static int
refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
    AVDictionary **options)
{
    (void) s;
    (void) pb;
    (void) url;
    (void) flags;
    (void) options;

    return AVERROR(EACCES);
}


static bool
warn(reader *r, const char *text)
{
    return json_array_append_new(r->warnings, json_string(text)) == 0;
}


/* UTF-16 is told by its mark, and the demuxer reads it. */

static bool
has_mark(const reader *r)
{
    return r->size >= 2 && (memcmp(r->data, "\xff\xfe", 2) == 0
                            || memcmp(r->data, "\xfe\xff", 2) == 0);
}


static rn_status
open_decoder(reader *r, rn_fault *fault)
{
    int             rc;
    const AVCodec  *codec;

    codec = avcodec_find_decoder(r->st->codecpar->codec_id);
    r->dec = codec != NULL ? avcodec_alloc_context3(codec) : NULL;

    if (r->dec == NULL) {
        return rn_fail(fault, RN_E_UNSUPPORTED, "captions of this kind cannot "
                       "be read here");
    }

    rc = avcodec_parameters_to_context(r->dec, r->st->codecpar);
    r->dec->pkt_timebase = r->st->time_base;

    if (!has_mark(r) && !rn_utf8_valid(r->data, r->size)) {
        r->dec->sub_charenc = av_strdup("WINDOWS-1252");

        if (!warn(r, "the text is not UTF-8; it is read as Windows-1252")) {
            return rn_fail(fault, RN_E_NOMEM, "out of memory");
        }
    }

    if (rc >= 0) {
        rc = avcodec_open2(r->dec, codec, NULL);
    }

    return rc < 0 ? rn_fail_av(fault, rc, "the captions cannot be read")
                  : RN_OK;
}


static rn_status
open_file(reader *r, rn_fault *fault)
{
    int                   rc;
    unsigned char        *buf;
    const AVInputFormat  *fmt;

    fmt = format_of(r->data, r->size);
    if (fmt == NULL) {
        return rn_fail(fault, RN_E_INPUT, "not captions of a kind that is "
                       "read here");
    }

    buf = av_malloc(4096);
    r->io = avio_alloc_context(buf, 4096, 0, r, read_packet, NULL, NULL);
    r->fmt = avformat_alloc_context();

    if (buf == NULL || r->io == NULL || r->fmt == NULL) {
        if (r->io == NULL) {
            av_free(buf);
        }
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    r->fmt->pb = r->io;
    r->fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
    r->fmt->io_open = refuse_open;
    r->fmt->format_whitelist = av_strdup("srt,webvtt,ass");
    r->fmt->protocol_whitelist = av_strdup("none");

    rc = avformat_open_input(&r->fmt, NULL, fmt, NULL);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "the captions cannot be read");
    }

    if (r->fmt->nb_streams != 1) {
        return rn_fail(fault, RN_E_INPUT, "there are no captions in it");
    }

    r->st = r->fmt->streams[0];
    r->ass = strcmp(fmt->name, "ass") == 0;

    return open_decoder(r, fault);
}


/* The text of an event: what follows ReadOrder and seven fields of style. */

static const char *
text_of(const char *event)
{
    int  i;

    for (i = 0; event != NULL && i < LINES_MAX; i++) {
        event = strchr(event, ',');
        event = event != NULL ? event + 1 : NULL;
    }

    return event;
}


static rn_status
add_cue(reader *r, int64_t from, int64_t to, const char *event,
    rn_fault *fault)
{
    int          rc, place;
    char        *text;
    const char  *ass;

    ass = text_of(event);
    if (ass == NULL) {
        return RN_OK;
    }

    text = rn_caption_markup(ass, &place);
    if (text == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rc = 0;

    if (text[0] != '\0') {
        rc = json_array_append_new(r->cues, json_pack("[I, I, s, i]",
                 (json_int_t) from, (json_int_t) to, text, place));
    }

    av_free(text);

    return rc != 0 ? rn_fail(fault, RN_E_NOMEM, "out of memory") : RN_OK;
}


/* Whether an event has a drawing: \p1 and above. */

static bool
draws(const char *s)
{
    for (s = s != NULL ? strstr(s, "\\p") : NULL; s != NULL;
         s = strstr(s + 2, "\\p"))
    {
        if (s[2] >= '1' && s[2] <= '9') {
            return true;
        }
    }

    return false;
}


static rn_status
add_event(reader *r, int64_t from, int64_t to, const AVPacket *pkt,
    rn_fault *fault)
{
    json_t  *text;

    text = json_stringn((const char *) pkt->data, (size_t) pkt->size);
    r->drawn = r->drawn || draws(json_string_value(text));

    if (text == NULL) {

        /* not UTF-8: all are shown without their styles, and none is lost */

        r->ass = false;

        return warn(r, "the styles are left out, for the text is not UTF-8")
               ? RN_OK : rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (json_array_append_new(r->events, json_pack("[I, I, o]",
            (json_int_t) from, (json_int_t) to, text)) != 0)
    {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return RN_OK;
}


static rn_status
read_cue(reader *r, AVPacket *pkt, rn_fault *fault)
{
    int         got, rc;
    int64_t     from, to;
    unsigned    i;
    AVSubtitle  sub;
    AVRational  ms = { 1, 1000 };

    if (pkt->pts == AV_NOPTS_VALUE || pkt->duration <= 0) {
        return RN_OK;                   /* never shown */
    }

    from = av_rescale_q(pkt->pts, r->st->time_base, ms);
    to = av_rescale_q(pkt->pts + pkt->duration, r->st->time_base, ms);

    if (to <= 0 || from >= to || to > MAX_MS) {
        return RN_OK;
    }

    if (json_array_size(r->cues) >= RN_CUES_MAX) {
        return rn_fail(fault, RN_E_LIMIT, "it holds more than %d captions",
                       RN_CUES_MAX);
    }

    memset(&sub, 0, sizeof(sub));
    rc = avcodec_decode_subtitle2(r->dec, &sub, &got, pkt);

    if (rc < 0 || !got) {
        return rc == AVERROR(ENOMEM)
               ? rn_fail(fault, RN_E_NOMEM, "out of memory") : RN_OK;
    }

    for (i = 0; i < sub.num_rects && fault->status == RN_OK; i++) {
        if (sub.rects[i]->ass != NULL) {
            (void) add_cue(r, from > 0 ? from : 0, to, sub.rects[i]->ass,
                           fault);
        }
    }

    avsubtitle_free(&sub);
    r->end = to > r->end ? to : r->end;

    return r->ass && fault->status == RN_OK
           ? add_event(r, from, to, pkt, fault) : fault->status;
}


static rn_status
read_cues(reader *r, rn_fault *fault)
{
    int        rc;
    AVPacket  *pkt;

    pkt = av_packet_alloc();
    if (pkt == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    while ((rc = av_read_frame(r->fmt, pkt)) >= 0) {
        (void) read_cue(r, pkt, fault);
        av_packet_unref(pkt);

        if (fault->status != RN_OK) {
            break;
        }
    }

    av_packet_free(&pkt);

    if (fault->status == RN_OK && json_array_size(r->cues) == 0
        && !(r->ass && r->drawn))
    {
        rn_fail(fault, RN_E_INPUT, "there are no captions in it");
    }

    return fault->status;
}


/*
 * Leaves out what is within of a header: fonts, which are not used, for they
 * are a stranger's, and pictures, which libass does not know.  The new length.
 */

static size_t
leave_out(char *text, size_t n)
{
    bool    out;
    char   *at, *end, *to;
    size_t  len;

    out = false;
    to = text;

    for (at = text; at < text + n; at = end) {
        end = memchr(at, '\n', (size_t) (text + n - at));
        end = end != NULL ? end + 1 : text + n;
        len = (size_t) (end - at);

        if (*at == '[') {
            out = (len >= 7 && strncasecmp(at, "[fonts]", 7) == 0)
                  || (len >= 10 && strncasecmp(at, "[graphics]", 10) == 0);
        }

        if (!out) {
            memmove(to, at, len);
            to += len;
        }
    }

    return (size_t) (to - text);
}


/* The header of an ASS file, which libavformat keeps. */

static bool
add_style(reader *r, json_t *out)
{
    size_t               n;
    json_t              *header;
    AVCodecParameters   *par = r->st->codecpar;

    if (!r->ass || par->extradata_size <= 0) {
        return true;
    }

    n = leave_out((char *) par->extradata,
                  strnlen((const char *) par->extradata,
                          (size_t) par->extradata_size));

    if (n > STYLE_MAX) {
        return warn(r, "the styles are left out, for they are more than 64 KB");
    }

    header = json_stringn((const char *) par->extradata, n);

    return header == NULL
           || json_object_set_new(out, "ass", json_pack("{s:o, s:O}",
                  "header", header, "events", r->events)) == 0;
}


rn_status
rn_caption_probe(int fd, json_t **out, rn_fault *fault)
{
    json_t  *o;
    reader   r;

    *out = NULL;
    memset(&r, 0, sizeof(r));

    r.cues = json_array();
    r.events = json_array();
    r.warnings = json_array();

    if (r.cues == NULL || r.events == NULL || r.warnings == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    if (read_all(&r, fd, fault) != RN_OK || open_file(&r, fault) != RN_OK
        || read_cues(&r, fault) != RN_OK)
    {
        goto done;
    }

    o = json_pack("{s:s, s:s, s:f, s:O, s:O}", "kind", "caption",
                  "format", r.fmt->iformat->name,
                  "duration", (double) r.end / 1000, "cues", r.cues,
                  "warnings", r.warnings);

    if (o == NULL || !add_style(&r, o)) {
        json_decref(o);
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    *out = o;

done:

    avcodec_free_context(&r.dec);
    avformat_close_input(&r.fmt);

    if (r.io != NULL) {
        av_freep(&r.io->buffer);
        avio_context_free(&r.io);
    }

    free(r.data);
    json_decref(r.cues);
    json_decref(r.events);
    json_decref(r.warnings);

    return fault->status;
}
