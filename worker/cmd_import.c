/*
 * render import and export: documents of other programs into compositions, and
 * a composition into a time line of OpenTimelineIO.  Sources are looked at
 * where they lie beside the document, since some of these formats say only by
 * their sources how long and how large a thing is.
 */

#include "cmd.h"
#include "rn_import.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


typedef struct {
    char     dir[4096];                 /* of the document */
    json_t  *probes;                    /* by source; null: none */
} library;


static json_t *
probe_of(library *lib, const char *src)
{
    char     path[8300], err[512];
    json_t  *probe;

    probe = json_object_get(lib->probes, src);

    if (probe == NULL) {
        (void) snprintf(path, sizeof(path), "%s/%s", lib->dir, src);

        if (src[0] != '\0' && src[0] != '/' && strstr(src, "..") == NULL
            && access(path, R_OK) == 0)
        {
            probe = cmd_probe_path(path, err, sizeof(err));
        }

        probe = probe != NULL ? probe : json_null();
        if (json_object_set_new(lib->probes, src, probe) != 0) {
            return NULL;
        }
    }

    return json_is_object(probe) ? probe : NULL;
}


static bool
look(void *opaque, const char *src, rn_import_facts *facts)
{
    json_t    *probe;
    rn_facts   f;

    probe = probe_of(opaque, src);

    if (probe == NULL || !rn_facts_read(probe, NULL, &f)) {
        return false;
    }

    facts->duration = f.duration;
    facts->width = f.width;
    facts->height = f.height;
    (void) snprintf(facts->kind, sizeof(facts->kind), "%s", f.kind);
    (void) snprintf(facts->family, sizeof(facts->family), "%s",
                    json_string_value(json_object_get(probe, "family")) ?: "");
    (void) snprintf(facts->style, sizeof(facts->style), "%s",
                    json_string_value(json_object_get(probe, "style")) ?: "");

    return true;
}


static void
open_library(library *lib, const char *file)
{
    char  *copy;

    copy = strdup(strcmp(file, "-") == 0 ? "./-" : file);
    (void) snprintf(lib->dir, sizeof(lib->dir), "%s",
                    copy != NULL ? dirname(copy) : ".");
    free(copy);

    lib->probes = json_object();
}


static void
print_list(const char *file, json_t *list)
{
    size_t   i;
    json_t  *p;

    json_array_foreach(list, i, p) {
        fprintf(stderr, "%s: %s: %s\n", file,
                json_string_value(json_object_get(p, "pointer")) ?: "",
                json_string_value(json_object_get(p, "detail")) ?: "");
    }
}


static void
print_problems(const char *file, rn_problems *problems)
{
    json_t  *list;

    list = rn_problems_json(problems);
    print_list(file, list);
    json_decref(list);
}


static bool
write_json(json_t *value, const char *out)
{
    bool   ok;
    FILE  *f;

    f = out == NULL || strcmp(out, "-") == 0 ? stdout : fopen(out, "w");

    ok = f != NULL && json_dumpf(value, f, JSON_INDENT(2)) == 0
         && fputc('\n', f) != EOF;

    if (f != NULL && f != stdout) {
        ok = fclose(f) == 0 && ok;
    } else if (f == stdout) {
        ok = fflush(f) == 0 && ok;
    }

    if (!ok) {
        fprintf(stderr, "render: %s: %s\n", out != NULL ? out : "stdout",
                strerror(errno));
    }

    return ok;
}


static bool
import_file(const char *file, const char *out, rn_import_from from, bool strict)
{
    bool                ok;
    char               *text, base[4096];
    size_t              len;
    json_t             *document, *notes;
    library             lib;
    rn_problems         problems;
    rn_import_options   options;

    text = local_read(file, &len);
    if (text == NULL) {
        return false;
    }

    open_library(&lib, file);
    memset(&problems, 0, sizeof(problems));
    memset(&options, 0, sizeof(options));
    options.from = from;
    options.base = realpath(lib.dir, base);
    options.look = look;
    options.opaque = &lib;

    ok = rn_import(text, len, &options, &problems, &document, &notes) == RN_OK;
    free(text);

    if (!ok) {
        print_problems(file, &problems);
    } else {
        print_list(file, notes);
        ok = write_json(document, out)
             && !(strict && json_array_size(notes) > 0);
    }

    rn_problems_free(&problems);
    json_decref(document);
    json_decref(notes);
    json_decref(lib.probes);

    return ok;
}


