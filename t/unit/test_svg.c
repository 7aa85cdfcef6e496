/* Which SVGs are refused before anything reads them. */

#include "helpers.h"
#include "rn_svg.h"


#define NS       "xmlns='http://www.w3.org/2000/svg' " \
                 "xmlns:xlink='http://www.w3.org/1999/xlink'"
#define SVG(in)  "<svg " NS ">" in "</svg>"


static void
good(const char *text)
{
    char  err[200];

    if (!rn_svg_check(text, strlen(text), NULL, err, sizeof(err))) {
        fail_msg("refused: %.200s: %s", text, err);
    }

    assert_true(rn_svg_seems(text, strlen(text)));
}


static void
bad(const char *text, size_t len, const char *words)
{
    char    err[200];
    char   *copy;

    copy = malloc(len > 0 ? len : 1);   /* whoever reads behind it is seen */
    assert_non_null(copy);
    memcpy(copy, text, len);

    if (rn_svg_check(copy, len, NULL, err, sizeof(err))) {
        fail_msg("taken: %.200s", text);
    }

    if (strstr(err, words) == NULL) {
        fail_msg("%.200s: %s, not %s", text, err, words);
    }

    free(copy);
}


static void
test_good(void **state)
{
    size_t  i;

    static const char *const texts[] = {
        "<svg/>", "<svg></svg>", "\xef\xbb\xbf \n<svg/>\n",
        "<?xml version='1.0' encoding=\"UTF-8\"?><!-- by > hand --><svg/>",
        "<?xml version='1.0' encoding = 'utf-8' standalone='no'?><svg/>",
        "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/"
        "Graphics/SVG/1.1/DTD/svg11.dtd\"><svg/>",
        "<s:svg xmlns:s='http://www.w3.org/2000/svg'><s:g/></s:svg>",
        SVG("<use href='#a'/><use xlink:href=' #a '/><g id='a'/>"),
        SVG("<a href='https://example.org/'><text>&lt;&#65;&#x41;</text></a>"),
        SVG("<rect style='fill:url(#g)' filter='url( \"#f\" )'/>"),
        SVG("<style>.a{fill:url(#g)}</style><style><![CDATA[.b{}]]></style>"),
        SVG("<text>url(http://example.org/) @import script onload=</text>"),
        SVG("<g inkscape:path='C:\\x'/><?inkscape x?>"),
        SVG("<rect\n  width = \"1\"\n\theight='2'  />"),
        SVG("<text>\xc3\xa9\xe2\x82\xac</text>"),
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        good(texts[i]);
    }
}


static void
test_bad(void **state)
{
    size_t  i;

    static const struct {
        const char  *text, *words;
    } texts[] = {
        { "", "is no SVG" },
        { "svg", "is no SVG" },
        { "\x1f\x8b\x08", "is not in UTF-8" },
        { "<html/>", "another element" },
        { "<svg", "is cut off in <svg>" },
        { "<svg>", "is cut off" },
        { "<svg/><svg/>", "goes on behind its end" },
        { "</svg>", "an end of nothing" },
        { SVG("<g></>"), "an end of nothing" },
        { SVG("<"), "\"<\" without a name" },
        { SVG("<!ENTITY a 'b'>"), "\"<!\"" },
        { SVG("<!-- "), "is cut off" },
        { SVG("<![CDATA[ "), "is cut off" },
        { SVG("<g a/>"), "an attribute of <g>" },
        { SVG("<g a=b/>"), "without quotes" },
        { SVG("<g a='b/>"), "" },
        { SVG("<g a='<'/>"), "\"<\" in a value" },
        { "<?xml version='1.0' encoding='UTF-16'?><svg/>", "not in UTF-8" },
        { "<?xml version='1.0' encoding='ISO-8859-1'?><svg/>",
          "not in UTF-8" },
        { "<svg/><?xml version='1.0'?>", "where it cannot be" },
        { "<svg>\xff</svg>", "not in UTF-8" },

        { "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>", "entities" },
        { "<!DOCTYPE svg SYSTEM 'x' [ ]><svg/>", "entities" },
        { "<!DOCTYPE svg PUBLIC '>[' \"]\" [<svg/>", "entities" },
        { "<!-- a --> b <svg/>", "text outside" },
        { "<svg/>b", "text outside" },
        { "<svg/><![CDATA[]]>", "text outside" },
        { "<!DOCTYPE html><svg/>", "its DOCTYPE is another" },
        { "<!DOCTYPE svg <svg/>", "is cut off" },
        { "<svg/><!DOCTYPE svg>", "where it cannot be" },
        { SVG("<text>&lol;</text>"), "the entity \"lol\"" },
        { SVG("<g id='&lol;'/>"), "the entity \"lol\"" },
        { SVG("<text>a & b</text>"), "\"&\" begins an entity" },

        { SVG("<script>alert(1)</script>"), "holds a script, <script>" },
        { SVG("<SCRIPT/>"), "holds a script" },
        { "<svg xmlns:x='http://www.w3.org/2000/svg'><x:script/></svg>",
          "holds a script" },
        { "<svg onload='alert(1)'/>", "holds a script, in \"onload\"" },
        { SVG("<g OnClick=''/>"), "holds a script" },

        { SVG("<image href='file:///etc/passwd'/>"),
          "points to \"file:///etc/passwd\"" },
        { SVG("<image xlink:href='http://example.org/a.png'/>"), "points to" },
        { SVG("<image xlink:href='/etc/passwd'/>"), "points to" },
        { SVG("<image xlink:href='&#47;etc/passwd'/>"), "points to" },
        { SVG("<use href='other.svg#a'/>"), "points to" },
        { SVG("<feImage href='a.png'/>"), "points to" },
        { SVG("<linearGradient href='\t\n//x#y'/>"), "points to" },
        { SVG("<image href='data:image/png;base64,AAAA'/>"), "within" },
        { SVG("<image href=' DATA:image/svg+xml,%3Csvg/%3E'/>"), "within" },
        { SVG("<g src='x'/>"), "points to" },
        { SVG("<xi:include href='#x'/>"), "<include>" },
        { SVG("<foreignObject><p/></foreignObject>"), "<foreignObject>" },
        { SVG("<iframe/>"), "<iframe>" },

        { SVG("<rect fill='url(http://x/#a)'/>"), "points to \"http" },
        { SVG("<rect style='fill:URL( \"a.svg#b\")'/>"), "points to" },
        { SVG("<rect style='fill:&#117;rl(a#b)'/>"), "points to" },
        { SVG("<rect style='fill:\\75 rl(a#b)'/>"), "escape" },
        { SVG("<style>@import 'a.css';</style>"), "imports" },
        { SVG("<style>@im<!-- -->port 'a.css';</style>"), "imports" },
        { SVG("<style>@im<g a='xxxxxxxx'/>port 'a.css';</style>"), "imports" },
        { SVG("<style><![CDATA[@IMPORT 'a.css';]]></style>"), "imports" },
        { SVG("<style>@&#105;mport 'a.css';</style>"), "imports" },
        { SVG("<style>a{fill:u\\72l(a)}</style>"), "escape" },
        { SVG("<style>@font-face{src:url(a.ttf)}</style>"), "points to" },
        { "<?xml-stylesheet href='a.css'?><svg/>", "names a style sheet" },
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bad(texts[i].text, strlen(texts[i].text), texts[i].words);
    }

    bad("<svg>\0</svg>", 12, "not in UTF-8");
}


