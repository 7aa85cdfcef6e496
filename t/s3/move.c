/*
 * Has a mover do what its standard input says, a line each, as the supervisor
 * would, and prints what it answers:
 *
 *   put FILE KEY     an output of a task        ->  put KEY: ok | why not
 *   get KEY FILE     an input                   ->  get KEY: ok | why not
 *   clean KEY ...    as the janitor does        ->  clean: N gone
 *   delete KEY, sweep                               nothing
 *   wait                                            until all answers are in
 *
 * What stands before a "wait" is under way together.
 */

#include "rn_log.h"
#include "rw_mover.h"
#include "rw_proto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>


#define ASKED  4096

typedef struct {
    char  what[8], key[600], file[600], temp[80];
    int   fd;
} asked;

static asked   all[ASKED];
static size_t  n_all, pending;
static int     sock;


static void
die(const char *what)
{
    perror(what);
    exit(1);
}


static void
copy(int from, int to)
{
    off_t        at;
    struct stat  st;

    at = 0;

    if (fstat(from, &st) != 0) {
        die("fstat");
    }

    while (at < st.st_size) {
        if (sendfile(to, from, &at, (size_t) (st.st_size - at)) <= 0) {
            die("sendfile");
        }
    }
}


static void
ask(json_t *msg, const int *fds, size_t n)
{
    if (!rw_send(sock, msg, fds, n)) {
        die("mover");
    }

    pending++;
}


/* The mover has made a file: it gets its bytes, and goes back. */

static void
fill(asked *a, int id, const char *temp, int fd)
{
    int  from;

    from = open(a->file, O_RDONLY);
    if (from < 0) {
        die(a->file);
    }

    copy(from, fd);
    (void) close(from);
    (void) snprintf(a->temp, sizeof(a->temp), "%s", temp);
    ask(json_pack("{s:i, s:s, s:s, s:s}", "id", id, "op", "commit", "temp",
                  temp, "key", a->key), &fd, 1);
}


static void
take(asked *a, int fd)
{
    int  to;

    to = open(a->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (to < 0) {
        die(a->file);
    }

    copy(fd, to);
    (void) close(to);
}


static void
answered(void)
{
    int      id, err, fds[RW_FDS_MAX];
    asked   *a;
    size_t   n;
    json_t  *msg;

    msg = rw_recv(sock, fds, &n);
    if (msg == NULL) {
        fprintf(stderr, "the mover is gone\n");
        exit(1);
    }

    if (strcmp(rw_str(msg, "op"), "cleaned") == 0) {
        pending--;
        printf("clean: %zu gone\n",
               json_array_size(json_object_get(msg, "keys")));
        json_decref(msg);
        return;
    }

    id = (int) json_integer_value(json_object_get(msg, "id"));
    err = (int) json_integer_value(json_object_get(msg, "errno"));
    a = &all[id];
    pending--;

    if (err == 0 && strcmp(a->what, "put") == 0 && a->temp[0] == '\0') {
        fill(a, id, rw_str(msg, "temp"), fds[0]);

    } else {
        if (err == 0 && strcmp(a->what, "get") == 0) {
            take(a, fds[0]);
        }

        printf("%s %s: %s\n", a->what, a->key, err == 0 ? "ok"
               : rw_str(msg, "text")[0] != '\0' ? rw_str(msg, "text")
               : strerror(err));

        if (err != 0 && a->temp[0] != '\0') {
            (void) rw_send(sock, json_pack("{s:s, s:s}", "op", "discard",
                                           "temp", a->temp), NULL, 0);
        }
    }

    if (n > 0) {
        (void) close(fds[0]);
    }

    json_decref(msg);
}


static void
begin(const char *what, const char *key, const char *file)
{
    asked  *a;

    if (n_all == ASKED) {
        fprintf(stderr, "that is too much\n");
        exit(1);
    }

    a = &all[n_all];
    (void) snprintf(a->what, sizeof(a->what), "%s", what);
    (void) snprintf(a->key, sizeof(a->key), "%s", key);
    (void) snprintf(a->file, sizeof(a->file), "%s", file);

    if (strcmp(what, "put") == 0) {
        ask(json_pack("{s:I, s:s}", "id", (json_int_t) n_all, "op", "create"),
            NULL, 0);
    } else {
        ask(json_pack("{s:I, s:s, s:s}", "id", (json_int_t) n_all, "op", "open",
                      "key", key), NULL, 0);
    }

    n_all++;

    while (pending > 64) {              /* as the supervisor, no more */
        answered();
    }
}


static void
clean(char *words)
{
    char    *key;
    json_t  *keys;

    keys = json_array();

    for (key = strtok(words, " "); key != NULL; key = strtok(NULL, " ")) {
        (void) json_array_append_new(keys, json_string(key));
    }

    ask(json_pack("{s:s, s:o}", "op", "clean", "keys", keys), NULL, 0);
}


int
main(void)
{
    char   line[8192], a[600], b[600];
    pid_t  pid;

    rn_log_init("move");
    pid = rw_mover_start(getenv("RENDER_STORAGE"), &sock);

    if (pid < 0) {
        die("mover");
    }

    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';

        if (sscanf(line, "put %599s %599s", a, b) == 2) {
            begin("put", b, a);
        } else if (sscanf(line, "get %599s %599s", a, b) == 2) {
            begin("get", a, b);
        } else if (strncmp(line, "clean ", 6) == 0) {
            clean(line + 6);
        } else if (sscanf(line, "delete %599s", a) == 1) {
            (void) rw_send(sock, json_pack("{s:s, s:s}", "op", "delete", "key",
                                           a), NULL, 0);
        } else if (strcmp(line, "sweep") == 0) {
            (void) rw_send(sock, json_pack("{s:s}", "op", "sweep"), NULL, 0);
        } else if (strcmp(line, "wait") == 0) {
            while (pending > 0) {
                answered();
            }
            printf("waited\n");
            (void) fflush(stdout);
        } else {
            fprintf(stderr, "no command: %s\n", line);
            return 1;
        }
    }

    while (pending > 0) {
        answered();
    }

    return 0;
}
