/*
 * Buckets by their URL, access keys out of all the places for them, and what
 * answers say.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rn_s3.h"

#include <stdio.h>
#include <string.h>


/* "NAME=value" of each, up to NULL. */

static const char *
env_of(void *data, const char *name)
{
    size_t              n = strlen(name);
    const char *const  *list = data;

    for ( /* void */ ; list != NULL && *list != NULL; list++) {
        if (strncmp(*list, name, n) == 0 && (*list)[n] == '=') {
            return *list + n + 1;
        }
    }

    return NULL;
}


static void
test_urls(void **state)
{
    size_t  i;
    char    err[200], path[RN_S3_PATH];
    rn_s3   s;

    static const char *const  env[] = {
        "AWS_ENDPOINT_URL=http://127.0.0.1:9000",
        "AWS_DEFAULT_REGION=eu-west-3", NULL
    };
    static const char *const  both[] = {
        "AWS_ENDPOINT_URL=http://other", "AWS_REGION=eu-north-1",
        "AWS_ENDPOINT_URL_S3=https://storage.test:8443/",
        "AWS_DEFAULT_REGION=eu-west-3", NULL
    };

    const struct {
        const char               *url;
        const char *const        *env;
        const char               *host, *region, *path;
        bool                      tls;
    } cases[] = {
        { "s3://films", NULL, "films.s3.us-east-1.amazonaws.com", "us-east-1",
          "/a/b c", true },
        { "s3://films/all/of/them/?region=eu-central-1", NULL,
          "films.s3.eu-central-1.amazonaws.com", "eu-central-1",
          "/all/of/them/a/b c", true },
        { "s3://my.films", NULL, "s3.us-east-1.amazonaws.com", "us-east-1",
          "/my.films/a/b c", true },
        { "s3://films", env, "127.0.0.1:9000", "eu-west-3", "/films/a/b c",
          false },
        { "s3://films/x", both, "storage.test:8443", "eu-north-1",
          "/films/x/a/b c", true },
        { "s3://films?endpoint=https://a.test:443&style=host", both,
          "films.a.test", "eu-north-1", "/a/b c", true },
        { "s3://films?style=path", NULL, "s3.us-east-1.amazonaws.com",
          "us-east-1", "/films/a/b c", true },
        { "s3://films?endpoint=http://[::1]:80", NULL, "[::1]", "us-east-1",
          "/films/a/b c", false }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!rn_s3_read(&s, cases[i].url, env_of, (void *) cases[i].env, err,
                        sizeof(err)))
        {
            fail_msg("%s: %s", cases[i].url, err);
        }

        assert_string_equal(s.host, cases[i].host);
        assert_string_equal(s.region, cases[i].region);
        assert_int_equal(s.tls, cases[i].tls);
        assert_true(rn_s3_path(&s, "a/b c", path));
        assert_string_equal(path, cases[i].path);
    }
}


static void
test_urls_refused(void **state)
{
    size_t  i;
    char    err[200], key[RN_S3_PATH], path[RN_S3_PATH];
    rn_s3   s;

    const struct {
        const char  *url, *why;
    } cases[] = {
        { "file:///films", "s3://" },
        { "s3:/films", "s3://" },
        { "s3://", "bucket" },
        { "s3://ab", "bucket" },
        { "s3://Films", "bucket" },
        { "s3://-films", "bucket" },
        { "s3://films-", "bucket" },
        { "s3://fi..lms", "bucket" },
        { "s3://fi_lms", "bucket" },
        { "s3://user:secret@films", "bucket" },
        { "s3://films//x", "bucket" },
        { "s3://films/x//y", "bucket" },
        { "s3://a12345678901234567890123456789012345678901234567890123456789012"
          "3", "bucket" },
        { "s3://films?", NULL },
        { "s3://films?what=x", "once" },
        { "s3://films?region", "once" },
        { "s3://films?region=a&region=b", "once" },
        { "s3://films?region=EU", "region" },
        { "s3://films?endpoint=ftp://a", "endpoint" },
        { "s3://films?endpoint=http://", "endpoint" },
        { "s3://films?endpoint=http://a/b", "endpoint" },
        { "s3://films?endpoint=http://a@b", "endpoint" },
        { "s3://films?style=virtual", "style" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        err[0] = '\0';

        if (rn_s3_read(&s, cases[i].url, env_of, NULL, err, sizeof(err))
            != (cases[i].why == NULL))
        {
            fail_msg("%s: %s", cases[i].url, err);
        }

        if (cases[i].why != NULL && strstr(err, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].url, err);
        }
    }

    assert_true(rn_s3_read(&s, "s3://films/x", env_of, NULL, err, sizeof(err)));
    memset(key, 'k', sizeof(key) - 4);
    key[sizeof(key) - 4] = '\0';
    assert_true(rn_s3_path(&s, key, path));
    strcat(key, "k");
    assert_false(rn_s3_path(&s, key, path));
}


