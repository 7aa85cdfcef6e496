/* Bells and progress over Redis; see rw_bell.h. */

#include "rw_bell.h"
#include "rn_log.h"
#include "rn_progress.h"
#include "rw_db.h"
#include "rw_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>


#define QUEUES     9
#define PAUSE_MIN  0.2
#define PAUSE_MAX  5.0


static const char *const queues[QUEUES] = {
    "queue.image2json.high", "queue.json2video.high", "queue.publish.high",
    "queue.image2json.default", "queue.json2video.default",
    "queue.publish.default",
    "queue.image2json.low", "queue.json2video.low", "queue.publish.low",
};


bool
rw_bell_init(rw_bell *b, const char *url, const char *consumer)
{
    char        *end;
    long         port;
    size_t       n;
    const char  *p, *at;

    memset(b, 0, sizeof(*b));
    (void) snprintf(b->consumer, sizeof(b->consumer), "%s", consumer);

    if (strncmp(url, "redis://", 8) != 0) {
        return false;
    }

    p = url + 8;
    at = strrchr(p, '@');

    if (at != NULL) {
        if (*p != ':' || (size_t) (at - p) > sizeof(b->password)) {
            return false;
        }
        (void) snprintf(b->password, sizeof(b->password), "%.*s",
                        (int) (at - p - 1), p + 1);
        p = at + 1;
    }

    n = strcspn(p, ":/");
    if (n == 0 || n >= sizeof(b->host)) {
        return false;
    }

    memcpy(b->host, p, n);
    p += n;
    b->port = 6379;

    if (*p == ':') {
        port = strtol(p + 1, &end, 10);
        if (port < 1 || port > 65535) {
            return false;
        }
        b->port = (int) port;
        p = end;
    }

    if (*p == '/') {
        b->db = (int) strtol(p + 1, &end, 10);
        p = end;
    }

    return *p == '\0';
}


static void
lost(rw_bell *b, const char *why)
{
    if (!b->told) {
        rn_log(RN_LOG_ERROR, "Redis is away: %s; tasks are looked for every "
               "few seconds until it is back", why);
        b->told = true;
    }

    if (b->wait != NULL) {
        redisFree(b->wait);
    }
    if (b->cmd != NULL) {
        redisFree(b->cmd);
    }

    b->wait = b->cmd = NULL;
    b->reading = false;

    b->pause = b->pause < PAUSE_MIN ? PAUSE_MIN : b->pause * 2;
    if (b->pause > PAUSE_MAX) {
        b->pause = PAUSE_MAX;
    }

    b->next_try = rw_now() + b->pause * (0.5 + drand48());
}


/* False when the connection broke, or Redis will not; that a group is there
   already is no refusal. */

static bool
plain(redisContext *c, const char *fmt, const char *arg)
{
    bool         ok;
    redisReply  *r;

    r = redisCommand(c, fmt, arg);
    ok = r != NULL && (r->type != REDIS_REPLY_ERROR
                       || strncmp(r->str, "BUSYGROUP", 9) == 0);

    if (r != NULL && !ok) {                 /* what lost() will tell */
        c->err = REDIS_ERR_OTHER;
        (void) snprintf(c->errstr, sizeof(c->errstr), "%.120s", r->str);
    }

    freeReplyObject(r);

    return ok;
}


static redisContext *
open_one(rw_bell *b)
{
    char            db[16];
    redisContext   *c;
    struct timeval  tv = { 0, 500000 };

    c = redisConnectWithTimeout(b->host, b->port, tv);
    if (c == NULL || c->err) {
        return c;
    }

    (void) redisSetTimeout(c, tv);
    (void) redisEnableKeepAlive(c);

    if (b->password[0] != '\0' && !plain(c, "AUTH %s", b->password)) {
        return c;
    }

    if (b->db != 0) {
        (void) snprintf(db, sizeof(db), "%d", b->db);
        (void) plain(c, "SELECT %s", db);
    }

    return c;
}


/* From id 0: an entry that came before its group must not be passed over. */

