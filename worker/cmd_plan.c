/*
 * render plan and probe, and the plan that render compose begins with.  Inputs
 * are paths relative to the document.
 */

#include "cmd.h"
#include "cmd_pieces.h"
#include "rn_encode.h"
#include "rn_timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


json_t *
cmd_probe_path(const char *path, char *err, size_t err_len)
{
    json_t      *result;
    local_task   t;

    if (access(path, R_OK) != 0) {
        (void) snprintf(err, err_len, "%s", strerror(errno));
        return NULL;
    }

    memset(&t, 0, sizeof(t));
    t.kind = "probe";
    t.spec = json_pack("{s:s}", "input", "input");
    result = NULL;

    if (!local_lend(&t, "input", path, O_RDONLY)) {
        (void) snprintf(err, err_len, "cannot be read");
    } else if (local_run(&t, &result, err, err_len) == RN_OK) {
        json_incref(result);
    } else {
        result = NULL;
    }

    local_free(&t);

    return result;
}


int
cmd_probe(int argc, char **argv)
{
    char     err[512];
    json_t  *probe;

    if (argc != 2) {
        fprintf(stderr, "usage: render probe FILE\n");
        return 2;
    }

    probe = cmd_probe_path(argv[1], err, sizeof(err));
    if (probe == NULL) {
        fprintf(stderr, "render: %s: %s\n", argv[1], err);
        return 1;
    }

    (void) json_dumpf(probe, stdout, JSON_INDENT(2));
    (void) putchar('\n');
    json_decref(probe);

    return 0;
}


static void
print_problems(const char *file, json_t *problems)
{
    size_t   i;
    json_t  *p;

    json_array_foreach(problems, i, p) {
        fprintf(stderr, "%s: %s: %s\n", file,
                json_string_value(json_object_get(p, "pointer")) ?: "",
                json_string_value(json_object_get(p, "detail")) ?: "");
    }
}


/*
 * The sources of a document that can be looked at, each once, with its name in
 * srcs; the plan reports what is missing.
 */

static size_t
list_sources(cmd_film *f, const rn_doc *doc, cmd_source *list,
    const char **srcs)
{
    size_t       i, n;
    const char  *src;

    for (i = 0, n = 0; i < doc->n_refs; i++) {
        src = doc->refs[i].src;

        if (strstr(src, "://") != NULL) {
            (void) json_object_set_new(f->assets, src,
                json_pack("{s:s}", "error", "only a server fetches from other "
                          "hosts; download it, and name the file"));
            continue;
        }

        (void) snprintf(list[n].path, sizeof(list[n].path), "%s/%s", f->dir,
                        src);

        if (json_object_get(f->assets, src) == NULL
            && access(list[n].path, F_OK) == 0)
        {
            (void) json_object_set_new(f->assets, src, json_null());
            srcs[n++] = src;
        }
    }

    return n;
}


/* Digest and facts of every source the document names. */

static bool
read_assets(cmd_film *f, const char *text, size_t len)
{
    size_t        i, n;
    json_t       *problem;
    rn_doc       *doc;
    cmd_source   *list, *s;
    const char  **srcs;
    rn_problems   problems;

    memset(&problems, 0, sizeof(problems));

    if (rn_doc_parse(text, len, &rn_limits_default, true, &problems, &doc)
        != RN_OK)
    {
        problem = rn_problems_json(&problems);
        print_problems(f->file, problem);
        json_decref(problem);
        rn_problems_free(&problems);
        return false;
    }

    list = calloc(doc->n_refs + 1, sizeof(cmd_source));
    srcs = calloc(doc->n_refs + 1, sizeof(char *));

    if (list == NULL || srcs == NULL) {
        fprintf(stderr, "render: out of memory\n");
        free(list);
        free(srcs);
        rn_doc_free(doc);
        return false;
    }

    n = list_sources(f, doc, list, srcs);
    cmd_sources(f->cache, f->passing, list, n);

    for (i = 0; i < n; i++) {
        s = &list[i];
        (void) json_object_set_new(f->assets, srcs[i], s->facts != NULL
                                   ? json_pack("{s:s, s:o}", "sha256",
                                               s->hex, "probe", s->facts)
                                   : json_pack("{s:s}", "error", s->err));
    }

    free(list);
    free(srcs);
    rn_doc_free(doc);

    return true;
}


