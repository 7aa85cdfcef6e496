/*
 * render-worker: the supervisor.  One loop over bells, children, mover and
 * clock; it claims while slots are free, renews its lease, and keeps house when
 * it is the janitor: rw_duty.c.  It links no media code that it runs itself.
 */

#include "rn_encode.h"
#include "rn_id.h"
#include "rn_log.h"
#include "rn_version.h"
#include "rw_duty.h"
#include "rw_encoder.h"
#include "rw_fetch.h"
#include "rw_mover.h"
#include "rw_proto.h"
#include "rw_sandbox.h"
#include "rw_setting.h"
#include "rw_zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>


#define ALIVE_EVERY   0.5               /* s: a cancel is heard within this */
#define JANITOR_EVERY 1.0
#define GOODBYE       2.0               /* s for killed children to be gone */


static void
from_mover(rw_worker *w, json_t *msg, int fd)
{
    char        *keys;
    const char  *args[1];

    if (json_object_get(msg, "task") != NULL) {     /* one that fetches */
        rw_run_child(w, msg, fd);
        return;
    }

    if (strcmp(rw_str(msg, "op"), "cleaned") != 0) {
        rw_run_moved(w, msg, fd);
        return;
    }

    /* where SQL does not hear this, it asks for it once more */

    keys = json_dumps(json_object_get(msg, "keys"), JSON_COMPACT);
    args[0] = keys;
    json_decref(rw_db_call(&w->db, "SELECT render_work.deleted($1::jsonb)", 1,
                           args));
    free(keys);
}


static void
take_message(rw_supervisor *s, int sock, void (*handle)(rw_worker *, json_t *,
    int))
{
    int      fds[RW_FDS_MAX];
    size_t   n;
    json_t  *msg;

    msg = rw_recv(sock, fds, &n);

    if (msg == NULL) {
        rn_log(RN_LOG_ERROR, "a helper process is gone; ending, to be started "
               "anew");
        exit(1);
    }

    handle(&s->w, msg, n > 0 ? fds[0] : -1);
    json_decref(msg);
}


static void
take_signals(rw_supervisor *s, int sfd)
{
    struct signalfd_siginfo  info;

    while (read(sfd, &info, sizeof(info)) == sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            if (s->draining) {
                s->now = true;
                break;
            }
            s->draining = true;
            s->drain_until = rw_now() + s->w.drain_timeout;
            rn_log(RN_LOG_INFO, "draining: %zu tasks to finish within %.0f s",
                   s->w.n_runs, s->w.drain_timeout);
            break;

        case SIGTSTP:
            s->quiet = true;
            rn_log(RN_LOG_INFO, "quiet: no new tasks are claimed");
            break;

        default:                            /* SIGCHLD: a helper, see below */
            break;
        }
    }
}


static void
round_of_loop(rw_supervisor *s, int sfd)
{
    int             timeout;
    size_t          i, n;
    double          now, next;
    rw_run         *r, **runs;
    rw_worker      *w = &s->w;
    struct pollfd  *p;

    p = calloc(4 + w->n_runs, sizeof(struct pollfd));
    runs = calloc(4 + w->n_runs, sizeof(rw_run *));
    if (p == NULL || runs == NULL) {
        abort();
    }

    p[0].fd = sfd;
    p[1].fd = w->mover;
    p[2].fd = w->zygote;
    p[3].fd = rw_duty_free(w) > 0 && !s->draining && !s->quiet
              ? rw_bell_fd(&w->bell) : -1;

    n = 4;
    for (r = w->runs; r != NULL; r = r->next) {
        if (r->state == RW_RUNNING && r->status >= 0) {
            runs[n] = r;
            p[n++].fd = r->status;
        }
    }

    for (i = 0; i < n; i++) {
        p[i].events = POLLIN;
    }

    now = rw_now();
    next = s->alive_at < s->claim_at ? s->alive_at : s->claim_at;
    timeout = next > now ? (int) ((next - now) * 1000) + 1 : 0;

    if (poll(p, n, timeout) < 0 && errno != EINTR) {
        rn_log(RN_LOG_ERROR, "poll: %s", strerror(errno));
        exit(1);
    }

    if (p[0].revents) {
        take_signals(s, sfd);
    }

    for (i = 4; i < n; i++) {
        if (p[i].revents) {
            rw_run_progress(w, runs[i]);
        }
    }

    if (p[1].revents) {
        take_message(s, w->mover, from_mover);
    }

    if (p[2].revents) {
        take_message(s, w->zygote, rw_run_child);
    }

    if (p[3].revents) {
        s->claim = rw_bell_take(&w->bell) || s->claim;
    }

    free(p);
    free(runs);
}