static bool
make_groups(rw_bell *b)
{
    int  i;

    for (i = 0; i < QUEUES; i++) {
        if (!plain(b->cmd, "XGROUP CREATE %s workers 0 MKSTREAM", queues[i])) {
            return false;
        }
    }

    return true;
}


static bool
load_script(rw_bell *b)
{
    redisReply  *r;

    r = redisCommand(b->cmd, "SCRIPT LOAD %s", rn_progress_script);

    if (r != NULL && r->type == REDIS_REPLY_STRING) {
        (void) snprintf(b->sha, sizeof(b->sha), "%s", r->str);
    } else if (r != NULL) {
        rn_log(RN_LOG_WARN, "Redis refuses the progress script: %s",
               r->str != NULL ? r->str : "");
    }

    freeReplyObject(r);

    return r != NULL;
}


bool
rw_bell_ready(rw_bell *b, double now)
{
    if (b->wait != NULL && b->cmd != NULL) {
        return true;
    }

    if (now < b->next_try) {
        return false;
    }

    b->wait = open_one(b);
    b->cmd = open_one(b);

    if (b->wait == NULL || b->cmd == NULL || b->wait->err || b->cmd->err
        || !make_groups(b) || !load_script(b)
        || !plain(b->cmd, "XREADGROUP GROUP workers %s COUNT 1 STREAMS "
                          "queue.publish.low 0", b->consumer))
    {
        lost(b, b->wait != NULL && b->wait->err ? b->wait->errstr
             : b->cmd != NULL && b->cmd->err ? b->cmd->errstr : "no memory");
        return false;
    }

    /* it serves what will be asked of it: only now it is back */

    b->pause = 0;

    if (b->told) {
        rn_log(RN_LOG_INFO, "Redis is back");
        b->told = false;
    }

    return true;
}


void
rw_bell_listen(rw_bell *b)
{
    int         i, n, done;
    const char *argv[10 + 2 * QUEUES];

    if (b->wait == NULL || b->reading) {
        return;
    }

    n = 0;
    argv[n++] = "XREADGROUP";
    argv[n++] = "GROUP";
    argv[n++] = "workers";
    argv[n++] = b->consumer;
    argv[n++] = "COUNT";
    argv[n++] = "16";
    argv[n++] = "BLOCK";
    argv[n++] = "30000";
    argv[n++] = "NOACK";                /* heard, it has done its work */
    argv[n++] = "STREAMS";

    for (i = 0; i < QUEUES; i++) {
        argv[n++] = queues[i];
    }
    for (i = 0; i < QUEUES; i++) {
        argv[n++] = ">";
    }

    (void) redisAppendCommandArgv(b->wait, n, argv, NULL);

    do {
        if (redisBufferWrite(b->wait, &done) != REDIS_OK) {
            lost(b, b->wait->errstr);
            return;
        }
    } while (!done);

    b->reading = true;
}


int
rw_bell_fd(const rw_bell *b)
{
    return b->wait != NULL && b->reading ? b->wait->fd : -1;
}


bool
rw_bell_take(rw_bell *b)
{
    redisReply  *r;

    /* it may have been lost since it was polled, by somebody's progress */

    if (b->wait == NULL || !b->reading) {
        return false;
    }

    if (redisBufferRead(b->wait) != REDIS_OK
        || redisGetReplyFromReader(b->wait, (void **) &r) != REDIS_OK)
    {
        lost(b, b->wait->errstr);
        return true;
    }

    if (r == NULL) {
        return false;                       /* not all of it yet */
    }

    b->reading = false;

    if (r->type == REDIS_REPLY_ERROR) {
        if (strncmp(r->str, "NOGROUP", 7) == 0
            || strncmp(r->str, "UNBLOCKED", 9) == 0)
        {
            rn_log(RN_LOG_WARN, "Redis lost its streams; they are made again");
            if (!make_groups(b)) {
                lost(b, b->cmd->errstr);
            }
        } else {
            lost(b, r->str);                /* with a pause, never at once */
        }
        freeReplyObject(r);
        return true;
    }

    freeReplyObject(r);

    return true;
}