int
cmd_import(int argc, char **argv)
{
    int              o;
    bool             strict;
    const char      *out;
    rn_import_from   from;

    static const struct option options[] = {
        { "from", required_argument, NULL, 'f' },
        { "strict", no_argument, NULL, 's' },
        { NULL, 0, NULL, 0 }
    };

    strict = false;
    out = NULL;
    from = RN_IMPORT_UNKNOWN;

    while ((o = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        switch (o) {
        case 'f':
            from = rn_import_named(optarg);
            if (from == RN_IMPORT_UNKNOWN) {
                fprintf(stderr, "render: \"%s\" is none of shotstack, editly "
                        "and otio\n", optarg);
                return 2;
            }
            break;
        case 's':
            strict = true;
            break;
        case 'o':
            out = optarg;
            break;
        default:
            argc = 0;
        }
    }

    if (optind != argc - 1) {
        fprintf(stderr, "usage: render import FILE [--from shotstack|editly|"
                "otio] [--strict] [-o OUT]\n");
        return 2;
    }

    return import_file(argv[optind], out, from, strict) ? 0 : 1;
}


/*
 * What is known of the sources.  Of one that is not here no length is known: it
 * is taken as long enough for whatever a clip says, and may not decide itself.
 */

static rn_facts *
facts_of(library *lib, const rn_doc *doc)
{
    size_t         i;
    json_t        *probe;
    rn_facts      *facts;
    rn_asset_type  type;

    facts = calloc(doc->n_refs + 1, sizeof(rn_facts));

    for (i = 0; facts != NULL && i < doc->n_refs; i++) {
        probe = probe_of(lib, doc->refs[i].src);

        if (probe == NULL || !rn_facts_read(probe, NULL, &facts[i])) {
            memset(&facts[i], 0, sizeof(rn_facts));
            type = doc->refs[i].type;
            facts[i].known = true;
            facts[i].has_audio = type == RN_ASSET_AUDIO
                                 || type == RN_ASSET_WAVEFORM;
            facts[i].has_video = !facts[i].has_audio;
            facts[i].lut = type == RN_ASSET_LUT;
            facts[i].duration = type == RN_ASSET_IMAGE || type == RN_ASSET_SVG
                                ? 0 : 1e6;
            (void) snprintf(facts[i].kind, sizeof(facts[i].kind), "%s",
                            rn_asset_type_name(doc->refs[i].type));
        }
    }

    return facts;
}


/* Clips whose source would have to say how long they are, and is not here. */

static void
check_lengths(library *lib, const rn_doc *doc, rn_problems *problems)
{
    size_t          i, k;
    const rn_clip  *c;

    for (i = 0; i < doc->n_tracks; i++) {
        for (k = 0; k < doc->tracks[i].n; k++) {
            c = &doc->tracks[i].clips[k];

            if (!c->transition && c->asset.src != NULL
                && c->asset.type != RN_ASSET_IMAGE
                && c->asset.type != RN_ASSET_SVG
                && c->duration.kind == RN_TIME_AUTO
                && c->out_point.kind == RN_TIME_AUTO
                && probe_of(lib, c->asset.src) == NULL)
            {
                rn_problem_add(problems, c->pointer, "lasts as long as its "
                               "source, \"%.200s\", which is not here; give it "
                               "a \"duration\"", c->asset.src);
            }
        }
    }
}


static bool
export_doc(const char *file, const char *out, library *lib, const rn_doc *doc,
    rn_problems *problems)
{
    bool          ok;
    size_t        i;
    json_t       *made, *notes;
    rn_facts     *facts;
    rn_timeline   timeline;

    check_lengths(lib, doc, problems);
    facts = facts_of(lib, doc);

    if (facts == NULL || problems->total > 0
        || rn_timeline_resolve(doc, facts, &rn_limits_default, problems,
                               &timeline) != RN_OK)
    {
        free(facts);
        return false;
    }

    for (i = 0; i < doc->n_refs; i++) {
        if (facts[i].duration >= 1e6) {
            facts[i].duration = 0;          /* nobody knows */
        }
    }

    ok = rn_export_otio(doc, &timeline, problems, &made, &notes) == RN_OK;

    if (ok) {
        print_list(file, notes);
        ok = write_json(made, out);
        json_decref(made);
        json_decref(notes);
    }

    rn_timeline_free(&timeline);
    free(facts);

    return ok;
}


int
cmd_export(int argc, char **argv)
{
    int           o;
    bool          ok;
    char         *text;
    size_t        len;
    rn_doc       *doc;
    library       lib;
    const char   *file, *out;
    rn_problems   problems;

    out = NULL;

    while ((o = getopt(argc, argv, "o:")) != -1) {
        if (o != 'o') {
            argc = 0;
        }
        out = optarg;
    }

    if (optind != argc - 1) {
        fprintf(stderr, "usage: render export FILE [-o OUT.otio]\n");
        return 2;
    }

    file = argv[optind];
    text = local_read(file, &len);
    if (text == NULL) {
        return 1;
    }

    open_library(&lib, file);
    memset(&problems, 0, sizeof(problems));

    ok = rn_doc_parse(text, len, &rn_limits_default, true, &problems, &doc)
         == RN_OK;
    free(text);

    ok = ok && export_doc(file, out, &lib, doc, &problems);

    if (problems.total > 0) {
        print_problems(file, &problems);
    }

    rn_doc_free(doc);
    rn_problems_free(&problems);
    json_decref(lib.probes);

    return ok ? 0 : 1;
}
