/* What the answers of S3 say; see rn_s3.h. */

#include "rn_s3.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>


#define DEPTH  8
#define TEXT   4096

typedef struct {
    XML_Parser     parser;
    rn_s3_element  element;
    void          *data;
    char           path[512];
    size_t         ends[DEPTH];         /* of the path, at each level */
    size_t         depth;
    char           text[TEXT + 1];
    size_t         len;
    bool           stopped;             /* expat may still call once or twice */
} reading;


static void
stop(reading *r)
{
    r->stopped = true;
    (void) XML_StopParser(r->parser, XML_FALSE);
}


static void XMLCALL
begin(void *data, const char *name, const char **attributes)
{
    size_t    n;
    reading  *r = data;

    (void) attributes;
    n = strlen(r->path);

    if (r->stopped || r->depth == DEPTH
        || n + 1 + strlen(name) >= sizeof(r->path))
    {
        stop(r);
        return;
    }

    r->ends[r->depth++] = n;
    (void) snprintf(r->path + n, sizeof(r->path) - n, "%s%s", n > 0 ? "/" : "",
                    name);
    r->len = 0;
}


static void XMLCALL
end(void *data, const char *name)
{
    reading  *r = data;

    (void) name;

    if (r->stopped) {
        return;
    }

    r->text[r->len] = '\0';
    r->element(r->data, r->path, r->text);
    r->path[r->ends[--r->depth]] = '\0';
    r->len = 0;
}


static void XMLCALL
text(void *data, const char *s, int n)
{
    reading  *r = data;

    if (r->stopped || (size_t) n > TEXT - r->len) {
        stop(r);
        return;
    }

    memcpy(r->text + r->len, s, (size_t) n);
    r->len += (size_t) n;
}


/* Entities could make much of little. */

static void XMLCALL
doctype(void *data, const char *name, const char *sys, const char *pub, int in)
{
    reading  *r = data;

    (void) name;
    (void) sys;
    (void) pub;
    (void) in;
    stop(r);
}


bool
rn_s3_parse(const char *xml, size_t len, rn_s3_element element, void *data)
{
    bool     ok;
    reading  r;

    memset(&r, 0, sizeof(r));
    r.parser = XML_ParserCreate(NULL);

    if (r.parser == NULL) {
        return false;
    }

    r.element = element;
    r.data = data;
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, begin, end);
    XML_SetCharacterDataHandler(r.parser, text);
    XML_SetStartDoctypeDeclHandler(r.parser, doctype);

    ok = len <= INT32_MAX
         && XML_Parse(r.parser, xml, (int) len, 1) == XML_STATUS_OK;
    XML_ParserFree(r.parser);

    return ok;
}


typedef struct {
    rn_s3_error  *e;
    bool          is_error;
} judging;


/* The server's words go into logs and messages: nothing but what is printed. */

static void
keep_words(char *out, size_t size, const char *text)
{
    size_t  i;

    for (i = 0; i + 1 < size && text[i] != '\0'; i++) {
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }

    out[i] = '\0';
}


static void
of_error(void *data, const char *path, const char *value)
{
    judging  *j = data;

    if (strcmp(path, "Error/Code") == 0) {
        keep_words(j->e->code, sizeof(j->e->code), value);

    } else if (strcmp(path, "Error/Message") == 0) {
        keep_words(j->e->message, sizeof(j->e->message), value);

    } else if (strcmp(path, "Error") == 0) {
        j->is_error = true;
    }
}


/* Amazon S3 API Reference, "Error responses". */

static rn_s3_verdict
by_code(const char *code)
{
    size_t  i;

    static const struct {
        const char     *code;
        rn_s3_verdict   verdict;
    } codes[] = {
        { "NoSuchKey", RN_S3_NONE },
        { "SlowDown", RN_S3_SLOWER },
        { "ServiceUnavailable", RN_S3_SLOWER },
        { "RequestLimitExceeded", RN_S3_SLOWER },
        { "InternalError", RN_S3_AGAIN },
        { "OperationAborted", RN_S3_AGAIN },
        { "RequestTimeout", RN_S3_AGAIN },
        { "BadDigest", RN_S3_AGAIN },
        { "IncompleteBody", RN_S3_AGAIN },
        { "XAmzContentSHA256Mismatch", RN_S3_AGAIN },
        { "ExpiredToken", RN_S3_KEYS },
        { "TokenRefreshRequired", RN_S3_KEYS },
        { "InvalidToken", RN_S3_KEYS },
        { "InvalidAccessKeyId", RN_S3_KEYS },
        { "RequestTimeTooSkewed", RN_S3_CLOCK },
        { "RequestExpired", RN_S3_CLOCK }
    };

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i].code) == 0) {
            return codes[i].verdict;
        }
    }

    return RN_S3_NEVER;
}


rn_s3_verdict
rn_s3_judge(int status, const char *body, size_t len, rn_s3_error *e)
{
    bool           whole;
    judging        j = { e, false };
    rn_s3_verdict  v;

    memset(e, 0, sizeof(*e));

    while (len > 0 && strchr(" \t\r\n", *body) != NULL) {
        body++;                         /* sent to keep the connection open */
        len--;
    }

    whole = len > 0 && rn_s3_parse(body, len, of_error, &j);

    if (status / 100 == 2) {
        if (len == 0 || (whole && !j.is_error)) {
            return RN_S3_DONE;
        }

        if (!whole && body[0] == '<') {
            return RN_S3_AGAIN;         /* it was cut off */
        }

        if (!whole) {
            return RN_S3_DONE;          /* an object */
        }
    }

    if (whole && j.is_error && e->code[0] != '\0') {
        v = by_code(e->code);

        /* what is 200 at first is 500 then, whatever it is called */

        return v == RN_S3_NEVER && status / 100 == 2 ? RN_S3_AGAIN : v;
    }

    switch (status) {
    case 404:
        return RN_S3_NONE;              /* to HEAD, which has no body */
    case 429:
    case 503:
        return RN_S3_SLOWER;
    case 408:
        return RN_S3_AGAIN;
    default:
        return status >= 500 ? RN_S3_AGAIN : RN_S3_NEVER;
    }
}
