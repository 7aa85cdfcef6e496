/*
 * Takes CPU with so many threads until it is told to end, or its parent is
 * gone: what hashing passwords would take, in another process.
 *
 *   spin threads
 */

#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>


static void *
spin(void *data)
{
    volatile uint64_t  n = 0;

    (void) data;

    for ( ;; ) {
        n = n + 1;
    }

    return NULL;
}


int
main(int argc, char **argv)
{
    int        i;
    pthread_t  t;

    prctl(PR_SET_PDEATHSIG, SIGTERM);

    for (i = 0; i < (argc > 1 ? atoi(argv[1]) : 1); i++) {
        if (pthread_create(&t, NULL, spin, NULL) != 0) {
            die("no thread");
        }
    }

    pause();

    return 0;
}
