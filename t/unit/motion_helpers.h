/* What the tests of numbers that move in a composition share. */

#ifndef MOTION_HELPERS_H
#define MOTION_HELPERS_H

#include "helpers.h"


#define VIDEO  "{\"type\":\"video\",\"src\":\"asset:" UUID_A "\"}"
#define IMAGE  "{\"type\":\"image\",\"src\":\"asset:" UUID_B "\"}"
#define AUDIO  "{\"type\":\"audio\",\"src\":\"asset:" UUID_A "\"}"
#define COLOR  "{\"type\":\"color\",\"color\":\"#fff\"}"
#define TEXT   "{\"type\":\"text\",\"text\":\"T\"}"
#define SHAPE  "{\"type\":\"shape\",\"shape\":\"ellipse\"}"

#define CLIP_AT  "/timeline/tracks/0/clips/0"

#define KEYS(name, keys)  ",\"keyframes\":{\"" name "\":[" keys "]}"
#define KEY(time, value)  "{\"time\":" time ",\"value\":" value "}"


/* A document of one clip; members is "" or ",..." */

HELPER const char *
one(const char *asset, const char *members)
{
    static char  text[200000];

    (void) snprintf(text, sizeof(text), "{\"timeline\":{\"fps\":30,\"tracks\":"
                    "[{%s\"clips\":[{\"asset\":%s%s}]}]}}",
                    strcmp(asset, AUDIO) == 0 ? "\"kind\":\"audio\"," : "",
                    asset, members);

    return text;
}


HELPER rn_doc *
good(const char *asset, const char *members)
{
    return parse_good(one(asset, members), false);
}


HELPER void
taken(const char *asset, const char *members)
{
    rn_doc_free(good(asset, members));
}


HELPER const rn_clip *
clip_of(const rn_doc *d)
{
    return &d->tracks[0].clips[0];
}


/* Whether the problems are just this one. */

HELPER void
check_problem(const rn_problems *ps, const char *pointer, const char *words,
    const char *text)
{
    char  full[200];

    (void) snprintf(full, sizeof(full), CLIP_AT "%s", pointer);

    if (ps->total != 1 || strcmp(ps->items[0].pointer, full) != 0
        || strstr(ps->items[0].detail, words) == NULL)
    {
        print_problems(ps);
        fail_msg("wanted %s: ...%s... of %.2000s", full, words, text);
    }
}


HELPER void
bad(const char *asset, const char *members, const char *pointer,
    const char *words)
{
    rn_doc       *doc;
    const char   *text;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    text = one(asset, members);

    if (rn_doc_parse(text, strlen(text), &rn_limits_default, false, &ps, &doc)
        != RN_E_INVALID)
    {
        fail_msg("taken: %.2000s", text);
    }

    assert_null(doc);
    check_problem(&ps, pointer, words, text);
    rn_problems_free(&ps);
}


/* The same member with many values, each refused. */

HELPER void
bad_values(const char *asset, const char *fmt, const char *const *values,
    const char *pointer, const char *words)
{
    char  members[600];

    for ( /* void */ ; *values != NULL; values++) {
        (void) snprintf(members, sizeof(members), fmt, *values);
        bad(asset, members, pointer, words);
    }
}

#define BAD_VALUES(asset, fmt, pointer, words, ...)                           \
    bad_values(asset, fmt, (const char *const []) { __VA_ARGS__, NULL },      \
               pointer, words)

#define NO_NUMBER  "\"1\"", "null", "true", "[]", "{}", "\"\""


#endif /* MOTION_HELPERS_H */