bool
cmd_lend_source(const cmd_film *f, local_task *t, const char *sha256)
{
    char         path[8300];
    json_t      *a;
    const char  *src, *s;

    if (local_lent(t, sha256)) {
        return true;
    }

    json_object_foreach(f->assets, src, a) {
        s = json_string_value(json_object_get(a, "sha256"));

        if (s != NULL && strcmp(s, sha256) == 0) {
            (void) snprintf(path, sizeof(path), "%s/%s", f->dir, src);
            return local_lend(t, sha256, path, O_RDONLY);
        }
    }

    fprintf(stderr, "render: the film has no source \"%s\"\n", sha256);

    return false;
}


/* The document's own fonts: a text is measured with them. */

static bool
lend_fonts(const cmd_film *f, local_task *t)
{
    json_t      *a;
    const char  *src, *kind;

    json_object_foreach(f->assets, src, a) {
        kind = json_string_value(json_object_get(json_object_get(a, "probe"),
                                                 "kind"));

        if (kind != NULL && strcmp(kind, "font") == 0
            && !cmd_lend_source(f, t, json_string_value(
                                          json_object_get(a, "sha256"))))
        {
            return false;
        }
    }

    return true;
}


bool
cmd_encoder_known(const char *word)
{
    if (word[0] == '\0' || !hardware_known(word)) {
        fprintf(stderr, "render: --encoder must be " HARDWARE_WORDS ", not "
                "\"%s\"\n", word);
        return false;
    }

    return true;
}


/* Once, before the first plan: what is found out is this machine's. */

static bool
choose_encoder(cmd_film *f)
{
    bool  confined;

    if (f->encoder == NULL) {
        return true;
    }

    if (!local_prepare(&confined)) {
        return false;
    }

    hardware_choose(f->encoder, confined, &f->choice);

    if (f->choice.why[0] != '\0') {
        fprintf(stderr, "render: %s\n", f->choice.why);
    }

    return true;
}


static bool
plan(cmd_film *f)
{
    char        err[512];
    json_t     *result;
    rn_status   rc;
    local_task  t;

    json_decref(f->plan);
    f->plan = NULL;

    memset(&t, 0, sizeof(t));
    t.kind = "plan";
    t.spec = json_pack("{s:O, s:b, s:O, s:b, s:o*}", "config", f->config,
                       "paths", 1, "assets", f->assets, "smart_cut",
                       f->smart_cut, "encoder", hardware_json(&f->choice));

    if (!lend_fonts(f, &t)) {
        local_free(&t);
        return false;
    }

    rc = local_run(&t, &result, err, sizeof(err));

    if (rc == RN_OK) {
        f->plan = json_incref(result);
    } else if (json_is_array(json_object_get(t.answer, "detail"))) {
        print_problems(f->file, json_object_get(t.answer, "detail"));
    } else {
        fprintf(stderr, "render: %s: %s\n", f->file, err);
    }

    local_free(&t);

    return rc == RN_OK;
}


bool
cmd_make_plan(cmd_film *f)
{
    bool     ok;
    char    *text, *copy;
    size_t   len;

    text = local_read(f->file, &len);
    if (text == NULL) {
        return false;
    }

    copy = strdup(strcmp(f->file, "-") == 0 ? "./-" : f->file);
    (void) snprintf(f->dir, sizeof(f->dir), "%s",
                    copy != NULL ? dirname(copy) : ".");
    free(copy);

    f->assets = json_object();

    ok = read_assets(f, text, len);     /* else it may be no text at all */
    f->config = ok ? json_stringn(text, len) : NULL;
    free(text);

    return ok && choose_encoder(f) && plan(f);
}


bool
cmd_plan_software(cmd_film *f, const char *why)
{
    if (json_object_get(f->plan, "encoder") == NULL) {
        return false;
    }

    memset(&f->choice, 0, sizeof(f->choice));
    rn_hardware_allow(NULL);
    (void) snprintf(f->choice.why, sizeof(f->choice.why), "%s; libx264 is used",
                    why);
    fprintf(stderr, "render: %s\n", f->choice.why);

    return plan(f);
}


