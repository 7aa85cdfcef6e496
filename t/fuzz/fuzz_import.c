/*
 * Documents of other programs: each importer either refuses one with problems
 * that can be written down, or makes a composition that the reader takes, and
 * notes with pointers into the source.  JSON5: what is JSON says the same.
 */

#include "fuzz.h"
#include "rn_import.h"


/* Sources are of any length and shape, but always the same. */

static bool
look(void *opaque, const char *src, rn_import_facts *facts)
{
    size_t  n;

    (void) opaque;
    n = strlen(src);

    if (n % 3 == 0) {
        return false;
    }

    facts->duration = n % 5 == 0 ? 0 : (double) (n * 7 % 50) / 10;
    facts->width = n % 4 == 0 ? 0 : 64 * (int) (n % 7 + 1);
    facts->height = n % 4 == 0 ? 0 : 48 * (int) (n % 5 + 1);

    return true;
}


static void
check_list(json_t *list)
{
    size_t       i;
    json_t      *p;
    const char  *pointer;

    MUST(json_is_array(list));

    json_array_foreach(list, i, p) {
        pointer = json_string_value(json_object_get(p, "pointer"));
        MUST(pointer != NULL && (pointer[0] == '\0' || pointer[0] == '/'));
        MUST(json_string_length(json_object_get(p, "detail")) > 0);
    }
}


/* What an importer makes is refused only where there is too much of it. */

static void
check_ours(json_t *list)
{
    size_t       i;
    json_t      *p;
    const char  *detail;

    json_array_foreach(list, i, p) {
        detail = json_string_value(json_object_get(p, "detail"));

        if (strncmp(detail, "would make", 10) == 0
            && strstr(detail, "may hold at most") == NULL
            && strstr(detail, "must not be longer") == NULL)
        {
            fprintf(stderr, "%s\n", detail);
            MUST(!"an importer has made what cannot be read");
        }
    }
}


static void
check_json5(const char *text, size_t len)
{
    char     err[120], *plain;
    size_t   n;
    json_t  *a, *b;

    plain = rn_json5(text, len, &n, err, sizeof(err));
    a = json_loadb(text, len, 0, NULL);
    b = plain != NULL ? json_loadb(plain, n, 0, NULL) : NULL;

    MUST(plain != NULL || err[0] != '\0');
    MUST(a == NULL || json_equal(a, b));

    json_decref(a);
    json_decref(b);
    free(plain);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int                 from;
    char               *text;
    json_t             *document, *notes, *list;
    rn_status           status;
    rn_problems         ps;
    rn_import_options   options;

    text = exact_copy(bytes, len);
    check_json5(text, len);

    for (from = RN_IMPORT_UNKNOWN; from <= RN_IMPORT_OTIO; from++) {
        memset(&ps, 0, sizeof(ps));
        memset(&options, 0, sizeof(options));
        options.from = (rn_import_from) from;
        options.base = "/films";
        options.look = len % 2 ? look : NULL;

        status = rn_import(text, len, &options, &ps, &document, &notes);

        if (status == RN_OK) {
            MUST(ps.total == 0 && json_is_object(document));
            check_list(notes);
        } else {
            MUST(document == NULL && notes == NULL && ps.total > 0);
            list = rn_problems_json(&ps);
            check_list(list);
            check_ours(list);
            json_decref(list);
        }

        json_decref(document);
        json_decref(notes);
        rn_problems_free(&ps);
    }

    free(text);

    return 0;
}
