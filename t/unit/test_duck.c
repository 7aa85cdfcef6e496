/* Ducking: when a track steps back for another one, how far, and its keys. */

#include "helpers.h"


#define FILM      "{\"timeline\":{\"width\":64,\"height\":48,"              \
                  "\"fps\":25,\"tracks\":["
#define PICTURE   "{\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":"      \
                  "\"#000\"},\"duration\":%d}]}"
#define MUSIC     "{\"kind\":\"audio\"%s,\"clips\":[{\"asset\":{\"type\":"     \
                  "\"audio\",\"src\":\"music.wav\"},\"start\":0,"              \
                  "\"duration\":\"end\"}]}"
#define VOICE(t)  "{\"asset\":{\"type\":\"audio\",\"src\":\"mute.wav\"},"      \
                  "\"start\":" t ",\"duration\":1}"
#define VOICES    "{\"id\":\"voice\",\"kind\":\"audio\",\"clips\":[%s]}"


static char  text[4000];


/* A film of so many seconds, with this ducking and these voices. */

static const char *
film_of(int seconds, const char *ducking, const char *voices)
{
    char  clause[300];

    (void) snprintf(clause, sizeof(clause), "%s%s", ducking[0] ? ",\"ducking\":"
                    : "", ducking);
    (void) snprintf(text, sizeof(text), FILM PICTURE "," MUSIC "," VOICES
                    "]}}", seconds, clause, voices);

    return text;
}


static double
level(const film *f, double from, double to)
{
    double  sum;
    size_t  i, a, b;

    a = (size_t) (from * 48000);
    b = (size_t) (to * 48000);
    assert_true(a < b && b <= f->samples);

    for (sum = 0, i = a; i < b; i++) {
        sum += f->pcm[2 * i] * f->pcm[2 * i];
    }

    return sqrt(sum / (double) (b - a));
}


static void
test_levels(void **state)
{
    film    f;
    double  full;

    (void) state;

    assert_true(sh("ffmpeg -v error -y -f lavfi -i sine=f=1000:d=130 -f lavfi "
                   "-i anullsrc=d=2 -map 0 -ac 1 -ar 48000 music.wav -map 1 "
                   "-ac 1 -ar 48000 mute.wav"));

    render_film(film_of(8, "", VOICE("2")), &f);
    full = level(&f, 2.2, 2.8);
    free_film(&f);

    render_film(film_of(8, "{\"by\":\"voice\",\"amount_db\":-20}",
                        VOICE("2") "," VOICE("3.6") "," VOICE("6")), &f);

    assert_float_equal(level(&f, 0.5, 1.9) / full, 1, 0.02);
    assert_float_equal(level(&f, 2.05, 2.95) / full, 0.1, 0.01);
    assert_float_equal(level(&f, 3.1, 3.5) / full, 0.1, 0.01);  /* bridged */
    assert_float_equal(level(&f, 4.6, 4.84) / full, 0.1, 0.01); /* held */
    assert_float_equal(level(&f, 5.04, 5.06) / full, 0.55, 0.04);
    assert_float_equal(level(&f, 5.3, 5.9) / full, 1, 0.02);
    assert_float_equal(level(&f, 6.05, 7.2) / full, 0.1, 0.01);
    free_film(&f);

    /* at once, if asked to */

    render_film(film_of(8, "{\"by\":\"voice\",\"attack\":0,\"release\":0,"
                        "\"hold\":0,\"amount_db\":-40}", VOICE("2")), &f);
    assert_float_equal(level(&f, 1.9, 1.98) / full, 1, 0.02);
    assert_float_equal(level(&f, 2.05, 2.95) / full, 0.01, 0.004);
    assert_float_equal(level(&f, 3.05, 3.2) / full, 1, 0.02);
    free_film(&f);
}


/* The keys of the sound's pieces, of which there are two. */

static void
keys_of(const char *document, char keys[2][65])
{
    json_t    *plan, *sound;
    rn_doc    *doc;
    lending    l;
    rn_facts  *facts;

    memset(&l, 0, sizeof(l));
    doc = parse_good(document, true);
    facts = facts_of(doc, &l);
    plan = plan_good(document, facts);
    sound = json_object_get(plan, "sound");
    assert_int_equal(json_array_size(sound), 2);
    (void) strcpy(keys[0], key_at(sound, 0));
    (void) strcpy(keys[1], key_at(sound, 1));
    json_decref(plan);
    free(facts);
    rn_doc_free(doc);
    take_back(&l);
}


static void
test_keys(void **state)
{
    char  none[2][65], late[2][65], later[2][65], over[2][65];

#define DUCK  "{\"by\":\"voice\"}"

    (void) state;

    keys_of(film_of(28, "", VOICE("24")), none);
    keys_of(film_of(28, DUCK, VOICE("24")), late);
    keys_of(film_of(28, DUCK, VOICE("26")), later);
    keys_of(film_of(28, DUCK, VOICE("14.9")), over);

    /* what happens in the one piece is no matter of the other */

    assert_string_equal(none[0], late[0]);
    assert_string_equal(late[0], later[0]);
    assert_string_not_equal(none[1], late[1]);
    assert_string_not_equal(late[1], later[1]);
    assert_string_not_equal(over[0], none[0]);
    assert_string_not_equal(over[1], none[1]);
}


static void
bad(const char *ducking, const char *pointer, const char *words)
{
    parse_bad(film_of(8, ducking, VOICE("2")), true, pointer, words);
}


static void
test_refused(void **state)
{
    rn_doc  *d;

#define AT  "/timeline/tracks/1/ducking"

    (void) state;

    bad("{}", AT, "needs \"by\"");
    bad("3", AT, "must be an object");
    bad("{\"by\":\"nobody\"}", AT "/by", "is not the id of another track");
    bad("{\"by\":3}", AT "/by", "must be a string");
    bad("{\"by\":\"voice\",\"amount_db\":1}", AT "/amount_db", "from -90 to 0");
    bad("{\"by\":\"voice\",\"attack\":-1}", AT "/attack", "from 0 to 10");
    bad("{\"by\":\"voice\",\"release\":11}", AT "/release", "from 0 to 10");
    bad("{\"by\":\"voice\",\"hold\":\"1\"}", AT "/hold", "must be a number");
    bad("{\"by\":\"voice\",\"amount\":1}", AT "/amount", "unknown field");

    /* a track does not step back for itself */

    bad("{\"by\":\"music\"},\"id\":\"music\"", AT "/by", "another track");

    d = parse_good(film_of(8, "{\"by\":\"voice\"}", VOICE("2")), true);
    assert_int_equal(d->tracks[1].ducking.by, 2);
    assert_float_equal(d->tracks[1].ducking.amount_db, -12, 0);
    assert_int_equal(d->tracks[0].ducking.by, -1);
    rn_doc_free(d);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
