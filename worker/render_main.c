/* The command `render`: finds the subcommand; nothing else. */

#include "cmd.h"
#include "rn_log.h"
#include "rn_version.h"

#include "rn_problem.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>


#define VERSION  RN_VERSION


static const char usage[] =
    "usage: render compose FILE -o OUT [--cache DIR] [--jobs N]\n"
    "                      [--smart-cut] [--encoder NAME]\n"
    "       render plan [--cache DIR] [--smart-cut] [--encoder NAME]\n"
    "                   FILE...\n"
    "       render probe FILE\n"
    "       render import FILE [--from FORMAT] [--strict] [-o OUT]\n"
    "       render export FILE [-o OUT.otio]\n"
    "       render migrate [--sql DIR]\n"
    "\n"
    "  compose   renders a composition to a film, with no server at all\n"
    "            (NAME: libx264, h264_nvenc, h264_vaapi, or auto; without\n"
    "            such hardware it is libx264, which is told)\n"
    "  plan      prints the segments that a composition would be cut into\n"
    "  probe     prints what a media file is\n"
    "  import    makes a composition of a Shotstack edit, an editly spec or an\n"
    "            OpenTimelineIO file (FORMAT: shotstack, editly, otio)\n"
    "  export    makes an OpenTimelineIO file of a composition\n"
    "  migrate   brings the database of DATABASE_URL up to date\n"
    "\n"
    "Examples:\n"
    "  render compose film.json -o film.mp4\n"
    "  DATABASE_URL=postgresql:///render render migrate\n";

static const struct {
    const char  *name;
    int        (*run)(int argc, char **argv);
} commands[] = {
    { "compose", cmd_compose },
    { "plan", cmd_plan },
    { "probe", cmd_probe },
    { "import", cmd_import },
    { "export", cmd_export },
    { "migrate", cmd_migrate },
};


int
main(int argc, char **argv)
{
    size_t       i;
    const char  *near;

    static const char *const names[] = {
        "compose", "plan", "probe", "import", "export", "migrate", NULL
    };

    /* numbers in documents are written with a point, everywhere */
    (void) setlocale(LC_CTYPE, "C.UTF-8");

    /* whoever ignores its children may leave that to us, who wait for ours */
    (void) signal(SIGCHLD, SIG_DFL);

    rn_log_init("render");

    if (argc < 2) {
        fputs(usage, stderr);
        return 2;
    }

    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0
        || strcmp(argv[1], "help") == 0)
    {
        fputs(usage, stdout);
        return 0;
    }

    if (strcmp(argv[1], "--version") == 0) {
        printf("render %s\n", VERSION);
        return 0;
    }

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }

    near = rn_nearest(argv[1], names);
    if (near != NULL) {
        fprintf(stderr, "render: no command \"%s\"; did you mean \"%s\"?\n",
                argv[1], near);
    } else {
        fprintf(stderr, "render: no command \"%s\"\n\n%s", argv[1], usage);
    }

    return 2;
}