static void
stamp(json_t *update)
{
    int              n;
    char             at[40];
    struct tm        tm;
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    (void) gmtime_r(&ts.tv_sec, &tm);
    n = (int) strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &tm);
    (void) snprintf(at + n, sizeof(at) - n, ".%03ldZ", ts.tv_nsec / 1000000);

    (void) json_object_set_new(update, "at", json_string(at));
}


/* What Redis last said of the job, so that progress need not run backwards when
   it has forgotten that, and what the job's other tasks told it. */

static rw_seen *
seen_of(rw_bell *b, json_t *update)
{
    size_t       i;
    rw_seen     *s;
    json_int_t   run;

    run = json_integer_value(json_object_get(update, "run"));

    for (i = 0; i < RW_BELL_JOBS; i++) {
        s = &b->seen[i];
        if (s->run == run && strcmp(s->job, rw_str(update, "job_id")) == 0) {
            return s;
        }
    }

    s = &b->seen[b->next_seen++ % RW_BELL_JOBS];
    s->run = run;
    s->percent = 0;
    (void) snprintf(s->job, sizeof(s->job), "%s", rw_str(update, "job_id"));

    return s;
}


void
rw_bell_tell(rw_bell *b, json_t *update)
{
    int          again;
    char         progress[80], events[80], *text;
    rw_seen     *seen;
    redisReply  *r;

    if (b->cmd == NULL) {
        return;
    }

    seen = seen_of(b, update);
    (void) json_object_set_new(update, "floor", json_real(seen->percent));

    (void) snprintf(progress, sizeof(progress), "progress:%.40s",
                    rw_str(update, "job_id"));
    (void) snprintf(events, sizeof(events), "events:%.40s",
                    rw_str(update, "job_id"));
    stamp(update);
    text = json_dumps(update, JSON_COMPACT);

    for (again = 0; text != NULL && again < 2; again++) {
        r = redisCommand(b->cmd, "EVALSHA %s 2 %s %s %s", b->sha, progress,
                         events, text);
        if (r == NULL) {
            lost(b, b->cmd->errstr);
            break;
        }

        if (r->type != REDIS_REPLY_ERROR) {
            if (r->type == REDIS_REPLY_INTEGER && r->integer >= 0) {
                seen->percent = (double) r->integer / 10;
            }
            freeReplyObject(r);
            break;
        }

        if (strncmp(r->str, "NOSCRIPT", 8) != 0 || !load_script(b)) {
            rn_log(RN_LOG_WARN, "Redis: %s", r->str);
            again = 2;
        }

        freeReplyObject(r);
    }

    free(text);
}


void
rw_bell_effects(rw_bell *b, json_t *effects, const char *task,
    json_int_t fence)
{
    char         queue[80];
    size_t       i;
    json_t      *x, *last;
    redisReply  *r;

    if (b->cmd == NULL) {
        return;
    }

    json_array_foreach(json_object_get(effects, "bells"), i, x) {
        (void) snprintf(queue, sizeof(queue), "queue.%.60s",
                        rw_str(x, "queue"));
        r = redisCommand(b->cmd, "XADD %s MAXLEN ~ 10000 * job_id %s task_id "
                         "%s", queue, rw_str(x, "job"), rw_str(x, "task"));
        if (r == NULL) {
            lost(b, b->cmd->errstr);
            return;
        }
        freeReplyObject(r);
    }

    last = json_object_get(effects, "events");

    json_array_foreach(last, i, x) {
        if (task != NULL) {                 /* whose end this tells */
            (void) json_object_set_new(x, "task", json_string(task));
            (void) json_object_set_new(x, "fence", json_integer(fence));
        }
        rw_bell_tell(b, x);
    }
}


void
rw_bell_close(rw_bell *b)
{
    if (b->wait != NULL) {
        redisFree(b->wait);
    }
    if (b->cmd != NULL) {
        redisFree(b->cmd);
    }
    b->wait = b->cmd = NULL;
}
