/*
 * Uploads that come in pieces: what stands after whoever wrote was killed, ran
 * out of room or lost his power, that one alone writes, and what is swept.
 */

#include "helpers.h"
#include "rn_spool.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>


#define ID       "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
#define OTHER    "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4e"
#define THIRD    "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4f"
#define ACCOUNT  "11111111-2222-4333-8444-555555555555"
#define META     "filename YS5tcDQ="
#define KEY    "inputs/" ACCOUNT "/" ID


static rn_spool  spool;
static uint8_t   bytes[300000];


static int
make_spool(void **state)
{
    char    err[256];
    size_t  i;

    if (make_folder(state) != 0) {
        return -1;
    }

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 2654435761u >> 13);
    }

    return rn_spool_open(&spool, in_folder("uploads"), err, sizeof(err));
}


static int
remove_spool(void **state)
{
    rn_spool_close(&spool);

    return remove_folder(state);
}


/* Every test begins with an empty folder. */

static int
empty(void **state)
{
    (void) state;

    return sh("rm -f uploads/*") ? 0 : -1;
}


static rn_upload *
create(const char *id, int64_t length)
{
    rn_upload  *u;

    u = calloc(1, sizeof(rn_upload));
    assert_non_null(u);
    strcpy(u->id, id);
    strcpy(u->account, ACCOUNT);
    strcpy(u->metadata, META);
    strcpy(u->key, KEY);
    u->length = length;
    u->expires = (int64_t) time(NULL) + 100;

    assert_int_equal(rn_spool_create(&spool, u), 0);
    assert_true(u->fd >= 0);

    return u;
}


static rn_upload *
take(const char *id, int want)
{
    rn_upload  *u;

    u = calloc(1, sizeof(rn_upload));
    assert_non_null(u);
    assert_int_equal(rn_spool_take(&spool, id, u), want);

    if (want != 0) {
        free(u);
        return NULL;
    }

    return u;
}


static void
let_go(rn_upload *u)
{
    rn_upload_release(u);
    free(u);
}


static int64_t
offset_of(const char *id)
{
    rn_upload  u;

    assert_int_equal(rn_spool_look(&spool, id, &u), 0);
    assert_int_equal(u.fd, -1);

    return u.offset;
}


/* As a request does: what came before is hashed, then each part and written. */

static void
put(rn_upload *u, int64_t to)
{
    size_t  n;

    assert_int_equal(rn_upload_catch_up(u), 0);

    while (u->offset < to) {
        n = (size_t) (to - u->offset);
        n = n < 70001 ? n : 70001;
        rn_upload_hash(u, bytes + u->offset, n);
        assert_int_equal(rn_upload_write(u, bytes + u->offset, n), 0);
    }

    assert_int_equal(u->hashed, u->offset);
}


/* All bytes have come: are they those that were sent? */

static void
is_whole(rn_upload *u, int64_t length)
{
    char      want[RN_SHA256_HEX + 1];
    size_t    len;
    uint8_t  *file;

    assert_int_equal(u->offset, length);
    assert_int_equal(rn_upload_seal(u), 0);
    assert_int_equal(u->state, RN_UPLOAD_SEALED);
    assert_int_equal(rn_upload_keep(&spool, u), 0);

    rn_sha256_hex(bytes, (size_t) length, want);
    assert_string_equal(u->sha256, want);

    file = read_file("uploads/" ID, &len);
    assert_int_equal(len, length);
    assert_memory_equal(file, bytes, len);
    free(file);
}


static void
test_pieces(void **state)
{
    rn_upload  *u, seen;

    (void) state;

    u = create(ID, 300000);
    put(u, 100000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);

    assert_int_equal(rn_spool_look(&spool, ID, &seen), 0);
    assert_int_equal(seen.offset, 100000);
    assert_int_equal(seen.length, 300000);
    assert_string_equal(seen.account, ACCOUNT);
    assert_string_equal(seen.metadata, META);
    assert_string_equal(seen.id, ID);
    assert_true(seen.there);

    u = take(ID, 0);
    assert_int_equal(u->hashed, 100000);        /* nothing is read again */
    put(u, 300000);
    is_whole(u, 300000);
    let_go(u);

    /* what is sealed takes no bytes, and then goes to storage */

    u = take(ID, 0);
    assert_true(u->fd >= 0);
    assert_true(u->there);
    assert_int_equal(u->offset, 300000);
    (void) take(ID, EWOULDBLOCK);               /* one at a time stores it */
    let_go(u);

    assert_true(sh("mv uploads/" ID " stored"));
    assert_int_equal(rn_spool_look(&spool, ID, &seen), 0);
    assert_int_equal(seen.state, RN_UPLOAD_SEALED);
    assert_false(seen.there);
    assert_int_equal(seen.offset, 300000);

    u = take(ID, 0);
    assert_false(u->there);
    assert_int_equal(u->fd, -1);
    u->state = RN_UPLOAD_SENT;
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);
    u = take(ID, 0);
    assert_int_equal(u->state, RN_UPLOAD_SENT);
    u->state = RN_UPLOAD_DONE;
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);
    assert_int_equal(offset_of(ID), 300000);

    assert_int_equal(rn_spool_remove(&spool, ID), 0);
    assert_int_equal(rn_spool_look(&spool, ID, &seen), ENOENT);
    assert_int_equal(rn_spool_remove(&spool, ID), 0);
}