/* What is handed back is not left half written: its files go with it. */

static void
hand_back(rw_supervisor *s, int sfd)
{
    double      until;
    rw_worker  *w = &s->w;

    rw_duty_leave(s);

    until = rw_now() + GOODBYE;
    rw_run_settle(w);

    while (w->n_runs > 0 && rw_now() < until) {
        s->alive_at = s->claim_at = rw_now() + 0.1;
        round_of_loop(s, sfd);
        rw_run_settle(w);
    }
}


static void
work(rw_supervisor *s, int sfd)
{
    bool        was, bell;
    double      now;
    size_t      before;
    rw_worker  *w = &s->w;

    s->claim = true;

    for ( ;; ) {
        now = rw_now();

        was = w->db.conn != NULL;
        if (rw_db_ready(&w->db, now) && !was) {
            s->alive_at = 0;
            s->claim = true;
            rw_run_settle(w);               /* what ended meanwhile, first */
        }

        bell = rw_bell_ready(&w->bell, now);

        if (now >= s->alive_at) {
            s->alive_at = now + ALIVE_EVERY;
            if (w->db.conn != NULL) {
                rw_duty_alive(s);
            }
            rw_run_check(w, now);
        }

        if (now >= s->janitor_at) {
            s->janitor_at = now + JANITOR_EVERY;
            /* a draining janitor stays it: nobody has to wait for another */
            if (w->db.conn != NULL && (s->janitor || !s->draining)) {
                rw_duty_house(s);
            }
        }

        before = w->n_runs;
        rw_run_settle(w);

        if (s->claim || w->n_runs < before || now >= s->claim_at) {
            rw_duty_claim(s);
        }

        /* after the claim, which should not wait for it: bells are kept */

        if (bell && !s->draining && rw_duty_free(w) > 0) {
            rw_bell_listen(&w->bell);
        }

        if (s->draining && (w->n_runs == 0 || s->now
                            || now >= s->drain_until))
        {
            break;
        }

        round_of_loop(s, sfd);
    }

    hand_back(s, sfd);
}


static bool
configure(rw_supervisor *s)
{
    long                slots, drain, stall, smart;
    rw_worker          *w = &s->w;
    const char         *redis;
    rw_fetch_settings   fetch;

    slots = sysconf(_SC_NPROCESSORS_ONLN);
    drain = 30;
    stall = RW_STALL;
    smart = 0;

    if (!rw_setting_number("RENDER_SLOTS", 1, 512, &slots)
        || !rw_setting_number("RENDER_DRAIN_TIMEOUT", 0, 86400, &drain)
        || !rw_setting_number("RENDER_STALL_TIMEOUT", 1, 86400, &stall)
        || !rw_setting_number("RENDER_SMART_CUT", 0, 1, &smart)
        || !rw_fetch_configure(&fetch))
    {
        return false;
    }

    w->slots = (int) slots;
    w->fetch_slots = (int) fetch.slots;
    w->smart_cut = smart == 1;
    w->drain_timeout = (double) drain;
    w->stall = (double) stall;
    w->db.url = rw_setting("DATABASE_URL");
    w->storage = rw_setting("RENDER_STORAGE");
    redis = rw_setting("REDIS_URL");

    if (redis == NULL) {
        redis = "redis://127.0.0.1:6379/0";
    }

    if (w->db.url == NULL || w->storage == NULL) {
        rn_log(RN_LOG_ERROR, "%s is not set",
               w->db.url == NULL ? "DATABASE_URL" : "RENDER_STORAGE");
        return false;
    }

    if (!rn_uuid(w->id) || !rw_bell_init(&w->bell, redis, w->id)) {
        rn_log(RN_LOG_ERROR, "REDIS_URL must be "
               "redis://[:password@]host[:port][/db]");
        return false;
    }

    return true;
}


