# nginx-render: make, make run, stop, test, fuzz, bench, install; for other
# nginxes test-static, test-debian13; for storage in S3 test-s3.
#
# BUILD=dir      where objects and binaries go (build)
# SANITIZE=1     AddressSanitizer and UBSan in all of it (use another BUILD)
# NGINX_SRC=dir  headers and auto/ of the nginx to build for (Debian's nginx-dev)

BUILD     ?= build
NGINX_SRC ?= /usr/share/nginx/src
PREFIX    ?= /usr
SHAREDIR  ?= $(PREFIX)/share/nginx-render
SQLDIR    ?= $(SHAREDIR)/sql
CC        ?= gcc
CPUS      := $(shell nproc)

PKGS  = libavformat libavcodec libavfilter libswscale libswresample libavutil \
        pangocairo pangoft2 cairo librsvg-2.0 fontconfig freetype2 libass \
        libebur128 jansson libarchive libseccomp libpq hiredis libcrypto \
        libcurl expat
CFLAGS ?= -O2 -g
CFLAGS_ALL = $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -fno-strict-aliasing \
             -D_GNU_SOURCE -Icommon -Istorage -Iworker -Iworker/render -Iworker/stages \
             -DRENDER_SQL='"$(SQLDIR)"' $(PKG_CFLAGS) $(SAN)
ifeq ($(SANITIZE),1)
SAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
      -fno-omit-frame-pointer
endif

# asked of pkg-config once there is something to compile, so that `make run`
# can install it first
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
ENGINE_LIBS = $(shell pkg-config --libs libavformat libavcodec libavfilter \
              libswscale libswresample libavutil pangocairo pangoft2 cairo \
              librsvg-2.0 fontconfig freetype2 libass libebur128 jansson \
              libarchive libseccomp libcrypto) -lm
WORKER_LIBS = $(ENGINE_LIBS) $(shell pkg-config --libs libpq hiredis)
STORAGE_LIBS = $(shell pkg-config --libs libcurl expat)
DAEMON_LIBS = $(WORKER_LIBS) $(STORAGE_LIBS)

