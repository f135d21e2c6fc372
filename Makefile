# outboxd. `make` builds build/outboxd; `make demo` and `make test` do everything they need, installing packages too.
#
#   make                 build/outboxd
#   make test            every test; ends with "N passed, N failed"
#   make kill-campaign   KILLS=2000: kill -9 at random moments, while an app sells and gateways fail
#   make demo            a shop, the daemon and a gateway on this machine
#   make bench           what it costs, beside the same work with nothing around it
#   make fixture         what this version leaves behind, for the tests of the next (tests/upgrade)
#   make install         DESTDIR= PREFIX=/usr/local SYSCONFDIR=/etc; uninstall takes away what it put there
#   make deb rpm         packages, into build/deb and build/rpm
#   make build/tests/unit/test_key    one test
#   make format lint clean packages
#
# Variables: CC=clang, SANITIZE=1 (into build-asan), WERROR=1, V=1, BUILD=dir. CFLAGS, CPPFLAGS and LDFLAGS are the
# packager's and come after ours.

VERSION = 0.2.0

PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
BINDIR = $(PREFIX)/bin
SHAREDIR = $(PREFIX)/share/outboxd

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
SANITIZE ?=
BUILD ?= $(if $(SANITIZE),build-asan,build)
# Warnings stop the build where a machine looks at them, not at a packager's newer compiler.
WERROR ?= $(if $(CI),1,)
V ?=

MODULES = sqlite3 libcurl libcjson libconfig libcrypto

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all test check bench demo packages install uninstall clean format lint deb rpm
all: $(BUILD)/outboxd

# --- What this compiler accepts (packaging/probe.sh), once per build directory and compiler -----------------------

NO_BUILD = test mutants fixture bench demo kill-campaign packages clean format lint uninstall deb rpm
# The long campaigns.
include tests/torture.mk
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
empty :=
CONFIG := $(BUILD)/config-$(subst /,_,$(subst $(empty) $(empty),_,$(CC))).mk
ifneq ($(shell test $(CONFIG) -nt packaging/probe.sh && echo fresh),fresh)
ifneq ($(shell sh packaging/probe.sh '$(CC)' $(CONFIG) $(MODULES) >&2 && echo done),done)
$(error stopped)
endif
endif
include $(CONFIG)
endif

# --- Flags --------------------------------------------------------------------------------------------------------

WARNINGS = $(PROBED_WARNINGS) $(if $(WERROR),-Werror)
ifneq ($(SANITIZE),)
HARDENING = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LINKING = -fsanitize=address,undefined
else
# The packager's own word on fortification wins; without optimisation it cannot work.
FORTIFY = $(if $(findstring _FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS))$(filter -O0,$(CFLAGS)),,\
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARDENING = $(PROBED_HARDENING) -fPIE
LINKING = -pie $(PROBED_LINKING)
endif
DEFINES = -D_GNU_SOURCE -DOUTBOXD_VERSION='"$(VERSION)"' -DOUTBOXD_PROFILES_DIR='"$(SHAREDIR)/profiles"'

# Asserts stay on: a bug dies. (-UNDEBUG against a packager's habit.)
COMPILE = $(CC) -std=c11 -Isrc $(INCLUDES) -I$(BUILD)/generated $(DEFINES) $(PROBED_CFLAGS) $(FORTIFY) $(CPPFLAGS) -UNDEBUG \
	$(WARNINGS) $(if $(SANITIZE),$(CFLAGS) $(HARDENING),$(HARDENING) $(CFLAGS)) -MMD -MP
LINK = $(CC) $(HARDENING) $(CFLAGS) $(LINKING) $(LDFLAGS)
LIBS = $(PROBED_LIBS) -lm
TEST_LIBS = -lcmocka -lmicrohttpd -lssl -lpthread

ifeq ($(V),)
Q = @
say = @printf '%-4s %s\n' $(1) $(2);
endif

# --- Sources ------------------------------------------------------------------------------------------------------

