/*
 * The stages: what a task answers when it ends well and when it does not,
 * that a piece is made under its own key only, and that a forked child sees
 * its own descriptors and no others.
 */

#include "helpers.h"
#include "sandbox.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>


#define WHITE                                                                 \
    "{\"timeline\":{\"width\":64,\"height\":64,\"fps\":10,\"tracks\":["       \
    "{\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"},"         \
    "\"duration\":0.5}]}]}}"


/* Runs a task, here or in a child; the answer is the caller's. */

static json_t *
run(const char *kind, const char *spec, const stage_file *files, size_t n,
    bool child)
{
    int          status;
    pid_t        pid;
    size_t       len;
    json_t      *answer;
    uint8_t     *text;
    stage_task   t;

    memset(&t, 0, sizeof(t));
    t.kind = kind;
    t.spec = memory_file(spec, strlen(spec));
    t.result = memory_file("", 0);
    t.status = -1;
    t.files = files;
    t.n_files = n;

    if (child) {
        pid = stage_fork(&t);
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    } else {
        assert_int_equal(stage_run(&t), 0);
    }

    text = read_fd(t.result, &len);
    answer = json_loadb((char *) text, len, 0, NULL);
    assert_non_null(answer);
    free(text);

    (void) close(t.spec);
    (void) close(t.result);

    return answer;
}


static void
check_status(json_t *answer, rn_status want)
{
    const char  *have;

    have = json_string_value(json_object_get(answer, "status"));

    if (have == NULL || strcmp(have, rn_status_name(want)) != 0) {
        fail_msg("%s: %s", have,
                 json_string_value(json_object_get(answer, "text")));
    }

    if (want == RN_OK) {
        assert_true(json_is_object(json_object_get(answer, "result")));
    } else {
        assert_true(json_string_length(json_object_get(answer, "text")) > 0);
    }
}


static char *
plan_spec(const char *config)
{
    char    *text;
    json_t  *j;

    j = json_pack("{s:s, s:b, s:{}}", "config", config, "paths", 1, "assets");
    text = json_dumps(j, 0);
    json_decref(j);

    return text;
}


static void
test_known(void **state)
{
    (void) state;

    assert_true(stage_known("probe"));
    assert_true(stage_known("plan"));
    assert_true(stage_known("preview"));
    assert_true(stage_known("audio"));
    assert_true(stage_known("render_segment"));
    assert_true(stage_known("assemble"));
    assert_false(stage_known(""));
    assert_false(stage_known("Probe"));
}


static void
test_unreadable(void **state)
{
    size_t   i;
    json_t  *a;

    static const char *const kinds[] = {
        "probe", "plan", "preview", "audio", "render_segment", "assemble",
    };

    (void) state;

    for (i = 0; i < 6; i++) {
        a = run(kinds[i], "{", NULL, 0, false);
        check_status(a, RN_E_INTERNAL);
        json_decref(a);

        a = run(kinds[i], "{}", NULL, 0, false);
        check_status(a, RN_E_INTERNAL);
        json_decref(a);

        a = run(kinds[i], "", NULL, 0, false);
        check_status(a, RN_E_INTERNAL);
        json_decref(a);
    }

    a = run("dance", "{}", NULL, 0, false);
    check_status(a, RN_E_INTERNAL);
    json_decref(a);
}


static void
test_plan(void **state)
{
    int      child;
    char    *spec;
    json_t  *a, *detail;

    (void) state;

    for (child = 0; child < 2; child++) {
        spec = plan_spec(WHITE);
        a = run("plan", spec, NULL, 0, child);
        check_status(a, RN_OK);
        assert_int_equal(number_of(json_object_get(a, "result"), "frames"), 5);
        json_decref(a);
        free(spec);

        spec = plan_spec("{\"timeline\":{\"tracks\":[{\"clips\":[{\"asset\":"
                         "{\"type\":\"image\",\"src\":\"a.png\"}}]}]}}");
        a = run("plan", spec, NULL, 0, child);
        check_status(a, RN_E_INVALID);
        detail = json_array_get(json_object_get(a, "detail"), 0);
        assert_string_equal(json_string_value(json_object_get(detail,
                                                              "pointer")),
                            "/timeline/tracks/0/clips/0/asset/src");
        assert_string_equal(json_string_value(json_object_get(detail,
                                                              "detail")),
                            "does not exist");
        json_decref(a);
        free(spec);

        spec = plan_spec("{\"timelime\":1}");
        a = run("plan", spec, NULL, 0, child);
        check_status(a, RN_E_INVALID);
        assert_int_equal(json_array_size(json_object_get(a, "detail")), 2);
        json_decref(a);
        free(spec);
    }
}


/* Words that quote half a character are told all the same, problems, too. */

static void
test_half_characters(void **state)
{
    int      i, k, n;
    char     config[1200], *spec;
    json_t  *a;

    (void) state;

    for (i = 0; i < 4; i++) {
        n = sprintf(config, "{\"%.*s", i, "xyz");
        for (k = 0; k < 200; k++) {
            n += sprintf(config + n, "\xe2\x82\xac");
        }
        (void) sprintf(config + n, "\":1}");

        spec = plan_spec(config);
        a = run("plan", spec, NULL, 0, false);
        check_status(a, RN_E_INVALID);
        assert_int_equal(json_array_size(json_object_get(a, "detail")), 2);
        assert_non_null(strstr(json_string_value(json_object_get(a, "text")),
                               "cannot be rendered"));
        json_decref(a);
        free(spec);
    }
}