static void
test_ids(void **state)
{
    rn_upload  u;

    static const char *const  none[] = {
        "", "..", ID "x", "../uploads/" ID, "0A1b2c3d-4e5f-4a6b-8c7d-"
        "9e0f1a2b3c4d", ID ".info"
    };

    (void) state;

    let_go(create(ID, 1));

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(rn_spool_look(&spool, none[i], &u), ENOENT);
        assert_int_equal(rn_spool_take(&spool, none[i], &u), ENOENT);
        assert_int_equal(rn_spool_remove(&spool, none[i]), ENOENT);
        assert_int_equal(rn_spool_ask(&spool, none[i]), ENOENT);
    }

    memset(&u, 0, sizeof(u));
    strcpy(u.id, ID);
    assert_int_equal(rn_spool_create(&spool, &u), EEXIST);
    assert_int_equal(offset_of(ID), 0);
}


static void
test_one_writer(void **state)
{
    rn_upload  *u;

    (void) state;

    u = create(ID, 300000);
    put(u, 5);
    (void) take(ID, EWOULDBLOCK);
    assert_int_equal(offset_of(ID), 5);

    assert_false(rn_spool_asked(&spool, ID));
    assert_int_equal(rn_spool_ask(&spool, ID), 0);
    assert_true(rn_spool_asked(&spool, ID));
    let_go(u);

    u = take(ID, 0);
    assert_false(rn_spool_asked(&spool, ID));
    let_go(u);
}


/* A child that writes and is killed: what it wrote stands, and is hashed. */