CORE_SRC = $(sort $(wildcard src/core/*.c))
REST_SRC = $(sort $(filter-out src/main.c $(CORE_SRC),$(wildcard src/*.c src/*/*.c)))
TEST_LIB_SRC = $(sort $(wildcard tests/lib/*.c))
# What is quick comes first.
TEST_SRC = $(foreach d,unit store wire agent upgrade sim crash e2e,$(sort $(wildcard tests/$(d)/test_*.c)))
SCHEMA = $(sort $(wildcard schema/migrations/*.sql)) schema/code.sql schema/statements.sql

CORE_OBJ = $(CORE_SRC:%.c=$(BUILD)/%.o)
REST_OBJ = $(REST_SRC:%.c=$(BUILD)/%.o) $(if $(wildcard schema/statements.sql),$(BUILD)/generated/schema_sql.o)
TEST_LIB_OBJ = $(TEST_LIB_SRC:%.c=$(BUILD)/%.o)
TEST_BIN = $(TEST_SRC:%.c=$(BUILD)/%)
# Fuzz targets: their corpora are replayed by `make test`, without libFuzzer (tests/fuzz/replay.c).
FUZZ = $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TEST_BIN += $(FUZZ:%=$(BUILD)/tests/fuzz/replay_%)
# Other programs that tests start.
TEST_TOOLS =

# A file whose time moves only when its text does: what depends on it follows changed flags and deleted sources.
stamp = $(if $(call differ,x$(file <$(1))x,x: $(2)x),$(shell mkdir -p $(dir $(1)))$(file >$(1),: $(2)))
differ = $(subst $(1),,$(2))$(subst $(2),,$(1))
ifdef CONFIG
$(call stamp,$(BUILD)/flags,$(strip $(COMPILE) $(LINK) $(LIBS)))
$(call stamp,$(BUILD)/core-sources,$(CORE_SRC))
$(call stamp,$(BUILD)/rest-sources,$(REST_SRC))
$(call stamp,$(BUILD)/test-sources,$(TEST_LIB_SRC))
$(call stamp,$(BUILD)/schema-sources,$(SCHEMA))
endif

# --- Building -----------------------------------------------------------------------------------------------------

# Two rings of archives: a unit test of the core links with the core alone, which proves that the core needs no edge.
$(BUILD)/libcore.a: $(CORE_OBJ) $(BUILD)/core-sources
$(BUILD)/liboutboxd.a: $(REST_OBJ) $(BUILD)/rest-sources
$(BUILD)/libtest.a: $(TEST_LIB_OBJ) $(BUILD)/test-sources
$(BUILD)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@.new && $(AR) rcs $@.new $(filter %.o,$^) && mv -f $@.new $@

$(BUILD)/outboxd: $(BUILD)/src/main.o $(BUILD)/liboutboxd.a $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(BUILD)/tests/%.o: INCLUDES = -Itests
$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/generated/schema_sql.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(dir $@) && $(COMPILE) -c -o $@ $<

$(BUILD)/generated/%.o: $(BUILD)/generated/%.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)$(COMPILE) -c -o $@ $<

$(BUILD)/generated/schema_sql.c: $(BUILD)/generated/schema_sql.h
$(BUILD)/generated/schema_sql.h: schema/embed.sh $(wildcard $(SCHEMA)) $(BUILD)/schema-sources
	$(call say,SQL,$@)
	$(Q)sh schema/embed.sh schema $(dir $@)

CORE_TEST_BIN = $(filter $(CORE_SRC:src/core/%.c=$(BUILD)/tests/unit/test_%),$(TEST_BIN))
$(CORE_TEST_BIN): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libtest.a $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS) $(TEST_LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libtest.a $(BUILD)/liboutboxd.a $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS) $(TEST_LIBS)

FUZZ_PARTS = $(BUILD)/tests/fuzz/fuzzing.o $(BUILD)/libtest.a $(BUILD)/liboutboxd.a $(BUILD)/libcore.a
$(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(FUZZ_PARTS)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS) $(TEST_LIBS)
# Only with clang, see "make fuzz".
.PHONY: fuzz-targets
fuzz-targets: $(FUZZ:%=$(BUILD)/tests/fuzz/fuzz_%)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_PARTS)
	$(call say,LD,$@)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $(filter %.o %.a,$^) $(LIBS) $(TEST_LIBS)

ifdef CONFIG
-include $(wildcard $(BUILD)/src/*.d $(BUILD)/src/*/*.d $(BUILD)/tests/*/*.d $(BUILD)/generated/*.d)
endif

# --- The fake gateway (tests/gateway): what the end-to-end tests and the demo talk to ------------------------------

FAKEGW_OBJ = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/gateway/*.c)))
$(BUILD)/fakegw: $(FAKEGW_OBJ)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) -lmicrohttpd -lcjson -lcrypto -lpthread
TEST_TOOLS += $(BUILD)/fakegw

# --- The simulator (tests/sim): the real agent, core and store in a made world ------------------------------------

# Its objects stand before the archives: what they define (wire, watch, clock, log) replaces the archives' members; a few
# calls are replaced one by one.
SIM_BIN = $(patsubst %.c,$(BUILD)/%,tests/sim/sim.c $(sort $(wildcard tests/sim/test_*.c)))
SIM_OBJ = $(filter-out $(SIM_BIN:=.o),$(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/sim/*.c))))
SIM_WRAP = $(foreach f,malloc calloc realloc strdup strndup stat realpath config_free witness_read witness_write \
	witness_place witness_note,-Wl,--wrap=$(f))
$(SIM_BIN): $(BUILD)/%: $(BUILD)/%.o $(SIM_OBJ) $(BUILD)/libtest.a $(BUILD)/liboutboxd.a $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(LINK) $(SIM_WRAP) -o $@ $(filter %.o %.a,$^) $(LIBS) $(TEST_LIBS)

# SEEDS=100000 says how many; build/tests/sim/sim --seed N --verbose shows one.
SEEDS ?= 100000
.PHONY: sim
sim:
	@+$(BUILDING) $(BUILD)/tests/sim/sim
	@$(BUILD)/tests/sim/sim --seeds $(SEEDS) --progress

# Are the tests worth anything? Seeded bugs, and the tests that must catch them. MUTANTS="name name" chooses.
MUTANTS ?=
.PHONY: mutants
mutants:
	@sh tests/mutants/run.sh $(MUTANTS)

# --- The next version (tests/upgrade): this one, and a migration more -----------------------------------------------

# The migration is numbered after ours, whatever ours are. Its SQL replaces the archive's, which stands behind it.
NEXT = $(BUILD)/tests/upgrade/next
$(NEXT)/schema_sql.c: tests/upgrade/next.sh $(wildcard tests/upgrade/next/*.sql) schema/embed.sh $(wildcard $(SCHEMA)) $(BUILD)/schema-sources
	$(call say,SQL,$@)
	$(Q)sh tests/upgrade/next.sh $(NEXT)
$(NEXT)/schema_sql.o: $(NEXT)/schema_sql.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)$(COMPILE) -c -o $@ $<
$(BUILD)/tests/upgrade/outboxd-next: $(BUILD)/src/main.o $(NEXT)/schema_sql.o $(BUILD)/liboutboxd.a $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)
TEST_TOOLS += $(BUILD)/tests/upgrade/outboxd-next

# What this version leaves behind, for the versions to come: once, before a release that changed the schema.
.PHONY: fixture
fixture:
	@+$(BUILDING) $(BUILD)/outboxd $(TEST_TOOLS) $(BUILD)/tests/upgrade/write_fixture
	@$(BUILD)/tests/upgrade/write_fixture tests/upgrade

# What a transaction may cost in instructions (tests/e2e/test_instructions).
TEST_TOOLS += $(BUILD)/bench

# --- The two commands ---------------------------------------------------------------------------------------------

# A make of its own, because what it reads first (the probe) needs the packages; on all processors unless told.
BUILDING = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2) -O)

packages:
	@CC='$(CC)' sh packaging/need-packages.sh build test demo

test:
	@CC='$(CC)' sh packaging/need-packages.sh build test count
	@$(if $(SANITIZE),CC='$(CC)' sh packaging/need-packages.sh sanitize,:)
	@+$(BUILDING) $(BUILD)/outboxd $(TEST_BIN) $(TEST_TOOLS)
	@+$(MAKE) --no-print-directory check

# Not under -O, which would keep each test's line back until the last test has ended.
check: $(BUILD)/outboxd $(TEST_BIN) $(TEST_TOOLS)
	@sh tests/run.sh $(BUILD) $(TEST_BIN)

demo:
	@CC='$(CC)' sh packaging/need-packages.sh build demo
	@+$(BUILDING) $(BUILD)/outboxd $(TEST_TOOLS)
	@sh tests/demo/demo.sh $(BUILD)

# --- Benchmarks (tests/bench) --------------------------------------------------------------------------------------

# BENCH="drain tls" chooses, BENCH_FLAGS="--quick --json" says how; build/bench without arguments lists both.
BENCH ?= all
BENCH_FLAGS ?=
BENCH_OBJ = $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/bench/slowsync.c,$(sort $(wildcard tests/bench/*.c))))

bench:
	@CC='$(CC)' sh packaging/need-packages.sh build bench
	@+$(BUILDING) $(BUILD)/outboxd $(BUILD)/bench $(BUILD)/bench-slowsync.so
	@$(BUILD)/bench $(BENCH) $(BENCH_FLAGS)

$(BUILD)/bench: $(BENCH_OBJ) $(BUILD)/liboutboxd.a $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(LIBS)

$(BUILD)/bench-slowsync.so: tests/bench/slowsync.c $(BUILD)/flags
	$(call say,CC,$@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -fPIC -shared -o $@ $< -ldl

# --- Long runs of what "make test" does briefly ---------------------------------------------------------------------

KILLS ?= 2000
SEED ?=
.PHONY: kill-campaign
kill-campaign:
	@CC='$(CC)' sh packaging/need-packages.sh build test
	@+$(BUILDING) $(BUILD)/outboxd $(TEST_TOOLS) $(BUILD)/tests/crash/test_kills
	@OUTBOXD_KILLS=$(KILLS) OUTBOXD_SEED=$(SEED) $(BUILD)/tests/crash/test_kills

# --- Installing ---------------------------------------------------------------------------------------------------

# What stands beside the program: profiles, manual, units, completion. UNITDIR= (empty) leaves the systemd unit out.
UNITDIR = $(PREFIX)/lib/systemd/system
INSTALL ?= install
INSTALL_FILES = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' \
	sh packaging/install-files.sh

install: $(BUILD)/outboxd
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 755 $(BUILD)/outboxd '$(DESTDIR)$(BINDIR)/outboxd'
	$(INSTALL_FILES) install

# Only what install put there; the merchant's own profiles, configuration and database stay.
uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/outboxd'
	$(INSTALL_FILES) uninstall

deb:
	@CC='$(CC)' sh packaging/need-packages.sh build deb
	@sh packaging/deb.sh $(BUILD) $(VERSION)

rpm:
	@CC='$(CC)' sh packaging/need-packages.sh build rpm
	@sh packaging/rpm.sh $(BUILD) $(VERSION)

clean:
	rm -rf build build-*

# --- Looks --------------------------------------------------------------------------------------------------------

C_FILES = $(wildcard src/*.[ch] src/*/*.[ch] tests/*/*.[ch])

format:
	clang-format -i $(C_FILES)

lint:
	@if command -v clang-format >/dev/null; then clang-format --dry-run -Werror $(C_FILES); else echo 'no clang-format'; fi
	@if command -v cppcheck >/dev/null; then \
		cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -Isrc src; \
	else echo 'no cppcheck'; fi
