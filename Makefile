# lorabuild: `make`, `make check`, `make bench`, `make install PREFIX= DESTDIR=`, `make clean`.
# Objects go to $(BUILD), one archive a room; a room links only with the rooms above it.

VERSION = 0.1.0
PREFIX ?= /usr/local
CC ?= gcc
BUILD ?= build/default
CFLAGS ?= -O3 -g
# The rooms of DESIGN section 8, from the lowest to the highest.
ROOMS = lorabuild/common lorabuild/formats lorabuild/tensor lorabuild/models cache lorabuild/data \
        lorabuild/train lorabuild/infer lorabuild/stages rules lorabuild/plan lorabuild/run \
        lorabuild/commands

PACKAGES = jansson libxxhash nettle yaml-0.1 libarchive libpcre2-8 libutf8proc uchardet \
           libzstd libseccomp
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes -Wno-unknown-pragmas
# -ffp-contract=off: a fused multiply-add must not depend on the compiler's mood (same bits).
BASE_FLAGS = -std=c11 -D_GNU_SOURCE -DLORABUILD_VERSION='"$(VERSION)"' -I. -ffp-contract=off \
             -fno-strict-aliasing $(WARNINGS)
ifeq ($(findstring clang,$(CC)),clang)
THREADS ?= pthreads
endif
THREADS ?= openmp
THREAD_FLAGS_openmp = -fopenmp
THREAD_FLAGS_pthreads = -pthread -DLORABUILD_PTHREADS
ALL_FLAGS = $(BASE_FLAGS) $(THREAD_FLAGS_$(THREADS)) $(CFLAGS) $(SANITIZE)
LIBS = -ldnnl -llmdb -ljansson -lxxhash -lnettle -lyaml -larchive -lpcre2-8 -lutf8proc -luchardet \
       -lzstd -lseccomp -lm

sources = $(sort $(wildcard $(1)/*.c $(1)/cpu/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
archive = $(BUILD)/obj/$(1).a
# Archives of a room and all above it in the list, the room itself first (link order).
upto = $(shell for r in $(ROOMS); do set -- "$(BUILD)/obj/$$r.a" "$$@"; [ $$r = $(1) ] && break; done; echo "$$@")
reversed = $(call upto,lorabuild/commands)

all: $(BUILD)/lorabuild

$(BUILD)/lorabuild: $(BUILD)/obj/lorabuild/main.o $(foreach r,$(ROOMS),$(call archive,$(r)))
	@echo "  LD  $@"
	@$(CC) $(ALL_FLAGS) $(LDFLAGS) -o $@ $< $(reversed) $(LIBS)

define ROOM
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$$(AR) rcsD $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM,$(r))))

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(ALL_FLAGS) -MMD -MP -c -o $@ $<

# Kernels for one instruction set each, chosen at run time.
$(BUILD)/obj/lorabuild/tensor/cpu/%_avx2.o: ALL_FLAGS += -mavx2 -mfma -mf16c
$(BUILD)/obj/lorabuild/tensor/cpu/%_avx512.o: ALL_FLAGS += -mavx512f -mavx512bw -mavx512vl -mavx512dq

# tests/unit/ROOM/NAME_test.c (ROOM without "lorabuild/") links its room and the rooms above.
TESTS = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/*/*_test.c)))
room_of = $(firstword $(filter %/$(1),$(ROOMS)) $(1))
define TEST
$(BUILD)/unit/$(1): tests/unit/$(1).c $(call upto,$(call room_of,$(patsubst %/,%,$(dir $(1)))))
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	@$$(CC) $$(ALL_FLAGS) -MMD -MP -MF $$@.d -o $$@ $$< \
	    $(call upto,$(call room_of,$(patsubst %/,%,$(dir $(1))))) $$(LIBS) -lcmocka
endef
$(foreach t,$(patsubst $(BUILD)/unit/%,%,$(TESTS)),$(eval $(call TEST,$(t))))

# Small programs for the oracle tests and the benchmarks: they link everything but commands.
TOOLS = $(patsubst tests/oracle/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/oracle/tools/*.c)) \
        $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
tool_rooms = $(call upto,lorabuild/run)
$(BUILD)/tools/%: tests/oracle/tools/%.c $(tool_rooms)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(ALL_FLAGS) -MMD -MP -MF $@.d -o $@ $< $(tool_rooms) $(LIBS)
$(BUILD)/bench/%: tests/bench/%.c $(tool_rooms)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(ALL_FLAGS) -MMD -MP -MF $@.d -o $@ $< $(tool_rooms) $(LIBS)

# The whole of lorabuild but with a trainer whose weights can be read: tests/histories/README.md.
$(BUILD)/histories: $(wildcard tests/histories/*.[ch]) $(reversed)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(ALL_FLAGS) -o $@ $(filter %.c,$^) $(reversed) $(LIBS)

units: $(TESTS)
tools: $(TOOLS)
histories: $(BUILD)/histories
	@$(BUILD)/histories $(FIRST) $(COUNT)
test-units: $(TESTS)
	@for t in $(TESTS); do echo "$$t"; $(TEST_RUNNER) "$$t" || exit 1; done

# Order of includes, format, and what cannot be seen by a compiler.
check:
	@sh scripts/check-includes.sh $(ROOMS)
	@clang-format --dry-run -Werror $(wildcard $(addsuffix /*.[ch],$(ROOMS)) \
	    $(addsuffix /cpu/*.[ch],$(ROOMS)) lorabuild/main.c tests/unit/*/*.[ch] tests/*/*.[ch] tests/oracle/tools/*.c)
	@echo "check: includes and format are in order"

bench: all $(TOOLS)
	@LORABUILD=$(BUILD)/lorabuild BUILD=$(BUILD) sh tests/bench/run.sh

install: all
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/man/man1" \
	    "$(DESTDIR)$(PREFIX)/share/man/man5"
	install -m 755 $(BUILD)/lorabuild "$(DESTDIR)$(PREFIX)/bin/lorabuild"
	install -m 644 docs/lorabuild.1 "$(DESTDIR)$(PREFIX)/share/man/man1/lorabuild.1"
	install -m 644 docs/lorabuild.yaml.5 "$(DESTDIR)$(PREFIX)/share/man/man5/lorabuild.yaml.5"

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all units tools histories test-units check bench install clean
.SECONDARY:
