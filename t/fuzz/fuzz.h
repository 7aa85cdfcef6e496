/*
 * What the fuzz targets share.  Each is one function over bytes, linked with
 * libFuzzer; a property that does not hold ends the process as a crash does.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define MUST(property)                                                        \
    do {                                                                      \
        if (!(property)) {                                                    \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
                    #property);                                               \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);


/* n bytes in memory of just that size, so that a read behind them is seen. */

static inline void *
exact_copy(const void *bytes, size_t n)
{
    void  *copy;

    copy = malloc(n ? n : 1);
    MUST(copy != NULL);
    if (n > 0) {
        memcpy(copy, bytes, n);
    }

    return copy;
}


#endif /* FUZZ_H */
