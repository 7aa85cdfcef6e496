/*
 * Events of jobs: in whatever jansson takes for an object, every member is
 * found as jansson has it; in whatever it does not, nothing outside is read.
 * As an id, an input is what its digits say.
 */

#include "fuzz.h"
#include "rn_event.h"

#include <jansson.h>
#include <math.h>


static void
check_id(const char *s, size_t len)
{
    char         text[64], again[64];
    size_t       i, dash;
    rn_event_id  id, next;

    if (!rn_event_id_read(s, len, &id)) {
        MUST(id.ms == 0 && id.seq == 0);
        return;
    }

    MUST(len >= 1 && len <= 37);
    memcpy(text, s, len);
    text[len] = '\0';
    dash = strcspn(text, "-");
    MUST(strspn(text, "0123456789-") == len && dash >= 1 && dash <= 18);
    MUST(id.ms == strtoull(text, NULL, 10));
    MUST(id.seq == (dash < len ? strtoull(text + dash + 1, NULL, 10) : 0));

    i = (size_t) snprintf(again, sizeof(again), "%llu-%llu",
                          (unsigned long long) id.ms,
                          (unsigned long long) id.seq);
    MUST(rn_event_id_read(again, i, &next));
    MUST(rn_event_id_compare(&id, &next) == 0);
    next.seq++;
    MUST(rn_event_id_compare(&id, &next) < 0);
    MUST(rn_event_id_compare(&next, &id) > 0);
}


static void
check_member(const char *doc, size_t len, const char *name, json_t *want)
{
    long         tenths;
    double       number;
    size_t       n, m;
    json_t      *got;
    const char  *value, *text;

    if (strpbrk(name, "\\\"") != NULL) {
        return;                         /* what it is written as is another */
    }

    if (!rn_event_member(doc, len, name, &value, &n)) {

        /* as it was written it had escapes, or they made it */

        MUST(memchr(doc, '\\', len) != NULL || strlen(name) == 0);
        return;
    }

    MUST(value >= doc && n > 0 && value + n <= doc + len);
    got = json_loadb(value, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    MUST(got != NULL && json_equal(got, want));
    json_decref(got);

    if (rn_event_string(doc, len, name, &text, &m)) {
        MUST(json_is_string(want) && json_string_length(want) == m);
        MUST(memcmp(json_string_value(want), text, m) == 0);
        MUST(rn_event_is(doc, len, name, json_string_value(want)));
    } else {
        MUST(!json_is_string(want) || memchr(value, '\\', n) != NULL);
    }

    tenths = rn_event_tenths(doc, len, name);

    if (tenths >= 0) {
        MUST(json_is_number(want));
        number = json_number_value(want) * 10;
        MUST(tenths <= number + 1e-5 && tenths > number - 1 - 1e-5);
    } else {
        MUST(!json_is_integer(want) || json_integer_value(want) < 0
             || json_integer_value(want) > 100000000 || *value == '-');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char        *doc;
    size_t       n;
    json_t      *object, *want;
    const char  *name, *value;
    rn_event_id  id;

    doc = exact_copy(bytes, len);

    MUST((rn_event_resume(doc, len, &id) == RN_EVENT_RESUME_END)
         == (len >= 4 && memcmp(bytes, "end-", 4) == 0));
    check_id(doc, len);

    if (rn_event_member(doc, len, "status", &value, &n)) {
        MUST(value > doc && n > 0 && value + n <= doc + len);
    }
    (void) rn_event_is(doc, len, "status", "completed");
    (void) rn_event_tenths(doc, len, "percent");

    /* jansson passes over a NUL behind a number, which is no JSON */

    object = memchr(bytes, 0, len) == NULL
             ? json_loadb(doc, len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    json_object_foreach(object, name, want) {
        check_member(doc, len, name, want);
    }

    if (json_is_object(object) && json_object_get(object, "run") == NULL) {
        MUST(!rn_event_member(doc, len, "run", &value, &n));
    }

    json_decref(object);
    free(doc);

    return 0;
}