/* Counts of what there may be: as many are, one more is not. */

static char *
repeated(const char *head, const char *piece, size_t n, const char *tail,
    size_t m)
{
    char    *text, *p;
    size_t   i;

    text = malloc(strlen(head) + n * strlen(piece) + m * strlen(tail) + 20);
    assert_non_null(text);
    p = stpcpy(text, head);

    for (i = 0; i < n; i++) {
        p = stpcpy(p, piece);
    }

    for (i = 0; i < m; i++) {
        p = stpcpy(p, tail);
    }

    return text;
}


static void
test_limits(void **state)
{
    char  *text;

    (void) state;

    text = repeated("<svg>", "<g/>", RN_SVG_ELEMENTS - 1, "</svg>", 1);
    good(text);
    free(text);

    text = repeated("<svg>", "<g/>", RN_SVG_ELEMENTS, "</svg>", 1);
    bad(text, strlen(text), "more than 50000 elements");
    free(text);

    text = repeated("<svg>", "<g>", RN_SVG_DEPTH - 1, "</g>",
                    RN_SVG_DEPTH - 1);
    (void) strcat(text, "</svg>");
    good(text);
    free(text);

    text = repeated("<svg>", "<g>", RN_SVG_DEPTH, "</g>", RN_SVG_DEPTH);
    bad(text, strlen(text), "101 deep");
    free(text);

    text = repeated("<svg>", " ", RN_SVG_MAX - 11, "</svg>", 1);
    good(text);
    free(text);

    text = repeated("<svg>", " ", RN_SVG_MAX - 10, "</svg>", 1);
    bad(text, strlen(text), "more than 4194304 bytes");
    free(text);
}


static void
test_letters(void **state)
{
    char  err[200];
    bool  letters;

    static const char  with[] = SVG("<g><text>a</text></g>");
    static const char  without[] = SVG("<g id='text'/><textPath/>");

    (void) state;

    assert_true(rn_svg_check(with, strlen(with), &letters, err, sizeof(err)));
    assert_true(letters);
    assert_true(rn_svg_check(without, strlen(without), &letters, err,
                             sizeof(err)));
    assert_false(letters);
}


/* Cut anywhere it is refused, and nothing behind its end is looked at. */

static void
test_cut(void **state)
{
    size_t  n;

    static const char  text[] = "<?xml version='1.0'?><!-- a --><!DOCTYPE svg>"
        SVG("<style>a{}</style><g id='&amp;'><![CDATA[b]]></g>");

    (void) state;

    good(text);

    for (n = 0; n < strlen(text); n++) {
        bad(text, n, "");
    }
}


static void
test_seems(void **state)
{
    size_t  i;

    static const char *const others[] = {
        "", "<", "<html>", "<!DOCTYPE html><svg/>", "svg", "<svgx/>",
        "<!-- <svg/>", "<?xml version='1.0'?><MPD/>", "{\"svg\":1}",
    };

    (void) state;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(rn_svg_seems(others[i], strlen(others[i])));
    }

    assert_true(rn_svg_seems("<!-- a --> <?b?> <!-- c --><svg ", 32));
    assert_true(rn_svg_seems("<!DOCTYPE svg [", 15));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_seems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