static int
block_signals(void)
{
    sigset_t  set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTSTP);
    (void) sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    (void) signal(SIGPIPE, SIG_IGN);

    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}


int
main(int argc, char **argv)
{
    int            sfd;
    bool           test;
    unsigned       layers;
    rw_supervisor     s;
    struct rlimit  files;

    if (argc == 2 && strcmp(argv[1], RW_FETCH_ARGUMENT) == 0) {
        _exit(rw_fetch_main());
    }

    /* whoever ignores its children may leave that to us, who wait for ours */
    (void) signal(SIGCHLD, SIG_DFL);

    rn_log_init("render-worker");

    test = argc > 1 && strcmp(argv[1], "--self-test") == 0;

    if (argc > 1 && !test) {
        if (strcmp(argv[1], "--version") == 0) {
            printf("render-worker %s (engine %d)\n", RN_VERSION, RN_ENGINE);
            return 0;
        }
        fprintf(stderr, "usage: render-worker [--self-test]\n\n"
                "--self-test tries the encoder, and to break out of the "
                "sandbox.  Settings, from the environment (or NAME_FILE): "
                "DATABASE_URL, REDIS_URL, RENDER_STORAGE, RENDER_SLOTS, "
                "RENDER_DRAIN_TIMEOUT, RENDER_STALL_TIMEOUT, "
                "RENDER_SANDBOX, RENDER_ENCODER, RENDER_FETCH, "
                "RENDER_FETCH_*, LOG_LEVEL, "
                "LOG_FORMAT\n");
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }

    memset(&s, 0, sizeof(s));

    /* the encoder is tried before there are helpers, who then know of it */

    if (!rw_sandbox_setting(&layers)
        || !rw_encoder_setting(layers != 0, &s.w.encoder))
    {
        return 2;
    }

    if (test) {
        rw_encoder_test(&s.w.encoder);
        return rw_sandbox_test(layers);
    }

    /* a film may have many pieces, and secrets are nobody else's to read */

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }

    (void) prctl(PR_SET_DUMPABLE, 0);

    /* the zygote is forked before a secret is read */

    s.zygote_pid = rw_zygote_start(&s.w.zygote, layers);

    if (s.zygote_pid > 0 && !configure(&s)) {
        return 2;
    }

    s.mover_pid = s.zygote_pid < 0 ? -1
                  : rw_mover_start(s.w.storage, &s.w.mover);

    if (s.zygote_pid < 0 || s.mover_pid < 0) {
        rn_log(RN_LOG_ERROR, "a helper process cannot be started: %s",
               strerror(errno));
        return 1;
    }

    srand48((long) getpid());
    sfd = block_signals();

    rn_log(RN_LOG_INFO, "worker %s: %d slots, engine %d", s.w.id, s.w.slots,
           RN_ENGINE);

    work(&s, sfd);

    rw_db_close(&s.w.db);
    rw_bell_close(&s.w.bell);
    (void) close(s.w.mover);
    (void) close(s.w.zygote);
    (void) waitpid(s.mover_pid, NULL, 0);
    (void) waitpid(s.zygote_pid, NULL, 0);

    rn_log(RN_LOG_INFO, "ended");

    return 0;
}