static void
test_killed(void **state)
{
    int         status;
    pid_t       pid;
    rn_upload  *u;

    (void) state;

    u = create(ID, 300000);
    put(u, 1000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        u = calloc(1, sizeof(rn_upload));
        if (u == NULL || rn_spool_take(&spool, ID, u) != 0
            || rn_upload_write(u, bytes + 1000, 150000) != 0)
        {
            _exit(1);
        }
        (void) kill(getpid(), SIGKILL);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(offset_of(ID), 151000);

    u = take(ID, 0);
    assert_int_equal(u->hashed, 1000);
    assert_int_equal(u->offset, 151000);
    put(u, 300000);
    is_whole(u, 300000);
    let_go(u);
}


/* Bytes whose checksum is not known to be right do not stand. */

static void
test_unsure(void **state)
{
    rn_upload  *u;

    (void) state;

    u = create(ID, 300000);
    put(u, 1000);
    assert_int_equal(rn_upload_doubt(u), 0);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    put(u, 2000);
    assert_int_equal(offset_of(ID), 1000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    assert_int_equal(offset_of(ID), 1000);
    let_go(u);                                  /* it was killed there */

    assert_int_equal(offset_of(ID), 1000);
    u = take(ID, 0);
    assert_int_equal(u->offset, 1000);
    assert_int_equal(u->unsure, -1);
    assert_int_equal(u->hashed, 1000);

    assert_int_equal(rn_upload_doubt(u), 0);
    put(u, 50000);
    assert_int_equal(rn_upload_undo(u), 0);
    assert_int_equal(u->offset, 1000);
    assert_int_equal(u->hashed, 1000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    assert_int_equal(offset_of(ID), 1000);

    assert_int_equal(rn_upload_doubt(u), 0);
    put(u, 60000);
    rn_upload_trust(u);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    assert_int_equal(offset_of(ID), 60000);
    put(u, 300000);
    is_whole(u, 300000);
    let_go(u);
}


/* After a power failure only what was made durable stands. */

static void
test_power(void **state)
{
    char        boot[sizeof(spool.boot)];
    rn_upload  *u;

    (void) state;

    strcpy(boot, spool.boot);
    strcpy(spool.boot, "machine/one");

    u = create(ID, 300000);
    put(u, 1000);
    u->synced = 1000;
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    put(u, 2000);
    let_go(u);

    assert_int_equal(offset_of(ID), 2000);
    strcpy(spool.boot, "other/two");            /* it cannot know */
    assert_int_equal(offset_of(ID), 2000);
    spool.boot[0] = '\0';
    assert_int_equal(offset_of(ID), 2000);
    strcpy(spool.boot, "machine/two");
    assert_int_equal(offset_of(ID), 1000);

    u = take(ID, 0);
    assert_int_equal(u->offset, 1000);
    put(u, 3000);
    let_go(u);
    assert_int_equal(offset_of(ID), 3000);

    u = take(ID, 0);
    put(u, 300000);
    is_whole(u, 300000);
    let_go(u);

    strcpy(spool.boot, "machine/three");        /* what is sealed stands */
    assert_int_equal(offset_of(ID), 300000);
    strcpy(spool.boot, boot);
}


/* No room: what was written of it stands, and the rest comes later. */

static void
test_full(void **state)
{
    rn_upload      *u;
    struct rlimit   old, limit;

    (void) state;

    u = create(ID, 300000);
    put(u, 1000);

    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 5000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(rn_upload_write(u, bytes + 1000, 10000), EFBIG);
    assert_int_equal(u->offset, 5000);

    /* nor for what is said of it: what was said stays */

    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_not_equal(rn_upload_keep(&spool, u), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    let_go(u);

    u = take(ID, 0);
    assert_int_equal(u->offset, 5000);
    put(u, 300000);
    is_whole(u, 300000);
    let_go(u);
    assert_true(sh("test \"$(ls uploads)\" = '" ID "\n" ID ".info'"));
}


static void
test_damaged(void **state)
{
    rn_upload  *u, seen;

    (void) state;

    /* a hash that cannot be is made again */

    u = create(ID, 300000);
    put(u, 1000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);
    assert_true(sh("sed -i 's/\"hashed\":1000/\"hashed\":999/' "
                   "uploads/*.info"));
    u = take(ID, 0);
    assert_int_equal(u->hashed, 0);
    assert_int_equal(u->offset, 1000);
    put(u, 2000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);
    assert_true(sh("sed -i 's/\"hash\":\"../\"hash\":\"zz/' uploads/*.info"));
    u = take(ID, 0);
    assert_int_equal(u->hashed, 0);

    /* somebody has shortened the file */

    put(u, 3000);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);
    assert_true(sh("truncate -s 2500 uploads/" ID));
    u = take(ID, 0);
    assert_int_equal(u->offset, 2500);
    put(u, 300000);
    is_whole(u, 300000);
    let_go(u);

    write_file("uploads/" ID ".info", "{", 1);
    assert_int_equal(rn_spool_look(&spool, ID, &seen), EBADMSG);
    (void) take(ID, EBADMSG);
    write_file("uploads/" ID ".info", "{\"state\":\"x\"}", 13);
    assert_int_equal(rn_spool_look(&spool, ID, &seen), EBADMSG);
    write_file("uploads/" ID ".info", "", 0);
    assert_int_equal(rn_spool_look(&spool, ID, &seen), EBADMSG);
}


static void
part(const char *id, int64_t from, int64_t to, bool partial)
{
    rn_upload  *u;

    u = create(id, to - from);
    u->partial = partial;
    assert_int_equal(rn_upload_write(u, bytes + from, (size_t) (to - from)),
                     0);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);
}


static void
test_join(void **state)
{
    rn_upload  *u;

    (void) state;

    part(OTHER, 0, 123456, true);
    part(THIRD, 123456, 300000, true);

    u = create(ID, 300000);
    assert_int_equal(rn_upload_join(&spool, u, OTHER), 0);
    assert_int_equal(rn_upload_join(&spool, u, THIRD), 0);
    is_whole(u, 300000);
    let_go(u);
    assert_int_equal(rn_spool_remove(&spool, ID), 0);

    /* what is not all there, is no part, or another's */

    u = create(ID, 300000);
    assert_int_equal(rn_spool_remove(&spool, OTHER), 0);
    assert_int_equal(rn_upload_join(&spool, u, OTHER), ENOENT);
    part(OTHER, 0, 1000, false);
    assert_int_equal(rn_upload_join(&spool, u, OTHER), EINVAL);
    assert_true(sh("truncate -s 999 uploads/" THIRD));
    assert_int_equal(rn_upload_join(&spool, u, THIRD), EINVAL);
    assert_int_equal(rn_spool_remove(&spool, THIRD), 0);
    part(THIRD, 0, 1000, true);
    u->account[0] = '2';
    assert_int_equal(rn_upload_join(&spool, u, THIRD), ENOENT);
    assert_int_equal(u->offset, 0);
    let_go(u);
}


/* Bytes that were hashed and could not be written do not count afterwards. */

static void
test_short_write(void **state)
{
    rn_upload  *u;

    (void) state;

    u = create(ID, 10);
    assert_int_equal(rn_upload_write(u, "abc", 3), 0);
    rn_upload_hash(u, "abcdef", 6);
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    let_go(u);

    u = take(ID, 0);
    assert_int_equal(u->offset, 3);
    assert_int_equal(rn_upload_catch_up(u), 0);
    assert_int_equal(rn_upload_write(u, "1234567", 7), 0);
    rn_upload_hash(u, "1234567", 7);
    let_go(u);                          /* he was killed */

    u = take(ID, 0);
    assert_int_equal(rn_upload_catch_up(u), 0);
    assert_int_equal(rn_upload_seal(u), 0);
    assert_true(sh("test \"$(printf abc1234567 | sha256sum)\" = '%s  -'",
                   u->sha256));
    let_go(u);
}


/* Who asked for it, and did not wait, leaves nothing. */

static void
test_unasked(void **state)
{
    rn_upload  *u;

    (void) state;

    u = create(ID, 3);
    assert_int_equal(rn_upload_write(u, "abc", 3), 0);
    rn_upload_hash(u, "abc", 3);
    assert_int_equal(rn_spool_ask(&spool, ID), 0);
    assert_int_equal(rn_upload_seal(u), 0);
    u->state = RN_UPLOAD_DONE;
    assert_int_equal(rn_upload_keep(&spool, u), 0);
    assert_false(rn_spool_asked(&spool, ID));
    let_go(u);

    assert_int_equal(rn_spool_ask(&spool, ID), 0);
    let_go(take(ID, 0));
    assert_false(rn_spool_asked(&spool, ID));
}


static char  swept[200];


static void
sweeps(void *data, const char *id, const char *key)
{
    assert_ptr_equal(data, swept);
    strcat(swept, id);
    strcat(swept, " ");
    strcat(swept, key);
}


static void
test_sweep(void **state)
{
    int64_t     now = (int64_t) time(NULL);
    rn_upload  *u;

    (void) state;

    let_go(create(ID, 10));
    let_go(create(OTHER, 10));
    u = take(OTHER, 0);

    write_file("uploads/" THIRD, "x", 1);
    write_file("uploads/" THIRD ".new", "x", 1);
    write_file("uploads/notours", "x", 1);

    swept[0] = '\0';
    rn_spool_sweep(&spool, now, sweeps, swept);
    assert_string_equal(swept, "");

    /* that of another one is held */

    rn_spool_sweep(&spool, now + 101, sweeps, swept);
    assert_string_equal(swept, ID " " KEY);
    assert_true(sh("! ls uploads/" ID "* 2> /dev/null"));
    assert_true(sh("test -f uploads/" THIRD));

    swept[0] = '\0';
    let_go(u);
    assert_true(sh("touch -d '2 days ago' uploads/*"));
    rn_spool_sweep(&spool, now, sweeps, swept);
    assert_string_equal(swept, "");
    assert_true(sh("test \"$(ls uploads)\" = '" OTHER "\n" OTHER ".info\n"
                   "notours'"));

    rn_spool_sweep(&spool, now + 101, sweeps, swept);
    assert_string_equal(swept, OTHER " " KEY);

    /* what nobody can read goes when it is old */

    let_go(create(ID, 10));
    write_file("uploads/" ID ".info", "{", 1);
    swept[0] = '\0';
    rn_spool_sweep(&spool, now + 101, sweeps, swept);
    assert_string_equal(swept, "");
    assert_true(sh("touch -d '2 days ago' uploads/*"));
    rn_spool_sweep(&spool, now, sweeps, swept);
    assert_string_equal(swept, ID " ");
    assert_true(sh("test \"$(ls uploads)\" = notours"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_pieces, empty),
        cmocka_unit_test_setup(test_ids, empty),
        cmocka_unit_test_setup(test_one_writer, empty),
        cmocka_unit_test_setup(test_killed, empty),
        cmocka_unit_test_setup(test_unsure, empty),
        cmocka_unit_test_setup(test_power, empty),
        cmocka_unit_test_setup(test_full, empty),
        cmocka_unit_test_setup(test_damaged, empty),
        cmocka_unit_test_setup(test_join, empty),
        cmocka_unit_test_setup(test_short_write, empty),
        cmocka_unit_test_setup(test_unasked, empty),
        cmocka_unit_test_setup(test_sweep, empty)
    };

    return cmocka_run_group_tests(tests, make_spool, remove_spool);
}
