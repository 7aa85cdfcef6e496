/*
 * Multipart forms: a line with the Content-Type, then the body.  Fed whole, by
 * single bytes and in pieces of sizes that depend on the input, a body must
 * give the same events and data; and no data may hold a delimiter.
 */

#include "fuzz.h"
#include "rn_multipart.h"
#include "rn_utf8.h"


typedef struct {
    uint8_t   *bytes;
    size_t     n, size;
} transcript;


static void
append(transcript *t, const void *bytes, size_t n)
{
    if (t->size - t->n < n) {
        t->size = 2 * t->size + n + 4096;
        t->bytes = realloc(t->bytes, t->size);
        MUST(t->bytes != NULL);
    }

    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
}


static void
append_event(transcript *t, rn_multipart_event event)
{
    uint8_t  mark[2] = { 0xff, (uint8_t) event };

    append(t, mark, sizeof(mark));
}


static void
check_part(const rn_multipart *m)
{
    MUST(memchr(m->name, 0, sizeof(m->name)) != NULL);
    MUST(memchr(m->filename, 0, sizeof(m->filename)) != NULL);
    MUST(memchr(m->type, 0, sizeof(m->type)) != NULL);
    MUST(m->name[0] != '\0');
    MUST(rn_utf8_valid(m->name, strlen(m->name)));
    MUST(rn_utf8_valid(m->filename, strlen(m->filename)));
    MUST(strpbrk(m->filename, "/\\") == NULL);
    MUST(m->has_filename || m->filename[0] == '\0');
    MUST(m->type[0] == '\0' || strchr(m->type, '/') != NULL);
}


/* Of the data of one part, which begins at t->bytes + from. */

static void
check_data(const rn_multipart *m, const transcript *t, size_t from)
{
    const uint8_t  *data = t->bytes + from;
    size_t          n = t->n - from;

    MUST(n < m->delimiter_len
         || memmem(data, n, m->delimiter, m->delimiter_len) == NULL);
    MUST(n < m->delimiter_len - 2
         || memcmp(data, m->delimiter + 2, m->delimiter_len - 2) != 0);
}


/* seed 0: whole; 1: by bytes; else pieces of pseudo-random sizes. */

static void
run(const char *type, size_t type_len, const uint8_t *body, size_t len,
    uint32_t seed, transcript *t)
{
    size_t                at, piece, n, from;
    uint8_t              *copy;
    const char           *why;
    rn_multipart          m;
    rn_multipart_event    event;
    const unsigned char  *p, *data, *before;

    enum { OUTSIDE, INSIDE, ENDED } place = OUTSIDE;

    t->n = 0;
    from = 0;
    why = NULL;
    event = RN_MULTIPART_MORE;

    if (!rn_multipart_init(&m, type, type_len, &why)) {
        MUST(why != NULL);
        append(t, why, strlen(why));
        return;
    }

    for (at = 0; at < len && event != RN_MULTIPART_ERROR; at += piece) {
        if (seed == 0) {
            piece = len;
        } else if (seed == 1) {
            piece = 1;
        } else {
            seed = seed * 1664525 + 1013904223;
            piece = 1 + (seed >> 16) % ((seed >> 28) < 12 ? 7 : 900);
        }
        if (piece > len - at) {
            piece = len - at;
        }

        copy = exact_copy(body + at, piece);
        p = copy;

        do {
            before = p;
            event = rn_multipart_next(&m, &p, copy + piece, &data, &n);
            MUST(p >= before && p <= copy + piece);

            if (event != RN_MULTIPART_DATA && event != RN_MULTIPART_MORE) {
                if (event == RN_MULTIPART_PART_END) {
                    check_data(&m, t, from);
                }
                append_event(t, event);
            }

            switch (event) {
            case RN_MULTIPART_MORE:
                MUST(p == copy + piece);
                break;
            case RN_MULTIPART_PART:
                MUST(place == OUTSIDE);
                place = INSIDE;
                check_part(&m);
                append(t, m.name, strlen(m.name) + 1);
                append(t, m.filename, strlen(m.filename) + 1);
                append(t, m.type, strlen(m.type) + 1);
                append(t, &m.has_filename, sizeof(m.has_filename));
                from = t->n;
                break;
            case RN_MULTIPART_DATA:
                MUST(place == INSIDE && n > 0);
                append(t, data, n);
                break;
            case RN_MULTIPART_PART_END:
                MUST(place == INSIDE);
                place = OUTSIDE;
                break;
            case RN_MULTIPART_END:
                MUST(place == OUTSIDE);
                place = ENDED;
                break;
            case RN_MULTIPART_ERROR:
                MUST(place != ENDED && m.error != NULL);
                append(t, m.error, strlen(m.error));
                break;
            }
        } while (event != RN_MULTIPART_MORE && event != RN_MULTIPART_ERROR);

        free(copy);
    }

    if (rn_multipart_finish(&m, &why)) {
        MUST(place == ENDED);
    } else {
        MUST(place != ENDED && why != NULL);
        append(t, why, strlen(why));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    size_t             i, type_len;
    char              *type;
    uint32_t           seed;
    const uint8_t     *line_end;

    static transcript  whole, other;

    line_end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    type_len = line_end != NULL ? (size_t) (line_end - bytes) : len;

    type = exact_copy(bytes, type_len);
    bytes += type_len + (line_end != NULL);
    len -= type_len + (line_end != NULL);

    seed = 2166136261u;
    for (i = 0; i < len; i++) {
        seed = (seed ^ bytes[i]) * 16777619;
    }

    run(type, type_len, bytes, len, 0, &whole);

    for (i = 1; i <= 3; i++) {
        run(type, type_len, bytes, len, i == 1 ? 1 : (seed + i) | 2, &other);
        MUST(whole.n == other.n);
        MUST(whole.n == 0 || memcmp(whole.bytes, other.bytes, whole.n) == 0);
    }

    free(type);

    return 0;
}