bool
cmd_plan_uncopied(cmd_film *f, json_t *digests)
{
    bool         any;
    size_t       i;
    json_t      *a, *probe, *sha256;
    const char  *src;

    any = false;

    json_object_foreach(f->assets, src, a) {
        probe = json_object_get(a, "probe");

        json_array_foreach(digests, i, sha256) {
            if (json_equal(json_object_get(a, "sha256"), sha256)
                && (json_object_del(probe, "copy") == 0)
                   + (json_object_del(probe, "copy_sound") == 0) > 0)
            {
                fprintf(stderr, "render: %s cannot be copied, and is "
                        "rendered\n", src);
                any = true;
            }
        }
    }

    return any && plan(f);
}


void
cmd_film_free(cmd_film *f)
{
    json_decref(f->plan);
    json_decref(f->assets);
    json_decref(f->config);
}


/* Says which pieces will not be made, and why. */

static void
tell_reused(cmd_pieces *s, json_t *pieces)
{
    char     why[256];
    bool     shared;
    size_t   i;
    json_t  *p, *first;

    json_array_foreach(pieces, i, p) {
        switch (cmd_piece_next(s, p)) {
        case CMD_PIECE_HELD:
            (void) snprintf(why, sizeof(why), "the cache holds it");
            break;

        case CMD_PIECE_AGAIN:
            first = cmd_piece_first(s, p);
            shared = !json_equal(json_object_get(first, "output"),
                                 json_object_get(p, "output"));
            (void) snprintf(why, sizeof(why), "the same as number %lld%s%s",
                            json_integer_value(json_object_get(first,
                                                               "number")),
                            shared ? " of " : "",
                            shared ? json_string_value(
                                json_object_get(first, "output")) : "");
            break;

        default:
            continue;
        }

        (void) json_object_set_new(p, "mode", json_string("reuse"));
        (void) json_object_set_new(p, "why", json_string(why));
    }
}


static bool
print_plan(const char *file, const char *cache, bool smart_cut,
    const char *encoder)
{
    bool        ok;
    cmd_film    f;
    cmd_pieces  pieces;

    memset(&f, 0, sizeof(f));
    f.file = file;
    f.cache = cache;
    f.smart_cut = smart_cut;
    f.encoder = encoder;

    ok = cmd_make_plan(&f);

    if (ok) {
        cmd_pieces_init(&pieces, f.plan, cache);
        tell_reused(&pieces, json_object_get(f.plan, "sound"));
        tell_reused(&pieces, json_object_get(f.plan, "segments"));
        cmd_pieces_free(&pieces);
        (void) json_dumpf(f.plan, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
        (void) putchar('\n');
        (void) fflush(stdout);          /* before a child has a copy of it */
    }

    cmd_film_free(&f);

    return ok;
}


int
cmd_plan(int argc, char **argv)
{
    int          o, i;
    bool         ok, smart_cut;
    const char  *cache, *encoder;

    static const struct option options[] = {
        { "cache", required_argument, NULL, 'c' },
        { "smart-cut", no_argument, NULL, 's' },
        { "encoder", required_argument, NULL, 'e' },
        { NULL, 0, NULL, 0 }
    };

    smart_cut = false;
    cache = encoder = NULL;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 'c':
            cache = optarg;
            break;
        case 's':
            smart_cut = true;
            break;
        case 'e':
            encoder = optarg;
            if (!cmd_encoder_known(encoder)) {
                return 2;
            }
            break;
        default:
            argc = 0;
        }
    }

    if (optind >= argc) {
        fprintf(stderr, "usage: render plan [--cache DIR] [--smart-cut] "
                "[--encoder NAME] FILE...\n");
        return 2;
    }

    if (cache != NULL && mkdir(cache, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "render: %s: %s\n", cache, strerror(errno));
        return 1;
    }

    ok = true;

    for (i = optind; i < argc; i++) {
        ok = print_plan(argv[i], cache, smart_cut, encoder) && ok;
    }

    return ok ? 0 : 1;
}