static void
test_keys_env(void **state)
{
    char        err[200];
    rn_s3_keys  k;

    static const char *const  none[] = { "AWS_REGION=x", NULL };
    static const char *const  two[] = {
        "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY= s3cr/et+=\n", NULL
    };
    static const char *const  three[] = {
        "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=s",
        "AWS_SESSION_TOKEN=t", NULL
    };
    static const char *const  half[] = { "AWS_SECRET_ACCESS_KEY=s", NULL };
    static const char *const  odd[] = {
        "AWS_ACCESS_KEY_ID=AK\nID", "AWS_SECRET_ACCESS_KEY=s", NULL
    };

    (void) state;

    assert_false(rn_s3_keys_env(&k, env_of, (void *) none, err, sizeof(err)));
    assert_string_equal(err, "");

    assert_true(rn_s3_keys_env(&k, env_of, (void *) two, err, sizeof(err)));
    assert_string_equal(k.access, "AKID");
    assert_string_equal(k.secret, "s3cr/et+=");
    assert_string_equal(k.token, "");

    assert_true(rn_s3_keys_env(&k, env_of, (void *) three, err, sizeof(err)));
    assert_string_equal(k.token, "t");

    assert_false(rn_s3_keys_env(&k, env_of, (void *) half, err, sizeof(err)));
    assert_string_equal(err, "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID "
                        "is not");
    assert_false(rn_s3_keys_env(&k, env_of, (void *) odd, err, sizeof(err)));
    assert_string_equal(err, "AWS_ACCESS_KEY_ID is no key");
}


static void
test_keys_file(void **state)
{
    rn_s3_keys  k;

    static const char  text[] =
        "# of nobody\naws_access_key_id = NOBODY\n\n"
        "[default]\r\naws_access_key_id = AKID\r\n"
        "  aws_secret_access_key=secret\r\n; no\n"
        "region = x\n#aws_session_token = no\n"
        "[ other ]\naws_access_key_id=O\naws_secret_access_key=OS\n"
        "aws_session_token=OT\n[half]\naws_access_key_id=H\n[";

    (void) state;

    assert_true(rn_s3_keys_file(&k, text, sizeof(text) - 1, "default"));
    assert_string_equal(k.access, "AKID");
    assert_string_equal(k.secret, "secret");
    assert_string_equal(k.token, "");

    assert_false(rn_s3_keys_file(&k, text, sizeof(text) - 1, "half"));
    assert_false(rn_s3_keys_file(&k, text, sizeof(text) - 1, "none"));
    assert_false(rn_s3_keys_file(&k, "", 0, "default"));
}


static void
test_keys_json(void **state)
{
    size_t      i;
    rn_s3_keys  k;

    static const char  good[] =
        "{\"Code\": \"Success\", \"AccessKeyId\": \"ASIA\", \"SecretAccessKey\""
        ": \"s\", \"Token\": \"t\", \"Expiration\": \"2026-11-23T07:08:09Z\"}";
    static const char  parts[] =
        "{\"AccessKeyId\": \"ASIA\", \"SecretAccessKey\": \"s\", \"Token\": "
        "\"t\", \"Expiration\": \"2026-11-23T07:08:09.125Z\"}";
    static const char *const  bad[] = {
        "", "{", "[]", "{\"Code\": \"Failed\"}",
        "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"\", \"Token\": \"t\"}",
        "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\", \"Token\": \"t\","
        " \"Expiration\": \"tomorrow\"}",
        "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\", \"Token\": \"t\","
        " \"Expiration\": \"2026-11-23T07:08:09+01:00\"}",
        "{\"AccessKeyId\": 1, \"SecretAccessKey\": \"s\", \"Token\": \"t\"}"
    };

    (void) state;

    assert_true(rn_s3_keys_json(&k, good, sizeof(good) - 1));
    assert_string_equal(k.access, "ASIA");
    assert_string_equal(k.token, "t");
    assert_int_equal(k.expires, 1795417689);
    assert_true(rn_s3_keys_json(&k, parts, sizeof(parts) - 1));
    assert_int_equal(k.expires, 1795417689);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(rn_s3_keys_json(&k, bad[i], strlen(bad[i])));
    }
}


