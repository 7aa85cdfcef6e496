/* The subcommands of `render`, each in a file of its own. */

#ifndef CMD_H
#define CMD_H

#include "hardware.h"
#include "local.h"

#include <sys/stat.h>


/* What each returns is the exit code: 0, 1 (failed), 2 (usage). */
int cmd_compose(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);

/* What a media file is, a new reference; NULL with a sentence in err. */
json_t *cmd_probe_path(const char *path, char *err, size_t err_len);

/* A file that a document names. */

typedef struct {
    char         path[8300];
    char         hex[65];               /* its digest, or what stands for it */
    struct stat  seen;                  /* as it was before that was made */
    json_t      *facts;                 /* what its probe tells, owned; NULL: */
    char         err[512];              /* why there is none */
} cmd_source;

/*
 * Digests and facts of n sources, kept in the cache (NULL: there is none).  As
 * many children as there are processors look at some each; where one comes to
 * nothing, at each of them by itself.  `passing`: they need a name for this run
 * alone, which is made of what the file system tells, and are not read for it.
 */
void cmd_sources(const char *cache, bool passing, cmd_source *list, size_t n);


/* A document on this machine, its sources and its plan. */

typedef struct {
    const char  *file;
    char         dir[4096];             /* of the document */
    const char  *cache;                 /* where facts are kept, or NULL */
    bool         passing;               /* nobody keeps what is made of it */
    bool         smart_cut;             /* it may be copied in part */
    const char  *encoder;               /* of H.264: --encoder, or NULL */
    hardware_choice  choice;            /* what became of that */
    json_t      *config;                /* its text, owned */
    json_t      *assets;                /* {src: {"sha256", "probe"}},
                                           owned, also after a failure */
    json_t      *plan;                  /* owned */
} cmd_film;

/* Reads film->file, probes its sources and plans it; false with messages. */
bool cmd_make_plan(cmd_film *film);

/* Lends the task the source of a digest, by that name; false with a message. */
bool cmd_lend_source(const cmd_film *film, local_task *t, const char *sha256);

/*
 * Plans it anew, without copies of the sources whose digests are in the list.
 * False with messages, or where nothing was to be copied of them.
 */
bool cmd_plan_uncopied(cmd_film *film, json_t *digests);

/*
 * Plans it anew for libx264, since another encoder has failed.  False with
 * messages, or where the plan was for libx264.
 */
bool cmd_plan_software(cmd_film *film, const char *why);

/* Whether that is a word of --encoder; false with a message. */
bool cmd_encoder_known(const char *word);

void cmd_film_free(cmd_film *film);


#endif /* CMD_H */
