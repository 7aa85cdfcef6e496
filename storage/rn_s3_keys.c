/* Access keys, where they are kept; see rn_s3.h. */

#include "rn_s3.h"
#include "rn_id.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>


/* A key is of one line, and of what may stand in a header. */

static bool
set(char *out, size_t size, const char *value, size_t n)
{
    size_t  i;

    while (n > 0 && strchr(" \t\r\n", value[n - 1]) != NULL) {
        n--;
    }

    while (n > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        n--;
    }

    for (i = 0; i < n; i++) {
        if (value[i] <= ' ' || value[i] > '~') {
            return false;
        }
    }

    if (n >= size) {
        return false;
    }

    memcpy(out, value, n);
    out[n] = '\0';

    return true;
}


bool
rn_s3_keys_env(rn_s3_keys *k, rn_s3_env env, void *data, char *err,
    size_t err_len)
{
    size_t       i;
    const char  *value;

    const struct {
        const char  *name;
        char        *out;
        size_t       size;
    } parts[] = {
        { "AWS_ACCESS_KEY_ID", k->access, sizeof(k->access) },
        { "AWS_SECRET_ACCESS_KEY", k->secret, sizeof(k->secret) },
        { "AWS_SESSION_TOKEN", k->token, sizeof(k->token) }
    };

    memset(k, 0, sizeof(*k));
    err[0] = '\0';

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        value = env(data, parts[i].name);

        if (value != NULL
            && !set(parts[i].out, parts[i].size, value, strlen(value)))
        {
            (void) snprintf(err, err_len, "%s is no key", parts[i].name);
            return false;
        }
    }

    if ((k->access[0] == '\0') != (k->secret[0] == '\0')) {
        (void) snprintf(err, err_len, "%s is set, %s is not",
                        parts[k->access[0] == '\0'].name,
                        parts[k->access[0] != '\0'].name);
        return false;
    }

    return k->access[0] != '\0';
}


/* The next line, without its end; false: there is none. */

static bool
next_line(const char **p, const char *end, const char **line, size_t *n)
{
    const char  *lf;

    if (*p == end) {
        return false;
    }

    lf = memchr(*p, '\n', (size_t) (end - *p));
    *line = *p;
    *n = (size_t) ((lf != NULL ? lf : end) - *p);
    *p = lf != NULL ? lf + 1 : end;

    while (*n > 0 && (**line == ' ' || **line == '\t')) {
        (*line)++;
        (*n)--;
    }

    while (*n > 0 && strchr(" \t\r", (*line)[*n - 1]) != NULL) {
        (*n)--;
    }

    return true;
}


static bool
is_name(const char *s, size_t n, const char *name)
{
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) {
        n--;
    }

    while (n > 0 && (*s == ' ' || *s == '\t')) {
        s++;
        n--;
    }

    return strlen(name) == n && memcmp(s, name, n) == 0;
}


bool
rn_s3_keys_file(rn_s3_keys *k, const char *text, size_t len,
    const char *profile)
{
    bool         ours;
    size_t       i, n;
    const char  *p, *line, *equals;

    const struct {
        const char  *name;
        char        *out;
        size_t       size;
    } parts[] = {
        { "aws_access_key_id", k->access, sizeof(k->access) },
        { "aws_secret_access_key", k->secret, sizeof(k->secret) },
        { "aws_session_token", k->token, sizeof(k->token) }
    };

    memset(k, 0, sizeof(*k));
    ours = false;

    for (p = text; next_line(&p, text + len, &line, &n); ) {
        if (n > 0 && line[0] == '[') {
            ours = line[n - 1] == ']' && is_name(line + 1, n - 2, profile);
            continue;
        }

        equals = ours && n > 0 && line[0] != '#' && line[0] != ';'
                 ? memchr(line, '=', n) : NULL;

        if (equals == NULL) {
            continue;
        }

        for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            if (is_name(line, (size_t) (equals - line), parts[i].name)
                && !set(parts[i].out, parts[i].size, equals + 1,
                        n - (size_t) (equals + 1 - line)))
            {
                return false;
            }
        }
    }

    return k->access[0] != '\0' && k->secret[0] != '\0';
}


int64_t
rn_s3_time(const char *text)
{
    int        n, end;
    struct tm  tm;

    memset(&tm, 0, sizeof(tm));
    end = 0;
    n = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
               &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end);

    if (n != 6) {
        return -1;
    }

    if (text[end] == '.') {             /* parts of a second */
        end += 1 + (int) strspn(text + end + 1, "0123456789");
    }

    if (strcmp(text + end, "Z") != 0) {
        return -1;
    }

    tm.tm_year -= 1900;
    tm.tm_mon--;

    return (int64_t) timegm(&tm);
}


static bool
set_member(char *out, size_t size, json_t *o, const char *name)
{
    json_t  *v;

    v = json_object_get(o, name);

    return json_is_string(v)
           && set(out, size, json_string_value(v), json_string_length(v));
}


bool
rn_s3_keys_json(rn_s3_keys *k, const char *text, size_t len)
{
    bool         ok;
    json_t      *o;
    const char  *expires;

    memset(k, 0, sizeof(*k));
    o = json_loadb(text, len, 0, NULL);

    ok = set_member(k->access, sizeof(k->access), o, "AccessKeyId")
         && set_member(k->secret, sizeof(k->secret), o, "SecretAccessKey")
         && set_member(k->token, sizeof(k->token), o, "Token")
         && k->access[0] != '\0' && k->secret[0] != '\0';

    expires = json_string_value(json_object_get(o, "Expiration"));

    if (ok && expires != NULL) {
        k->expires = rn_s3_time(expires);
        ok = k->expires > 0;
    }

    json_decref(o);

    return ok;
}