static void
test_judge(void **state)
{
    size_t       i;
    rn_s3_error  e;

    const struct {
        int             status;
        const char     *body, *code;
        rn_s3_verdict   verdict;
    } cases[] = {
        { 200, "", "", RN_S3_DONE },
        { 204, "", "", RN_S3_DONE },
        { 200, "<?xml version=\"1.0\"?><CompleteMultipartUploadResult>"
          "<ETag>x</ETag></CompleteMultipartUploadResult>", "", RN_S3_DONE },
        { 200, " \n \n<Error><Code>InternalError</Code><Message>Once more."
          "</Message></Error>", "InternalError", RN_S3_AGAIN },
        { 200, "<Error><Code>Odd</Code></Error>", "Odd", RN_S3_AGAIN },
        { 200, "<CompleteMultipartUploadResult><ETag>", "", RN_S3_AGAIN },
        { 404, "<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey",
          RN_S3_NONE },
        { 404, "", "", RN_S3_NONE },
        { 404, "<Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket",
          RN_S3_NEVER },
        { 503, "<Error><Code>SlowDown</Code></Error>", "SlowDown",
          RN_S3_SLOWER },
        { 503, "<html>", "", RN_S3_SLOWER },
        { 429, "", "", RN_S3_SLOWER },
        { 500, "", "", RN_S3_AGAIN },
        { 502, "Bad gateway", "", RN_S3_AGAIN },
        { 400, "<Error><Code>ExpiredToken</Code></Error>", "ExpiredToken",
          RN_S3_KEYS },
        { 403, "<Error><Code>RequestTimeTooSkewed</Code></Error>",
          "RequestTimeTooSkewed", RN_S3_CLOCK },
        { 403, "<Error><Code>AccessDenied</Code></Error>", "AccessDenied",
          RN_S3_NEVER },
        { 403, "", "", RN_S3_NEVER }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (rn_s3_judge(cases[i].status, cases[i].body, strlen(cases[i].body),
                        &e) != cases[i].verdict
            || strcmp(e.code, cases[i].code) != 0)
        {
            fail_msg("%d %s: %s", cases[i].status, cases[i].body, e.code);
        }
    }
}


static char  told[1000];


static void
tell(void *data, const char *path, const char *text)
{
    size_t  n = strlen(told);

    (void) data;
    (void) snprintf(told + n, sizeof(told) - n, "%s=%s;", path, text);
}


static void
test_parse(void **state)
{
    char  deep[200];

    static const char  list[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<IsTruncated>true</IsTruncated><Contents><Key>a&amp;b&#x20;\xc3\xa9"
        "</Key><Size>5</Size></Contents></ListBucketResult>";
    static const char  bomb[] =
        "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>";

    (void) state;

    told[0] = '\0';
    assert_true(rn_s3_parse(list, sizeof(list) - 1, tell, NULL));
    assert_string_equal(told, "ListBucketResult/IsTruncated=true;"
                        "ListBucketResult/Contents/Key=a&b \xc3\xa9;"
                        "ListBucketResult/Contents/Size=5;"
                        "ListBucketResult/Contents=;ListBucketResult=;");

    assert_false(rn_s3_parse(list, sizeof(list) - 2, tell, NULL));
    assert_false(rn_s3_parse(bomb, sizeof(bomb) - 1, tell, NULL));
    assert_false(rn_s3_parse("", 0, tell, NULL));

    (void) snprintf(deep, sizeof(deep), "<a><a><a><a><a><a><a><a>x</a></a></a>"
                    "</a></a></a></a></a>");
    assert_true(rn_s3_parse(deep, strlen(deep), tell, NULL));
    (void) snprintf(deep, sizeof(deep), "<a><a><a><a><a><a><a><a><a/></a></a>"
                    "</a></a></a></a></a></a>");
    assert_false(rn_s3_parse(deep, strlen(deep), tell, NULL));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_urls_refused),
        cmocka_unit_test(test_keys_env),
        cmocka_unit_test(test_keys_file),
        cmocka_unit_test(test_keys_json),
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_parse)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
