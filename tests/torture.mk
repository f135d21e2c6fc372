# torture.mk - the long campaigns: each is a test of `make test` with more of everything (OUTBOXD_EXTENT, tests/lib/tally.h).
#
#   make kill-syscalls          kill -9 in front of every system call
#   make power-cuts CUTS=200    the power goes under ext4, a quarter as often under xfs; SEED=n repeats. Needs root and loop devices
#   make fuzz SECONDS=300       each fuzz target so long, with clang's libFuzzer, ASan and UBSan; findings stay in build-fuzz/found
#   make valgrind               a sample of the tests under valgrind
#   make torture                all of it, hours; TORTURE=slice: ten minutes. Ends in a table, also in build/torture.txt.
#                               CAMPAIGNS='kill|simulator' chooses, in the environment; FUZZ_SECONDS=60 is shorter

.PHONY: kill-syscalls power-cuts fuzz valgrind torture
NO_BUILD += kill-syscalls power-cuts fuzz valgrind torture

kill-syscalls:
	@CC='$(CC)' sh packaging/need-packages.sh build test
	@+$(BUILDING) $(BUILD)/outboxd $(BUILD)/fakegw $(BUILD)/tests/crash/test_kill_syscalls
	@OUTBOXD_EXTENT=whole $(BUILD)/tests/crash/test_kill_syscalls

# The disk is tried first, and at the end daemons that do not sync, in which violations must be found (so many cuts at most).
CUTS ?= 200
CONTROL_CUTS ?= 80
power-cuts:
	@CC='$(CC)' sh packaging/need-packages.sh build test power
	@+$(BUILDING) $(BUILD)/outboxd $(BUILD)/fakegw $(BUILD)/tests/crash/test_power_disk $(BUILD)/tests/crash/test_power_answers \
		$(BUILD)/tests/crash/test_power_cuts
	@$(BUILD)/tests/crash/test_power_disk
	@$(BUILD)/tests/crash/test_power_answers
	@$(if $(SEED),OUTBOXD_SEED=$(SEED)) OUTBOXD_CUTS=$(CUTS) $(BUILD)/tests/crash/test_power_cuts
	@MAKE='$(MAKE)' sh tests/crash/power-control.sh $(BUILD) $(CONTROL_CUTS)

# The corpora only grow by hand: what a run finds interesting goes to build-fuzz/corpus.
SECONDS ?= 60
FUZZ_BUILD = build-fuzz
fuzz:
	@CC=clang sh packaging/need-packages.sh build test
	@CC=clang sh packaging/need-packages.sh sanitize
	@+$(BUILDING) CC=clang SANITIZE=1 BUILD=$(FUZZ_BUILD) CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz-targets
	@sh tests/fuzz/fuzz.sh $(FUZZ_BUILD) $(SECONDS) $(FUZZ)

# Not the sanitizers' build: valgrind wants plain code. What is quick, and one daemon's life.
VALGRIND_SAMPLE = unit/test_reply unit/test_profile unit/test_config unit/test_policy unit/test_key fuzz/replay_intake fuzz/replay_verdict
valgrind:
	@CC='$(CC)' sh packaging/need-packages.sh build test
	@command -v valgrind >/dev/null || { echo 'valgrind is not here' >&2; exit 1; }
	@+$(BUILDING) BUILD=build-valgrind CFLAGS='-O1 -g' build-valgrind/outboxd build-valgrind/fakegw \
		$(VALGRIND_SAMPLE:%=build-valgrind/tests/%) build-valgrind/tests/e2e/test_outboxd_fetch
	@sh tests/valgrind.sh build-valgrind $(VALGRIND_SAMPLE)

torture:
	@MAKE='$(MAKE)' BUILD='$(BUILD)' sh tests/torture.sh $(or $(TORTURE),whole)
