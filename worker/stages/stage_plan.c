/*
 * The stage "plan": {"config": text, "paths": bool, "assets": {src: {"sha256",
 * "probe", "error"}}, "smart_cut": bool, "encoder"} -> the plan.  Problems of
 * the document are the detail.  "encoder", of H.264: {"name", "driver"} of one
 * of hardware, or {"why"} it is libx264 though another was asked for.
 */

#include "stage.h"
#include "rn_plan.h"

#include <stdlib.h>
#include <string.h>


static void
find_facts(const rn_ref *ref, json_t *assets, rn_facts *f)
{
    json_t      *a, *probe;
    const char  *error;

    a = json_object_get(assets, ref->src);
    probe = json_object_get(a, "probe");
    error = json_string_value(json_object_get(a, "error"));

    if (json_is_object(probe)) {
        (void) rn_facts_read(probe,
                             json_string_value(json_object_get(a, "sha256")),
                             f);
        return;
    }

    (void) snprintf(f->error, sizeof(f->error), "%s%s",
                    a == NULL && strstr(ref->src, "://") != NULL
                    ? "cannot be used: it was not fetched"
                    : a == NULL ? "does not exist"
                    : error != NULL ? "cannot be used: "
                    : "cannot be used: it was not probed",
                    a != NULL && error != NULL ? error : "");
}


static const char *
of_encoder(json_t *spec, const char *member)
{
    return json_string_value(json_object_get(json_object_get(spec, "encoder"),
                                             member));
}


rn_status
stage_plan(json_t *spec, const rn_env *env, json_t **result, json_t **detail,
    rn_fault *fault)
{
    size_t        i;
    json_t       *config;
    rn_doc       *doc;
    rn_facts     *facts;
    rn_limits     limits;
    rn_status     rc;
    rn_problems   problems;

    memset(&problems, 0, sizeof(problems));
    facts = NULL;

    limits = rn_limits_default;
    limits.smart_cut = json_is_true(json_object_get(spec, "smart_cut"));

    limits.encoder = of_encoder(spec, "name");
    limits.driver = of_encoder(spec, "driver");
    limits.no_encoder = of_encoder(spec, "why");

    if (limits.driver == NULL) {
        limits.encoder = NULL;
    }

    config = json_object_get(spec, "config");
    if (!json_is_string(config)) {
        return rn_fail(fault, RN_E_INTERNAL, "a plan without a document");
    }

    rc = rn_doc_parse(json_string_value(config), json_string_length(config),
                      &limits,
                      json_is_true(json_object_get(spec, "paths")), &problems,
                      &doc);

    if (rc == RN_OK) {
        facts = calloc(doc->n_refs + 1, sizeof(rn_facts));
        if (facts == NULL) {
            rc = rn_fail(fault, RN_E_NOMEM, "out of memory");
        }
    }

    if (rc == RN_OK) {
        for (i = 0; i < doc->n_refs; i++) {
            find_facts(&doc->refs[i], json_object_get(spec, "assets"),
                       &facts[i]);
        }

        rc = rn_plan(doc, facts, &limits, env, &problems, result, fault);
    }

    if (problems.total > 0) {
        rn_fail(fault, RN_E_INVALID, "the composition cannot be rendered: %s %s"
                "%s", problems.items != NULL ? problems.items[0].pointer : "",
                problems.items != NULL ? problems.items[0].detail : "",
                problems.total > 1 ? ", and more" : "");
        *detail = rn_problems_json(&problems);
    }

    free(facts);
    rn_doc_free(doc);
    rn_problems_free(&problems);

    return fault->status;
}