COMMON  = $(wildcard common/*.c)
STORAGE = $(wildcard storage/*.c)
ENGINE  = $(wildcard worker/render/*.c)
STAGES  = $(wildcard worker/stages/*.c)
COMMAND = worker/render_main.c $(wildcard worker/local*.c) $(wildcard worker/cmd_*.c)
DAEMON  = $(filter-out $(COMMAND),$(wildcard worker/*.c))
MODULE  = $(wildcard ngx_module/*.c ngx_module/*.h ngx_module/*.map)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

all: $(BUILD)/render $(BUILD)/render-worker module

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $<"; $(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# the pixel loops are written for the vectoriser
$(BUILD)/obj/worker/render/rn_blend.o \
$(BUILD)/obj/worker/render/rn_halve.o \
$(BUILD)/obj/worker/render/rn_lut.o \
$(BUILD)/obj/worker/render/rn_recolour.o \
$(BUILD)/obj/worker/render/rn_warp.o: CFLAGS += -O3

# worker/render must stand without network and SQL: nothing of either is in
# these two libraries, which t/unit links alone
$(BUILD)/libcommon.a: $(call obj,$(COMMON))
	@rm -f $@
	ar rcs $@ $^

# what speaks to S3: neither of the above has it
$(BUILD)/libstorage.a: $(call obj,$(STORAGE))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/libengine.a: $(call obj,$(ENGINE) $(STAGES))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/render: $(call obj,$(COMMAND)) $(BUILD)/libengine.a $(BUILD)/libcommon.a
	$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(WORKER_LIBS)

$(BUILD)/render-worker: $(call obj,$(DAEMON)) $(BUILD)/libengine.a \
        $(BUILD)/libstorage.a $(BUILD)/libcommon.a
	$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# Debian's headers and configure, out of their shared tree; make there says
# "nothing to be done" quickly when nothing changed
module: $(BUILD)/ngx_http_render_module.so

$(BUILD)/ngx_http_render_module.so: config scripts/build-module $(MODULE) \
        $(COMMON) $(wildcard common/*.h) $(STORAGE) $(wildcard storage/*.h)
	SANITIZE="$(or $(MODULE_SAN),$(SAN))" NGINX_SRC="$(NGINX_SRC)" CC_OPT="$(CC_OPT)" \
	    NGINX_BINARY="$(NGINX_BINARY)" scripts/build-module "$(BUILD)"

deps:
	@scripts/deps run

run: deps
	@$(MAKE) --no-print-directory -s -j$(CPUS) all
	@RENDER_BUILD="$(abspath $(BUILD))" scripts/run

stop:
	@RENDER_BUILD="$(abspath $(BUILD))" scripts/stack down

# The stills of docs/gallery, anew.
gallery:
	@scripts/deps test
	@$(MAKE) --no-print-directory -s all
	@RENDER_BUILD="$(abspath $(BUILD))" scripts/gallery

UNITS = $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(wildcard t/unit/*.c))

$(BUILD)/unit/%: t/unit/%.c $(BUILD)/libengine.a $(BUILD)/libstorage.a \
        $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -It/unit -MMD -MP -MF $@.d -o $@ $< \
	    $(BUILD)/libengine.a $(BUILD)/libstorage.a $(BUILD)/libcommon.a \
	    $(ENGINE_LIBS) $(STORAGE_LIBS) -lcmocka

# The mover without a supervisor, for t/s3.
MOVER = worker/rw_mover.c worker/rw_mover_s3.c worker/rw_s3_setting.c \
        worker/rw_servant.c worker/rw_proto.c worker/rw_setting.c \
        worker/rw_fetch.c worker/rw_http.c

$(BUILD)/move: t/s3/move.c $(call obj,$(MOVER)) $(BUILD)/libstorage.a \
        $(BUILD)/libcommon.a
	$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $^ \
	    $(shell pkg-config --libs jansson libcrypto) $(STORAGE_LIBS) -lm

unit: $(UNITS)
	@set -e; for u in $(UNITS); do echo "== $$u"; $$u; done

# Those that only ask and look share the two cores, and so do, four at a time and
# the longest first, those that wait for time-outs and leases; what measures, or
# drives a browser, has them for itself.
TOGETHER = assets_drawn auth autobahn bad_input cache captions clients config \
           contract copy copy_sound cors deletion directives docs films forms \
           gallery grammar hls idempotency imports life log loudness manners \
           metrics moved nchan neighbour neighbour_h3 neighbour_http \
           outage_postgres outage_redis outputs packs path plans quality \
           results revision same_key sandbox scan schema session sharing \
           sockets stream traps_calls traps_conf traps_media traps_postgres \
           traps_sockets traps_stalls tus tus_draft upload waiting warnings \
           websocket
PATIENT  = fetch encoders drain worker_crash postgres_away redis_away \
           outputs_again reload events cancel storage stalls tus_clients
JOBS    ?= 3
PARTED   = $(patsubst %,t/%.t,$(TOGETHER))
PAIRED   = $(patsubst %,t/%.t,$(PATIENT))

test:
	@scripts/deps test
	@$(MAKE) --no-print-directory -s -j$(CPUS) all unit
	RENDER_BUILD="$(abspath $(BUILD))" prove -It/lib -j$(JOBS) $(PROVE_FLAGS) $(PARTED)
	RENDER_BUILD="$(abspath $(BUILD))" prove -It/lib -j4 $(PROVE_FLAGS) $(PAIRED)
	RENDER_BUILD="$(abspath $(BUILD))" prove -It/lib $(PROVE_FLAGS) \
	    $(filter-out $(PARTED) $(PAIRED),$(sort $(wildcard t/*.t)))

# What a stranger's bytes reach, for the runs below, which are slow: by names,
# RIG_TESTS="auth forms". RENDER_SLOW makes the rig's time-outs longer.
RIG_TESTS ?= auth bad_input forms upload idempotency websocket events sharing \
             clients path manners waiting reload
RIG_FILES  = $(patsubst %,t/%.t,$(RIG_TESTS))

# what make is told by this name nginx would take for sockets that it inherits
unexport NGINX

# all of it, or by NGINX=debug those with an nginx of our own: see below
test-asan: test-asan-$(or $(NGINX),system)

test-asan-system:
	@scripts/deps test
	@$(MAKE) --no-print-directory -s SANITIZE=1 BUILD=build/asan all unit
	RENDER_BUILD="$(abspath build/asan)" RENDER_ASAN=1 prove -It/lib $(PROVE_FLAGS) t/*.t

# An nginx from its source, whose pools give every allocation memory of its own:
# in Debian's an overflow ends in the same pool, where no tool can see it.
DEBUG_OPT = -O1 -g -fno-omit-frame-pointer

build/debug/source:
	@mkdir -p $(@D)
	@scripts/nginx-source build/debug >$@.new && mv $@.new $@

debug-nginx: build/debug/source
	@$(MAKE) --no-print-directory -s SANITIZE=$(SANITIZE) NGINX_BINARY=1 \
	    NGINX_SRC="$$(cat build/debug/source)" CC_OPT="$(DEBUG_OPT)" all

# also the leaks of nginx's processes, which there are none of but those named;
# nginx's own code gives NULL to memcpy, so UBSan is left to the other of the
# two, and every module has globals of the same names
test-asan-debug: $(BUILD)/keep.so
	@scripts/deps memory
	@$(MAKE) --no-print-directory -s SANITIZE=1 BUILD=build/asan-debug \
	    MODULE_SAN="-fsanitize=address -fno-omit-frame-pointer" debug-nginx
	RENDER_BUILD="$(abspath build/asan-debug)" RENDER_ASAN=1 \
	    RENDER_NGINX="$(abspath build/asan-debug/nginx-debug)" \
	    RENDER_PRELOAD="$(abspath $(BUILD)/keep.so)" \
	    ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0 RENDER_SLOW=2 \
	    LSAN_OPTIONS=suppressions="$(abspath t/lsan.supp)":print_suppressions=0 \
	    prove -It/lib $(PROVE_FLAGS) $(RIG_FILES)

test-valgrind: $(BUILD)/keep.so
	@scripts/deps memory
	@$(MAKE) --no-print-directory -s BUILD=build/valgrind debug-nginx
	RENDER_BUILD="$(abspath build/valgrind)" RENDER_VALGRIND=1 RENDER_ASAN=1 \
	    RENDER_NGINX="$(abspath build/valgrind/nginx-debug)" \
	    RENDER_PRELOAD="$(abspath $(BUILD)/keep.so)" \
	    RENDER_SLOW=8 prove -It/lib $(PROVE_FLAGS) $(RIG_FILES)

# Sockets that give and take one byte a call: of clients, then PostgreSQL's and
# Redis' too, at last with EAGAIN between. ONEBYTE names those to run.
ONEBYTE ?= client all again

$(BUILD)/%.so: t/lib/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -g -Wall -Wextra -Werror -fPIC -shared -o $@ $< -ldl

test-onebyte: $(BUILD)/onebyte.so
	@scripts/deps test
	@$(MAKE) --no-print-directory -s all
	@failed=; for mode in $(ONEBYTE); do \
	    echo "== one byte: $$mode"; \
	    case $$mode in again) which=all; again=1 ;; *) which=$$mode; again=0 ;; esac; \
	    RENDER_BUILD="$(abspath $(BUILD))" RENDER_SLOW=4 \
	        RENDER_PRELOAD="$(abspath $(BUILD)/onebyte.so)" \
	        RENDER_ONEBYTE=$$which RENDER_ONEBYTE_AGAIN=$$again \
	        prove -It/lib $(PROVE_FLAGS) $(RIG_FILES) || failed=1; \
	done; test -z "$$failed"

# The nginx half in other nginxes, with sources and trees in a cache folder.
test-static:
	@scripts/deps builds
	@$(MAKE) --no-print-directory -s all
	@RENDER_BUILD="$(abspath $(BUILD))" t/builds/static

# The same tests where storage is in S3, which a server of their own is, and
# those of S3 alone.
test-s3:
	@scripts/deps s3
	@$(MAKE) --no-print-directory -s -j$(CPUS) all unit $(BUILD)/move
	RENDER_BUILD="$(abspath $(BUILD))" prove -It/lib $(PROVE_FLAGS) t/s3/*.t
	RENDER_BUILD="$(abspath $(BUILD))" t/s3/with prove -It/lib -j$(JOBS) $(PROVE_FLAGS) $(PARTED)
	RENDER_BUILD="$(abspath $(BUILD))" t/s3/with prove -It/lib $(PROVE_FLAGS) \
	    $(filter-out $(PARTED),$(sort $(wildcard t/*.t)))

test-debian13:
	@scripts/deps builds
	@t/builds/debian13

# libFuzzer over what reads bytes of strangers: FUZZ_SECONDS for each target.
# Objects of their own, since all of common/ is instrumented.
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))
FUZZ         = $(BUILD)/fuzz
FUZZ_SAN     = -fsanitize=fuzzer-no-link,address,undefined \
               -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_CFLAGS  = -O1 -g -std=gnu11 -Wall -Wextra -Werror -fno-strict-aliasing \
               -D_GNU_SOURCE -Icommon -Istorage $(FUZZ_SAN) \
               $(shell pkg-config --cflags jansson libcrypto)
FUZZ_LIBS    = $(shell pkg-config --libs jansson libcrypto libcurl expat) -lm
FUZZ_STORAGE = storage/rn_s3.c storage/rn_s3_keys.c storage/rn_s3_answer.c

$(FUZZ)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $<"; $(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ)/fuzz_%: $(FUZZ)/obj/t/fuzz/fuzz_%.o \
        $(patsubst %.c,$(FUZZ)/obj/%.o,$(COMMON) $(FUZZ_STORAGE))
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(FUZZ_LIBS)

fuzz-build: $(patsubst %,$(FUZZ)/fuzz_%,$(FUZZ_TARGETS))

fuzz:
	@scripts/deps fuzz
	@$(MAKE) --no-print-directory -s fuzz-build
	@t/fuzz/run $(FUZZ) $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# 500 damaged files of every kind through the command, with sanitizers: DAMAGED
damaged:
	@scripts/deps test
	@scripts/deps fuzz
	@$(MAKE) --no-print-directory -s SANITIZE=1 BUILD=build/asan all
	RENDER_BUILD="$(abspath build/asan)" t/fuzz/damaged $(DAMAGED)

.SECONDARY: $(patsubst %,$(FUZZ)/obj/t/fuzz/fuzz_%.o,$(FUZZ_TARGETS))

# nginx reloaded each second under a mixed load: SOAK_SECONDS, SOAK_SOCKETS
soak-reload: all
	RENDER_BUILD="$(abspath $(BUILD))" perl t/soak/reload

# nginx started and ended under load: SOAK_ROUNDS
soak-quit: all
	RENDER_BUILD="$(abspath $(BUILD))" perl t/soak/quit

# Load generators of the bench; they link nothing of ours, save calls.
BENCHES = $(patsubst t/bench/%.c,$(BUILD)/bench/%,$(wildcard t/bench/*.c))
BENCH  ?=

$(BUILD)/bench/%: t/bench/%.c t/bench/bench.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -o $@ $< $(shell pkg-config --libs libpq libcrypto) -lpthread

$(BUILD)/bench/calls: t/bench/calls.c t/bench/bench.h $(BUILD)/libengine.a \
        $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -o $@ $< $(BUILD)/libengine.a $(BUILD)/libcommon.a \
	    $(ENGINE_LIBS)

bench-build: $(BENCHES)

bench:
	@scripts/deps bench
	@$(MAKE) --no-print-directory -s all bench-build
	@RENDER_BUILD="$(abspath $(BUILD))" t/bench/run $(BENCH)

# What takes longer than the suite may: events to clients who come and go
# (FLOOD_SECONDS), and pings, a minute of them.
soak-flood soak-pings: soak-%: all
	RENDER_BUILD="$(abspath $(BUILD))" prove -vIt/lib t/soak/$*

# PostgreSQL and Redis come and go under load; prints what clients saw of it
soak-outages: all
	@RENDER_BUILD="$(abspath $(BUILD))" perl -It/lib t/soak/outages

MODULES_DIR ?= $(PREFIX)/lib/nginx/modules

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MODULES_DIR) \
	    $(DESTDIR)$(SQLDIR)/functions \
	    $(DESTDIR)$(SHAREDIR)/conf/snippets $(DESTDIR)$(SHAREDIR)/html/js
	install -m 755 $(BUILD)/render $(BUILD)/render-worker $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/ngx_http_render_module.so $(DESTDIR)$(MODULES_DIR)
	install -m 644 sql/*.sql $(DESTDIR)$(SQLDIR)
	install -m 644 sql/functions/*.sql $(DESTDIR)$(SQLDIR)/functions
	install -m 644 conf/*.conf conf/*.service conf/*.env $(DESTDIR)$(SHAREDIR)/conf
	install -m 644 conf/snippets/*.conf $(DESTDIR)$(SHAREDIR)/conf/snippets
	install -m 644 $(wildcard conf/html/*.*) $(DESTDIR)$(SHAREDIR)/html
	install -m 644 conf/html/js/*.js $(DESTDIR)$(SHAREDIR)/html/js
	install -d $(DESTDIR)$(SHAREDIR)/docs $(DESTDIR)$(SHAREDIR)/html/docs
	install -m 644 docs/*.json docs/*.md $(DESTDIR)$(SHAREDIR)/docs
	install -m 644 conf/html/docs/* $(DESTDIR)$(SHAREDIR)/html/docs

clean:
	rm -rf $(BUILD)

.PHONY: all module deps run stop unit gallery test test-asan test-asan-system \
        test-asan-debug debug-nginx test-valgrind test-onebyte test-static \
        test-debian13 test-s3 fuzz fuzz-build damaged soak-reload soak-quit soak-flood \
        soak-pings soak-outages bench bench-build install clean

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
