/*
 * Addresses that may not be reached: the first and the last of every range of
 * IANA's registries (RFC 6890), and their neighbours; lists of an operator; and
 * the URLs of strangers.
 */

#include "helpers.h"
#include "rn_guard.h"
#include "rn_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>


/* first, last, what is before and behind: NULL where that is special, too */

static const struct {
    const char  *first, *last, *before, *behind, *why;
} ranges[] = {
    { "0.0.0.0", "0.255.255.255", NULL, "1.0.0.0", "this network" },
    { "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0", "private" },
    { "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0",
      "shared" },
    { "127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0",
      "loopback" },
    { "169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0",
      "link-local" },
    { "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0",
      "private" },
    { "192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0", "IETF" },
    { "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0",
      "documentation" },
    { "192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0",
      "AS112" },
    { "192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0",
      "AMT" },
    { "192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0",
      "6to4 relays" },
    { "192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0",
      "private" },
    { "192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0",
      "AS112" },
    { "198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0",
      "benchmarking" },
    { "198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0",
      "documentation" },
    { "203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0",
      "documentation" },
    { "224.0.0.0", "239.255.255.255", "223.255.255.255", NULL, "multicast" },
    { "240.0.0.0", "255.255.255.254", NULL, NULL, "reserved" },
    { "255.255.255.255", "255.255.255.255", NULL, NULL, "broadcast" },

    { "::", "::", NULL, NULL, "unspecified" },
    { "::1", "::1", NULL, NULL, "loopback" },
    { "::2", "::ffff:ffff", NULL, NULL, "IPv4-compatible" },
    { "::1:0:0", "::fffe:ffff:ffff", NULL, NULL, "reserved" },
    { "::1:0:0:0", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "reserved" },
    { "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "local translation" },
    { "100::", "100::ffff:ffff:ffff:ffff", NULL, NULL, "discard" },
    { "100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", NULL, NULL, "dummy" },
    { "100:0:0:2::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL,
      NULL, "reserved" },
    { "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
      "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "Teredo" },
    { "2001:1::", "2001:f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "IETF" },
    { "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "ORCHID (" },
    { "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "ORCHIDv2" },
    { "2001:30::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", NULL,
      "2001:200::", "IETF" },
    { "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
      "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::",
      "documentation" },
    { "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
      "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::", "AS112" },
    { "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
      "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::",
      "documentation" },
    { "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "reserved" },
    { "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "segment routing" },
    { "5f01::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "reserved" },
    { "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "unique local" },
    { "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "reserved" },
    { "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "link-local" },
    { "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "site-local" },
    { "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
      "multicast" },
};


static const struct sockaddr *
at(const char *text)
{
    static struct sockaddr_storage  ss;

    struct sockaddr_in   *in = (struct sockaddr_in *) &ss;
    struct sockaddr_in6  *in6 = (struct sockaddr_in6 *) &ss;

    memset(&ss, 0, sizeof(ss));

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
    } else {
        fail_msg("%s is no address", text);
    }

    return (struct sockaddr *) &ss;
}


static void
special(const char *text, const char *why)
{
    const char  *got;

    got = rn_guard_special(at(text));

    if (got == NULL || strncmp(got, why, strlen(why)) != 0) {
        fail_msg("%s: %s, not %s", text, got ? got : "public", why);
    }

    assert_false(rn_guard_allows(NULL, NULL, at(text)));
}


static void
public(const char *text)
{
    const char  *got;

    got = rn_guard_special(at(text));

    if (got != NULL) {
        fail_msg("%s: %s, not public", text, got);
    }

    assert_true(rn_guard_allows(NULL, NULL, at(text)));
}


/* Every address of IPv4 that stands in one of IPv6 is judged as itself. */

static void
dressed(const char *text, const char *why)
{
    size_t    i;
    uint8_t   b[4];
    char      other[64];

    static const char *const as[] = {
        "::ffff:%d.%d.%d.%d", "64:ff9b::%d.%d.%d.%d",
        "2002:%02x%02x:%02x%02x::", "2002:%02x%02x:%02x%02x:1:2:3:4:5",
        "2002:%02x%02x:%02x%02x:ffff:ffff:ffff:ffff:ffff",
    };

    if (inet_pton(AF_INET, text, b) != 1) {
        return;
    }

    for (i = 0; i < sizeof(as) / sizeof(as[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void) snprintf(other, sizeof(other), as[i], b[0], b[1], b[2], b[3]);
#pragma GCC diagnostic pop
        if (why != NULL) {
            special(other, why);
        } else {
            public(other);
        }
    }

    (void) snprintf(other, sizeof(other), "::%s", text);
    assert_non_null(rn_guard_special(at(other)));
    (void) snprintf(other, sizeof(other), "64:ff9b:1::%s", text);
    special(other, "local translation");
    (void) snprintf(other, sizeof(other), "64:ff9b::1:%s", text);
    special(other, "reserved");
}


static void
test_ranges(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        special(ranges[i].first, ranges[i].why);
        special(ranges[i].last, ranges[i].why);
        dressed(ranges[i].first, ranges[i].why);
        dressed(ranges[i].last, ranges[i].why);

        if (ranges[i].before != NULL) {
            public(ranges[i].before);
            dressed(ranges[i].before, NULL);
        }
        if (ranges[i].behind != NULL) {
            public(ranges[i].behind);
            dressed(ranges[i].behind, NULL);
        }
    }
}


/* What people look for first, and what must go on working. */

static void
test_known(void **state)
{
    (void) state;

    special("169.254.169.254", "link-local");
    special("fd00:ec2::254", "unique local");
    special("127.0.0.1", "loopback");
    special("127.0.0.53", "loopback");
    special("100.100.100.200", "shared");
    special("192.168.1.1", "private");
    special("::ffff:169.254.169.254", "link-local");
    special("::127.0.0.1", "IPv4-compatible");
    special("64:ff9b::7f00:1", "loopback");
    special("2002:7f00:1::1", "loopback");
    special("fe80::1", "link-local");

    public("1.1.1.1");
    public("8.8.8.8");
    public("93.184.216.34");
    public("2000::");
    public("2001:4860:4860::8888");
    public("2606:4700:4700::1111");
    public("2a00:1450:4001:800::200e");
    public("::ffff:8.8.8.8");
    public("64:ff9b::8.8.8.8");
}


static void
test_families(void **state)
{
    struct sockaddr_storage  ss;

    (void) state;

    memset(&ss, 0, sizeof(ss));
    ss.ss_family = AF_UNIX;
    assert_non_null(rn_guard_special((struct sockaddr *) &ss));
    assert_false(rn_guard_allows(NULL, NULL, (struct sockaddr *) &ss));
    ss.ss_family = AF_UNSPEC;
    assert_non_null(rn_guard_special((struct sockaddr *) &ss));
}


static void
test_lists(void **state)
{
    size_t         i;
    char           err[200], many[2000];
    rn_guard_list  allow, deny;

    static const char *const wrong[] = {
        "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/x",
        "10.0.0.0/-1", "10.0.0.0/8x", "localhost", "::/ 0", "127.1",
        "0x7f.0.0.1", "10.0.0.0/8;11.0.0.0/8",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333:4444:5555"
        ":6666:7777:8888:9999",
    };

    (void) state;

    assert_true(rn_guard_list_read(&allow, " 127.0.0.1,10.1.0.0/16\tfd00::/8 ",
                                   err, sizeof(err)));
    assert_int_equal(allow.n, 3);
    assert_true(rn_guard_allows(&allow, NULL, at("127.0.0.1")));
    assert_false(rn_guard_allows(&allow, NULL, at("127.0.0.2")));
    assert_true(rn_guard_allows(&allow, NULL, at("::ffff:127.0.0.1")));
    assert_true(rn_guard_allows(&allow, NULL, at("10.1.255.255")));
    assert_false(rn_guard_allows(&allow, NULL, at("10.2.0.0")));
    assert_true(rn_guard_allows(&allow, NULL, at("fdff::1")));
    assert_false(rn_guard_allows(&allow, NULL, at("fe80::1")));
    assert_true(rn_guard_allows(&allow, NULL, at("8.8.8.8")));

    assert_true(rn_guard_list_read(&deny, "8.8.8.0/24 2a00::/16 10.1.1.1", err,
                                   sizeof(err)));
    assert_false(rn_guard_allows(&allow, &deny, at("8.8.8.8")));
    assert_true(rn_guard_allows(&allow, &deny, at("8.8.9.8")));
    assert_false(rn_guard_allows(NULL, &deny, at("2a00:1450::1")));
    assert_false(rn_guard_allows(&allow, &deny, at("10.1.1.1")));
    assert_false(rn_guard_allows(&allow, &deny, at("::ffff:8.8.8.8")));

    assert_true(rn_guard_list_read(&allow, "0.0.0.0/0", err, sizeof(err)));
    assert_true(rn_guard_allows(&allow, NULL, at("127.0.0.1")));
    assert_false(rn_guard_allows(&allow, NULL, at("::1")));
    assert_true(rn_guard_list_read(&allow, "::/0", err, sizeof(err)));
    assert_true(rn_guard_allows(&allow, NULL, at("::1")));

    assert_true(rn_guard_list_read(&allow, "", err, sizeof(err)));
    assert_int_equal(allow.n, 0);
    assert_false(rn_guard_allows(&allow, &allow, at("127.0.0.1")));

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        err[0] = '\0';
        if (rn_guard_list_read(&allow, wrong[i], err, sizeof(err))
            || err[0] == '\0')
        {
            fail_msg("%s was taken", wrong[i]);
        }
    }

    for (many[0] = '\0', i = 0; i <= RN_GUARD_NETS; i++) {
        (void) strcat(many, "10.0.0.1 ");
    }
    assert_false(rn_guard_list_read(&allow, many, err, sizeof(err)));
}


static void
test_urls(void **state)
{
    size_t   i;
    rn_url   u;
    char     text[2100], told[RN_URL_TOLD];

    static const struct {
        const char  *url, *host;
        int          port;
        bool         https, literal;
    } good[] = {
        { "https://example.org/a.mp4", "example.org", 443, true, false },
        { "http://example.org", "example.org", 80, false, false },
        { "https://example.org?a=b", "example.org", 443, true, false },
        { "https://example.org#x", "example.org", 443, true, false },
        { "https://a-b_c.example.org:8443/%20?x=@#y", "a-b_c.example.org",
          8443, true, false },
        { "https://example.org./", "example.org", 443, true, false },
        { "https://1.example.org/", "1.example.org", 443, true, false },
        { "https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, true,
          false },
        { "http://127.0.0.1:65535/", "127.0.0.1", 65535, false, true },
        { "https://8.8.8.8./x", "8.8.8.8", 443, true, true },
        { "https://[::1]/x", "::1", 443, true, true },
        { "https://[::ffff:127.0.0.1]:444/x", "::ffff:127.0.0.1", 444, true,
          true },
        { "https://example.org/http://other@host", "example.org", 443, true,
          false },
    };

    static const char *const wrong[] = {
        "", "https:", "https://", "https:///a", "http:/example.org",
        "HTTPS://example.org/", "ftp://example.org/", "file:///etc/passwd",
        "gopher://example.org/", "//example.org/", "s3://bucket/key",
        "https://user@example.org/", "https://user:pw@example.org/",
        "https://example.org@127.0.0.1/", "https://@example.org/",
        "https://example.org:/", "https://example.org:0/",
        "https://example.org:65536/", "https://example.org:123456/",
        "https://example.org:x/", "https://example.org:80x/",
        "https://example.org:-1/", "https://example.org:+80/",
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/",
        "https://0177.0.0.1/", "https://127.1/", "https://127.0.1/",
        "https://1.2.3.4.5/", "https://0/", "https://127.0.0.0x1/",
        "https://256.1.1.1/", "https://example.0X1/", "https://example.7/",
        "https://.example.org/", "https://example..org/", "https://./",
        "https://example.org../",
        "https://exa mple.org/", "https://example.org/a b",
        "https://example.org\\@127.0.0.1/", "https://ex%61mple.org/",
        "https://example.org/\t", "https://example.org/\r\nX: y",
        "https://b\xc3\xbc" "cher.example/", "https://example.org/\xc3\xbc",
        "https://[::1/", "https://[::1]x/", "https://[]/", "https://[1.2.3.4]/",
        "https://[fe80::1%25lo]/", "https://[fe80::1%lo]/", "https://::1/",
        "https://[::1]:/", "https://exa{mple.org/", "https://example.org/{a}",
        "https://ex;ample.org/", "https://ex,ample.org/", "https://*/",
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (rn_url_read(good[i].url, &u) != NULL) {
            fail_msg("%s %s", good[i].url, rn_url_read(good[i].url, &u));
        }
        assert_string_equal(u.host, good[i].host);
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.https, good[i].https);
        assert_int_equal(u.literal, good[i].literal);
        if (u.literal) {
            assert_int_equal(ntohs(((struct sockaddr_in *) &u.at)->sin_port),
                             good[i].port);
        }
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (rn_url_read(wrong[i], &u) == NULL) {
            fail_msg("%s was taken", wrong[i]);
        }
    }

    memset(text, 'a', sizeof(text));
    memcpy(text, "https://e.org/", 14);
    text[RN_URL_MAX] = '\0';
    assert_null(rn_url_read(text, &u));
    text[RN_URL_MAX] = 'a';
    text[RN_URL_MAX + 1] = '\0';
    assert_non_null(rn_url_read(text, &u));

    memcpy(text, "https://", 8);
    memset(text + 8, 'b', 253);
    (void) strcpy(text + 8 + 253, "/");
    assert_null(rn_url_read(text, &u));
    (void) strcpy(text + 8 + 253, "b/");
    assert_non_null(rn_url_read(text, &u));
    memset(text + 8, 'b', 400);
    (void) strcpy(text + 400, "]/");
    text[8] = '[';
    assert_non_null(rn_url_read(text, &u));

    rn_url_told("https://e.org/a?token=secret#x", told);
    assert_string_equal(told, "https://e.org/a");
    rn_url_told("https://e.org/a#secret?x", told);
    assert_string_equal(told, "https://e.org/a");
    memset(text, 'a', 1000);
    text[1000] = '\0';
    rn_url_told(text, told);
    assert_int_equal(strlen(told), 203);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