static json_t *
white_piece(void)
{
    json_t  *plan, *piece;

    plan = plan_good(WHITE, NULL);
    piece = json_incref(json_array_get(json_object_get(plan, "segments"), 0));
    json_decref(plan);

    return piece;
}


static json_t *
run_piece(json_t *piece, int fd, bool child)
{
    char        *spec;
    json_t      *j, *a;
    stage_file   file;

    file.fd = fd;
    (void) snprintf(file.name, sizeof(file.name), "%s",
                    json_string_value(json_object_get(piece, "key")));

    j = json_pack("{s:[O]}", "pieces", piece);
    spec = json_dumps(j, 0);
    a = run("render_segment", spec, &file, 1, child);
    free(spec);
    json_decref(j);

    return a;
}


static void
test_piece(void **state)
{
    int          fd, child;
    json_t      *piece, *a, *done;
    struct stat  st;

    (void) state;

    for (child = 0; child < 2; child++) {
        piece = white_piece();
        fd = memory_file("", 0);
        a = run_piece(piece, fd, child);
        check_status(a, RN_OK);

        done = json_array_get(json_object_get(json_object_get(a, "result"),
                                              "pieces"), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(number_of(done, "bytes"), st.st_size);
        assert_int_equal(number_of(done, "frames"), 5);
        json_decref(a);
        (void) close(fd);
        json_decref(piece);
    }
}


/* A key that is not the specification's would poison what is stored. */

static void
test_wrong_key(void **state)
{
    int          fd;
    char         key[65];
    json_t      *piece, *a;
    struct stat  st;

    (void) state;

    piece = white_piece();
    fd = memory_file("", 0);

    (void) snprintf(key, sizeof(key), "%s",
                    json_string_value(json_object_get(piece, "key")));
    key[63] = key[63] == '0' ? '1' : '0';
    json_object_set_new(piece, "key", json_string(key));

    a = run_piece(piece, fd, false);
    check_status(a, RN_E_INTERNAL);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    json_decref(a);
    json_decref(piece);

    /* nor one whose specification was touched */

    piece = white_piece();
    json_object_set_new(json_object_get(piece, "spec"), "crf",
                        json_integer(51));
    a = run_piece(piece, fd, false);
    check_status(a, RN_E_INTERNAL);
    json_decref(a);
    json_decref(piece);
    (void) close(fd);
}


static void
test_damaged_is_named(void **state)
{
    char         *spec;
    json_t       *plan, *a, *list;
    stage_file    files[2];

    (void) state;

    plan = plan_good(WHITE, NULL);
    (void) strcpy(files[0].name, "final.mp4");
    files[0].fd = memory_file("", 0);
    (void) strcpy(files[1].name, key_at(json_object_get(plan, "segments"), 0));
    files[1].fd = memory_file("damaged", 7);

    spec = json_dumps(plan, 0);
    a = run("assemble", spec, files, 2, true);
    check_status(a, RN_E_IO);
    list = json_object_get(json_object_get(a, "detail"), "damaged");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_array_get(list, 0)),
                        files[1].name);

    json_decref(a);
    free(spec);
    json_decref(plan);
    (void) close(files[0].fd);
    (void) close(files[1].fd);
}


/*
 * A child at work on what takes it seconds: what is open here is not open
 * there, and one signal ends it.
 */

static void
test_child_at_work(void **state)
{
    int             i, status, pipes[2][2], fd;
    char           *spec;
    pid_t           pid;
    json_t         *plan, *j;
    stage_file      file;
    stage_task      t;
    struct pollfd   ear;

    (void) state;

    plan = plan_good("{\"timeline\":{\"width\":3840,\"height\":2160,\"tracks\""
                     ":[{\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":"
                     "\"#fff\"},\"duration\":6}]}]}}", NULL);
    j = json_pack("{s:O}", "pieces", json_object_get(plan, "segments"));
    spec = json_dumps(j, 0);

    /* one pipe below the task's descriptors, and one above */

    assert_int_equal(pipe(pipes[0]), 0);
    fd = memory_file("", 0);
    (void) snprintf(file.name, sizeof(file.name), "%s",
                    key_at(json_object_get(plan, "segments"), 0));
    file.fd = fd;

    memset(&t, 0, sizeof(t));
    t.kind = "render_segment";
    t.spec = memory_file(spec, strlen(spec));
    t.result = memory_file("", 0);
    t.status = -1;
    t.files = &file;
    t.n_files = 1;

    assert_int_equal(pipe(pipes[1]), 0);
    pid = stage_fork(&t);
    assert_true(pid > 0);

    /* the child does not hold their writing ends, though it goes on */

    for (i = 0; i < 2; i++) {
        (void) close(pipes[i][1]);
        ear.fd = pipes[i][0];
        ear.events = POLLIN;
        assert_int_equal(poll(&ear, 1, 5000), 1);
        assert_true(ear.revents & POLLHUP);
        (void) close(pipes[i][0]);
    }

    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);

    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);

    (void) close(fd);
    (void) close(t.spec);
    (void) close(t.result);
    free(spec);
    json_decref(j);
    json_decref(plan);
}


/* As far as the kernel has it: what it refuses is test_sandbox's. */

static int
confine(void **state)
{
    char  why[256];

    (void) state;

    return sandbox_prepare(sandbox_kernel(SANDBOX_ALL, why, sizeof(why)), why,
                           sizeof(why)) ? 0 : -1;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_half_characters),
        cmocka_unit_test(test_piece),
        cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_damaged_is_named),
        cmocka_unit_test(test_child_at_work),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, confine, NULL);
}
