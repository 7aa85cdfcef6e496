/*
 * Documents of other programs: which program that is, and the last look at what
 * its importer has made of one.
 */

#include "rn_import_parts.h"

#include <stdlib.h>
#include <string.h>


rn_import_from
rn_import_named(const char *name)
{
    return strcmp(name, "shotstack") == 0 ? RN_IMPORT_SHOTSTACK
           : strcmp(name, "editly") == 0 ? RN_IMPORT_EDITLY
           : strcmp(name, "otio") == 0 ? RN_IMPORT_OTIO : RN_IMPORT_UNKNOWN;
}


rn_import_from
rn_import_guess(json_t *root)
{
    if (json_object_get(root, "OTIO_SCHEMA") != NULL) {
        return RN_IMPORT_OTIO;
    }

    if (json_object_get(root, "clips") != NULL) {
        return RN_IMPORT_EDITLY;
    }

    if (json_object_get(root, "timeline") != NULL
        && (json_object_get(root, "output") != NULL
            || (json_object_get(root, "version") == NULL
                && json_object_get(root, "outputs") == NULL)))
    {
        return RN_IMPORT_SHOTSTACK;
    }

    return RN_IMPORT_UNKNOWN;
}


static json_t *
load(const char *text, size_t len, rn_problems *problems)
{
    char          *plain, err[120];
    size_t         n;
    json_t        *root;
    json_error_t   error, of_json5;

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (root != NULL) {
        return root;
    }

    plain = rn_json5(text, len, &n, err, sizeof(err));
    if (plain == NULL) {
        rn_problem_add(problems, "", "neither JSON nor JSON5: %s", err);
        return NULL;
    }

    root = json_loadb(plain, n, JSON_REJECT_DUPLICATES, &of_json5);
    free(plain);

    if (root == NULL) {
        rn_problem_add(problems, "", "neither JSON nor JSON5: %s (line %d)",
                       of_json5.text, of_json5.line);
    }

    return root;
}


static void
become_path(json_t *object)
{
    json_t  *src;

    src = json_object_get(object, "src");

    if (json_is_string(src)
        && strncmp(json_string_value(src), "https://", 8) == 0)
    {
        (void) json_string_set(src, "remote");
    }
}


/*
 * Whether the reader of compositions takes it; it may know fewer kinds of
 * sources than there are, which is for those to say who render it.
 */

static bool
accepted(json_t *document, rn_problems *problems)
{
    char         *text;
    size_t        i, k;
    json_t       *copy, *timeline, *track, *clip, *font;
    rn_doc       *doc;
    rn_status     rc;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));

    copy = json_deep_copy(document);
    timeline = json_object_get(copy, "timeline");

    json_array_foreach(json_object_get(timeline, "tracks"), i, track) {
        json_array_foreach(json_object_get(track, "clips"), k, clip) {
            become_path(json_object_get(clip, "asset"));
        }
    }

    json_array_foreach(json_object_get(timeline, "fonts"), i, font) {
        become_path(font);
    }

    text = json_dumps(copy, JSON_COMPACT);
    json_decref(copy);

    if (text == NULL) {
        rn_problem_add(problems, "", "out of memory");
        return false;
    }

    rc = rn_doc_parse(text, strlen(text), &rn_limits_default, true, &ps, &doc);
    free(text);

    for (i = 0; i < ps.n; i++) {
        rn_problem_add(problems, "", "would make a composition that is not "
                       "valid: %.100s %.300s", ps.items[i].pointer,
                       ps.items[i].detail);
    }

    rn_problems_free(&ps);
    rn_doc_free(doc);

    return rc == RN_OK;
}


static json_t *
import_root(rn_importer *im, json_t *root)
{
    rn_import_from  from;

    if (!json_is_object(root)) {
        rn_problem_add(im->problems, "", "must be an object");
        return NULL;
    }

    from = im->o->from;
    if (from == RN_IMPORT_UNKNOWN) {
        from = rn_import_guess(root);
    }

    switch (from) {
    case RN_IMPORT_SHOTSTACK:
        return rn_import_shotstack(im, root);
    case RN_IMPORT_EDITLY:
        return rn_import_editly(im, root);
    case RN_IMPORT_OTIO:
        return rn_import_otio(im, root);
    default:
        rn_problem_add(im->problems, "", "is neither a Shotstack edit, nor an "
                       "editly specification, nor a time line of "
                       "OpenTimelineIO");
        return NULL;
    }
}


rn_status
rn_import(const char *text, size_t len, const rn_import_options *options,
    rn_problems *problems, json_t **document, json_t **notes)
{
    bool         ok;
    json_t      *root;
    rn_importer  im;

    *document = NULL;
    *notes = NULL;

    root = load(text, len, problems);
    if (root == NULL) {
        return RN_E_INVALID;
    }

    memset(&im, 0, sizeof(im));
    im.o = options;
    im.problems = problems;
    im.notes = json_array();
    im.read = json_object();
    im.kept = json_array();
    im.merged = json_object();
    im.tracks = json_array();
    im.fonts = json_array();

    *document = import_root(&im, root);
    ok = *document != NULL && problems->total == 0;

    if (ok && json_array_size(im.fonts) > 0) {
        (void) json_object_set(json_object_get(*document, "timeline"), "fonts",
                               im.fonts);
    }

    if (ok) {
        rn_im_unread(&im, root);
        ok = accepted(*document, problems);
    }

    if (ok) {
        *notes = json_incref(im.notes);
    } else {
        if (problems->total == 0) {
            rn_problem_add(problems, "", "out of memory");
        }
        json_decref(*document);
        *document = NULL;
    }

    json_decref(im.notes);
    json_decref(im.read);
    json_decref(im.kept);
    json_decref(im.merge);
    json_decref(im.merged);
    json_decref(im.tracks);
    json_decref(im.fonts);
    json_decref(root);

    return ok ? RN_OK : RN_E_INVALID;
}
